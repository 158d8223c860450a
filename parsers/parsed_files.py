"""A file of captions parsed into a file of tags and graphs: streamed, committed whole, no row lost.

The output's suffix says its format. Rows that could not be read stand beside it, in OUTPUT.rejected.jsonl, with reasons.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from dataengine import io
from dataengine.errors import ConfigError, StorageError
from dataengine.extras import require
from dataengine.parsers.caption_files import STANDARD_STREAM, CaptionRow, read_captions, suffix_of
from dataengine.parsers.json_form import dump, evidence_json, graph_json, to_json_object
from dataengine.parsers.parser import Parser
from dataengine.parsers.source_rules import resolve_source, source_rules
from dataengine.records import ParsedCaption, RejectedRow

ROWS_A_GROUP = 8192
_NAMED_SOURCES = 20


@dataclass(slots=True)
class FileReport:
    """What became of a file's rows."""

    num_parsed: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    """Reason -> rows."""
    rejected_url: str | None = None
    """Where the rejected rows are; None without any, and where they went to standard error."""
    num_unknown_sources: int = 0
    """Rows whose source is unknown, read as plain."""
    unknown_sources: list[str] = field(default_factory=list)
    """The first of those sources' names."""


class ParsedWriter(Protocol):
    """Takes parsed captions one by one."""

    def write(self, row_id: str, parsed: ParsedCaption) -> None:
        """Add one row."""

    def close(self) -> None:
        """Write what is left."""


def parse_file(parser: Parser, source_url: str, output_url: str, default_source: str | None = None) -> FileReport:
    """Parse the captions of one file into another ("-": standard input, standard output as jsonl), in the order read.

    A row's own source wins over `default_source`; an unknown one is read as plain and counted. Raises ConfigError for
    suffixes and sources that are not known, AnnotationsError and
    StorageError as reading and writing do, BrokenPipeError where nobody reads standard output any more.
    """
    source_rules(default_source)
    report = FileReport()
    if output_url == STANDARD_STREAM:
        with _write_errors("standard output"):
            rows = _read_rows(source_url, _RejectedLog(sys.stderr.buffer, report))
            _write_all(parser, rows, JsonWriter(sys.stdout.buffer), default_source, report)
        return report
    if output_url == source_url:
        raise ConfigError(f"--output is the input, {source_url!r}; give another file")
    parent, _, name = output_url.rpartition("/")
    writer_class = _writer_class(output_url)
    with _write_errors(output_url), io.staging_dir(parent or ("/" if output_url.startswith("/") else ".")) as staging:
        log, done = staging / "rejected", staging / name
        with done.open("wb") as stream, log.open("wb") as log_stream:
            rows = _read_rows(source_url, _RejectedLog(log_stream, report))
            _write_all(parser, rows, writer_class(stream), default_source, report)
        _commit(done, log, output_url, report)
    return report


def _commit(done: Path, log: Path, output_url: str, report: FileReport) -> None:
    """Commit the rejected rows, or remove those of an earlier run, then the output."""
    rejected_url = f"{output_url}.rejected.jsonl"
    if report.rejected:
        io.commit_file(log, rejected_url)
        report.rejected_url = rejected_url
    else:
        io.remove(rejected_url)
    io.commit_file(done, output_url)


def _write_all(
    parser: Parser, rows: Iterator[CaptionRow], writer: ParsedWriter, default_source: str | None, report: FileReport
) -> None:
    rows, captions, sources = itertools.tee(rows, 3)
    parsed_captions = parser.parse_many(
        (row.caption for row in captions), (_source(row, default_source, report) for row in sources)
    )
    for row, parsed in zip(rows, parsed_captions, strict=True):
        writer.write(row.id, parsed)
        report.num_parsed += 1
    writer.close()


def _source(row: CaptionRow, default_source: str | None, report: FileReport) -> str | None:
    if not row.source:
        return default_source
    source, known = resolve_source(row.source)
    if not known:
        report.num_unknown_sources += 1
        if row.source not in report.unknown_sources and len(report.unknown_sources) < _NAMED_SOURCES:
            report.unknown_sources.append(row.source)
    return source


class _RejectedLog:
    """Writes rejected rows as JSON lines and counts them."""

    def __init__(self, stream: BinaryIO, report: FileReport) -> None:
        self._stream = stream
        self._report = report

    def add(self, row: RejectedRow) -> None:
        self._report.rejected[row.reason] += 1
        line = dump({"where": row.where, "reason": row.reason, "value": row.value})
        self._stream.write(line.encode() + b"\n")


def _read_rows(source_url: str, log: _RejectedLog) -> Iterator[CaptionRow]:
    for row in read_captions(source_url):
        if isinstance(row, RejectedRow):
            log.add(row)
        else:
            yield row


# --------------------------------------------------------------------------------------------------------- writers


class JsonWriter:
    """Writes one JSON object a line."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, row_id: str, parsed: ParsedCaption) -> None:
        """Add one row."""
        self._stream.write(dump(to_json_object(parsed, row_id)).encode() + b"\n")

    def close(self) -> None:
        """Write what is left."""
        self._stream.flush()


class ParquetWriter:
    """Writes columns id, caption, tags, tag_ids, implied_ids, and evidence and graph as JSON strings, in row groups."""

    def __init__(self, stream: BinaryIO) -> None:
        self._pa, pq = require("pyarrow", "build"), require("pyarrow.parquet", "build")
        self._schema = _parquet_schema(self._pa)
        self._writer = pq.ParquetWriter(stream, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, row_id: str, parsed: ParsedCaption) -> None:
        """Add one row."""
        self._rows.append(
            {
                "id": _encodable(row_id),
                "caption": _encodable(parsed.caption),
                "tags": list(parsed.tags),
                "tag_ids": list(parsed.tag_ids),
                "implied_ids": list(parsed.implied_ids),
                "evidence": evidence_json(parsed),
                "graph": graph_json(parsed),
            }
        )
        if len(self._rows) == ROWS_A_GROUP:
            self._write_group()

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        self._writer.write_table(self._pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


def _parquet_schema(pa: Any) -> Any:
    ids = pa.list_(pa.int32())
    return pa.schema(
        [
            ("id", pa.string()), ("caption", pa.string()), ("tags", pa.list_(pa.string())), ("tag_ids", ids),
            ("implied_ids", ids), ("evidence", pa.string()), ("graph", pa.string()),
        ]
    )  # fmt: skip


def _encodable(text: str) -> str:
    """Return `text` with half surrogate pairs, which UTF-8 has no bytes for, replaced one by one: offsets stay."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _writer_class(url: str) -> type[JsonWriter | ParquetWriter]:
    writers = {".jsonl": JsonWriter, ".ndjson": JsonWriter, ".parquet": ParquetWriter}
    try:
        return writers[suffix_of(url)]  # type: ignore[return-value]
    except KeyError:
        raise ConfigError(f"--output {url!r}: give a file that ends in {', '.join(writers)}, or -") from None


@contextlib.contextmanager
def _write_errors(url: str) -> Iterator[None]:
    """Turn an OSError while writing into a StorageError that names the output; a broken pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"cannot write {url}: {error.strerror or error}") from error
