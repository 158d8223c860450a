"""The captions that are measured: real ones from five sources, and as many distinct ones as are asked for."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dataengine.parsers import resolve_source

_WORD = re.compile(r"[a-z]{3,}")
_NUM_SWAP_WORDS = 5_000


class Row(NamedTuple):
    """A caption; `source` is a name that the parser knows, `origin` the one in the file."""

    id: str
    caption: str
    source: str
    origin: str


def read_rows(path: Path) -> list[Row]:
    """Return the captions of a jsonl file with fields id, caption, source."""
    with path.open(encoding="utf-8") as lines:
        return [_row(json.loads(line)) for line in lines]


def _row(fields: dict[str, str]) -> Row:
    origin = fields.get("source", "plain")
    return Row(fields["id"], fields["caption"], resolve_source(origin)[0], origin)


def equal_parts(rows: Sequence[Row], num_rows: int | None = None, seed: int = 0) -> list[Row]:
    """Return captions of all sources in equal parts, mixed: as many as there are, or `num_rows` of them."""
    rng = random.Random(seed)
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row)
    part = min(map(len, by_source.values()))
    if num_rows is not None:
        part = min(part, num_rows // len(by_source))
    chosen = [row for source_rows in by_source.values() for row in rng.sample(source_rows, part)]
    rng.shuffle(chosen)
    return chosen


def distinct_captions(rows: Sequence[Row], num_captions: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Yield (caption, source) `num_captions` times, no caption twice: real ones with words swapped for words of others.

    The first round swaps too, so that no two files share captions but by chance.
    """
    rng = random.Random(seed)
    words = _common_words(rows)
    seen: set[int] = set()
    for number in range(num_captions):
        row = rows[number % len(rows)]
        caption = _swap(row.caption, words, rng)
        while hash(caption) in seen:
            caption = f"{_swap(caption, words, rng)} {rng.choice(words)}"
        seen.add(hash(caption))
        yield caption, row.source


def _common_words(rows: Sequence[Row]) -> list[str]:
    counts = Counter(word for row in rows for word in _WORD.findall(row.caption))
    return sorted(word for word, _ in counts.most_common(_NUM_SWAP_WORDS))


def _swap(caption: str, words: Sequence[str], rng: random.Random) -> str:
    """Return the caption with two of its words, or its one, replaced."""
    parts = caption.split(" ")
    for _ in range(min(2, len(parts))):
        parts[int(rng.random() * len(parts))] = words[int(rng.random() * len(words))]
    return " ".join(parts)
