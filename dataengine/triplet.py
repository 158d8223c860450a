"""The `triplet/1` object of a training sample: made from a record, its ledger row and its picture; and checked.

Pure functions; files are the matter of `dataengine.shards` and `dataengine.bake`. docs/shards.md describes every field.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Protocol, TypeAlias, get_args

from PIL import Image

from dataengine.phash import perceptual_hash
from dataengine.records import CaptionRecord, Region, TagClaim, Text, TextKind
from dataengine.shards import SCHEMA, decode_image

TEXT_CLAIM = "parse:"
"""`parse:2` in a tag's `by` says that text 2 of the sample names the tag."""
MAX_ASPECT_CHANGE = 0.03
"""Resizing rounds a side by half a pixel, 0.7 % at 77 pixels; more than this, and the picture is not what was annotated."""


# ------------------------------------------------------------------------------------------------------------- making


def make_triplet(
    record: CaptionRecord, row: Mapping[str, Any], data: bytes, vocab: Mapping[str, str]
) -> dict[str, Any]:
    """Return the `triplet/1` object of `record`, whose stored picture is `data` and whose ledger row is `row`.

    Dropped texts, the claims that rest on them and dropped tags are left out, and what refers to texts and regions by
    number is renumbered. Regions that no kept text is about are left out. Boxes are scaled from the annotated size to
    the stored one and clipped; a text whose box can't be placed (see `place_box`) keeps its tags, and its `region` is
    null. `vocab` is {"name", "sha256"}. Raises ValueError where `data` is no whole picture.
    """
    picture = decode_image(data)
    annotated = _annotated_size(record, row, picture.size)
    boxes = {index: place_box(region, annotated, picture.size) for index, region in _used_regions(record).items()}
    placed = [index for index, box in boxes.items() if box is not None]
    texts = [text for text in record.texts if text.drop is None]
    dropped = {claim.id for claim in record.tags if claim.drop is not None}
    return {
        "schema": SCHEMA,
        "key": record.uid,
        "image": _describe_image(picture, data),
        "source": _describe_source(record, row),
        "texts": [_describe_text(text, placed, dropped) for text in texts],
        "tags": _describe_tags(record, placed),
        "negatives": record.negatives,
        "regions": [_describe_region(record.regions[index], boxes[index]) for index in placed],
        "arrays": {},
        "vocab": {"name": vocab["name"], "sha256": vocab["sha256"]},
    }


def place_box(
    region: Region, annotated: tuple[int, int], stored: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """Return the region's box in pixels of the stored picture (x0, y0, x1, y1), clipped to it; sizes are (width, height).

    None where nothing is left of the box, or where the picture has another shape than the annotated one (a crop, a
    rotation, a placeholder), so that no box can be trusted.
    """
    change = (stored[0] * annotated[1]) / (stored[1] * annotated[0])
    if not 1 - MAX_ASPECT_CHANGE <= change <= 1 + MAX_ASPECT_CHANGE or not all(map(math.isfinite, region.box)):
        return None
    scale_x, scale_y = stored[0] / annotated[0], stored[1] / annotated[1]
    x0, x1 = (round(min(max(x * scale_x, 0.0), stored[0]), 2) for x in (region.box[0], region.box[2]))
    y0, y1 = (round(min(max(y * scale_y, 0.0), stored[1]), 2) for y in (region.box[1], region.box[3]))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _annotated_size(record: CaptionRecord, row: Mapping[str, Any], stored: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) that the record's boxes refer to; without one, the downloaded picture's."""
    if record.width and record.height:
        return record.width, record.height
    return row.get("original_width") or stored[0], row.get("original_height") or stored[1]


def _used_regions(record: CaptionRecord) -> dict[int, Region]:
    """Return the regions that a kept text is about, by their number in the record, ascending."""
    used = {text.region for text in record.texts if text.drop is None and text.region is not None}
    return {index: record.regions[index] for index in sorted(used) if 0 <= index < len(record.regions)}


def _describe_image(picture: Image.Image, data: bytes) -> dict[str, Any]:
    return {
        "width": picture.width,
        "height": picture.height,
        "sha256": hashlib.sha256(data).hexdigest(),
        "phash": perceptual_hash(picture),
    }


def _describe_source(record: CaptionRecord, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "dataset": record.dataset,
        "id": record.source_id,
        "url": record.url,
        "license": record.license,
        "split": record.split,
        "sha256": row.get("sha256_original") or row.get("sha256"),
    }


def _describe_text(text: Text, placed: list[int], dropped: set[int]) -> dict[str, Any]:
    described = {
        "text": text.text or text.original,
        "kind": text.kind,
        "by": text.by,
        "score": _plain(text.score),
        "tags": sorted({int(tag_id) for tag_id in text.tags} - dropped),
        "region": placed.index(text.region) if text.region in placed else None,
        "drop": None,
    }
    if described["text"] != text.original:
        described["original"] = text.original
    return described


def _describe_region(region: Region, box: tuple[float, float, float, float] | None) -> dict[str, Any]:
    return {
        "box": list(box or ()),
        "by": region.by,
        "score": None,
        "categories": [],
        "texts": [],
        "mask": None,
        "drop": None,
    }


def _describe_tags(record: CaptionRecord, placed: list[int]) -> list[dict[str, Any]]:
    """Return the tags that stand, ascending, with claims and regions in the sample's own numbers."""
    kept = [index for index, text in enumerate(record.texts) if text.drop is None]
    renumbered = {f"{TEXT_CLAIM}{old}": new for new, old in enumerate(kept)}
    described = []
    for claim in sorted(record.tags, key=lambda claim: claim.id):
        by = _renumber_claims(claim, renumbered)
        if claim.drop is None and by:
            texts = [kept[renumbered[name]] for name in claim.by if name in renumbered]
            about = {record.texts[index].region for index in texts}
            regions = [new for new, old in enumerate(placed) if old in about]
            fields = {"score": _plain(claim.score), "regions": regions, "drop": None}
            described.append({"id": claim.id, "state": claim.state, "by": by, **fields})
    return described


def _renumber_claims(claim: TagClaim, renumbered: Mapping[str, int]) -> list[str]:
    """Return who claims the tag; a claim that rests on a dropped text is gone."""
    others = [name for name in claim.by if not name.startswith(TEXT_CLAIM)]
    texts = sorted({renumbered[name] for name in claim.by if name in renumbered})
    return [f"{TEXT_CLAIM}{index}" for index in texts] + others


def _plain(score: float | None) -> float | None:
    """Return a score without the digits that float32 storage adds; NaN, which JSON has not, is no score."""
    return None if score is None or not math.isfinite(score) else round(score, 6)


# ----------------------------------------------------------------------------------------------------------- checking


class TagSpace(Protocol):
    """What `validate` asks of a vocabulary; `dataengine.vocab.Vocabulary` is one."""

    def __len__(self) -> int:
        """Return the number of tags."""

    def canonical(self, tag_id: int) -> int:
        """Return the id that stands for the tag's class of twins."""


Check: TypeAlias = tuple[Callable[[Any], bool], str]
"""A test of a value, and what the value must be."""


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (_is_int(value) or isinstance(value, float)) and math.isfinite(value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_ascending(value: Any) -> bool:
    if not isinstance(value, list) or not all(_is_int(item) and item >= 0 for item in value):
        return False
    return all(first < second for first, second in pairwise(value))


def _one_of(*values: object) -> Check:
    return (
        lambda value: isinstance(value, str | int) and not isinstance(value, bool) and value in values,
        f"one of {values}",
    )


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check[0](value), f"{check[1]} or null"


def _hex(digits: int) -> Check:
    pattern = re.compile(rf"[0-9a-f]{{{digits}}}")
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None, f"{digits} hex digits"


_NAME: Check = (_is_name, "a text that is not empty")
_STRING: Check = (lambda value: isinstance(value, str), "a string")
_NUMBER: Check = (_is_number, "a finite number")
_SIDE: Check = (lambda value: _is_int(value) and value > 0, "a number of pixels")
_ID: Check = (lambda value: _is_int(value) and value >= 0, "an id, 0 or more")
_IDS: Check = (_is_ascending, "ids in ascending order without repeats")
_LIST: Check = (lambda value: isinstance(value, list), "a list")
_OBJECT: Check = (lambda value: isinstance(value, dict), "an object")
_CLAIMS: Check = (
    lambda value: isinstance(value, list) and bool(value) and all(map(_is_name, value)),
    "a list of one claim or more",
)
_BOX: Check = (lambda value: isinstance(value, list) and len(value) == 4 and all(map(_is_number, value)), "4 numbers")

_SAMPLE_FIELDS: dict[str, Check] = {
    "schema": _one_of(SCHEMA), "key": _NAME, "image": _OBJECT, "source": _OBJECT, "texts": _LIST, "tags": _LIST,
    "negatives": _one_of("closed", "open", "listed"), "regions": _LIST, "arrays": _OBJECT, "vocab": _OBJECT,
}  # fmt: skip
_IMAGE_FIELDS = {"width": _SIDE, "height": _SIDE, "sha256": _hex(64), "phash": _hex(16)}
_SOURCE_FIELDS = {
    "dataset": _NAME, "id": _or_null(_STRING), "url": _or_null(_STRING), "license": _or_null(_STRING), "split": _STRING,
    "sha256": _or_null(_hex(64)),
}  # fmt: skip
_TEXT_FIELDS = {
    "text": _NAME, "kind": _one_of(*get_args(TextKind)), "by": _NAME, "score": _or_null(_NUMBER), "tags": _IDS,
    "region": _or_null(_ID), "drop": _or_null(_NAME),
}  # fmt: skip
_TAG_FIELDS = {
    "id": _ID, "state": _one_of(1, -1), "by": _CLAIMS, "score": _or_null(_NUMBER), "regions": _IDS,
    "drop": _or_null(_NAME),
}  # fmt: skip
_REGION_FIELDS = {
    "box": _BOX, "by": _NAME, "score": _or_null(_NUMBER), "categories": _LIST, "texts": _LIST, "mask": _or_null(_OBJECT),
    "drop": _or_null(_NAME),
}  # fmt: skip
_VOCAB_FIELDS = {"name": _NAME, "sha256": _hex(64)}


def validate(value: object, vocab: TagSpace | None = None) -> list[str]:
    """Return what is wrong with a `triplet/1` object, a line each; [] where nothing is.

    With `vocab`, which must be the one that the object names, tag ids are held against it: in range and canonical.
    """
    problems = list(_check_fields(value, _SAMPLE_FIELDS, "sample"))
    if problems or not isinstance(value, dict):
        return problems
    for name, fields in (("image", _IMAGE_FIELDS), ("source", _SOURCE_FIELDS), ("vocab", _VOCAB_FIELDS)):
        problems += _check_fields(value[name], fields, name)
    for name, fields in (("texts", _TEXT_FIELDS), ("tags", _TAG_FIELDS), ("regions", _REGION_FIELDS)):
        for index, item in enumerate(value[name]):
            problems += _check_fields(
                item, fields, f"{name}[{index}]", optional=("original",) if name == "texts" else ()
            )
    # References are followed only where every part has its shape.
    return problems or [*_check_references(value), *_check_boxes(value), *_check_ids(value, vocab)]


def _check_fields(
    value: object, fields: Mapping[str, Check], where: str, optional: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yield the fields of an object that are missing, unknown, or not what they must be."""
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    yield from (f"{where} has no {name!r}" for name in fields if name not in value)
    yield from (
        f"{where} has an unknown field {name!r}" for name in value if name not in fields and name not in optional
    )
    for name, (is_right, expected) in fields.items():
        if name in value and not is_right(value[name]):
            yield f"{where}.{name} is {str(value[name])[:60]!r}, not {expected}"


def _check_references(sample: Mapping[str, Any]) -> Iterator[str]:
    """Yield the numbers of texts and regions that lead nowhere, and tags of texts that the sample does not list."""
    num_texts, num_regions = len(sample["texts"]), len(sample["regions"])
    tag_ids = [tag["id"] for tag in sample["tags"]]
    if not _is_ascending(tag_ids):
        yield "tags are not in ascending order of their ids, or one stands twice"
    for index, text in enumerate(sample["texts"]):
        if text["region"] is not None and text["region"] >= num_regions:
            yield f"texts[{index}].region is {text['region']}, of {num_regions} regions"
        if text["drop"] is None and (unlisted := set(text["tags"]) - set(tag_ids)):
            yield f"texts[{index}].tags holds {sorted(unlisted)}, which tags does not list"
    for index, tag in enumerate(sample["tags"]):
        if any(region >= num_regions for region in tag["regions"]):
            yield f"tags[{index}].regions is {tag['regions']}, of {num_regions} regions"
        for name in tag["by"]:
            number = name.removeprefix(TEXT_CLAIM)
            if name.startswith(TEXT_CLAIM) and not (number.isdecimal() and int(number) < num_texts):
                yield f"tags[{index}].by names {name!r}, of {num_texts} texts"


def _check_boxes(sample: Mapping[str, Any]) -> Iterator[str]:
    width, height = sample["image"]["width"], sample["image"]["height"]
    for index, region in enumerate(sample["regions"]):
        x0, y0, x1, y1 = region["box"]
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            yield f"regions[{index}].box is {region['box']}, in a picture of {width}x{height}"


def _check_ids(sample: Mapping[str, Any], vocab: TagSpace | None) -> Iterator[str]:
    """Yield tag ids that the vocabulary does not have, or for which it has another, canonical one."""
    if vocab is None:
        return
    for index, tag in enumerate(sample["tags"]):
        if tag["id"] >= len(vocab):
            yield f"tags[{index}].id is {tag['id']}, in a vocabulary of {len(vocab)}"
        elif (canonical := vocab.canonical(tag["id"])) != tag["id"]:
            yield f"tags[{index}].id is {tag['id']}, a twin of the canonical {canonical}"
