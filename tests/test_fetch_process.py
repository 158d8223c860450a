"""A fetch in a process of its own: killed in the middle it leaves nothing half-written, and torch is never imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from dataengine import io
from dataengine.demo.server import PictureServer
from dataengine.fetch import pending_shards, read_stats
from dataengine.records import CaptionRecord
from dataengine.tables import write_records


@pytest.fixture(scope="module")
def server() -> Iterator[PictureServer]:
    stream = BytesIO()
    Image.effect_noise((96, 80), 60).convert("RGB").save(stream, "JPEG")
    with PictureServer({"/a.jpg": stream.getvalue()}, slow_s=60) as running:
        yield running


def plan(root: Path, urls: Sequence[str]) -> None:
    records = [
        CaptionRecord(uid=f"t-{number}", dataset="t", source_id=None, url=url, pinned=True)
        for number, url in enumerate(urls)
    ]
    write_records(records, f"{root}/records/00000.parquet")


def left_over(root: Path) -> list[str]:
    return [path.name for path in (*root.glob("images/*"), *root.glob(f"{io.TEMPORARY_PREFIX}*"))]


FETCH = """
import sys
from dataengine.torch_guard import keep_torch_out
keep_torch_out()
from dataengine.fetch import FetchOptions, fetch_shard
fetch_shard(sys.argv[1], 0, FetchOptions(thread_count=4))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1), (signal.SIGKILL, -9)])
def test_killed_in_the_middle_nothing_is_half_written(
    tmp_path: Path, server: PictureServer, number: signal.Signals, code: int
) -> None:
    name = f"{number.name}-{time.monotonic_ns()}"
    paths = [f"gone/{row}.jpg?{name}" for row in range(20)]
    plan(tmp_path, [server.url(path) for path in ("drip/x.jpg", "slow/a.jpg", "drip/y.jpg", *paths)])
    process = subprocess.Popen([sys.executable, "-c", FETCH, str(tmp_path)])
    try:
        wait_until(lambda: sum(request.path.endswith(name) for request in server.requests) >= 5)
        process.send_signal(number)
        start = time.monotonic()
        assert process.wait(20) == code
        assert time.monotonic() - start < 15
    finally:
        process.kill()
    if number != signal.SIGKILL:
        assert left_over(tmp_path) == []
    io.remove_staging(str(tmp_path))
    assert left_over(tmp_path) == []
    assert pending_shards(str(tmp_path)) == [0]


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_torch_stays_out_of_a_fetch_task(tmp_path: Path, server: PictureServer) -> None:
    plan(tmp_path, [server.url("a.jpg")])
    seen = tmp_path / "torch_was_imported"
    fake = tmp_path / "fake"
    (fake / "torch").mkdir(parents=True)
    (fake / "torch/__init__.py").write_text(f"open({str(seen)!r}, 'w').close()\n")
    check = FETCH + "assert 'torch' not in sys.modules\n"
    subprocess.run([sys.executable, "-c", check, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(fake)}, check=True)
    assert not seen.exists()
    assert read_stats(str(tmp_path), 0).successes == 1
    control = subprocess.run(
        [sys.executable, "-c", "import webdataset"], check=False, env=os.environ | {"PYTHONPATH": str(fake)}
    )
    assert seen.exists(), f"webdataset no longer imports torch ({control.returncode}): the guard tests nothing"
