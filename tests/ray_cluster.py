"""A Ray head of the test's own: own ports, own process group, loopback only, ended by SIGTERM to its group."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

RAY = str(Path(sys.executable).with_name("ray"))
_LOOPBACK = "127.0.0.2"
_START_TIMEOUT_S = 120


@contextlib.contextmanager
def ray_head(num_cpus: int = 2) -> Iterator[str]:
    """Yield the dashboard's address of a fresh Ray head."""
    # Ray's sockets live below this folder, and a socket's path may have 107 characters.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    port, dashboard_port, agent_port = free_ports(3)
    command = [
        RAY, "start", "--head", "--block", "--disable-usage-stats", f"--port={port}", f"--num-cpus={num_cpus}",
        f"--node-ip-address={_LOOPBACK}", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard_port}",
        f"--dashboard-agent-listen-port={agent_port}", f"--temp-dir={folder}",
    ]  # fmt: skip
    log = Path(folder) / "head.log"
    with log.open("w") as stream:
        head = subprocess.Popen(command, env=environment(), stdout=stream, stderr=stream, start_new_session=True)
    address = f"http://127.0.0.1:{dashboard_port}"
    try:
        _wait_for(f"{address}/api/version", head, log)
        yield address
    finally:
        _end_group(head)
        shutil.rmtree(folder, ignore_errors=True)


def _end_group(head: subprocess.Popen[bytes]) -> None:
    """End the head and everything that it started: a request first, then force."""
    os.killpg(head.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        head.wait(timeout=5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(head.pid, signal.SIGKILL)
    head.wait()


def environment(**extra: str) -> dict[str, str]:
    """Return an environment that joins no other Ray and asks for no token."""
    inherited = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    path = f"{Path(sys.executable).parent}:{inherited.get('PATH', '')}"  # a job's `python` is the tests' own
    return inherited | {"PATH": path, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"} | extra


def ray_job(address: str, *arguments: str, cwd: Path, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """Run `ray job ...` against `address`. Returns its exit status and output, both streams together."""
    command = [RAY, "job", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment(RAY_ADDRESS=address), timeout=timeout_s, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def free_ports(number: int) -> list[int]:
    """Return ports that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_for(url: str, head: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if head.poll() is not None:
            raise RuntimeError(f"ray start ended with {head.returncode}:\n{log.read_text()}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.5)
    raise RuntimeError(f"no dashboard at {url} after {_START_TIMEOUT_S} s:\n{log.read_text()}")
