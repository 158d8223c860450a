"""The scorers that come with the labels, run in this process."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any


def load_scorer(path: Path) -> ModuleType | None:
    """Return the script at `path` as a module; None where it is absent."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def capture(scorer: ModuleType, *arguments: object, spread: bool) -> tuple[Any, str]:
    """Return what the scorer's `main` returns and what it prints; `spread`: it takes arguments one by one, not a list."""
    texts = [str(argument) for argument in arguments]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = scorer.main(*texts) if spread else scorer.main(texts)
    return result, printed.getvalue()


def write_lines(path: Path, rows: Iterable[object]) -> None:
    """Write one JSON value a line."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{json.dumps(row)}\n" for row in rows)
