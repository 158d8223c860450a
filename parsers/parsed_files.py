"""A file of captions parsed into a file of tags and graphs: streamed, committed whole, no row lost.

The output's suffix says its format. Rows that could not be read stand beside it, in OUTPUT.rejected.jsonl, with reasons.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dataengine import io
from dataengine.errors import ConfigError, StorageError
from dataengine.parsers.caption_files import STANDARD_STREAM, CaptionRow, read_captions
from dataengine.parsers.json_form import dump
from dataengine.parsers.output_formats import JSON_LINES, OutputFormat, format_of
from dataengine.parsers.parser import Parser
from dataengine.parsers.source_rules import resolve_source, source_rules
from dataengine.parsers.workers import make_chunks, parse_chunks
from dataengine.records import RejectedRow

ROWS_A_CHUNK = 8192
"""Rows parsed, encoded and written at once; a row group of parquet."""
ROWS_A_CHUNK_OF_A_STREAM = 256
"""The same where the answers go to standard output: somebody may be waiting for the first."""
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


@dataclass(frozen=True, slots=True)
class _Job:
    """How one file is parsed."""

    parser: Parser
    default_source: str | None
    num_workers: int
    report: FileReport


def parse_file(
    parser: Parser, source_url: str, output_url: str, default_source: str | None = None, num_workers: int = 1
) -> FileReport:
    """Parse the captions of one file into another ("-": standard input, standard output as jsonl), in the order read.

    More than one worker parse in processes of their own, to the same output. A row's own source wins over
    `default_source`; an unknown one is read as plain and counted. Raises ConfigError for suffixes and sources that are
    not known, AnnotationsError and StorageError as reading and writing do, BrokenPipeError where nobody reads standard
    output any more, DataEngineError where a worker dies.
    """
    source_rules(default_source)
    report = FileReport()
    job = _Job(parser, default_source, num_workers, report)
    if output_url == STANDARD_STREAM:
        with _write_errors("standard output"):
            rows = _read_rows(source_url, _RejectedLog(sys.stderr.buffer, report))
            _write_all(job, rows, JSON_LINES, sys.stdout.buffer, ROWS_A_CHUNK_OF_A_STREAM)
        return report
    if output_url == source_url:
        raise ConfigError(f"--output is the input, {source_url!r}; give another file")
    parent, _, name = output_url.rpartition("/")
    output_format = format_of(output_url)
    with _write_errors(output_url), io.staging_dir(parent or ("/" if output_url.startswith("/") else ".")) as staging:
        log, done = staging / "rejected", staging / name
        with done.open("wb") as stream, log.open("wb") as log_stream:
            rows = _read_rows(source_url, _RejectedLog(log_stream, report))
            _write_all(job, rows, output_format, stream, ROWS_A_CHUNK)
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
    job: _Job, rows: Iterator[CaptionRow], output_format: OutputFormat, stream: BinaryIO, rows_a_chunk: int
) -> None:
    chunks = make_chunks(_with_sources(rows, job), rows_a_chunk)
    with (
        contextlib.closing(output_format.open_writer(stream)) as writer,
        contextlib.closing(parse_chunks(job.parser, output_format.encode, chunks, job.num_workers)) as parsed_chunks,
    ):
        for parsed_chunk in parsed_chunks:
            writer.write(parsed_chunk)


def _with_sources(rows: Iterator[CaptionRow], job: _Job) -> Iterator[tuple[str, str, str | None]]:
    """Yield id, caption and resolved source of the rows, counted."""
    for row in rows:
        job.report.num_parsed += 1
        yield row.id, row.caption, _source(row, job.default_source, job.report)


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


@contextlib.contextmanager
def _write_errors(url: str) -> Iterator[None]:
    """Turn an OSError while writing into a StorageError that names the output; a broken pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"cannot write {url}: {error.strerror or error}") from error
