"""SBU captioned photographs: one million Flickr addresses with what their owners wrote, in three shapes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, ClassVar

from dataengine.errors import AnnotationsError
from dataengine.records import CaptionRecord, ExpectedCounts, RejectedRow
from dataengine.sources.annotation_files import AnnotationFolder, file_name, refuse_images
from dataengine.sources.base import OfficialFile, SourceOptions
from dataengine.sources.json_stream import stream_items
from dataengine.sources.rows import BadRow, make_text, mapping, text_field, valid_text, web_record
from dataengine.sources.tsv import byte_lines, decode_line

_DICT_FILE = "sbu-captions-all.json"
_URLS_FILE = "SBU_captioned_photo_dataset_urls.txt"
_CAPTIONS_FILE = "SBU_captioned_photo_dataset_captions.txt"
_LIST_FILE = "sbu.json"
_NUM_ROWS = 1_000_000


class SbuSource:
    """SBU: the JSON of parallel lists, else the two parallel text files, else the ready-made list of records."""

    name: ClassVar[str] = "sbu"
    dataset = "sbu"
    FILES: ClassVar[tuple[OfficialFile, ...]] = (
        OfficialFile(_DICT_FILE, "https://www.cs.rice.edu/~vo9/sbucaptions/sbu-captions-all.tar.gz"),
        OfficialFile(
            f"{_URLS_FILE} and {_CAPTIONS_FILE}",
            "https://www.cs.rice.edu/~vo9/sbucaptions/SBUCaptionedPhotoDataset.tar.gz",
            required=False,
            note="the same rows in the other form",
        ),
        OfficialFile(
            _LIST_FILE,
            "https://storage.googleapis.com/sfr-vision-language-research/LAVIS/datasets/sbu/sbu.json",
            required=False,
            note="a subset, ready made; its picture names match no archive and are not used",
        ),
    )

    def __init__(self, options: SourceOptions) -> None:
        """Find the files. Raises AnnotationsError where none of the three forms is complete."""
        refuse_images(options, self.name)
        folder = AnnotationFolder(options, self.name, ("dataset", "sbu/dataset"))
        self._dict, self._list = folder.find(_DICT_FILE), folder.find(_LIST_FILE)
        urls, captions = folder.find(_URLS_FILE), folder.find(_CAPTIONS_FILE)
        self._lines = (urls, captions) if urls and captions else None
        if not (self._dict or self._lines or self._list):
            half = urls or captions
            raise folder.missing(f"{half} is there without its other half" if half else "no file is there", self.FILES)
        official = ExpectedCounts(_NUM_ROWS, _NUM_ROWS, "Ordonez et al. 2011")
        self.expected: ExpectedCounts | None = official if self._dict or self._lines else None

    def files(self) -> list[str]:
        """Return the paths that `records` reads."""
        if self._dict:
            return [self._dict]
        return list(self._lines) if self._lines else [str(self._list)]

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record a photograph.

        Raises:
            AnnotationsError: the parallel lists differ in length, so that no caption can be trusted to its photograph.
        """
        for where, url, caption in self._rows():
            try:
                yield _record(url, caption)
            except BadRow as problem:
                yield problem.at(where)

    def _rows(self) -> Iterator[tuple[str, Any, Any]]:
        if self._dict:
            return _dict_rows(self._dict)
        return _line_rows(*self._lines) if self._lines else _list_rows(str(self._list))


def _dict_rows(path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the entries of `image_urls` and `captions` side by side, each streamed through a handle of its own."""
    name = file_name(path)
    pairs = _in_parallel(stream_items(path, "image_urls.item"), stream_items(path, "captions.item"), path)
    for index, (url, caption) in enumerate(pairs):
        yield f"{name}#{index}", url, caption


def _line_rows(urls: str, captions: str) -> Iterator[tuple[str, Any, Any]]:
    name = file_name(captions)
    for (number, url), (_, caption) in _in_parallel(byte_lines(urls), byte_lines(captions), f"{urls}, {captions}"):
        yield f"{name}:{number}", url, caption


def _list_rows(path: str) -> Iterator[tuple[str, Any, Any]]:
    name = file_name(path)
    for index, item in enumerate(stream_items(path, "item")):
        row = item if isinstance(item, dict) else {}
        yield f"{name}#{index}", row.get("url"), row.get("caption")


def _in_parallel(urls: Iterator[Any], captions: Iterator[Any], path: str) -> Iterator[tuple[Any, Any]]:
    end = object()
    for number, (url, caption) in enumerate(zip_longest(urls, captions, fillvalue=end)):
        if url is end or caption is end:
            longer, rest = ("captions", captions) if url is end else ("addresses", urls)
            surplus = 1 + sum(1 for _ in rest)
            raise AnnotationsError(
                f"{path}: {surplus} more {longer} than the other list's {number}; they are no longer parallel, so "
                "captions may stand beside other photographs: download it again"
            )
        yield url, caption


def _record(url: Any, caption: Any) -> CaptionRecord:
    row = mapping({"url": _decoded(url), "caption": _decoded(caption)})
    text = make_text(text_field(row, "caption"), kind="alt", by="web", source="sbu")
    return web_record("sbu", valid_text(text_field(row, "url")), texts=[text])


def _decoded(value: Any) -> Any:
    return decode_line(value) if isinstance(value, bytes) else value
