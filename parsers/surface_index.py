"""The tagger's table: surface forms of a vocabulary, blockers, compounds and sense rules, by first word.

It is made as captions ask for it, a first word at a time: a command that reads one caption needs a dozen of fifteen thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from dataengine.parsers.cleaning import PERSON_PLACEHOLDER
from dataengine.parsers.phrases import Blocker, Effect, load_blockers, load_compounds, position_in, read_compound
from dataengine.parsers.senses import TAG_MARK, SenseRule, load_senses
from dataengine.parsers.tokens import split_words
from dataengine.records import Rule

if TYPE_CHECKING:
    from dataengine.vocab import Vocabulary


Words: TypeAlias = tuple[str, ...]


class Hit(NamedTuple):
    """A tag that an entry gives, and which of its words (half-open) are the evidence."""

    tag_id: int
    rule: Rule
    opaque: bool
    """Whether the last word alone names a thing of another kind."""
    first: int
    last: int


class Entry(NamedTuple):
    """A surface form, or a phrase that stops a match, as words."""

    words: Words
    length: int
    hits: tuple[Hit, ...]
    effect: Effect | None
    """What a phrase of blockers.tsv and its like does; None for a surface form."""
    group: str
    """The group of sources that it is for."""
    senses: tuple[SenseRule, ...]
    """Rules of all groups that say which tag a form means where it stands."""
    sense_groups: frozenset[str]
    is_phrase: bool
    """Whether several words, down to the last, name one thing: a form, or "fire hydrant", which gives hydrant."""
    is_plain: bool
    """Whether it is one word that names a tag."""


class Node:
    """A place in the tree of entries: the entries that end here, and what follows by its next word."""

    __slots__ = ("entry", "following", "overruled")

    def __init__(self) -> None:
        self.entry: Entry | None = None
        """The one that overrules the others, where its group applies."""
        self.overruled: tuple[Entry, ...] = ()
        self.following: dict[str, Node] | None = None

    def add(self, entry: Entry) -> None:
        """Hang an entry below this node, which stands for its first word; it overrules those of the same words."""
        node = self
        for word in entry.words[1:]:
            if node.following is None:
                node.following = {}
            following = node.following.get(word)
            if following is None:
                following = node.following[word] = Node()
            node = following
        if node.entry is not None:
            node.overruled = (node.entry, *node.overruled)
        node.entry = entry

    def entry_for(self, groups: frozenset[str]) -> Entry | None:
        """Return the entry that counts for sources of these groups."""
        for entry in (self.entry, *self.overruled):
            if entry is not None and entry.group in groups:
                return entry
        return None


Forms: TypeAlias = dict[Words, tuple[int, Rule, bool]]

PENDING: Final = Node()
"""Stands for a first word whose entries have not been asked for."""
_EVERYWHERE = "common"


class SurfaceTable:
    """A vocabulary's forms, the blockers, the compounds and the sense rules: a tree for each first word.

    `nodes` holds PENDING until `settle` is asked. All sources share the trees: a small table stays in the processor's cache.
    """

    def __init__(self, vocab: Vocabulary) -> None:
        self.forms = form_hits(vocab)
        self._names = [tag.name.lower() for tag in vocab]
        self._rules = {_key(form): rules for form, rules in load_senses().items()}
        self._forms: dict[str, list[Words]] = {}
        self._blockers: dict[str, list[Blocker]] = {}
        self._compounds = load_compounds()
        for words in self.forms:
            self._forms.setdefault(words[0], []).append(words)
        for blocker in load_blockers():
            self._blockers.setdefault(blocker.words[0], []).append(blocker)
        self.nodes: dict[str, Node] = dict.fromkeys((*self._forms, *self._blockers, *self._compounds), PENDING)

    def settle(self, word: str) -> Node:
        """Return the tree of the entries that begin with `word`, made now and kept."""
        node = self.nodes[word]
        if node is PENDING:
            node = self.nodes[word] = Node()
            for entry in self._entries(word):
                node.add(entry)
        return node

    def _entries(self, word: str) -> Iterator[Entry]:
        """Yield the entries that begin with `word`: compounds, then forms, then blockers, which overrule what they equal."""
        for row in self._compounds.get(word, ()):
            yield _blocker_entry(read_compound(row), self.forms)
        for words in self._forms.get(word, ()):
            yield self._form_entry(words)
        for blocker in self._blockers.get(word, ()):
            yield _blocker_entry(blocker, self.forms)

    def _form_entry(self, words: Words) -> Entry:
        form = self.forms[words]
        rules = self._rules.get(words, ())
        if len(words) == 1:
            rules = (*rules, *self._rules.get((TAG_MARK + self._names[form[0]],), ()))
        return _entry(words, (Hit(*form, 0, len(words)),), None, _EVERYWHERE, rules)


def form_hits(vocab: Vocabulary) -> Forms:
    """Return words -> (canonical tag id, rule, opaque) of every surface form; the first of two that split alike wins."""
    found: dict[Words, tuple[int, Rule]] = {}
    for surface, form in vocab.forms.items():
        if words := split_words(surface):
            found.setdefault(words, (vocab.canonical(form.tag_id), form.origin))
    kinds = {words: vocab[tag_id].kind for words, (tag_id, _) in found.items()}
    forms = {words: (*form, kinds.get(words[-1:], kinds[words]) != kinds[words]) for words, form in found.items()}
    if (person := forms.get(("person",))) is not None:
        forms[(PERSON_PLACEHOLDER,)] = person
    return forms


def meant(forms: Forms, sense: str) -> tuple[int, Rule] | None:
    """Return the tag of another form that a sense rule names; None where the vocabulary does not hold it."""
    form = forms.get(split_words(sense))
    return None if form is None else (form[0], "synonym")


def _key(form: str) -> Words:
    return (form,) if form[0] == TAG_MARK else split_words(form)


def _entry(
    words: Words, hits: tuple[Hit, ...], effect: Effect | None, group: str, senses: tuple[SenseRule, ...] = ()
) -> Entry:
    length = len(words)
    is_phrase = length > 1 and len(hits) == 1 and hits[0].last == length and "of" not in words
    is_plain = length == 1 and effect is None
    sense_groups = frozenset([rule.group for rule in senses])
    return Entry(words, length, hits, effect, group, senses, sense_groups, is_phrase, is_plain)


def _blocker_entry(blocker: Blocker, forms: Forms) -> Entry:
    hits = []
    for given in map(split_words, blocker.gives):
        place, form = position_in(blocker.words, given), forms.get(given)
        if place is not None and form is not None:
            hits.append(Hit(*form, *place))
    return _entry(blocker.words, tuple(hits), blocker.effect, blocker.group)
