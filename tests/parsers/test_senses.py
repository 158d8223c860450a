"""A word gives its tag only where it is used in the tag's sense."""

from __future__ import annotations

import pytest

from dataengine.parsers.senses import DROP, KEEP, SPLIT, SenseRule, decide, left_word, load_classes, load_senses
from dataengine.parsers.source_rules import SOURCE_RULES
from dataengine.parsers.tagger import Tagged, Tagger
from dataengine.parsers.tokens import split_words
from dataengine.vocab import Vocabulary


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    return Vocabulary.load()


@pytest.fixture(scope="module")
def tagger(vocab: Vocabulary) -> Tagger:
    return Tagger(vocab)


def found(tagged: Tagged, vocab: Vocabulary) -> set[str]:
    return {vocab[tag_id].name for tag_id in tagged.tag_ids}


COMMON = frozenset({"common"})
USES = [
    ("a silver watch on a wrist", "children watch a parade", "watch"),
    ("benches in a park", "a place where trucks can park", "park"),
    ("a crowded bar downtown", "a bar of chocolate beside a metal bar", "bar"),
    ("trees in the fall", "a skier about to fall on the ice", "fall"),
    ("flowers in early spring", "a metal spring in a mattress", "spring"),
    ("a crane above a building site", "a crane with white feathers by the nest", "crane"),
    ("a light on the ceiling", "a woman with light brown hair", "light"),
    ("a long match in the afternoon", "curtains that match the walls", "match"),
    ("a gold ring on a finger", "they ring the doorbell", "ring"),
    ("green land and hills", "planes land on a runway", "land"),
    ("a fast train", "they train with weights", "train"),
    ("people in the crowded square", "a square plate", "square"),
    ("a red rose", "smoke that rose from the roof", "rose"),
    ("a wooden bat and a ball", "a bat hanging in a cave", "bat"),
    ("a bank with an atm", "ducks on the bank of a river", "bank"),
    ("a dog at a wishing well", "a well behaved dog", "well"),
    ("a soda can", "dogs can swim", "can"),
    ("a pot on the stove", "a person who likes smoking pot", "pot"),
    ("the stage of a concert hall", "the cake at this stage", "stage"),
    ("a pill, a tablet of medicine", "a tablet computer", "tablet"),
    ("a quarter and a dime", "a run in the fourth quarter", "quarter"),
    ("a meadow in the rainy season", "the last game of the season", "season"),
    ("she talks on the phone, a call", "a movie called nothing", "call"),
    ("a boy points at a bird", "the focal point of a room", "point"),
    ("a teddy on the bed", "a flower bed in front of a house", "bed"),
]
OTHER = [
    ("a train on the tracks", {"train", "train track"}),
    ("a man using a tablet with a touch screen", {"tablet computer"}),
    ("a horse is drinking water", {"horse", "drink", "water"}),
    ("a bottle of drinking water", {"bottle", "drinking water"}),
]


@pytest.mark.parametrize(("used", "not_used", "tag"), USES)
def test_sense(used: str, not_used: str, tag: str, tagger: Tagger, vocab: Vocabulary) -> None:
    assert tag in found(tagger.tag(used), vocab)
    assert tag not in found(tagger.tag(not_used), vocab)


@pytest.mark.parametrize(("caption", "expected"), OTHER)
def test_a_rule_may_name_another_form(caption: str, expected: set[str], tagger: Tagger, vocab: Vocabulary) -> None:
    assert expected <= found(tagger.tag(caption), vocab)


def test_dropped_senses_are_told(tagger: Tagger, vocab: Vocabulary) -> None:
    caption = "people watch a parade"
    dropped = tagger.tag(caption).dropped
    assert [(caption[slice(*item.span)], item.reason, item.tag_id) for item in dropped] == [
        ("watch", "sense", vocab.id_of("watch"))
    ]


def test_the_first_rule_that_holds_decides() -> None:
    rules = load_senses()["can"]
    assert decide(rules, "trash", "^", ["trash", "can"], COMMON) == KEEP
    assert decide(rules, "he", "swim", ["he", "can", "swim"], COMMON) == DROP
    assert decide((), "he", "swim", ["he"], COMMON) == KEEP
    nothing = SenseRule(None, None, frozenset({"cave"}), DROP, "common")
    assert decide((nothing,), "a", "^", ["a", "bat"], COMMON) == KEEP
    assert decide((nothing,), "a", "^", ["a", "bat", "cave"], COMMON) == DROP


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["want", "to", "park"], "to*"), (["next", "to", "park"], "to"), (["to", "park"], "to*"), (["a", "park"], "a")],
)
def test_infinitives(words: list[str], expected: str) -> None:
    assert left_word(words, len(words) - 1) == expected


def test_rules_name_tags_and_forms_of_the_vocabulary(vocab: Vocabulary) -> None:
    senses = load_senses()
    assert len(senses) > 300
    forms = {split_words(form) for form in vocab.forms}
    meant = {rule.sense for rules in senses.values() for rule in rules} - {KEEP, DROP, SPLIT}
    assert {form for form in meant if split_words(form) not in forms} == set()
    tags = {tag.name.lower() for tag in vocab}
    assert {form for form in senses if form[0] == "=" and form[1:] not in tags} == set()
    groups = frozenset().union(*(rules.groups for rules in SOURCE_RULES.values()))
    assert {rule.group for rules in senses.values() for rule in rules} <= groups
    assert all(words for words in load_classes().values())
