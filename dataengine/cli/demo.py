"""`dataengine demo`: the main job on photographs that come inside Python packages, over a web server of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dataengine.errors import ConfigError

_MARK = ".dataengine-demo"
"""A folder that holds this file is an earlier demo's, and may be replaced."""


def demo_command(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the demo's files; an earlier demo's is replaced.")
    ] = Path("demo-out"),
) -> None:
    """Build shards and a report from real photographs, end to end: dead links, slow links and a wrong file included."""
    from dataengine.cli.build import run_stages
    from dataengine.cli.options import FetchFlags, PlanFlags
    from dataengine.cli.shards import inspect_command
    from dataengine.demo.data import pictures, write_annotations
    from dataengine.demo.server import PictureServer

    served = pictures()
    out = _clear(out)
    # Its Ray listens on loopback for a minute; with authentication on it would leave a token in HOME, for which a later Ray asks.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    with PictureServer(served) as server:
        write_annotations(out / "annotations", server.base_url)
        plan = PlanFlags(annotations=str(out / "annotations"), shard_size=25, parser="graph")
        fetch = FetchFlags(timeout=8.0, deadline=12.0)
        stages = ("plan", "fetch", "bake", "report")
        run_stages(str(out), stages, plan_options=plan.to_options(), fetch_options=fetch.to_options())
    _say("\nthe first sample:")
    inspect_command(str(out / "shards" / "00000.tar"), limit=1)
    _say(f"\nopen {out / 'report' / 'index.html'} in a browser; the shards are in {out / 'shards'}")


def _clear(out: Path) -> Path:
    """Return an empty folder at `out`. Raises ConfigError where something else than a demo stands there."""
    out = out.resolve()
    if out.exists() and any(out.iterdir()) and not (out / _MARK).exists():
        raise ConfigError(f"--out {out} holds other files; name a new folder, or empty it")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / _MARK).touch()
    return out


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)
