"""Rows of comma-separated text of which no line is lost: a stray quotation mark costs its own line, not the rest of the file.

Python's reader takes everything up to the next mark, or to the end of the file, for one cell.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_CELL_CHARS = 16 << 20
"""A longer cell is a quotation mark that nothing closes."""


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that is no row."""

    text: str
    cause: str


def csv_rows(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str] | BrokenLine]]:
    """Yield (number of its first line, cells) for every row of the numbered `lines`, as wide as the first or not.

    A row that runs over several lines and ends wrongly, or is not as wide as the first, is read again line by line.
    """
    csv.field_size_limit(MAX_CELL_CHARS)  # of the whole process; the default would cut a caption of 20,000 words
    taken: list[tuple[int, str]] = []
    reader = csv.reader(_noting(lines, taken), strict=True)
    width: int | None = None
    while True:
        taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error:
            yield from ((number, _one_line(line)) for number, line in taken)
            continue
        if cells is None:
            return
        width = width or len(cells) or None
        if len(taken) > 1 and len(cells) != width:
            yield from ((number, _one_line(line)) for number, line in taken)
        else:
            yield taken[0][0], cells


def _noting(lines: Iterable[tuple[int, str]], taken: list[tuple[int, str]]) -> Iterator[str]:
    """Yield the lines, each with its end, and note in `taken` what the reader took for the present row."""
    for number, line in lines:
        line = line.rstrip("\r\n")
        taken.append((number, line))
        yield line + "\n"


def _one_line(line: str) -> list[str] | BrokenLine:
    """Return the cells of a line by itself; marks amid a cell are letters, but an odd number of them says nothing."""
    if line.count('"') % 2:
        return BrokenLine(line, "a quotation mark that nothing closes")
    try:
        return next(csv.reader([line]), [])
    except csv.Error as error:
        return BrokenLine(line, str(error))
