"""The command's tree, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer
from rich.console import Console

from dataengine import __version__, extras
from dataengine.cli import build, demo, parse, shards, vocab
from dataengine.errors import DataEngineError

app = typer.Typer(
    name="dataengine",
    help="Image-tag-text triplets at scale: captions to tags, URLs to verified pictures, both to training shards.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("parse")(parse.parse_command)
app.add_typer(vocab.app, name="vocab")
app.command("plan")(build.plan_command)
app.command("fetch")(build.fetch_command)
app.command("annotate")(build.annotate_command)
app.command("bake")(build.bake_command)
app.command("report")(build.report_command)
app.command("verify")(shards.verify_command)
app.command("inspect")(shards.inspect_command)
app.command("export")(shards.export_command)
app.command("demo")(demo.demo_command)


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        print(f"dataengine {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; exit with 2 and one line on an error that dataengine raises on purpose."""
    run(app)


def run(command: typer.Typer) -> None:
    """Run a typer application with our error lines; the jobs use it too."""
    received: list[int] = []

    def exit_on_sigterm(number: int, _frame: FrameType | None) -> None:
        """Unwind the stack, so that tasks are cancelled and half-written files removed on the way out."""
        received.append(number)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, exit_on_sigterm)
    try:
        with extras.named():
            command()
    except DataEngineError as error:
        Console(stderr=True).print(f"error: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; relaunch the same command to go on", markup=False)
        sys.exit(130)
    except SystemExit as error:
        # Inside ray.wait, Ray turns the handler's exit into one with status 1.
        raise SystemExit(128 + received[0] if received else error.code) from None
