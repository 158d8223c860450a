"""Names, titles and quotations give no tags; what is written large for another reason does."""

from __future__ import annotations

import pytest

from dataengine.parsers.names import NameFinder, load_common_words, load_names
from dataengine.parsers.tagger import Tagged, Tagger
from dataengine.parsers.tokens import tokenise
from dataengine.vocab import Vocabulary


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    return Vocabulary.load()


@pytest.fixture(scope="module")
def tagger(vocab: Vocabulary) -> Tagger:
    return Tagger(vocab)


def found(tagged: Tagged, vocab: Vocabulary) -> set[str]:
    return {vocab[tag_id].name for tag_id in tagged.tag_ids}


def named(tagged: Tagged, vocab: Vocabulary) -> set[str]:
    return {vocab[item.tag_id].name for item in tagged.dropped if item.reason == "name" and item.tag_id is not None}


NAMES = [
    ("River was happy with the cake on his plate.", {"river"}, {"cake", "plate"}),
    ("Ray on the porch with our old dog", {"ray"}, {"porch", "dog"}),
    ("this is my dog, Chase, at the lake", {"chase"}, {"dog", "lake"}),
    ("a painting of a horse signed by Alfredo Flowers", {"flower"}, {"horse"}),
    ("coffee with Martha Stone at our table", {"stone"}, {"coffee", "table"}),
    ("lunch with Rose Berkowitz in the kitchen", {"rose"}, {"lunch", "kitchen"}),
    ("pizza from the oven near Grape St. in the evening", {"grape"}, {"pizza", "oven"}),
    ("a cat asleep in a window on Hedgehog Hill, drinking milk", {"hedgehog"}, {"cat", "window", "milk"}),
    ("our boat near the coast of Turkey in the morning", {"turkey"}, {"boat", "coast"}),
    ("eating soup in a small cafe in Crooked Neck, NY", {"neck"}, {"soup", "cafe"}),
    ("we cheered while the Grimsvale Ducks played on grass", {"duck"}, {"grass"}),
    ("students eating lunch at the University of Phoenix yesterday", {"university"}, {"student", "lunch"}),
    ("a truck from Tiger Records parked in the snow", {"tiger"}, {"truck", "snow"}),
]
KEPT = [
    ("My Cat sleeping on the Couch all day", {"cat", "couch", "sleep"}),
    ("a Canada goose near the water", {"goose", "water"}),
    ("a yellow Rose in a garden full of trees", {"rose", "yellow", "garden", "tree"}),
    ("swimming in Lake Erie with the kids", {"swim", "lake", "child"}),
    ("walking over Howrah Bridge in the rain", {"bridge", "walk", "rain"}),
    ("the Christmas tree in our living room", {"christmas tree", "living room"}),
]
TITLES = [
    ("The Assassin Rose (Symphony of Ages, #6)", {"rose"}, set()),
    ("Breaking Bad: Season 3 DVD with Yellow Cover", {"yellow"}, {"DVD"}),
    ("Owl of War (Owl the Assassin Book 2)", {"owl"}, set()),
    ("Plumbville Tigers Folding Umbrella", {"tiger"}, {"umbrella"}),
    ("Silver Signet Ring", set(), {"silver", "ring"}),
    ("Moshi Leather Case - Purple Bag", set(), {"leather", "case", "purple", "bag"}),
]
QUOTED = [
    ('a sign that reads "home of good pizza" on the wall', {"pizza", "home"}, {"sign", "wall"}),
    ('a bottle of "fish" sauce on the table', set(), {"bottle", "table"}),
    ('"a dog on a red couch"', set(), {"dog", "red", "couch"}),
]


@pytest.mark.parametrize(("caption", "names", "rest"), NAMES + QUOTED)
def test_names_in_sentences(caption: str, names: set[str], rest: set[str], tagger: Tagger, vocab: Vocabulary) -> None:
    tagged = tagger.tag(caption, "sbu")
    assert names <= named(tagged, vocab) | {"home"}
    assert rest <= found(tagged, vocab)
    assert not names & found(tagged, vocab)


@pytest.mark.parametrize(("caption", "expected"), KEPT)
def test_capitals_that_are_no_names(caption: str, expected: set[str], tagger: Tagger, vocab: Vocabulary) -> None:
    assert expected <= found(tagger.tag(caption, "sbu"), vocab)


@pytest.mark.parametrize(("caption", "names", "rest"), TITLES)
def test_titles_and_products(caption: str, names: set[str], rest: set[str], tagger: Tagger, vocab: Vocabulary) -> None:
    tagged = tagger.tag(caption, "alt")
    assert names <= named(tagged, vocab)
    assert rest <= found(tagged, vocab)


def test_names_are_looked_for_by_source(tagger: Tagger, vocab: Vocabulary) -> None:
    caption = "lunch with Rose Berkowitz"
    assert "rose" in found(tagger.tag(caption, "coco"), vocab)
    assert "rose" not in found(tagger.tag(caption, "plain"), vocab)


def test_many_capitals_and_quotes_take_linear_time() -> None:
    text = 'Big Dog "and a cat" ' * 5_000
    tokens = tokenise(text)
    finder = NameFinder(text, tokens, titles=True)
    quoted = [finder.is_name(position, position + 1, "animal") for position in range(len(tokens.words))]
    assert quoted[:5] == [False, False, True, True, True]


def test_name_lists_are_lower_case_and_common_words_hold_no_towns() -> None:
    assert all(word == word.lower() for words in load_names().values() for word in words)
    common = load_common_words()
    assert {"galaxy", "chandelier", "tufted", "the"} <= common
    assert not {"pirelli", "berkowitz", "brooklyn"} & common
