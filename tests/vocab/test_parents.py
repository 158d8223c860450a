"""Tags that a tag implies."""

from __future__ import annotations

import pytest

from dataengine.parsers import Parser
from dataengine.vocab import Vocabulary
from dataengine.vocab.loading import packaged_bytes
from dataengine.vocab.parents import load_parents, parents_file


@pytest.fixture(scope="module")
def parents() -> dict[str, set[str]]:
    vocab = Vocabulary.load()
    return {vocab[child].name: {vocab[parent].name for parent in found} for child, found in load_parents(vocab).items()}


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("corgi", {"dog", "animal"}),
        ("golden retriever", {"dog", "animal"}),
        ("tennis player", {"player", "athlete", "person"}),
        ("minivan", {"car", "vehicle"}),
        ("armchair", {"chair", "furniture"}),
        ("apple pie", {"pie", "food"}),
    ],
)
def test_parents(child: str, expected: set[str], parents: dict[str, set[str]]) -> None:
    assert expected <= parents[child]


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        ("hot dog", "dog"),
        ("teddy", "animal"),
        ("guinea pig", "pig"),
        ("gravy boat", "boat"),
        ("zombie", "person"),
        ("girl", "child"),
        ("crowd", "person"),
        ("toilet bowl", "bowl"),
        ("calf", "animal"),
    ],
)
def test_no_parents(child: str, parent: str, parents: dict[str, set[str]]) -> None:
    assert parent not in parents.get(child, set())


def test_parents_of_parents_are_there_and_nothing_is_its_own(parents: dict[str, set[str]]) -> None:
    assert not any(child in found for child, found in parents.items())
    assert parents["bald eagle"] >= {"eagle", "bird", "animal"}


def test_the_file_is_what_the_module_writes() -> None:
    assert packaged_bytes("parents.tsv") == parents_file()


def test_implied_ids_leave_out_what_the_text_says() -> None:
    vocab = Vocabulary.load()
    parser = Parser(graph=False)
    alone, both = parser.parse("a corgi"), parser.parse("a corgi, a good dog")
    assert [vocab[tag_id].name for tag_id in alone.implied_ids] == ["animal", "dog"]
    assert [vocab[tag_id].name for tag_id in both.implied_ids] == ["animal"]
    assert not set(both.implied_ids) & set(both.tag_ids)


def test_a_vocabulary_of_ones_own_has_the_parents_that_it_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("own") / "tags.txt"
    path.write_text("dog\nspaceship\ncorgi\n", encoding="utf-8")
    assert load_parents(Vocabulary.load(path)) == {2: (0,)}
