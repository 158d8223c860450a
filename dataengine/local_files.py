"""Pictures that already lie on this machine: a plain file, or a member of a zip or an uncompressed tar (`PATH!MEMBER`).

Archives stay open and indexed for the life of the process, the few last used ones, because a shard reads one archive
thousands of times.
"""

from __future__ import annotations

import os
import tarfile
import threading
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from dataengine.decode import FetchFailure

_MAX_OPEN_ARCHIVES = 16


class _Archive(Protocol):
    def size(self, member: str) -> int:
        """Return the bytes of `member`. Raises KeyError where there is none."""

    def read(self, member: str) -> bytes:
        """Return the content of `member`."""


class _ZipArchive:
    """Reads of one ZipFile may come from many threads: it locks its file itself."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)

    def size(self, member: str) -> int:
        return self._zip.getinfo(member).file_size

    def read(self, member: str) -> bytes:
        return self._zip.read(member)


class _TarArchive:
    """Reads by position, so that threads need no lock."""

    def __init__(self, path: Path) -> None:
        with tarfile.open(path, "r:") as archive:
            self._spans = {member.name: (member.offset_data, member.size) for member in archive if member.isreg()}
        self._file = path.open("rb")

    def size(self, member: str) -> int:
        return self._spans[member][1]

    def read(self, member: str) -> bytes:
        offset, size = self._spans[member]
        return os.pread(self._file.fileno(), size, offset)


_open_archives: OrderedDict[tuple[str, int, int], _Archive] = OrderedDict()
_open_lock = threading.Lock()


def read_local(local: str, max_bytes: int) -> bytes:
    """Return the bytes at `PATH` or `PATH!MEMBER`. Raises FetchFailure `missing` or `too_large`."""
    try:
        path, member = split_local(local)
        if member is None:
            _check_size(path.stat().st_size, max_bytes)
            return path.read_bytes()
        archive = _archive(path)
        _check_size(archive.size(member), max_bytes)
        return archive.read(member)
    except KeyError as error:
        raise FetchFailure("missing", f"no member {member!r} in {path}") from error
    except OSError as error:
        raise FetchFailure("missing", f"{local}: {error.strerror or error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        # zipfile raises RuntimeError for an encrypted member, NotImplementedError for an unknown compression.
        raise FetchFailure("missing", f"{local}: {error}") from error


def split_local(local: str) -> tuple[Path, str | None]:
    """Return the file and the member that `local` names; a `!` may stand in either, the first existing file wins."""
    if Path(local).is_file():
        return Path(local), None
    position = local.find("!")
    while position >= 0:
        if Path(local[:position]).is_file():
            return Path(local[:position]), local[position + 1 :]
        position = local.find("!", position + 1)
    return Path(local.partition("!")[0]), None


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise FetchFailure("too_large", f"{size} bytes, {max_bytes} allowed")


def _archive(path: Path) -> _Archive:
    status = path.stat()
    key = (str(path), status.st_mtime_ns, status.st_size)
    with _open_lock:
        if key not in _open_archives:
            _open_archives[key] = _ZipArchive(path) if zipfile.is_zipfile(path) else _TarArchive(path)
            if len(_open_archives) > _MAX_OPEN_ARCHIVES:
                # Dropped, not closed: another thread may still read it; its last reader's reference closes it.
                _open_archives.popitem(last=False)
        _open_archives.move_to_end(key)
        return _open_archives[key]
