"""Find a source's files in the annotations folder, open them, and say in one error what is missing or broken."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader
from itertools import product
from pathlib import Path
from typing import Any, cast

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.io import exists, is_remote, join, open_read
from dataengine.sources.base import OfficialFile, SourceOptions

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class AnnotationFolder:
    """The user's annotations folder as one source sees it: its files lie at the top or in a sub-folder."""

    def __init__(self, options: SourceOptions, source: str, subfolders: Sequence[str] = ()) -> None:
        self.source = source
        self.root = options.annotations_dir
        self._subfolders = ["", source, "annotations", f"{source}/annotations", *subfolders]

    def find(self, *names: str) -> str | None:
        """Return the path of the first of `names` that is there, plain or with `.gz`; None where none is."""
        return next(self.find_all(*names), None)

    def find_all(self, *names: str) -> Iterator[str]:
        """Yield every path of `names` that is there, in the order of `names`, then of the sub-folders."""
        for name, subfolder, suffix in product(names, self._subfolders, ("", ".gz")):
            path = join(self.root, *filter(None, (subfolder, name + suffix)))
            if _is_file(path):
                yield path

    def missing(self, what: str, files: Sequence[OfficialFile]) -> AnnotationsError:
        """Return the error that names each file, where it should lie and where to get it."""
        if not is_remote(self.root) and not Path(self.root).is_dir():
            what = f"no folder {self.root}"
        lines = [f"{self.source}: {what}; looked in {self.root} and its sub-folders {', '.join(self._subfolders[1:])}"]
        lines += [f"  {file.name}  from {file.url}{self._packed(file.name)}" for file in files]
        return AnnotationsError("\n".join(lines))

    def _packed(self, name: str) -> str:
        packed = self.find(f"{name}.zip")
        return f"  ({packed} is there: unzip it)" if packed else ""


def refuse_images(options: SourceOptions, source: str) -> None:
    """Raise ConfigError where local pictures are given for a source whose rows do not name their files."""
    if source in options.images:
        raise ConfigError(
            f"images for {source} ({options.images[source]}): its rows name no picture files, only coco and vg do; "
            "use the webdataset or folder source"
        )


def file_name(path: str) -> str:
    """Return the last part of `path`: how rejected rows name their file."""
    return path.rsplit("/", 1)[-1]


@contextlib.contextmanager
def open_annotations(path: str) -> Iterator[BufferedReader]:
    """Yield the bytes of `path`, unpacked if gzipped, without a byte-order mark.

    Raises:
        AnnotationsError: the file ends early or is not what its first bytes promise.
    """
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(_buffered(open_read(path)))
        if stream.peek(2).startswith(_GZIP_MAGIC):
            stream = stack.enter_context(_buffered(gzip.GzipFile(fileobj=stream)))
        try:
            _skip_mark(path, stream)
            yield stream
        except (EOFError, zlib.error, OSError) as error:
            raise AnnotationsError(f"cannot read {path} to its end: {error}; download it again") from error


class CountingReader:
    """A stream that knows how many bytes were read from it, for error messages."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self.position = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`."""
        data = self._stream.read(size)
        self.position += len(data)
        return data


def _is_file(path: str) -> bool:
    try:
        return exists(path) and (is_remote(path) or Path(path).is_file())
    except OSError as error:  # a folder that may not be entered
        raise AnnotationsError(f"cannot look for {path}: {error.strerror or error}") from error


def _buffered(stream: Any) -> BufferedReader:
    return cast("BufferedReader", stream) if isinstance(stream, BufferedReader) else BufferedReader(stream)


def _skip_mark(path: str, stream: BufferedReader) -> None:
    head = stream.peek(3)
    if head.startswith(_UTF_16):
        raise AnnotationsError(f"{path} is UTF-16; convert it: iconv -f UTF-16 -t UTF-8")
    if head.startswith(_BOM):
        stream.read(len(_BOM))
