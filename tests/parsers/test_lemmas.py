"""Lemmas: lemminflect's answers, and guesses for words it lacks."""

from __future__ import annotations

import pytest
from lemminflect import getLemma

from dataengine.parsers.lemmas import WordClass, is_known, lemma


@pytest.mark.parametrize(
    ("word", "word_class", "expected"),
    [
        ("geese", "NOUN", "goose"),
        ("knives", "NOUN", "knife"),
        ("people", "NOUN", "people"),
        ("scissors", "NOUN", "scissors"),
        ("riding", "VERB", "ride"),
        ("sat", "VERB", "sit"),
        ("'s", "VERB", "be"),
        ("hoverboards", "NOUN", "hoverboard"),
        ("qwertyus", "NOUN", "qwertyus"),
        ("qwertying", "VERB", "qwertying"),
        ("themselves", "NOUN", "themselves"),
        ("a,noun,b", "NOUN", "a,noun,b"),
        ("", "NOUN", ""),
    ],
)
def test_lemma(word: str, word_class: WordClass, expected: str) -> None:
    assert lemma(word, word_class) == expected


@pytest.mark.parametrize("word_class", ["NOUN", "VERB"])
def test_known_words_have_the_lemma_that_lemminflect_gives(word_class: WordClass) -> None:
    """The tables are read without lemminflect's own code: a release that changes their form fails here."""
    words = "is was were been dogs cats boxes women feet mice leaves saw saws painted paints hers theirs ours wolves"
    words += " lying laid lain broke broken swam swum teeth axes dice data running stopped studies tied dyed data's"
    for word in words.split():
        found = getLemma(word, word_class, lemmatize_oov=False)
        if found:
            assert lemma(word, word_class) == found[0]


def test_a_word_is_known_by_class() -> None:
    assert is_known("surfboard", "NOUN")
    assert not is_known("surfboard", "VERB")
    assert not is_known("xyzzyx", "NOUN")
