"""The stored pictures of images/, found by the uid of their record, through the ledgers.

A record's picture lies in the image shard of the record's own number, or in a supplement: an image shard without
records of its number, which holds later attempts at what failed. The latest row of a uid counts.
"""

from __future__ import annotations

import io as bytesio
import re
import tarfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataengine import io
from dataengine.errors import ShardError
from dataengine.shards import IMAGE_SUFFIXES, StrictTarInfo
from dataengine.stage import unit_name
from dataengine.tables import BROKEN_PARQUET

_STATS = re.compile(r"(\d{5,})_stats\.json")
_RECORDS = re.compile(r"(\d{5,})\.parquet")
_NEEDED = ("uid", "key", "status")
_COLUMNS = (*_NEEDED, "cause", "original_width", "original_height", "sha256_original", "sha256")


class DroppedImageError(Exception):
    """An image that gives no sample; `reason` is the name it is counted under."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StoredPicture(NamedTuple):
    """A picture's ledger row, its bytes as they are stored, and their suffix."""

    row: Mapping[str, Any]
    data: bytes
    suffix: str


@dataclass(frozen=True, slots=True)
class _OpenTar:
    tar: tarfile.TarFile
    members: Mapping[str, tarfile.TarInfo]


def recorded_shards(root: str) -> list[int]:
    """Return the ids of the shards in records/, ascending."""
    return _ids(_RECORDS, io.list_files(io.join(root, "records"), ".parquet"))


def fetched_shards(root: str) -> list[int]:
    """Return the ids of the image shards, supplements among them, that are committed, ascending."""
    return _ids(_STATS, io.list_files(io.join(root, "images"), "_stats.json"))


def supplements_of(root: str) -> list[int]:
    """Return the ids of the image shards that no records belong to, ascending: later attempts at what failed."""
    return sorted(set(fetched_shards(root)) - set(recorded_shards(root)))


def image_shards_of(root: str, shard_id: int, supplements: Sequence[int]) -> list[int]:
    """Return the image shards that hold pictures of records/`shard_id`: its own, then those of `supplements`."""
    if not supplements:
        return [shard_id]
    uids = _read_uids(io.join(root, "records", f"{unit_name(shard_id)}.parquet"))
    ledgers = {number: _read_uids(_ledger_url(root, number)) for number in supplements}
    return [shard_id, *(number for number in supplements if pc.any(pc.is_in(ledgers[number], uids)).as_py())]


class PictureStore:
    """Finds pictures by uid in some image shards. Use as a context manager: each tar is opened once, when needed."""

    def __init__(self, root: str, image_shards: Collection[int], uids: Collection[str]) -> None:
        """`image_shards` come oldest first; only the rows of `uids` are held. Raises ShardError on a broken ledger."""
        self._root = root
        self._stack = ExitStack()
        self._tars: dict[int, _OpenTar] = {}
        self._rows: dict[str, tuple[int, Mapping[str, Any]]] = {}
        for number in image_shards:
            rows = _read_ledger(_ledger_url(root, number))
            self._rows |= {row["uid"]: (number, row) for row in rows if row["uid"] in uids}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def find(self, uid: str) -> StoredPicture:
        """Return the picture of `uid`. Raises DroppedImageError where there is none, with the ledger's cause."""
        number, row = self._rows.get(uid, (-1, {}))
        if not row:
            raise DroppedImageError("not_fetched:no_ledger_row")
        if row["status"] != "success":
            raise DroppedImageError(f"not_fetched:{row.get('cause') or row['status']}")
        archive = self._open(number)
        for suffix in IMAGE_SUFFIXES:
            if (member := archive.members.get(f"{row['key']}.{suffix}")) is not None:
                return StoredPicture(row, self._read(archive.tar, member), suffix)
        raise DroppedImageError("missing_picture")

    def _open(self, number: int) -> _OpenTar:
        if number not in self._tars:
            url = io.join(self._root, "images", f"{unit_name(number)}.tar")
            path = self._stack.enter_context(io.local_copy(url))
            try:
                tar = self._stack.enter_context(tarfile.open(path, "r:", tarinfo=StrictTarInfo))  # noqa: SIM115
                members = {member.name: member for member in tar.getmembers() if member.isreg()}
            except (tarfile.TarError, OSError) as error:
                marker = f"{unit_name(number)}_stats.json"
                raise ShardError(f"{url} is broken: {error}; remove images/{marker} and fetch again") from error
            self._tars[number] = _OpenTar(tar, members)
        return self._tars[number]

    def _read(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        try:
            content = tar.extractfile(member)
            if content is None:
                raise DroppedImageError("missing_picture")
            return content.read()
        except OSError as error:
            raise ShardError(f"cannot read a member of {tar.name!r}: {error.strerror or error}") from error


def _ids(pattern: re.Pattern[str], names: list[str]) -> list[int]:
    return sorted(int(match[1]) for match in map(pattern.fullmatch, names) if match)


def _ledger_url(root: str, number: int) -> str:
    return io.join(root, "images", f"{unit_name(number)}.parquet")


def _read_ledger(url: str) -> list[dict[str, Any]]:
    content = io.read_bytes(url)
    try:
        ledger = pq.ParquetFile(bytesio.BytesIO(content))
        present = [name for name in _COLUMNS if name in ledger.schema_arrow.names]
        if missing := [name for name in _NEEDED if name not in present]:
            raise ValueError(f"no column {', '.join(missing)}")
        rows: list[dict[str, Any]] = ledger.read(columns=present).to_pylist()
    except BROKEN_PARQUET as error:
        marker = f"{url.removesuffix('.parquet')}_stats.json"
        raise ShardError(f"{url} is no ledger: {error}; remove {marker} and run `dataengine fetch` again") from error
    return rows


def _read_uids(url: str) -> pa.ChunkedArray:
    """Return the column `uid` alone; ledgers and records are many times larger."""
    content = io.read_bytes(url)
    try:
        return pq.read_table(bytesio.BytesIO(content), columns=["uid"])["uid"]
    except BROKEN_PARQUET as error:
        raise ShardError(f"{url} has no column uid: {error}; plan or fetch it again") from error
