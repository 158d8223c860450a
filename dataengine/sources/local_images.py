"""Pictures that already lie on the user's disk, indexed by file name; `dataengine.local_files` reads them.

An address is the absolute path of a file, or `ARCHIVE!MEMBER` for a member of a zip or an uncompressed tar.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from dataengine.errors import AnnotationsError
from dataengine.sources.base import SourceOptions

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
_ARCHIVE_SUFFIXES = (".zip", ".tar")


class LocalImages:
    """File name -> address of every picture in a folder, zip or tar; a folder's own archives are looked into.

    Memory: about 200 bytes a picture. Where two pictures have one name, the first in path order is taken.
    """

    def __init__(self, path: str) -> None:
        self._addresses: dict[str, str] = {}
        for address, name in _walk(_existing(path)):
            self._addresses.setdefault(name.rsplit("/", 1)[-1], address)

    def __len__(self) -> int:
        return len(self._addresses)

    def find(self, *names: str) -> str | None:
        """Return the address of the first of `names` that is there, or None."""
        return next((self._addresses[name] for name in names if name in self._addresses), None)


def open_images(options: SourceOptions, source: str) -> LocalImages | None:
    """Return the index of the pictures that the user gave for `source`, or None. Raises AnnotationsError."""
    return LocalImages(options.images[source]) if source in options.images else None


def is_image(name: str) -> bool:
    """Return whether `name` ends as a picture's does."""
    return f".{name.rpartition('.')[2].lower()}" in IMAGE_SUFFIXES


def archive_members(path: Path) -> Iterator[str]:
    """Yield the names of a zip's files (sorted) or a tar's (as they lie). Raises AnnotationsError for a broken one."""
    if path.suffix == ".zip":
        yield from _zip_members(path)
    else:
        yield from (info.name for info, _ in tar_members(path) if info.isfile())


def tar_members(path: Path) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """Yield the members of an uncompressed tar in order with the open tar, without keeping those passed.

    Raises:
        AnnotationsError: the tar is compressed, cut short or no tar.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep every header, 1.5 kB each
                yield info, tar
        if path.stat().st_size % tarfile.BLOCKSIZE:  # cut inside a header, which tarfile takes for the end
            raise tarfile.ReadError("unexpected end of data")
    except (tarfile.TarError, OSError) as error:
        raise AnnotationsError(f"cannot read {path}: {error}; it must be a whole, uncompressed tar") from error


def _existing(path: str) -> Path:
    absolute = Path(path).absolute()
    if not absolute.exists():
        raise AnnotationsError(f"no pictures at {path}: it must be a folder, a zip or an uncompressed tar")
    if absolute.is_file() and absolute.suffix not in _ARCHIVE_SUFFIXES:
        raise AnnotationsError(f"{path} is no folder, zip or uncompressed tar; unpack it and name the folder")
    return absolute


def _walk(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (address, name) of every picture below `path`, in path order."""
    if path.is_file():
        yield from ((f"{path}!{member}", member) for member in archive_members(path) if is_image(member))
        return
    for folder, subfolders, names in os.walk(path):
        subfolders.sort()
        for name in sorted(names):
            if is_image(name):
                yield f"{folder}/{name}", name
            elif name.endswith(_ARCHIVE_SUFFIXES):
                yield from _walk(Path(folder, name))


def _zip_members(path: Path) -> Iterator[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield from sorted(name for name in archive.namelist() if not name.endswith("/"))
    except (zipfile.BadZipFile, OSError) as error:
        raise AnnotationsError(f"cannot read {path}: {error}; download or pack it again") from error
