"""How the command line ends on Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import signal, time
import typer
from dataengine.cli.app import run

app = typer.Typer()

@app.command()
def wait() -> None:
    try:
        print("ready", flush=True)
        time.sleep({seconds})
    finally:
        print("cleaned up", flush=True)

{before}
run(app)
"""


def send(number: signal.Signals, *, seconds: float, before: str = "") -> tuple[int, str]:
    """Send a signal to a command at work. Returns its exit status and what it printed."""
    script = SCRIPT.format(seconds=seconds, before=before)
    command = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    said = command.stdout.readline()
    command.send_signal(number)
    said += command.communicate(timeout=30)[0]
    return command.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_unwinds_the_command(number: signal.Signals) -> None:
    assert send(number, seconds=60) == (128 + number, "ready\ncleaned up\n")


def test_what_runs_in_the_background_of_a_shell_ignores_ctrl_c() -> None:
    before = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
    assert send(signal.SIGINT, seconds=0.5, before=before) == (0, "ready\ncleaned up\n")
