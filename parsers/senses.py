"""The sense in which a caption uses a word: rules by neighbouring words, from senses.tsv and word_classes.tsv."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dataengine.errors import ConfigError
from dataengine.parsers.phrases import table_rows

EDGE = "^"
"""Stands for the missing neighbour where the caption begins or ends, or where punctuation parts two words."""
_INFINITIVE = "to*"
_NUMBER = "#"
KEEP, DROP, SPLIT = "+", "-", "/"
TAG_MARK = "="
"""Begins a tag's name where a row is for all forms of the tag."""


class Neighbour(NamedTuple):
    """What a neighbouring word may be: one of `words`, or one that ends like `endings`; `other`: none of them."""

    words: frozenset[str]
    endings: tuple[str, ...]
    numbers: bool
    other: bool

    def admits(self, word: str) -> bool:
        """Return whether `word`, or EDGE, may stand there."""
        if word in self.words:
            return not self.other
        if (self.endings and word.endswith(self.endings)) or (self.numbers and word[0].isdigit()):
            return not self.other
        return self.other


class SenseRule(NamedTuple):
    """One row of senses.tsv. Conditions that are None always hold; the first rule of a form that holds decides.

    sense: "+" is the form's own tag, "-" is no tag, "/" reads the words one by one ("is drinking water"), anything else is the form whose tag is meant ("tracks" of a train).
    """

    left: Neighbour | None
    right: Neighbour | None
    near: frozenset[str]
    sense: str
    group: str


def decide(rules: Iterable[SenseRule], left: str, right: str, words: Iterable[str], groups: frozenset[str]) -> str:
    """Return the sense of a form between the words `left` and `right` in a caption of `words`; "+" where no rule holds.

    Only rules of the source's `groups` count.
    """
    for rule in rules:
        if (
            rule.group in groups
            and (rule.left is None or rule.left.admits(left))
            and (rule.right is None or rule.right.admits(right))
            and not (rule.near and rule.near.isdisjoint(words))
        ):
            return rule.sense
    return KEEP


def left_word(words: Sequence[str], position: int) -> str:
    """Return the word before `position`, where "to" that makes an infinitive is "to*": not that of "next to"."""
    word = words[position - 1]
    if word == "to" and not (position > 1 and words[position - 2] in load_classes()["to_place"]):
        return _INFINITIVE
    return word


@functools.cache
def load_senses() -> Mapping[str, tuple[SenseRule, ...]]:
    """Return form -> its rules in order; a key "=watch" stands for all forms of the tag watch.

    Raises ConfigError where a row is not of the file's form.
    """
    found: dict[str, list[SenseRule]] = {}
    for row in table_rows("senses.tsv"):
        if not row["forms"] or not row["sense"] or not row["group"]:
            raise ConfigError(f"senses.tsv: {row['forms']!r} needs a sense ({KEEP}, {DROP} or a form) and a group")
        rule = SenseRule(
            _neighbour(row["left"]), _neighbour(row["right"]), _near(row["near"]), row["sense"], row["group"]
        )
        for form in row["forms"].split(","):
            found.setdefault(form, []).append(rule)
    return {form: tuple(rules) for form, rules in found.items()}


@functools.cache
def load_classes() -> Mapping[str, frozenset[str]]:
    """Return class -> its words: what "@class" stands for in senses.tsv."""
    return {row["class"]: frozenset(row["words"].split()) for row in table_rows("word_classes.tsv")}


def _neighbour(cell: str) -> Neighbour | None:
    """Return the condition that a cell states: words, @classes, ~endings, # for a number, all negated by a first "!"."""
    if not cell:
        return None
    items = cell.removeprefix("!").split(",")
    words = _expand(item for item in items if item[0] != "~" and item != _NUMBER)
    endings = tuple(item[1:] for item in items if item[0] == "~")
    if "to" in words:
        words |= {_INFINITIVE}
    return Neighbour(words, endings, _NUMBER in items, cell.startswith("!"))


def _near(cell: str) -> frozenset[str]:
    return _expand(cell.split(",")) if cell else frozenset()


def _expand(items: Iterable[str]) -> frozenset[str]:
    """Return the words that the items of a cell name. Raises ConfigError for an unknown class."""
    words: set[str] = set()
    for item in items:
        if not item.startswith("@"):
            words.add(item)
            continue
        if item[1:] not in load_classes():
            raise ConfigError(f"senses.tsv: no class {item[1:]!r}; word_classes.tsv has {', '.join(load_classes())}")
        words |= load_classes()[item[1:]]
    return frozenset(words)
