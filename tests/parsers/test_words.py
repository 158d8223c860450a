"""The words of a parsed text: the tree, and the same answers as spaCy's own tokens give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc

from dataengine.parsers.language_model import MODELS, load_model
from dataengine.parsers.words import Word, link

CAPTIONS = [
    "a white dog sitting on a couch near a table",
    "There is something on the desk, and someone is not looking at it.",
    "Cats, dogs and birds that eat",
    "  two  spaces\tand a tab ",
    "The man's black-and-white photo isn't here",
    "People were walking; they had been running.",
    "A woman who is riding a horse and holding a hat",
    "",
    "!!!",
]


def make_words(heads: list[int], deps: list[str]) -> list[Word]:
    words = [Word(i, 2 * i, 2 * i + 1, f"w{i}", "NN", dep, "NOUN", True, i == 0) for i, dep in enumerate(deps)]
    link(words, heads)
    return words


def test_children_stand_in_reading_order_and_a_root_is_its_own_head() -> None:
    words = make_words([1, 1, 1, 2], ["det", "ROOT", "prep", "pobj"])
    assert [child.i for child in words[1].children] == [0, 2]
    assert words[1].head is words[1]
    assert [word.is_last for word in words] == [True, False, False, True]


def test_a_word_governs_what_hangs_on_it_at_any_distance() -> None:
    words = make_words([1, 1, 1, 2], ["det", "ROOT", "prep", "pobj"])
    assert [words[1].governs(word) for word in words] == [True, False, True, True]
    assert not words[3].governs(words[2])


def test_conjuncts_are_a_whole_chain_from_any_of_its_words() -> None:
    words = make_words([0, 0, 1, 1], ["ROOT", "conj", "cc", "conj"])
    assert [word.i for word in words[0].conjuncts()] == [1, 3]
    assert [word.i for word in words[3].conjuncts()] == [0, 1]
    assert words[2].conjuncts() == []


@pytest.fixture(scope="module")
def pipeline() -> spacy.language.Language:
    """The model as spaCy sets it up: its own matrices, its attribute ruler over every text."""
    name = next(name for name in MODELS if spacy.util.is_package(name))
    return spacy.load(name, exclude=["ner", "lemmatizer"])


def assert_same_words(words: list[Word], doc: Doc) -> None:
    assert len(words) == len(doc)
    for word, token in zip(words, doc, strict=True):
        assert (word.start, word.end, word.lower) == (token.idx, token.idx + len(token), token.lower_)
        assert (word.tag, word.dep, word.head.i) == (token.tag_, token.dep_, token.head.i)
        assert (word.has_space, word.opens_sentence) == (bool(token.whitespace_), token.i == token.sent.start)
        assert [child.i for child in word.children] == [child.i for child in token.children]
        assert [other.i for other in word.conjuncts()] == [other.i for other in token.conjuncts]
        assert word.is_last == (token.n_rights == 0)
        # "is" after "there" is a verb to the ruler; the graph's rules treat verbs and auxiliaries alike.
        assert word.pos.replace("AUX", "VERB") == token.pos_.replace("AUX", "VERB")


def test_the_words_are_spacys_own(pipeline: spacy.language.Language) -> None:
    for words, caption in load_model().parse_many((caption, caption) for caption in CAPTIONS):
        assert_same_words(words, pipeline(caption))


@pytest.mark.shared
def test_the_words_of_real_captions_are_spacys_own(shared_dir: Path, pipeline: spacy.language.Language) -> None:
    lines = (shared_dir / "parser" / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    captions = [json.loads(line)["caption"] for line in lines[:: len(lines) // 500]]
    assert len(captions) >= 500
    docs = pipeline.pipe(captions, batch_size=256)
    parsed = load_model().parse_many((caption, None) for caption in captions)
    for (words, _), doc in zip(parsed, docs, strict=True):
        assert_same_words(words, doc)


def test_other_pipelines_keep_their_matrices() -> None:
    load_model()
    name = next(name for name in MODELS if spacy.util.is_package(name))
    theirs = spacy.load(name, exclude=["ner", "lemmatizer"])
    model = theirs.get_pipe("tok2vec").model  # type: ignore[attr-defined]
    assert all(node.ops.use_blis for node in model.walk())
