"""Read the JSON documents that stages leave, and what the shards' commit records add up to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dataengine import io
from dataengine.errors import ShardError

Counts: TypeAlias = tuple[tuple[str, int], ...]
"""(name, number) pairs, the largest number first."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """One committed training shard."""

    name: str
    num_samples: int
    num_texts: int
    num_bytes: int
    sha256: str
    samples_by_dataset: Counts


@dataclass(slots=True)
class ShardTally:
    """Counts over the commit records of all shards."""

    shards: list[ShardSummary] = field(default_factory=list)
    tag_counts: Counter[str] = field(default_factory=Counter)
    tags_per_image: Counter[str] = field(default_factory=Counter)
    samples_by_dataset: Counter[str] = field(default_factory=Counter)
    texts_by_kind: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    num_regions: int = 0


def tally_shards(root: str) -> ShardTally:
    """Return the counts over ROOT/shards/NNNNN.json, one of which is in memory at a time."""
    directory = io.join(root, "shards")
    tally = ShardTally()
    for name in sorted(io.list_files(directory, ".json"), key=lambda name: (len(name), name)):
        record = read_json(io.join(directory, name)) if name != MANIFEST else None
        if record is not None:
            _add_record(tally, name.removesuffix(".json"), record)
    return tally


def read_json(url: str) -> dict[str, Any] | None:
    """Return the JSON object at `url`, or None where nothing is. Raises ShardError where it is none."""
    if not io.exists(url):
        return None
    try:
        content = json.loads(io.read_bytes(url))
    except ValueError as error:
        raise ShardError(f"{url} is not JSON: {error}; run the stage that wrote it again") from error
    if not isinstance(content, dict):
        raise ShardError(f"{url} holds no JSON object; run the stage that wrote it again")
    return content


def section(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object under `name`, or an empty one."""
    part = content.get(name)
    return part if isinstance(part, Mapping) else {}


def rank(counts: Mapping[str, int]) -> Counts:
    """Return `counts` as pairs, the largest number first, ties by name; zeros left out."""
    return tuple(sorted(((name, n) for name, n in counts.items() if n), key=lambda item: (-item[1], item[0])))


def _add_record(tally: ShardTally, name: str, record: Mapping[str, Any]) -> None:
    tally.shards.append(
        ShardSummary(
            name=name,
            num_samples=record.get("num_samples") or 0,
            num_texts=record.get("num_texts") or 0,
            num_bytes=record.get("num_bytes") or 0,
            sha256=record.get("sha256") or "",
            samples_by_dataset=rank(section(record, "samples_by_dataset")),
        )
    )
    tally.num_regions += record.get("num_regions") or 0
    for column in ("tag_counts", "tags_per_image", "samples_by_dataset", "texts_by_kind", "dropped"):
        getattr(tally, column).update(section(record, column))
