"""Lines and columns of text files without quoting rules: a quotation mark is a character like any other."""

from __future__ import annotations

from collections.abc import Iterator

from dataengine.records import RejectedRow
from dataengine.sources.annotation_files import file_name, open_annotations
from dataengine.sources.rows import BadRow

MAX_LINE_BYTES = 1 << 20
"""A longer line is no row (a binary file has lines of any length); it is rejected without being held."""


def byte_lines(path: str) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number from 1, the line without its end); None in place of a line above MAX_LINE_BYTES."""
    with open_annotations(path) as stream:
        number = 0
        while line := stream.readline(MAX_LINE_BYTES):
            number += 1
            if len(line) < MAX_LINE_BYTES or line.endswith(b"\n"):
                yield number, line.rstrip(b"\r\n")
                continue
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield number, None


def decode_line(raw: bytes | None) -> str:
    """Return the line as text. Raises BadRow `not_utf8` or `line_too_long`."""
    if raw is None:
        raise BadRow("line_too_long")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadRow("not_utf8", raw.decode(errors="backslashreplace")) from None


def text_lines(path: str) -> Iterator[tuple[str, str | RejectedRow]]:
    """Yield (FILE:LINE, the line) for every line that is not empty; what can't be decoded is a RejectedRow."""
    name = file_name(path)
    for number, raw in byte_lines(path):
        where = f"{name}:{number}"
        try:
            line = decode_line(raw)
        except BadRow as problem:
            yield where, problem.at(where)
            continue
        if line:
            yield where, line


def tsv_rows(path: str, num_columns: int) -> Iterator[tuple[str, list[str] | RejectedRow]]:
    """Yield (FILE:LINE, columns) of a tab-separated file; a row of another width is rejected as `bad_columns`."""
    for where, line in text_lines(path):
        if isinstance(line, RejectedRow):
            yield where, line
            continue
        columns = line.split("\t")
        yield where, columns if len(columns) == num_columns else BadRow("bad_columns", line).at(where)
