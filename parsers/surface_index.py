"""The tagger's table: surface forms of a vocabulary, blockers, compounds and sense rules, by first word.

It is made as captions ask for it, a first word at a time: a command that reads one caption needs a dozen of fifteen thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from dataengine.parsers.cleaning import PERSON_PLACEHOLDER
from dataengine.parsers.phrases import Blocker, load_blockers, load_compounds, position_in, read_compound
from dataengine.parsers.senses import TAG_MARK, SenseRule, load_senses
from dataengine.parsers.tokens import split_words
from dataengine.records import Rule

if TYPE_CHECKING:
    from dataengine.vocab import Vocabulary


class Hit(NamedTuple):
    """A tag that an entry gives, and which of its words (half-open) are the evidence."""

    tag_id: int
    rule: Rule
    opaque: bool
    """Whether the last word alone names a thing of another kind."""
    first: int
    last: int


class Entry(NamedTuple):
    """A surface form or a blocker, as words; `senses` are the rules that say which tag the form means where it stands."""

    words: list[str]
    length: int
    hits: tuple[Hit, ...]
    blocker: Blocker | None
    senses: tuple[SenseRule, ...]
    is_phrase: bool
    """Whether several words, down to the last, name one thing: a form, or "fire hydrant", which gives hydrant."""


class Node(NamedTuple):
    """The entries that begin with one word: that word alone, and the longer ones by their second word, longest first."""

    alone: Entry | None
    longer: dict[str, list[Entry]]


Words: TypeAlias = tuple[str, ...]
Forms: TypeAlias = dict[Words, tuple[int, Rule, bool]]

PENDING: Final = Node(None, {})
"""Stands for a first word whose entries have not been asked for."""


class SurfaceTable:
    """What a vocabulary's forms, the blockers and the compounds say of each first word, whatever the source."""

    def __init__(self, vocab: Vocabulary) -> None:
        self.forms = form_hits(vocab)
        self._names = [tag.name.lower() for tag in vocab]
        self._forms: dict[str, list[Words]] = {}
        self._blockers: dict[str, list[Blocker]] = {}
        self._compounds = load_compounds()
        for words in self.forms:
            self._forms.setdefault(words[0], []).append(words)
        for blocker in load_blockers():
            self._blockers.setdefault(blocker.words[0], []).append(blocker)

    def first_words(self) -> Iterable[str]:
        """Return every word that begins an entry; some come twice."""
        return (*self._forms, *self._blockers, *self._compounds)

    def entries(self, word: str, groups: frozenset[str], rules: Mapping[Words, tuple[SenseRule, ...]]) -> list[Entry]:
        """Return the entries that begin with `word`: forms, then compounds, then blockers, which overrule what they equal."""
        entries = [self._form_entry(words, rules) for words in self._forms.get(word, ())]
        for row in self._compounds.get(word, ()):
            compound = read_compound(row)
            if compound.group in groups and compound.words not in self.forms:
                entries.append(_blocker_entry(compound, self.forms))
        blockers = self._blockers.get(word, ())
        return entries + [_blocker_entry(blocker, self.forms) for blocker in blockers if blocker.group in groups]

    def _form_entry(self, words: Words, rules: Mapping[Words, tuple[SenseRule, ...]]) -> Entry:
        form = self.forms[words]
        found = rules.get(words, ())
        if len(words) == 1:
            found = (*found, *rules.get((TAG_MARK + self._names[form[0]],), ()))
        return _entry(words, (Hit(*form, 0, len(words)),), None, found)


class Index:
    """The entries by first word that apply to some groups of sources. `nodes` holds PENDING until `settle` is asked."""

    def __init__(self, table: SurfaceTable, groups: frozenset[str]) -> None:
        self._table = table
        self._groups = groups
        self._rules = _rules_by_form(groups)
        self.nodes: dict[str, Node] = dict.fromkeys(table.first_words(), PENDING)

    def settle(self, word: str) -> Node:
        """Return the entries that begin with `word`, made now and kept."""
        alone: Entry | None = None
        longer: dict[str, dict[Words, Entry]] = {}
        for entry in self._table.entries(word, self._groups, self._rules):
            if entry.length == 1:
                alone = entry
            else:
                longer.setdefault(entry.words[1], {})[tuple(entry.words)] = entry
        node = self.nodes[word] = Node(alone, _longest_first(longer))
        return node


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


def _rules_by_form(groups: frozenset[str]) -> dict[Words, tuple[SenseRule, ...]]:
    """Return form, as words -> its sense rules that apply to captions of these groups."""
    chosen = {form: tuple(rule for rule in rules if rule.group in groups) for form, rules in load_senses().items()}
    return {_key(form): rules for form, rules in chosen.items() if rules}


def _key(form: str) -> Words:
    return (form,) if form[0] == TAG_MARK else split_words(form)


def _entry(words: Words, hits: tuple[Hit, ...], blocker: Blocker | None, senses: tuple[SenseRule, ...] = ()) -> Entry:
    length = len(words)
    is_phrase = length > 1 and len(hits) == 1 and hits[0].last == length and "of" not in words
    return Entry(list(words), length, hits, blocker, senses, is_phrase)


def _longest_first(by_second: dict[str, dict[Words, Entry]]) -> dict[str, list[Entry]]:
    return {word: sorted(found.values(), key=lambda entry: -len(entry.words)) for word, found in by_second.items()}


def _blocker_entry(blocker: Blocker, forms: Forms) -> Entry:
    hits = []
    for given in map(split_words, blocker.gives):
        place, form = position_in(blocker.words, given), forms.get(given)
        if place is not None and form is not None:
            hits.append(Hit(*form, *place))
    return _entry(blocker.words, tuple(hits), blocker)
