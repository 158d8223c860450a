"""`ray job submit --working-dir . -- python jobs/build_14m.py` on a Ray head that the test starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataengine import io
from dataengine.demo.data import DemoData, pictures, write_annotations
from dataengine.demo.server import PictureServer
from dataengine.errors import ConfigError
from dataengine.ray_job import check_path, submission_id
from dataengine.shards import open_shards
from dataengine.verify import verify
from tests.ray_cluster import environment, ray_head, ray_job

JOB = ("--", "python", "jobs/build_14m.py", "--timeout", "3", "--deadline", "5", "--shard-size", "25")


@pytest.fixture
def in_ray_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"metadata": {"job_submission_id": "raysubmit_1"}}')


def test_outside_a_job_paths_are_resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert submission_id() is None
    assert check_path("--root", "out") == str(tmp_path / "out")
    assert check_path("--root", "s3://bucket/out") == "s3://bucket/out"


def test_under_a_job_a_relative_path_is_refused_with_the_way_out(in_ray_job: None) -> None:
    assert submission_id() == "raysubmit_1"
    assert check_path("--root", "/data/out") == "/data/out"
    with pytest.raises(ConfigError, match=r"--root out is relative.*a copy that Ray deletes.*`--root \$PWD/out`"):
        check_path("--root", "out")


@pytest.fixture(scope="module")
def head() -> Iterator[str]:
    with ray_head() as address:
        yield address


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with PictureServer(pictures()) as server:
        yield server


def check_shards(root: Path, expected: DemoData) -> None:
    """Assert that the root holds every picture that the demo's data promises, in shards that verify."""
    assert verify(str(root)).num_errors == 0
    samples = list(open_shards(str(root)))
    assert len(samples) == expected.num_images
    assert all(sample["json"]["schema"] == "triplet/1" and sample["json"]["tags"] for sample in samples)
    assert (root / "report" / "index.html").stat().st_size > 10_000


@pytest.mark.ray
@pytest.mark.slow
def test_a_submitted_job_builds_shards(head: str, server: PictureServer, repository: Path, tmp_path: Path) -> None:
    expected = write_annotations(tmp_path / "annotations", server.base_url)
    root = tmp_path / "root"
    arguments = ("--root", str(root), "--annotations", str(tmp_path / "annotations"))
    result = ray_job(head, "submit", "--working-dir", ".", *JOB, *arguments, cwd=repository)
    assert result.returncode == 0, result.stdout
    assert re.search(r"to stop it: ray job stop raysubmit_\w+", result.stdout)
    check_shards(root, expected)


@pytest.mark.ray
@pytest.mark.slow
def test_a_submitted_job_refuses_a_relative_root(head: str, repository: Path) -> None:
    result = ray_job(head, "submit", "--working-dir", ".", *JOB, "--root", "out", cwd=repository)
    assert result.returncode != 0
    assert "--root $PWD/out" in result.stdout
    assert "Traceback" not in result.stdout.split("--root out is relative")[0]


@pytest.mark.ray
@pytest.mark.slow
def test_a_stopped_job_leaves_whole_shards_and_its_relaunch_resumes(
    head: str, server: PictureServer, repository: Path, tmp_path: Path
) -> None:
    expected = write_annotations(tmp_path / "annotations", server.base_url)
    root = tmp_path / "root"
    arguments = ("--root", str(root), "--annotations", str(tmp_path / "annotations"))
    submitted = ray_job(head, "submit", "--no-wait", "--working-dir", ".", *JOB, *arguments, cwd=repository)
    identifier = re.search(r"raysubmit_\w+", submitted.stdout)
    assert identifier, submitted.stdout
    wait_for_staging(root)
    stopped = ray_job(head, "stop", identifier[0], cwd=repository)
    assert stopped.returncode == 0, stopped.stdout
    wait_until_clean(root)
    committed = set(io.list_files(str(root / "images"), "_stats.json"))
    for name in committed:
        assert {
            (root / "images" / name.replace("_stats.json", suffix)).is_file() for suffix in (".tar", ".parquet")
        } == {True}
    result = ray_job(head, "submit", "--working-dir", ".", *JOB, *arguments, cwd=repository)
    assert result.returncode == 0, result.stdout
    check_shards(root, expected)


def wait_for_staging(root: Path, timeout_s: float = 120) -> None:
    """Wait until a task is at work on a shard of pictures."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if (root / "plan.json").exists() and any(path.is_dir() for path in root.glob(".tmp-*")):
            return
        time.sleep(0.1)
    raise AssertionError(f"no shard was begun in {timeout_s} s")


def wait_until_clean(root: Path, timeout_s: float = 20) -> None:
    """Wait until nothing half-written is left."""
    deadline = time.monotonic() + timeout_s
    while list(root.glob(".tmp-*")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert list(root.glob(".tmp-*")) == []


@pytest.mark.ray
@pytest.mark.slow
def test_the_job_runs_on_an_embedded_ray(server: PictureServer, repository: Path, tmp_path: Path) -> None:
    expected = write_annotations(tmp_path / "annotations", server.base_url)
    command = [sys.executable, *JOB[2:], "--root", "root", "--annotations", "annotations"]
    command[1] = str(repository / "jobs" / "build_14m.py")
    result = subprocess.run(
        command, cwd=tmp_path, env=environment(PYTHONPATH=os.environ.get("PYTHONPATH", "")), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "expected and got" in result.stdout
    check_shards(tmp_path / "root", expected)
