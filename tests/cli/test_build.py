"""The commands of the main job: what they refuse, what they say, and how options reach the stages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest
import typer
from typer.testing import CliRunner

from dataengine.cli import build as build_commands
from dataengine.cli.app import app
from dataengine.cli.build import create_job
from dataengine.cli.options import FetchFlags, PlanFlags, split_images, split_names, spread
from dataengine.errors import AnnotationsError, ConfigError, DataEngineError
from dataengine.plan import plan
from dataengine.stage import run_in_process
from dataengine.tagging import PersonPolicy

runner = CliRunner()


class IdleRunner:
    """Stands in for Ray where no stage may run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def check_root(self, root: str) -> None: ...

    def __call__(self, *_: object) -> None:
        pytest.fail("a stage was run")


def failure(command: typer.Typer, *arguments: str) -> DataEngineError:
    """Run a command that must be refused. Returns the error that the entry point would print as one line."""
    result = runner.invoke(command, list(arguments))
    assert isinstance(result.exception, DataEngineError), (result.output, result.exception)
    return result.exception


@pytest.fixture
def annotations_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "annotations"
    folder.mkdir()
    (folder / "Train_GCC-training.tsv").write_text("a dog on a couch\thttp://example.com/1.jpg\n")
    return folder


@pytest.mark.parametrize(
    "command", ["parse", "vocab", "plan", "fetch", "annotate", "bake", "report", "verify", "inspect", "export", "demo"]
)
def test_every_command_explains_itself(command: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 3


def test_missing_files_are_named_before_ray_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_commands, "_runner", lambda num_cpus: pytest.fail("Ray was started"))
    job = create_job("build_14m", "coco,vg,sbu,cc3m,cc12m")
    error = failure(job, "--root", str(tmp_path / "root"), "--annotations", str(tmp_path))
    assert isinstance(error, AnnotationsError)
    names = ("captions_train2014.json", "vg_caption.json", "sbu-captions-all.json", "Train_GCC", "cc12m.tsv", "http")
    for name in names:
        assert name in str(error)


def test_a_dry_run_prints_the_table_and_writes_nothing(annotations_dir: Path, tmp_path: Path) -> None:
    job = create_job("build_4m", "cc3m")
    root = tmp_path / "root"
    result = runner.invoke(job, ["--root", str(root), "--annotations", str(annotations_dir), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "3,318,333" in result.output
    assert "1 images in 1 shards to fetch" in result.output
    assert not root.exists()


@pytest.mark.parametrize("arguments", [("--teacher", "ram.pth"), ("--teacher-threshold", "0.7")])
def test_a_teacher_is_refused_with_the_reason(arguments: tuple[str, str]) -> None:
    error = failure(create_job("build_14m", "coco"), "--root", "/data/x", *arguments)
    assert "no teacher model yet" in str(error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stages", ","), r"no stages; name some of plan, fetch, annotate, bake, report"),
        (("--stages", "plan,bakery"), r"no stage named bakery; known: plan, fetch, annotate, bake, report"),
        (("--parser", "deep"), r"--parser is 'deep'; it must be one of fast, graph"),
        (("--person", "maybe"), r"--person is 'maybe'; it must be one of drop, keep, teacher"),
        (("--no-filter", "wrds"), r"no filter named 'wrds'; known: .*words"),
        (("--sources", "cc3"), r"no source named 'cc3'"),
        (("--images", "coco"), r"--images 'coco' is not SOURCE=PATH"),
        (("--images", "coco=/"), r"--images is given for coco, which --sources does not name"),
        (
            ("--images", "cc3m=/", "--images", "cc3m=/tmp"),
            r"--images names cc3m twice; give one folder that holds / and /tmp",
        ),
        (("--images", "coco=/no/such.zip"), r"there is nothing at /no/such\.zip"),
        (("--image-size", "0"), r"image_size is 0"),
        (("--stages", "fetch"), r"nothing is planned at .*; run `dataengine plan"),
    ],
)
def test_bad_options_are_named(
    annotations_dir: Path, tmp_path: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_commands, "_runner", lambda num_cpus: IdleRunner())
    job = create_job("build_14m", "cc3m")
    error = failure(job, "--root", str(tmp_path / "root"), "--annotations", str(annotations_dir), *arguments)
    assert re.search(message, str(error)), str(error)


def test_a_job_without_a_core_is_refused(tmp_path: Path) -> None:
    result = runner.invoke(create_job("build_14m", "coco"), ["--root", str(tmp_path), "--num-cpus", "0"])
    assert result.exit_code == 2
    assert "--num-cpus" in result.output


def test_annotate_says_that_there_is_nothing_to_do(tmp_path: Path) -> None:
    result = runner.invoke(app, ["annotate", str(tmp_path)])
    assert result.exit_code == 0
    assert "no annotator is registered" in result.output


def test_report_needs_a_plan(tmp_path: Path) -> None:
    assert "nothing is planned" in str(failure(app, "report", str(tmp_path)))


def test_flags_reach_the_plan(annotations_dir: Path) -> None:
    flags = PlanFlags(
        annotations=str(annotations_dir), sources="cc3m, coco,cc3m", limit=5, person="teacher", filter=["language"],
        no_filter=["words"], vg_min_area=0.1, allow_leaks=True, parser="graph",
    )  # fmt: skip
    options = flags.to_options()
    assert options.sources == ("cc3m", "coco")
    assert (options.limit, options.parser, options.person_policy) == (5, "graph", PersonPolicy.TEACHER)
    assert options.filters["language"]
    assert not options.filters["words"]
    assert options.source_options.vg_min_area == 0.1
    assert options.source_options.allow_leaks


def test_flags_reach_the_fetch() -> None:
    options = FetchFlags(image_size=512, quality=80, timeout=3, threads=4, contact="a@b.example").to_options()
    assert (options.image_size, options.encode_quality, options.timeout_s, options.thread_count) == (512, 80, 3, 4)
    assert options.contact == "a@b.example"


def test_mirrors_are_prefixes() -> None:
    options = FetchFlags(mirror=["http://static.flickr.com/=https://live.staticflickr.com/"]).to_options()
    assert options.mirrored("http://static.flickr.com/1/2_a.jpg") == "https://live.staticflickr.com/1/2_a.jpg"
    assert options.mirrored("http://example.com/1.jpg") == "http://example.com/1.jpg"
    with pytest.raises(ConfigError, match=r"is not PREFIX=REPLACEMENT .* as in --mirror"):
        FetchFlags(mirror=["http://a/=file:///etc/"]).to_options()


def test_option_groups_become_options() -> None:
    seen: list[object] = []

    @spread
    def command(root: str, fetch: FetchFlags, dry: bool = False) -> None:
        seen.extend([root, fetch, dry])

    application = typer.Typer()
    application.command()(command)
    result = runner.invoke(application, ["out", "--image-size", "256", "--dry"])
    assert result.exit_code == 0, result.output
    assert seen == ["out", FetchFlags(image_size=256), True]


def test_names_and_paths_are_split(tmp_path: Path) -> None:
    assert split_names("coco, vg,,coco") == ("coco", "vg")
    assert split_images([f"coco={tmp_path}"]) == {"coco": str(tmp_path)}
    with pytest.raises(ConfigError, match="SOURCE=PATH"):
        split_images(["=x"])


def test_errors_are_one_line_and_exit_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dataengine", "report", str(tmp_path / "nothing")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: nothing is planned at ")


def test_plan_json_is_in_order_of_precedence(annotations_dir: Path, tmp_path: Path) -> None:
    (annotations_dir / "cc12m.tsv").write_text("http://example.com/2.jpg\ta cat on a table\n")
    flags = PlanFlags(annotations=str(annotations_dir), sources="cc12m,cc3m")
    plan(str(tmp_path / "root"), flags.to_options(), run_in_process)
    assert list(json.loads((tmp_path / "root" / "plan.json").read_text())["sources"]) == ["cc3m", "cc12m"]
