"""What a data set's folder says of itself, added up into one object: plan, ledgers, shards. Holds no markup.

A stage that has not run leaves its part None; a broken file is a ShardError that names it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from dataengine import io
from dataengine.errors import ConfigError
from dataengine.report.documents import (
    MANIFEST,
    Counts,
    ShardSummary,
    ShardTally,
    rank,
    read_json,
    section,
    tally_shards,
)
from dataengine.report.ledgers import STATS_SUFFIX, LedgerTally, tally_ledgers
from dataengine.report.tags import TagSummary, summarise_tags
from dataengine.vocab import Vocabulary

Settings: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """One source: what its official files hold, what was read, kept, fetched and baked, and why the rest was not."""

    name: str
    expected_images: int | None
    expected_texts: int | None
    cite: str
    images_read: int
    texts_read: int
    images_kept: int
    texts_kept: int
    dropped_images: Counts
    dropped_texts: Counts
    rejected_rows: Counts
    merged: Counts
    files: tuple[str, ...]
    images_fetched: int | None
    """None before the first fetch."""
    images_in_shards: int | None
    """None before the first bake."""


@dataclass(frozen=True, slots=True)
class FilterSummary:
    """One filter: whether it is on, its other settings, and what it dropped."""

    name: str
    on: bool
    settings: Settings
    texts_dropped: int
    images_dropped: int


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """plan.json."""

    num_images: int
    num_shards: int
    sources: tuple[SourceSummary, ...]
    filters: tuple[FilterSummary, ...]
    person_policy: str
    parser: str
    tag_claims: Counts
    """Tags that the texts of kept images gave: `kept`, or the reason of the policy that took them away."""
    num_unmatched_rows: int
    """Rows that belong to an image which no file describes."""
    options: Settings


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """images/: one count an image, its latest row."""

    num_ledgers: int
    num_tried: int
    num_fetched: int
    causes: Counts
    by_dataset: tuple[tuple[str, int, int], ...]
    """(data set, tried, fetched)."""
    original_sides: tuple[tuple[int, int], ...]
    """(shorter side in pixels, images), ascending: as served."""
    stored_sides: tuple[tuple[int, int], ...]
    """The same, as stored."""
    num_hashed: int
    """Fetched images whose original bytes have a published hash."""
    num_changed: int
    """Those of them whose address serves other bytes today."""
    seconds: float
    """Seconds that the shards took, added up: time of workers, not of a clock on the wall."""

    @property
    def success_rate(self) -> float:
        """Return the share of tried images that were fetched, 0 where none was tried."""
        return self.num_fetched / self.num_tried if self.num_tried else 0.0


@dataclass(frozen=True, slots=True)
class BakeSummary:
    """shards/: what the commit records of all shards add up to."""

    finished: bool
    """Whether manifest.json, which a bake writes last, is there."""
    shards: tuple[ShardSummary, ...]
    num_samples: int
    num_texts: int
    num_bytes: int
    samples_by_dataset: Counts
    texts_by_kind: Counts
    dropped: Counts
    """Images without a sample; those that were not fetched are one number, their causes are the fetch's matter."""
    tags_per_image: tuple[tuple[int, int], ...]
    """(tags, images that have so many), ascending."""
    num_regions: int
    tags: TagSummary


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """Everything that the page says in numbers."""

    plan: PlanSummary | None
    fetch: FetchSummary | None
    bake: BakeSummary | None
    provenance: Settings


def summarise(root: str, vocab: Vocabulary | None = None) -> ReportSummary:
    """Return the summary of the data set at `root`; `vocab` names the tags and says which there are.

    Raises:
        ConfigError: no stage has left anything at `root`.
        ShardError: a file of a stage is broken.
    """
    plan, manifest = read_json(io.join(root, "plan.json")), read_json(io.join(root, "shards", MANIFEST))
    ledgers, shards = tally_ledgers(root), tally_shards(root)
    if plan is None and not ledgers.num_ledgers and not shards.shards:
        raise ConfigError(f"nothing to report at {root}: no plan.json, images/ or shards/; run `dataengine plan` first")
    bake = _summarise_bake(shards, manifest is not None, vocab)
    fetch = _summarise_fetch(root, ledgers)
    return ReportSummary(
        plan=_summarise_plan(plan, fetch, bake) if plan is not None else None,
        fetch=fetch,
        bake=bake,
        provenance=_list_provenance(plan or {}, manifest or {}),
    )


# ------------------------------------------------------------------------------------------------------------- plan


def _summarise_plan(plan: Mapping[str, Any], fetch: FetchSummary | None, bake: BakeSummary | None) -> PlanSummary:
    sources = tuple(_summarise_source(name, entry, fetch, bake) for name, entry in section(plan, "sources").items())
    return PlanSummary(
        num_images=plan.get("num_images") or sum(source.images_kept for source in sources),
        num_shards=plan.get("num_shards") or 0,
        sources=sources,
        filters=tuple(_summarise_filter(name, entry, sources) for name, entry in section(plan, "filters").items()),
        person_policy=str(plan.get("person_policy") or ""),
        parser=str(plan.get("parser") or ""),
        tag_claims=rank(section(plan, "tags")),
        num_unmatched_rows=plan.get("num_unmatched_rows") or 0,
        options=tuple(sorted(_list_settings(_flatten(section(plan, "options"))))),
    )


def _summarise_source(
    name: str, entry: Mapping[str, Any], fetch: FetchSummary | None, bake: BakeSummary | None
) -> SourceSummary:
    expected = entry.get("expected") or {}
    return SourceSummary(
        name=name,
        expected_images=expected.get("images"),
        expected_texts=expected.get("texts"),
        cite=expected.get("cite") or "",
        images_read=entry.get("images_read") or 0,
        texts_read=entry.get("texts_read") or 0,
        images_kept=entry.get("images_kept") or 0,
        texts_kept=entry.get("texts_kept") or 0,
        dropped_images=rank(section(entry, "dropped_images")),
        dropped_texts=rank(section(entry, "dropped_texts")),
        rejected_rows=rank(section(entry, "rejected_rows")),
        merged=rank(section(entry, "merged")),
        files=tuple(entry.get("files") or ()),
        images_fetched=None if fetch is None else {row[0]: row[2] for row in fetch.by_dataset}.get(name, 0),
        images_in_shards=None if bake is None else dict(bake.samples_by_dataset).get(name, 0),
    )


def _summarise_filter(name: str, entry: Any, sources: tuple[SourceSummary, ...]) -> FilterSummary:
    state = entry if isinstance(entry, Mapping) else {"on": bool(entry)}
    return FilterSummary(
        name=name,
        on=bool(state.get("on")),
        settings=_list_settings({key: value for key, value in state.items() if key != "on"}),
        texts_dropped=sum(n for source in sources for reason, n in source.dropped_texts if owns(name, reason)),
        images_dropped=sum(n for source in sources for reason, n in source.dropped_images if owns(name, reason)),
    )


def owns(filter_name: str, reason: str) -> bool:
    """Return whether the filter of that name writes `reason`."""
    return any(
        reason == own or (own.endswith("_") and reason.startswith(own))
        for own in _FILTER_REASONS.get(filter_name, (filter_name,))
    )


_FILTER_REASONS = {
    "aspect": ("extreme_aspect",),
    "empty": ("empty_text",),
    "language": ("language_",),
    "letters": ("few_letters",),
    "side": ("small_side",),
    "words": ("too_few_words", "too_many_words"),
}
"""Filter -> its reasons, or how they begin, where they are not its own name."""


# ------------------------------------------------------------------------------------------------------------ fetch


def _summarise_fetch(root: str, tally: LedgerTally) -> FetchSummary | None:
    if not tally.num_ledgers:
        return None
    return FetchSummary(
        num_ledgers=tally.num_ledgers,
        num_tried=tally.tried.total(),
        num_fetched=tally.fetched.total(),
        causes=rank(tally.causes),
        by_dataset=tuple((name, number, tally.fetched[name]) for name, number in rank(tally.tried)),
        original_sides=tuple(sorted(tally.original_sides.items())),
        stored_sides=tuple(sorted(tally.stored_sides.items())),
        num_hashed=tally.hash_matches.total(),
        num_changed=tally.hash_matches["false"],
        seconds=_sum_durations(root),
    )


def _sum_durations(root: str) -> float:
    directory = io.join(root, "images")
    stats = (read_json(io.join(directory, name)) for name in io.list_files(directory, STATS_SUFFIX))
    return float(sum(entry.get("duration") or 0.0 for entry in stats if entry))


# ------------------------------------------------------------------------------------------------------------- bake


def _summarise_bake(tally: ShardTally, finished: bool, vocab: Vocabulary | None) -> BakeSummary | None:
    if not tally.shards:
        return None
    return BakeSummary(
        finished=finished,
        shards=tuple(tally.shards),
        num_samples=sum(shard.num_samples for shard in tally.shards),
        num_texts=sum(shard.num_texts for shard in tally.shards),
        num_bytes=sum(shard.num_bytes for shard in tally.shards),
        samples_by_dataset=rank(tally.samples_by_dataset),
        texts_by_kind=rank(tally.texts_by_kind),
        dropped=rank(_join_causes(tally.dropped)),
        num_regions=tally.num_regions,
        tags_per_image=tuple(sorted((int(tags), images) for tags, images in tally.tags_per_image.items() if images)),
        tags=summarise_tags({int(tag_id): images for tag_id, images in tally.tag_counts.items()}, vocab),
    )


def _join_causes(dropped: Mapping[str, int]) -> Counter[str]:
    """Return `dropped` with every `not_fetched:CAUSE` under `not_fetched`."""
    joined: Counter[str] = Counter()
    for reason, images in dropped.items():
        joined[reason.partition(":")[0]] += images
    return joined


# ------------------------------------------------------------------------------------------------------- provenance


def _list_provenance(plan: Mapping[str, Any], manifest: Mapping[str, Any]) -> Settings:
    """Return what pins the content: vocabulary, synonym map, parser and the versions of the programs."""
    vocabulary = manifest.get("vocab") or manifest.get("vocabulary") or plan.get("vocabulary") or {}
    known = {
        "shard schema": manifest.get("schema"),
        "vocabulary": vocabulary.get("name"),
        "vocabulary sha256": vocabulary.get("sha256"),
        "synonym map sha256": manifest.get("parser_sha256") or plan.get("parser_sha256"),
        "parser": plan.get("parser"),
        "images a shard": plan.get("shard_size"),
        "planned by dataengine": plan.get("version"),
        **{name: version for name, version in sorted(section(manifest, "versions").items()) if version},
    }
    return _list_settings({name: value for name, value in known.items() if value is not None})


def _flatten(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` with those of the sources beside them, without what the page shows elsewhere."""
    inner = section(options, "source_options")
    shown_elsewhere = ("filters", "parser", "person_policy", "source_options")
    return {name: value for name, value in {**options, **inner}.items() if name not in shown_elsewhere}


def _list_settings(settings: Mapping[str, Any]) -> Settings:
    """Return names with values as a person reads them, in the order given."""
    return tuple((name, _read_aloud(value)) for name, value in settings.items())


def _read_aloud(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
