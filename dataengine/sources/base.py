"""What every source is: a stream of records and rejected rows, and the files it is read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from dataengine.records import CaptionRecord, ExpectedCounts, RejectedRow


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """A file that a source reads, and where its publisher offers it."""

    name: str
    """The name under which the source looks for it; `.gz` may follow."""
    url: str
    """The address to download, or of the archive that holds it."""
    required: bool = True
    """False for side information, and for files of which another one can take the place."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What a user may say about reading sources. A source takes what concerns it."""

    annotations_dir: str
    """The folder where the official files lie, directly or in sub-folders named after the source."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Source name -> a local zip, tar or folder that holds its pictures, used in place of URLs."""
    allow_leaks: bool = False
    """Take COCO pictures that may be in Karpathy's val and test."""
    vg_regions: bool = False
    """Read Visual Genome's region_descriptions instead of the ready-made vg_caption.json."""
    vg_min_area: float = 0.0
    """Least share of the image's area that a region's box covers."""
    url_list: str | None = None
    """File of the `url_list` source."""
    shards: str | None = None
    """Folder or pattern of the `webdataset` source."""
    folder: str | None = None
    """Folder or zip of the `folder` source."""
    ram_json: str | None = None
    """File of the `ram_json` source."""
    join: str = "cc3m"
    """The source whose rows `ram_json` is joined to."""


class Source(Protocol):
    """An annotation format. Creating one finds its files; `records` streams them in a fixed order."""

    name: ClassVar[str]
    dataset: str
    """The data set of its records, where no row says otherwise; the table "expected vs got" has a row for each."""
    FILES: ClassVar[tuple[OfficialFile, ...]]
    """What to get from where; empty for a source that reads the user's own files."""
    expected: ExpectedCounts | None

    def __init__(self, options: SourceOptions) -> None:
        """Find the files. Raises AnnotationsError that names each missing file and where to get it."""

    def files(self) -> list[str]:
        """Return the paths that `records` reads."""

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield the rows one by one; memory does not grow with the file."""
