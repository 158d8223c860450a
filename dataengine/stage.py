"""A stage: a plain function over numbered units of work, and the shape of whatever runs it. Knows nothing of Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dataengine.registry import load_target


@dataclass(frozen=True, slots=True)
class Stage:
    """`target` is called as `function(root, unit, options)` and returns a small picklable result."""

    name: str
    target: str
    """`module:function`, imported in the worker, after the torch guard where there is one."""
    root: str
    options: Any
    keep_torch_out: bool = True
    """Run in processes of its own that can't import torch (`dataengine.torch_guard`)."""


class UnitRunner(Protocol):
    """Runs every unit of a stage and returns unit -> result. Raises ShardFailedError when a unit failed for good."""

    def __call__(self, stage: Stage, units: Sequence[int]) -> Mapping[int, Any]: ...


class Progress(Protocol):
    """What a runner tells about a stage while it runs."""

    def start(self, stage: str, num_units: int) -> None:
        """A stage of `num_units` units begins."""

    def advance(self, stage: str, unit: int, result: Any) -> None:
        """A unit is done."""

    def tick(self, stage: str) -> None:
        """Time has passed: called about twice a second, whether or not a unit is done."""

    def retry(self, stage: str, unit: int, attempt: int, error: str) -> None:
        """A unit failed its `attempt`-th run and is run again."""

    def finish(self, stage: str) -> None:
        """No unit of the stage runs any more."""


def unit_name(unit: int) -> str:
    """Return a unit's name in every folder of a root: five digits, more where they are needed."""
    return f"{unit:05d}"


def run_in_process(stage: Stage, units: Sequence[int]) -> Mapping[int, Any]:
    """Run the units one after the other in this process: a UnitRunner for dry runs and tests. The first error ends it."""
    function = load_target(stage.target)
    return {unit: function(stage.root, unit, stage.options) for unit in units}
