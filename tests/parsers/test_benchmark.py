"""The benchmark's own arithmetic, and that it runs from end to end."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from dataengine.parsers import Parser

Load: TypeAlias = Callable[[str], Any]

SOURCES = ["coco", "vg", "sbu", "cc3m", "laion"]


@pytest.fixture
def load(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function from the name of a benchmark's module to the module."""
    monkeypatch.syspath_prepend(str(repository))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def captions_file(tmp_path: Path) -> Path:
    path = tmp_path / "captions.jsonl"
    rows = [
        {"id": f"{source}-{number}", "source": source, "caption": f"a dog on couch number {number} by the {source}"}
        for source in SOURCES
        for number in range(12 if source == "vg" else 8)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_sources_come_in_equal_parts(load: Load, captions_file: Path) -> None:
    caption_sets = load("caption_sets")
    rows = caption_sets.read_rows(captions_file)
    assert {row.source for row in rows} == {"coco", "vg", "sbu", "cc3m", "alt"}
    parts = caption_sets.equal_parts(rows)
    assert [sum(row.source == source for row in parts) for source in ("coco", "vg", "alt")] == [8, 8, 8]
    assert len(set(parts)) == len(parts)
    assert len(caption_sets.equal_parts(rows, 10)) == 10


def test_made_captions_are_distinct_and_the_same_each_time(load: Load, captions_file: Path) -> None:
    caption_sets = load("caption_sets")
    rows = caption_sets.read_rows(captions_file)
    made = list(caption_sets.distinct_captions(rows, 5_000))
    assert len({caption for caption, _ in made}) == 5_000
    assert made == list(caption_sets.distinct_captions(rows, 5_000))
    assert made != list(caption_sets.distinct_captions(rows, 5_000, seed=1))


def test_f1_is_micro_and_optional_tags_do_not_count(load: Load) -> None:
    quality = load("quality")
    row = {"tags": ["sit", "dog"], "optional": ["red", "dog"]}
    count = quality._count(row, ["sitting", "red", "cat"], {"sitting": "sit"})
    assert count == (1, 2, 2)
    counts = [count, quality.Counts(3, 3, 3)]
    assert quality.f1(counts) == pytest.approx(2 * 4 / (5 + 5))
    assert quality.precision(counts) == pytest.approx(4 / 5)
    low, high = quality.interval(counts * 20)
    assert low < quality.f1(counts) < high
    assert (low, high) == quality.interval(counts * 20)


def test_graphs_become_rows(load: Load) -> None:
    graph = Parser().parse("a white dog sleeping on a couch while birds sing").graph
    rows = load("graphs").our_triples(graph)
    assert sorted(rows) == [["bird"], ["couch"], ["dog"], ["dog", "is", "white"], ["dog", "sleep on", "couch"]]
    theirs = {
        "entities": [
            {"head": "dogs", "modifiers": [{"dep": "det", "span": "the"}, {"dep": "amod", "span": "white"}]},
            {"head": "couch", "modifiers": []},
        ],
        "relations": [{"subject": 0, "relation": "on", "object": 1}],
    }
    rows = load("peer").peer_triples(theirs)
    assert sorted(rows) == [["couch"], ["dogs"], ["dogs", "is", "white"], ["dogs", "on", "couch"]]


def test_a_missed_target_shows_in_the_table(load: Load) -> None:
    figures = load("figures")
    target, met = figures.at_least(0.5, 0.95)
    text = figures.table([figures.Figure("F1", "0.500", target=target, met=met, note="n=3")])
    assert text.splitlines()[2].split() == ["F1", "0.500", ">=", "0.95", "MISSED"]
    assert text.endswith("F1: n=3")


@pytest.mark.slow
def test_speed_and_files_run_from_end_to_end(repository: Path, captions_file: Path) -> None:
    command = [sys.executable, str(repository / "benchmarks" / "parse.py"), "--captions", str(captions_file)]
    options = ["--sections", "speed,files", "--rounds", "1", "--sample", "10", "--million", "0.002"]
    result = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert any(line.startswith("fast path, tag ids ") and "/s" in line for line in lines)
    assert any(line.startswith("captions handed to the slow path ") for line in lines)
    assert any("EXTRAPOLATED from 2,000" in line for line in lines)


def test_an_unknown_section_is_refused(repository: Path, captions_file: Path) -> None:
    command = [sys.executable, str(repository / "benchmarks" / "parse.py"), "--captions", str(captions_file)]
    result = subprocess.run([*command, "--sections", "sped"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "sped" in result.stderr
