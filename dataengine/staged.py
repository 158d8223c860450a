"""The rows of one shard on their way from the plan's driver to a worker, which merges the rows of each image.

The driver is one process for all shards, so it hands rows on as it stored them; whatever is done row by row is done here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from dataengine.errors import ShardError
from dataengine.merging import merge_records
from dataengine.records import CaptionRecord, Region, TagClaim, Text
from dataengine.tables import read_table, write_table

_SCHEMA = pa.schema([("uid", pa.string()), ("payloads", pa.list_(pa.string()))])
_REPEATS = b"repeats"

_DEFAULTS: dict[type, dict[str, Any]] = {
    kind: {
        field.name: field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        for field in dataclasses.fields(kind)
    }
    for kind in (CaptionRecord, Text)
}


def write_staged(rows: Iterable[tuple[str, list[str]]], repeats: Mapping[int, int], url: str) -> None:
    """Commit (uid, the payloads of its rows) pairs, and how many pictures carry each repeated caption of theirs."""
    uids, payloads = [], []
    for uid, parts in rows:
        uids.append(uid)
        payloads.append(parts)
    schema = _SCHEMA.with_metadata({_REPEATS: json.dumps(list(repeats.items()))})
    write_table(pa.table([uids, payloads], schema=schema), url)


def read_staged(url: str) -> Iterator[CaptionRecord]:
    """Yield the merged records of a staged shard, in uid order. Raises ShardError where it is none."""
    table = read_table(url)
    try:
        repeats = dict(json.loads(table.schema.metadata[_REPEATS]))
        rows = zip(table["uid"].to_pylist(), table["payloads"].to_pylist(), strict=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ShardError(f"{url} is no staged shard: {error!r}; run `dataengine plan` again") from error
    yield from merge_rows(rows, repeats)


def merge_rows(rows: Iterable[tuple[str, list[str]]], repeats: Mapping[int, int]) -> Iterator[CaptionRecord]:
    """Yield a record an image, each alt-text with the number of pictures that carry it."""
    for uid, payloads in rows:
        record = merge_records(uid, [load_record(payload) for payload in payloads])
        for text in record.texts:
            if text.kind == "alt":
                text.num_images = repeats.get(caption_hash(text.original), 1)
        yield record


def caption_hash(caption: str) -> int:
    """Return 64 bits that captions share when they differ in case and white space only."""
    return hash_64(" ".join(caption.lower().split()))


def hash_64(text: str) -> int:
    """Return 64 bits of a hash of `text`; for 12M texts the chance that any two share them is below 1 in 100,000."""
    digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def dump_record(record: CaptionRecord) -> str:
    """Return `record` as JSON, without the fields that have their default."""
    row = _sparse(record)
    if record.texts:
        row["texts"] = [_sparse(text) for text in record.texts]
    for name in ("regions", "tags"):
        if name in row:
            row[name] = [dataclasses.asdict(item) for item in row[name]]
    return json.dumps(row, ensure_ascii=True, separators=(",", ":"))


def load_record(payload: str) -> CaptionRecord:
    """Return the record that `dump_record` wrote."""
    row = json.loads(payload)
    row["texts"] = [Text(**text) for text in row.get("texts", ())]
    row["regions"] = [Region(box=tuple(region["box"]), by=region["by"]) for region in row.get("regions", ())]
    row["tags"] = [TagClaim(**tag) for tag in row.get("tags", ())]
    return CaptionRecord(**row)


def _sparse(item: Any) -> dict[str, Any]:
    """Return the fields of a record or text that differ from their defaults."""
    defaults = _DEFAULTS[type(item)]
    values = ((name, getattr(item, name)) for name in defaults)
    return {name: value for name, value in values if value != defaults[name]}
