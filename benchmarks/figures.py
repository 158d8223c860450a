"""One figure of the benchmark, its target, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable
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


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as aligned lines, notes below."""
    figures = list(figures)
    rows = [("figure", "ours", "SceneGraphParser", "ratio", "target", "")]
    rows += [(f.name, f.ours, f.peer, f.ratio, f.target, _verdict(f.met)) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"  {figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([lines[0], "-" * sum(widths) + "-" * 2 * (len(widths) - 1), *lines[1:], *notes])


def _verdict(met: bool | None) -> str:
    return "" if met is None else ("met" if met else "MISSED")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"
