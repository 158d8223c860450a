"""A full disk and a path that can't be written: every command ends with one line that names it, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dataengine.bake import bake_shard
from dataengine.build import BuildOptions, build
from dataengine.fetch import FetchOptions
from dataengine.plan import plan
from dataengine.planning import PlanOptions
from dataengine.sources import SourceOptions
from dataengine.stage import run_in_process
from tests.small_root import make_root

CAPTION = "a dog on a couch"


def write_cc3m(folder: Path) -> PlanOptions:
    """Write a file of one row, whose address refuses connections. Returns the options that plan it."""
    (folder / "Train_GCC-training.tsv").write_text(f"{CAPTION}\thttp://127.0.0.1:1/1.jpg\n")
    return PlanOptions(sources=("cc3m",), source_options=SourceOptions(annotations_dir=str(folder)))


_COMMAND = """
import resource, sys
from dataengine.cli.app import main
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
sys.argv[0] = "dataengine"
main()
"""
"""A command on a disk without room: no file may grow beyond 64 bytes."""
_STAGES = """
import resource, sys
from dataengine.build import BuildOptions, build
from dataengine.cli.app import run
from dataengine.stage import run_in_process
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
run(lambda: build(BuildOptions(root=sys.argv[1], stages=(sys.argv[2],)), run_in_process))
"""
"""A stage in this process: Ray itself needs room for its logs."""


def check_named(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr, result.stderr
    assert result.returncode == 2, result.stderr
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error: "), result.stderr
    return line


@pytest.fixture
def small_root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    make_root(root)
    bake_shard(str(root), 0)
    return root


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_parse_to_a_full_disk(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(CAPTION)
    output = tmp_path / "out" / f"x.{suffix}"
    arguments = ("parse", "--input", str(tmp_path / "x.txt"), "--output", str(output), "--tags-only")
    assert f"cannot write {output}" in check_named(_COMMAND, *arguments)
    assert list(output.parent.iterdir()) == []


def test_plan_on_a_full_disk(tmp_path: Path) -> None:
    write_cc3m(tmp_path)
    script = _COMMAND.replace(
        "main()", "from dataengine.cli.build import create_job; from dataengine.cli.app import run"
    )
    script += 'run(create_job("build_14m", "cc3m"))'
    arguments = ("--root", str(tmp_path / "root"), "--annotations", str(tmp_path), "--dry-run")
    assert "point TMPDIR to a disk with room" in check_named(script, *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["fetch", "bake", "report"])
def test_a_stage_on_a_full_disk(stage: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    plan(str(root), write_cc3m(tmp_path), run_in_process)
    if stage != "fetch":
        build(BuildOptions(root=str(root), stages=("fetch",), fetch=FetchOptions(timeout_s=1)), run_in_process)
    before = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert f"cannot write {root}" in check_named(_STAGES, str(root), stage)
    assert sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file()) == before


def test_export_to_a_full_disk(small_root: Path, tmp_path: Path) -> None:
    output = tmp_path / "ram.json"
    assert f"cannot write {output}" in check_named(_COMMAND, "export", str(small_root), "--output", str(output))
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("parse", "--input", "{x}", "--output", "{x}/out.jsonl", "--tags-only"),
        ("report", "{x}/root"),
        ("export", "{root}", "--output", "{x}/ram.json"),
        ("export", "{root}", "--output", "{out}", "--images", "{x}/images"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_path_that_cannot_be_written_is_named(arguments: tuple[str, ...], small_root: Path, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(CAPTION)
    places = {"x": tmp_path / "x.txt", "root": small_root, "out": tmp_path / "ram.json"}
    script = "from dataengine.cli.app import main; main()"
    assert str(tmp_path / "x.txt") in check_named(script, *(argument.format(**places) for argument in arguments))


def test_standard_output_on_a_full_disk() -> None:
    command = [sys.executable, "-m", "dataengine", "parse", CAPTION, "--json", "--tags-only"]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (result.returncode, result.stderr) == (2, "error: cannot write standard output: No space left on device\n")
