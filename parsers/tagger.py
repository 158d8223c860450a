"""Caption -> tags: the longest match over the surface forms of a vocabulary, with blockers and negation. No model.

This is the one tagger: the parser with a scene graph and the one without take their tags from here. Time is linear in the
length of the caption.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from dataengine.parsers.cleaning import PERSON_PLACEHOLDER, Cleaned, clean
from dataengine.parsers.phrases import Blocker, Effect, load_blockers, load_scope, position_in
from dataengine.parsers.source_rules import SourceRules, source_rules
from dataengine.parsers.tokens import Tokens, joins, split_words, tokenise
from dataengine.records import Evidence, Rule, Span

if TYPE_CHECKING:
    from dataengine.vocab import Vocabulary

DropReason: TypeAlias = Literal["blocked", "negated"]

_CLAUSE_END = re.compile(r"[.,;:!?()\[\]|/\"]|\s-\s|--")


class Dropped(NamedTuple):
    """Words that gave no tag, or lost one, and why: for `--explain`."""

    span: Span
    reason: DropReason
    tag_id: int | None


class Phrase(NamedTuple):
    """Several words of the cleaned text that name one tag; opaque where the last alone names a thing of another kind."""

    start: int
    end: int
    opaque: bool


class Tagged(NamedTuple):
    """What the tagger says of one caption: every mention of every tag in reading order, and what it passed over."""

    evidence: tuple[Evidence, ...]
    dropped: tuple[Dropped, ...]
    phrases: tuple[Phrase, ...]
    negated: tuple[Span, ...]
    """Stretches of the cleaned text that the caption says are not so."""

    @property
    def tag_ids(self) -> tuple[int, ...]:
        """The tags, ascending and unique."""
        return tuple(sorted({mention.tag_id for mention in self.evidence}))


class _Hit(NamedTuple):
    """A tag that an entry gives, and which of its words (half-open) are the evidence."""

    tag_id: int
    rule: Rule
    opaque: bool
    first: int
    last: int


class _Entry(NamedTuple):
    """A surface form or a blocker, as words."""

    words: list[str]
    hits: tuple[_Hit, ...]
    blocker: Blocker | None

    @property
    def names_one(self) -> bool:
        """Whether the words, down to the last, name one thing: a form, or "fire hydrant", which gives hydrant."""
        return len(self.hits) == 1 and self.hits[0].last == len(self.words) and "of" not in self.words


class _Node(NamedTuple):
    """The entries that begin with one word: that word alone, and the longer ones by their second word, longest first."""

    alone: _Entry | None
    longer: dict[str, list[_Entry]]


_Index: TypeAlias = dict[str, _Node]
_Forms: TypeAlias = dict[tuple[str, ...], tuple[int, Rule, bool]]


class Tagger:
    """Finds the tags of a vocabulary in captions. The surface forms are indexed once, by their first word."""

    def __init__(self, vocab: Vocabulary) -> None:
        self._vocab = vocab
        self._forms = _form_hits(vocab)
        self._indexes: dict[frozenset[str], _Index] = {}

    def tag(self, caption: str, source: str | None = None) -> Tagged:
        """Return the tags of `caption` with their evidence. Raises ConfigError for an unknown source, nothing else."""
        return self.tag_cleaned(clean(caption), source_rules(source))

    def tag_cleaned(self, cleaned: Cleaned, rules: SourceRules) -> Tagged:
        """Return the tags of a caption that is already cleaned; spans refer to the caption as given."""
        scan = _Scan(cleaned, tokenise(cleaned.text))
        scan.run(self._index(rules.groups))
        return Tagged(tuple(scan.evidence), tuple(scan.dropped), tuple(scan.phrases), tuple(scan.negated))

    def _index(self, groups: frozenset[str]) -> _Index:
        index = self._indexes.get(groups)
        if index is None:
            index = self._indexes[groups] = _build_index(self._forms, groups)
        return index


class _Scan:
    """One pass over a caption's words."""

    __slots__ = (
        "cleaned",
        "dropped",
        "evidence",
        "negated",
        "negation",
        "negation_start",
        "phrases",
        "seen_word",
        "tokens",
    )

    def __init__(self, cleaned: Cleaned, tokens: Tokens) -> None:
        self.cleaned = cleaned
        self.tokens = tokens
        self.evidence: list[Evidence] = []
        self.dropped: list[Dropped] = []
        self.phrases: list[Phrase] = []
        self.negated: list[Span] = []
        self.negation: Effect | None = None
        self.negation_start = 0
        self.seen_word = False

    def run(self, index: _Index) -> None:
        """Take the longest entry at each word, from left to right, without overlaps."""
        words = self.tokens.words
        position, num_words = 0, len(words)
        while position < num_words:
            if self.negation is not None:
                self._bound_negation(position)
            node = index.get(words[position])
            entry = None if node is None else self._longest(node, position)
            if entry is None:
                position += 1
                continue
            self._take(entry, position)
            position += len(entry.words)
        self._end_negation(num_words)

    def _longest(self, node: _Node, position: int) -> _Entry | None:
        words = self.tokens.words
        if node.longer and position + 1 < len(words):
            for entry in node.longer.get(words[position + 1], ()):
                length = len(entry.words)
                if words[position : position + length] == entry.words and self._unbroken(position, length):
                    return entry
        return node.alone

    def _unbroken(self, position: int, length: int) -> bool:
        """Return whether no punctuation parts the words: "hot, dog" is no hot dog."""
        text, (_, starts, ends) = self.cleaned.text, self.tokens
        return all(joins(text, ends[i], starts[i + 1]) for i in range(position, position + length - 1))

    def _take(self, entry: _Entry, position: int) -> None:
        blocker = entry.blocker
        for hit in entry.hits:
            first, last = position + hit.first, position + hit.last
            span = self._span(first, last)
            if self.negation is not None:
                self._drop(span, "negated", hit.tag_id)
            else:
                self.evidence.append(Evidence(hit.tag_id, span, hit.rule))
        end = position + len(entry.words)
        if entry.names_one and end - position > 1:
            self.phrases.append(Phrase(self.tokens.starts[position], self.tokens.ends[end - 1], entry.hits[0].opaque))
        if blocker is None:
            return
        if blocker.effect == "swallow":
            self._drop(self._span(position, end), "blocked", None)
        else:
            self._end_negation(position)
            self.negation, self.negation_start, self.seen_word = blocker.effect, position, False

    def _bound_negation(self, position: int) -> None:
        """End the negation before the word at `position` where its clause or noun phrase ends."""
        words, starts, ends = self.tokens
        role = load_scope().get(words[position])
        participle = self.negation == "negate_phrase" and words[position].endswith("ing")
        gap_ends = position > 0 and _CLAUSE_END.search(self.cleaned.text, ends[position - 1], starts[position])
        if gap_ends or role == "end" or (self.seen_word and (role == "end_after_word" or participle)):
            self._end_negation(position)
        elif role is None:
            self.seen_word = True

    def _end_negation(self, position: int) -> None:
        if self.negation is not None:
            self.negated.append((self.tokens.starts[self.negation_start], self.tokens.ends[position - 1]))
            self.negation = None

    def _drop(self, span: Span, reason: DropReason, tag_id: int | None) -> None:
        self.dropped.append(Dropped(span, reason, tag_id))

    def _span(self, first: int, last: int) -> Span:
        return self.cleaned.span(self.tokens.starts[first], self.tokens.ends[last - 1])


def _form_hits(vocab: Vocabulary) -> _Forms:
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


def _build_index(forms: _Forms, groups: frozenset[str]) -> _Index:
    """Return the entries by their first word; a blocker takes the place of a form of the same words."""
    entries = [_Entry(list(words), (_Hit(*form, 0, len(words)),), None) for words, form in forms.items()]
    entries += [_blocker_entry(blocker, forms) for blocker in load_blockers() if blocker.group in groups]
    alone: dict[str, _Entry] = {}
    longer: dict[str, dict[str, dict[tuple[str, ...], _Entry]]] = {}
    for entry in entries:
        first, *rest = entry.words
        if rest:
            longer.setdefault(first, {}).setdefault(rest[0], {})[tuple(entry.words)] = entry
        else:
            alone[first] = entry
    return {word: _Node(alone.get(word), _longest_first(longer.get(word, {}))) for word in {*alone, *longer}}


def _longest_first(by_second: dict[str, dict[tuple[str, ...], _Entry]]) -> dict[str, list[_Entry]]:
    return {word: sorted(found.values(), key=lambda entry: -len(entry.words)) for word, found in by_second.items()}


def _blocker_entry(blocker: Blocker, forms: _Forms) -> _Entry:
    hits = []
    for given in map(split_words, blocker.gives):
        place, form = position_in(blocker.words, given), forms.get(given)
        if place is not None and form is not None:
            hits.append(_Hit(*form, *place))
    return _Entry(list(blocker.words), tuple(hits), blocker)
