"""The plan over small annotation files: merging, filters, counts that add up, pins, and the relaunch that does nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dataengine import io
from dataengine.errors import AnnotationsError, ConfigError, ShardError, StorageError, UnknownComponentError
from dataengine.filters import filter_states
from dataengine.plan import REJECTED_FILE, plan, read_plan
from dataengine.planning import PlanOptions
from dataengine.records import CaptionRecord
from dataengine.shard_vocabulary import find_vocabulary
from dataengine.sources import SourceOptions
from dataengine.stage import Stage, run_in_process
from dataengine.staging import PlanDatabase
from dataengine.tables import read_records

SENTENCES = ("a dog sitting on a couch", "two cats sleep near a table", "a red bus on the road")


def coco_file(ids: range) -> dict[str, Any]:
    images = [
        {
            "id": i, "file_name": f"COCO_train2014_{i:012d}.jpg", "width": 640, "height": 480, "license": 3,
            "coco_url": f"http://images.cocodataset.org/train2014/COCO_train2014_{i:012d}.jpg",
            "flickr_url": f"http://farm1.staticflickr.com/1/{90000 + i}_ab_z.jpg",
        }
        for i in ids
    ]  # fmt: skip
    annotations = [{"id": 10 * i + k, "image_id": i, "caption": SENTENCES[k]} for i in ids for k in range(2)]
    return {"images": images, "annotations": annotations}


@pytest.fixture
def annotations_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "annotations"
    folder.mkdir()
    (folder / "captions_train2014.json").write_text(json.dumps(coco_file(range(1, 6))))
    rows = [("a man riding a horse", f"http://example.com/{i}.jpg") for i in range(4)]
    rows += [("photo not available here", f"http://example.com/many/{i}.jpg") for i in range(11)]
    rows += [("two", "http://example.com/short.jpg"), ("", "http://example.com/none.jpg")]
    (folder / "Train_GCC-training.tsv").write_text("".join(f"{caption}\t{url}\n" for caption, url in rows))
    return folder


@pytest.fixture
def options(annotations_dir: Path) -> PlanOptions:
    return PlanOptions(
        sources=("cc3m", "coco"), source_options=SourceOptions(annotations_dir=str(annotations_dir)), shard_size=4
    )


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "root")


def all_records(root: str) -> dict[str, tuple[int, CaptionRecord]]:
    names = io.list_files(io.join(root, "records"), ".parquet")
    return {
        record.uid: (int(name[:5]), record) for name in names for record in read_records(io.join(root, "records", name))
    }


def test_counts_add_up(root: str, options: PlanOptions) -> None:
    content = plan(root, options, run_in_process)
    for tally in content["sources"].values():
        merged = sum(tally["merged"].values())
        assert tally["images_read"] == tally["images_kept"] + sum(tally["dropped_images"].values()) + merged
        assert tally["texts_read"] == tally["texts_kept"] + sum(tally["dropped_texts"].values())
    assert content["sources"]["coco"]["images_kept"] == 5
    assert content["sources"]["cc3m"]["dropped_images"] == {"no_text": 12}
    assert content["sources"]["cc3m"]["dropped_texts"] == {"repeated_caption": 11, "too_few_words": 1}
    assert content["sources"]["cc3m"]["rejected_rows"] == {"empty_caption": 1}
    assert content["num_images"] == 9
    assert read_plan(root) == json.loads(json.dumps(content))


def test_records_carry_tags_and_who_claims_them(root: str, options: PlanOptions) -> None:
    plan(root, options, run_in_process)
    records = [record for _, record in all_records(root).values() if record.dataset == "coco"]
    assert len(records) == 5
    for record in records:
        assert [text.original for text in record.texts] == list(SENTENCES[:2])
        assert record.pinned
        assert record.drop is None
        by = {claim.id: claim.by for claim in record.tags}
        assert by[1363] == ["parse:0"]
        assert by[1141] == ["parse:0"]
        assert list(by) == sorted(by)


def test_rejected_rows_are_kept_with_their_place(root: str, options: PlanOptions) -> None:
    plan(root, options, run_in_process)
    rows = [json.loads(line) for line in io.read_bytes(io.join(root, REJECTED_FILE)).splitlines()]
    assert [(row["source"], row["reason"]) for row in rows] == [("cc3m", "empty_caption")]
    assert "17" in rows[0]["where"]


def test_a_relaunch_changes_nothing(root: str, options: PlanOptions) -> None:
    plan(root, options, run_in_process)
    before = {name: io.read_bytes(io.join(root, "records", name)) for name in io.list_files(io.join(root, "records"))}

    def refuse(stage: Stage, units: Sequence[int]) -> Any:
        raise AssertionError("the plan was up to date and ran again")

    plan(root, options, refuse)
    plan(root, options, run_in_process, replan=True)
    after = {name: io.read_bytes(io.join(root, "records", name)) for name in io.list_files(io.join(root, "records"))}
    assert before == after


def test_two_roots_get_equal_bytes(root: str, tmp_path: Path, options: PlanOptions) -> None:
    plan(root, options, run_in_process)
    plan(str(tmp_path / "other"), options, run_in_process)
    for name in [*(f"records/{name}" for name in io.list_files(io.join(root, "records"))), "plan.json"]:
        assert io.read_bytes(io.join(root, name)) == io.read_bytes(str(tmp_path / "other" / name))


def test_a_later_plan_keeps_shards_and_appends(root: str, options: PlanOptions, annotations_dir: Path) -> None:
    plan(root, replace(options, sources=("cc3m",)), run_in_process)
    before = {uid: shard for uid, (shard, _) in all_records(root).items()}
    plan(root, options, run_in_process)
    after = all_records(root)
    assert {uid: after[uid][0] for uid in before} == before
    assert all(shard > max(before.values()) for shard, record in after.values() if record.dataset == "coco")


def test_what_a_later_plan_drops_is_marked(root: str, options: PlanOptions) -> None:
    plan(root, options, run_in_process)
    content = plan(root, replace(options, sources=("coco",)), run_in_process)
    records = [record for _, record in all_records(root).values()]
    assert {record.drop for record in records if record.dataset == "cc3m"} == {"not_in_plan"}
    assert content["sources"]["cc3m"]["dropped_images"] == {"not_in_plan": 4}
    again = plan(root, replace(options, sources=("coco",)), run_in_process, replan=True)
    assert again["sources"] == content["sources"]


def test_images_kept_after_their_shard_is_fetched_move_to_a_new_one(root: str, options: PlanOptions) -> None:
    options = replace(options, sources=("cc3m",), shard_size=100)
    plan(root, options, run_in_process)
    io.commit_bytes(b"{}", io.join(root, "images", "00000_stats.json"))
    loose = replace(options, filters=filter_states(off=["repeated_caption", "no_tag"]))
    plan(root, loose, run_in_process)
    records = all_records(root)
    moved = [record for shard, record in records.values() if shard == 1]
    assert len(moved) == 11
    assert {record.texts[0].original for record in moved} == {"photo not available here"}
    assert all(record.pinned for record in moved)
    plan(root, loose, run_in_process, replan=True)
    assert {uid: shard for uid, (shard, _) in all_records(root).items()} == {u: s for u, (s, _) in records.items()}


def test_what_is_dropped_before_its_shard_is_fetched_is_fetched_when_it_comes_back(
    root: str, options: PlanOptions
) -> None:
    loose = replace(
        options, sources=("cc3m",), shard_size=100, filters=filter_states(off=["repeated_caption", "no_tag"])
    )
    plan(root, loose, run_in_process)
    plan(root, replace(loose, filters=filter_states()), run_in_process)
    dropped = {uid for uid, (_, record) in all_records(root).items() if record.drop is not None}
    assert len(dropped) == 12
    io.commit_bytes(b"{}", io.join(root, "images", "00000_stats.json"))
    plan(root, loose, run_in_process)
    asked_for = {uid for uid, (shard, record) in all_records(root).items() if shard == 1 and record.pinned}
    assert len(asked_for) == 11
    assert asked_for < dropped


def test_a_plan_that_was_killed_counts_for_nothing(root: str, tmp_path: Path, options: PlanOptions) -> None:
    def die(stage: Stage, units: Sequence[int]) -> Any:
        run_in_process(stage, units[-1:])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan(root, replace(options, shard_size=2), die)
    assert len(io.list_files(io.join(root, "records"))) == 1
    assert read_plan(root) is None
    content = plan(root, options, run_in_process)
    assert content == plan(str(tmp_path / "other"), options, run_in_process)
    assert io.list_files(io.join(root, "records")) == io.list_files(str(tmp_path / "other" / "records"))
    with pytest.raises(KeyboardInterrupt):
        plan(root, replace(options, parser="graph"), die)
    plan(root, options, run_in_process)
    assert {text.graph for _, record in all_records(root).values() for text in record.texts} == {None}


@pytest.mark.parametrize("content", [b'{"fingerprint": "x",', b"[]", b'"x"', b"7", b"{}", b"\xff", b""])
def test_a_broken_plan_is_named(root: str, content: bytes) -> None:
    io.commit_bytes(content, io.join(root, "plan.json"))
    with pytest.raises(ConfigError, match=r"plan\.json is no plan: .* run `dataengine plan` again"):
        read_plan(root)


def test_broken_records_are_named(root: str, options: PlanOptions) -> None:
    plan(root, options, run_in_process)
    io.commit_bytes(b"junk", io.join(root, "records", "00001.parquet"))
    with pytest.raises(
        ShardError, match=r"00001\.parquet is not a parquet file.*; remove .*00001\.parquet and plan again"
    ):
        plan(root, options, run_in_process, replan=True)
    assert read_plan(root) is not None


def test_files_of_other_names_are_not_shards(root: str, options: PlanOptions) -> None:
    content = plan(root, options, run_in_process)
    for name in ("records/notes.parquet", "images/notes_stats.json"):
        io.commit_bytes(b"junk", io.join(root, name))
    assert plan(root, options, run_in_process, replan=True) == content


def test_a_full_scratch_disk_is_named(root: str, options: PlanOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(database: PlanDatabase) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(PlanDatabase, "resolve", fail)
    with pytest.raises(StorageError, match=r"scratch database in .*disk is full; .* point TMPDIR to a disk with room"):
        plan(root, options, run_in_process)


def test_a_change_inside_a_folder_is_noticed(root: str, tmp_path: Path) -> None:
    caption = tmp_path / "pictures" / "deep" / "1.txt"
    caption.parent.mkdir(parents=True)
    caption.write_text("a dog on a couch")
    caption.with_suffix(".jpg").write_bytes(b"")
    source_options = SourceOptions(annotations_dir=str(tmp_path), folder=str(tmp_path / "pictures"))
    options = PlanOptions(sources=("folder",), source_options=source_options)
    plan(root, options, run_in_process)
    caption.write_text("two cats on a couch")
    plan(root, options, run_in_process)
    assert [record.texts[0].original for _, record in all_records(root).values()] == ["two cats on a couch"]


def test_the_limit_keeps_what_other_sources_say_of_the_images(
    root: str, options: PlanOptions, annotations_dir: Path
) -> None:
    items = [{"image_path": "x", "caption": [f"a red horse {i}"], "union_label_id": [1363]} for i in range(4)]
    rows = "".join(f"a red horse {i}\thttp://example.com/{i}.jpg\n" for i in range(4))
    (annotations_dir / "Train_GCC-training.tsv").write_text(rows)
    (annotations_dir / "ram.json").write_text(json.dumps(items))
    source_options = replace(options.source_options, ram_json=str(annotations_dir / "ram.json"))
    content = plan(
        root,
        replace(options, sources=("cc3m", "ram_json"), limit=2, source_options=source_options),
        run_in_process,
    )
    assert [(1363 in [claim.id for claim in record.tags]) for _, record in all_records(root).values()] == [True] * 2
    tally = content["sources"]["ram_json"]
    assert (tally["rows_read"], tally["rows_over_limit"], content["num_images"]) == (4, 2, 2)


def test_a_source_counts_under_the_name_of_its_images(root: str, tmp_path: Path) -> None:
    (tmp_path / "mine.tsv").write_text("url\tcaption\nhttp://a.example/1.jpg\ta dog on a couch\nnonsense\ta dog\n")
    source_options = SourceOptions(annotations_dir=str(tmp_path), url_list=str(tmp_path / "mine.tsv"))
    content = plan(root, PlanOptions(sources=("url_list",), source_options=source_options), run_in_process)
    assert list(content["sources"]) == ["mine"]
    tally = content["sources"]["mine"]
    assert (tally["rows_read"], tally["images_kept"], tally["rejected_rows"]) == (2, 1, {"bad_url": 1})


def test_limit_counts_images_a_source(root: str, options: PlanOptions) -> None:
    content = plan(root, replace(options, limit=2), run_in_process)
    assert [content["sources"][name]["images_kept"] for name in ("coco", "cc3m")] == [2, 2]
    assert content["sources"]["coco"]["texts_kept"] == 4


def test_a_stored_graph_is_the_same_tags(root: str, tmp_path: Path, options: PlanOptions) -> None:
    plan(root, options, run_in_process)
    plan(str(tmp_path / "graphs"), replace(options, parser="graph"), run_in_process)
    fast, graph = all_records(root), all_records(str(tmp_path / "graphs"))
    for uid, (_, record) in graph.items():
        assert record.tags == fast[uid][1].tags
        for text in record.texts:
            assert (text.graph is None) == (text.drop is not None)
            assert text.graph is None or json.loads(text.graph)["entities"]


def test_the_placeholder_rule_reaches_the_records(root: str, annotations_dir: Path) -> None:
    (annotations_dir / "cc12m.tsv").write_text("http://example.com/p.jpg\tPhoto of <PERSON> with a dog\n")
    options = PlanOptions(sources=("cc12m",), source_options=SourceOptions(annotations_dir=str(annotations_dir)))
    content = plan(root, options, run_in_process)
    ((_, record),) = all_records(root).values()
    assert [(claim.id, claim.drop) for claim in record.tags if claim.drop] == [(3028, "person_placeholder")] or any(
        claim.drop == "person_placeholder" for claim in record.tags
    )
    assert content["tags"]["person_placeholder"] == 1
    assert 1363 in [claim.id for claim in record.tags if not claim.drop]


def test_missing_files_of_all_sources_come_in_one_message(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    options = PlanOptions(sources=("sbu", "cc12m"), source_options=SourceOptions(annotations_dir=str(empty)))
    with pytest.raises(AnnotationsError, match=r"(?s)sbu.*cc12m") as caught:
        plan(str(tmp_path / "root"), options, run_in_process)
    assert "https://" in str(caught.value)
    assert not (tmp_path / "root").exists()


def test_bad_options_are_named() -> None:
    with pytest.raises(ConfigError, match=r"no sources; .*--shard-size is 0; .*--limit is -1"):
        PlanOptions(sources=(), source_options=SourceOptions(annotations_dir="."), shard_size=0, limit=-1)
    with pytest.raises(ConfigError, match=r"ram_json's tag ids are rows of the 4,585 tags"):
        PlanOptions(
            sources=("cc3m", "ram_json"), source_options=SourceOptions(annotations_dir="."), vocabulary="mine.txt"
        )


def test_an_unknown_source_is_named(root: str) -> None:
    options = PlanOptions(sources=("cc3",), source_options=SourceOptions(annotations_dir="."))
    with pytest.raises(UnknownComponentError, match=r"no source named 'cc3'; known: .*cc3m"):
        plan(root, options, run_in_process)


def test_an_own_vocabulary_travels_with_the_shards(root: str, tmp_path: Path, options: PlanOptions) -> None:
    names = tmp_path / "mine.txt"
    names.write_text("couch\ndog\nhorse\n")
    content = plan(root, replace(options, vocabulary=str(names)), run_in_process)
    vocab = find_vocabulary(io.join(root, "shards"), content["vocabulary"]["sha256"])
    assert vocab is not None
    assert [tag.name for tag in vocab.tags] == ["couch", "dog", "horse"]
    coco = [record for _, record in all_records(root).values() if record.dataset == "coco"]
    assert {claim.id for record in coco for claim in record.tags} == {0, 1}
    assert find_vocabulary(io.join(root, "shards"), "0" * 64) is None
