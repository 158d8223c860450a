"""The RAM authors' released annotations: captions with tag ids, joined to another source's rows by caption and order.

Their files name pictures of a private layout, so the caption is what tells the image. About 600,000 captions of CC3M
stand on several images: those are matched in order where both sides hold equally many, else counted as ambiguous. What
`dataengine export` wrote names the image itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, TypeGuard

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.io import exists
from dataengine.records import CaptionRecord, ExpectedCounts, RejectedRow, TagClaim, Text
from dataengine.sources import SOURCES
from dataengine.sources.base import OfficialFile, Source, SourceOptions
from dataengine.sources.caption_join import CaptionIndex
from dataengine.sources.json_stream import read_rows, stream_items
from dataengine.sources.rows import BadRow, read_texts
from dataengine.vocab import Vocabulary

CLAIMED_BY = "ram_json"

_UID_IN_PATH = re.compile(r"(?:^|/)(?P<uid>(?P<dataset>[a-z0-9_]+)-[0-9a-f]{16})\.\w+$")


class RamJsonSource:
    """Tags that the authors' JSON claims, on the images of `options.join`, and the captions that it adds to them.

    Memory: 24 bytes a row of the joined source.
    """

    name: ClassVar[str] = "ram_json"
    dataset = "ram_json"
    FILES: ClassVar[tuple[OfficialFile, ...]] = (
        OfficialFile(
            "cc3m_train_ram.json or another of the release",
            "https://github.com/xinyu1205/recognize-anything#open_book-training-datasets",
            note="any name: it is given as ram_json",
        ),
    )

    def __init__(self, options: SourceOptions) -> None:
        """Find the file and the joined source's files. Raises ConfigError or AnnotationsError."""
        if not options.ram_json:
            raise ConfigError("the ram_json source needs ram_json: the authors' JSON file")
        if options.join == self.name:
            raise ConfigError("ram_json can't be joined to itself; join names the source of its captions, such as cc3m")
        if not exists(options.ram_json):
            raise AnnotationsError(f"ram_json: no file {options.ram_json}")
        self._path = options.ram_json
        self._join = options.join
        self._joined: Source = SOURCES[options.join](options)
        self.expected: ExpectedCounts | None = None

    def files(self) -> list[str]:
        """Return the JSON, then the files that it is joined to."""
        return [self._path, *self._joined.files()]

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record a matched item, under the joined row's uid, with the tags and the captions it adds.

        What matches nothing is rejected as `no_such_caption`, what matches several as `ambiguous_caption`.
        """
        index = CaptionIndex(self._joined_captions())
        for item in stream_items(self._path, "item"):
            captions = item.get("caption") if isinstance(item, Mapping) else None
            if _is_strings(captions) and _own_uid(item, captions, index) is None:
                index.count(captions)
        vocab = Vocabulary.load()
        yield from read_rows(self._path, "item", lambda row: self._read(row, index, vocab))

    def _joined_captions(self) -> Iterator[tuple[str, str]]:
        for record in self._joined.records():
            if isinstance(record, CaptionRecord):
                yield from ((text.original, record.uid) for text in record.texts)

    def _read(self, row: Mapping[str, Any], index: CaptionIndex, vocab: Vocabulary) -> Iterator[CaptionRecord | BadRow]:
        captions = row.get("caption")
        if not _is_strings(captions):
            raise BadRow("missing_field:caption", row)
        uid = _own_uid(row, captions, index) or _take(index, captions)
        tag_ids = _canonical(row.get("union_label_id"), "union_label_id", vocab)
        parsed = _parsed_ids(row, len(captions), vocab)
        added: list[Text] = []
        for caption, tags in zip(captions, parsed, strict=True):
            if not index.holds(caption, uid):
                texts, problems = read_texts(caption, "caption", kind="generated", by=CLAIMED_BY, source="plain")
                yield from problems
                added += [replace(text, tags=tags) for text in texts]
        yield CaptionRecord(
            uid=uid,
            dataset=index.dataset,
            source_id=None,
            texts=added,
            tags=[TagClaim(id=tag_id, by=[CLAIMED_BY]) for tag_id in tag_ids],
        )


def _is_strings(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, str) for entry in value)


def _own_uid(row: Mapping[str, Any], captions: list[str], index: CaptionIndex) -> str | None:
    """Return the uid that our own export wrote into `image_path`, where it is an image with one of the captions."""
    path = row.get("image_path")
    match = _UID_IN_PATH.search(path) if isinstance(path, str) else None
    if match is None or match["dataset"] != index.dataset:
        return None
    return match["uid"] if any(index.holds(caption, match["uid"]) for caption in captions) else None


def _take(index: CaptionIndex, captions: list[str]) -> str:
    try:
        uid = index.take(captions)
    except KeyError:
        raise BadRow("no_such_caption", captions[0]) from None
    if uid is None:
        raise BadRow("ambiguous_caption", captions[0])
    return uid


def _parsed_ids(row: Mapping[str, Any], num_captions: int, vocab: Vocabulary) -> list[list[int]]:
    """Return the tags of each caption; [] for each where the row has none. Raises BadRow where the numbers differ."""
    lists = row.get("parse_label_id") or [[]] * num_captions
    if not isinstance(lists, list) or len(lists) != num_captions:
        raise BadRow("missing_field:parse_label_id", row)
    return [_canonical(entry, "parse_label_id", vocab) for entry in lists]


def _canonical(value: object, name: str, vocab: Vocabulary) -> list[int]:
    """Return the canonical tag ids in `value`, ascending. Raises BadRow where it is no list of the vocabulary's ids."""
    if not isinstance(value, list) or not all(type(entry) is int for entry in value):
        raise BadRow(f"missing_field:{name}", value)
    if any(not 0 <= tag_id < len(vocab) for tag_id in value):
        raise BadRow("bad_tag_id", value)
    return sorted({vocab.canonical(tag_id) for tag_id in value})
