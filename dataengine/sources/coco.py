"""COCO's human captions, with Karpathy's val and test kept out.

One origin of captions is read, the first that is there: `dataset_coco.json` (Karpathy's own file), the three ready-made
`coco_karpathy_{train,val,test}.json`, the official `captions_*.json`. The official files' image entries are read in
every case: they bring size, licence and the Flickr photo's id. Images are held as ids only (123,287, about 20 MB).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from dataengine.identity import flickr_photo_id, make_uid
from dataengine.records import CaptionRecord, ExpectedCounts, RejectedRow, Text
from dataengine.sources.annotation_files import AnnotationFolder, file_name
from dataengine.sources.base import OfficialFile, SourceOptions
from dataengine.sources.json_stream import read_rows, stream_items
from dataengine.sources.local_images import LocalImages, open_images
from dataengine.sources.rows import (
    BadRow,
    accepted_url,
    image_side,
    mapping,
    number_field,
    read_texts,
    text_field,
    valid_text,
)
from dataengine.sources.web_addresses import address_keys, web_url

TRAIN_2014 = "captions_train2014.json"
CAPTION_FILES = (TRAIN_2014, "captions_val2014.json", "captions_train2017.json", "captions_val2017.json")
KARPATHY = "dataset_coco.json"
READY_MADE = ("coco_karpathy_train.json", "coco_karpathy_val.json", "coco_karpathy_test.json")

_ANNOTATIONS_URL = "http://images.cocodataset.org/annotations/annotations_trainval{}.zip"
_KARPATHY_URL = "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip"
_READY_MADE_URL = "https://storage.googleapis.com/sfr-vision-language-research/datasets/"
_IMAGES_URL = "http://images.cocodataset.org"  # http only: the host's certificate is another one's
_OLD_HOST = "://mscoco.org/"
"""The first release's coco_url; that host serves no pictures any more."""
_IN_NAME = re.compile(r"(\d+)\.jpg$")
_NAME_PREFIXES = ("", "COCO_train2014_", "COCO_val2014_")
"""How the releases of 2017 and 2014 name one picture, before its id."""
_SPLITS = ("train", "restval", "val", "test")
_KEPT_SPLITS = ("train", "restval")

# images / captions of the parts that the files are made of: train2014, val2014 less val2017, val2017 (official counts)
_PART_COUNTS = {"train2014": (82_783, 414_113), "val2014": (35_504, 177_640), "val2017": (5_000, 25_014)}
_PARTS_OF_FILES = {
    "captions_train2014.json": ("train2014",),
    "captions_val2014.json": ("val2014", "val2017"),
    "captions_train2017.json": ("train2014", "val2014"),
    "captions_val2017.json": ("val2017",),
}


class CocoSource:
    """COCO 2014, 2017 and Karpathy's files.

    An image of Karpathy's val or test is yielded with `drop` `karpathy_val` or `karpathy_test`, one that might be in
    them with `karpathy_unknown`, so that another source's copy of the same photograph goes with it.
    """

    name: ClassVar[str] = "coco"
    dataset = "coco"
    FILES: ClassVar[tuple[OfficialFile, ...]] = (
        OfficialFile(TRAIN_2014, _ANNOTATIONS_URL.format(2014), note="all that may be used without Karpathy's split"),
        OfficialFile("captions_val2014.json", _ANNOTATIONS_URL.format(2014), required=False),
        OfficialFile("captions_train2017.json", _ANNOTATIONS_URL.format(2017), required=False),
        OfficialFile("captions_val2017.json", _ANNOTATIONS_URL.format(2017), required=False),
        OfficialFile(
            KARPATHY, _KARPATHY_URL, required=False, note="the split: brings restval in, keeps val and test out"
        ),
        *(OfficialFile(name, _READY_MADE_URL + name, required=False, note="the same split") for name in READY_MADE),
    )

    def __init__(self, options: SourceOptions) -> None:
        """Find the files. Raises AnnotationsError where none is there, or only some of the ready-made three."""
        self._options = options
        folder = AnnotationFolder(options, self.name)
        self._caption_files = [path for name in CAPTION_FILES if (path := folder.find(name))]
        self._karpathy = folder.find(KARPATHY)
        ready_made = [path for name in READY_MADE if (path := folder.find(name))]
        if ready_made and not self._karpathy and len(ready_made) < len(READY_MADE):
            raise folder.missing(
                f"{', '.join(map(file_name, ready_made))} without the rest of {', '.join(READY_MADE)}; "
                "val and test are needed to keep other sources' copies out",
                self.FILES[-3:],
            )
        self._ready_made = [] if self._karpathy else ready_made
        if not self.files():
            raise folder.missing("none of its files is there", self.FILES)
        self.expected: ExpectedCounts | None = self._expected_counts()

    def files(self) -> list[str]:
        """Return the paths that `records` reads."""
        return [*self._caption_files, *([self._karpathy] if self._karpathy else []), *self._ready_made]

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record without texts an image entry, then the captions, as they lie in the files."""
        reading = _Reading(self._splits(), self._options.allow_leaks, open_images(self._options, self.name))
        has_split = bool(self._karpathy or self._ready_made)
        for path in self._caption_files:
            yield from reading.caption_file(path, with_captions=not has_split)
        if self._karpathy:
            yield from read_rows(self._karpathy, "images.item", reading.karpathy_record)
        for path in self._ready_made:
            yield from read_rows(path, "item", reading.ready_made_record)

    def _splits(self) -> dict[int, str]:
        """Return image id -> Karpathy's split as far as the files tell; without his, train2014 is all in train."""
        if self._karpathy:
            rows = _good_rows(self._karpathy, "images.item", "cocoid")
            return {image_id: str(row.get("split")) for image_id, row in rows if row.get("split") in _SPLITS}
        if self._ready_made:
            splits = ((path, path.rsplit("coco_karpathy_", 1)[-1].split(".")[0]) for path in self._ready_made)
            return {image_id: split for path, split in splits for image_id, _ in _good_rows(path, "item", "image")}
        train = [path for path in self._caption_files if file_name(path).startswith(TRAIN_2014)]
        return {image_id: "train" for path in train for image_id, _ in _good_rows(path, "images.item", "id")}

    def _expected_counts(self) -> ExpectedCounts:
        parts = {part for path in self._caption_files for part in _PARTS_OF_FILES[file_name(path).removesuffix(".gz")]}
        if self._karpathy or self._ready_made:
            parts = set(_PART_COUNTS)
        images, texts = (sum(_PART_COUNTS[part][column] for part in parts) for column in (0, 1))
        return ExpectedCounts(images, texts, "COCO captions 2014/2017; Karpathy and Fei-Fei 2015")


class _Reading:
    """One pass over the files: which images were seen, and what their ids say about the split."""

    def __init__(self, splits: Mapping[int, str], allow_leaks: bool, images: LocalImages | None) -> None:
        self._splits = splits
        self._allow_leaks = allow_leaks
        self._images = images
        self._seen: set[int] = set()

    def caption_file(self, path: str, *, with_captions: bool) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield the image entries of an official file, then its captions of images that no earlier file had."""
        folder = file_name(path).removesuffix(".gz").removesuffix(".json").removeprefix("captions_")
        earlier, here = frozenset(self._seen), set[int]()
        yield from read_rows(path, "images.item", lambda row: self._image_record(row, folder, earlier, here))
        self._seen |= here
        if with_captions:
            yield from read_rows(path, "annotations.item", lambda row: self._caption_record(row, folder, earlier))

    def _image_record(
        self, row: Mapping[str, Any], folder: str, earlier: frozenset[int], here: set[int]
    ) -> Iterator[CaptionRecord]:
        image_id, name = number_field(row, "id"), text_field(row, "file_name")
        if image_id in here:
            raise BadRow("duplicate_id", row)
        here.add(image_id)
        url = web_url(_picture_url(row, folder, name))
        if url is None:
            raise BadRow("bad_url", row.get("coco_url"))
        record = self._record(image_id, [], folder)
        record.same_as += address_keys(url)
        if flickr_id := flickr_photo_id(str(row.get("flickr_url") or "")):
            record.same_as.append(f"flickr:{flickr_id}")
        if image_id not in earlier:
            self._set_address(record, image_id, url, name)
        record.width, record.height = image_side(row.get("width")), image_side(row.get("height"))
        record.license = None if row.get("license") is None else valid_text(str(row["license"]))
        record.same_as = sorted(set(record.same_as))
        yield record

    def _caption_record(
        self, row: Mapping[str, Any], folder: str, earlier: frozenset[int]
    ) -> Iterator[CaptionRecord | BadRow]:
        image_id = number_field(row, "image_id")
        if image_id not in earlier:
            texts, problems = _texts(row.get("caption"), "caption")
            yield from problems
            if texts:
                yield self._record(image_id, texts, folder)

    def karpathy_record(self, row: Mapping[str, Any]) -> Iterator[CaptionRecord | BadRow]:
        """Yield the record of an entry of dataset_coco.json, with all its sentences."""
        name, sentences = text_field(row, "filename"), row.get("sentences")
        if not isinstance(sentences, list):
            raise BadRow("missing_field:sentences", row)
        texts, problems = _texts([mapping(sentence).get("raw") for sentence in sentences], "raw")
        yield from problems
        folder = valid_text(str(row.get("filepath") or "")) or ("val2014" if "val2014" in name else "train2014")
        yield self._placed(number_field(row, "cocoid"), texts, f"{folder}/{name}")

    def ready_made_record(self, row: Mapping[str, Any]) -> Iterator[CaptionRecord | BadRow]:
        """Yield the record of an entry of coco_karpathy_*.json: one caption in train, a list in val and test."""
        texts, problems = _texts(row.get("caption"), "caption")
        yield from problems
        yield self._placed(_image_id(row, "image"), texts, text_field(row, "image"))

    def _placed(self, image_id: int, texts: list[Text], path: str) -> CaptionRecord:
        """Return the record; an image that no official file listed gets its address from the split file's path."""
        record = self._record(image_id, texts, "train")
        if image_id not in self._seen:
            folder, name = path.split("/")[-2:] if "/" in path else ("train2014", path)
            url = accepted_url(f"{_IMAGES_URL}/{folder}/{name}")
            self._set_address(record, image_id, url, name)
            record.same_as = sorted({*record.same_as, *address_keys(url)})
        return record

    def _record(self, image_id: int, texts: list[Text], folder: str) -> CaptionRecord:
        split = self._splits.get(image_id)
        return CaptionRecord(
            uid=make_uid("coco", str(image_id)),
            dataset="coco",
            source_id=str(image_id),
            split=split or folder.rstrip("0123456789"),
            same_as=[] if texts and image_id in self._seen else [f"coco:{image_id}"],
            texts=texts,
            drop=None if self._allow_leaks or split in _KEPT_SPLITS else f"karpathy_{split or 'unknown'}",
        )

    def _set_address(self, record: CaptionRecord, image_id: int, url: str, name: str) -> None:
        """Set `local` where the user's pictures hold the image, under its 2014 or its 2017 name, else `url`."""
        names = (name, *(f"{prefix}{image_id:012d}.jpg" for prefix in _NAME_PREFIXES))
        record.local = self._images.find(*names) if self._images else None
        record.url = None if record.local else url


def _picture_url(row: Mapping[str, Any], folder: str, name: str) -> str:
    url = row.get("coco_url")
    return url if isinstance(url, str) and url and _OLD_HOST not in url else f"{_IMAGES_URL}/{folder}/{name}"


def _texts(values: object, name: str) -> tuple[list[Text], list[BadRow]]:
    return read_texts(values, name, kind="human", by="human", source="coco")


def _image_id(row: Mapping[str, Any], name: str) -> int:
    """Return the id in field `name`: a number, or a picture's path that ends in it. Raises BadRow."""
    if name != "image":
        return number_field(row, name)
    match = _IN_NAME.search(text_field(row, name))
    if not match:
        raise BadRow(f"missing_field:{name}", row)
    return int(match[1])


def _good_rows(path: str, prefix: str, id_name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield (id, row); rows without an id are counted when the file is read for its captions."""
    for item in stream_items(path, prefix):
        with contextlib.suppress(BadRow):
            row = mapping(item)
            yield _image_id(row, id_name), row
