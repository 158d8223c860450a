"""The `dataengine` command. Its modules import heavy packages inside their functions, so that `--help` is instant."""

from __future__ import annotations

from dataengine.cli.app import main

__all__ = ["main"]
