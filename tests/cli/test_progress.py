"""The plain lines of a job that runs without a terminal."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from dataengine.cli import progress
from dataengine.cli.progress import TerminalProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, as the only element."""
    now = [100.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def lines_of(clock: list[float], seconds_a_shard: float) -> list[str]:
    """Return what is printed of three shards with ten images each, nine of them successes."""
    output = io.StringIO()
    shown = TerminalProgress(Console(file=output, width=200))
    shown.start("fetch", 3)
    for unit in range(3):
        clock[0] += seconds_a_shard
        shown.advance("fetch", unit, SimpleNamespace(count=10, successes=9))
    shown.finish("fetch")
    return output.getvalue().splitlines()


def test_a_slow_stage_says_where_it_is_and_ends_with_one_line(clock: list[float]) -> None:
    assert lines_of(clock, 6.0) == [
        "fetch: 1/3 shards, 10 images, 2 images/s, 90.0% ok, 12 s left",
        "fetch: 2/3 shards, 20 images, 2 images/s, 90.0% ok, 6 s left",
        "fetch: 3/3 shards, 30 images, 2 images/s, 90.0% ok in 18.0 s",
    ]


def test_a_slow_shard_does_not_silence_the_job(clock: list[float]) -> None:
    output = io.StringIO()
    shown = TerminalProgress(Console(file=output, width=40))
    shown.start("fetch", 2)
    for _ in range(24):
        clock[0] += 0.5
        shown.tick("fetch")
    shown.advance("fetch", 0, SimpleNamespace(count=1000, successes=900))
    shown.finish("fetch")
    assert output.getvalue().splitlines() == [
        "fetch: 0/2 shards, 0 images, 0 images/s",
        "fetch: 0/2 shards, 0 images, 0 images/s",
        "fetch: 1/2 shards, 1000 images, 83 images/s, 90.0% ok in 12.0 s",
    ]


def test_a_quick_stage_is_one_line(clock: list[float]) -> None:
    assert lines_of(clock, 0.1) == ["fetch: 3/3 shards, 30 images, 100 images/s, 90.0% ok in 0.3 s"]


def test_a_terminal_gets_a_bar_and_the_same_last_line() -> None:
    output = io.StringIO()
    shown = TerminalProgress(Console(file=output, width=120, force_terminal=True))
    shown.start("bake", 1)
    shown.advance("bake", 0, SimpleNamespace(count=4))
    shown.finish("bake")
    assert re.search(r"bake: 1/1 shards, 4 images, \d+ images/s in 0.\d s", output.getvalue().splitlines()[-1])
