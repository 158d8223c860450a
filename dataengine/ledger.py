"""From what img2dataset wrote to what is committed: a ledger with a row for every picture, a tar that agrees.

img2dataset writes samples in the order in which they arrive and loses a row where its own loop fails; here rows are
completed and sorted, and the tar is read to its end and packed again in the order of its keys, without times.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from dataengine.download import Outcome, sample_key, shown_url
from dataengine.errors import ShardError
from dataengine.records import CaptionRecord
from dataengine.tables import BROKEN_PARQUET, LEDGER_COLUMNS

SUCCESS = "success"
FAILED_TO_DOWNLOAD = "failed_to_download"
FAILED_TO_RESIZE = "failed_to_resize"
MEMBERS = ("jpg", "json", "txt")
"""What a sample has in the tar, in the tar's order."""

Row: TypeAlias = dict[str, Any]


def build_rows(
    parquet: Path, shard_id: int, records: Sequence[CaptionRecord], outcomes: Mapping[int, Outcome]
) -> list[Row]:
    """Return one ledger row a record, in the records' order; one that img2dataset lost has cause `internal`.

    Raises:
        ShardError: img2dataset's table holds a row that is not of this shard, or one twice.
    """
    found = _rows_by_key(parquet)
    rows = []
    for index, record in enumerate(records):
        key = sample_key(index, shard_id, len(records))
        row = found.pop(key, None) or _lost_row(key, record)
        if row["uid"] != record.uid:
            raise ShardError(f"shard {shard_id}: row {key} is of {row['uid']}, not of {record.uid}; fetch it again")
        rows.append(_complete(row, record, outcomes.get(index, Outcome())))
    if found:
        raise ShardError(f"shard {shard_id}: {len(found)} rows of no record, such as {min(found)}; fetch it again")
    return rows


def write_ledger(rows: Sequence[Row], img2dataset_parquet: Path, path: Path) -> None:
    """Write `rows` to `path`: img2dataset's columns in its order, then `tables.LEDGER_COLUMNS`."""
    schema = pq.read_schema(img2dataset_parquet).remove_metadata()
    for name, kind in LEDGER_COLUMNS:
        if name not in schema.names:
            schema = schema.append(pa.field(name, kind))
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, compression="zstd")


def pack_tar(source: Path, target: Path, rows: Sequence[Row]) -> None:
    """Copy the samples of the successful `rows` to `target`, sorted, without times and owners: equal in, equal out.

    Raises:
        ShardError: `source` ends early, or a successful row lacks one of its members.
    """
    expected = [f"{row['key']}.{suffix}" for row in rows if row["status"] == SUCCESS for suffix in MEMBERS]
    try:
        with tarfile.open(source, "r:") as archive, tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as packed:
            members = {member.name: member for member in archive}
            for name in sorted(expected):
                _copy_member(archive, members[name], packed)
    except KeyError as error:
        raise ShardError(f"{source.name}: no member {error}, though its row says success; fetch it again") from error
    except (tarfile.TarError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ShardError(f"{source.name} is not a whole tar: {error}; fetch it again") from error


def _copy_member(archive: tarfile.TarFile, member: tarfile.TarInfo, packed: tarfile.TarFile) -> None:
    stream = archive.extractfile(member)
    data = stream.read() if stream is not None else b""
    if (not data and member.name.endswith(("jpg", "json"))) or len(data) != member.size:
        raise tarfile.ReadError(f"{member.name} ends early")
    copy = tarfile.TarInfo(member.name)
    copy.size, copy.mode = len(data), 0o444
    packed.addfile(copy, BytesIO(data))


def _rows_by_key(parquet: Path) -> dict[str, Row]:
    try:
        rows: list[Row] = pq.read_table(parquet).to_pylist()
    except BROKEN_PARQUET as error:
        raise ShardError(f"{parquet.name} is not a parquet file: {error}; fetch it again") from error
    by_key = {row["key"]: row for row in rows}
    if len(by_key) != len(rows):
        raise ShardError(f"{parquet.name} holds a key twice; fetch it again")
    return by_key


def _lost_row(key: str, record: CaptionRecord) -> Row:
    return {
        "url": shown_url(record),
        "uid": record.uid,
        "dataset": record.dataset,
        "key": key,
        "status": FAILED_TO_DOWNLOAD,
        "error_message": "internal: img2dataset lost the row; its reason is in the log",
    }


def _complete(row: Row, record: CaptionRecord, outcome: Outcome) -> Row:
    cause = None if row["status"] == SUCCESS else (row["error_message"] or "internal").partition(":")[0]
    return row | {
        "cause": cause,
        "http_status": outcome.http_status,
        "attempts": outcome.attempts,
        "final_url": outcome.final_url,
        "sha256_original": outcome.sha256,
        "md5_original": outcome.md5,
        "hash_matches": _hash_matches(record, outcome),
    }


def _hash_matches(record: CaptionRecord, outcome: Outcome) -> bool | None:
    """Return whether the address served the bytes whose hash was published; None where there is nothing to compare.

    A picture of this machine is another's copy, made smaller as a rule: the hash is not of its bytes.
    """
    if record.local is not None:
        return None
    pairs = ((record.sha256, outcome.sha256), (record.md5, outcome.md5))
    return next((published == served for published, served in pairs if published and served), None)
