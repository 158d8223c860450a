"""Chunks of captions over several processes: the same answers in the same order, and no process left behind."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import DataEngineError
from dataengine.parsers import Parser
from dataengine.parsers.output_formats import encode_json
from dataengine.parsers.parsed_files import parse_file
from dataengine.parsers.workers import MAX_CHARACTERS, Chunk, make_chunks, parse_chunks

PARSER = Parser(graph=False)
SUBJECTS = ["a dog", "two cats", "a red bus", "no people", "an old watch"]


def make_rows(num_rows: int) -> list[tuple[str, str, str | None]]:
    return [(str(number), f"{SUBJECTS[number % 5]} on street {number}", "coco") for number in range(num_rows)]


@pytest.mark.parametrize(
    ("num_rows", "size", "expected"), [(0, 3, []), (2, 3, [2]), (3, 3, [3]), (7, 3, [3, 3, 1]), (3, 1, [1, 1, 1])]
)
def test_chunks_hold_every_row_once_and_in_order(num_rows: int, size: int, expected: list[int]) -> None:
    rows = make_rows(num_rows)
    chunks = list(make_chunks(rows, size))
    assert [len(chunk.ids) for chunk in chunks] == expected
    assert [row for chunk in chunks for row in zip(*chunk, strict=True)] == rows


def test_very_long_captions_make_small_chunks() -> None:
    rows: list[tuple[str, str, str | None]] = [(str(number), "x" * (MAX_CHARACTERS // 2), None) for number in range(5)]
    assert [len(chunk.ids) for chunk in make_chunks(rows, 100)] == [2, 2, 1]


def test_a_chunk_is_read_only_when_there_is_room_for_it() -> None:
    taken: list[int] = []

    def rows() -> Any:
        for number, row in enumerate(make_rows(100)):
            taken.append(number)
            yield row

    first = next(parse_chunks(PARSER, encode_json, make_chunks(rows(), 10), 1))
    assert len(first.splitlines()) == 10
    assert len(taken) == 10


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_two_workers_write_what_one_process_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr("dataengine.parsers.parsed_files.ROWS_A_CHUNK", 7)
    lines = [json.dumps({"id": row_id, "caption": text, "source": source}) for row_id, text, source in make_rows(60)]
    lines[13:13] = ["{broken", json.dumps({"caption": "a lamp next to watch", "source": "flickr"})]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
    reports = [parse_file(PARSER, str(source), str(path), "vg", workers) for path, workers in ((one, 1), (two, 2))]
    assert one.read_bytes() == two.read_bytes()
    assert [(r.num_parsed, r.rejected.total(), r.num_unknown_sources) for r in reports] == [(61, 1, 1)] * 2
    rejected = [Path(f"{path}.rejected.jsonl").read_bytes() for path in (one, two)]
    assert rejected[0] == rejected[1]


def test_graphs_of_workers_are_those_of_one_process() -> None:
    parser = Parser(graph=True)
    chunks = list(make_chunks(make_rows(20), 8))
    alone = list(parse_chunks(parser, encode_json, chunks, 1))
    assert list(parse_chunks(parser, encode_json, chunks, 2)) == alone
    assert b'"graph":{"entities":[{"head":"dog"' in alone[0]


def test_a_dead_worker_is_a_named_error() -> None:
    def chunks() -> Any:
        for number, chunk in enumerate(make_chunks(make_rows(40), 1)):
            if number == 20:
                for worker in multiprocessing.active_children():
                    os.kill(worker.pid or 0, signal.SIGKILL)
            yield chunk

    with pytest.raises(DataEngineError, match="fewer --workers"):
        list(parse_chunks(PARSER, encode_json, chunks(), 2))


def test_no_worker_is_left_where_reading_stops_early() -> None:
    def chunks() -> Any:
        yield Chunk(["0"], ["a dog"], [None])
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(parse_chunks(PARSER, encode_json, chunks(), 2))
    assert multiprocessing.active_children() == []


_PARENT = """
import itertools, multiprocessing, sys
from dataengine.parsers import Parser
from dataengine.parsers.output_formats import encode_json
from dataengine.parsers.workers import Chunk, parse_chunks

if __name__ == "__main__":
    chunks = itertools.repeat(Chunk(["0"], ["a dog"], [None]))
    for _ in parse_chunks(Parser(graph=False), encode_json, chunks, 2):
        print(*[child.pid for child in multiprocessing.active_children()], flush=True)
"""


def test_workers_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert workers
    deadline = time.monotonic() + 20
    while any(map(_is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_is_running, workers))


def _is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
