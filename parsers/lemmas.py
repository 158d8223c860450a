"""Lemmas of nouns and verbs. lemminflect decides: spaCy's own lemmatiser says "rid" for "riding"."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias

from lemminflect import getLemma

from dataengine.parsers.phrases import load_graph_words

WordClass: TypeAlias = Literal["NOUN", "VERB"]

_PLURAL_NAMES = load_graph_words("plural_name")


@functools.lru_cache(maxsize=65_536)
def lemma(word: str, word_class: WordClass) -> str:
    """Return the lemma of `word` (lower case); a word that the tables don't hold stays as it is."""
    if word_class == "NOUN" and word in _PLURAL_NAMES:
        return word
    found = getLemma(word, word_class, lemmatize_oov=False)
    return str(found[0]) if found else _guess(word, word_class)


def _guess(word: str, word_class: WordClass) -> str:
    """Return the lemma of an unknown word: a noun loses its plural s, nothing else is safe."""
    if word_class == "NOUN" and len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
