"""Measure the parser: speed, tags, graphs, files, start. One core but for the last two; SceneGraphParser beside it.

    python benchmarks/parse.py                                   # all sections, real captions from DATAENGINE_SHARED
    python benchmarks/parse.py --sections speed --captions captions.jsonl
    python benchmarks/parse.py --sections files --full           # all 14 million captions

SceneGraphParser is no dependency: `pip install --no-deps SceneGraphParser==0.1.0 tabulate`; without it its column says so.
Captions: jsonl with id, source, caption. Labels: jsonl with id, source, tags, optional, negated.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.caption_sets import read_rows
from benchmarks.figures import Figure, table
from benchmarks.graphs import measure_graphs
from benchmarks.peer import load_peer
from benchmarks.processes import FULL_SIZE, measure_files, measure_start
from benchmarks.quality import LabelSet, quality_table
from benchmarks.speed import measure_speed
from dataengine.torch_guard import keep_torch_out

SHARED_DIR = Path(os.environ.get("DATAENGINE_SHARED", REPOSITORY.parent / "shared"))
SECTIONS = "speed,quality,graphs,files,start"
_CAPTIONS = SHARED_DIR / "parser" / "captions.jsonl"
_OWN_LABELS = REPOSITORY / "tests" / "parsers" / "labels"


def main(
    captions: Annotated[Path, typer.Option(help="Captions to measure speed on.")] = _CAPTIONS,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the speed section; medians are printed.")] = 5,
    sections: Annotated[str, typer.Option(help="What to measure, comma-separated.")] = SECTIONS,
    sample: Annotated[int, typer.Option(min=5, help="Captions that the slow systems read a round.")] = 2_000,
    million: Annotated[float, typer.Option(help="Captions of the files section, in millions.")] = 1.0,
    full: Annotated[bool, typer.Option("--full", help="All 14 million captions in the files section.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that parse in the files section.")] = 2,
    half: Annotated[str, typer.Option(help="Half of the human graphs: odd (held out) or even.")] = "odd",
    labels: Annotated[list[Path] | None, typer.Option(help="More labelled captions, read by nobody.")] = None,
) -> None:
    """Print the figures of the sections that were asked for."""
    chosen = [name.strip() for name in sections.split(",")]
    if unknown := sorted(set(chosen) - set(SECTIONS.split(","))):
        raise typer.BadParameter(f"no section {', '.join(unknown)}; there are {SECTIONS}")
    if not captions.is_file():
        raise typer.BadParameter(f"no captions at {captions}; give --captions FILE or set DATAENGINE_SHARED")
    keep_torch_out()
    rows = read_rows(captions)
    figures: list[Figure] = []
    with _one_core():
        peer = load_peer() if {"speed", "graphs"} & set(chosen) else None
        if "quality" in chosen:
            typer.echo(quality_table(_label_sets(labels or []), {row.id: row for row in rows}, SHARED_DIR / "parser"))
        if "speed" in chosen:
            figures += measure_speed(rows, peer, rounds, sample)
        if "graphs" in chosen:
            figures += measure_graphs(SHARED_DIR / "parser", half, peer)
    if "files" in chosen:
        figures += measure_files(rows, FULL_SIZE if full else int(million * 1_000_000), workers)
    if "start" in chosen:
        figures += measure_start()
    if figures:
        typer.echo(table(figures))
    typer.echo(f"load average {', '.join(f'{load:.1f}' for load in os.getloadavg())} on {os.cpu_count()} cores")


def _label_sets(more_labels: Sequence[Path]) -> list[LabelSet]:
    """Return the labelled sets that are there: development, our own seen and unseen, and what was asked for."""
    sets = [LabelSet("dev", SHARED_DIR / "parser" / "gold_dev.jsonl", False)]
    sets += [LabelSet(path.stem, path, "unseen" in path.stem) for path in sorted(_OWN_LABELS.glob("*.jsonl"))]
    sets += [LabelSet(path.stem, path, True) for path in more_labels]
    return [labels for labels in sets if labels.path.is_file()]


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process on one core, matrices too; what it starts afterwards may use all."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        del os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]


if __name__ == "__main__":
    typer.run(main)
