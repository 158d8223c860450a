"""Parsed captions as JSON lines or as parquet. A chunk is encoded where it was parsed and written where the file is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, Protocol

from dataengine.errors import ConfigError
from dataengine.extras import require
from dataengine.parsers.caption_files import suffix_of
from dataengine.parsers.json_form import dump, evidence_json, graph_json, to_json_object
from dataengine.records import ParsedCaption


class ChunkWriter(Protocol):
    """Takes encoded chunks in the order of their rows."""

    def write(self, chunk: Any) -> None:
        """Add one encoded chunk."""

    def close(self) -> None:
        """Write what is left."""


class OutputFormat(NamedTuple):
    """`encode` makes a chunk of (ids, parsed captions), which can be pickled; `open_writer` takes such chunks."""

    encode: Callable[[Sequence[str], Iterable[ParsedCaption]], Any]
    open_writer: Callable[[BinaryIO], ChunkWriter]


# ----------------------------------------------------------------------------------------------------------- jsonl


def encode_json(ids: Sequence[str], parsed_captions: Iterable[ParsedCaption]) -> bytes:
    """Return one JSON object a line."""
    pairs = zip(ids, parsed_captions, strict=True)
    return "".join([f"{dump(to_json_object(parsed, row_id))}\n" for row_id, parsed in pairs]).encode()


class JsonWriter:
    """Writes lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, chunk: bytes) -> None:
        """Add one encoded chunk."""
        self._stream.write(chunk)

    def close(self) -> None:
        """Write what is left."""
        self._stream.flush()


# --------------------------------------------------------------------------------------------------------- parquet


def encode_parquet(ids: Sequence[str], parsed_captions: Iterable[ParsedCaption]) -> Any:
    """Return a record batch: id, caption, tags, tag_ids, implied_ids, and evidence and graph as JSON strings.

    Each caption's objects are gone before the next one's are made: a chunk of them would keep the garbage collector busy.
    """
    pa = require("pyarrow", "build")
    captions: list[str] = []
    tags, tag_ids, implied_ids = _Lists(), _Lists(), _Lists()
    evidence: list[str] = []
    graphs: list[str | None] = []
    for parsed in parsed_captions:
        captions.append(parsed.caption)
        tags.add(parsed.tags)
        tag_ids.add(parsed.tag_ids)
        implied_ids.add(parsed.implied_ids)
        evidence.append(evidence_json(parsed))
        graphs.append(graph_json(parsed))
    columns = [
        _texts(ids, pa),
        _texts(captions, pa),
        tags.column(pa.string(), pa),
        tag_ids.column(pa.int32(), pa),
        implied_ids.column(pa.int32(), pa),
        pa.array(evidence, pa.string()),
        pa.array(graphs, pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_parquet_schema(pa))


class ParquetWriter:
    """Writes record batches, each as a row group."""

    def __init__(self, stream: BinaryIO) -> None:
        self._pa, pq = require("pyarrow", "build"), require("pyarrow.parquet", "build")
        self._writer = pq.ParquetWriter(stream, _parquet_schema(self._pa), compression="zstd")

    def write(self, chunk: Any) -> None:
        """Add one encoded chunk."""
        self._writer.write_table(self._pa.Table.from_batches([chunk]))

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def _parquet_schema(pa: Any) -> Any:
    ids = pa.list_(pa.int32())
    return pa.schema(
        [
            ("id", pa.string()), ("caption", pa.string()), ("tags", pa.list_(pa.string())), ("tag_ids", ids),
            ("implied_ids", ids), ("evidence", pa.string()), ("graph", pa.string()),
        ]
    )  # fmt: skip


def _texts(texts: Sequence[str], pa: Any) -> Any:
    """Return a string column; half surrogate pairs, which UTF-8 has no bytes for, are replaced one by one: offsets stay."""
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return pa.array([text.encode("utf-8", "replace").decode("utf-8") for text in texts], pa.string())


class _Lists:
    """A column of lists, kept flat."""

    __slots__ = ("_items", "_offsets")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._offsets = [0]

    def add(self, items: Iterable[Any]) -> None:
        self._items.extend(items)
        self._offsets.append(len(self._items))

    def column(self, item_type: Any, pa: Any) -> Any:
        return pa.ListArray.from_arrays(pa.array(self._offsets, pa.int32()), pa.array(self._items, item_type))


# ----------------------------------------------------------------------------------------------------------- choice

JSON_LINES = OutputFormat(encode_json, JsonWriter)
FORMATS: Mapping[str, OutputFormat] = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".parquet": OutputFormat(encode_parquet, ParquetWriter),
}
"""Suffix -> format."""


def format_of(url: str) -> OutputFormat:
    """Return the format that the suffix of an output's address names. Raises ConfigError for another suffix."""
    try:
        return FORMATS[suffix_of(url)]
    except KeyError:
        raise ConfigError(f"--output {url!r}: give a file that ends in {', '.join(FORMATS)}, or -") from None
