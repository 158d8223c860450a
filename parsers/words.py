"""The words of a parsed text as plain objects: spaCy's own tokens take most of the rules' time."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Word:
    """A word and its place in the dependency tree. `start` and `end` are its offsets in the text."""

    i: int
    start: int
    end: int
    lower: str
    tag: str
    dep: str
    pos: str
    has_space: bool
    """Whether a space follows."""
    opens_sentence: bool
    head: Word = field(init=False, repr=False)
    """The word that it depends on; a root is its own head."""
    children: list[Word] = field(init=False, repr=False, default_factory=list)
    """The words that depend on it, in reading order."""

    @property
    def is_last(self) -> bool:
        """Whether nothing after it depends on it."""
        return not self.children or self.children[-1].i < self.i

    def conjuncts(self) -> list[Word]:
        """Return the words that are coordinated with this one, itself left out."""
        first = self
        while first.dep == "conj" and first.head is not first:
            first = first.head
        found = [first]
        for word in found:
            found += [child for child in word.children if child.dep == "conj" and child.i > word.i]
        return [word for word in found if word is not self]

    def governs(self, word: Word) -> bool:
        """Return whether `word` depends on this one, at whatever distance."""
        while word.head is not word:
            word = word.head
            if word is self:
                return True
        return False

    def attach(self, head: Word, dep: str) -> None:
        """Hang this word on `head` in the role `dep`; on itself, it is a root."""
        if self.head is not self:
            self.head.children.remove(self)
        self.head, self.dep = head, dep
        if head is not self:
            bisect.insort(head.children, self, key=_place)

    def replace(self, other: Word) -> None:
        """Stand in the tree where `other` stands, with what depends on it from the left; the caller moves `other`."""
        self.attach(*((self, "ROOT") if other.head is other else (other.head, other.dep)))
        for child in [child for child in other.children if child.i < self.i]:
            child.attach(self, child.dep)


def _place(word: Word) -> int:
    return word.i


def link(words: Sequence[Word], heads: Sequence[int]) -> None:
    """Make `words` a tree: `heads[i]` is the position of the head of word i."""
    for word, head in zip(words, heads, strict=True):
        word.head = words[head]
        if head != word.i:
            words[head].children.append(word)
