"""A stray quotation mark costs its own line; what is quoted well is read as csv says."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.csv_rows import MAX_CELL_CHARS, BrokenLine, csv_rows


def read(text: str) -> list[list[str] | str]:
    """Return the cells of each row; a broken line is its text."""
    rows = csv_rows(enumerate(text.splitlines(keepends=True), start=1))
    return [cells.text if isinstance(cells, BrokenLine) else cells for _, cells in rows]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ('a,b\r\n1,"x ""y"", z"\r\n', [["a", "b"], ["1", 'x "y", z']]),
        ('a,b\n1,"two\nlines"\n2,3', [["a", "b"], ["1", "two\nlines"], ["2", "3"]]),
        ("a,b\n\n1\n1,2,3\n", [["a", "b"], [], ["1"], ["1", "2", "3"]]),
        ('a,b\n1,"open\n2,x\n3,y\n', [["a", "b"], '1,"open', ["2", "x"], ["3", "y"]]),
        ('a,b\n1,"open\n2,"x, y"\n3,z\n', [["a", "b"], '1,"open', ["2", "x, y"], ["3", "z"]]),
        ('a,b\n1,"open\n2,x\n3,"open too\n4,y\n', [["a", "b"], '1,"open', ["2", "x"], '3,"open too', ["4", "y"]]),
        ('a,b\n1,"a" dog "b"\n2,5" disk\n', [["a", "b"], ["1", 'a dog "b"'], ["2", '5" disk']]),
        ("", []),
    ],
)
def test_rows(text: str, rows: list[list[str] | str]) -> None:
    assert read(text) == rows


def test_a_mark_that_nothing_closes_in_a_large_file_costs_one_line() -> None:
    num_lines = MAX_CELL_CHARS // 1000 + 100
    lines = ["id,caption", '0,"open', *(f"{number},{'x' * 1000}" for number in range(1, num_lines))]
    found = list(csv_rows(enumerate(lines, start=1)))
    assert [number for number, _ in found] == list(range(1, num_lines + 2))
    assert [number for number, cells in found if isinstance(cells, BrokenLine)] == [2]


@given(st.lists(st.tuples(st.text("ab,\"\n'é", max_size=8), st.text('ab,"\n ', max_size=8)), min_size=1, max_size=8))
def test_what_csv_writes_is_read_back(rows: list[tuple[str, str]]) -> None:
    sink = io.StringIO()
    csv.writer(sink).writerows([("a", "b"), *rows])
    found = csv_rows(enumerate(io.StringIO(sink.getvalue(), newline=""), start=1))
    assert [cells for _, cells in found] == [["a", "b"], *map(list, rows)]


@given(st.lists(st.text('a,"', max_size=6), max_size=12))
def test_every_line_is_in_some_row(lines: list[str]) -> None:
    numbered = [f"{number}{line}" for number, line in enumerate(lines)]
    found = csv_rows(enumerate(numbered, start=1))
    text = "\n".join(cells.text if isinstance(cells, BrokenLine) else ",".join(cells) for _, cells in found)
    assert all(str(number) in text for number in range(len(lines)))
