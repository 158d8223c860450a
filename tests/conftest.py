"""Fixtures for all tests. Nothing here needs a network; what needs the shared folder is skipped, visibly, without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["RAY_AUTH_MODE"] = "disabled"  # Ray turns token authentication on by the mere presence of a file in HOME
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real pictures and captions (`DATAENGINE_SHARED`, default ../shared)."""
    path = Path(os.environ.get("DATAENGINE_SHARED", REPOSITORY.parent / "shared"))
    if not (path / "README.md").is_file():
        pytest.skip(f"no shared folder at {path}; set DATAENGINE_SHARED")
    return path


@pytest.fixture(autouse=True)
def _no_guard_is_left_behind() -> Iterator[None]:
    """Fail a test that keeps torch out of the tests' own process: every later test that needs torch would be skipped."""
    yield
    guards = [finder for finder in sys.meta_path if type(finder).__name__ == "_TorchBlocker"]
    for guard in guards:
        sys.meta_path.remove(guard)
    assert not guards, "the torch guard was installed in the tests' process: run the command in a process of its own"
