"""Rules about an image, from what the annotations say of it; fetch applies the same bounds to the pixels."""

from __future__ import annotations

from typing import ClassVar

from dataengine.records import CaptionRecord

MIN_SIDE = 64
"""Pixels of the shorter side under which a picture shows too little."""
MAX_ASPECT = 5.0
"""Longer over shorter side above which a picture is a banner."""


class SideFilter:
    """Drops an image whose annotated shorter side is below 64 pixels."""

    name: ClassVar[str] = "side"
    on_by_default: ClassVar[bool] = True

    def reason_to_drop(self, record: CaptionRecord) -> str | None:
        """Return `small_side` where the size is known and too small."""
        known = record.width and record.height
        return "small_side" if known and min(record.width or 0, record.height or 0) < MIN_SIDE else None


class AspectFilter:
    """Drops an image whose annotated sides differ by more than a factor of 5."""

    name: ClassVar[str] = "aspect"
    on_by_default: ClassVar[bool] = True

    def reason_to_drop(self, record: CaptionRecord) -> str | None:
        """Return `extreme_aspect` where the size is known and the ratio too large."""
        if not record.width or not record.height:
            return None
        sides = sorted((record.width, record.height))
        return "extreme_aspect" if sides[1] > MAX_ASPECT * sides[0] else None


class NoTextFilter:
    """Drops an image all of whose texts are dropped, and that no imported tag describes."""

    name: ClassVar[str] = "no_text"
    on_by_default: ClassVar[bool] = True

    def reason_to_drop(self, record: CaptionRecord) -> str | None:
        """Return `no_text` where nothing is said about the image."""
        return None if record.tags or any(text.drop is None for text in record.texts) else "no_text"


class NoTagFilter:
    """Drops an image whose texts name no tag: there is nothing to learn from it.

    A tag that the placeholder policy took away counts: the policy is about the tag, never about the row.
    """

    name: ClassVar[str] = "no_tag"
    on_by_default: ClassVar[bool] = True

    def reason_to_drop(self, record: CaptionRecord) -> str | None:
        """Return `no_tag` where nobody claims a tag."""
        return None if any(tag.state == 1 for tag in record.tags) else "no_tag"
