from __future__ import annotations

import json
import shutil
import tarfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataengine import bake, io, tables
from dataengine.bake import BakeOptions, bake_shard, pending_bakes
from dataengine.errors import ConfigError, DataEngineError, ShardError
from dataengine.records import CaptionRecord, TagClaim
from dataengine.shards import open_shards
from dataengine.triplet import validate
from tests.small_root import DOG, RED, SOFA, draw, jpeg, make_root, record, text, write_images, write_plan


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_root(tmp_path / "root")
    return tmp_path / "root"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def commit(root: Path, shard: str = "00000") -> dict[str, Any]:
    return dict(json.loads((root / "shards" / f"{shard}.json").read_bytes()))


def one_shard(root: Path, records: list[CaptionRecord], pictures: dict[str, bytes | str]) -> None:
    """Write a root of one shard."""
    write_plan(root)
    tables.write_records(records, str(root / "records" / "00000.parquet"))
    write_images(root, 0, pictures, records)


def test_a_shard_holds_the_kept_and_fetched_images(root: Path) -> None:
    stats = bake_shard(str(root), 0)
    samples = list(open_shards(str(root / "shards" / "00000.tar")))
    assert [sample["key"] for sample in samples] == sorted(record(number).uid for number in range(3))
    assert [validate(sample["json"]) for sample in samples] == [[], [], []]
    assert (stats.num_samples, stats.num_texts, stats.num_tags, stats.num_regions) == (3, 6, 9, 3)
    assert stats.dropped == {"not_fetched:http_404": 1}
    assert (stats.count, stats.successes) == (4, 3)
    assert sorted(files(root / "shards")) == ["00000.json", "00000.tar"]


def test_pictures_are_stored_byte_for_byte(root: Path) -> None:
    bake_shard(str(root), 0)
    with tarfile.open(root / "shards" / "00000.tar") as tar:
        content = tar.extractfile(f"{record(2).uid}.jpg")
        assert content is not None
        assert content.read() == jpeg(draw(2))


def test_the_commit_record(root: Path) -> None:
    stats = bake_shard(str(root), 0)
    written = commit(root)
    assert written["tag_counts"] == {str(DOG): 3, str(RED): 3, str(SOFA): 3}
    assert written["tags_per_image"] == {"3": 3}
    assert written["texts_by_kind"] == {"human": 3, "region": 3}
    assert written["samples_by_dataset"] == {"coco": 3}
    assert (written["schema"], written["vocab"]["name"]) == ("triplet/1", "colours")
    assert sorted(written["inputs"]) == ["images/00000.parquet", "records/00000.parquet"]
    assert written["sha256"] == stats.sha256
    assert written["num_bytes"] == (root / "shards" / "00000.tar").stat().st_size


def test_two_bakes_in_two_folders_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_root(tmp_path / name)
        for shard_id in (0, 1):
            bake_shard(str(tmp_path / name), shard_id)
    assert files(tmp_path / "one" / "shards") == files(tmp_path / "two" / "shards")


# ------------------------------------------------------------------------------------------------------------- resume


def test_a_baked_shard_is_not_baked_again(root: Path) -> None:
    assert pending_bakes(str(root)) == [0, 1]
    first = bake_shard(str(root), 0)
    before = (root / "shards" / "00000.tar").stat().st_mtime_ns
    assert pending_bakes(str(root)) == [1]
    again = bake_shard(str(root), 0)
    assert (first.rebuilt, again.rebuilt) == (True, False)
    again.rebuilt = True
    assert again == first
    assert (root / "shards" / "00000.tar").stat().st_mtime_ns == before


def change_records(root: Path) -> None:
    tables.write_records(
        [record(number, license="CC0") for number in range(4)], str(root / "records" / "00000.parquet")
    )


def change_ledger(root: Path) -> None:
    write_images(root, 0, {record(0).uid: jpeg(draw(0))}, [record(number) for number in range(4)])


def change_vocabulary(root: Path) -> None:
    write_plan(root, vocabulary={"name": "colours", "sha256": "d1" * 32})


def remove_tar(root: Path) -> None:
    (root / "shards" / "00000.tar").unlink()


def remove_commit(root: Path) -> None:
    (root / "shards" / "00000.json").unlink()


def break_commit(root: Path) -> None:
    (root / "shards" / "00000.json").write_text('{"schema": "tri')


def age_commit(root: Path) -> None:
    """Leave a record as another version may have written it."""
    content = commit(root)
    del content["tags_per_image"]
    (root / "shards" / "00000.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change", [change_records, change_ledger, change_vocabulary, remove_tar, remove_commit, break_commit, age_commit]
)
def test_a_changed_input_bakes_its_shard_again(root: Path, change: Any) -> None:
    bake_shard(str(root), 0)
    bake_shard(str(root), 1)
    change(root)
    assert pending_bakes(str(root)) == ([0, 1] if change is change_vocabulary else [0])
    assert bake_shard(str(root), 0).rebuilt
    assert 0 not in pending_bakes(str(root))
    assert len(list(open_shards(str(root / "shards" / "00000.tar")))) == (1 if change is change_ledger else 3)


def test_other_options_bake_again(root: Path) -> None:
    bake_shard(str(root), 0)
    options = BakeOptions(min_side=129)
    assert 0 in pending_bakes(str(root), options)
    stats = bake_shard(str(root), 0, options)
    assert stats.dropped == {"not_fetched:http_404": 1, "small_side": 3}
    assert 0 not in pending_bakes(str(root), options)
    assert bake_shard(str(root), 0, BakeOptions(max_aspect=1.4)).dropped["extreme_aspect"] == 3
    assert bake_shard(str(root), 0, BakeOptions(min_side=128, max_aspect=1.5)).num_samples == 3


def test_folders_are_listed_once_however_many_shards_there_are(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []
    list_files = io.list_files

    def count(directory: str, suffix: str = "") -> list[str]:
        listed.append(directory)
        return list_files(directory, suffix)

    monkeypatch.setattr(io, "list_files", count)
    pending_bakes(str(root))
    for_two = len(listed)
    for number in range(2, 12):
        for name in ("records/{}.parquet", "images/{}.parquet", "images/{}_stats.json"):
            shutil.copy(root / name.format("00000"), root / name.format(f"{number:05d}"))
    listed.clear()
    assert len(pending_bakes(str(root))) == 12
    assert len(listed) == for_two


def test_only_fetched_shards_are_pending(root: Path) -> None:
    (root / "images" / "00001_stats.json").unlink()
    assert pending_bakes(str(root)) == [0]


def test_a_crash_leaves_nothing_that_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bake_shard(str(root), 0)
    change_records(root)

    def fail(*_: object) -> None:
        raise OSError("killed")

    monkeypatch.setattr(io, "commit_bytes", fail)
    with pytest.raises(OSError, match="killed"):
        bake_shard(str(root), 0)
    assert sorted(path.name for path in (root / "shards").iterdir()) == ["00000.tar"]
    assert not list(root.glob(".tmp-*"))
    monkeypatch.undo()
    assert pending_bakes(str(root)) == [0, 1]


def test_an_error_while_writing_leaves_the_old_shard(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bake_shard(str(root), 0)
    before = files(root / "shards")
    change_records(root)
    monkeypatch.setattr(bake, "make_triplet", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bake_shard(str(root), 0)
    assert files(root / "shards") == before


def test_a_shard_without_samples_has_no_tar(root: Path) -> None:
    bake_shard(str(root), 1)
    tables.write_records(
        [record(4, drop="takedown"), record(5, drop="karpathy_test")], str(root / "records" / "00001.parquet")
    )
    stats = bake_shard(str(root), 1)
    assert (stats.num_samples, stats.sha256, stats.dropped) == (0, None, {"takedown": 1, "karpathy_test": 1})
    assert sorted(files(root / "shards")) == ["00001.json"]
    assert pending_bakes(str(root)) == [0]


# -------------------------------------------------------------------------------------------------------- supplements


def test_a_supplement_brings_what_failed_before(root: Path) -> None:
    bake_shard(str(root), 0)
    bake_shard(str(root), 1)
    write_images(root, 2, {record(3).uid: jpeg(draw(3))}, [record(3)])
    assert pending_bakes(str(root)) == [0]
    stats = bake_shard(str(root), 0)
    assert (stats.num_samples, stats.dropped) == (4, {})
    assert "images/00002.parquet" in commit(root)["inputs"]


def test_the_latest_row_of_a_uid_wins(root: Path) -> None:
    write_images(root, 7, {record(3).uid: jpeg(draw(33)), record(0).uid: jpeg(draw(30))}, [record(0), record(3)])
    write_images(root, 8, {record(3).uid: jpeg(draw(34))}, [record(3)])
    bake_shard(str(root), 0)
    with tarfile.open(root / "shards" / "00000.tar") as tar:
        found = {number: tar.extractfile(f"{record(number).uid}.jpg") for number in (0, 1, 3)}
        assert {number: stream.read() for number, stream in found.items() if stream} == {
            0: jpeg(draw(30)),
            1: jpeg(draw(1)),
            3: jpeg(draw(34)),
        }


def test_an_unfinished_supplement_does_not_count(root: Path) -> None:
    write_images(root, 2, {record(3).uid: jpeg(draw(3))}, [record(3)])
    (root / "images" / "00002_stats.json").unlink()
    assert bake_shard(str(root), 0).num_samples == 3


# ---------------------------------------------------------------------------------------------------------- bad input


def test_every_record_ends_as_a_sample_or_under_a_reason(tmp_path: Path) -> None:
    good, no_row, cut, html, gone, repeated = (record(number) for number in range(6))
    nameless = record(6, uid="odd.name-0123")
    invalid = record(7, tags=[TagClaim(id=-4, by=["labels"])])
    unplaced = record(8, width=500, height=10)
    pictures = {item.uid: jpeg(draw(1)) for item in (good, gone, repeated, nameless, invalid, unplaced)}
    pictures |= {cut.uid: jpeg(draw(1))[:-300], html.uid: b"<html>"}
    records = [good, no_row, cut, html, gone, repeated, record(5), nameless, invalid, unplaced]
    one_shard(tmp_path, records, {**pictures})
    remove_member(tmp_path / "images" / "00000.tar", gone.uid, tmp_path / "images" / "00000.parquet")
    stats = bake_shard(str(tmp_path), 0)
    assert stats.dropped == {
        "not_fetched:no_ledger_row": 1,
        "broken_picture": 2,
        "missing_picture": 1,
        "repeated_uid": 1,
        "invalid_record": 2,
    }
    assert (stats.num_samples, stats.count, stats.dropped_boxes) == (3, 10, 1)


def remove_member(path: Path, uid: str, ledger: Path) -> None:
    """Take the picture of `uid` out of an image tar."""
    table = pq.read_table(ledger)
    key = table["key"][table["uid"].to_pylist().index(uid)].as_py()
    with tarfile.open(path) as tar:
        kept = [(member, tar.extractfile(member)) for member in tar if member.name != f"{key}.jpg"]
        contents = [(member, stream.read() if stream else b"") for member, stream in kept]
    with tarfile.open(path, "w") as tar:
        for member, data in contents:
            tar.addfile(member, BytesIO(data))


def test_a_kept_image_without_texts_or_tags_is_baked(tmp_path: Path) -> None:
    bare = record(0, texts=[text("the", drop="no_tag")], tags=[], regions=[])
    one_shard(tmp_path, [bare], {bare.uid: jpeg(draw(0))})
    stats = bake_shard(str(tmp_path), 0)
    assert (stats.num_samples, stats.num_texts, stats.tags_per_image) == (1, 0, Counter({0: 1}))


def test_negatives_are_not_counted_as_present(tmp_path: Path) -> None:
    item = record(0, texts=[], regions=[], negatives="listed", tags=[TagClaim(id=DOG, state=-1, by=["labels"])])
    one_shard(tmp_path, [item], {item.uid: jpeg(draw(0))})
    assert bake_shard(str(tmp_path), 0).tag_counts == {}


def no_plan(root: Path) -> None:
    (root / "plan.json").unlink()


def empty_plan(root: Path) -> None:
    (root / "plan.json").write_text("{}")


def no_ledger(root: Path) -> None:
    (root / "images" / "00000.parquet").unlink()


def other_ledger(root: Path) -> None:
    pq.write_table(pa.table({"url": ["x"]}), root / "images" / "00000.parquet")


def no_images(root: Path) -> None:
    (root / "images" / "00000.tar").unlink()


def cut_images(root: Path) -> None:
    path = root / "images" / "00000.tar"
    path.write_bytes(path.read_bytes()[:3000])


def other_records(root: Path) -> None:
    (root / "records" / "00000.parquet").write_bytes(b"PAR1 no")


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (no_plan, ConfigError, "no plan.json"),
        (empty_plan, ConfigError, "plan again|run `dataengine plan"),
        (no_ledger, DataEngineError, r"images/00000\.parquet"),
        (other_ledger, ShardError, "no column uid, key, status"),
        (no_images, ShardError, r"00000\.tar is broken"),
        (cut_images, ShardError, r"remove images/00000_stats\.json and fetch again"),
        (other_records, ShardError, "not a records file"),
    ],
)
def test_an_input_that_is_broken_as_a_whole(root: Path, damage: Any, error: type[Exception], message: str) -> None:
    damage(root)
    with pytest.raises(error, match=message):
        bake_shard(str(root), 0)
    assert not list(root.glob(".tmp-*"))
    assert not list(root.glob("shards/*"))


def test_an_output_that_cannot_be_written(root: Path) -> None:
    (root / "shards").write_text("a file where the folder should be")
    with pytest.raises(DataEngineError, match="shards"):
        bake_shard(str(root), 0)
