"""What every filter is: a named rule that answers with a reason, or with None where the text or the image may stay.

A filter deletes nothing. Its reason is written into `drop`, counted, and obeyed by the bake.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

from dataengine.records import CaptionRecord, Text


class TextFilter(Protocol):
    """A rule about one text of an image."""

    name: ClassVar[str]
    on_by_default: ClassVar[bool]

    def reason_to_drop(self, text: Text) -> str | None:
        """Return why `text` is dropped, or None."""


class ImageFilter(Protocol):
    """A rule about an image, asked after its texts are filtered and parsed."""

    name: ClassVar[str]
    on_by_default: ClassVar[bool]

    def reason_to_drop(self, record: CaptionRecord) -> str | None:
        """Return why the image of `record` is dropped, or None."""
