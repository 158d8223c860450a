"""Captions -> entities, modifiers, relations."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.parsers import Parser
from dataengine.records import SceneGraph

_MISREAD = (
    "girl standing next to stop sign attached to cutting board",
    "the zebra cow head grazing on that train building .",
    "his long sleeved framed snow - covered tail",
    "a line of trees and one red tennis ball in color on the left side",
    "someone is holding a left hand",
)
"""Captions of the words that the rules for misread captions look for."""


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser()


def graph_of(parser: Parser, caption: str) -> SceneGraph:
    graph = parser.parse(caption).graph
    assert graph is not None
    return graph


def entities(graph: SceneGraph) -> dict[str, list[str]]:
    return {entity.head: [modifier.text for modifier in entity.modifiers] for entity in graph.entities}


def relations(graph: SceneGraph) -> set[tuple[str, str, str | None]]:
    heads = [entity.head for entity in graph.entities]
    return {(heads[r.subject], r.predicate, None if r.object is None else heads[r.object]) for r in graph.relations}


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a bench that is white and wet", {"bench": ["white", "wet"]}),
        ("The sky is blue.", {"sky": ["blue"]}),
        ("two large elephants", {"elephant": ["two", "large"]}),
        ("the light blue wall", {"wall": ["light blue"]}),
        ("a black-and-white cow", {"cow": ["black", "white"]}),
        ("a red metal roof", {"roof": ["red", "metal"]}),
        ("a green colored door", {"door": ["green"]}),
        ("a hot dog", {"hot dog": []}),
        ("a fire hydrant", {"fire hydrant": []}),
        ("a white t-shirt", {"t-shirt": ["white"]}),
        ("a pair of scissors", {"scissors": []}),
        ("a street with no cars", {"street": []}),
        ("a toy truck", {"truck": ["toy"]}),
        ("a bakery truck", {"truck": ["bakery"]}),
        ("a shirtless man", {"man": ["shirtless"]}),
        ("a teddy bear", {"teddy bear": []}),
        ("a tennis ball", {"tennis ball": []}),
        ("a photo of Zac Efron", {"zac efron": []}),
        ("a bracelet on his right hand", {"bracelet": [], "right hand": []}),
        ("a zebra with its head turned to the side", {"zebra": [], "head": []}),
        ("a gray jacket with a board on top", {"jacket": ["gray"], "board": []}),
        ("The bottom is red.", {"bottom": ["red"]}),
        ("the eyes are green in color", {"eye": ["green"]}),
        ("a man wearing eyeglasses", {"man": [], "eyeglasses": []}),
        ("a shirt with long sleeves", {"shirt": [], "sleeve": ["long"]}),
        ("building with many windows", {"building": [], "window": ["many"]}),
        ("surfboard on the water", {"surfboard": [], "water": []}),
        ("sitting on a bench", {"bench": []}),
        ("", {}),
    ],
)
def test_entities_and_modifiers(caption: str, expected: dict[str, list[str]], parser: Parser) -> None:
    assert entities(graph_of(parser, caption)) == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        (
            "a dog sitting on a couch near a table",
            {("dog", "sit on", "couch"), ("dog", "sit near", "table")},
        ),
        ("zebras eating", {("zebra", "eat", None)}),
        ("the dog is running and jumping", {("dog", "run", None), ("dog", "jump", None)}),
        ("a woman riding a horse", {("woman", "ride", "horse")}),
        ("The helmet is worn by a cyclist.", {("cyclist", "wear", "helmet")}),
        ("cars are parked by the wall", {("car", "park by", "wall")}),
        ("cars parked in front of a barn", {("car", "park in front of", "barn")}),
        ("There is a lamp on top of the desk.", {("lamp", "on top of", "desk")}),
        ("the tail of a horse", {("horse", "have", "tail")}),
        ("the horse's tail", {("horse", "have", "tail")}),
        ("a bottle of milk", {("bottle", "of", "milk")}),
        ("a group of people standing next to a train", {("people", "stand next to", "train")}),
        ("a tennis racket and a ball on the court", {("tennis racket", "on", "court"), ("ball", "on", "court")}),
        ("Cats and dogs sleep on the sofa", {("cat", "sleep on", "sofa"), ("dog", "sleep on", "sofa")}),
        (
            "a girl wearing a dark blue dress and holding a balloon",
            {("girl", "wear", "dress"), ("girl", "hold", "balloon")},
        ),
        ("a boy who is throwing a frisbee", {("boy", "throw", "frisbee")}),
        ("the street the man is standing on", {("man", "stand on", "street")}),
        ("a man without a hat riding a horse", {("man", "ride", "horse")}),
        ("A woman is not holding an umbrella.", set()),
        ("ears on a cow head", {("cow", "have", "head"), ("ear", "on", "head")}),
        ("the birds wings are open", {("bird", "have", "wing")}),
        ("a line of trees behind a field", {("tree", "in", "line"), ("tree", "behind", "field")}),
        ("a row of trees behind a field", {("tree", "behind", "field")}),
        ("zebra grazing on grass", {("zebra", "graze on", "grass")}),
        ("blue plastic crate holding fruit", {("crate", "hold", "fruit")}),
        ("a giraffe laying on the ground", {("giraffe", "lay on", "ground")}),
        ("baby touching vegetable", {("baby", "touch", "vegetable")}),
        ("train running on the track", {("train", "run on", "track")}),
        ("pizza is on cutting board", {("pizza", "on", "cutting board")}),
        ("girl standing next to stop sign", {("girl", "stand next to", "stop sign")}),
        ("tall green tree next to train", {("tree", "next to", "train")}),
        ("pole attached to bench", {("pole", "attach to", "bench")}),
        ("sand woman is standing on", {("woman", "stand on", "sand")}),
        ("silver helmet man is wearing", {("man", "wear", "helmet")}),
        ("The jet plane is taking off", {("plane", "take off", None)}),
        ("the bench is covered with snow", {("snow", "cover", "bench")}),
        ("snow-covered hill", {("snow", "cover", "hill")}),
        ("the snow covered ground", {("snow", "cover", "ground")}),
        ("a long sleeved shirt", {("shirt", "have", "sleeve")}),
        ("framed picture hanging on the wall", {("picture", "have", "frame"), ("picture", "hang on", "wall")}),
        ("someone sitting on a bed", {("person", "sit on", "bed")}),
    ],
)
def test_relations(caption: str, expected: set[tuple[str, str, str | None]], parser: Parser) -> None:
    assert relations(graph_of(parser, caption)) == expected


def test_what_a_participle_says_of_a_part_modifies_the_part(parser: Parser) -> None:
    caption = "a boy in a long sleeved shirt"
    sleeve = next(entity for entity in graph_of(parser, caption).entities if entity.head == "sleeve")
    assert [modifier.text for modifier in sleeve.modifiers] == ["long"]
    assert caption[slice(*sleeve.span)] == "sleeved"


@given(
    st.lists(st.sampled_from(sorted({word for caption in _MISREAD for word in caption.split()})), max_size=14).map(
        " ".join
    )
)
@settings(max_examples=300, deadline=None)
def test_any_order_of_words_gives_a_graph(parser: Parser, caption: str) -> None:
    graph = graph_of(parser, caption)
    for edge in graph.relations:
        assert 0 <= edge.subject < len(graph.entities)
        assert edge.object is None or 0 <= edge.object < len(graph.entities)
    assert all(0 <= start < end <= len(caption) for start, end in (entity.span for entity in graph.entities))


def test_spans_point_into_the_caption_as_given(parser: Parser) -> None:
    caption = "&quot;Two <b>red</b> tennis rackets&quot; hanging on a fence"
    graph = graph_of(parser, caption)
    words = [(entity.head, caption[slice(*entity.span)]) for entity in graph.entities]
    assert words == [("tennis racket", "tennis rackets"), ("fence", "fence")]
    assert [caption[slice(*modifier.span)] for modifier in graph.entities[0].modifiers] == ["Two", "red"]
    assert [caption[slice(*relation.span)] for relation in graph.relations] == ["hanging on"]


def test_placeholder_is_an_entity_on_its_own_span(parser: Parser) -> None:
    caption = "a <PERSON> holding a kite"
    graph = graph_of(parser, caption)
    assert ("person", "hold", "kite") in relations(graph)
    assert graph.entities[0].head == "person"
    assert "PERSON" in caption[slice(*graph.entities[0].span)]


def test_a_caption_longer_than_a_piece_gives_one_graph(parser: Parser) -> None:
    caption = "A dog sits on a red bench. " * 1500
    graph = graph_of(parser, caption)
    assert len(graph.entities) == 3000
    assert len(graph.relations) == 1500
    last = graph.relations[-1]
    assert last.object is not None
    assert caption[slice(*graph.entities[last.object].span)] == "bench"
    assert graph.entities[last.object].span[0] > 40_000


@pytest.mark.parametrize("unit", ["'", "(", "-", "a", "a.b", "\U0001f600", "\ud800", "\x00"])
def test_time_is_linear_in_symbols(unit: str, parser: Parser) -> None:
    started = time.process_time()
    parser.parse(unit * 20_000)
    assert time.process_time() - started < 10
