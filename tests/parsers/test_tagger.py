"""Captions -> tags, on the packaged vocabulary and on a small one of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataengine.errors import ConfigError
from dataengine.parsers.tagger import DROP_REASONS, Tagged, Tagger
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
    ("a shelf with no food and water on it", {"shelf"}),
    ("a man with no hat and a scarf", {"man", "scarf"}),
    ("a dog not watching the television", {"dog", "television"}),
    ("a cat that doesn't leave this tree", {"cat", "tree"}),
    ("a boy not wearing the helmet", {"boy"}),
    ("Don't bother with pizza at the beach. A dog", {"dog"}),
    ("I have never seen such a big dog", {"dog"}),
    ("a beach famous not for the sand or the waves", {"beach"}),
    ("a cat that can do without any milk", {"cat"}),
]
COMPARED = [
    ("a cloud that looks like a cat above a hill", {"cloud", "hill"}),
    ("a cake shaped like a guitar on a table", {"cake", "table"}),
    ("Looks like a party with balloons", {"party", "balloon"}),
    ("clothes as if made of paper", {"clothing"}),
]
SUPPOSED = [
    ("a man waiting for the bus on a bench", {"man", "bench"}),
    ("a dog looking for food under a table", {"dog", "table"}),
    ("a girl pretending to be a pirate", {"girl"}),
    ("a boy who wants to swim in a lake", {"boy", "lake"}),
]
NEGATED_BACK = [
    ("Rice with chicken; soup is not in the picture", {"rice", "chicken"}),
    ("a lamp (batteries not included)", {"lamp"}),
    ("a drawer with a knife and a fork not shown", {"drawer", "knife"}),
    ("a cake (not pictured: apples, a chocolate pie and nuts) on a table", {"cake", "table"}),
]
OVERLAPPING = [
    ("a dark chocolate cake", {"chocolate", "chocolate cake"}),
    ("two brown bear cubs", {"brown bear", "bear cub"}),
]


@pytest.mark.parametrize(
    ("caption", "expected"), PLAIN + LONGEST + NEGATED + COMPARED + SUPPOSED + NEGATED_BACK + OVERLAPPING
)
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


@pytest.mark.parametrize(
    ("caption", "reason", "word"),
    [
        ("a cloud like a horse", "compared", "horse"),
        ("a man waiting for a train", "supposed", "train"),
        ("a wall with no door", "negated", "door"),
        ("the batteries are not included", "negated", "batteries"),
        ("a run in the fourth quarter", "sense", "quarter"),
        ("a picture by Rose", "name", "Rose"),
    ],
)
def test_every_reason_is_told(caption: str, reason: str, word: str, tagger: Tagger) -> None:
    dropped = {(caption[slice(*item.span)], item.reason) for item in tagger.tag(caption).dropped}
    assert (word, reason) in dropped
    assert reason in DROP_REASONS


SHOP_TALK = [
    ("Men's T-Shirt for Women, Top Color: Gray", {"t-shirt", "gray"}, {"man", "woman"}),
    ("Leather Handbag - Free Shipping - Best Price", {"leather", "handbag"}, {"shipping"}),
    ("Black iPhone Case, out of stock", {"black", "case"}, {"stock"}),
    ("Home Design Ideas: Wooden Chair", {"chair"}, {"design", "home"}),
    ("Brand management software for business", set(), {"brand", "management", "software", "business"}),
    ("How to install a kitchen sink", {"kitchen sink"}, {"install"}),
    ("Endless Loft Velvet Pillow", {"pillow"}, {"loft"}),
    ("Trucker Mesh Hat in Black", {"hat", "black"}, {"truck driver"}),
    ("Sunset Over Desert Hotel - Canvas Bag", {"sunset", "bag"}, {"desert"}),
]


@pytest.mark.parametrize(("caption", "expected", "unseen"), SHOP_TALK)
def test_shop_talk(caption: str, expected: set[str], unseen: set[str], tagger: Tagger, vocab: Vocabulary) -> None:
    found = names(tagger.tag(caption, "alt"), vocab)
    assert expected <= found
    assert not unseen & found


def test_a_name_is_one_where_it_has_capitals(tagger: Tagger, vocab: Vocabulary) -> None:
    assert "bird" not in names(tagger.tag("a poster of Angry Birds", "plain"), vocab)
    assert "bird" in names(tagger.tag("two angry birds on a wire", "plain"), vocab)


def test_glued_sentences_are_parted_where_the_source_glues_them(tagger: Tagger, vocab: Vocabulary) -> None:
    caption = "cake with creamFlowers on a plate"
    tagged = tagger.tag(caption, "sbu")
    assert names(tagged, vocab) == {"cake", "cream", "flower", "plate"}
    assert [caption[slice(*item.span)] for item in tagged.evidence] == ["cake", "cream", "Flowers", "plate"]
    assert "cream" not in names(tagger.tag(caption, "coco"), vocab)


def test_time_is_linear_in_the_length(tagger: Tagger) -> None:
    caption = 'Big Bat not shown "in a Cave" like a watch can ' * 3_000
    assert tagger.tag(caption, "alt").dropped
