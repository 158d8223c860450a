"""The plan of one shard: clean, filter and parse the texts of its images, and write them as records/NNNNN.parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dataengine import io
from dataengine.errors import ConfigError
from dataengine.filters import FilterChain, filter_states
from dataengine.parsers import Parser
from dataengine.records import CaptionRecord
from dataengine.sources import SourceOptions
from dataengine.stage import unit_name
from dataengine.tables import read_records, write_records
from dataengine.tagging import PersonPolicy, clean_texts, tag_record
from dataengine.vocab import Vocabulary

STAGED_DIR = f"{io.TEMPORARY_PREFIX}plan"
"""Where the driver lays each shard's unparsed records for the workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What a plan depends on. Equal options over equal files give equal records."""

    sources: tuple[str, ...]
    source_options: SourceOptions
    limit: int | None = None
    """Take the first so many images of each source."""
    shard_size: int = 1000
    """Images a shard."""
    parser: Literal["fast", "graph"] = "fast"
    """`graph` stores each text's scene graph beside its tags; the tags are the same."""
    person_policy: PersonPolicy = PersonPolicy.DROP
    filters: Mapping[str, bool] = field(default_factory=filter_states)
    vocabulary: str | None = None
    """A user's tag list; None is the packaged 4,585."""
    synonyms: str | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be planned, all mistakes in one message. Raises ConfigError."""
        mistakes = []
        if not self.sources:
            mistakes.append("no sources; name some with --sources coco,vg,...")
        if self.shard_size < 1:
            mistakes.append(f"--shard-size is {self.shard_size}; it must be at least 1")
        if self.limit is not None and self.limit < 1:
            mistakes.append(f"--limit is {self.limit}; it must be at least 1")
        if mistakes:
            raise ConfigError("; ".join(mistakes))


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """What became of one shard's images and texts, by data set and reason (`kept` for those that stay)."""

    shard_id: int
    images: Counter[tuple[str, str]]
    texts: Counter[tuple[str, str]]
    claims: Counter[str]
    overflow: tuple[str, ...]
    """Images kept only now, whose shard's pictures are already fetched: they move to a new shard."""

    @property
    def count(self) -> int:
        """Images of the shard, kept and dropped."""
        return self.images.total()


def plan_shard(root: str, shard_id: int, options: PlanOptions) -> ShardPlan:
    """Filter and parse one staged shard and commit its records. Returns what was kept and dropped, and why."""
    staged_url = io.join(root, STAGED_DIR, f"{unit_name(shard_id)}.parquet")
    earlier = _earlier_records(root, shard_id)
    records, overflow = _settle(list(read_records(staged_url)), earlier, _is_fetched(root, shard_id), options)
    write_records(sorted(records, key=lambda record: record.uid), records_url(root, shard_id))
    io.remove(staged_url)
    return _tally(shard_id, records, overflow)


def records_url(root: str, shard_id: int) -> str:
    """Return the address of a shard's records."""
    return io.join(root, "records", f"{unit_name(shard_id)}.parquet")


def _earlier_records(root: str, shard_id: int) -> dict[str, CaptionRecord]:
    url = records_url(root, shard_id)
    return {record.uid: record for record in read_records(url)} if io.exists(url) else {}


def _is_fetched(root: str, shard_id: int) -> bool:
    return io.exists(io.join(root, "images", f"{unit_name(shard_id)}_stats.json"))


def _settle(
    staged: list[CaptionRecord], earlier: Mapping[str, CaptionRecord], fetched: bool, options: PlanOptions
) -> tuple[list[CaptionRecord], list[str]]:
    """Return the shard's records, and the uids that have to go to another shard because this one is fetched."""
    _filter_and_tag(staged, options)
    records, overflow = [], []
    for record in staged:
        was_pinned = record.uid in earlier and earlier[record.uid].pinned
        if record.drop is None and not was_pinned and fetched:
            overflow.append(record.uid)
            continue
        record.pinned = was_pinned or record.drop is None
        records.append(record)
    return records + _gone(staged, earlier), overflow


def _gone(staged: list[CaptionRecord], earlier: Mapping[str, CaptionRecord]) -> list[CaptionRecord]:
    """Return the pinned images that the sources no longer name: they keep their place, marked as dropped."""
    present = {record.uid for record in staged}
    gone = [record for record in earlier.values() if record.pinned and record.uid not in present]
    for record in gone:
        record.drop = "not_in_plan"
    return gone


def _filter_and_tag(records: list[CaptionRecord], options: PlanOptions) -> None:
    chain = FilterChain.create(dict(options.filters))
    parser = Parser(Vocabulary.load(options.vocabulary, options.synonyms), graph=options.parser == "graph")
    for record in records:
        if record.drop is None and record.url is None and record.local is None:
            record.drop = "no_address"
        clean_texts(record)
        chain.drop_texts(record)
        tag_record(record, parser, options.person_policy)
        chain.drop_image(record)


def _tally(shard_id: int, records: list[CaptionRecord], overflow: list[str]) -> ShardPlan:
    images = Counter((record.dataset, record.drop or "kept") for record in records)
    texts = Counter(
        (text.dataset, f"image:{record.drop}" if record.drop else text.drop or "kept")
        for record in records
        for text in record.texts
    )
    claims = Counter(claim.drop or "kept" for record in records if not record.drop for claim in record.tags)
    return ShardPlan(shard_id, images, texts, claims, tuple(overflow))
