"""The runner on an embedded Ray: order, retries, failures by name, the torch guard, and a clean end on SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import ConfigError, ShardFailedError, StorageError
from dataengine.extras import require
from dataengine.runner import RayRunner, _end, _signals_held
from dataengine.stage import Stage
from tests.ray_cluster import environment, free_ports

pytestmark = pytest.mark.ray


class RecordingProgress:
    """Keeps what the runner tells."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def start(self, stage: str, num_units: int) -> None:
        self.events.append(("start", stage, num_units))

    def advance(self, stage: str, unit: int, result: Any) -> None:
        self.events.append(("advance", unit))

    def tick(self, stage: str) -> None: ...

    def retry(self, stage: str, unit: int, attempt: int, error: str) -> None:
        self.events.append(("retry", unit, attempt, error))

    def finish(self, stage: str) -> None:
        self.events.append(("finish", stage))


@pytest.fixture(scope="module")
def progress() -> RecordingProgress:
    return RecordingProgress()


@pytest.fixture(scope="module")
def runner(progress: RecordingProgress) -> Iterator[RayRunner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with RayRunner(progress, num_cpus=2) as runner:
            yield runner


@pytest.fixture(autouse=True)
def forget(progress: RecordingProgress) -> None:
    progress.events.clear()


def make_stage(function: str, root: Path, *, keep_torch_out: bool = True) -> Stage:
    return Stage("test", f"tests.stage_functions:{function}", str(root), None, keep_torch_out)


def test_every_unit_is_run_and_told(runner: RayRunner, progress: RecordingProgress, tmp_path: Path) -> None:
    results = runner(make_stage("double", tmp_path), [3, 1, 20])
    assert {unit: result.successes for unit, result in results.items()} == {3: 6, 1: 2, 20: 40}
    assert progress.events[0] == ("start", "test", 3)
    assert sorted(progress.events[1:-1]) == [("advance", 1), ("advance", 3), ("advance", 20)]
    assert progress.events[-1] == ("finish", "test")


def test_no_units_start_nothing(runner: RayRunner, progress: RecordingProgress, tmp_path: Path) -> None:
    assert runner(make_stage("double", tmp_path), []) == {}
    assert progress.events == []


def test_a_unit_that_fails_is_run_thrice_and_named_at_the_end(runner: RayRunner, tmp_path: Path) -> None:
    with pytest.raises(ShardFailedError, match=r"2 shard\(s\) after 3 runs each: shard 0000[13]: shard [13] is odd"):
        runner(make_stage("fail_odd", tmp_path), [0, 1, 2, 3])
    runs = {path.name: len(path.read_text()) for path in tmp_path.glob("runs-*")}
    assert runs == {"runs-0": 1, "runs-1": 3, "runs-2": 1, "runs-3": 3}


@pytest.mark.parametrize("function", ["fail_once", "die_once"])
def test_a_passing_fault_is_survived(runner: RayRunner, tmp_path: Path, function: str) -> None:
    assert runner(make_stage(function, tmp_path), [1, 2]) == {1: 1, 2: 2}


def test_a_unit_whose_worker_always_dies_is_run_thrice(
    runner: RayRunner, progress: RecordingProgress, tmp_path: Path
) -> None:
    with pytest.raises(ShardFailedError, match=r"1 shard\(s\) after 3 runs each: shard 00007: WorkerCrashedError"):
        runner(make_stage("die_always", tmp_path), [7])
    assert (tmp_path / "runs-7").read_text() == "..."
    assert [event[:3] for event in progress.events if event[0] == "retry"] == [("retry", 7, 1), ("retry", 7, 2)]


def test_an_error_of_two_arguments_travels_from_a_worker(runner: RayRunner, tmp_path: Path) -> None:
    with pytest.raises(
        ShardFailedError, match=r"img2dataset is not installed; .*pip install 'ram-dataengine\[build\]'"
    ):
        runner(make_stage("lack_a_package", tmp_path), [0])


def test_a_retry_says_why(runner: RayRunner, progress: RecordingProgress, tmp_path: Path) -> None:
    runner(make_stage("fail_once", tmp_path), [5])
    assert ("retry", 5, 1, "OSError: the disk blinked") in progress.events


def test_guarded_stages_have_workers_of_their_own(runner: RayRunner, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs torch installed to keep it out")
    guarded = runner(make_stage("try_torch", tmp_path), range(4)).values()
    open_ = runner(make_stage("try_torch", tmp_path, keep_torch_out=False), range(2)).values()
    assert not any(loaded for loaded, _ in guarded)
    assert all(loaded for loaded, _ in open_)
    assert {pid for _, pid in guarded}.isdisjoint({pid for _, pid in open_})


def test_a_root_that_all_nodes_see_passes(runner: RayRunner, tmp_path: Path) -> None:
    runner.check_root(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_a_node_misses_is_refused(
    runner: RayRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataengine.runner._look_for", lambda path: "nothing is there")
    with pytest.raises(ConfigError, match=r"not seen by 1 of the cluster's nodes \([\d.]+: nothing is there\).* s3://"):
        runner.check_root(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_node_that_can_run_nothing_is_named(
    runner: RayRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str) -> None:
        raise ModuleNotFoundError("No module named 'dataengine'")

    monkeypatch.setattr("dataengine.runner._look_for", fail)
    with pytest.raises(ConfigError, match=r"127\.0\.0\.2: ModuleNotFoundError: No module named 'dataengine'"):
        runner.check_root(str(tmp_path))


@pytest.mark.parametrize("root", ["http://example.com/root", "gs://bucket/root"])
def test_a_root_that_no_one_can_write_is_refused(runner: RayRunner, root: str) -> None:
    with pytest.raises(StorageError, match=r"cannot write \w+://.*: only a local folder or an s3:// address"):
        runner.check_root(root)


@pytest.mark.parametrize("prefix", ["", "ray://"])
def test_an_address_without_a_ray_is_refused_soon(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    address = f"{prefix}127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    start = time.monotonic()
    with pytest.raises(ConfigError, match=rf"cannot reach the Ray at RAY_ADDRESS={address}: .*unset RAY_ADDRESS"):
        RayRunner(RecordingProgress())
    assert time.monotonic() - start < 5


def test_signals_wait_until_ray_has_started() -> None:
    events: list[str] = []
    handler = signal.signal(signal.SIGTERM, lambda number, frame: events.append("ours"))
    try:
        with _signals_held():
            signal.raise_signal(signal.SIGTERM)
            signal.signal(signal.SIGTERM, lambda number, frame: events.append("Ray's"))
            events.append("started")
        assert events == ["started", "ours"]
        with _signals_held():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            events.append("a second one does not wait")
        assert events[2:] == ["ours", "a second one does not wait"]
    finally:
        signal.signal(signal.SIGTERM, handler)


def test_a_signal_while_ray_starts_does_not_abort_later() -> None:
    handler = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        with _signals_held():
            signal.alarm(3)  # as the crash handler in Ray's C++ does before it passes the signal on
            signal.raise_signal(signal.SIGTERM)
        assert signal.alarm(0) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)


def test_a_worker_that_outlives_its_ray_is_ended() -> None:
    require("ray", "build")  # brings psutil
    psutil = require("psutil", "build")
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    worker = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    worker.stdout.readline()
    process = psutil.Process(worker.pid)
    _end([process])
    assert not process.is_running()
    worker.wait()


AFTER_RAY_SCRIPT = """
import os, signal
from dataengine.cli.app import run
from dataengine.cli.progress import TerminalProgress
from dataengine.runner import RayRunner

def main():
    with RayRunner(TerminalProgress(), num_cpus=1):
        pass
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        print("cleaned up", flush=True)

run(main)
"""


@pytest.mark.slow
def test_sigterm_after_ray_has_ended_still_unwinds(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "job.py").write_text(AFTER_RAY_SCRIPT)
    result = subprocess.run(
        [sys.executable, str(tmp_path / "job.py")],
        env=environment(PYTHONPATH=str(repository)), cwd=repository, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (128 + signal.SIGTERM, "cleaned up\n"), result.stderr


SIGTERM_SCRIPT = """
import sys
from dataengine.cli.app import run
from dataengine.cli.progress import TerminalProgress
from dataengine.runner import RayRunner
from dataengine.stage import Stage

def main():
    with RayRunner(TerminalProgress(), num_cpus=2) as runner:
        runner(Stage("test", "tests.stage_functions:dawdle", sys.argv[1], None), [0, 1])

run(main)
"""


@pytest.mark.slow
def test_sigterm_leaves_nothing_half_written(tmp_path: Path, repository: Path) -> None:
    script, root = tmp_path / "job.py", tmp_path / "root"
    script.write_text(SIGTERM_SCRIPT)
    root.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), str(root)], env=environment(PYTHONPATH=str(repository)), cwd=repository
    )
    deadline = time.monotonic() + 60
    while len(list(root.glob("started-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(list(root.glob(".tmp-*"))) == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert sorted(path.name for path in root.iterdir()) == ["started-0", "started-1"]
