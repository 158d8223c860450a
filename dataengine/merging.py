"""Several rows about one image become one record: official facts of the first, the texts and regions of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dataengine.identity import normalise_url
from dataengine.records import CaptionRecord, Region, TagClaim, Text

_FILLED = ("source_id", "url", "license", "width", "height", "sha256", "md5", "labels")


def merge_records(uid: str, records: Sequence[CaptionRecord]) -> CaptionRecord:
    """Return one record under `uid` from all rows about its image, in their order of precedence.

    A reason to drop in any row drops the image: SBU's copy of a COCO test picture is a test picture too. Boxes are
    rescaled to the size that the record ends up with.
    """
    owners = [record for record in records if record.uid == uid]
    base = replace(owners[0] if owners else records[0], uid=uid)
    base.texts, base.regions, base.tags, base.same_as = [], [], [], []
    for record in [*owners, *(record for record in records if record.uid != uid)]:
        if record.uid == uid and _another_address(base, record):
            base.texts += [_duplicate(text, record.dataset) for text in record.texts]
        else:
            _fill(base, record)
            _append_texts(base, record)
            base.tags = _merge_claims(base.tags, record.tags)
    base.merged = sorted({record.uid for record in records} - {uid})
    return base


def _duplicate(text: Text, dataset: str) -> Text:
    return replace(text, dataset=text.dataset or dataset, drop=text.drop or "duplicate_id", region=None)


def _fill(base: CaptionRecord, record: CaptionRecord) -> None:
    for name in _FILLED:
        if getattr(base, name) is None:
            setattr(base, name, getattr(record, name))
    base.local = base.local or record.local
    base.drop = base.drop or record.drop
    base.same_as = sorted({*base.same_as, *record.same_as})


def _append_texts(base: CaptionRecord, record: CaptionRecord) -> None:
    offset = len(base.regions)
    base.regions += [_rescale(region, record, base) for region in record.regions]
    known = {(text.original.strip().lower(), text.region) for text in base.texts}
    for text in record.texts:
        moved: Text = replace(text, dataset=text.dataset or record.dataset)
        if text.region is not None:
            moved.region = text.region + offset
        identity = (moved.original.strip().lower(), moved.region)
        if moved.drop is None and identity in known:
            moved.drop = "repeated_in_image"
        known.add(identity)
        base.texts.append(moved)


def _another_address(base: CaptionRecord, record: CaptionRecord) -> bool:
    """Return whether a row gives a known id with another URL: its texts may be about another picture."""
    if not base.url or not record.url or base.url == record.url:
        return False
    return normalise_url(base.url) != normalise_url(record.url)


def _rescale(region: Region, record: CaptionRecord, base: CaptionRecord) -> Region:
    """Return the box in `base`'s pixels; data sets hold the same photograph in different sizes."""
    if not (record.width and record.height and base.width and base.height):
        return region
    scale_x, scale_y = base.width / record.width, base.height / record.height
    x0, y0, x1, y1 = region.box
    return Region(box=(x0 * scale_x, y0 * scale_y, x1 * scale_x, y1 * scale_y), by=region.by)


def _merge_claims(first: list[TagClaim], second: list[TagClaim]) -> list[TagClaim]:
    claims = {claim.id: claim for claim in first}
    for claim in second:
        if claim.id in claims:
            claims[claim.id].by += [by for by in claim.by if by not in claims[claim.id].by]
        else:
            claims[claim.id] = replace(claim, by=list(claim.by))
    return [claims[tag_id] for tag_id in sorted(claims)]
