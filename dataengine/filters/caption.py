"""Rules about a text. `words`, `repeated_caption` and `language` judge alt-text only: annotators were told what to write."""

from __future__ import annotations

from typing import Any, ClassVar

from dataengine.extras import require
from dataengine.records import Text


class EmptyFilter:
    """Drops a text of which cleaning leaves nothing."""

    name: ClassVar[str] = "empty"
    on_by_default: ClassVar[bool] = True

    def reason_to_drop(self, text: Text) -> str | None:
        """Return `empty_text` where no character is left."""
        return None if text.text else "empty_text"


class WordsFilter:
    """Drops alt-text of under 3 or over 256 words, the bounds of CC12M (arXiv 2102.08981, section 2)."""

    name: ClassVar[str] = "words"
    on_by_default: ClassVar[bool] = True
    min_words = 3
    max_words = 256

    def reason_to_drop(self, text: Text) -> str | None:
        """Return `too_few_words` or `too_many_words` for alt-text out of bounds; words are counted in the original."""
        if text.kind != "alt":
            return None
        num_words = len(text.original.split())
        if num_words < self.min_words:
            return "too_few_words"
        return "too_many_words" if num_words > self.max_words else None


class LettersFilter:
    """Drops a text that is mostly digits and signs: file names, prices, codes."""

    name: ClassVar[str] = "letters"
    on_by_default: ClassVar[bool] = True
    min_share = 0.5

    def reason_to_drop(self, text: Text) -> str | None:
        """Return `few_letters` where under half of the characters (white space left out) are letters."""
        characters = "".join(text.text.split())
        num_letters = sum(character.isalpha() for character in characters)
        return "few_letters" if num_letters < self.min_share * len(characters) else None


class RepeatedWordsFilter:
    """Drops a text that says the same words over and over."""

    name: ClassVar[str] = "repeated_words"
    on_by_default: ClassVar[bool] = True
    min_words = 8
    min_distinct_share = 0.3

    def reason_to_drop(self, text: Text) -> str | None:
        """Return `repeated_words` where under 30 % of the words of a text of 8 words or more are distinct."""
        words = text.original.lower().split()
        few_distinct = len(set(words)) < self.min_distinct_share * len(words)
        return "repeated_words" if few_distinct and len(words) >= self.min_words else None


class RepeatedCaptionFilter:
    """Drops alt-text that stands under many pictures: boilerplate such as "image not available"."""

    name: ClassVar[str] = "repeated_caption"
    on_by_default: ClassVar[bool] = True
    max_images = 10

    def reason_to_drop(self, text: Text) -> str | None:
        """Return `repeated_caption` for alt-text that more than 10 pictures of the plan carry."""
        return "repeated_caption" if text.kind == "alt" and text.num_images > self.max_images else None


class LanguageFilter:
    """Drops alt-text of 8 words or more that py3langid is sure is not English; shorter text can't be told safely.

    Product titles and names look a little more like some small language than like English (`Best Xbox Game Pass Games To
    Play On PC` like Nigerian Pidgin), so the other language has to be far ahead: of 3,000 web texts 68 are dropped for it, where
    without the margin 297 were, most of them English.
    """

    name: ClassVar[str] = "language"
    on_by_default: ClassVar[bool] = False
    min_words = 8
    language = "en"
    min_margin = 10.0
    """How far another language's log-probability must lie above English's."""

    def __init__(self) -> None:
        """Load the classifier. Raises MissingExtraError without the [build] install."""
        self._rank: Any = require("py3langid", "build").rank

    def reason_to_drop(self, text: Text) -> str | None:
        """Return `language_<code>` for alt-text in another language."""
        if text.kind != "alt" or len(text.original.split()) < self.min_words:
            return None
        ranking = self._rank(text.original)
        code, score = ranking[0]
        is_sure = score - dict(ranking)[self.language] > self.min_margin
        return f"language_{code}" if is_sure else None
