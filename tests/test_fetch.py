"""The fetch stage on a local server: ledger, tar and statistics agree; a shard is whole or absent; a rerun resumes."""

from __future__ import annotations

import io as bytesio
import json
import pickle
import tarfile
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataengine import io
from dataengine.demo.server import PictureServer
from dataengine.errors import ShardError, StorageError
from dataengine.fetch import FetchOptions, FetchStats, fetch_shard, pending_shards, read_stats
from dataengine.records import CaptionRecord, Text, TextKind
from dataengine.tables import LEDGER_COLUMNS, read_table, write_records

QUICK = FetchOptions(timeout_s=10, deadline_s=4, max_bytes=2**20, retries=1, backoff_s=0.01, thread_count=16)
IMG2DATASET_COLUMNS = [
    "url", "caption", "uid", "dataset", "key", "status", "error_message", "width", "height", "original_width",
    "original_height", "exif", "sha256",
]  # fmt: skip


def jpeg(width: int = 120, height: int = 90, seed: int = 0) -> bytes:
    small = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    stream = bytesio.BytesIO()
    Image.fromarray(small).resize((width, height)).save(stream, "JPEG", quality=92)
    return stream.getvalue()


PICTURES: dict[str, Path | bytes] = {
    "/a.jpg": jpeg(),
    "/large.jpg": jpeg(1000, 750),
    "/tiny.jpg": jpeg(50, 60),
    "/banner.jpg": jpeg(900, 100),
    **{f"/n/{number}.jpg": jpeg(seed=number) for number in range(60)},
}


@pytest.fixture(scope="module")
def server() -> Iterator[PictureServer]:
    with PictureServer(PICTURES, slow_s=60) as running:
        yield running


def make_record(
    uid: str, url: str | None = None, *, local: str | None = None, pinned: bool = True, drop: str | None = None
) -> CaptionRecord:
    texts = [Text(original=f"Words about {uid}", text=f"words about {uid}", kind="alt", by="web")]
    return CaptionRecord(
        uid=uid, dataset="t", source_id=uid, url=url, local=local, pinned=pinned, drop=drop, texts=texts
    )


def plan(root: str | Path, urls: Sequence[str | None], shard_id: int = 0) -> None:
    records = [make_record(f"t-{number}", url) for number, url in enumerate(urls)]
    write_records(records, f"{root}/records/{shard_id:05d}.parquet")


def ledger(root: str | Path, shard_id: int = 0) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_table(f"{root}/images/{shard_id:05d}.parquet").to_pylist()
    return rows


def members(root: str | Path, shard_id: int = 0) -> dict[str, bytes]:
    data = io.read_bytes(f"{root}/images/{shard_id:05d}.tar")
    with tarfile.open(fileobj=bytesio.BytesIO(data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def left_over(root: Path) -> list[str]:
    images = [path.name for path in (root / "images").glob("*")] if (root / "images").exists() else []
    return images + [path.name for path in root.glob(f"{io.TEMPORARY_PREFIX}*")]


# -------------------------------------------------------------------------------------------------- a shard's content


CAUSES: dict[str, str | None] = {
    "a.jpg": None,
    "large.jpg": None,
    "flaky/a.jpg": None,
    "redirect/3/a.jpg": None,
    "tiny.jpg": "too_small",
    "banner.jpg": "aspect",
    "gone/a.jpg": "http_404",
    "forbidden/a.jpg": "http_403",
    "error/a.jpg": "http_500",
    "drip/a.jpg": "deadline",
    "slow/a.jpg": "deadline",
    "endless/a.jpg": "too_large",
    "html/a.jpg": "not_image",
    "truncated/a.jpg": "truncated",
    "short/a.jpg": "truncated",
    "empty/a.jpg": "empty",
    "reset/a.jpg": "connect",
    "redirect/6/a.jpg": "http_302",
    "robots/a.jpg": "opt_out",
    "no such.jpg": "http_404",
}


@pytest.fixture(scope="module")
def mixed(server: PictureServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FetchStats]:
    """A root with one shard in which every cause stands."""
    root = tmp_path_factory.mktemp("mixed")
    urls = [server.url(path) for path in CAUSES]
    plan(root, [*urls, "dataengine-local:/etc/hostname", "file:///etc/hostname", None, ""])
    return root, fetch_shard(str(root), 0, QUICK)


def test_every_row_ends_with_its_cause(mixed: tuple[Path, FetchStats]) -> None:
    rows = ledger(mixed[0])
    assert [row["cause"] for row in rows] == [*CAUSES.values(), *["bad_url"] * 4]
    assert [row["uid"] for row in rows] == [f"t-{number}" for number in range(len(rows))]
    assert all((row["error_message"] or "").startswith(row["cause"] or "") for row in rows)
    assert all((row["status"] == "success") == (row["cause"] is None) for row in rows)


def test_statistics_are_the_ledgers(mixed: tuple[Path, FetchStats]) -> None:
    root, stats = mixed
    causes = Counter(cause for cause in [*CAUSES.values(), *["bad_url"] * 4] if cause)
    assert (stats.shard_id, stats.count, stats.successes, stats.causes) == (0, len(CAUSES) + 4, 4, dict(causes))
    assert stats.num_bytes > 4 * 1000
    assert stats.duration_s > 0
    assert read_stats(str(root), 0) == stats == pickle.loads(pickle.dumps(stats))
    written = json.loads((root / "images/00000_stats.json").read_text())
    assert written["status_dict"] == {"success": 4} | dict(causes)
    assert (written["options"]["image_size"], written["options"]["encode_quality"]) == (QUICK.image_size, 90)
    assert written["failed_to_download"] + written["failed_to_resize"] == causes.total()


def test_the_ledger_keeps_img2datasets_columns(mixed: tuple[Path, FetchStats]) -> None:
    table = read_table(f"{mixed[0]}/images/00000.parquet")
    own = [name for name, _ in LEDGER_COLUMNS if name != "uid"]
    assert table.column_names == [*IMG2DATASET_COLUMNS, *own]
    row = table.to_pylist()[3]
    assert (row["http_status"], row["attempts"], row["final_url"][-6:]) == (200, 1, "/a.jpg")
    assert row["sha256_original"] == row["sha256"]
    assert (row["width"], row["height"], row["caption"]) == (120, 90, "words about t-3")
    flaky, gone = table.to_pylist()[2], table.to_pylist()[6]
    assert (flaky["attempts"], gone["http_status"], gone["sha256_original"]) == (2, 404, None)


def test_the_tar_holds_the_successes_as_img2dataset_lays_them_out(mixed: tuple[Path, FetchStats]) -> None:
    root, _ = mixed
    rows = [row for row in ledger(root) if row["status"] == "success"]
    content = members(root)
    assert list(content) == [f"{row['key']}.{suffix}" for row in rows for suffix in ("jpg", "json", "txt")]
    for row in rows:
        sample = json.loads(content[f"{row['key']}.json"])
        assert {name: sample[name] for name in ("uid", "url", "width", "sha256")} == {
            name: row[name] for name in ("uid", "url", "width", "sha256")
        }
        assert content[f"{row['key']}.txt"].decode() == row["caption"]
        with Image.open(bytesio.BytesIO(content[f"{row['key']}.jpg"])) as picture:
            assert picture.size == (row["width"], row["height"])
    assert (rows[1]["width"], rows[1]["height"], rows[1]["original_width"]) == (512, 384, 1000)


def test_what_a_strangers_row_calls_local_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(jpeg())
    plan(tmp_path, [f"dataengine-local:{path}", path.as_uri(), str(path)])
    assert fetch_shard(str(tmp_path), 0, QUICK).causes == {"bad_url": 3}


def test_only_a_records_own_local_file_is_read(tmp_path: Path) -> None:
    plain = tmp_path / "plain.jpg"
    plain.write_bytes(jpeg())
    with zipfile.ZipFile(tmp_path / "val.zip", "w") as archive:
        archive.writestr("val/1.jpg", jpeg(seed=1))
        archive.writestr("val/notes.txt", "no picture")
    local = [f"{plain}", f"{tmp_path}/val.zip!val/1.jpg", f"{tmp_path}/val.zip!val/notes.txt", f"{tmp_path}/val.zip!no"]
    write_records(
        [make_record(f"t-{number}", local=address) for number, address in enumerate(local)],
        f"{tmp_path}/records/00000.parquet",
    )
    stats = fetch_shard(str(tmp_path), 0, QUICK)
    assert (stats.successes, stats.causes) == (2, {"missing": 1, "not_image": 1})
    assert [row["url"] for row in ledger(tmp_path)] == [f"dataengine-local:{address}" for address in local]
    assert ledger(tmp_path)[0]["final_url"] is None


@pytest.mark.parametrize(
    ("texts", "caption"),
    [
        ([("region", None, "a leaf"), ("human", None, "a tree"), ("human", None, "trees")], "a tree"),
        ([("alt", "too_long", "word " * 300), ("alt", None, "a tree")], "a tree"),
        ([("region", None, "a leaf")], "a leaf"),
        ([("alt", None, "ein Bäumchen 🌳")], "ein Bäumchen 🌳"),
        ([], ""),
    ],
)
def test_the_caption_is_the_first_text_in_use(
    tmp_path: Path, server: PictureServer, texts: list[tuple[TextKind, str | None, str]], caption: str
) -> None:
    record = make_record("t-1", server.url("a.jpg"))
    record.texts = [Text(original=text, text=text, kind=kind, by="web", drop=drop) for kind, drop, text in texts]
    write_records([record], f"{tmp_path}/records/00000.parquet")
    fetch_shard(str(tmp_path), 0, QUICK)
    assert ledger(tmp_path)[0]["caption"] == caption
    assert members(tmp_path)["000000000.txt"].decode() == caption


def test_rows_that_the_plan_dropped_or_never_pinned_are_not_asked_for(tmp_path: Path, server: PictureServer) -> None:
    records = [
        make_record("t-0", server.url("n/0.jpg?dropped"), drop="karpathy_test"),
        make_record("t-1", server.url("n/1.jpg?unpinned"), pinned=False),
    ]
    write_records(records, f"{tmp_path}/records/00000.parquet")
    assert pending_shards(str(tmp_path)) == [0]
    stats = fetch_shard(str(tmp_path), 0, QUICK)
    assert (stats.count, stats.successes, stats.causes) == (0, 0, {})
    assert (members(tmp_path), ledger(tmp_path), pending_shards(str(tmp_path))) == ({}, [], [])
    assert read_table(f"{tmp_path}/images/00000.parquet").column_names[:13] == IMG2DATASET_COLUMNS
    assert not [request for request in server.requests if request.path.endswith(("?dropped", "?unpinned"))]


def test_a_uid_that_stands_twice_is_refused(tmp_path: Path, server: PictureServer) -> None:
    write_records([make_record("t-0", server.url("a.jpg"))] * 2, f"{tmp_path}/records/00000.parquet")
    with pytest.raises(ShardError, match="holds t-0 twice; run `dataengine plan` again"):
        fetch_shard(str(tmp_path), 0, QUICK)


def test_equal_input_gives_equal_bytes(tmp_path: Path, server: PictureServer) -> None:
    urls = [server.url(f"n/{number}.jpg") for number in range(60)] + [server.url("gone/a.jpg")]
    outputs = []
    for name, threads in (("one", 1), ("many", 16)):
        plan(tmp_path / name, urls)
        fetch_shard(str(tmp_path / name), 0, FetchOptions(thread_count=threads))
        outputs.append([(tmp_path / name / "images" / f"00000{end}").read_bytes() for end in (".tar", ".parquet")])
    assert outputs[0] == outputs[1]


# ------------------------------------------------------------------------------------------------ faults of our own


def test_a_row_that_img2dataset_loses_is_in_the_ledger(
    tmp_path: Path, server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataengine.download import PictureWriter

    write = PictureWriter.write

    def fail_on_two(self: Any, img_str: bytes | None, key: str, caption: str | None, meta: dict[str, Any]) -> None:
        if meta["uid"] in ("t-1", "t-2"):
            raise RuntimeError("lost")
        write(self, img_str, key, caption, meta)

    monkeypatch.setattr(PictureWriter, "write", fail_on_two)
    plan(tmp_path, [server.url("n/0.jpg"), server.url("n/1.jpg"), server.url("gone/2.jpg"), server.url("n/3.jpg")])
    stats = fetch_shard(str(tmp_path), 0, QUICK)
    assert (stats.count, stats.successes, stats.causes) == (4, 2, {"internal": 2})
    assert [row["cause"] for row in ledger(tmp_path)] == [None, "internal", "internal", None]
    assert ledger(tmp_path)[1]["url"] == server.url("n/1.jpg")
    assert len(members(tmp_path)) == 2 * 3


def test_a_success_without_its_picture_fails_the_shard(
    tmp_path: Path, server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataengine.download import PictureWriter

    def forget_picture(self: Any, img_str: bytes | None, key: str, caption: str | None, meta: dict[str, Any]) -> None:
        self.buffered_parquet_writer.write(meta)

    monkeypatch.setattr(PictureWriter, "write", forget_picture)
    plan(tmp_path, [server.url("a.jpg")])
    with pytest.raises(ShardError, match=r"no member '000000000\.jpg'"):
        fetch_shard(str(tmp_path), 0, QUICK)
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("interrupted", [1, 2, 3])
def test_interrupted_between_commits_the_relaunch_overwrites(
    tmp_path: Path, server: PictureServer, monkeypatch: pytest.MonkeyPatch, interrupted: int
) -> None:
    plan(tmp_path, [server.url("n/0.jpg"), server.url("gone/a.jpg")])
    committed: list[str] = []
    commit = io.commit_file

    def stop_at_one(path: Path, url: str) -> None:
        committed.append(url.rsplit("/", 1)[1])
        if len(committed) == interrupted:
            raise KeyboardInterrupt
        commit(path, url)

    monkeypatch.setattr(io, "commit_file", stop_at_one)
    with pytest.raises(KeyboardInterrupt):
        fetch_shard(str(tmp_path), 0, QUICK)
    assert committed == ["00000.tar", "00000.parquet", "00000_stats.json"][:interrupted]
    assert sorted(left_over(tmp_path)) == sorted(committed[:-1])
    monkeypatch.undo()
    assert pending_shards(str(tmp_path)) == [0]
    assert fetch_shard(str(tmp_path), 0, QUICK).successes == 1
    assert len(left_over(tmp_path)) == 3


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path, server: PictureServer) -> None:
    plan(tmp_path, [server.url("a.jpg")])
    (tmp_path / "images").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="images"):
        fetch_shard(str(tmp_path), 0, QUICK)
    assert not list(tmp_path.glob(f"{io.TEMPORARY_PREFIX}*"))


def test_records_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records/00007.parquet").write_bytes(b"no parquet")
    assert pending_shards(str(tmp_path)) == [7]
    with pytest.raises(ShardError, match=r"00007\.parquet is not a records file"):
        fetch_shard(str(tmp_path), 7, QUICK)


def test_two_shards_run_side_by_side_in_one_process(tmp_path: Path, server: PictureServer) -> None:
    for shard_id in (0, 1):
        plan(tmp_path, [server.url(f"n/{30 * shard_id + number}.jpg") for number in range(30)], shard_id)
    threads = [threading.Thread(target=fetch_shard, args=(str(tmp_path), shard_id, QUICK)) for shard_id in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [read_stats(str(tmp_path), shard_id).successes for shard_id in (0, 1)] == [30, 30]
    assert [row["url"][-8:] for row in ledger(tmp_path, 1)][:2] == ["n/30.jpg", "n/31.jpg"]


# ------------------------------------------------------------------------------------------------------------ resume


def test_pending_are_the_pinned_shards_without_statistics(tmp_path: Path, server: PictureServer) -> None:
    for shard_id in (2, 0, 100_000):
        plan(tmp_path, [server.url("a.jpg")], shard_id)
    write_records([make_record("t-9", pinned=False)], f"{tmp_path}/records/00001.parquet")
    assert pending_shards(str(tmp_path)) == [0, 2, 100_000]
    fetch_shard(str(tmp_path), 2, QUICK)
    assert pending_shards(str(tmp_path)) == [0, 100_000]
    assert pending_shards(str(tmp_path / "nothing")) == []


# ------------------------------------------------------------------------------------------------------------ storage


def test_a_shard_on_s3(server: PictureServer, s3_root: str) -> None:
    plan(s3_root, [server.url("a.jpg"), server.url("gone/a.jpg")])
    assert pending_shards(s3_root) == [0]
    stats = fetch_shard(s3_root, 0, QUICK)
    assert (stats.successes, stats.causes) == (1, {"http_404": 1})
    assert io.list_files(f"{s3_root}/images") == ["00000.parquet", "00000.tar", "00000_stats.json"]
    assert len(members(s3_root)) == 3
    assert (pending_shards(s3_root), read_stats(s3_root, 0)) == ([], stats)


def test_statistics_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/00000_stats.json").write_text("{}")
    with pytest.raises(ShardError, match="is not a fetched shard's statistics"):
        read_stats(str(tmp_path), 0)
