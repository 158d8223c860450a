"""The data files of the parser are of the form that the code expects."""

from __future__ import annotations

import pytest

from dataengine.parsers.phrases import GraphRole, load_blockers, load_graph_words, load_scope
from dataengine.parsers.source_rules import SOURCE_RULES
from dataengine.parsers.tokens import split_words
from dataengine.vocab import Vocabulary


def test_blockers_are_unique_and_of_known_groups() -> None:
    blockers = load_blockers()
    assert len({blocker.words for blocker in blockers}) == len(blockers) > 500
    groups = frozenset().union(*(rules.groups for rules in SOURCE_RULES.values()))
    assert {blocker.group for blocker in blockers} <= groups


def test_blockers_are_written_as_captions_are_cut() -> None:
    assert [blocker.words for blocker in load_blockers() if split_words(" ".join(blocker.words)) != blocker.words] == []


def test_names_have_several_words() -> None:
    assert [blocker.words for blocker in load_blockers() if blocker.effect == "name" and len(blocker.words) < 2] == []


def test_no_blocker_of_several_words_hides_a_tag() -> None:
    vocab = Vocabulary.load()
    names = {split_words(tag.name) for tag in vocab}
    assert [blocker.words for blocker in load_blockers() if blocker.words in names] == []


def test_scope_roles() -> None:
    assert set(load_scope().values()) == {"end", "end_after_word", "pass"}


@pytest.mark.parametrize("role", ["place_noun", "measure", "material", "colour", "shade", "container", "plural_name"])
def test_graph_words_of_every_role(role: GraphRole) -> None:
    assert len(load_graph_words(role)) > 3
