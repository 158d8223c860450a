"""The command itself, in processes of its own: how soon it answers, and how fast it turns parquet into parquet."""

from __future__ import annotations

import importlib.metadata
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.caption_sets import Row, distinct_captions
from benchmarks.figures import Figure, at_most

FULL_SIZE = 14_000_000
_REPOSITORY = Path(__file__).resolve().parent.parent
_COMMAND = (sys.executable, "-m", "dataengine", "parse")
_FILE_MINUTES = 6.0
_MEMORY_GB = 1.0
_NUM_STARTS = 7
_STARTS = {"--tags-only": 1.0, "with the graph": 2.0}
_CAPTION = "a white dog sitting on a couch near a table"
_ROWS_A_GROUP = 100_000
_POLL_SECONDS = 0.2


class Run(NamedTuple):
    """A finished command: its time, and the resident memory of each of its processes (main first), in bytes."""

    seconds: float
    processor_seconds: float
    """Of all its processes together."""
    peaks: list[int]
    early: int
    late: int
    """Of all processes together, at a third and near the end: flat memory has them alike."""


# ------------------------------------------------------------------------------------------------------------ start


def measure_start() -> list[Figure]:
    """Return the seconds from process start to answer, median of seven."""
    torch = "torch installed" if _is_installed("torch") else "torch NOT installed"
    figures = []
    for name, limit in _STARTS.items():
        options = ["--tags-only"] if name == "--tags-only" else []
        processor_start = _children_seconds()
        seconds = [_time_command([*_COMMAND, _CAPTION, *options]) for _ in range(_NUM_STARTS)]
        processor = (_children_seconds() - processor_start) / _NUM_STARTS
        median = statistics.median(seconds)
        target, met = at_most(median, limit, " s")
        note = f"wall clock, {min(seconds):.2f} to {max(seconds):.2f} s; processor time {processor:.2f} s; {torch}"
        figures.append(Figure(f'dataengine parse "...", {name}', f"{median:.2f} s", target=target, met=met, note=note))
    return figures


def _time_command(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=_REPOSITORY)
    return time.perf_counter() - start


def _is_installed(package: str) -> bool:
    """Return whether a package is installed, also where its import is blocked in this process."""
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


# ------------------------------------------------------------------------------------------------------------ files


def measure_files(rows: Sequence[Row], num_captions: int, num_workers: int) -> list[Figure]:
    """Return time and memory of `dataengine parse --input --output --tags-only` over distinct captions in parquet."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "captions.parquet", Path(folder) / "tags.parquet"
        _write_captions(source, rows, num_captions)
        command = [*_COMMAND, "--input", str(source), "--output", str(target), "--tags-only"]
        run = _watch([*command, "--workers", str(num_workers)])
        _assert_answered(target, num_captions)
    return list(_file_figures(run, num_captions, num_workers))


def _file_figures(run: Run, num_captions: int, num_workers: int) -> Iterator[Figure]:
    scale = FULL_SIZE / num_captions / 60
    target, met = at_most(run.seconds * scale, _FILE_MINUTES, " min")
    how = "measured" if num_captions == FULL_SIZE else f"EXTRAPOLATED from {num_captions:,} in {run.seconds:,.1f} s"
    yield Figure(
        f"{FULL_SIZE:,} captions, parquet to parquet",
        f"{run.seconds * scale:.1f} min, {how}",
        target=target,
        met=met,
        note=f"{num_workers} workers, {num_captions / run.seconds:,.0f} captions a second of wall clock; "
        f"processor time {run.processor_seconds * scale:.1f} min, start included, to be shared by the cores",
    )
    peak = max(run.peaks) / 1e9
    target, met = at_most(peak, _MEMORY_GB, " GB")
    each = ", ".join(f"{size / 1e6:,.0f} MB" for size in run.peaks)
    yield Figure(
        "memory of the largest process",
        f"{peak:.2f} GB",
        target=target,
        met=met,
        note=f"peaks {each}; all together {run.early / 1e6:,.0f} MB at a third, {run.late / 1e6:,.0f} MB near the end",
    )


def _write_captions(path: Path, rows: Sequence[Row], num_captions: int) -> None:
    """Write distinct captions. Raises AssertionError where two are the same."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    hashes = np.empty(num_captions, dtype=np.int64)
    schema = pa.schema([("id", pa.string()), ("caption", pa.string()), ("source", pa.string())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        captions = distinct_captions(rows, num_captions)
        for start in range(0, num_captions, _ROWS_A_GROUP):
            group = [next(captions) for _ in range(min(_ROWS_A_GROUP, num_captions - start))]
            hashes[start : start + len(group)] = [hash(caption) for caption, _ in group]
            ids = [str(start + place) for place in range(len(group))]
            texts, sources = zip(*group, strict=True)
            writer.write_table(pa.table([ids, texts, sources], schema=schema))
    num_distinct = len(np.unique(hashes))
    assert num_distinct == num_captions, f"{num_distinct:,} distinct captions, not {num_captions:,}"


def _assert_answered(path: Path, num_captions: int) -> None:
    import pyarrow.parquet as pq

    num_rows = pq.ParquetFile(path).metadata.num_rows
    assert num_rows == num_captions, f"{num_rows:,} rows answered, not {num_captions:,}"


def _watch(command: Sequence[str]) -> Run:
    """Run a command and look at its processes' memory until it ends. Raises CalledProcessError where it fails."""
    start, processor_start = time.perf_counter(), _children_seconds()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=_REPOSITORY)
    peaks: dict[int, int] = {}
    totals: list[int] = []
    while process.poll() is None:
        memory = {pid: _memory(pid) for pid in [process.pid, *_children(process.pid)]}
        peaks.update({pid: max(peak, peaks.get(pid, 0)) for pid, (_, peak) in memory.items()})
        totals.append(sum(now for now, _ in memory.values()))
        time.sleep(_POLL_SECONDS)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=process.communicate()[1])
    used = _children_seconds() - processor_start
    return Run(seconds, used, list(peaks.values()), totals[len(totals) // 3], totals[int(len(totals) * 0.9)])


def _children_seconds() -> float:
    """Return the processor time of the children that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory(pid: int) -> tuple[int, int]:
    """Return the resident memory of a process now and at its peak, in bytes; nothing once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return 1024 * kilobytes.get("VmRSS", 0), 1024 * kilobytes.get("VmHWM", 0)


def _children(pid: int) -> list[int]:
    """Return the processes that a process's threads have started."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for text in lists for child in text.split()]
