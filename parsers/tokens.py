"""One way to cut a text into words, for captions, for the surface table and for phrases alike."""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(r"<person>|[^\W_]+(?:'t(?![^\W_]))?", re.IGNORECASE)
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'t(?![a-z0-9]))?|<person>")
_BETWEEN_WORDS = re.compile(r"[\s'-]+")


class Tokens(NamedTuple):
    """The words of a text in lower case, and where each starts and ends."""

    words: list[str]
    starts: list[int]
    ends: list[int]


def tokenise(text: str) -> Tokens:
    """Return the words of `text`: runs of letters and digits, in lower case, with their offsets.

    Hyphens, apostrophes and underscores part words ("boy's" is boy, s), but "isn't" stays whole.
    """
    if text.isascii():
        small = text.lower()
        words = _ASCII_WORD.findall(small)
    else:
        small = text
        words = _WORD.findall(text)
    starts: list[int] = []
    ends: list[int] = []
    end = 0
    for word in words:
        # Between two words no character of a word stands, so the first place that fits is the word's own.
        start = small.find(word, end)
        end = start + len(word)
        starts.append(start)
        ends.append(end)
    return Tokens(words if text.isascii() else [word.lower() for word in words], starts, ends)


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of `text` as `tokenise` cuts them, without offsets."""
    return tuple(match.lower() for match in _WORD.findall(text))


def joins(text: str, start: int, end: int) -> bool:
    """Return whether nothing but spaces, hyphens and apostrophes stands between two words: `text[start:end]`."""
    return (end - start == 1 and text[start] in " -") or _BETWEEN_WORDS.fullmatch(text, start, end) is not None
