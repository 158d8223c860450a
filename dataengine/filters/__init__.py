"""The filters by name, in the order in which they are asked. Adding one is a class in this folder and a line below."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from dataengine.errors import UnknownComponentError
from dataengine.filters.base import ImageFilter, TextFilter
from dataengine.filters.caption import (
    EmptyFilter,
    LanguageFilter,
    LettersFilter,
    RepeatedCaptionFilter,
    RepeatedWordsFilter,
    WordsFilter,
)
from dataengine.filters.image import AspectFilter, NoTagFilter, NoTextFilter, SideFilter
from dataengine.records import CaptionRecord

__all__ = ["IMAGE_FILTERS", "TEXT_FILTERS", "FilterChain", "ImageFilter", "TextFilter", "filter_states"]

TEXT_FILTERS: tuple[type[Any], ...] = (
    EmptyFilter, WordsFilter, LettersFilter, RepeatedWordsFilter, RepeatedCaptionFilter, LanguageFilter,
)  # fmt: skip
IMAGE_FILTERS: tuple[type[Any], ...] = (SideFilter, AspectFilter, NoTextFilter, NoTagFilter)


def filter_states(on: Collection[str] = (), off: Collection[str] = ()) -> dict[str, bool]:
    """Return every filter's name and whether it is on, after the user's wishes. Raises UnknownComponentError."""
    states = {kind.name: kind.on_by_default for kind in (*TEXT_FILTERS, *IMAGE_FILTERS)}
    for name in (*on, *off):
        if name not in states:
            raise UnknownComponentError("filter", name, states)
    return {name: (state or name in on) and name not in off for name, state in states.items()}


@dataclass(frozen=True)
class FilterChain:
    """The filters of a plan that are on."""

    text_filters: tuple[TextFilter, ...]
    image_filters: tuple[ImageFilter, ...]

    @classmethod
    def create(cls, states: dict[str, bool]) -> FilterChain:
        """Return a chain of the filters that `states` (of `filter_states`) has on."""
        return cls(
            tuple(kind() for kind in TEXT_FILTERS if states[kind.name]),
            tuple(kind() for kind in IMAGE_FILTERS if states[kind.name]),
        )

    def drop_texts(self, record: CaptionRecord) -> None:
        """Write the first reason that applies into each text that has none yet."""
        for text in record.texts:
            if text.drop is None:
                reasons = (rule.reason_to_drop(text) for rule in self.text_filters)
                text.drop = next((reason for reason in reasons if reason), None)

    def drop_image(self, record: CaptionRecord) -> None:
        """Write the first reason that applies into a record that has none yet."""
        if record.drop is None:
            reasons = (rule.reason_to_drop(record) for rule in self.image_filters)
            record.drop = next((reason for reason in reasons if reason), None)
