"""Training shards as files: a byte-deterministic writer, and a reader that runs no stranger's code.

The object inside a sample is the matter of `dataengine.triplet`, addresses that of `dataengine.addresses`.
"""

from __future__ import annotations

import hashlib
import io as bytesio
import json
import logging
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dataengine import io
from dataengine.addresses import MANIFEST_NAME, list_shards
from dataengine.errors import ConfigError, DataEngineError, ShardError, StorageError
from dataengine.records import Sample

logger = logging.getLogger(__name__)

SCHEMA = "triplet/1"
"""The format of the object in a sample, and of the manifest."""
IMAGE_SUFFIXES = ("jpg", "jpeg", "png", "webp")
MAX_PIXELS = 100_000_000
"""A picture whose header claims more is refused before it is decoded; fetch stores none over 1e8 pixels."""
MAX_MEMBER_BYTES = 256 * 2**20
"""A larger member is left unread: no picture, object or array of a sample comes near."""

_IMAGE_FORMATS = ("JPEG", "PNG", "WEBP")  # what Pillow may try, whatever the name says: its EPS reader starts a program
# No dot, which ends a key for webdataset, and short enough for a plain tar header.
_KEY = re.compile(r"[A-Za-z0-9_\-]{1,80}")
_ARRAY_SUFFIX = re.compile(r"([a-z][a-z0-9_]*)\.npy")
_RESERVED = frozenset({"key", "image", "json"})

OnError = Literal["raise", "skip"]


class Member(NamedTuple):
    """One file of a shard that the reader knows: its sample's key, what follows the key's dot, and its content."""

    key: str
    suffix: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSample:
    """A sample on its way into a shard: the picture's bytes stay as they are."""

    key: str
    image: bytes
    json: Mapping[str, Any]
    suffix: str = "jpg"
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Name -> array, stored as `<key>.<name>.npy`."""


class ShardInfo(NamedTuple):
    """What was written: sha256 of the file, its bytes, its samples."""

    sha256: str
    num_bytes: int
    num_samples: int


# ------------------------------------------------------------------------------------------------------------ writing


def dump_json(value: object) -> bytes:
    """Return `value` as compact UTF-8 JSON with sorted keys. Raises ValueError on NaN and on what JSON has not."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def is_plain_key(key: str) -> bool:
    """Return whether `key` can name a sample that is written: letters, digits, `_` and `-`, 80 at most."""
    return _KEY.fullmatch(key) is not None


def write_shard(samples: Iterable[StoredSample], path: Path) -> ShardInfo:
    """Write `samples`, which come in ascending order of their keys, as a tar at `path`; returns its hash and counts.

    Equal samples give equal bytes: USTAR headers, members in alphabetical order, no times, owners or names of users.
    One sample is in memory at a time. Raises ShardError on a key out of order or a sample that can't be stored,
    StorageError where the disk takes no more.
    """
    try:
        num_samples = _write_tar(samples, path)
        with path.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        return ShardInfo(digest, path.stat().st_size, num_samples)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def _write_tar(samples: Iterable[StoredSample], path: Path) -> int:
    """Write the tar and return the number of its samples."""
    num_samples, last = 0, ""
    with path.open("wb") as stream, tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            if not is_plain_key(sample.key) or sample.key <= last:
                raise ShardError(f"key {sample.key!r} after {last!r}; keys in a shard are plain, ascending and unique")
            for name, data in sorted(_encode(sample).items()):
                tar.addfile(_header(name, len(data)), bytesio.BytesIO(data))
            num_samples, last = num_samples + 1, sample.key
    return num_samples


def _encode(sample: StoredSample) -> dict[str, bytes]:
    """Return the sample's members by name."""
    try:
        members = {f"{sample.key}.json": dump_json(sample.json)}
    except (ValueError, TypeError, RecursionError) as error:
        raise ShardError(f"sample {sample.key!r} is no JSON object: {error}") from error
    suffix = "jpg" if sample.suffix == "jpeg" else sample.suffix
    if suffix not in IMAGE_SUFFIXES:
        raise ShardError(f"sample {sample.key!r}: a picture is stored as jpg, png or webp, not {suffix!r}")
    members[f"{sample.key}.{suffix}"] = sample.image
    for name, array in sample.arrays.items():
        if name in _RESERVED or not _ARRAY_SUFFIX.fullmatch(f"{name}.npy"):
            raise ShardError(f"sample {sample.key!r}: an array can't be called {name!r}")
        sink = bytesio.BytesIO()
        np.lib.format.write_array(sink, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
        members[f"{sample.key}.{name}.npy"] = sink.getvalue()
    return members


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = size, 0o644, 0
    return header


# ------------------------------------------------------------------------------------------------------------ reading


class StrictTarInfo(tarfile.TarInfo):
    """A header that must be whole: tarfile takes a broken one, or a missing end mark, for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Return the next header. Raises tarfile.ReadError where the file breaks off or is damaged."""
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            raise tarfile.ReadError(f"broken header at byte {archive.offset}: {error}") from error


def iter_members(stream: BinaryIO, counts: Counter[str] | None = None) -> Iterator[Member]:
    """Yield the pictures, JSON objects and arrays of a tar stream in their order; nothing is extracted to disk.

    Other members (links, other suffixes, paths that lead out of the folder, files over MAX_MEMBER_BYTES) are never
    read; `counts["ignored_members"]` tells how many. Raises tarfile.TarError where the stream is no whole tar.
    """
    counts = Counter() if counts is None else counts
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=StrictTarInfo) as tar:
        for header in tar:
            names = _split_name(header.name) if _is_plain_file(header) else None
            content = tar.extractfile(header) if names else None
            if names is None or content is None:
                counts["ignored_members"] += 1
                continue
            yield Member(*names, content.read())


def read_members(url: str, counts: Counter[str] | None = None) -> Iterator[Member]:
    """Yield the members of the shard at `url`. Raises ShardError, or StorageError where it can't be opened."""
    with io.open_read(url) as stream:
        try:
            yield from iter_members(stream, counts)
        except DataEngineError:
            raise
        except Exception as error:  # tarfile's, or whatever the transport raises in the middle of a stream
            raise ShardError(f"{url} is broken: {error}; fetch it anew or bake it again") from error


def decode_image(data: bytes) -> Image.Image:
    """Return the picture in `data` as RGB, fully decoded. Raises ValueError where it is no whole JPEG, PNG or WebP."""
    try:
        picture = Image.open(bytesio.BytesIO(data), formats=_IMAGE_FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"{picture.width}x{picture.height} pixels are more than {MAX_PIXELS}")
        return picture.convert("RGB")
    except ValueError:
        raise
    except Exception as error:  # Pillow's readers raise anything from SyntaxError to struct.error on hostile bytes
        raise ValueError(f"not a whole picture: {error}") from error


def decode_array(data: bytes) -> NDArray[Any]:
    """Return the array in `.npy` bytes. Raises ValueError on pickled objects and on sizes that the bytes don't hold."""
    stream = bytesio.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array of .npy version {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("an array of Python objects is never loaded")
    values = np.frombuffer(data, dtype, offset=stream.tell())
    if values.size != int(np.prod(shape, dtype=object)):
        raise ValueError(f"array of shape {shape} with {values.size} values")
    return values.reshape(shape, order="F" if fortran else "C").copy()  # the buffer's own view is read-only


def decode_sample(key: str, members: Iterable[Member], url: str) -> Sample:
    """Return the sample that `members` make. Raises ShardError with the shard's address and the key."""
    try:
        return _decode_members(key, members) | {"__url__": url}
    except Exception as error:  # a stranger's bytes make decoders raise nearly anything
        raise ShardError(f"{url}: sample {key!r}: {error}; bake it again, or read with on_error='skip'") from error


def _decode_members(key: str, members: Iterable[Member]) -> Sample:
    sample: Sample = {"key": key}
    for member in members:
        name, value = _decode_member(member)
        if name in sample:
            raise ValueError(f"two members give {name!r}")
        sample[name] = value
    for name in ("image", "json"):
        if name not in sample:
            raise ValueError(f"no {name}")
    return sample


def _decode_member(member: Member) -> tuple[str, Any]:
    if member.suffix in IMAGE_SUFFIXES:
        return "image", decode_image(member.data)
    if member.suffix == "json":
        value = json.loads(member.data)
        if not isinstance(value, dict):
            raise ValueError(f"the JSON is a {type(value).__name__}, not an object")
        return "json", value
    return member.suffix.removesuffix(".npy"), decode_array(member.data)


def _is_plain_file(header: tarfile.TarInfo) -> bool:
    """Return whether a member is an ordinary file of bearable size; a sparse one may claim any size."""
    ordinary = header.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not header.issparse()
    return ordinary and header.size <= MAX_MEMBER_BYTES


def _split_name(name: str) -> tuple[str, str] | None:
    """Return key and suffix of a member, cut at the first dot of its file name as webdataset does; None to ignore it."""
    path = PurePosixPath(name)
    stem, _, suffix = path.name.partition(".")
    suffix = suffix.lower()
    array = _ARRAY_SUFFIX.fullmatch(suffix)
    known = suffix == "json" or suffix in IMAGE_SUFFIXES or (array is not None and array[1] not in _RESERVED)
    if not known or not stem or path.is_absolute() or ".." in path.parts or "\\" in name:
        return None
    return str(path.with_name(stem)), suffix


# ------------------------------------------------------------------------------------------------------------ opening


def open_shards(url: str, *, on_error: OnError = "raise", counts: Counter[str] | None = None) -> Iterator[Sample]:
    """Return the samples of the shards at `url`, one shard and one sample at a time, in order.

    `url` is a tar, a folder of tars, a ROOT that holds `shards/`, a pattern with `*` or `{00000..00003}`, on a disk,
    s3:// or http(s)://. A sample holds "key", "image" (a loaded RGB picture), "json" (the `triplet/1` object), arrays by
    name, and "__url__". Only JPEG, PNG, WebP, JSON and .npy without pickle are decoded: a stranger's shard runs no code.

    With `on_error="skip"` a broken sample is left out, and of a damaged file the rest; `counts` takes "samples",
    "broken_samples", "broken_shards" and "ignored_members". Raises ShardError, at once where `url` names no shard,
    otherwise with the shard's address and the sample's key.
    """
    if on_error not in ("raise", "skip"):
        raise ConfigError(f"on_error={on_error!r}: it is 'raise' or 'skip'")
    urls = list_shards(url)
    return _read_all(urls, on_error, Counter() if counts is None else counts)


def read_samples(url: str, *, on_error: OnError = "raise", counts: Counter[str] | None = None) -> Iterator[Sample]:
    """Yield the samples of the one shard at `url`; errors and counts as in `open_shards`."""
    counts = Counter() if counts is None else counts
    try:
        for key, members in groupby(read_members(url, counts), key=attrgetter("key")):
            # The next header is read before the sample is yielded, so that half of a sample is never taken for one.
            sample = _decode_or_skip(key, list(members), url, on_error, counts)
            if sample is not None:
                counts["samples"] += 1
                yield sample
    except DataEngineError as error:
        if on_error == "raise":
            raise
        counts["broken_shards"] += 1
        logger.warning("skipped the rest of a shard: %s", error)


def read_manifest(directory: str) -> dict[str, Any]:
    """Return the manifest in the folder `directory`. Raises ShardError where it is no manifest."""
    url = io.join(directory, MANIFEST_NAME)
    try:
        manifest: dict[str, Any] = json.loads(io.read_bytes(url))
        if manifest["schema"] != SCHEMA:
            raise ShardError(f"{url} has schema {manifest['schema']!r}; this version reads {SCHEMA!r}")
        shards = [
            (shard["name"], shard["sha256"], shard["num_bytes"], shard["num_samples"]) for shard in manifest["shards"]
        ]
        if not all("/" not in name and name.endswith(".tar") for name, *_ in shards):
            raise ValueError("a shard's name is a file name that ends in .tar")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShardError(f"{url} is no manifest: {error!r}; run `dataengine bake ROOT` again") from error
    return manifest


def _read_all(urls: list[str], on_error: OnError, counts: Counter[str]) -> Iterator[Sample]:
    for url in urls:
        yield from read_samples(url, on_error=on_error, counts=counts)


def _decode_or_skip(
    key: str, members: list[Member], url: str, on_error: OnError, counts: Counter[str]
) -> Sample | None:
    try:
        return decode_sample(key, members, url)
    except ShardError as error:
        if on_error == "raise":
            raise
        if counts["broken_samples"] % 1000 == 0:
            logger.warning("skipped sample %d: %s", counts["broken_samples"] + 1, error)
        counts["broken_samples"] += 1
        return None
