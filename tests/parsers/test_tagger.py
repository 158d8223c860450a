"""Captions -> tags, on the packaged vocabulary and on a small one of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.errors import ConfigError
from dataengine.parsers.tagger import Tagged, Tagger
from dataengine.vocab import Vocabulary


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    return Vocabulary.load()


@pytest.fixture(scope="module")
def tagger(vocab: Vocabulary) -> Tagger:
    return Tagger(vocab)


def names(tagged: Tagged, vocab: Vocabulary) -> set[str]:
    return {vocab[tag_id].name for tag_id in tagged.tag_ids}


PLAIN = [
    ("a dog sitting on a couch near a table", {"dog", "sit", "couch", "table"}),
    ("Two geese and a swan swim in the lake.", {"goose", "swan", "swim", "lake"}),
    ("RED UMBRELLA", {"red", "umbrella"}),
    ("a white t-shirt and a T shirt", {"white", "t-shirt"}),
    ("the zebra's legs", {"zebra", "leg"}),
    ("&amp;quot;Sunset&amp;quot; over the <b>mountains</b>", {"sunset", "mountain"}),
    ("", set()),
    ("qwrtz 123 \U0001f600", set()),
]
LONGEST = [
    ("a hot dog with mustard", {"hot dog", "mustard"}),
    ("hot, dog", {"hot", "dog"}),
    ("a tennis racket", {"tennis racket"}),
    ("a teddy-bear", {"teddy"}),
    ("hot air balloons above a hill", {"hot air balloon", "hill"}),
]
BLOCKED = [
    ("a boat on a body of water", {"boat", "water"}),
    ("cars parked in front of a barn", {"car", "barn"}),
    ("a fire hydrant by a wall", {"hydrant", "wall"}),
    ("a flight of stairs", {"stair"}),
    ("a mint green vase", {"green", "vase"}),
    ("a sky blue car", {"blue", "car"}),
    ("a bird's eye view of a bridge", {"bridge"}),
    ("a chest of drawers", {"drawer"}),
    ("the batter stands at home plate", {"stand"}),
    ("you can see a lighthouse", {"lighthouse"}),
    ("children watching a parade", {"child", "parade"}),
    ("an elephant and her calf", {"elephant"}),
]
NEGATED = [
    ("a beach with no umbrellas", {"beach"}),
    ("trees without leaves in a field", {"tree", "field"}),
    ("a man without a hat riding a horse", {"man", "ride", "horse"}),
    ("a beach with no umbrella on the sand", {"beach", "sand"}),
    ("This isn't a cat, it is a dog.", {"dog"}),
    ("a woman not wearing a hat but a scarf", {"woman", "scarf"}),
    ("no dogs. a cat", {"cat"}),
    ("neither a fork nor a knife, only a spoon", {"spoon"}),
    ("a no parking sign on a pole", {"sign", "pole"}),
    ("not only a cat but also a dog", {"cat", "dog"}),
    ("a cup of tea instead of coffee", {"cup", "tea"}),
]


@pytest.mark.parametrize(("caption", "expected"), PLAIN + LONGEST + NEGATED)
def test_tags(caption: str, expected: set[str], tagger: Tagger, vocab: Vocabulary) -> None:
    assert names(tagger.tag(caption), vocab) == expected


@pytest.mark.parametrize(("caption", "expected"), BLOCKED)
def test_blockers(caption: str, expected: set[str], tagger: Tagger, vocab: Vocabulary) -> None:
    found = names(tagger.tag(caption), vocab)
    assert expected <= found
    blocked = {
        "body",
        "parking",
        "front",
        "fire",
        "flight",
        "mint",
        "sky",
        "bird",
        "eye",
        "chest",
        "home",
        "plate",
        "can",
    }
    assert not found & (blocked | {"watch", "calf"})


def test_evidence_names_every_mention_and_its_rule(tagger: Tagger, vocab: Vocabulary) -> None:
    caption = "A cat, two cats &amp; a <PERSON>"
    found = [(vocab[item.tag_id].name, caption[slice(*item.span)], item.rule) for item in tagger.tag(caption).evidence]
    assert found == [("cat", "cat", "name"), ("cat", "cats", "inflection"), ("person", "<PERSON>", "name")]


def test_twins_give_the_canonical_tag(tagger: Tagger, vocab: Vocabulary) -> None:
    assert tagger.tag("a cat sitting").tag_ids == tagger.tag("a cat sits").tag_ids
    for tag_id in tagger.tag("standing, walking and riding in t-shirts").tag_ids:
        assert vocab.canonical(tag_id) == tag_id


def test_dropped_says_what_and_why(tagger: Tagger, vocab: Vocabulary) -> None:
    caption = "a pier in front of a body of water without boats"
    dropped = tagger.tag(caption).dropped
    found = {(caption[slice(*item.span)], item.reason, item.tag_id) for item in dropped}
    assert ("in front of", "blocked", None) in found
    assert ("boats", "negated", vocab.id_of("boat")) in found


def test_sources_read_the_same_words_differently(tagger: Tagger, vocab: Vocabulary) -> None:
    caption = "lamp next to watch"
    assert names(tagger.tag(caption, "vg"), vocab) == {"lamp", "watch"}
    assert names(tagger.tag(caption, "coco"), vocab) == {"lamp"}
    assert "stock" not in names(tagger.tag("vase out of stock", "alt"), vocab)
    assert tagger.tag("vase out of stock", "laion") == tagger.tag("vase out of stock", "alt")


def test_unknown_source_is_named_with_the_known_ones(tagger: Tagger) -> None:
    with pytest.raises(ConfigError, match=r"'flickr'.*plain, coco, vg, sbu, cc3m, cc12m, alt"):
        tagger.tag("a dog", "flickr")


def test_a_vocabulary_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "tags.txt").write_text("hydrant\nblue whale\nwhale\nsnorkel\n", encoding="utf-8")
    vocab = Vocabulary.load(tmp_path / "tags.txt")
    tagger = Tagger(vocab)
    assert names(tagger.tag("Blue whales, a whale and no snorkels by a fire hydrant"), vocab) == {
        "blue whale",
        "whale",
        "hydrant",
    }
