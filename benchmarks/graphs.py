"""Scene graphs against those that people made, for both systems, by score_graph.py."""

from __future__ import annotations

import json
import re
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from benchmarks.figures import Figure, at_least
from benchmarks.peer import INSTALL, PeerParse, peer_triples
from benchmarks.scorers import capture, load_scorer, write_lines
from dataengine.parsers import Parser
from dataengine.records import SceneGraph

_F1 = re.compile(r"^(triples|nodes): .* F1 ([0-9.]+)$", re.MULTILINE)
_TARGETS = {"triples": 0.58, "nodes": 0.89}


def measure_graphs(parser_dir: Path, half: str, peer: PeerParse | None) -> list[Figure]:
    """Return F1 of triples and nodes on one half ("odd", "even") of the human graphs."""
    gold_path, scorer = parser_dir / "vg_graphs.jsonl", load_scorer(parser_dir / "score_graph.py")
    if scorer is None or not gold_path.is_file():
        return [Figure("graphs against human ones", f"not measured: no graphs and scorer in {parser_dir}")]
    with gold_path.open(encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if _in_half(row["id"], half)]
    parsed = Parser(graph=True).parse_many([row["caption"] for row in rows], "vg")
    ours = _scores(
        scorer,
        gold_path,
        half,
        {row["id"]: our_triples(p.graph) for row, p in zip(rows, parsed, strict=True) if p.graph},
    )
    theirs = {}
    if peer is not None:
        theirs = _scores(scorer, gold_path, half, {row["id"]: peer_triples(peer(row["caption"])) for row in rows})
    return [
        _figure(name, ours[name], theirs.get(name), f"{len(rows):,} captions, the {half} half") for name in _TARGETS
    ]


def our_triples(graph: SceneGraph) -> list[list[str]]:
    """Return a graph as rows for score_graph.py: a relation without an object gives none, and no modifier is a determiner."""
    heads = [entity.head for entity in graph.entities]
    rows = [
        [heads[edge.subject], edge.predicate, heads[edge.object]] for edge in graph.relations if edge.object is not None
    ]
    for entity in graph.entities:
        rows.append([entity.head])
        rows += [[entity.head, "is", item.text] for item in entity.modifiers]
    return rows


def _in_half(row_id: str, half: str) -> bool:
    return zlib.crc32(row_id.encode()) % 2 == (half == "odd")


def _scores(
    scorer: ModuleType, gold_path: Path, half: str, triples: Mapping[str, Iterable[list[str]]]
) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.jsonl"
        write_lines(path, [{"id": row_id, "triples": rows} for row_id, rows in triples.items()])
        _, printed = capture(scorer, gold_path, path, "--half", half, spread=True)
    return {name: float(value) for name, value in _F1.findall(printed)}


def _figure(name: str, ours: float, theirs: float | None, note: str) -> Figure:
    target, met = at_least(ours, _TARGETS[name])
    peer = f"absent: {INSTALL}" if theirs is None else f"{theirs:.3f}"
    return Figure(f"graphs, F1 of {name}", f"{ours:.3f}", peer, "", target, met, note)
