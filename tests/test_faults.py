"""The job under faults: interrupted, killed, its workers killed, at random moments of the fetch, and a shard that never works.

Whatever happens, nothing half-written stands under a final name, a relaunch goes on from the finished shards, and the
shards come out byte for byte as those of a job that nothing disturbed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dataengine import io
from dataengine.demo.server import PictureServer
from dataengine.verify import verify
from tests.ray_cluster import environment

pytestmark = [pytest.mark.slow, pytest.mark.ray]

NUM_PICTURES, SHARD_SIZE = 112, 8
"""Fourteen shards: enough that each of four faults finds some unfinished."""


@pytest.fixture(scope="module")
def annotations_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with rows in CC3M's shape. A server has their pictures: every fourth one late, every seventh one gone."""
    folder = tmp_path_factory.mktemp("annotations")
    pictures: dict[str, Path | bytes] = {f"/{number}.jpg": draw(number) for number in range(NUM_PICTURES)}
    with PictureServer(pictures, slow_s=0.5) as server:
        rows = (f"a dog on a couch number {number}\t{server.url(path(number))}\n" for number in range(NUM_PICTURES))
        (folder / "Train_GCC-training.tsv").write_text("".join(rows))
        yield folder


def draw(seed: int) -> bytes:
    stream = BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()


def path(number: int) -> str:
    folder = "slow/" if number % 4 == 0 else "gone/" if number % 7 == 0 else ""
    return f"{folder}{number}.jpg"


@pytest.fixture
def launch(annotations_dir: Path, repository: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """A function that starts the job over a root, in a process group of its own; what it says goes to tmp_path/log."""

    def start(root: Path, *arguments: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable, str(repository / "jobs" / "build_14m.py"), "--root", str(root), "--sources", "cc3m",
            "--annotations", str(annotations_dir), "--shard-size", str(SHARD_SIZE), "--threads", "2", *arguments,
        ]  # fmt: skip
        with (tmp_path / "log").open("a") as log:
            return subprocess.Popen(command, env=environment(), stdout=log, stderr=log, start_new_session=True)

    return start


Launch = Callable[..., "subprocess.Popen[bytes]"]


def interrupt(job: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C: a terminal sends it to the whole group."""
    os.killpg(job.pid, signal.SIGINT)


def terminate(job: subprocess.Popen[bytes]) -> None:
    job.terminate()


def kill(job: subprocess.Popen[bytes]) -> None:
    job.kill()


def kill_workers(job: subprocess.Popen[bytes]) -> None:
    """Kill each process that has a shard in hand."""
    deadline = time.monotonic() + 10
    while not (busy := [pid for pid in descendants(job.pid) if title(pid).startswith("ray::dataengine:fetch")]):
        assert time.monotonic() < deadline, "no worker is at work"
    for pid in busy:
        os.kill(pid, signal.SIGKILL)


def test_after_any_fault_a_relaunch_ends_with_the_same_shards(launch: Launch, tmp_path: Path) -> None:
    undisturbed, root = tmp_path / "undisturbed", tmp_path / "root"
    assert launch(undisturbed, "--num-cpus", "1").wait(120) == 0, read_log(tmp_path)
    kept: dict[str, tuple[int, int]] = {}
    for fault, code in ((interrupt, 130), (kill, -9), (terminate, 143), (kill_workers, 0)):
        job = launch(root, "--num-cpus", "2")
        delay = disturb(job, fault, root, left_over(root))
        status = job.wait(120)
        wait_for_workers(job)
        said = f"{fault.__name__} {delay:.2f} s after a shard was begun: {read_log(tmp_path)}"
        assert status == code, said
        check_whole(root)
        assert fault is kill or not left_over(root), said
        assert kept.items() <= finished(root).items(), f"a finished shard was fetched again; {said}"
        kept = finished(root)
    assert digests(root) == digests(undisturbed)
    assert verify(str(root)).num_errors == 0


def test_a_shard_that_never_works_fails_the_job_by_name_when_the_others_are_done(
    launch: Launch, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    assert launch(root, "--stages", "plan", "--limit", "32").wait(120) == 0, read_log(tmp_path)
    (root / "records" / "00003.parquet").write_bytes(b"PAR1 and nothing else")
    assert launch(root, "--stages", "fetch").wait(120) == 2
    said = read_log(tmp_path)
    assert "fetch failed for 1 shard(s) after 3 runs each: shard 00003: " in said
    assert said.count("fetch: shard 00003 failed at run") == 2
    assert "Traceback" not in said
    assert list(finished(root)) == [f"0000{number}_stats.json" for number in range(3)]
    assert not left_over(root)


def disturb(
    job: subprocess.Popen[bytes], fault: Callable[[subprocess.Popen[bytes]], None], root: Path, before: list[Path]
) -> float:
    """Do `fault` to the job at a random moment of a fetch. Returns the seconds since it had a shard in hand.

    `before` is what an earlier, killed job left: no sign of this one.
    """
    deadline = time.monotonic() + 60
    while not set(root.glob(f"{io.TEMPORARY_PREFIX}*/*.tar")).difference(before):
        assert job.poll() is None, "the job ended before a shard was begun"
        assert time.monotonic() < deadline, "no shard was begun"
        time.sleep(0.01)
    delay = random.uniform(0, 1.0)
    time.sleep(delay)
    fault(job)
    return delay


def wait_for_workers(job: subprocess.Popen[bytes]) -> None:
    """Wait until no worker of an ended job is at work: those of a killed driver see within a moment that Ray is gone."""
    deadline = time.monotonic() + 30
    while busy := [each for each in map(title, session_of(job.pid)) if each.startswith("ray::dataengine")]:
        assert time.monotonic() < deadline, f"the job has ended, not so {busy}"
        time.sleep(0.05)


def final_files(root: Path) -> Iterator[Path]:
    """Yield the files with a final name; what is half-written is not entered."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(io.TEMPORARY_PREFIX)]
        yield from (Path(folder, name) for name in files if not name.startswith(io.TEMPORARY_PREFIX))


def check_whole(root: Path) -> None:
    """Read every file that has a final name to its end."""
    for file in final_files(root):
        if file.suffix == ".tar":
            with tarfile.open(file) as tar:
                assert all(len(tar.extractfile(member).read()) == member.size for member in tar)  # type: ignore[union-attr]
            assert file.read_bytes().endswith(bytes(1024)), f"{file} has no end mark"
        elif file.suffix == ".parquet":
            pq.read_table(file)
        elif file.suffix == ".json":
            json.loads(file.read_text())


def left_over(root: Path) -> list[Path]:
    return list(root.rglob(f"{io.TEMPORARY_PREFIX}*"))


def finished(root: Path) -> dict[str, tuple[int, int]]:
    """Return the marks of the fetched shards, each with the time of its tar and of itself, in nanoseconds."""
    marks = sorted((root / "images").glob("*_stats.json"))
    tars = [mark.with_name(mark.name.replace("_stats.json", ".tar")) for mark in marks]
    return {mark.name: (tar.stat().st_mtime_ns, mark.stat().st_mtime_ns) for mark, tar in zip(marks, tars, strict=True)}


def digests(root: Path) -> dict[str, str]:
    """Return the hashes of the shards and the manifest.

    A commit record (NNNNN.json) is left out: it holds the hash of the ledger, which counts attempts, and a busy machine needs
    one more now and then without a picture being another.
    """
    files = [*(root / "shards").glob("*.tar"), root / "shards" / "manifest.json"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


def read_log(folder: Path) -> str:
    return (folder / "log").read_text()[-4000:]


def descendants(pid: int) -> list[int]:
    """Return the processes that `pid` started, directly or not."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return [each for child in map(int, found) for each in (child, *descendants(child))]


def session_of(pid: int) -> list[int]:
    """Return the processes of the session that `pid` began, living or not yet waited for."""
    found = subprocess.run(["pgrep", "--session", str(pid)], capture_output=True, text=True, check=False)
    return [int(each) for each in found.stdout.split()]


def title(pid: int) -> str:
    """Return what a process calls itself, "" where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
    except OSError:
        return ""
