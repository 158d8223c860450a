"""What img2dataset wrote is taken only where it agrees with the records."""

from __future__ import annotations

import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataengine.download import Outcome
from dataengine.errors import ShardError
from dataengine.ledger import build_rows, pack_tar
from dataengine.records import CaptionRecord

RECORDS = [CaptionRecord(uid=f"t-{number}", dataset="t", source_id=None, url="http://h/a.jpg") for number in range(3)]


def make_row(number: int, **changes: Any) -> dict[str, Any]:
    row = {"key": f"00004000{number}", "uid": f"t-{number}", "status": "success", "error_message": None}
    return row | changes


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_rows_come_in_the_records_order_and_lost_ones_are_added(tmp_path: Path) -> None:
    failed = make_row(0, status="failed_to_download", error_message="http_404: Not Found: really")
    path = write_rows(tmp_path / "a.parquet", [make_row(2), failed])
    rows = build_rows(path, 4, RECORDS, {0: Outcome(404, 1, "http://h/b.jpg"), 2: Outcome(200, 2)})
    assert [row["uid"] for row in rows] == ["t-0", "t-1", "t-2"]
    assert [row["cause"] for row in rows] == ["http_404", "internal", None]
    assert [row["http_status"] for row in rows] == [404, None, 200]
    assert rows[1]["url"] == "http://h/a.jpg"


@pytest.mark.parametrize(
    ("published", "served", "matches"),
    [
        ({"sha256": "aa"}, {"sha256": "aa"}, True),
        ({"sha256": "aa"}, {"sha256": "bb", "md5": "cc"}, False),
        ({"md5": "cc"}, {"sha256": "bb", "md5": "cc"}, True),
        ({"sha256": "aa", "md5": "cc"}, {"sha256": "bb", "md5": "cc"}, False),
        ({"sha256": "aa"}, {}, None),
        ({}, {"sha256": "aa", "md5": "cc"}, None),
        ({"sha256": "aa", "local": "a.jpg"}, {"sha256": "bb"}, None),
    ],
)
def test_a_picture_is_held_against_its_published_hash(
    tmp_path: Path, published: dict[str, Any], served: dict[str, Any], matches: bool | None
) -> None:
    record = CaptionRecord(uid="t-0", dataset="t", source_id=None, url="http://h/a.jpg", **published)
    (row,) = build_rows(write_rows(tmp_path / "a.parquet", [make_row(0)]), 4, [record], {0: Outcome(**served)})
    assert row["hash_matches"] is matches


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([make_row(0), make_row(0)], "holds a key twice"),
        ([make_row(0, uid="t-1")], "is of t-1, not of t-0"),
        ([make_row(0), make_row(7)], "1 rows of no record, such as 000040007"),
    ],
)
def test_rows_that_do_not_fit_fail_the_shard(tmp_path: Path, rows: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ShardError, match=words):
        build_rows(write_rows(tmp_path / "a.parquet", rows), 4, RECORDS, {})


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(data), 1e9, "someone"
            archive.addfile(info, BytesIO(data))
    return path


def test_the_tar_is_packed_again_sorted_and_without_times(tmp_path: Path) -> None:
    members = {
        f"00000000{key}.{suffix}": f"{key}{suffix}".encode() for key in "10" for suffix in ("txt", "jpg", "json")
    }
    members["000000002.jpg"] = b"a picture whose row was lost"
    rows = [{"key": f"00000000{key}", "status": "success"} for key in "01"]
    pack_tar(
        make_tar(tmp_path / "a.tar", members), tmp_path / "b.tar", [*rows, {"key": "000000002", "status": "failed"}]
    )
    with tarfile.open(tmp_path / "b.tar") as packed:
        assert packed.getnames() == sorted(name for name in members if name != "000000002.jpg")
        assert {(member.mtime, member.uid, member.uname) for member in packed} == {(0, 0, "")}
        assert packed.extractfile("000000001.txt").read() == b"1txt"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"000000000.jpg": b"x", "000000000.json": b"{}"}, "txt"),
        ({"000000000.jpg": b"", "000000000.json": b"{}"}, "early"),
    ],
)
def test_a_success_without_all_its_members_fails_the_shard(
    tmp_path: Path, members: dict[str, bytes], words: str
) -> None:
    with pytest.raises(ShardError, match=words):
        pack_tar(make_tar(tmp_path / "a.tar", members), tmp_path / "b.tar", [{"key": "000000000", "status": "success"}])


@pytest.mark.parametrize("kept", [100, 700, 3000])
def test_a_tar_that_ends_early_fails_the_shard(tmp_path: Path, kept: int) -> None:
    path = make_tar(tmp_path / "half.tar", {f"000000000.{suffix}": bytes(5000) for suffix in ("jpg", "json", "txt")})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ShardError, match=r"half\.tar"):
        pack_tar(path, tmp_path / "b.tar", [{"key": "000000000", "status": "success"}])
