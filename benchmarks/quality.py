"""Micro F1 of the tags on labelled captions, with bootstrap intervals, scored as the labels' own scorer does."""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.caption_sets import Row
from benchmarks.figures import Figure, at_least
from benchmarks.scorers import capture, load_scorer, write_lines
from dataengine.parsers import Parser, resolve_source

NUM_RESAMPLES = 1_000
_NEGATING = re.compile(r"\b(?:no|not|without|never)\b|n't\b", re.IGNORECASE)
_F1_TARGETS = {"all": 0.95, "coco": 0.97, "vg": 0.97, "cc3m": 0.95, "sbu": 0.93, "alt": 0.85}
_NEGATED_PRECISION_TARGET = 0.95


class Counts(NamedTuple):
    """Of one caption: tags that are right, said, and labelled."""

    right: int
    said: int
    labelled: int


class LabelSet(NamedTuple):
    """Labelled captions by one name. A target is held against a set that nobody wrote rules for."""

    name: str
    path: Path
    is_unseen: bool


def measure_quality(label_sets: Sequence[LabelSet], captions: Mapping[str, Row], parser_dir: Path) -> list[Figure]:
    """Return F1 by source, and precision on negated captions, for each set of labels."""
    equal_names = json.loads((parser_dir / "equiv.json").read_text(encoding="utf-8"))
    parser = Parser(graph=False)
    figures: list[Figure] = []
    for labels in label_sets:
        gold = [json.loads(line) for line in labels.path.read_text(encoding="utf-8").splitlines()]
        texts = [row.get("caption") or captions[row["id"]].caption for row in gold]
        parsed = parser.parse_many(texts, [resolve_source(row["source"])[0] for row in gold])
        said = [list(caption.tags) for caption in parsed]
        counts = [_count(row, tags, equal_names) for row, tags in zip(gold, said, strict=True)]
        note = _agreement(parser_dir / "score.py", gold, said, f1(counts))
        figures += _by_source(labels, gold, counts, note)
        figures.append(_on_negated(labels, gold, texts, counts))
    return figures


def _count(row: Mapping[str, Any], said: Iterable[str], equal_names: Mapping[str, str]) -> Counts:
    def merged(tags: Iterable[str]) -> set[str]:
        return {equal_names.get(tag, tag) for tag in tags}

    labelled = merged(row["tags"])
    found = merged(said) - (merged(row.get("optional", [])) - labelled)
    return Counts(len(found & labelled), len(found), len(labelled))


def f1(counts: Sequence[Counts]) -> float:
    """Return micro F1 over (caption, tag) pairs."""
    right, said, labelled = (sum(values) for values in zip(*counts, strict=True))
    return float(2 * right / max(said + labelled, 1))


def precision(counts: Sequence[Counts]) -> float:
    """Return micro precision over (caption, tag) pairs."""
    return sum(count.right for count in counts) / max(sum(count.said for count in counts), 1)


def interval(counts: Sequence[Counts], seed: int = 0) -> tuple[float, float]:
    """Return the middle 95 % of F1 over captions drawn anew `NUM_RESAMPLES` times."""
    rng = random.Random(seed)
    scores = sorted(f1(rng.choices(counts, k=len(counts))) for _ in range(NUM_RESAMPLES))
    return scores[int(0.025 * NUM_RESAMPLES)], scores[int(0.975 * NUM_RESAMPLES) - 1]


def _by_source(labels: LabelSet, gold: Sequence[Mapping[str, Any]], counts: list[Counts], note: str) -> list[Figure]:
    groups: dict[str, list[Counts]] = {"all": counts}
    for row, count in zip(gold, counts, strict=True):
        groups.setdefault(resolve_source(row["source"])[0], []).append(count)
    figures = []
    for source, members in groups.items():
        low, high = interval(members)
        target, met = at_least(f1(members), _F1_TARGETS.get(source, 0)) if labels.is_unseen else ("", None)
        figures.append(
            Figure(
                f"F1 {labels.name}, {source}",
                f"{f1(members):.3f} [{low:.3f}, {high:.3f}] n={len(members)}",
                target=target,
                met=met,
                note=note if source == "all" else "",
            )
        )
    return figures


def _on_negated(
    labels: LabelSet, gold: Sequence[Mapping[str, Any]], texts: Sequence[str], counts: Sequence[Counts]
) -> Figure:
    negated = [
        count
        for row, text, count in zip(gold, texts, counts, strict=True)
        if row.get("negated", _NEGATING.search(text) is not None)
    ]
    if not negated:
        return Figure(f"precision on negated, {labels.name}", "no such caption")
    value = precision(negated)
    target, met = at_least(value, _NEGATED_PRECISION_TARGET)
    return Figure(f"precision on negated, {labels.name}", f"{value:.3f} n={len(negated)}", target=target, met=met)


def _agreement(scorer_path: Path, gold: Sequence[Mapping[str, Any]], said: Sequence[list[str]], ours: float) -> str:
    """Return what the labels' own scorer says of the same tags. Raises AssertionError where the two differ."""
    scorer = load_scorer(scorer_path)
    if scorer is None:
        return "score.py is absent: not checked against it"
    with tempfile.TemporaryDirectory() as folder:
        gold_path, said_path = Path(folder) / "gold.jsonl", Path(folder) / "said.jsonl"
        write_lines(gold_path, gold)
        write_lines(said_path, [{"id": row["id"], "tags": tags} for row, tags in zip(gold, said, strict=True)])
        result, _ = capture(scorer, gold_path, said_path, spread=False)
    theirs = float(result["all"]["F1"])
    if abs(theirs - ours) > 0.0001:
        raise AssertionError(f"score.py says F1 {theirs}, this benchmark {ours:.4f}")
    return f"score.py says {theirs}"
