"""How a job shows where it is: a rich bar in a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from dataengine.stage import unit_name

_PLAIN_INTERVAL_S = 5.0


class TerminalProgress:
    """Shows stage, shards done, images a second, success rate and time left. Implements `dataengine.stage.Progress`."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: RichProgress | None = None
        self._counter = _Counter("", 0)
        self._last_line = 0.0

    def start(self, stage: str, num_units: int) -> None:
        """Open the stage's bar, or note its start."""
        self._counter = _Counter(stage, num_units)
        self._last_line = time.monotonic()
        if self._console.is_terminal:
            self._bar = _create_bar(self._console)
            self._bar.add_task(stage, total=num_units, detail="")
            self._bar.start()

    def advance(self, stage: str, unit: int, result: Any) -> None:
        """Count a finished shard."""
        self._counter.add(result)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], advance=1, detail=self._counter.detail())
        self.tick(stage)

    def tick(self, stage: str) -> None:
        """Print a line where there is no bar and the last one is some seconds old; the stage's end has a line anyway."""
        is_due = time.monotonic() - self._last_line > _PLAIN_INTERVAL_S
        if self._bar is None and is_due and not self._counter.is_done():
            self._last_line = time.monotonic()
            self._print(self._counter.line())

    def retry(self, stage: str, unit: int, attempt: int, error: str) -> None:
        """Say why a shard is run again."""
        self._print(f"{stage}: shard {unit_name(unit)} failed at run {attempt} and is run again: {error}")

    def finish(self, stage: str) -> None:
        """Close the bar and leave one line that sums the stage up."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._print(self._counter.last_line())

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Counter:
    """Shards, images and successes of a stage so far. Results may have `count` and `successes`, in images."""

    def __init__(self, stage: str, num_units: int) -> None:
        self._stage, self._num_units, self._start = stage, num_units, time.monotonic()
        self._done = self._images = self._successes = 0
        self._has_successes = False

    def add(self, result: Any) -> None:
        self._done += 1
        self._images += getattr(result, "count", 0)
        if hasattr(result, "successes"):
            self._has_successes = True
            self._successes += result.successes

    def is_done(self) -> bool:
        return self._done >= self._num_units

    def detail(self) -> str:
        parts = [f"{self._images / self._elapsed():.0f} images/s"]
        if self._has_successes and self._images:
            parts.append(f"{self._successes / self._images:.1%} ok")
        return ", ".join(parts)

    def line(self) -> str:
        if not self._done:
            return self._state()
        left = self._elapsed() / self._done * (self._num_units - self._done)
        return f"{self._state()}, {left:.0f} s left"

    def last_line(self) -> str:
        return f"{self._state()} in {self._elapsed():.1f} s"

    def _state(self) -> str:
        return f"{self._stage}: {self._done}/{self._num_units} shards, {self._images} images, {self.detail()}"

    def _elapsed(self) -> float:
        return max(time.monotonic() - self._start, 1e-3)


def _create_bar(console: Console) -> RichProgress:
    return RichProgress(
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
