"""One figure of the benchmark, its target, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number. `met` is None where there is no target; `note` says what was measured, and how."""

    name: str
    ours: str
    peer: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None
    note: str = ""


def at_least(value: float, target: float, unit: str = "") -> tuple[str, bool]:
    """Return a target as text, and whether `value` reaches it."""
    return f">= {_number(target)}{unit}", value >= target


def at_most(value: float, target: float, unit: str = "") -> tuple[str, bool]:
    """Return a target as text, and whether `value` stays below it."""
    return f"<= {_number(target)}{unit}", value <= target


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as aligned lines, notes below."""
    rows = [["figure", "ours", "SceneGraphParser", "ratio", "target", ""]]
    rows += [[f.name, f.ours, f.peer, f.ratio, f.target, "" if f.met is None else verdict(f.met)] for f in figures]
    return "\n".join([*aligned(rows), *(f"  {figure.name}: {figure.note}" for figure in figures if figure.note)])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with straight columns; a rule stands under the first."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def verdict(met: bool) -> str:
    """Return the word for a target that is met, or missed."""
    return "met" if met else "MISSED"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"
