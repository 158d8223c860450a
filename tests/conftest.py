"""Fixtures for all tests. Nothing here needs a network; what needs the shared folder is skipped, visibly, without it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataengine import io

os.environ["RAY_AUTH_MODE"] = "disabled"  # Ray turns token authentication on by the mere presence of a file in HOME
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # So a script's background job begins, and all that the tests start would inherit it and sleep through Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.fixture(scope="module")
def s3_root(request: pytest.FixtureRequest) -> Iterator[str]:
    """A module's own address on an S3 server that runs in this process; what a test starts finds it, too."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("DEFAULT_REGION", "us-east-1")):
            patch.setenv(f"AWS_{name}", value)
        io._s3.cache_clear()
        io._s3().create_bucket(Bucket="bucket")
        yield f"s3://bucket/{request.module.__name__}/root"  # the server's objects outlive it in this process
    io._s3.cache_clear()
    server.stop()


@pytest.fixture(autouse=True)
def _no_guard_is_left_behind() -> Iterator[None]:
    """Fail a test that keeps torch out of the tests' own process: every later test that needs torch would be skipped."""
    yield
    guards = [finder for finder in sys.meta_path if type(finder).__name__ == "_TorchBlocker"]
    for guard in guards:
        sys.meta_path.remove(guard)
    assert not guards, "the torch guard was installed in the tests' process: run the command in a process of its own"
