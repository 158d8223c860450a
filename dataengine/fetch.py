"""The fetch stage: records/NNNNN.parquet -> images/NNNNN.tar, .parquet (a row for every picture) and _stats.json.

A shard is downloaded into a staging folder, checked, and committed file by file, the statistics last: they are the mark
that it is done. A relaunch therefore does a half-committed shard again and overwrites what is there.
"""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from dataengine import io
from dataengine.errors import ShardError
from dataengine.fetch_options import FetchOptions
from dataengine.records import CaptionRecord
from dataengine.stage import unit_name

if TYPE_CHECKING:
    from dataengine.download import ShardRun

__all__ = ["IMAGES_DIR", "FetchOptions", "FetchStats", "fetch_shard", "pending_shards", "read_stats"]

IMAGES_DIR = "images"
_CANCEL_GRACE_S = 2.0
_LISTING_THREADS = 8


@dataclass(frozen=True, slots=True)
class FetchStats:
    """What became of one shard."""

    shard_id: int
    count: int
    """Pictures asked for."""
    successes: int
    causes: dict[str, int] = field(default_factory=dict)
    """Cause -> pictures that could not be had, most frequent first."""
    num_bytes: int = 0
    """Bytes of the bodies received, not of the stored tar."""
    duration_s: float = 0.0


def pending_shards(root: str) -> list[int]:
    """Return the ids of the shards that hold pinned rows and are not fetched, ascending."""
    done = set(io.list_files(io.join(root, IMAGES_DIR), "_stats.json"))
    names = [name.removesuffix(".parquet") for name in io.list_files(io.join(root, "records"), ".parquet")]
    waiting = sorted(int(name) for name in names if name.isdigit() and f"{name}_stats.json" not in done)
    with ThreadPoolExecutor(_LISTING_THREADS) as pool:
        pinned = pool.map(lambda shard_id: _has_pinned_rows(_records_url(root, shard_id)), waiting)
        return [shard_id for shard_id, has_pinned in zip(waiting, pinned, strict=True) if has_pinned]


def read_stats(root: str, shard_id: int) -> FetchStats:
    """Return what the committed statistics of a fetched shard say. Raises StorageError or ShardError."""
    url = io.join(root, IMAGES_DIR, f"{unit_name(shard_id)}_stats.json")
    try:
        return _to_stats(shard_id, json.loads(io.read_bytes(url)))
    except (ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{url} is not a fetched shard's statistics: {error}; remove it and fetch again") from error


def fetch_shard(root: str, shard_id: int, options: FetchOptions) -> FetchStats:
    """Fetch one shard's pictures and commit them. Returns what became of them; a failed picture is a row, no error.

    SIGTERM, Ctrl-C or any error leaves nothing half-written under a final name and no staging folder.

    Raises:
        ShardError: the records are broken, or img2dataset's result does not hold what its ledger says.
        StorageError: something can't be read or written.
    """
    # Heavy, and torch's way in where it is not kept out: imported in the process that fetches, not where it is planned.
    from dataengine.download import ShardRun, run_downloader

    records = list(_wanted_records(_records_url(root, shard_id)))
    run = ShardRun(options, {index: record.local for index, record in enumerate(records) if record.local is not None})
    images_dir = io.join(root, IMAGES_DIR)
    with _sigterm_as_exit(), io.storage_errors("write", images_dir), io.staging_dir(root) as staging:
        feather = staging / "rows.feather"
        _write_feather(records, feather)
        _run_cancellable(run, lambda: run_downloader(run, shard_id, feather, staging, len(records)))
        return _finish(root, shard_id, records, run, staging)


# ------------------------------------------------------------------------------------------------------ what to fetch


def _records_url(root: str, shard_id: int) -> str:
    return io.join(root, "records", f"{unit_name(shard_id)}.parquet")


def _has_pinned_rows(url: str) -> bool:
    """Return whether there is anything to fetch; of a broken file, too: its task fails alone, and says why."""
    import pyarrow.parquet as pq

    from dataengine.tables import BROKEN_PARQUET

    with io.local_copy(url) as path:
        try:
            return any(pq.read_table(path, columns=["pinned"])["pinned"].to_pylist())
        except BROKEN_PARQUET:
            return True


def _wanted_records(url: str) -> Iterator[CaptionRecord]:
    from dataengine.tables import read_records

    seen: set[str] = set()
    for record in read_records(url):
        if not record.pinned or record.drop is not None:
            continue
        if record.uid in seen:
            raise ShardError(f"{url} holds {record.uid} twice; run `dataengine plan` again")
        seen.add(record.uid)
        yield record


def _write_feather(records: Sequence[CaptionRecord], path: Path) -> None:
    import pyarrow as pa

    from dataengine.download import COLUMNS, shown_url

    rows = [(shown_url(record), _caption(record), record.uid, record.dataset) for record in records]
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    table = pa.table({name: pa.array(column, pa.string()) for name, column in zip(COLUMNS, columns, strict=True)})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _caption(record: CaptionRecord) -> str:
    """Return the first text in use: img2dataset's readers expect one string. records/ holds them all."""
    kept = [text for text in record.texts if text.drop is None]
    whole = [text for text in kept if text.kind != "region"]
    first = next(iter(whole or kept), None)
    return "" if first is None else first.text or first.original


# --------------------------------------------------------------------------------------------- running, and being ended


def _run_cancellable(run: ShardRun, work: Callable[[], None]) -> None:
    """Run `work` in its own thread: Ctrl-C or SIGTERM inside img2dataset's pool would hang it for good."""
    result: Future[None] = Future()

    def target() -> None:
        try:
            work()
            result.set_result(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            result.set_exception(error)

    threading.Thread(target=target, name="dataengine-fetch", daemon=True).start()
    try:
        result.result()
    except Exception:
        raise
    except BaseException:
        run.cancelled.set()
        wait([result], _CANCEL_GRACE_S)
        raise


@contextlib.contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind the stack, where nothing else handles it and this is the thread that gets signals."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _exit_on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


# --------------------------------------------------------------------------------------------------- check and commit


def _finish(root: str, shard_id: int, records: list[CaptionRecord], run: ShardRun, staging: Path) -> FetchStats:
    from dataengine import ledger

    name = unit_name(shard_id)
    ready = staging / "ready"
    ready.mkdir()
    rows = ledger.build_rows(staging / f"{name}.parquet", shard_id, records, run.outcomes)
    ledger.pack_tar(staging / f"{name}.tar", ready / f"{name}.tar", rows)
    ledger.write_ledger(rows, staging / f"{name}.parquet", ready / f"{name}.parquet")
    num_bytes = sum(outcome.num_bytes for outcome in run.outcomes.values())
    stats = _with_causes(json.loads((staging / f"{name}_stats.json").read_bytes()), rows, num_bytes)
    stats["options"] = run.options.shaping()
    (ready / f"{name}_stats.json").write_text(json.dumps(stats, indent=4))
    for suffix in (".tar", ".parquet", "_stats.json"):
        io.commit_file(ready / f"{name}{suffix}", io.join(root, IMAGES_DIR, f"{name}{suffix}"))
    return _to_stats(shard_id, stats)


def _with_causes(stats: dict[str, Any], rows: list[dict[str, Any]], num_bytes: int) -> dict[str, Any]:
    """Return img2dataset's statistics, counted again from the ledger and by cause instead of by message."""
    statuses = Counter(row["status"] for row in rows)
    causes = Counter(row["cause"] for row in rows if row["cause"] is not None)
    by_frequency = dict(sorted(causes.items(), key=lambda item: (-item[1], item[0])))
    return stats | {
        "count": len(rows),
        "successes": statuses["success"],
        "failed_to_download": statuses["failed_to_download"],
        "failed_to_resize": statuses["failed_to_resize"],
        "status_dict": ({"success": statuses["success"]} if statuses["success"] else {}) | by_frequency,
        "causes": by_frequency,
        "num_bytes_received": num_bytes,
    }


def _to_stats(shard_id: int, stats: dict[str, Any]) -> FetchStats:
    return FetchStats(
        shard_id=shard_id,
        count=stats["count"],
        successes=stats["successes"],
        causes=stats["causes"],
        num_bytes=stats["num_bytes_received"],
        duration_s=stats["duration"],
    )
