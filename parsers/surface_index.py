"""The tagger's table: surface forms of a vocabulary, blockers and sense rules, by first word. Made once a group of sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from dataengine.parsers.cleaning import PERSON_PLACEHOLDER
from dataengine.parsers.phrases import Blocker, load_blockers, position_in
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


Index: TypeAlias = dict[str, Node]
Forms: TypeAlias = dict[tuple[str, ...], tuple[int, Rule, bool]]


def form_hits(vocab: Vocabulary) -> Forms:
    """Return words -> (canonical tag id, rule, opaque) of every surface form; the first of two that split alike wins."""
    found: dict[tuple[str, ...], tuple[int, Rule]] = {}
    for surface, form in vocab.forms.items():
        if words := split_words(surface):
            found.setdefault(words, (vocab.canonical(form.tag_id), form.origin))
    kinds = {words: vocab[tag_id].kind for words, (tag_id, _) in found.items()}
    forms = {words: (*form, kinds.get(words[-1:], kinds[words]) != kinds[words]) for words, form in found.items()}
    if (person := forms.get(("person",))) is not None:
        forms[(PERSON_PLACEHOLDER,)] = person
    return forms


def build_index(vocab: Vocabulary, forms: Forms, groups: frozenset[str]) -> Index:
    """Return the entries by their first word; a blocker takes the place of a form of the same words."""
    entries = _form_entries(vocab, forms, groups)
    entries += [_blocker_entry(blocker, forms) for blocker in load_blockers() if blocker.group in groups]
    alone: dict[str, Entry] = {}
    longer: dict[str, dict[str, dict[tuple[str, ...], Entry]]] = {}
    for entry in entries:
        first, *rest = entry.words
        if rest:
            longer.setdefault(first, {}).setdefault(rest[0], {})[tuple(entry.words)] = entry
        else:
            alone[first] = entry
    return {word: Node(alone.get(word), _longest_first(longer.get(word, {}))) for word in {*alone, *longer}}


def meant(forms: Forms, sense: str) -> tuple[int, Rule] | None:
    """Return the tag of another form that a sense rule names; None where the vocabulary does not hold it."""
    form = forms.get(split_words(sense))
    return None if form is None else (form[0], "synonym")


def _form_entries(vocab: Vocabulary, forms: Forms, groups: frozenset[str]) -> list[Entry]:
    rules = _rules_by_form(groups)
    by_tag = {words[0][1:]: found for words, found in rules.items() if words[0][0] == TAG_MARK}
    names = {tag.id: tag.name.lower() for tag in vocab}
    entries = []
    for words, form in forms.items():
        found = rules.get(words, ())
        if len(words) == 1:
            found = (*found, *by_tag.get(names[form[0]], ()))
        entries.append(_entry(words, (Hit(*form, 0, len(words)),), None, found))
    return entries


def _rules_by_form(groups: frozenset[str]) -> dict[tuple[str, ...], tuple[SenseRule, ...]]:
    """Return form, as words -> its sense rules that apply to captions of these groups."""
    chosen = {form: tuple(rule for rule in rules if rule.group in groups) for form, rules in load_senses().items()}
    return {_key(form): rules for form, rules in chosen.items() if rules}


def _key(form: str) -> tuple[str, ...]:
    return (form,) if form[0] == TAG_MARK else split_words(form)


def _entry(
    words: tuple[str, ...], hits: tuple[Hit, ...], blocker: Blocker | None, senses: tuple[SenseRule, ...] = ()
) -> Entry:
    length = len(words)
    is_phrase = length > 1 and len(hits) == 1 and hits[0].last == length and "of" not in words
    return Entry(list(words), length, hits, blocker, senses, is_phrase)


def _longest_first(by_second: dict[str, dict[tuple[str, ...], Entry]]) -> dict[str, list[Entry]]:
    return {word: sorted(found.values(), key=lambda entry: -len(entry.words)) for word, found in by_second.items()}


def _blocker_entry(blocker: Blocker, forms: Forms) -> Entry:
    hits = []
    for given in map(split_words, blocker.gives):
        place, form = position_in(blocker.words, given), forms.get(given)
        if place is not None and form is not None:
            hits.append(Hit(*form, *place))
    return _entry(blocker.words, tuple(hits), blocker)
