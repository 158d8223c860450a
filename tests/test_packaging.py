"""The packages that are declared are those in the tree, the links lead to their folders, and a wheel holds the data."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

LINKS = {"parsers": "../parsers", "vocab": "../vocab"}


@pytest.fixture(scope="module")
def pyproject(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text())


@pytest.mark.parametrize(("name", "target"), LINKS.items())
def test_links_lead_to_the_top_level_folders(repository: Path, name: str, target: str) -> None:
    link = repository / "dataengine" / name
    assert link.is_symlink(), f"dataengine/{name} is not a link: clone with core.symlinks=true (Linux, macOS, WSL)"
    assert str(link.readlink()) == target
    assert link.resolve() == repository / name


def test_declared_packages_are_those_in_the_tree(repository: Path, pyproject: dict[str, Any]) -> None:
    folders = [repository / "dataengine", *(p for p in (repository / "dataengine").rglob("*") if p.is_dir())]
    found = {path.relative_to(repository) for path in folders if (path / "__init__.py").is_file()}
    names = {".".join(path.parts) for path in found} | {f"dataengine.{name}" for name in LINKS}
    assert set(pyproject["tool"]["setuptools"]["packages"]) == names


def test_extras_pin_no_torch_into_base(pyproject: dict[str, Any]) -> None:
    base = " ".join(pyproject["project"]["dependencies"]).lower()
    assert not {"torch", "ray", "img2dataset", "pyarrow"} & set(base.replace(">", " ").replace("=", " ").split())


def test_make_takes_a_python_that_runs_and_fits(repository: Path, tmp_path: Path) -> None:
    """A version manager's `python3.11` may be a stub that fails, and `python3` another version."""
    versions = {"python3.11": "exit 127", "python3.12": "exit 127", "python3": "exit 1", "python": "exit 0"}
    for name, body in versions.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    command = ["make", "--eval=shown: ; @echo [$(PYTHON)]", "shown"]
    shown = subprocess.run(
        command, cwd=repository, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[python]"


@pytest.mark.slow
def test_a_wheel_carries_code_and_data(repository: Path, tmp_path: Path) -> None:
    """Build a wheel, unpack it elsewhere, and use it there without the checkout."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        ".",
    ]
    source = tmp_path / "source"
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in filter(None, files):
        if (repository / name).exists():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (repository / name).is_symlink():
                target.symlink_to((repository / name).readlink())
            else:
                target.write_bytes((repository / name).read_bytes())
    subprocess.run(command, cwd=source, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith("ram_dataengine-")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    check = (
        "import dataengine, dataengine.parsers; from importlib.resources import files;"
        "assert 'site' in dataengine.__file__, dataengine.__file__;"
        "assert dataengine.Vocabulary.load().id_of('dog') == 1363;"
        "names = ['vocab/tags.tsv', 'vocab/synonyms.tsv', 'vocab/twins.tsv', 'vocab/kinds.tsv', 'vocab/wordnet.tsv',"
        " 'vocab/WORDNET_LICENSE', 'report/templates/index.html', 'demo/captions.tsv', 'py.typed'];"
        "assert all(len(files('dataengine').joinpath(name).read_bytes()) >= 0 for name in names);"
        "print(dataengine.parse('a dog on a couch', graph=False).tags)"
    )
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        [sys.executable, "-c", check], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "dog" in result.stdout
