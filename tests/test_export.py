from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dataengine import tables
from dataengine.bake import bake_shard
from dataengine.errors import ConfigError, DataEngineError, ShardError
from dataengine.export import ExportStats, export_ram_json, to_ram_item
from dataengine.parsers.cleaning import ram_caption
from dataengine.records import CaptionRecord, TagClaim
from dataengine.sources import SOURCES
from dataengine.sources.base import SourceOptions
from dataengine.vocab import Vocabulary
from tests.small_root import (
    DOG,
    RED,
    SOFA,
    VOCABULARY,
    add_member,
    draw,
    jpeg,
    make_root,
    record,
    text,
    write_images,
    write_plan,
)


def bake(root: Path, records: list[CaptionRecord], vocabulary: dict[str, str] = VOCABULARY) -> None:
    """Bake a root of one shard, in which every record was fetched."""
    write_plan(root, vocabulary=vocabulary)
    tables.write_records(records, str(root / "records" / "00000.parquet"))
    pictures: dict[str, bytes | str] = {item.uid: jpeg(draw(index)) for index, item in enumerate(records)}
    write_images(root, 0, pictures, records)
    bake_shard(str(root), 0)


def test_the_authors_list(tmp_path: Path) -> None:
    root, output = tmp_path / "root", tmp_path / "out" / "ram.json"
    make_root(root)
    for shard_id in (0, 1):
        bake_shard(str(root), shard_id)
    stats = export_ram_json(str(root), str(output))
    assert stats == ExportStats(num_images=4, num_texts=8)
    items = json.loads(output.read_bytes())
    first = sorted(record(number).uid for number in range(3))
    assert [item["image_path"] for item in items] == [
        *(f"00000/{uid}.jpg" for uid in first),
        f"00001/{record(4).uid}.jpg",
    ]
    assert items[0] == {
        "image_path": f"00000/{first[0]}.jpg",
        "caption": ["a dog.", "a red sofa"],
        "parse_label_id": [[DOG], [RED, SOFA]],
        "union_label_id": [DOG, RED, SOFA],
    }
    assert sorted(path.name for path in output.parent.iterdir()) == ["ram.json"]


def test_pictures_are_written_beside_it(tmp_path: Path) -> None:
    bake(tmp_path / "root", [record(number) for number in range(2)])
    export_ram_json(str(tmp_path / "root"), str(tmp_path / "ram.json"), images_dir=str(tmp_path / "images"))
    items = json.loads((tmp_path / "ram.json").read_bytes())
    written = {path.relative_to(tmp_path / "images").as_posix() for path in (tmp_path / "images").rglob("*.jpg")}
    assert {item["image_path"] for item in items} == written
    assert (tmp_path / "images" / "00000" / f"{record(1).uid}.jpg").read_bytes() == jpeg(draw(1))


def test_what_their_loader_cannot_take_is_left_out_and_counted(tmp_path: Path) -> None:
    textless = record(0, texts=[], regions=[], tags=[TagClaim(id=DOG, by=["labels"])])
    tagless = record(1, texts=[text("nothing of the list")], regions=[], tags=[])
    negative = record(2, negatives="listed", tags=[*record().tags, TagClaim(id=9, state=-1, by=["labels"])])
    bake(tmp_path / "root", [textless, tagless, negative])
    stats = export_ram_json(str(tmp_path / "root"), str(tmp_path / "ram.json"))
    assert stats == ExportStats(num_images=2, num_texts=3, num_without_text=1, num_without_tag=1)
    unions = {item["image_path"]: item["union_label_id"] for item in json.loads((tmp_path / "ram.json").read_bytes())}
    assert unions == {f"00000/{tagless.uid}.jpg": [], f"00000/{negative.uid}.jpg": [DOG, RED, SOFA]}


def test_captions_in_any_script(tmp_path: Path) -> None:
    bake(tmp_path / "root", [record(0, texts=[text('Ein "Hund"\n狗 🐕', [DOG])], regions=[], tags=record().tags[:1])])
    export_ram_json(str(tmp_path / "root"), str(tmp_path / "ram.json"))
    assert json.loads((tmp_path / "ram.json").read_text("utf-8"))[0]["caption"] == ['ein "hund"\n狗 🐕']


def test_nothing_to_export_is_an_empty_list(tmp_path: Path) -> None:
    bake(tmp_path / "root", [record(0, texts=[], regions=[])])
    export_ram_json(str(tmp_path / "root"), str(tmp_path / "ram.json"))
    assert json.loads((tmp_path / "ram.json").read_bytes()) == []


class Vocab:
    """A vocabulary in which tag 0 is a twin of DOG."""

    sha256 = VOCABULARY["sha256"]

    def twins(self, tag_id: int) -> tuple[int, ...]:
        return (0, DOG) if tag_id == DOG else (tag_id,)


def test_twins_are_listed_on_demand(tmp_path: Path) -> None:
    bake(tmp_path / "root", [record(0)])
    export_ram_json(str(tmp_path / "root"), str(tmp_path / "ram.json"), twins_of=Vocab())
    (item,) = json.loads((tmp_path / "ram.json").read_bytes())
    assert (item["parse_label_id"], item["union_label_id"]) == ([[0, DOG], [RED, SOFA]], [0, DOG, RED, SOFA])


def test_twins_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    bake(tmp_path / "root", [record(0)])
    other = Vocab()
    other.sha256 = "00" * 32
    with pytest.raises(ConfigError, match="has tags of 'colours'"):
        export_ram_json(str(tmp_path / "root"), str(tmp_path / "ram.json"), twins_of=other)


def test_dropped_texts_and_tags_of_any_shard_stay_out() -> None:
    triplet: dict[str, Any] = {
        "texts": [{"text": "a", "tags": [1], "drop": "bad"}, {"text": "b", "tags": [2], "drop": None}],
        "tags": [{"id": 1, "state": 1, "drop": "bad"}, {"id": 2, "state": 1, "drop": None}],
    }
    assert to_ram_item(triplet, "x.jpg") == {
        "image_path": "x.jpg",
        "caption": ["b"],
        "parse_label_id": [[2]],
        "union_label_id": [2],
    }


@pytest.mark.parametrize(
    "members",
    [
        {"a/b.jpg": b"x", "a/b.json": b'{"texts": [], "tags": []}'},  # would write outside its shard's folder
        {"a.jpg": b"x", "a.json": b'{"caption": "no triplet"}'},
        {"a.json": b'{"texts": [], "tags": []}'},
        {"a.jpg": b"x", "a.json": b"no json"},
    ],
)
def test_a_broken_shard_leaves_no_output(tmp_path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(tmp_path / "1.tar", "w") as tar:
        for name, data in members.items():
            add_member(tar, name, data)
    with pytest.raises(ShardError, match=r"1\.tar: sample"):
        export_ram_json(str(tmp_path / "1.tar"), str(tmp_path / "ram.json"), images_dir=str(tmp_path / "images"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.tar"]


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    bake(tmp_path / "root", [record(0)])
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataEngineError, match="cannot write"):
        export_ram_json(str(tmp_path / "root"), str(tmp_path))  # a folder
    with pytest.raises(DataEngineError, match="cannot write"):
        export_ram_json(str(tmp_path / "root"), str(tmp_path / "file" / "ram.json"))
    with pytest.raises(DataEngineError, match="cannot write"):
        export_ram_json(str(tmp_path / "root"), str(tmp_path / "ram.json"), images_dir=str(tmp_path / "file"))


@pytest.mark.parametrize("with_twins", [False, True])
def test_what_is_exported_is_imported(tmp_path: Path, with_twins: bool) -> None:
    """The `ram_json` source, joined to the rows that the shards were made of, gives the shards' tags back."""
    vocab = Vocabulary.load()
    twin = next(tag.id for tag in vocab if vocab.canonical(tag.id) != tag.id)
    rows = {"A dog, on a sofa!": [vocab.id_of("dog"), vocab.canonical(twin)], "two red boats": [vocab.id_of("red")]}
    lines = (f"{caption}\thttp://images.example/{index}.jpg\n" for index, caption in enumerate(rows))
    (tmp_path / "Train_GCC-training.tsv").write_text("".join(lines))
    records = list(SOURCES["cc3m"](SourceOptions(annotations_dir=str(tmp_path))).records())
    for item, tags in zip(records, rows.values(), strict=True):
        assert isinstance(item, CaptionRecord)
        item.texts[0].text, item.texts[0].tags = ram_caption(item.texts[0].original), sorted(tags)
        item.tags = [TagClaim(id=tag_id, by=["parse:0"]) for tag_id in sorted(tags)]
    kept = [item for item in records if isinstance(item, CaptionRecord)]
    bake(tmp_path / "root", kept, {"name": vocab.name, "sha256": vocab.sha256})
    twins_of = vocab if with_twins else None
    export_ram_json(str(tmp_path / "root"), str(tmp_path / "ram.json"), twins_of=twins_of)
    options = SourceOptions(annotations_dir=str(tmp_path), ram_json=str(tmp_path / "ram.json"), join="cc3m")
    imported = {item.uid: item for item in SOURCES["ram_json"](options).records()}
    assert imported.keys() == {item.uid for item in kept}
    for item in kept:
        assert [tag.id for tag in imported[item.uid].tags] == [tag.id for tag in item.tags]
        assert imported[item.uid].texts == []  # no caption that the source does not have
