"""Lemmas of nouns and verbs. lemminflect's tables decide: spaCy's own lemmatiser says "rid" for "riding".

The tables are read here and not through `lemminflect.getLemma`, which takes half a second to make a dictionary of them.
"""

from __future__ import annotations

import bisect
import functools
import gzip
from pathlib import Path
from typing import Literal, TypeAlias

import lemminflect.config

from dataengine.parsers.phrases import load_graph_words

WordClass: TypeAlias = Literal["NOUN", "VERB"]

_PLURAL_NAMES = load_graph_words("plural_name")
_NUM_WORDS = 65_536


@functools.lru_cache(maxsize=_NUM_WORDS)
def lemma(word: str, word_class: WordClass) -> str:
    """Return the lemma of `word` (lower case); a word that the tables don't hold stays as it is."""
    if word_class == "NOUN" and word in _PLURAL_NAMES:
        return word
    return _look_up(word, word_class) or _guess(word, word_class)


def is_known(word: str, word_class: WordClass) -> bool:
    """Return whether the tables hold `word` (lower case) as a noun or a verb."""
    return _look_up(word, word_class) is not None


def _look_up(word: str, word_class: WordClass) -> str | None:
    if "," in word:
        return None
    rows, entry = _rows(), f"{word},{word_class.lower()},"
    place = bisect.bisect_left(rows, entry)
    if place == len(rows) or not rows[place].startswith(entry):
        return None
    return rows[place][len(entry) :].partition("/")[0].lower()


@functools.cache
def _rows() -> list[str]:
    """Return the rows word,class,lemma/lemma of both tables in order; of two for one word and class, the first counts."""
    table = gzip.decompress(Path(lemminflect.config.lemma_lu_fn).read_bytes()).decode("utf-8")
    overrides = Path(lemminflect.config.lemma_overrides_fn).read_text(encoding="utf-8").splitlines()
    own = [row.lower() for row in overrides if row and not row.startswith("#")]
    return sorted([*table.splitlines(), *own])


def _guess(word: str, word_class: WordClass) -> str:
    """Return the lemma of an unknown word: a noun loses its plural s, nothing else is safe."""
    if word_class == "NOUN" and len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
