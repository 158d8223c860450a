"""Captions a second on one core: the fast path, the path with graphs, and SceneGraphParser, in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

from benchmarks.caption_sets import Row, equal_parts
from benchmarks.figures import Figure, at_least, at_most
from benchmarks.peer import INSTALL, PeerParse
from dataengine.parsers import Parser

_FAST_TARGET = 40_000
_FAST_RATIO_TARGET = 150
_GRAPH_RATIO_TARGET = 4
_SLOW_SHARE_TARGET = 0.5


def measure_speed(rows: Sequence[Row], peer: PeerParse | None, num_rounds: int, num_sampled: int) -> list[Figure]:
    """Return the figures. The fast path reads all captions in equal parts; the slow two read the same sample of them."""
    every, sample = equal_parts(rows), equal_parts(rows, num_sampled)
    fast, graph = Parser(graph=False), Parser(graph=True)
    rates: dict[str, list[float]] = {"fast": [], "graph": [], "peer": []}
    _warm_up(fast, graph, peer, sample[:200])
    for _ in range(num_rounds):
        rates["fast"].append(_rate(lambda: _tag_ids(fast, every), len(every)))
        rates["graph"].append(_rate(lambda: _graphs(graph, sample), len(sample)))
        if peer is not None:
            rates["peer"].append(_rate(lambda: [peer(row.caption) for row in sample], len(sample)))
    slow_share = 100 * _count_slow(fast, every) / len(every)
    target, met = at_most(slow_share, _SLOW_SHARE_TARGET, " %")
    return [
        _rate_figure("fast path, tag ids", rates["fast"], rates["peer"], _FAST_TARGET, _FAST_RATIO_TARGET, len(every)),
        Figure("captions handed to the slow path", f"{slow_share:.2f} %", target=target, met=met),
        _rate_figure("full path, with graphs", rates["graph"], rates["peer"], None, _GRAPH_RATIO_TARGET, len(sample)),
    ]


def _rate_figure(
    name: str, ours: list[float], peer: list[float], target: float | None, ratio_target: float, num_captions: int
) -> Figure:
    rate = statistics.median(ours)
    targets, met = [], True
    if target is not None:
        text, met = at_least(rate, target, "/s")
        targets.append(text)
    ratio = statistics.median(a / b for a, b in zip(ours, peer, strict=True)) if peer else None
    if ratio is not None:
        text, reached = at_least(ratio, ratio_target, " x")
        targets.append(text)
        met = met and reached
    spread = f"rounds {min(ours):,.0f} to {max(ours):,.0f}, the first {ours[0]:,.0f}"
    if peer:
        spread += f"; SceneGraphParser {min(peer):,.0f} to {max(peer):,.0f}"
    return Figure(
        name,
        f"{rate:,.0f}/s",
        f"{statistics.median(peer):,.0f}/s" if peer else f"absent: {INSTALL}",
        f"{ratio:,.1f} x" if ratio is not None else "",
        ", ".join(targets),
        met if targets else None,
        f"{num_captions:,} captions, {len(ours)} rounds, captions a second of processor time; {spread}",
    )


def _rate(work: Callable[[], Any], num_captions: int) -> float:
    """Return captions a second of this process's processor time: what others do on the machine counts less."""
    start = time.process_time()
    work()
    return num_captions / (time.process_time() - start)


def _tag_ids(parser: Parser, rows: Sequence[Row]) -> list[tuple[int, ...]]:
    parsed = parser.parse_many([row.caption for row in rows], [row.source for row in rows])
    return [caption.tag_ids for caption in parsed]


def _graphs(parser: Parser, rows: Sequence[Row]) -> int:
    """Return the number of entities, so that no graph is left unread."""
    parsed = parser.parse_many([row.caption for row in rows], [row.source for row in rows])
    return sum(len(caption.graph.entities) for caption in parsed if caption.graph is not None)


def _count_slow(parser: Parser, rows: Sequence[Row]) -> int:
    """Return how many texts the fast path hands to the language model."""
    from dataengine.parsers.language_model import LanguageModel

    counted = 0
    parse_many = LanguageModel.parse_many

    def parse_counted(model: LanguageModel, texts: Any) -> Any:
        nonlocal counted
        texts = list(texts)
        counted += len(texts)
        return parse_many(model, texts)

    with mock.patch.object(LanguageModel, "parse_many", parse_counted):
        _tag_ids(parser, rows)
    return counted


def _warm_up(fast: Parser, graph: Parser, peer: PeerParse | None, rows: Sequence[Row]) -> None:
    """Load models and build tables, for all sources."""
    _tag_ids(fast, rows)
    _graphs(graph, rows)
    if peer is not None:
        peer(rows[0].caption)
