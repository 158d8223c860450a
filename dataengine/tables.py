"""Arrow schemas of records/*.parquet and images/*.parquet, and the way from and to `CaptionRecord`."""

from __future__ import annotations

import io as bytesio
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataengine import io
from dataengine.errors import ShardError
from dataengine.records import CaptionRecord, Region, TagClaim, Text

_TEXT = pa.struct(
    [
        ("original", pa.string()), ("text", pa.string()), ("kind", pa.string()), ("by", pa.string()),
        ("source", pa.string()), ("dataset", pa.string()), ("region", pa.int32()), ("score", pa.float32()), ("num_images", pa.int32()),
        ("tags", pa.list_(pa.int32())), ("implied", pa.list_(pa.int32())), ("dropped_tags", pa.list_(pa.int32())),
        ("graph", pa.string()), ("drop", pa.string()),
    ]
)  # fmt: skip
_REGION = pa.struct([("box", pa.list_(pa.float32())), ("by", pa.string())])
_TAG = pa.struct(
    [
        ("id", pa.int32()),
        ("state", pa.int8()),
        ("by", pa.list_(pa.string())),
        ("score", pa.float32()),
        ("drop", pa.string()),
    ]
)
BROKEN_PARQUET = (pa.ArrowException, OSError, ValueError, TypeError, KeyError)
"""What reading a parquet file raises where it is damaged, or is another one: most damage comes as a bare OSError."""
RECORD_SCHEMA = pa.schema(
    [
        ("uid", pa.string()), ("dataset", pa.string()), ("source_id", pa.string()), ("url", pa.string()),
        ("local", pa.string()), ("split", pa.string()), ("license", pa.string()), ("width", pa.int32()),
        ("height", pa.int32()), ("same_as", pa.list_(pa.string())), ("sha256", pa.string()), ("md5", pa.string()),
        ("texts", pa.list_(_TEXT)), ("regions", pa.list_(_REGION)), ("tags", pa.list_(_TAG)), ("negatives", pa.string()),
        ("labels", pa.string()), ("merged", pa.list_(pa.string())), ("drop", pa.string()), ("pinned", pa.bool_()),
    ]
)  # fmt: skip
"""One row an image, its texts and their tags, or why it was dropped."""

LEDGER_COLUMNS = [
    ("uid", pa.string()), ("cause", pa.string()), ("http_status", pa.int32()), ("attempts", pa.int32()),
    ("final_url", pa.string()), ("sha256_original", pa.string()), ("md5_original", pa.string()),
    ("hash_matches", pa.bool_()),
]  # fmt: skip
"""What images/*.parquet holds beside img2dataset's own columns; a row for every URL, failed ones too."""


def record_to_row(record: CaptionRecord) -> dict[str, Any]:
    """Return `record` as a row of RECORD_SCHEMA; its lists of numbers and names are the record's own."""
    row = _fields_of(record)
    for name in ("texts", "regions", "tags"):
        row[name] = [_fields_of(item) for item in row[name]]
    return row


def _fields_of(item: Any) -> dict[str, Any]:
    # dataclasses.asdict copies every value deeply: ten times the time, and the table copies once more.
    return {name: getattr(item, name) for name in item.__slots__}


def record_from_row(row: dict[str, Any]) -> CaptionRecord:
    """Return the record that a row of RECORD_SCHEMA holds."""
    fields = dict(row)
    fields["texts"] = [Text(**text) for text in row["texts"] or ()]
    fields["regions"] = [Region(box=tuple(region["box"]), by=region["by"]) for region in row["regions"] or ()]
    fields["tags"] = [TagClaim(**tag) for tag in row["tags"] or ()]
    return CaptionRecord(**fields)


def write_records(records: Iterable[CaptionRecord], url: str) -> None:
    """Commit `records` as one parquet file at `url`."""
    write_table(pa.Table.from_pylist([record_to_row(record) for record in records], schema=RECORD_SCHEMA), url)


def read_records(url: str) -> Iterator[CaptionRecord]:
    """Yield the records of one parquet file, a row group at a time. Raises ShardError where it is not such a file."""
    with io.local_copy(url) as path:
        try:
            for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
                yield from map(record_from_row, batch.to_pylist())
        except BROKEN_PARQUET as error:
            raise ShardError(f"{url} is not a records file: {error}; remove it and plan again with --replan") from error


def read_table(url: str) -> pa.Table:
    """Return a whole parquet file. Raises ShardError where it can't be read as one."""
    content = io.read_bytes(url)
    try:
        return pq.read_table(bytesio.BytesIO(content))
    except BROKEN_PARQUET as error:
        raise ShardError(f"{url} is not a parquet file: {error}") from error


def write_table(table: pa.Table, url: str) -> None:
    """Commit `table` as a parquet file at `url`; equal tables give equal bytes."""
    sink = bytesio.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=1024)
    io.commit_bytes(sink.getvalue(), url)
