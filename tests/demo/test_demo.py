"""`dataengine demo`, as a new user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dataengine.demo.data import DemoData, write_annotations
from dataengine.verify import verify
from tests.ray_cluster import environment


def run_demo(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in environment(**variables).items() if name != "RAY_AUTH_MODE"}
    command = [sys.executable, "-m", "dataengine", "demo", "--out", "out"]
    return subprocess.run(command, cwd=folder, env=inherited, text=True, capture_output=True, check=False)


@pytest.mark.ray
@pytest.mark.slow
def test_the_demo_builds_shards_and_says_where(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    result = run_demo(tmp_path, HOME=str(home))
    assert result.returncode == 0, result.stderr
    expected: DemoData = write_annotations(tmp_path / "expected", "http://127.0.0.1:1")
    checked = verify(str(tmp_path / "out"))
    assert (checked.num_samples, checked.num_errors) == (expected.num_images, 0)
    assert str(tmp_path / "out" / "report" / "index.html") in result.stdout
    assert "the first sample:" in result.stdout
    assert not (home / ".ray").exists(), "a token was left for which a later Ray would ask"


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    result = run_demo(tmp_path)
    assert result.returncode == 2
    assert "holds other files; name a new folder, or empty it" in result.stderr
    assert (tmp_path / "out" / "thesis.tex").exists()
