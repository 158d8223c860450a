"""Stage functions that misbehave on purpose, for tests/test_runner.py; Ray workers import them by name."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataengine import io
from dataengine.errors import MissingExtraError, ShardError


@dataclass(frozen=True)
class Counted:
    count: int
    successes: int
    pid: int = 0


def double(root: str, unit: int, options: Any) -> Counted:
    return Counted(unit, 2 * unit)


def fail_odd(root: str, unit: int, options: Any) -> int:
    with (Path(root) / f"runs-{unit}").open("a") as stream:
        stream.write(".")
    if unit % 2:
        raise ShardError(f"shard {unit} is odd")
    return unit


def fail_once(root: str, unit: int, options: Any) -> int:
    marker = Path(root) / f"seen-{unit}"
    if not marker.exists():
        marker.touch()
        raise OSError("the disk blinked")
    return unit


def die_once(root: str, unit: int, options: Any) -> int:
    marker = Path(root) / f"dead-{unit}"
    if not marker.exists():
        marker.touch()
        os._exit(1)
    return unit


def die_always(root: str, unit: int, options: Any) -> int:
    with (Path(root) / f"runs-{unit}").open("a") as stream:
        stream.write(".")
    os._exit(1)


def lack_a_package(root: str, unit: int, options: Any) -> int:
    raise MissingExtraError("img2dataset", "build")


def try_torch(root: str, unit: int, options: Any) -> tuple[bool, int]:
    try:
        __import__("torch")
    except ModuleNotFoundError:
        return False, os.getpid()
    return "torch" in sys.modules, os.getpid()


def dawdle(root: str, unit: int, options: Any) -> None:
    with io.staging_dir(root) as staging:
        (staging / "half").write_text("half")
        (Path(root) / f"started-{unit}").touch()
        time.sleep(60)
