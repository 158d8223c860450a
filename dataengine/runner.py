"""The one place that knows Ray: maps a stage over its units with back-pressure, retries and a clear end.

A unit is a shard. It runs in one Ray task that reads and writes its shard itself, so no pixel enters the object store.
A unit that raises, or whose worker dies, is run at most twice more; the others go on meanwhile, and the stage fails at its
end with the names of the units that failed for good. What is committed stays: relaunching the same command is the resume.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Self

from dataengine import io
from dataengine.errors import ConfigError, DataEngineError, ShardFailedError
from dataengine.extras import require
from dataengine.registry import load_target
from dataengine.stage import Progress, Stage, unit_name

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""Runs of one unit before it fails the job."""
_TASKS_PER_CPU = 2
"""Tasks handed to Ray per CPU: enough to keep it busy, few enough to stop soon."""
_POLL_S = 0.5
_CANCEL_GRACE_S = 2.0
"""Ray gives a stopped job about 3 s before it kills; running tasks use them to remove their half-written files."""
_LOOPBACK = "127.0.0.2"
"""An embedded Ray listens here only. Ray replaces 127.0.0.1 by the machine's public address, but takes this as it is."""
_HOST_AND_PORT = re.compile(r"(?:ray://)?(?P<host>[^/\[\]]+|\[[^\]]+\]):(?P<port>\d+)")
_CONNECT_TIMEOUT_S = 5.0


@dataclass
class _Unit:
    number: int
    attempts: int = 0
    errors: list[str] = field(default_factory=list)


class RayRunner:
    """Runs stages on Ray: a cluster where RAY_ADDRESS or a Ray job names one, else an embedded Ray of this process."""

    def __init__(self, progress: Progress, num_cpus: int | None = None) -> None:
        """Start or join Ray; `num_cpus` bounds an embedded one. Raises MissingExtraError, ConfigError."""
        self._ray = require("ray", "build")
        self._progress = progress
        self._interrupted: set[str] = set()
        """The roots in which tasks may still have been at work when their stage ended."""
        with _signals_held():
            self._started = _start_ray(self._ray, num_cpus)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        workers = _embedded_workers() if self._interrupted else []
        if self._started:
            self._ray.shutdown()
            _reinstall_handlers()
        _end(workers)
        for root in self._interrupted:
            io.remove_staging(root)

    def __call__(self, stage: Stage, units: Sequence[int]) -> Mapping[int, Any]:
        """Run `stage` over `units`. Returns unit -> result. Raises ShardFailedError with the units that failed."""
        if not units:
            return {}
        self._progress.start(stage.name, len(units))
        run = _StageRun(self._ray, stage, self._progress)
        try:
            return run.finish(units)
        finally:
            if run.cancel():
                self._interrupted.add(stage.root)
            self._progress.finish(stage.name)

    def check_root(self, root: str) -> None:
        """Refuse a root that can't be written or that some node can't see: one task a node looks for a probe file.

        Raises:
            ConfigError: names the nodes that did not see it, and why.
            StorageError: it can't be written.
        """
        probe = io.join(root, f"{io.TEMPORARY_PREFIX}probe-{os.getpid()}")
        io.commit_bytes(b"probe", probe)
        try:
            blind = self._nodes_blind_to(probe)
        finally:
            io.remove(probe)
        if blind:
            raise ConfigError(
                f"--root {root} is not seen by {len(blind)} of the cluster's nodes ({'; '.join(blind)}); "
                "give a folder that all nodes mount, or an s3:// address that all may read"
            )

    def _nodes_blind_to(self, path: str) -> list[str]:
        """Return the address of each node that does not see `path`, with the reason."""
        strategy = require("ray.util.scheduling_strategies", "build").NodeAffinitySchedulingStrategy
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        task = self._ray.remote(num_cpus=0, max_retries=0)(_look_for)
        looks = [task.options(scheduling_strategy=strategy(node["NodeID"], soft=False)).remote(path) for node in nodes]
        answers = [_get(self._ray, look) for look in looks]
        faults = [
            (node["NodeManagerAddress"], found or error) for node, (found, error) in zip(nodes, answers, strict=True)
        ]
        return [f"{address}: {fault}" for address, fault in faults if fault]


class _StageRun:
    """The tasks of one stage in flight."""

    def __init__(self, ray: Any, stage: Stage, progress: Progress) -> None:
        self._ray, self._stage, self._progress = ray, stage, progress
        self._running: dict[Any, _Unit] = {}
        # No retries by Ray: a unit whose worker dies counts as failed here, and is told like any other.
        self._task = ray.remote(num_cpus=1, max_retries=0)(_run_unit)
        self._task = self._task.options(name=f"dataengine:{stage.name}", runtime_env=_runtime_env(stage))

    def finish(self, units: Sequence[int]) -> dict[int, Any]:
        """Run all units, retrying those that raise. Returns unit -> result."""
        waiting = deque(_Unit(number) for number in units)
        failed: list[_Unit] = []
        results: dict[int, Any] = {}
        while waiting or self._running:
            for _ in range(min(len(waiting), self._num_free())):
                self._submit(waiting.popleft())
            self._progress.tick(self._stage.name)
            for unit, result, error in self._next_done():
                if error is None:
                    results[unit.number] = result
                    self._progress.advance(self._stage.name, unit.number, result)
                else:
                    self._retry_or_fail(unit, error, waiting, failed)
        if failed:
            raise ShardFailedError(_failure_message(self._stage.name, failed))
        return results

    def cancel(self) -> bool:
        """Interrupt what still runs, and give it a moment to clean up after itself. Returns whether there was any."""
        running = list(self._running)
        for reference in running:
            self._ray.cancel(reference, force=False)
        if running:
            self._ray.wait(running, num_returns=len(running), timeout=_CANCEL_GRACE_S)
        self._running.clear()
        return bool(running)

    def _num_free(self) -> int:
        """Return how many more tasks Ray may have now: nodes come and go while a stage runs."""
        num_cpus = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        return max(0, _TASKS_PER_CPU * num_cpus - len(self._running))

    def _submit(self, unit: _Unit) -> None:
        unit.attempts += 1
        stage = self._stage
        reference = self._task.remote(stage.target, stage.keep_torch_out, stage.root, unit.number, stage.options)
        self._running[reference] = unit

    def _next_done(self) -> list[tuple[_Unit, Any, str | None]]:
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=_POLL_S)
        return [(self._running.pop(reference), *_get(self._ray, reference)) for reference in done]

    def _retry_or_fail(self, unit: _Unit, error: str, waiting: deque[_Unit], failed: list[_Unit]) -> None:
        unit.errors.append(error)
        if unit.attempts < MAX_ATTEMPTS:
            self._progress.retry(self._stage.name, unit.number, unit.attempts, error)
            waiting.append(unit)
        else:
            failed.append(unit)


def _get(ray: Any, reference: Any) -> tuple[Any, str | None]:
    """Return (what a task answered, None), or (None, its error in words)."""
    try:
        return ray.get(reference), None
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        logger.debug("a task failed", exc_info=error)
        return None, str(cause) if isinstance(cause, DataEngineError) else f"{type(cause).__name__}: {cause}"
    except ray.exceptions.RayError as error:
        return None, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"


def _failure_message(stage: str, failed: Sequence[_Unit]) -> str:
    names = "; ".join(f"shard {unit_name(unit.number)}: {unit.errors[-1]}" for unit in failed[:10])
    more = f" (and {len(failed) - 10} more)" if len(failed) > 10 else ""
    return (
        f"{stage} failed for {len(failed)} shard(s) after {MAX_ATTEMPTS} runs each: {names}{more}; "
        "mend the cause and relaunch the same command: finished shards are kept"
    )


def _run_unit(target: str, keep_torch_out: bool, root: str, unit: int, options: Any) -> Any:
    """Run one unit in a Ray worker. The guard comes first: the target's module may import spaCy or img2dataset."""
    if keep_torch_out:
        from dataengine import torch_guard

        torch_guard.keep_torch_out()
    return load_target(target)(root, unit, options)


def _look_for(path: str) -> str | None:
    """Return None where `path` is there, else why not: a folder of another machine, an address without credentials."""
    try:
        return None if io.exists(path) else "nothing is there"
    except DataEngineError as error:
        return str(error)


def _runtime_env(stage: Stage) -> dict[str, Any]:
    """Return an environment of the stage's kind: Ray shares workers only among tasks of equal environments."""
    kind = "no-torch" if stage.keep_torch_out else "any"
    return {"env_vars": {"DATAENGINE_WORKER": kind, "OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}}


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back while Ray starts; a second one counts at once.

    A half-started Ray crashes when the process ends, and Ray would put its own SIGTERM handler in place of ours.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    install = signal.signal
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    held: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        # From the middle of its start on, Ray's C++ takes SIGTERM for a crash: it has the process aborted 3 s later, then calls us.
        signal.alarm(0)
        held.append(number)
        if len(held) == 1:
            logger.warning("Ray is starting; the job ends as soon as it has, or at once if you interrupt again")
        else:
            release()

    def release() -> None:
        for number, handler in handlers.items():
            install(number, handler)
        if held:
            first = held[0]
            held.clear()
            signal.raise_signal(first)

    for number in handlers:
        install(number, hold)
    signal.signal = lambda number, handler: hold if number in handlers else install(number, handler)  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = install
        release()


def _embedded_workers() -> list[Any]:
    """Return the worker processes of an embedded Ray; of a cluster there are none below this process."""
    psutil = require("psutil", "build")  # comes with Ray
    workers = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            title = " ".join(process.cmdline()[:1])
            if title.startswith("ray::") and not title.endswith("Agent"):
                workers.append(process)
    return workers


def _end(workers: Sequence[Any]) -> None:
    """Wait for workers that outlive their Ray, and kill those that stay: what they write would come after the last clean-up."""
    if not workers:
        return
    psutil = require("psutil", "build")
    _, alive = psutil.wait_procs(workers, timeout=_CANCEL_GRACE_S)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_CANCEL_GRACE_S)


def _reinstall_handlers() -> None:
    """Put the handlers of SIGINT and SIGTERM back: when Ray shuts down, its C++ sets SIGTERM to end the process at once."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.getsignal(number))


def _start_ray(ray: Any, num_cpus: int | None) -> bool:
    """Join the cluster that the environment names, or start an embedded Ray. Returns whether this call did either."""
    if ray.is_initialized():
        return False
    quiet = {"log_to_driver": False, "logging_level": logging.WARNING}
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address:
            _knock(address)
            ray.init(address=address, **quiet)
        else:
            ray.init(address="local", num_cpus=num_cpus, include_dashboard=False, _node_ip_address=_LOOPBACK, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"the Ray at RAY_ADDRESS={address}" if address else "an embedded Ray"
        raise ConfigError(f"cannot reach {where}: {error}; check the address, or unset RAY_ADDRESS") from error
    return True


def _knock(address: str) -> None:
    """Raise ConnectionError where nothing listens at `address`: Ray itself would try for minutes."""
    found = _HOST_AND_PORT.fullmatch(address)
    if found is None:
        return
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), _CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(f"nothing listens there ({error})") from error
