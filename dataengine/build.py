"""The main job: plan, fetch, annotate, bake and report, in this order, over one root. Prints nothing, knows no Ray."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dataengine import io
from dataengine.annotators import ANNOTATORS
from dataengine.bake import BakeOptions, pending_bakes
from dataengine.errors import ConfigError
from dataengine.fetch import FetchOptions, pending_shards
from dataengine.manifest import write_manifest
from dataengine.plan import plan, read_plan
from dataengine.planning import PlanOptions
from dataengine.report import write_report
from dataengine.stage import Stage, UnitRunner

STAGES = ("plan", "fetch", "annotate", "bake", "report")


def default_stages() -> tuple[str, ...]:
    """Return the stages of a job; `annotate` is one of them only where an annotator is registered."""
    return tuple(stage for stage in STAGES if stage != "annotate" or len(ANNOTATORS))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """Where the job works, which stages it runs, and the options of each."""

    root: str
    stages: tuple[str, ...] = field(default_factory=default_stages)
    plan: PlanOptions | None = None
    """None where the plan stage is not run."""
    replan: bool = False
    fetch: FetchOptions = field(default_factory=FetchOptions)
    bake: BakeOptions = field(default_factory=BakeOptions)

    def __post_init__(self) -> None:
        """Refuse unknown stages, and a plan stage without options. Raises ConfigError."""
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if not self.stages:
            raise ConfigError(f"no stages; name some of {', '.join(STAGES)}")
        if unknown:
            raise ConfigError(f"no stage named {', '.join(unknown)}; known: {', '.join(STAGES)}")
        if "plan" in self.stages and self.plan is None:
            raise ConfigError("the plan stage needs its options: sources and an annotations folder")


def build(options: BuildOptions, run: UnitRunner) -> dict[str, Any]:
    """Run the stages. Returns stage -> what it answered: plan.json's content, fetch and bake results, the report's address."""
    answers: dict[str, Any] = {}
    io.remove_staging(options.root)
    try:
        for stage in STAGES:
            if stage in options.stages:
                answers[stage] = _RUN[stage](options, run)
    finally:
        io.remove_staging(options.root)
    return answers


def run_plan(options: BuildOptions, run: UnitRunner) -> dict[str, Any]:
    """Run the plan stage. Returns plan.json's content."""
    if options.plan is None:
        raise ConfigError("the plan stage needs its options: sources and an annotations folder")
    return plan(options.root, options.plan, run, replan=options.replan)


def run_fetch(options: BuildOptions, run: UnitRunner) -> Sequence[Any]:
    """Fetch every planned shard that is not fetched yet. Returns a FetchStats a shard."""
    fetch = _without_filters(options.fetch, _need_plan(options.root)["filters"])
    units = pending_shards(options.root)
    return list(run(Stage("fetch", "dataengine.fetch:fetch_shard", options.root, fetch), units).values())


def run_annotate(options: BuildOptions, run: UnitRunner) -> Sequence[Any]:
    """Run the registered annotators over the fetched shards. Returns their results."""
    if not len(ANNOTATORS):
        raise ConfigError(
            "no annotator is registered, so there is nothing to annotate; leave `annotate` out of --stages"
        )
    _need_plan(options.root)
    return [ANNOTATORS[name](options, run) for name in ANNOTATORS]


def run_bake(options: BuildOptions, run: UnitRunner) -> Sequence[Any]:
    """Bake every fetched shard whose inputs changed, and write the manifest. Returns a BakeStats a shard baked now."""
    _need_plan(options.root)
    units = pending_bakes(options.root, options.bake)
    results = run(Stage("bake", "dataengine.bake:bake_shard", options.root, options.bake), units)
    write_manifest(options.root)
    return list(results.values())


def run_report(options: BuildOptions, run: UnitRunner | None = None) -> str:
    """Write the report, in this process. Returns its address."""
    _need_plan(options.root)
    return write_report(options.root)


def _without_filters(fetch: FetchOptions, filters: Mapping[str, Any]) -> FetchOptions:
    """Return the fetch without the bounds on a picture's shape that the plan has switched off."""
    bounds: dict[str, dict[str, Any]] = {"side": {"min_image_size": 1}, "aspect": {"max_aspect_ratio": math.inf}}
    lifted: dict[str, Any] = {}
    for name, bound in bounds.items():
        lifted |= {} if filters[name]["on"] else bound
    return replace(fetch, **lifted)


def _need_plan(root: str) -> dict[str, Any]:
    content = read_plan(root)
    if content is None:
        raise ConfigError(f"nothing is planned at {root} (no plan.json); run `dataengine plan {root} ...` first")
    return content


_RUN: dict[str, Callable[[BuildOptions, UnitRunner], Any]] = {
    "plan": run_plan,
    "fetch": run_fetch,
    "annotate": run_annotate,
    "bake": run_bake,
    "report": run_report,
}
