"""The direction of imports, and what the command line must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "records", "registry", "extras", "torch_guard", "identity", "csv_rows", "row_groups"),
    ("io", "stage", "ray_job", "vocab"),
    ("tables", "parsers"),
    ("sources", "filters", "tagging", "merging", "staged", "staging"),
    ("addresses", "phash", "shard_vocabulary", "shards", "triplet", "pictures"),
    ("fetch_options", "decode", "local_files", "http_client", "download", "ledger"),
    ("planning", "annotators"),
    ("plan", "fetch", "bake", "manifest", "verify", "export"),
    ("report", "demo"),
    ("build",),
    ("runner",),
    ("cli",),
    ("__main__",),
)
"""A module imports from its own row or from a row above it."""


def module_files(repository: Path) -> list[Path]:
    return sorted(
        path
        for folder in ("dataengine", "parsers", "vocab")
        for path in (repository / folder).rglob("*.py")
        if not any(part in ("parsers", "vocab") for part in path.relative_to(repository / folder).parts)
    )


def area(path: Path, repository: Path) -> str:
    parts = path.relative_to(repository).parts
    return parts[0] if parts[0] in ("parsers", "vocab") else Path(parts[1]).stem


def imported_areas(path: Path) -> set[str]:
    areas = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "dataengine" else [f"dataengine.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        areas |= {name.split(".")[1] for name in names if name.startswith("dataengine.")}
    return areas - {"__version__"}


def test_every_module_has_a_layer(repository: Path) -> None:
    known = {name for layer in LAYERS for name in layer} | {"__init__"}
    assert {area(path, repository) for path in module_files(repository)} - known == set()


def test_imports_point_downwards(repository: Path) -> None:
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    upward = [
        f"{path.relative_to(repository)} imports {name}"
        for path in module_files(repository)
        if (own := area(path, repository)) != "__init__"
        for name in imported_areas(path)
        if level[name] > level[own]
    ]
    assert upward == []


@pytest.mark.parametrize("library", ["parsers", "sources", "vocab", "filters", "shards"])
def test_stages_know_nothing_of_ray(repository: Path, library: str) -> None:
    files = [path for path in module_files(repository) if area(path, repository) == library]
    assert files
    assert not [path for path in files if "import ray" in path.read_text() or '"ray"' in path.read_text()]


def test_the_command_line_loads_nothing_heavy() -> None:
    script = (
        "import sys, dataengine.cli, contextlib\n"
        "sys.argv = ['dataengine', '--help']\n"
        "with contextlib.suppress(SystemExit): dataengine.cli.main()\n"
        "print(sorted({'numpy','pyarrow','spacy','ray','torch','PIL','img2dataset','pandas'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_only_the_command_line_prints(repository: Path) -> None:
    prints = [
        f"{path.relative_to(repository)}:{node.lineno}"
        for path in module_files(repository)
        if area(path, repository) != "cli"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert prints == []
