"""A user's own list of addresses and captions: parquet, csv, tsv or jsonl, the text forms also gzipped.

Columns, in any case: `url`; `caption`, `text` or `alt`; optional `id`, `dataset`, `source`, `license`, `split`,
`width`, `height`, `sha256`, `md5`. A csv or tsv of two columns without header is read where the first row shows which
one is the address.
"""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

from dataengine.csv_rows import BrokenLine, csv_rows
from dataengine.errors import AnnotationsError, ConfigError
from dataengine.extras import require
from dataengine.io import exists, local_copy
from dataengine.records import CaptionRecord, ExpectedCounts, RejectedRow, TextKind
from dataengine.row_groups import read_batches
from dataengine.sources.annotation_files import file_name
from dataengine.sources.base import OfficialFile, SourceOptions
from dataengine.sources.rows import (
    BadRow,
    checked_hash,
    dataset_name,
    image_side,
    mapping,
    read_texts,
    text_field,
    valid_text,
    web_record,
)
from dataengine.sources.tsv import byte_lines, decode_line, text_lines
from dataengine.sources.web_addresses import looks_like_url

logger = logging.getLogger(__name__)

_COLUMNS = {
    "url": ("url", "image_url", "img_url"),
    "caption": ("caption", "captions", "text", "alt", "alt_text"),
    "id": ("id", "image_id"),
    **{name: (name,) for name in ("dataset", "source", "license", "split", "width", "height", "sha256", "md5")},
}
"""What a column means -> the names under which it is known."""
_TEXT_SOURCES = ("coco", "vg", "sbu", "cc3m", "cc12m", "alt", "plain")
_HUMAN_SOURCES = ("coco", "vg")
_ROWS_A_BATCH = 1000

Rows: TypeAlias = Iterator[tuple[str, Mapping[str, Any] | RejectedRow]]


class UrlListSource:
    """A list of addresses; the data set is named after the file unless a `dataset` column says otherwise."""

    name: ClassVar[str] = "url_list"
    FILES: ClassVar[tuple[OfficialFile, ...]] = ()

    def __init__(self, options: SourceOptions) -> None:
        """Find the file. Raises ConfigError without one, AnnotationsError where it is absent or of no known form."""
        if not options.url_list:
            raise ConfigError("the url_list source needs url_list: a parquet, csv, tsv or jsonl file")
        self._path = options.url_list
        if not exists(self._path):
            raise AnnotationsError(f"url_list: no file {self._path}")
        name = file_name(self._path).lower()
        stem, _, suffix = name.removesuffix(".gz").rpartition(".")
        if suffix not in _READERS or (suffix == "parquet" and name.endswith(".gz")):
            raise AnnotationsError(f"url_list: {self._path} is none of {', '.join(_READERS)} (text forms also .gz)")
        self._read = _READERS[suffix]
        self.dataset = dataset_name(stem)
        self.expected: ExpectedCounts | None = None

    def files(self) -> list[str]:
        """Return the path that `records` reads."""
        return [self._path]

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record a row. Raises AnnotationsError where no column holds addresses or captions."""
        unknown: Counter[str] = Counter()
        for where, row in self._read(self._path):
            if isinstance(row, RejectedRow):
                yield row
                continue
            try:
                for result in _read_row(row, self.dataset, unknown):
                    yield result.at(where) if isinstance(result, BadRow) else result
            except BadRow as problem:
                yield problem.at(where)
        for value, count in unknown.most_common():
            logger.warning("%s: source %r in %d rows is unknown; read as plain", self._path, value, count)


def _read_row(row: Mapping[str, Any], dataset: str, unknown: Counter[str]) -> Iterator[CaptionRecord | BadRow]:
    source, kind = _text_source(row.get("source"), unknown)
    texts, problems = read_texts(
        row.get("caption"), "caption", kind=kind, by="human" if kind == "human" else "web", source=source
    )
    yield from problems
    if not texts:
        return
    source_id, width, height = _string(row.get("id")), row.get("width"), row.get("height")
    yield web_record(
        dataset_name(_string(row.get("dataset")) or dataset),
        text_field(row, "url"),
        source_id,
        texts=texts,
        split=_string(row.get("split")) or "train",
        license=_string(row.get("license")),
        width=image_side(width),
        height=image_side(height),
        sha256=checked_hash(row.get("sha256"), 64),
        md5=checked_hash(row.get("md5"), 32),
    )


def _text_source(value: object, unknown: Counter[str]) -> tuple[str, TextKind]:
    """Return the parser's source and the kind of text; a list without a source column, and LAION, is alt-text."""
    name = (_string(value) or "alt").lower()
    if name == "laion":
        name = "alt"
    if name not in _TEXT_SOURCES:
        unknown[name] += 1
        name = "plain"
    return name, "human" if name in _HUMAN_SOURCES else "alt"


def _string(value: object) -> str | None:
    """Return `value` as a string, None for an empty cell (also NaN, which is how tables spell it)."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return valid_text(str(value)).strip() or None


def _named(names: Iterable[str], path: str) -> dict[str, int]:
    """Return meaning -> index of its column. Raises AnnotationsError where address or caption is not among `names`."""
    lower = [name.strip().lower() for name in names]
    found = {
        meaning: next(lower.index(name) for name in known if name in lower)
        for meaning, known in _COLUMNS.items()
        if any(name in lower for name in known)
    }
    for meaning in ("url", "caption"):
        if meaning not in found:
            raise AnnotationsError(
                f"{path}: no column for the {meaning} among {', '.join(lower)}; "
                f"name it one of {', '.join(_COLUMNS[meaning])}"
            )
    return found


def _parquet_rows(path: str) -> Rows:
    parquet = require("pyarrow.parquet", "build")
    name = file_name(path)
    with local_copy(path) as local:
        try:
            with parquet.ParquetFile(local) as file:
                columns = _named(file.schema_arrow.names, path)
                wanted = [file.schema_arrow.names[index] for index in columns.values()]
                number = 0
                for batch in read_batches(file, wanted, _ROWS_A_BATCH):
                    cells = [batch.column(column) for column in wanted]
                    for row in range(batch.num_rows):
                        yield f"{name}#{number}", _parquet_row(f"{name}#{number}", columns, cells, row)
                        number += 1
        except (require("pyarrow", "build").ArrowException, OSError) as error:
            raise AnnotationsError(f"cannot read {path}: {error}; it is cut short or no parquet file") from error


def _parquet_row(
    where: str, columns: Iterable[str], cells: Iterable[Any], index: int
) -> Mapping[str, Any] | RejectedRow:
    try:
        values = (column[index].as_py() for column in cells)
        return {
            meaning: value.decode() if isinstance(value, bytes) else value
            for meaning, value in zip(columns, values, strict=True)
        }
    except UnicodeDecodeError as error:
        return BadRow("not_utf8", str(error)).at(where)


def _jsonl_rows(path: str) -> Rows:
    for where, line in text_lines(path):
        if isinstance(line, RejectedRow):
            yield where, line
        elif line.strip():
            yield where, _json_row(where, line)


def _json_row(where: str, line: str) -> Mapping[str, Any] | RejectedRow:
    try:
        row = {str(name).lower(): value for name, value in mapping(json.loads(line)).items()}
    except (json.JSONDecodeError, RecursionError):
        return BadRow("broken_json", line).at(where)
    except BadRow as problem:
        return problem.at(where)
    return {
        meaning: next((row[name] for name in known if row.get(name) is not None), None)
        for meaning, known in _COLUMNS.items()
    }


def _tsv_rows(path: str) -> Rows:
    yield from _table_rows(
        path,
        ((where, line if isinstance(line, RejectedRow) else line.split("\t")) for where, line in text_lines(path)),
    )


def _csv_rows(path: str) -> Rows:
    yield from _table_rows(path, _csv_cells(path))


def _csv_cells(path: str) -> Iterator[tuple[str, list[str] | RejectedRow]]:
    """Yield the cells of every row, quoted as csv is; a line that can't be decoded is rejected before it is read."""
    rejected: list[RejectedRow] = []
    name = file_name(path)

    def lines() -> Iterator[tuple[int, str]]:
        for number, raw in byte_lines(path):
            try:
                yield number, decode_line(raw)
            except BadRow as problem:
                rejected.append(problem.at(f"{name}:{number}"))

    for number, cells in csv_rows(lines()):
        yield from ((row.where, row) for row in rejected)
        rejected.clear()
        where = f"{name}:{number}"
        if isinstance(cells, BrokenLine):
            yield where, BadRow("broken_csv", f"{cells.cause}: {cells.text}").at(where)
        elif cells:
            yield where, cells
    yield from ((row.where, row) for row in rejected)


def _table_rows(path: str, rows: Iterator[tuple[str, list[str] | RejectedRow]]) -> Rows:
    columns: dict[str, int] | None = None
    num_columns = 0
    for where, cells in rows:
        if isinstance(cells, RejectedRow):
            yield where, cells
            continue
        if columns is None:
            columns, is_header = _table_columns(path, cells)
            num_columns = len(cells)
            if is_header:
                continue
        if len(cells) != num_columns:
            yield where, BadRow("bad_columns", "\t".join(cells)).at(where)
            continue
        yield where, {meaning: cells[index] for meaning, index in columns.items()}


def _table_columns(path: str, first: list[str]) -> tuple[dict[str, int], bool]:
    """Return the columns and whether `first` is a header; without one, two columns are told apart by the address."""
    addresses = [index for index, cell in enumerate(first) if looks_like_url(cell)]
    if not addresses:
        return _named(first, path), True
    if len(first) != 2 or len(addresses) != 1:
        raise AnnotationsError(f"{path} has no header; begin it with a row of column names such as url, caption")
    return {"url": addresses[0], "caption": 1 - addresses[0]}, False


_READERS: dict[str, Callable[[str], Rows]] = {
    "parquet": _parquet_rows,
    "csv": _csv_rows,
    "tsv": _tsv_rows,
    "jsonl": _jsonl_rows,
}
