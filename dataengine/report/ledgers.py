"""What became of every address: images/*.parquet read as a stream and added up. A later row of an image replaces earlier ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataengine import io
from dataengine.errors import ShardError
from dataengine.tables import BROKEN_PARQUET

SUCCESS = "success"
"""img2dataset's word in column `status` for a picture that was fetched, decoded and stored."""
STATS_SUFFIX = "_stats.json"
"""img2dataset's mark of a finished shard, written last."""
Hashes: TypeAlias = npt.NDArray[np.int64]

_COLUMNS = ("uid", "dataset", "status", "cause", "width", "height", "original_width", "original_height", "hash_matches")
_BATCH_ROWS = 65_536


@dataclass(slots=True)
class LedgerTally:
    """Counts over all ledgers, one row an image."""

    num_ledgers: int = 0
    tried: Counter[str] = field(default_factory=Counter)
    """Images with a row, by data set."""
    fetched: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    """Images that could not be had, by cause."""
    original_sides: Counter[int] = field(default_factory=Counter)
    """Shorter side, in pixels, of the pictures as served."""
    stored_sides: Counter[int] = field(default_factory=Counter)
    """Shorter side, in pixels, of the pictures as stored."""
    hash_matches: Counter[str] = field(default_factory=Counter)
    """Fetched images with a published hash: `true` where the bytes served are those that it was taken of, else `false`."""


def tally_ledgers(root: str) -> LedgerTally:
    """Return the counts over ROOT/images/*.parquet. Raises ShardError where a ledger can't be read.

    Memory holds 8 bytes a row, to find the images that were tried again in a later shard.
    """
    names = ledger_names(root)
    last_ledger = _find_retried(root, names)
    tally = LedgerTally(num_ledgers=len(names))
    for position, name in enumerate(names):
        for batch in _read_batches(root, name, _COLUMNS):
            _add_batch(tally, _without_superseded(batch, position, last_ledger))
    return tally


def ledger_names(root: str) -> list[str]:
    """Return the file names of the committed image shards' ledgers, in the order in which the shards were numbered."""
    names = io.list_files(io.join(root, "images"))
    committed = {name.removesuffix(STATS_SUFFIX) for name in names if name.endswith(STATS_SUFFIX)}
    ledgers = (name for name in names if name.endswith(".parquet") and name.removesuffix(".parquet") in committed)
    return sorted(ledgers, key=lambda name: (len(name), name))


def _find_retried(root: str, names: list[str]) -> dict[int, int]:
    """Return, for images with a row in several ledgers, hash of uid -> position of the last such ledger."""
    hashes = [_hash_uids(root, name) for name in names]
    values, counts = np.unique(np.concatenate(hashes), return_counts=True) if hashes else (np.empty(0), np.empty(0))
    repeated = values[counts > 1]
    return {
        int(value): position
        for position, ledger in enumerate(hashes if repeated.size else [])
        for value in ledger[np.isin(ledger, repeated)]
    }


def _hash_uids(root: str, name: str) -> Hashes:
    parts = [_hash_column(batch) for batch in _read_batches(root, name, ("uid",))]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _hash_column(batch: pa.Table) -> Hashes:
    """Return 64-bit hashes of column uid; good within this process only."""
    uids: list[str] = batch["uid"].to_pylist()
    return np.fromiter(map(hash, uids), np.int64, len(uids))


def _without_superseded(batch: pa.Table, position: int, last_ledger: dict[int, int]) -> pa.Table:
    if not last_ledger:
        return batch
    keep = [last_ledger.get(value, position) == position for value in _hash_column(batch).tolist()]
    return batch.filter(pa.array(keep, pa.bool_()))


def _add_batch(tally: LedgerTally, batch: pa.Table) -> None:
    fetched = pc.fill_null(pc.equal(batch["status"], SUCCESS), False)
    succeeded, failed = batch.filter(fetched), batch.filter(pc.invert(fetched))
    tally.tried.update(_count(batch["dataset"]))
    tally.fetched.update(_count(succeeded["dataset"]))
    tally.causes.update(_count(pc.coalesce(failed["cause"], failed["status"], pa.scalar("unknown"))))
    tally.original_sides.update(_count_sides(succeeded, "original_width", "original_height"))
    tally.stored_sides.update(_count_sides(succeeded, "width", "height"))
    tally.hash_matches.update(_count(pc.drop_null(succeeded["hash_matches"])))


def _count_sides(batch: pa.Table, width: str, height: str) -> dict[int, int]:
    shorter = pc.min_element_wise(batch[width], batch[height], skip_nulls=False)
    return {int(side): number for side, number in _count(pc.drop_null(shorter)).items()}


def _count(column: Any) -> dict[Any, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}


def _read_batches(root: str, name: str, columns: tuple[str, ...]) -> Iterator[pa.Table]:
    """Yield tables with exactly `columns`; one that the ledger lacks is null, a missing `dataset` is read off the uid."""
    url = io.join(root, "images", name)
    marker = url.removesuffix(".parquet") + STATS_SUFFIX
    with io.local_copy(url) as path:
        try:
            ledger = pq.ParquetFile(path)
            present = [column for column in columns if column in ledger.schema_arrow.names]
            if "uid" not in present:
                raise ShardError(f"{url} has no column uid; remove {marker} and run `dataengine fetch` again")
            for batch in ledger.iter_batches(batch_size=_BATCH_ROWS, columns=present):
                yield _complete(pa.Table.from_batches([batch]), columns)
        except BROKEN_PARQUET as error:
            raise ShardError(
                f"{url} is no ledger: {error}; remove {marker} and run `dataengine fetch` again"
            ) from error


def _complete(batch: pa.Table, columns: tuple[str, ...]) -> pa.Table:
    return pa.table({column: _typed_column(batch, column) for column in columns})


def _typed_column(batch: pa.Table, column: str) -> Any:
    kind = pa.int32() if column.endswith(("width", "height")) else pa.string()
    if column in batch.column_names:
        return batch[column].cast(kind)
    if column == "dataset":
        return pa.array([uid.rpartition("-")[0] for uid in batch["uid"].to_pylist()], kind)
    return pa.nulls(batch.num_rows, kind)
