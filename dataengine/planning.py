"""The plan of one shard: merge its rows, clean, filter and parse the texts of its images, and write them as records/NNNNN.parquet."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dataengine import io
from dataengine.errors import ConfigError, ShardError
from dataengine.filters import FilterChain, filter_states
from dataengine.parsers import Parser
from dataengine.records import CaptionRecord, Text
from dataengine.sources import SourceOptions
from dataengine.stage import unit_name
from dataengine.staged import read_staged
from dataengine.tables import read_records, read_table, write_records
from dataengine.tagging import PersonPolicy, clean_texts, tag_record
from dataengine.vocab import Vocabulary

STAGED_DIR = f"{io.TEMPORARY_PREFIX}plan"
"""Where the driver lays each shard's rows for the workers."""
NOT_IN_PLAN = "not_in_plan"
"""Why a row is dropped that an earlier plan kept and no source names any more."""


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
        unused = sorted(set(self.source_options.images) - set(self.sources))
        if unused:
            mistakes.append(f"--images is given for {', '.join(unused)}, which --sources does not name")
        if "ram_json" in self.sources and self.vocabulary is not None:
            mistakes.append("ram_json's tag ids are rows of the 4,585 tags; leave --vocabulary or ram_json out")
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
    """Merge, filter and parse one staged shard and commit its records. Returns what was kept and dropped, and why."""
    staged_url = io.join(root, STAGED_DIR, f"{unit_name(shard_id)}.parquet")
    earlier = _earlier_records(root, shard_id)
    records, overflow = _settle(list(read_staged(staged_url)), earlier, is_fetched(root, shard_id), options)
    write_records(sorted(records, key=lambda record: record.uid), records_url(root, shard_id))
    io.remove(staged_url)
    return _tally(shard_id, records, overflow)


def records_url(root: str, shard_id: int) -> str:
    """Return the address of a shard's records."""
    return io.join(root, "records", f"{unit_name(shard_id)}.parquet")


def _earlier_records(root: str, shard_id: int) -> dict[str, CaptionRecord]:
    url = records_url(root, shard_id)
    return {record.uid: record for record in read_records(url)} if io.exists(url) else {}


def read_pins(root: str, shard_id: int) -> Iterator[tuple[str, bool]]:
    """Yield the uids of a planned shard and whether each is pinned. Raises ShardError where its records are broken."""
    url = records_url(root, shard_id)
    try:
        table = read_table(url).select(["uid", "pinned"])
    except (ShardError, KeyError) as error:
        raise ShardError(f"{error}; remove {url} and plan again: its pictures go to new shards") from error
    yield from zip(table["uid"].to_pylist(), table["pinned"].to_pylist(), strict=True)


def is_fetched(root: str, shard_id: int) -> bool:
    """Return whether the pictures of a shard have been asked for, whatever came of them."""
    return io.exists(io.join(root, "images", f"{unit_name(shard_id)}_stats.json"))


def _settle(
    staged: list[CaptionRecord], earlier: Mapping[str, CaptionRecord], fetched: bool, options: PlanOptions
) -> tuple[list[CaptionRecord], list[str]]:
    """Return the shard's records, and the uids that have to go to another shard because this one is fetched.

    A shard that is not fetched yet pins what is kept now. In a fetched one, an image that the fetch did not ask for,
    because it was dropped at that time, would never be had.
    """
    _filter_and_tag(staged, options)
    records, overflow = [], []
    for record in staged:
        was_pinned = record.uid in earlier and earlier[record.uid].pinned
        if fetched and record.drop is None and not was_pinned:
            overflow.append(record.uid)
            continue
        record.pinned = was_pinned if fetched else record.drop is None
        records.append(record)
    return records + _gone(staged, earlier, fetched), overflow


def _gone(staged: list[CaptionRecord], earlier: Mapping[str, CaptionRecord], fetched: bool) -> list[CaptionRecord]:
    """Return the images that an earlier plan kept and the sources no longer name: they stay, marked as dropped."""
    present = {record.uid for record in staged}
    was_kept = (record for record in earlier.values() if record.pinned or record.drop == NOT_IN_PLAN)
    gone = [record for record in was_kept if record.uid not in present]
    for record in gone:
        record.drop, record.pinned = NOT_IN_PLAN, record.pinned and fetched
    return gone


def _filter_and_tag(records: list[CaptionRecord], options: PlanOptions) -> None:
    chain = FilterChain.create(dict(options.filters))
    lists = (options.vocabulary, options.synonyms)
    parser = _parser(*lists, options.parser == "graph", tuple(map(_changed_at, lists)))
    for record in records:
        if record.drop is None and record.url is None and record.local is None:
            record.drop = "no_address"
        clean_texts(record)
        chain.drop_texts(record)
        tag_record(record, parser, options.person_policy)
        chain.drop_image(record)


@functools.lru_cache(maxsize=2)
def _parser(vocabulary: str | None, synonyms: str | None, graph: bool, changed_at: tuple[int, ...]) -> Parser:
    """Return a parser, kept for the next shards of this process: making one takes as long as half a shard's captions."""
    return Parser(Vocabulary.load(vocabulary, synonyms), graph=graph)


def _changed_at(path: str | None) -> int:
    return Path(path).stat().st_mtime_ns if path is not None and Path(path).exists() else 0


def _text_reason(record: CaptionRecord, text: Text) -> str:
    """Return why a text is not used: its own reason says more than its image's, unless this plan did not read it."""
    if text.drop is not None and record.drop != NOT_IN_PLAN:
        return text.drop
    return "kept" if record.drop is None else f"image:{record.drop}"


def _tally(shard_id: int, records: list[CaptionRecord], overflow: list[str]) -> ShardPlan:
    images = Counter((record.dataset, record.drop or "kept") for record in records)
    texts = Counter((text.dataset, _text_reason(record, text)) for record in records for text in record.texts)
    claims = Counter(claim.drop or "kept" for record in records if not record.drop for claim in record.tags)
    return ShardPlan(shard_id, images, texts, claims, tuple(overflow))
