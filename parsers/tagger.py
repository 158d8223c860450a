"""Caption -> tags: the longest match over the surface forms of a vocabulary, with blockers and negation. No model.

This is the one tagger: the parser with a scene graph and the one without take their tags from here. Time is linear in the
length of the caption.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from dataengine.parsers.cleaning import Cleaned, clean
from dataengine.parsers.names import NameFinder
from dataengine.parsers.phrases import Effect, load_scope
from dataengine.parsers.senses import DROP, EDGE, KEEP, decide, left_word
from dataengine.parsers.source_rules import SourceRules, source_rules
from dataengine.parsers.surface_index import Entry, Forms, Hit, Index, Node, build_index, form_hits, meant
from dataengine.parsers.tokens import joins, tokenise
from dataengine.records import Evidence, Span

if TYPE_CHECKING:
    from dataengine.vocab import Vocabulary
    from dataengine.vocab.tag import Kind

DropReason: TypeAlias = Literal["blocked", "negated", "compared", "supposed", "sense", "name", "unseen"]

_SCOPE_REASONS: Mapping[Effect, DropReason] = {
    "negate": "negated",
    "negate_phrase": "negated",
    "compare": "compared",
    "suppose": "supposed",
    "suppose_phrase": "supposed",
    "suppose_word": "supposed",
}
_NOT_SO = frozenset({"negate", "negate_phrase", "suppose"})
"""What the scene graph leaves out too: it says what a thing is like, and what somebody waits for."""
_ENDS_AT_PARTICIPLE = frozenset({"negate_phrase", "compare", "suppose_phrase"})

MAX_CLAUSE = 20
"""Words that a negation at the end of a clause reaches back at most."""

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


class Tagger:
    """Finds the tags of a vocabulary in captions. The surface forms are indexed once, by their first word."""

    def __init__(self, vocab: Vocabulary) -> None:
        self._vocab = vocab
        self._forms = form_hits(vocab)
        self._kinds = [tag.kind for tag in vocab]
        self._indexes: dict[frozenset[str], Index] = {}

    def tag(self, caption: str, source: str | None = None) -> Tagged:
        """Return the tags of `caption` with their evidence. Raises ConfigError for an unknown source, nothing else."""
        return self.tag_cleaned(clean(caption), source_rules(source))

    def tag_cleaned(self, cleaned: Cleaned, rules: SourceRules) -> Tagged:
        """Return the tags of a caption that is already cleaned; spans refer to the caption as given."""
        scan = _Scan(cleaned, rules, self._forms, self._kinds)
        scan.run(self._index(rules.groups))
        return Tagged(tuple(scan.evidence), tuple(scan.dropped), tuple(scan.phrases), tuple(scan.negated))

    def _index(self, groups: frozenset[str]) -> Index:
        index = self._indexes.get(groups)
        if index is None:
            index = self._indexes[groups] = build_index(self._vocab, self._forms, groups)
        return index


class _Scan:
    """One pass over a caption's words."""

    __slots__ = (
        "cleaned",
        "dropped",
        "evidence",
        "forms",
        "kinds",
        "names",
        "negated",
        "negation",
        "negation_start",
        "phrases",
        "rules",
        "seen_word",
        "tokens",
        "word_set",
    )

    def __init__(self, cleaned: Cleaned, rules: SourceRules, forms: Forms, kinds: Sequence[Kind]) -> None:
        self.cleaned = cleaned
        self.tokens = tokenise(cleaned.text)
        self.rules = rules
        self.forms = forms
        self.kinds = kinds
        self.names = NameFinder(cleaned.text, self.tokens, titles=rules.titles) if rules.names else None
        self.evidence: list[Evidence] = []
        self.dropped: list[Dropped] = []
        self.phrases: list[Phrase] = []
        self.negated: list[Span] = []
        self.negation: Effect | None = None
        self.negation_start = 0
        self.seen_word = False
        self.word_set: set[str] | None = None

    def run(self, index: Index) -> None:
        """Take the longest entry at each word, from left to right, without overlaps."""
        words = self.tokens.words
        find = index.get
        position, num_words = 0, len(words)
        while position < num_words:
            if self.negation is not None:
                self._bound_negation(position)
            node = find(words[position])
            entry = None if node is None else self._longest(node, position) if node.longer else node.alone
            if entry is None:
                position += 1
                continue
            for hit in entry.hits:
                self._take(entry, hit, position)
            if entry.blocker is not None or entry.is_phrase:
                self._note(entry, position)
            position += entry.length
        self._end_negation(num_words)

    def _longest(self, node: Node, position: int) -> Entry | None:
        words = self.tokens.words
        if position + 1 < len(words):
            for entry in node.longer.get(words[position + 1], ()):
                length = entry.length
                if words[position : position + length] == entry.words and self._unbroken(position, length):
                    return entry
        return node.alone

    def _unbroken(self, position: int, length: int) -> bool:
        """Return whether no punctuation parts the words: "hot, dog" is no hot dog."""
        text, (_, starts, ends) = self.cleaned.text, self.tokens
        return all(joins(text, ends[i], starts[i + 1]) for i in range(position, position + length - 1))

    def _take(self, entry: Entry, hit: Hit, position: int) -> None:
        """Keep a tag as evidence, or drop it with the reason."""
        first, last = position + hit.first, position + hit.last
        tag_id, rule = hit.tag_id, hit.rule
        reason: DropReason | None = None
        if self.negation is not None:
            reason = _SCOPE_REASONS[self.negation]
        elif entry.senses and (sense := self._sense(entry, first, last)) != KEEP:
            other = None if sense == DROP else meant(self.forms, sense)
            if other is None:
                reason = "sense"
            else:
                tag_id, rule = other
        if reason is None and (self.names is not None or self.rules.unseen_kinds):
            reason = self._unseen_reason(first, last, self.kinds[tag_id])
        if reason is None:
            self.evidence.append(Evidence(tag_id, self._span(first, last), rule))
        else:
            self.dropped.append(Dropped(self._span(first, last), reason, tag_id))

    def _unseen_reason(self, first: int, last: int, kind: Kind) -> DropReason | None:
        if kind in self.rules.unseen_kinds:
            return "unseen"
        return "name" if self.names is not None and self.names.is_name(first, last, kind) else None

    def _sense(self, entry: Entry, first: int, last: int) -> str:
        """Return what the sense rules say of a form; punctuation hides its neighbours."""
        text, (words, starts, ends) = self.cleaned.text, self.tokens
        left = right = EDGE
        if first and joins(text, ends[first - 1], starts[first]):
            left = left_word(words, first)
        if last < len(words) and joins(text, ends[last - 1], starts[last]):
            right = words[last]
        if self.word_set is None:
            self.word_set = set(words)
        return decide(entry.senses, left, right, self.word_set)

    def _note(self, entry: Entry, position: int) -> None:
        """Note that several words name one thing, and do what a blocker does besides giving tags."""
        end = position + entry.length
        if entry.is_phrase:
            self.phrases.append(Phrase(self.tokens.starts[position], self.tokens.ends[end - 1], entry.hits[0].opaque))
        if entry.blocker is None:
            return
        if entry.blocker.effect == "swallow":
            self.dropped.append(Dropped(self._span(position, end), "blocked", None))
        elif entry.blocker.effect == "negate_back":
            self._negate_back(position)
        else:
            self._end_negation(position)
            self.negation, self.negation_start, self.seen_word = entry.blocker.effect, position, False

    def _bound_negation(self, position: int) -> None:
        """End the negation before the word at `position` where its clause or noun phrase ends."""
        words, starts, ends = self.tokens
        role = load_scope().get(words[position])
        participle = self.negation in _ENDS_AT_PARTICIPLE and words[position].endswith("ing")
        gap_ends = position > 0 and _CLAUSE_END.search(self.cleaned.text, ends[position - 1], starts[position])
        ends_here = (
            participle or self.negation == "suppose_word" or (role == "end_after_word" and self.negation != "suppose")
        )
        if gap_ends or role == "end" or (self.seen_word and ends_here):
            self._end_negation(position)
        elif role is None or self.negation == "suppose_word":
            self.seen_word = True

    def _negate_back(self, position: int) -> None:
        """Drop the tags between `position` and the beginning of its clause, or of what a bracket there speaks of."""
        starts, ends, clause = self.tokens.starts, self.tokens.ends, position
        if position and "(" in self.cleaned.text[ends[position - 1] : starts[position]]:
            clause -= 1
        while (
            position - clause < MAX_CLAUSE
            and clause
            and not _CLAUSE_END.search(self.cleaned.text, ends[clause - 1], starts[clause])
        ):
            clause -= 1
        if clause < position:
            begin = self._span(clause, position)[0]
            self.negated.append((starts[clause], ends[position - 1]))
            while self.evidence and self.evidence[-1].span[0] >= begin:
                mention = self.evidence.pop()
                self.dropped.append(Dropped(mention.span, "negated", mention.tag_id))

    def _end_negation(self, position: int) -> None:
        if self.negation is not None:
            if self.negation in _NOT_SO:
                self.negated.append((self.tokens.starts[self.negation_start], self.tokens.ends[position - 1]))
            self.negation = None

    def _span(self, first: int, last: int) -> Span:
        offsets = self.cleaned.offsets
        return offsets[self.tokens.starts[first]], offsets[self.tokens.ends[last - 1]]
