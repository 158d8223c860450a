"""The command's tree, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

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

    def unwind(number: int, _frame: FrameType | None) -> None:
        """Unwind the stack, so that tasks are cancelled and half-written files removed on the way out."""
        received.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as a shell wants it for what runs in the background
            signal.signal(number, unwind)
    try:
        with extras.named():
            command()
    except DataEngineError as error:
        _exit_with(str(error))
    except OSError as error:
        # What no stage has put into words: standard output on a full disk, a folder that may not be entered.
        _exit_with(_in_words(error))
    except SystemExit as error:
        # On their way, typer and Ray give an interrupt other exit codes.
        raise SystemExit(128 + received[0] if received else error.code) from None


def _in_words(error: OSError) -> str:
    """Return the error's message. Only standard output fills up without a name: files are written by `dataengine.io`."""
    if error.errno == errno.ENOSPC and error.filename is None:
        return f"cannot write standard output: {error.strerror}"
    return str(error)


def _exit_with(message: str) -> NoReturn:
    """Print the one line of an error and exit with 2; what standard output could not take is given up."""
    Console(stderr=True).print(f"error: {message}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(2)
