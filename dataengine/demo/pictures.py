"""The demo's pictures and what is said about them: photographs that come inside packages, and our own words.

The tables beside this module hold the words: photographs.tsv (where each photograph lies), images.tsv (the pictures that
are served: a photograph or a part of one), captions.tsv and regions.tsv (what is true of them), links.tsv (addresses
that fail). A row that gives no training image says why.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from dataengine.errors import MissingExtraError
from dataengine.extras import require

PLAN_OUTCOMES = ("karpathy_val", "karpathy_test", "no_text", "no_tag")
"""The plan's reasons not to fetch a picture; every other outcome is a cause in the ledger."""
OFFICIAL_JPEG = ("coco", "vg", "sbu")
"""Sources whose pictures are all JPEG; the web's are served in the format that the photograph has."""
JPEG_QUALITY = 92
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph inside an installed package."""

    name: str
    distribution: str
    module: str
    file: str
    credit: str

    def path(self) -> Path:
        """Return where it lies, without importing the package. Raises MissingExtraError without the [demo] install."""
        spec = importlib.util.find_spec(self.module)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder) / self.file
            if path.is_file():
                return path
        raise MissingExtraError(self.distribution, "demo")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of one source: a photograph, or the part of one that `box` (x0, y0, x1, y1) cuts out."""

    source: str
    split: str
    id: str
    name: str
    photograph: str
    box: Box | None
    via: str
    """The server's folder through which the picture is asked for ("slow", "flaky"), or ""."""
    twin: str
    """The picture of an earlier source that this row shows again, or ""."""
    outcome: str
    """Why no training image comes of it, or ""."""

    @property
    def suffix(self) -> str:
        """The file name's ending, after the format that is served."""
        as_jpeg = self.source in OFFICIAL_JPEG or self.box is not None
        return ".jpg" if as_jpeg else PurePosixPath(read_photographs()[self.photograph].file).suffix

    @property
    def address(self) -> str:
        """The path under which the picture lies on the server, in the source's own manner."""
        if self.source == "coco":
            folder = "train2014" if self.split == "train" else "val2014"
            return f"/coco/{folder}/COCO_{folder}_{int(self.id):012d}.jpg"
        if self.source == "vg":
            return f"/vg/VG_100K/{self.id}.jpg"
        return f"/{self.source}/{self.id or self.name}{self.suffix}"

    @property
    def request(self) -> str:
        """The path that the annotation files ask for."""
        return f"/{self.via}{self.address}" if self.via else self.address


@dataclass(frozen=True, slots=True)
class Caption:
    """What is said of a picture, and the reason for which the plan must drop it, or ""."""

    text: str
    drop: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is said of a part of a picture: x, y, width, height in its pixels."""

    box: Box
    text: str


@dataclass(frozen=True, slots=True)
class DeadLink:
    """A row whose address fails; `behaviour` is the server's prefix that makes it fail."""

    source: str
    name: str
    behaviour: str
    cause: str
    """What the ledger must say."""
    caption: str

    @property
    def address(self) -> str:
        """The path that is asked for."""
        return f"/{self.behaviour}/{self.source}/{self.name}.jpg"


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of `<name>.tsv` beside this module, by column."""
    lines = resources.files(__package__).joinpath(f"{name}.tsv").read_text("utf-8").splitlines()
    columns = lines[0].split("\t")
    return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:]]


@functools.cache
def read_photographs() -> dict[str, Photograph]:
    """Return every photograph of the demo by name, whether its package is there or not."""
    rows = (Photograph(*row.values()) for row in read_table("photographs"))
    return {photograph.name: photograph for photograph in rows}


@functools.cache
def read_pictures() -> tuple[Picture, ...]:
    """Return the pictures of all sources in the order of their rows."""
    return tuple(
        Picture(
            row["source"], row["split"], row["id"], row["image"], row["photograph"],
            _box(row, "left", "top", "right", "bottom") if row["left"] else None, row["via"], row["twin"], row["outcome"],
        )
        for row in read_table("images")
    )  # fmt: skip


@functools.cache
def read_captions() -> dict[tuple[str, str], list[Caption]]:
    """Return (source, picture name) -> its captions."""
    captions: dict[tuple[str, str], list[Caption]] = {}
    for row in read_table("captions"):
        captions.setdefault((row["source"], row["image"]), []).append(Caption(row["caption"], row["drop"]))
    return captions


@functools.cache
def read_phrases() -> dict[str, list[Phrase]]:
    """Return name of a Visual Genome picture -> its region phrases."""
    phrases: dict[str, list[Phrase]] = {}
    for row in read_table("regions"):
        box = _box(row, "left", "top", "width", "height")
        phrases.setdefault(row["image"], []).append(Phrase(box, row["phrase"]))
    return phrases


@functools.cache
def read_links() -> tuple[DeadLink, ...]:
    """Return the rows whose addresses fail."""
    return tuple(DeadLink(*row.values()) for row in read_table("links"))


def photographs() -> dict[str, Path]:
    """Return name -> file of every photograph. Raises MissingExtraError without the [demo] install."""
    return {name: photograph.path() for name, photograph in read_photographs().items()}


def pictures() -> dict[str, Path | bytes]:
    """Return path -> file or bytes of all that the demo's server answers with.

    A whole photograph is served as the file is; a part of one, and what COCO, Visual Genome and SBU would hold, as JPEG.
    Raises MissingExtraError without the [demo] install.
    """
    return {picture.address: _content(picture) for picture in read_pictures() if not is_other_address(picture)}


def is_other_address(picture: Picture) -> bool:
    """Return whether the row has another picture's address, or one outside the demo, and needs none of its own."""
    return bool(picture.twin) and picture.source != "vg"


def picture_size(picture: Picture) -> tuple[int, int]:
    """Return width and height in pixels."""
    if picture.box is not None:
        x0, y0, x1, y1 = picture.box
        return x1 - x0, y1 - y0
    with _open(picture) as image:
        width, height = image.size
    return width, height


def _content(picture: Picture) -> Path | bytes:
    path = read_photographs()[picture.photograph].path()
    if picture.box is None and picture.suffix == path.suffix:
        return path
    with _open(picture) as image:
        part = image if picture.box is None else image.crop(picture.box)
        buffer = BytesIO()
        part.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _open(picture: Picture) -> Any:
    return require("PIL.Image", "build").open(read_photographs()[picture.photograph].path())


def _box(row: Mapping[str, str], *names: str) -> Box:
    left, top, third, fourth = (int(row[name]) for name in names)
    return left, top, third, fourth
