"""Files of captions read row by row: jsonl, csv, tsv, parquet, plain text. A row that can't be read is yielded as rejected.

Columns: `id`, `caption` (also `text`, `TEXT`), `source`. Without an id a row has its 0-based number in the file, rejected
and blank rows counted. Memory does not grow with the file.
"""

from __future__ import annotations

import io as textio
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from dataengine import io
from dataengine.csv_rows import BrokenLine, csv_rows
from dataengine.errors import AnnotationsError, ConfigError
from dataengine.extras import require
from dataengine.records import RejectedRow
from dataengine.row_groups import read_batches

CAPTION_COLUMNS = ("caption", "text", "TEXT")
"""Names of the caption's column, the first one present is taken."""
STANDARD_STREAM = "-"
ROWS_A_BATCH = 8192

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PLAIN_IDS = frozenset({str, int, type(None)})


class CaptionRow(NamedTuple):
    """One caption of a file; `source` is the value of the source column as it stands there, None without one."""

    id: str
    caption: str
    source: str | None = None


def read_captions(url: str) -> Iterator[CaptionRow | RejectedRow]:
    """Yield the rows of the file at `url` ("-": standard input, whose first character tells jsonl from plain text).

    A rejected row's value is the row itself, whole. Raises ConfigError for an unknown suffix, AnnotationsError for a
    file that is not what its suffix says or has no caption column, StorageError for one that can't be opened.
    """
    if url == STANDARD_STREAM:
        yield from _read_standard_input(sys.stdin.buffer)
        return
    read = READERS.get(suffix_of(url))
    if read is None:
        raise ConfigError(f"{url!r}: captions are read from files that end in {', '.join(READERS)}")
    with io.local_copy(url) as path, io.open_read(str(path)) as stream:
        _refuse_utf16(stream, url)
        yield from read(stream, url)


def suffix_of(url: str) -> str:
    """Return the suffix of a path or address in lower case."""
    return PurePosixPath(url).suffix.lower()


def _refuse_utf16(stream: BinaryIO, url: str) -> None:
    if stream.read(2) in _UTF16_MARKS:
        raise AnnotationsError(f"{url} is UTF-16; save it as UTF-8: iconv -f UTF-16 -t UTF-8")
    stream.seek(0)


# ----------------------------------------------------------------------------------------------------------- lines


def _read_standard_input(stream: BinaryIO) -> Iterator[CaptionRow | RejectedRow]:
    """Read jsonl where the first line that is not blank begins with a brace, else a caption a line."""
    head: list[bytes] = []
    for raw in stream:
        head.append(raw)
        if raw.strip():
            break
    lines = itertools.chain(head, stream)
    is_json = bool(head) and head[-1].removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{")
    yield from (_json_rows if is_json else _text_rows)(lines, "standard input")


def _json_rows(lines: Iterator[bytes], name: str) -> Iterator[CaptionRow | RejectedRow]:
    for number, raw in enumerate(lines):
        raw = raw.removeprefix(_BYTE_ORDER_MARK) if number == 0 else raw
        if raw.strip():
            yield _json_row(raw, number, f"{name}:{number + 1}")


def _json_row(raw: bytes, number: int, where: str) -> CaptionRow | RejectedRow:
    try:
        line = raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return RejectedRow(where, "not_utf8", raw.decode("utf-8", "backslashreplace").rstrip("\r\n"))
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return RejectedRow(where, "broken_json", line)
    if not isinstance(fields, dict):
        return RejectedRow(where, "not_an_object", line)
    return _row(fields, number, where, lambda: line)


def _text_rows(lines: Iterator[bytes], name: str) -> Iterator[CaptionRow | RejectedRow]:
    for number, raw in enumerate(lines):
        line = (raw.removeprefix(_BYTE_ORDER_MARK) if number == 0 else raw).rstrip(b"\r\n")
        try:
            yield CaptionRow(str(number), line.decode("utf-8"))
        except UnicodeDecodeError:
            yield RejectedRow(f"{name}:{number + 1}", "not_utf8", line.decode("utf-8", "backslashreplace"))


def _row(fields: Mapping[str, Any], number: int, where: str, value: Callable[[], str]) -> CaptionRow | RejectedRow:
    """Return the row that `fields` hold; `value` gives the whole row as text where it has to be rejected."""
    caption = next((fields[name] for name in CAPTION_COLUMNS if fields.get(name) is not None), None)
    if caption is None:
        return RejectedRow(where, "no_caption", value())
    if not isinstance(caption, str):
        return RejectedRow(where, "caption_not_text", value())
    row_id, source = fields.get("id"), fields.get("source")
    if isinstance(row_id, dict | list):
        return RejectedRow(where, "id_not_text", value())
    has_id = row_id is not None and row_id != ""
    return CaptionRow(str(row_id) if has_id else str(number), caption, None if source is None else str(source))


# --------------------------------------------------------------------------------------------------------- columns


def _csv_rows(stream: BinaryIO, name: str) -> Iterator[CaptionRow | RejectedRow]:
    return _separated_rows(csv_rows(_numbered_lines(stream)), name)


def _tsv_rows(stream: BinaryIO, name: str) -> Iterator[CaptionRow | RejectedRow]:
    """Read with quoting off: the TSVs of this field hold bare quotes."""
    lines = ((number, line.rstrip("\r\n")) for number, line in _numbered_lines(stream))
    return _separated_rows(((number, line.split("\t") if line else []) for number, line in lines), name)


def _numbered_lines(stream: BinaryIO) -> Iterator[tuple[int, str]]:
    text = textio.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    return enumerate(text, start=1)


def _separated_rows(
    rows: Iterator[tuple[int, list[str] | BrokenLine]], name: str
) -> Iterator[CaptionRow | RejectedRow]:
    _, columns = next(rows, (1, []))
    if isinstance(columns, BrokenLine):
        raise AnnotationsError(f"{name}: its first line is no row of column names: {columns.cause}")
    _require_caption_column(columns, name)
    for number, (line_number, cells) in enumerate(rows):
        where = f"{name}:{line_number}"
        if isinstance(cells, BrokenLine):
            yield RejectedRow(where, "broken_csv", cells.text)
        else:
            yield _separated_row(columns, cells, number, where)


def _separated_row(columns: Sequence[str], cells: Sequence[str], number: int, where: str) -> CaptionRow | RejectedRow:
    if not cells:
        return RejectedRow(where, "no_caption", "")
    if any(_has_escaped_bytes(cell) for cell in cells):
        raw = ",".join(cells).encode("utf-8", "surrogateescape")
        return RejectedRow(where, "not_utf8", raw.decode("utf-8", "backslashreplace"))
    if len(cells) > len(columns):
        return RejectedRow(where, "too_many_columns", json.dumps(list(cells), ensure_ascii=False))
    fields = dict(zip(columns, cells, strict=False))
    return _row(fields, number, where, lambda: json.dumps(fields, ensure_ascii=False))


def _has_escaped_bytes(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)


def _require_caption_column(columns: Sequence[str], name: str) -> None:
    if not any(column in columns for column in CAPTION_COLUMNS):
        raise AnnotationsError(
            f"{name} has no column {', '.join(CAPTION_COLUMNS[:-1])} or {CAPTION_COLUMNS[-1]}; "
            f"its columns are: {', '.join(map(repr, columns)) or 'none'}"
        )


def _parquet_rows(stream: BinaryIO, name: str) -> Iterator[CaptionRow | RejectedRow]:
    pa, pq = require("pyarrow", "build"), require("pyarrow.parquet", "build")
    try:
        table = pq.ParquetFile(stream)
    except pa.ArrowInvalid as error:
        raise AnnotationsError(f"{name} is not a parquet file: {error}") from error
    present = table.schema_arrow.names
    _require_caption_column(present, name)
    columns = [column for column in ("id", *CAPTION_COLUMNS, "source") if column in present]
    number = 0
    for batch in read_batches(table, columns, ROWS_A_BATCH):
        yield from _batch_rows({column: _cells(batch.column(column), pa) for column in columns}, number, name)
        number += batch.num_rows


def _batch_rows(cells: Mapping[str, list[Any]], number: int, name: str) -> Iterator[CaptionRow | RejectedRow]:
    """Yield the rows of a batch whose first has this number. Plain rows take a short way: reading is a cost a caption."""
    nothing = itertools.repeat(None)
    captions = next(cells[column] for column in CAPTION_COLUMNS if column in cells)
    columns = zip(captions, cells.get("id", nothing), cells.get("source", nothing), strict=False)
    for place, (caption, row_id, source) in enumerate(columns):
        if type(caption) is str and type(row_id) in _PLAIN_IDS and (source is None or type(source) is str):
            has_id = row_id is not None and row_id != ""
            yield CaptionRow(str(row_id) if has_id else str(number + place), caption, source)
        else:
            fields = {column: values[place] for column, values in cells.items()}
            yield _parquet_row(fields, number + place, f"{name}#{number + place}")


def _cells(column: Any, pa: Any) -> list[Any]:
    """Return a column's values; a string column may hold bytes that are not UTF-8, then its values are bytes."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            column = column.cast(pa.large_binary())
    values: list[Any] = column.to_pylist()
    return values


def _parquet_row(fields: dict[str, Any], number: int, where: str) -> CaptionRow | RejectedRow:
    try:
        decoded = {name: cell.decode("utf-8") if isinstance(cell, bytes) else cell for name, cell in fields.items()}
    except UnicodeDecodeError:
        return RejectedRow(where, "not_utf8", repr(fields))
    return _row(decoded, number, where, lambda: repr(decoded))


READERS: Mapping[str, Callable[[BinaryIO, str], Iterator[CaptionRow | RejectedRow]]] = {
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".csv": _csv_rows,
    ".tsv": _tsv_rows,
    ".parquet": _parquet_rows,
    ".txt": _text_rows,
}
"""Suffix -> reader of an open file."""
