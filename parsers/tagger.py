"""Caption -> tags: the longest match over the surface forms of a vocabulary, with blockers and negation. No model.

This is the one tagger: the parser with a scene graph and the one without take their tags from here. Time is linear in the
length of the caption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from dataengine.parsers.cleaning import Cleaned, clean
from dataengine.parsers.names import NameFinder
from dataengine.parsers.phrases import Effect
from dataengine.parsers.scopes import Scope, noun_phrase_before, opens_sentence
from dataengine.parsers.senses import DROP, EDGE, KEEP, SPLIT, decide, left_word
from dataengine.parsers.source_rules import SourceRules, source_rules
from dataengine.parsers.surface_index import PENDING, Entry, Hit, Node, SurfaceTable, meant
from dataengine.parsers.tokens import joins, tokenise
from dataengine.records import Evidence, Span

if TYPE_CHECKING:
    from dataengine.vocab import Vocabulary
    from dataengine.vocab.tag import Kind

DropReason: TypeAlias = Literal["blocked", "negated", "compared", "supposed", "sense", "name", "unseen"]

DROP_REASONS: Mapping[DropReason, str] = {
    "blocked": "part of a phrase",
    "negated": "said not to be there",
    "compared": "what something is like",
    "supposed": "wished for, expected or imagined",
    "sense": "another sense of the word",
    "name": "part of a name, a title or a quotation",
    "unseen": "of a kind that captions of this source name without showing it",
}
"""What each reason means, for people."""

_SCOPE_REASONS: Mapping[Effect, DropReason] = {
    "negate": "negated",
    "negate_phrase": "negated",
    "negate_back": "negated",
    "compare": "compared",
    "suppose": "supposed",
    "suppose_phrase": "supposed",
    "suppose_word": "supposed",
}
_NOT_SO = frozenset({"negate", "negate_phrase", "negate_back", "suppose"})
"""What the scene graph leaves out too: it says what a thing is like, and what somebody waits for."""


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
        self._table = SurfaceTable(vocab)
        self._kinds = [tag.kind for tag in vocab]

    def tag(self, caption: str, source: str | None = None) -> Tagged:
        """Return the tags of `caption` with their evidence. Raises ConfigError for an unknown source, nothing else."""
        rules = source_rules(source)
        return self.tag_cleaned(clean(caption, glued=rules.glued), rules)

    def tag_cleaned(self, cleaned: Cleaned, rules: SourceRules) -> Tagged:
        """Return the tags of a caption that is already cleaned; spans refer to the caption as given."""
        scan = _Scan(cleaned, rules, self._table, self._kinds)
        scan.run()
        return Tagged(tuple(scan.evidence), tuple(scan.dropped), tuple(scan.phrases), tuple(scan.negated))


class _Scan:
    """One pass over a caption's words."""

    __slots__ = (
        "cleaned",
        "dropped",
        "evidence",
        "groups",
        "has_quotes",
        "kinds",
        "names",
        "negated",
        "phrases",
        "rules",
        "scope",
        "table",
        "tokens",
    )

    def __init__(self, cleaned: Cleaned, rules: SourceRules, table: SurfaceTable, kinds: Sequence[Kind]) -> None:
        self.cleaned = cleaned
        self.tokens = tokenise(cleaned.text)
        self.rules = rules
        self.groups = rules.groups
        self.table = table
        self.kinds = kinds
        self.names: NameFinder | None = None
        self.has_quotes = rules.names and ('"' in cleaned.text or " '" in cleaned.text)
        self.evidence: list[Evidence] = []
        self.dropped: list[Dropped] = []
        self.phrases: list[Phrase] = []
        self.negated: list[Span] = []
        self.scope: Scope | None = None

    def run(self) -> None:
        """Take the longest entry at each word, from left to right, without overlaps."""
        words, groups = self.tokens.words, self.groups
        nodes = list(map(self.table.nodes.get, words))
        position, num_words = 0, len(words)
        while position < num_words:
            if self.scope is not None and self.scope.ends_before(position):
                self._end_scope(position)
            node = nodes[position]
            if node is None:
                position += 1
                continue
            if node is PENDING:
                node = self.table.settle(words[position])
            following, entry = node.following, None
            if following is not None and position + 1 < num_words and words[position + 1] in following:
                entry = self._longest(node, position)
            if entry is None:
                entry = node.entry
                if entry is not None and entry.group not in groups:
                    entry = node.entry_for(groups)
            if entry is None:
                position += 1
            elif entry.is_plain:
                self._take(entry, entry.hits[0], position)
                position += 1
            else:
                position = self._read(entry, position)
        self._end_scope(num_words)

    def _read(self, entry: Entry, position: int) -> int:
        """Take what an entry gives, note what else it does. Returns where the words end that are read now."""
        for hit in entry.hits:
            self._take(entry, hit, position)
        end = position + entry.length
        if entry.effect is not None or entry.is_phrase:
            self._note(entry, position)
        return self._take_overlap(end) if entry.is_phrase else end

    def _longest(self, node: Node, position: int) -> Entry | None:
        """Return the longest entry of several words that those from `position` on are; `node` stands for the first.

        No punctuation may part the words: "hot, dog" is no hot dog.
        """
        text, (words, starts, ends) = self.cleaned.text, self.tokens
        longest: Entry | None = None
        for end in range(position + 1, len(words)):
            following = None if node.following is None else node.following.get(words[end])
            if following is None or not joins(text, ends[end - 1], starts[end]):
                break
            node = following
            if node.entry is not None:
                longest = self._applying(node, position) or longest
        return longest

    def _applying(self, node: Node, position: int) -> Entry | None:
        """Return the entry that ends at `node`, where it is one: a name needs capitals, some are read word by word."""
        entry = node.entry_for(self.groups)
        if entry is None:
            return None
        end = position + entry.length
        if entry.effect == "name" and not self._has_capitals(position, end):
            return None
        return None if entry.senses and self._sense(entry, position, end) == SPLIT else entry

    def _has_capitals(self, position: int, end: int) -> bool:
        """Return whether the first word and the last one are written with a capital."""
        text, starts = self.cleaned.text, self.tokens.starts
        return text[starts[position]].isupper() and text[starts[end - 1]].isupper()

    def _take_overlap(self, end: int) -> int:
        """Keep the name that begins with the last word of another: of "dark chocolate cake" the chocolate cake.

        Returns where the words end that are read now.
        """
        words = self.tokens.words
        if end == len(words) or self.scope is not None or words[end - 1] not in self.table.nodes:
            return end
        entry = self._longest(self.table.settle(words[end - 1]), end - 1)
        if entry is None or entry.effect is not None or not entry.is_phrase:
            return end
        self._take(entry, entry.hits[0], end - 1)
        return end - 1 + entry.length

    def _take(self, entry: Entry, hit: Hit, position: int) -> None:
        """Keep a tag as evidence, or drop it with the reason."""
        tag_id, rule, _, first, last = hit
        first, last = position + first, position + last
        reason: DropReason | None = None
        if self.scope is not None:
            reason = _SCOPE_REASONS[self.scope.effect]
        elif entry.senses and (sense := self._sense(entry, first, last)) != KEEP:
            other = None if sense == DROP else meant(self.table.forms, sense)
            if other is None:
                reason = "sense"
            else:
                tag_id, rule = other
        if reason is None and self.rules.names:
            reason = self._unseen_reason(first, last, self.kinds[tag_id])
        _, starts, ends = self.tokens
        span = (self.cleaned.offsets[starts[first]], self.cleaned.offsets[ends[last - 1]])
        if reason is None:
            self.evidence.append(Evidence(tag_id, span, rule))
        else:
            self.dropped.append(Dropped(span, reason, tag_id))

    def _unseen_reason(self, first: int, last: int, kind: Kind) -> DropReason | None:
        if kind in self.rules.unseen_kinds:
            return "unseen"
        if not self.has_quotes and not self.cleaned.text[self.tokens.starts[first]].isupper():
            return None
        if self.names is None:
            self.names = NameFinder(self.cleaned.text, self.tokens, titles=self.rules.titles)
        if kind in self.rules.heads_only and self.names.qualifies_title(last):
            return "unseen"
        return "name" if self.names.is_name(first, last, kind) else None

    def _sense(self, entry: Entry, first: int, last: int) -> str:
        """Return what the sense rules say of a form; punctuation hides its neighbours."""
        if entry.sense_groups.isdisjoint(self.groups):
            return KEEP
        text, (words, starts, ends) = self.cleaned.text, self.tokens
        left = right = EDGE
        if first and joins(text, ends[first - 1], starts[first]):
            left = left_word(words, first)
        if last < len(words) and joins(text, ends[last - 1], starts[last]):
            right = words[last]
        return decide(entry.senses, left, right, words, self.groups)

    def _note(self, entry: Entry, position: int) -> None:
        """Note that several words name one thing, and do what a blocker does besides giving tags."""
        end = position + entry.length
        if entry.is_phrase:
            self.phrases.append(Phrase(self.tokens.starts[position], self.tokens.ends[end - 1], entry.hits[0].opaque))
        if entry.effect is None:
            return
        if entry.effect in ("swallow", "name"):
            self.dropped.append(Dropped(self._span(position, end), "blocked", None))
        elif entry.effect == "negate_back" and not self._lists(end):
            self._negate_back(position)
        elif not self._is_impression(entry, position):
            self._end_scope(position)
            self.scope = Scope(entry.effect, entry.words, position, self.cleaned.text, self.tokens)

    def _lists(self, end: int) -> bool:
        """Return whether what is not there follows the words up to `end`: "not pictured: a cat, a dog"."""
        return (
            end < len(self.tokens.words)
            and ":" in self.cleaned.text[self.tokens.ends[end - 1] : self.tokens.starts[end]]
        )

    def _is_impression(self, entry: Entry, position: int) -> bool:
        """Return whether "looks like" begins a sentence, and so says that something is there: "Looks like a party"."""
        if entry.effect != "compare" or not entry.words[0].startswith("look"):
            return False
        return opens_sentence(self.cleaned.text, self.tokens, position)

    def _negate_back(self, position: int) -> None:
        """Drop the tags of the noun phrase before `position`."""
        first = noun_phrase_before(self.cleaned.text, self.tokens, position)
        if first == position:
            return
        begin = self._span(first, position)[0]
        self.negated.append((self.tokens.starts[first], self.tokens.ends[position - 1]))
        while self.evidence and self.evidence[-1].span[0] >= begin:
            mention = self.evidence.pop()
            self.dropped.append(Dropped(mention.span, "negated", mention.tag_id))

    def _end_scope(self, position: int) -> None:
        if self.scope is not None:
            if self.scope.effect in _NOT_SO:
                self.negated.append((self.tokens.starts[self.scope.start], self.tokens.ends[position - 1]))
            self.scope = None

    def _span(self, first: int, last: int) -> Span:
        offsets = self.cleaned.offsets
        return offsets[self.tokens.starts[first]], offsets[self.tokens.ends[last - 1]]
