"""A folder or zip of the user's own pictures, captions in NAME.txt beside them or in metadata.csv / metadata.jsonl."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, ClassVar, Protocol

from dataengine.csv_rows import BrokenLine, csv_rows
from dataengine.errors import AnnotationsError, ConfigError
from dataengine.identity import make_uid
from dataengine.records import CaptionRecord, ExpectedCounts, RejectedRow
from dataengine.sources.base import OfficialFile, SourceOptions
from dataengine.sources.local_images import is_image
from dataengine.sources.rows import BadRow, dataset_name, file_name_field, mapping, read_texts, text_field

METADATA_NAMES = ("metadata.jsonl", "metadata.csv")
_CAPTION_FIELDS = ("text", "caption", "captions")


class _Files(Protocol):
    """The files of a folder or zip, by their path inside it."""

    def names(self) -> Iterator[str]: ...
    def has(self, name: str) -> bool: ...
    def open(self, name: str) -> IO[bytes]: ...
    def address(self, name: str) -> str: ...


class ImageFolderSource:
    """The user's own pictures. A metadata file at the top names them where there is one, else the .txt files do."""

    name: ClassVar[str] = "folder"
    FILES: ClassVar[tuple[OfficialFile, ...]] = ()

    def __init__(self, options: SourceOptions) -> None:
        """Find the folder or zip. Raises ConfigError without `folder`, AnnotationsError where it is not there."""
        if not options.folder:
            raise ConfigError("the folder source needs folder: a folder or a zip of pictures")
        self._path = Path(options.folder).absolute()
        if not self._path.is_dir() and self._path.suffix != ".zip":
            raise AnnotationsError(f"folder: {options.folder} is no folder and no zip")
        self._files: _Files = _Folder(self._path) if self._path.is_dir() else _Zip(self._path)
        self.dataset = dataset_name(self._path.name.removesuffix(".zip"))
        self._metadata = next((name for name in METADATA_NAMES if self._files.has(name)), None)
        self.expected: ExpectedCounts | None = None

    def files(self) -> list[str]:
        """Return the folder, or the zip."""
        return [str(self._path)]

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record a picture; one without caption is rejected as `no_caption`."""
        rows = self._metadata_rows(self._metadata) if self._metadata else self._beside_rows()
        for where, name, captions in rows:
            try:
                for result in self._read(name, captions):
                    yield result.at(where) if isinstance(result, BadRow) else result
            except BadRow as problem:
                yield problem.at(where)

    def _read(self, name: str | BadRow, captions: object) -> Iterator[CaptionRecord | BadRow]:
        if isinstance(name, BadRow):
            raise name
        file_name_field(name)
        texts, problems = read_texts(captions, "caption", kind="human", by="human", source="plain")
        yield from problems
        if texts:
            yield CaptionRecord(
                uid=make_uid(self.dataset, name),
                dataset=self.dataset,
                source_id=name,
                local=self._files.address(name),
                texts=texts,
            )

    def _beside_rows(self) -> Iterator[tuple[str, str | BadRow, object]]:
        """Yield every picture with the lines of its NAME.txt."""
        for name in self._files.names():
            if is_image(name):
                try:
                    yield name, name, self._lines_beside(name)
                except BadRow as problem:
                    yield name, problem, None

    def _lines_beside(self, name: str) -> list[str]:
        text_name = str(PurePosixPath(name).with_suffix(".txt"))
        if not self._files.has(text_name):
            raise BadRow("no_caption", name)
        with self._files.open(text_name) as stream:
            try:
                text = stream.read().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise BadRow("not_utf8", str(error)) from None
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            raise BadRow("empty_caption", text_name)
        return lines

    def _metadata_rows(self, metadata: str) -> Iterator[tuple[str, str | BadRow, object]]:
        with self._files.open(metadata) as stream:
            for where, row in (_jsonl if metadata.endswith(".jsonl") else _csv)(metadata, stream):
                try:
                    if isinstance(row, BadRow):
                        raise row
                    captions = next((row[name] for name in _CAPTION_FIELDS if row.get(name)), "")
                    yield where, self._inside(text_field(row, "file_name")), captions
                except BadRow as problem:
                    yield where, problem, None

    def _inside(self, name: str) -> str:
        """Return the picture's path in the folder. Raises BadRow where it leads out of it or is no picture there."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise BadRow("bad_path", name)
        if not is_image(name) or not self._files.has(str(path)):
            raise BadRow("no_such_image", name)
        return str(path)


class _Folder:
    def __init__(self, path: Path) -> None:
        self._root = path.resolve()

    def names(self) -> Iterator[str]:
        for folder, subfolders, names in os.walk(self._root):
            subfolders.sort()
            for name in sorted(names):
                yield Path(folder, name).relative_to(self._root).as_posix()

    def has(self, name: str) -> bool:
        """Return whether the file is there; a link that leads out of the folder is not."""
        path = (self._root / name).resolve()
        return path.is_file() and path.is_relative_to(self._root)

    def open(self, name: str) -> IO[bytes]:
        return (self._root / name).open("rb")

    def address(self, name: str) -> str:
        return str(self._root / name)


class _Zip:
    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise AnnotationsError(f"cannot read {path}: {error}; download or pack it again") from error
        self._path = path
        self._names = {name for name in self._archive.namelist() if not name.endswith("/")}

    def names(self) -> Iterator[str]:
        yield from sorted(self._names)

    def has(self, name: str) -> bool:
        return name in self._names

    def open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)

    def address(self, name: str) -> str:
        return f"{self._path}!{name}"


def _jsonl(name: str, stream: IO[bytes]) -> Iterator[tuple[str, Mapping[str, Any] | BadRow]]:
    for number, line in enumerate(stream, start=1):
        if line.strip():
            try:
                yield f"{name}:{number}", mapping(json.loads(line.decode("utf-8-sig")))
            except UnicodeDecodeError:
                yield f"{name}:{number}", BadRow("not_utf8", line.decode(errors="backslashreplace"))
            except (json.JSONDecodeError, RecursionError):
                yield f"{name}:{number}", BadRow("broken_json", line.decode(errors="backslashreplace"))
            except BadRow as problem:
                yield f"{name}:{number}", problem


def _csv(name: str, stream: IO[bytes]) -> Iterator[tuple[str, Mapping[str, Any] | BadRow]]:
    rows = csv_rows(enumerate(io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline=""), start=1))
    _, header = next(rows, (1, []))
    if isinstance(header, BrokenLine):
        raise AnnotationsError(f"{name}: its first line is no row of column names: {header.cause}")
    for number, cells in rows:
        if cells:
            yield f"{name}:{number}", _csv_row(header, cells)


def _csv_row(header: list[str], cells: list[str] | BrokenLine) -> Mapping[str, Any] | BadRow:
    if isinstance(cells, BrokenLine):
        return BadRow("broken_csv", f"{cells.cause}: {cells.text}")
    if any("\ufffd" in cell for cell in cells):
        return BadRow("not_utf8", ",".join(cells))
    if len(cells) != len(header):
        return BadRow("bad_columns", ",".join(cells))
    return dict(zip(header, cells, strict=True))
