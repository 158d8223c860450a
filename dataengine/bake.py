"""Bake: records and stored pictures become training shards, one shard of records at a time.

shards/NNNNN.tar holds the images of records/NNNNN.parquet that the plan keeps and that were fetched, and
shards/NNNNN.json, written last, says what it was made from and what it holds. Nothing here knows of Ray.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from operator import attrgetter
from typing import Any, Self

from dataengine import io
from dataengine.errors import ConfigError
from dataengine.pictures import (
    DroppedImageError,
    PictureStore,
    fetched_shards,
    image_shards_of,
    recorded_shards,
    supplements_of,
)
from dataengine.records import CaptionRecord
from dataengine.shards import SCHEMA, StoredSample, dump_json, is_plain_key, write_shard
from dataengine.stage import unit_name
from dataengine.tables import read_records
from dataengine.triplet import make_triplet, validate

logger = logging.getLogger(__name__)

_READING_THREADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeOptions:
    """Bounds on the downloaded pictures' size. Fetch has bounds of its own; these cost no new fetch to change."""

    min_side: int = 0
    """Least pixels of the shorter side."""
    max_aspect: float | None = None
    """Largest ratio of the longer side to the shorter one; None for no bound."""


@dataclass(slots=True, kw_only=True)
class BakeStats:
    """What one baked shard holds, and what was left out and why. Its commit record holds the same numbers."""

    shard_id: int
    rebuilt: bool = True
    """False where the shard was up to date and stayed as it was."""
    sha256: str | None = None
    """Of the tar; None where no sample is left, and then there is no tar."""
    num_bytes: int = 0
    num_samples: int = 0
    num_texts: int = 0
    num_tags: int = 0
    num_regions: int = 0
    tag_counts: Counter[int] = field(default_factory=Counter)
    """Tag id -> samples in which it is present."""
    tags_per_image: Counter[int] = field(default_factory=Counter)
    """Number of tags -> samples that have so many."""
    texts_by_kind: Counter[str] = field(default_factory=Counter)
    samples_by_dataset: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason -> images. The plan's reasons, `not_fetched:<cause>`, and the bake's own."""
    dropped_boxes: int = 0
    """Region texts that lost their box, see `dataengine.triplet.place_box`."""

    @property
    def count(self) -> int:
        """Images of the shard's records."""
        return self.num_samples + self.dropped.total()

    @property
    def successes(self) -> int:
        """Images that became samples."""
        return self.num_samples

    def add(self, record: CaptionRecord, triplet: Mapping[str, Any]) -> None:
        """Count one baked sample."""
        present = [tag["id"] for tag in triplet["tags"] if tag["state"] == 1]
        self.num_samples += 1
        self.num_texts += len(triplet["texts"])
        self.num_tags += len(present)
        self.num_regions += len(triplet["regions"])
        self.tag_counts.update(present)
        self.tags_per_image[len(present)] += 1
        self.texts_by_kind.update(text["kind"] for text in triplet["texts"])
        self.samples_by_dataset[record.dataset] += 1
        wanted = sum(text.region is not None for text in record.texts if text.drop is None)
        self.dropped_boxes += wanted - sum(text["region"] is not None for text in triplet["texts"])


def require_plan(root: str) -> dict[str, Any]:
    """Return plan.json of `root`. Raises ConfigError where it is absent or names no vocabulary."""
    url = io.join(root, "plan.json")
    if not io.exists(url):
        raise ConfigError(f"no plan.json in {root}; run `dataengine plan {root}` first")
    try:
        plan: dict[str, Any] = json.loads(io.read_bytes(url))
        if not all(isinstance(plan["vocabulary"][name], str) for name in ("name", "sha256")):
            raise TypeError("vocabulary name and sha256 are no strings")
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{url} is no plan: {error!r}; run `dataengine plan {root}` again") from error
    return plan


def pending_bakes(root: str, options: BakeOptions | None = None) -> list[int]:
    """Return the ids of the shards whose images are fetched and that no bake with these options and inputs has made."""
    options, vocab = options or BakeOptions(), require_plan(root)["vocabulary"]
    ready = sorted(set(recorded_shards(root)) & set(fetched_shards(root)))
    supplements = supplements_of(root)  # once: listing folders of thousands of files for each shard takes hours

    def is_pending(shard_id: int) -> bool:
        return _read_current(root, _Basis.of(root, shard_id, supplements, options, vocab)) is None

    with ThreadPoolExecutor(_READING_THREADS) as pool:
        return [shard_id for shard_id, pending in zip(ready, pool.map(is_pending, ready), strict=True) if pending]


def bake_shard(root: str, shard_id: int, options: BakeOptions | None = None) -> BakeStats:
    """Write shards/NNNNN.tar and its commit record, and return its counts; a shard that is up to date stays.

    Every record ends as a sample or under a reason in `dropped`. Raises ShardError or StorageError where an input is
    absent or broken as a whole; a broken picture or record costs only itself.
    """
    vocab = require_plan(root)["vocabulary"]
    basis = _Basis.of(root, shard_id, supplements_of(root), options or BakeOptions(), vocab)
    if (current := _read_current(root, basis)) is not None:
        return current
    stats = BakeStats(shard_id=shard_id)
    directory, name = io.join(root, "shards"), unit_name(shard_id)
    with io.staging_dir(root) as staging:
        info = write_shard(_bake_samples(root, basis, stats), staging / f"{name}.tar")
        # The old record goes first: a crash from here on leaves a shard without record, which is baked again.
        io.remove(io.join(directory, f"{name}.json"))
        if info.num_samples:
            stats.sha256, stats.num_bytes = info.sha256, info.num_bytes
            io.commit_file(staging / f"{name}.tar", io.join(directory, f"{name}.tar"))
        else:
            io.remove(io.join(directory, f"{name}.tar"))
    io.commit_bytes(dump_json(_stats_to_json(stats) | basis.to_json()), io.join(directory, f"{name}.json"))
    return stats


def read_commit(root: str, shard_id: int) -> dict[str, Any] | None:
    """Return the commit record of a shard, or None where there is none or it is damaged, and so does not count."""
    url = io.join(root, "shards", f"{unit_name(shard_id)}.json")
    if not io.exists(url):
        return None
    try:
        commit = json.loads(io.read_bytes(url))
    except ValueError:
        logger.warning("%s is no JSON; the shard is baked again", url)
        return None
    return commit if isinstance(commit, dict) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Basis:
    """What a shard is made from; while it stays the same, the shard is up to date."""

    shard_id: int
    image_shards: list[int]
    options: BakeOptions
    vocab: Mapping[str, str]
    inputs: Mapping[str, str]
    """Path below the root -> sha256. A picture never changes without its ledger, so the tars are not among them."""

    @classmethod
    def of(
        cls, root: str, shard_id: int, supplements: Sequence[int], options: BakeOptions, vocab: Mapping[str, str]
    ) -> Self:
        """Return the basis that a shard has now."""
        image_shards = image_shards_of(root, shard_id, supplements)
        paths = [f"records/{unit_name(shard_id)}.parquet", *(f"images/{unit_name(i)}.parquet" for i in image_shards)]
        inputs = {path: hashlib.sha256(io.read_bytes(io.join(root, path))).hexdigest() for path in paths}
        vocab = {"name": vocab["name"], "sha256": vocab["sha256"]}
        return cls(shard_id=shard_id, image_shards=image_shards, options=options, vocab=vocab, inputs=inputs)

    def to_json(self) -> dict[str, Any]:
        """Return what a commit record holds of it."""
        return {"schema": SCHEMA, "vocab": self.vocab, "options": asdict(self.options), "inputs": self.inputs}


def _bake_samples(root: str, basis: _Basis, stats: BakeStats) -> Iterator[StoredSample]:
    """Yield the samples in the order of their keys, counting them and what is left out."""
    records = read_records(io.join(root, "records", f"{unit_name(basis.shard_id)}.parquet"))
    ordered = sorted(records, key=attrgetter("uid"))
    last = ""
    with PictureStore(root, basis.image_shards, {record.uid for record in ordered}) as pictures:
        for record in ordered:
            try:
                sample = _bake_record(record, last, pictures, basis)
            except DroppedImageError as error:
                stats.dropped[error.reason] += 1
                continue
            last = sample.key
            stats.add(record, sample.json)
            yield sample


def _bake_record(record: CaptionRecord, last: str, pictures: PictureStore, basis: _Basis) -> StoredSample:
    """Return the sample of a record. Raises DroppedImageError with the reason where it gives none."""
    if record.drop is not None:
        raise DroppedImageError(record.drop)
    if record.uid == last:
        raise DroppedImageError("repeated_uid")
    picture = pictures.find(record.uid)
    try:
        triplet = make_triplet(record, picture.row, picture.data, basis.vocab)
    except ValueError as error:
        logger.warning("picture of %s left out: %s", record.uid, error)
        raise DroppedImageError("broken_picture") from error
    _check_size(triplet["image"], picture.row, basis.options)
    if (problems := validate(triplet)) or not is_plain_key(record.uid):
        logger.warning("record %r left out: %s", record.uid, "; ".join(problems[:3]) or "its uid can't be a key")
        raise DroppedImageError("invalid_record")
    return StoredSample(key=record.uid, image=picture.data, json=triplet, suffix=picture.suffix)


def _check_size(image: Mapping[str, Any], row: Mapping[str, Any], options: BakeOptions) -> None:
    """Raise DroppedImageError where the downloaded picture is outside the bounds; the stored one may be smaller."""
    width, height = row.get("original_width") or image["width"], row.get("original_height") or image["height"]
    shorter, longer = sorted((width, height))
    if shorter < options.min_side:
        raise DroppedImageError("small_side")
    if options.max_aspect is not None and longer > options.max_aspect * shorter:
        raise DroppedImageError("extreme_aspect")


def _read_current(root: str, basis: _Basis) -> BakeStats | None:
    """Return the counts of a shard that was made from this very basis and stands, else None."""
    commit = read_commit(root, basis.shard_id)
    if commit is None or any(commit.get(name) != value for name, value in basis.to_json().items()):
        return None
    stats = _stats_from_json(commit)
    tar_url = io.join(root, "shards", f"{unit_name(basis.shard_id)}.tar")
    return stats if stats is not None and (stats.num_samples == 0 or io.exists(tar_url)) else None


_COUNTERS: dict[str, Callable[[str], Any]] = {
    "tag_counts": int, "tags_per_image": int, "texts_by_kind": str, "samples_by_dataset": str, "dropped": str,
}  # fmt: skip


def _stats_to_json(stats: BakeStats) -> dict[str, Any]:
    values = {field.name: getattr(stats, field.name) for field in fields(stats) if field.name != "rebuilt"}
    return values | {name: {str(key): count for key, count in values[name].items()} for name in _COUNTERS}


def _stats_from_json(commit: Mapping[str, Any]) -> BakeStats | None:
    """Return the counts in a commit record; None where it lacks some, as another version's may."""
    names = [field.name for field in fields(BakeStats) if field.name != "rebuilt"]
    if any(name not in commit for name in names):
        return None
    values = {name: commit[name] for name in names}
    for name, key_type in _COUNTERS.items():
        values[name] = Counter({key_type(key): count for key, count in values[name].items()})
    return BakeStats(**values, rebuilt=False)
