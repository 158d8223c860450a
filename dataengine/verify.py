"""Verification: every byte of a data set against its manifest, every member decoded, every sample against the schema."""

from __future__ import annotations

import hashlib
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, BinaryIO

from dataengine import io
from dataengine.addresses import MANIFEST_NAME, shards_dir
from dataengine.errors import ShardError, StorageError
from dataengine.shards import IMAGE_SUFFIXES, Member, decode_sample, iter_members, read_manifest
from dataengine.triplet import TagSpace, validate

MAX_ERRORS = 20
"""Errors kept by shard; the others are counted."""


@dataclass(slots=True, kw_only=True)
class ShardCheck:
    """What was found in one shard."""

    name: str
    num_samples: int = 0
    num_errors: int = 0
    errors: list[str] = field(default_factory=list)
    """The first MAX_ERRORS, each with the key of its sample where it has one."""

    def add(self, error: str) -> None:
        """Count an error, and keep it if it is one of the first."""
        self.num_errors += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)


@dataclass(slots=True, kw_only=True)
class VerifyReport:
    """What was found in a data set: its shards in the manifest's order, then those that the manifest does not list."""

    url: str
    shards: list[ShardCheck] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What is wrong with the data set as a whole."""

    @property
    def num_samples(self) -> int:
        """Samples read in all shards."""
        return sum(check.num_samples for check in self.shards)

    @property
    def num_errors(self) -> int:
        """Errors of all shards and of the whole."""
        return len(self.problems) + sum(check.num_errors for check in self.shards)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.num_errors == 0


def verify(url: str, *, vocab: TagSpace | None = None, num_workers: int = 1) -> VerifyReport:
    """Return what is wrong with the data set at `url`, a ROOT or a folder with a manifest.

    `vocab` is the vocabulary that the manifest names, where it is at hand. Raises ShardError where there is no manifest.
    """
    directory = shards_dir(url)
    report = VerifyReport(url=directory, problems=check_totals(read_manifest(directory)))
    report.shards.extend(iter_checks(directory, vocab=vocab, num_workers=num_workers))
    return report


def iter_checks(directory: str, *, vocab: TagSpace | None = None, num_workers: int = 1) -> Iterator[ShardCheck]:
    """Yield the check of each shard as it is done, those that the manifest does not list last.

    `directory` holds the manifest. Decoding and hashing release Python's lock, so threads pay up to the number of cores.
    """
    manifest = read_manifest(directory)

    def check(entry: Mapping[str, Any]) -> ShardCheck:
        return check_shard(io.join(directory, entry["name"]), entry, manifest["vocabulary"], vocab)

    with ThreadPoolExecutor(max(1, num_workers)) as pool:
        yield from pool.map(check, manifest["shards"])
    listed = {entry["name"] for entry in manifest["shards"]}
    for name in io.list_files(directory, ".tar"):
        if name not in listed:
            yield ShardCheck(name=name, num_errors=1, errors=[f"is not listed in {MANIFEST_NAME}"])


def check_totals(manifest: Mapping[str, Any]) -> list[str]:
    """Return where a manifest's totals are not the sums over its shards, and names that stand twice."""
    shards = manifest["shards"]
    sums = {name: sum(shard[name] for shard in shards) for name in ("num_samples", "num_bytes")}
    sums["num_shards"] = len(shards)
    totals = manifest.get("totals") or {}
    problems = [
        f"{MANIFEST_NAME}: totals.{name} is {totals.get(name)}, its shards make {value}"
        for name, value in sums.items()
        if totals.get(name) != value
    ]
    names = Counter(shard["name"] for shard in shards)
    return problems + [f"{MANIFEST_NAME}: {name} is listed {count} times" for name, count in names.items() if count > 1]


def check_shard(
    url: str, entry: Mapping[str, Any], vocabulary: Mapping[str, str], vocab: TagSpace | None = None
) -> ShardCheck:
    """Return what is wrong with the shard at `url`, which the manifest describes by `entry`."""
    check = ShardCheck(name=entry["name"])
    try:
        with io.open_read(url) as stream:
            hashed = _HashedStream(stream, url)
            _check_content(hashed, url, vocabulary, vocab, check)
            hashed.drain()
    except StorageError as error:
        check.add(f"is missing or can't be read: {error}")
        return check
    found = {"sha256": hashed.sha256.hexdigest(), "num_bytes": hashed.num_bytes, "num_samples": check.num_samples}
    for name, value in found.items():
        if value != entry[name]:
            check.add(f"{name} is {value}, the manifest says {entry[name]}")
    return check


class _HashedStream:
    """A stream that hashes what is read through it, so that one pass over a shard does for both."""

    def __init__(self, stream: BinaryIO, url: str) -> None:
        self._stream = stream
        self._url = url
        self.sha256 = hashlib.sha256()
        self.num_bytes = 0

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except Exception as error:  # each transport has errors of its own for a connection that breaks
            raise StorageError(f"cannot read {self._url} to its end: {error}") from error
        self.sha256.update(data)
        self.num_bytes += len(data)
        return data

    def drain(self) -> None:
        """Read what is left."""
        while self.read(2**20):
            pass


def _check_content(
    stream: Any, url: str, vocabulary: Mapping[str, str], vocab: TagSpace | None, check: ShardCheck
) -> None:
    """Add what is wrong inside the tar; damage ends the reading but not the hashing."""
    counts: Counter[str] = Counter()
    last = ""
    try:
        for key, group in groupby(iter_members(stream, counts), key=attrgetter("key")):
            members = list(group)
            check.num_samples += 1
            if key <= last:
                check.add(f"sample {key!r} comes after {last!r}: keys ascend")
            last = key
            for problem in _check_sample(key, members, url, vocabulary, vocab):
                check.add(f"sample {key!r}: {problem}")
    except tarfile.TarError as error:
        check.add(f"is no whole tar: {error}")
    if counts["ignored_members"]:
        check.add(f"{counts['ignored_members']} members are neither pictures, JSON nor arrays")


def _check_sample(
    key: str, members: list[Member], url: str, vocabulary: Mapping[str, str], vocab: TagSpace | None
) -> Iterator[str]:
    """Yield what is wrong with one sample."""
    try:
        sample = decode_sample(key, members, url)
    except ShardError as error:
        yield str(error.__cause__)
        return
    triplet, picture = sample["json"], sample["image"]
    if problems := validate(triplet, vocab):
        yield from problems
        return
    stored = next(member.data for member in members if member.suffix in IMAGE_SUFFIXES)
    found = {"width": picture.width, "height": picture.height, "sha256": hashlib.sha256(stored).hexdigest()}
    for name, value in found.items():
        if value != triplet["image"][name]:
            yield f"the picture's {name} is {value}, its JSON says {triplet['image'][name]}"
    if triplet["key"] != key:
        yield f"its JSON has key {triplet['key']!r}"
    if triplet["vocab"]["sha256"] != vocabulary["sha256"]:
        yield f"its vocabulary is {triplet['vocab']['name']}, not the manifest's {vocabulary['name']}"
