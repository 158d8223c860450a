"""The stages in order: what reaches each, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dataengine import io
from dataengine.build import BuildOptions, build, default_stages
from dataengine.cli.options import FetchFlags, PlanFlags
from dataengine.errors import ConfigError
from dataengine.export import export_ram_json
from dataengine.fetch import FetchOptions
from dataengine.stage import Stage, run_in_process
from dataengine.verify import verify
from tests.small_root import draw


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


def build_from_pictures(root: str, annotations_dir: Path) -> None:
    """Run all stages over two shards of local pictures, in this process."""
    flags = PlanFlags(sources="folder", folder=str(annotations_dir), shard_size=2)
    build(BuildOptions(root=root, plan=flags.to_options()), run_in_process)


def test_a_root_on_s3_gives_the_same_shards(s3_root: str, tmp_path: Path) -> None:
    for number in range(3):
        draw(number).save(tmp_path / f"{number}.jpg")
        (tmp_path / f"{number}.txt").write_text("a dog on a couch")
    build_from_pictures(s3_root, tmp_path)
    local = tmp_path / "root"
    build_from_pictures(str(local), tmp_path)
    names = sorted(path.name for path in (local / "shards").iterdir())
    assert names == ["00000.json", "00000.tar", "00001.json", "00001.tar", "manifest.json", "vocabulary.txt"]
    assert io.list_files(f"{s3_root}/shards") == names
    assert all(io.read_bytes(f"{s3_root}/shards/{name}") == (local / "shards" / name).read_bytes() for name in names)
    keys = io._keys(f"{s3_root}/")
    assert [key for key in keys if io.TEMPORARY_PREFIX in key] == []
    assert verify(s3_root).num_errors == 0
    export_ram_json(s3_root, f"{s3_root}/ram.json", images_dir=f"{s3_root}/exported")
    item = json.loads(io.read_bytes(f"{s3_root}/ram.json"))[0]
    assert io.read_bytes(f"{s3_root}/exported/{item['image_path']}").startswith(b"\xff\xd8")
    assert io.exists(f"{s3_root}/report/index.html")
