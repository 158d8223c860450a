"""Visual Genome: the ready-made vg_caption.json, or region_descriptions.json with boxes; image_data.json beside.

Images are held as id -> size (108,077 in all, about 15 MB).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from dataengine.errors import ConfigError
from dataengine.identity import make_uid
from dataengine.records import CaptionRecord, ExpectedCounts, Region, RejectedRow, Text
from dataengine.sources.annotation_files import AnnotationFolder
from dataengine.sources.base import OfficialFile, SourceOptions
from dataengine.sources.json_stream import read_rows
from dataengine.sources.local_images import open_images
from dataengine.sources.rows import (
    BadRow,
    accepted_url,
    image_side,
    make_text,
    mapping,
    number_field,
    optional_number,
    read_texts,
    text_field,
)
from dataengine.sources.web_addresses import address_keys

CAPTIONS = "vg_caption.json"
REGIONS = "region_descriptions.json"
IMAGE_DATA = "image_data.json"

_HOME = "https://homes.cs.washington.edu/~ranjay/visualgenome/data/dataset/"
_CAPTIONS_URL = "https://storage.googleapis.com/sfr-vision-language-research/datasets/vg_caption.json"
_PICTURES_URL = "https://cs.stanford.edu/people/rak248"
_PICTURE = re.compile(r"(?:^|(?P<folder>VG_100K(?:_2)?)/|/)(?P<id>\d+)\.jpg$")
_NUM_IMAGES = 108_077
_NUM_REGIONS = 5_408_689


class VisualGenomeSource:
    """Visual Genome's captions (the RAM corpus' 821K texts) or its regions."""

    name: ClassVar[str] = "vg"
    dataset = "vg"
    FILES: ClassVar[tuple[OfficialFile, ...]] = (
        OfficialFile(CAPTIONS, _CAPTIONS_URL),
        OfficialFile(IMAGE_DATA, f"{_HOME}image_data.json.zip", required=False, note="sizes, COCO and Flickr ids"),
        OfficialFile(
            REGIONS, f"{_HOME}region_descriptions.json.zip", required=False, note="5.4M phrases with boxes: vg_regions"
        ),
    )

    def __init__(self, options: SourceOptions) -> None:
        """Find the files: regions where they are asked for or all there is, else the ready-made captions.

        Raises:
            AnnotationsError: neither file is there, or not the one asked for, or sizes are needed and absent.
        """
        if not 0.0 <= options.vg_min_area <= 1.0:
            raise ConfigError(f"vg_min_area {options.vg_min_area}: it is a share of the image's area, from 0 to 1")
        self._options = options
        folder = AnnotationFolder(options, self.name, ("visual_genome", "VG"))
        captions, regions = folder.find(CAPTIONS), folder.find(REGIONS)
        self._image_data = folder.find(IMAGE_DATA)
        self._regions = regions if options.vg_regions or not captions else None
        self._captions = None if options.vg_regions else captions
        if not self._regions and not self._captions:
            asked = f"vg_regions asks for {REGIONS}" if options.vg_regions else f"{CAPTIONS} or {REGIONS} is needed"
            raise folder.missing(f"{asked}, which is not there", self.FILES)
        if self._regions and options.vg_min_area and not self._image_data:
            raise folder.missing(f"vg_min_area needs the images' sizes, which {IMAGE_DATA} holds", self.FILES[1:2])
        self.expected: ExpectedCounts | None = self._expected_counts()

    def files(self) -> list[str]:
        """Return the paths that `records` reads."""
        return [path for path in (self._image_data, self._captions, self._regions) if path]

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record without texts an entry of image_data, then one a caption, or one an image with its regions."""
        reading = _Reading(self._options)
        if self._image_data:
            yield from read_rows(self._image_data, "item", reading.image)
        if self._captions:
            yield from read_rows(self._captions, "item", reading.captions)
        elif self._regions:
            yield from read_rows(self._regions, "item", reading.regions)

    def _expected_counts(self) -> ExpectedCounts:
        if self._regions:
            return ExpectedCounts(_NUM_IMAGES, _NUM_REGIONS, "Visual Genome v1.2/1.4 region descriptions")
        return ExpectedCounts(_NUM_IMAGES if self._image_data else None, None, "Visual Genome v1.2 image_data")


class _Reading:
    """One pass over the files: the sizes of the images seen so far, and where pictures lie."""

    def __init__(self, options: SourceOptions) -> None:
        self._min_area = options.vg_min_area
        self._images = open_images(options, "vg")
        self._sizes: dict[int, tuple[int, int] | None] = {}

    def image(self, row: Mapping[str, Any]) -> Iterator[CaptionRecord]:
        """Yield the address, size and shared ids of an entry of image_data."""
        image_id = number_field(row, "image_id", "id")
        if image_id in self._sizes:
            raise BadRow("duplicate_id", row)
        url = accepted_url(text_field(row, "url"))
        record = self._record(image_id, [])
        self._set_address(record, image_id, url)
        record.width, record.height = image_side(row.get("width")), image_side(row.get("height"))
        record.same_as = address_keys(url)
        for key, name in (("coco", "coco_id"), ("flickr", "flickr_id")):
            shared = optional_number(row.get(name))
            if shared is not None and shared > 0:  # null, and -1 in some dumps: not from there
                record.same_as.append(f"{key}:{shared}")
        self._sizes[image_id] = (record.width, record.height) if record.width and record.height else None
        yield record

    def captions(self, row: Mapping[str, Any]) -> Iterator[CaptionRecord | BadRow]:
        """Yield the record of an entry of vg_caption.json."""
        match = _PICTURE.search(text_field(row, "image"))
        if not match:
            raise BadRow("missing_field:image", row)
        texts, problems = read_texts(row.get("caption"), "caption", kind="human", by="human", source="vg")
        yield from problems
        if texts:
            yield self._placed(int(match["id"]), texts, match["folder"])

    def regions(self, row: Mapping[str, Any]) -> Iterator[CaptionRecord | BadRow]:
        """Yield an image's record with its regions, after what is wrong with the others."""
        image_id, regions = number_field(row, "id", "image_id"), row.get("regions")
        if not isinstance(regions, list):
            raise BadRow("missing_field:regions", row)
        texts: list[Text] = []
        boxes: list[Region] = []
        sentences: set[str] = set()
        for item in regions:
            try:
                region = mapping(item)
                text, box = self._region(region, image_id, len(boxes))
                _add_sentence(sentences, text.original)
            except BadRow as problem:
                yield problem
                continue
            texts.append(text)
            boxes.append(box)
        record = self._placed(image_id, texts, None)
        record.regions = boxes
        record.width, record.height = self._sizes.get(image_id) or (None, None)
        yield record

    def _region(self, region: Mapping[str, Any], image_id: int, index: int) -> tuple[Text, Region]:
        phrase = text_field(region, "phrase")
        text = make_text(phrase, kind="region", by="human", source="vg", region=index)
        return text, self._box(region, image_id)

    def _box(self, region: Mapping[str, Any], image_id: int) -> Region:
        """Return the region's box as corners, cut to the image where its size is known. Raises BadRow."""
        values = [region.get(side) for side in ("x", "y", "width", "height")]
        if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            raise BadRow("bad_box", region)
        x, y, width, height = (float(value) for value in values if value is not None)
        size = self._sizes.get(image_id)
        if self._min_area and not size:
            raise BadRow("no_image_size", region)
        right, bottom = size or (float("inf"), float("inf"))
        x0, x1 = (min(max(edge, 0.0), right) for edge in (x, x + width))
        y0, y1 = (min(max(edge, 0.0), bottom) for edge in (y, y + height))
        if not (x1 > x0 and y1 > y0):
            raise BadRow("bad_box", region)
        if self._min_area and (x1 - x0) * (y1 - y0) < self._min_area * right * bottom:
            raise BadRow("small_region", region)
        return Region(box=(x0, y0, x1, y1), by="vg")

    def _placed(self, image_id: int, texts: list[Text], folder: str | None) -> CaptionRecord:
        """Return the record; an image that image_data does not list has an address only where its folder is known."""
        record = self._record(image_id, texts)
        if image_id not in self._sizes:
            url = f"{_PICTURES_URL}/{folder}/{image_id}.jpg" if folder else None
            self._set_address(record, image_id, url)
            record.same_as = address_keys(url) if url else []
        return record

    def _record(self, image_id: int, texts: list[Text]) -> CaptionRecord:
        uid = make_uid("vg", str(image_id))
        return CaptionRecord(uid=uid, dataset="vg", source_id=str(image_id), texts=texts)

    def _set_address(self, record: CaptionRecord, image_id: int, url: str | None) -> None:
        record.local = self._images.find(f"{image_id}.jpg") if self._images else None
        record.url = None if record.local else url


def _add_sentence(sentences: set[str], phrase: str) -> None:
    """Add `phrase` to an image's sentences. Raises BadRow where it is there already, but for case and full stop."""
    sentence = " ".join(phrase.lower().split()).rstrip(". ")
    if sentence in sentences:
        raise BadRow("repeated_sentence", phrase)
    sentences.add(sentence)
