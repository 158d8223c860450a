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
from benchmarks.figures import aligned, verdict
from benchmarks.scorers import capture, load_scorer, write_lines
from dataengine.parsers import Parser, resolve_source

NUM_RESAMPLES = 1_000
_NEGATING = re.compile(r"\b(?:no|not|without|never)\b|n't\b", re.IGNORECASE)
_F1_TARGETS = {"all": 0.95, "coco": 0.97, "vg": 0.97, "cc3m": 0.95, "sbu": 0.93, "alt": 0.85}
_NEGATED = "negated"
_NEGATED_TARGET = 0.95


class Counts(NamedTuple):
    """Of one caption: tags that are right, said, and labelled."""

    right: int
    said: int
    labelled: int


class LabelSet(NamedTuple):
    """Labelled captions by one name. Targets are held against sets that nobody wrote rules for."""

    name: str
    path: Path
    is_unseen: bool


class _Scored(NamedTuple):
    """A label set's captions, counted; `groups` by source, and "all", and those that are negated."""

    labels: LabelSet
    groups: dict[str, list[Counts]]
    note: str


def quality_table(label_sets: Sequence[LabelSet], captions: Mapping[str, Row], parser_dir: Path) -> str:
    """Return F1 by source with intervals, and precision on negated captions: the sets side by side."""
    equal_names = json.loads((parser_dir / "equiv.json").read_text(encoding="utf-8"))
    parser = Parser(graph=False)
    scored = [_score(labels, captions, parser, equal_names, parser_dir / "score.py") for labels in label_sets]
    names = [labels.name for labels in label_sets]
    rows = [["micro F1 [95 %] n", *names, "target", *(f"on {s.labels.name}" for s in scored if s.labels.is_unseen)]]
    rows += [_f1_row(source, target, scored) for source, target in _F1_TARGETS.items()]
    rows.insert(2, _equal_parts_row(scored))
    rows.append(_negated_row(scored))
    return "\n".join([*aligned(rows), *(f"  {s.labels.name}: {s.note}" for s in scored)])


def _score(
    labels: LabelSet, captions: Mapping[str, Row], parser: Parser, equal_names: Mapping[str, str], scorer_path: Path
) -> _Scored:
    gold = [json.loads(line) for line in labels.path.read_text(encoding="utf-8").splitlines()]
    texts = [row.get("caption") or captions[row["id"]].caption for row in gold]
    sources = [resolve_source(row["source"])[0] for row in gold]
    said = [list(parsed.tags) for parsed in parser.parse_many(texts, sources)]
    groups: dict[str, list[Counts]] = {"all": [], _NEGATED: []}
    for row, text, source, tags in zip(gold, texts, sources, said, strict=True):
        count = _count(row, tags, equal_names)
        groups["all"].append(count)
        groups.setdefault(source, []).append(count)
        if row.get("negated", _NEGATING.search(text) is not None):
            groups[_NEGATED].append(count)
    return _Scored(labels, groups, _agreement(scorer_path, gold, said, f1(groups["all"])))


def _f1_row(source: str, target: float, scored: Sequence[_Scored]) -> list[str]:
    cells, verdicts = [], []
    for item in scored:
        counts = item.groups.get(source, [])
        low, high = interval(counts) if counts else (0.0, 0.0)
        cells.append(f"{f1(counts):.3f} [{low:.3f}, {high:.3f}] {len(counts)}" if counts else "none")
        if item.labels.is_unseen:
            verdicts.append(verdict(f1(counts) >= target) if counts else "")
    return [source, *cells, f">= {target:.2f}", *verdicts]


def _equal_parts_row(scored: Sequence[_Scored]) -> list[str]:
    """Return F1 as if each source had as many captions: sets that lean to hard sources are held against the target so."""
    target = _F1_TARGETS["all"]
    every = [
        _f1_of_equal_parts([item.groups[source] for source in _F1_TARGETS if source in item.groups and source != "all"])
        for item in scored
    ]
    unseen = [value for item, value in zip(scored, every, strict=True) if item.labels.is_unseen]
    return [
        "all, equal parts",
        *(f"{value:.3f}" for value in every),
        f">= {target:.2f}",
        *(verdict(value >= target) for value in unseen),
    ]


def _f1_of_equal_parts(sources: Sequence[Sequence[Counts]]) -> float:
    """Return micro F1 where every source's captions weigh as much together as any other's."""
    right, both = 0.0, 0.0
    for counts in sources:
        right += 2 * sum(count.right for count in counts) / len(counts)
        both += sum(count.said + count.labelled for count in counts) / len(counts)
    return right / max(both, 1e-9)


def _negated_row(scored: Sequence[_Scored]) -> list[str]:
    every = [item.groups[_NEGATED] for item in scored]
    cells = [f"{precision(counts):.3f} {len(counts)}" if counts else "none" for counts in every]
    unseen = [counts for item, counts in zip(scored, every, strict=True) if item.labels.is_unseen]
    verdicts = [verdict(precision(counts) >= _NEGATED_TARGET) if counts else "" for counts in unseen]
    return ["precision on negated", *cells, f">= {_NEGATED_TARGET:.2f}", *verdicts]


def _count(row: Mapping[str, Any], said: Iterable[str], equal_names: Mapping[str, str]) -> Counts:
    def merged(tags: Iterable[str]) -> set[str]:
        return {equal_names.get(tag, tag) for tag in tags}

    labelled = merged(row["tags"])
    found = merged(said) - (merged(row.get("optional", [])) - labelled)
    return Counts(len(found & labelled), len(found), len(labelled))


def f1(counts: Sequence[Counts]) -> float:
    """Return micro F1 over (caption, tag) pairs."""
    both = sum(count.said + count.labelled for count in counts)
    return 2 * sum(count.right for count in counts) / max(both, 1)


def precision(counts: Sequence[Counts]) -> float:
    """Return micro precision over (caption, tag) pairs."""
    return sum(count.right for count in counts) / max(sum(count.said for count in counts), 1)


def interval(counts: Sequence[Counts], seed: int = 0) -> tuple[float, float]:
    """Return the middle 95 % of F1 over captions drawn anew `NUM_RESAMPLES` times."""
    rng = random.Random(seed)
    scores = sorted(f1(rng.choices(counts, k=len(counts))) for _ in range(NUM_RESAMPLES))
    return scores[int(0.025 * NUM_RESAMPLES)], scores[int(0.975 * NUM_RESAMPLES) - 1]


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
