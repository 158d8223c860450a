"""The stages in order: what reaches each, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dataengine.build import BuildOptions, build, default_stages
from dataengine.cli.options import FetchFlags, PlanFlags
from dataengine.errors import ConfigError
from dataengine.fetch import FetchOptions
from dataengine.stage import Stage, run_in_process


def test_default_stages_leave_annotate_out_while_none_is_registered() -> None:
    assert default_stages() == ("plan", "fetch", "bake", "report")


def test_annotate_without_annotators_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no annotator is registered"):
        build(BuildOptions(root=str(tmp_path), stages=("annotate",)), run_in_process)


@pytest.mark.parametrize("stage", ["fetch", "bake", "report"])
def test_nothing_is_done_without_a_plan(tmp_path: Path, stage: str) -> None:
    with pytest.raises(ConfigError, match="nothing is planned"):
        build(BuildOptions(root=str(tmp_path), stages=(stage,)), run_in_process)


def test_a_plan_stage_needs_its_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs its options"):
        BuildOptions(root=str(tmp_path))


def test_filters_of_the_plan_bound_the_fetch(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "cc12m.tsv").write_text("http://127.0.0.1:9/1.jpg\ta cat on a table\n")
    flags = PlanFlags(annotations=str(tmp_path / "annotations"), sources="cc12m", no_filter=["side", "aspect"])
    root = str(tmp_path / "root")
    build(BuildOptions(root=root, stages=("plan",), plan=flags.to_options()), run_in_process)
    seen: list[FetchOptions] = []

    def look(stage: Stage, units: object) -> dict[int, object]:
        seen.append(stage.options)
        return {}

    build(BuildOptions(root=root, stages=("fetch",), fetch=FetchFlags(quality=80).to_options()), look)
    assert (seen[0].min_image_size, seen[0].max_aspect_ratio, seen[0].encode_quality) == (1, math.inf, 80)
    assert FetchOptions().min_image_size == 64


def test_plan_fetch_and_bake_run_where_torch_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "cc12m.tsv").write_text("http://127.0.0.1:9/1.jpg\ta cat on a table\n")
    guarded: dict[str, bool] = {}

    def look(stage: Stage, units: Sequence[int]) -> Mapping[int, Any]:
        guarded[stage.name] = stage.keep_torch_out
        return run_in_process(stage, units) if stage.name == "plan" else {}

    flags = PlanFlags(annotations=str(tmp_path), sources="cc12m")
    stages = ("plan", "fetch", "bake")
    build(BuildOptions(root=str(tmp_path / "root"), stages=stages, plan=flags.to_options()), look)
    assert guarded == dict.fromkeys(stages, True)


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".tmp-x").mkdir()
    with pytest.raises(ConfigError):
        build(BuildOptions(root=str(tmp_path), stages=("bake",)), run_in_process)
    assert list(tmp_path.iterdir()) == []
