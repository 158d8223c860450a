"""How far a negation, a comparison or a supposition reaches in a caption: scope.tsv and word_classes.tsv say what bounds it.

A scope is opened by a row of blockers.tsv. This module decides before which word it ends; the tagger drops what stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dataengine.parsers.phrases import Effect, load_graph_words, load_scope
from dataengine.parsers.senses import load_classes
from dataengine.parsers.tokens import Tokens, joins

_SENTENCE_END = re.compile(r"[.!?]")
_CLAUSE_END = re.compile(r"[.,;:!?()\[\]|/\"]|\s-\s|--")
_LIST_END = re.compile(r"[.!?)\]]")

_ENDS_AT_PARTICIPLE = frozenset({"negate_phrase", "compare", "suppose_phrase"})
_NEGATING = frozenset({"negate", "negate_phrase"})
_OF_VERBS = frozenset({"not", "never", "cannot"})
"""What negates a verb, beside the contractions: its object may well be there ("not watching the TV")."""
_DEMANDING = frozenset({"don't", "never", "do"})
"""What begins a demand or an advice at the beginning of a sentence: "Don't bother with pizza at noon"."""


class Scope:
    """An open scope of one caption: what it does to tags, and where it ends."""

    __slots__ = ("_demands", "_is_list", "_last_word", "_of_verb", "_seen_word", "_text", "_tokens", "effect", "start")

    def __init__(self, effect: Effect, opener: Sequence[str], start: int, text: str, tokens: Tokens) -> None:
        """`opener` are the words that open it, the first of which stands at `start`."""
        self.effect: Effect = effect
        self.start = start
        self._text = text
        self._tokens = tokens
        self._seen_word = False
        self._last_word = ""
        self._is_list = effect == "negate_back"
        self._of_verb = opener[0] in _OF_VERBS or opener[0].endswith("n't")
        self._demands = self._of_verb and opener[0] in _DEMANDING and opens_sentence(text, tokens, start)

    def ends_before(self, position: int) -> bool:
        """Return whether the scope ends before the word at `position`; it is asked about each word in turn."""
        gap = (self._tokens.ends[position - 1], self._tokens.starts[position])
        if self._is_list:
            return _LIST_END.search(self._text, *gap) is not None
        word = self._tokens.words[position]
        role = load_scope().get(word)
        if _CLAUSE_END.search(self._text, *gap) or (word in ("this", "these") and self.effect in _NEGATING):
            return True
        if role == "end":
            return not (self._demands and word == "with")
        if self._seen_word and not self._demands and self._stops_at(word, role, position):
            return True
        if role is None or self.effect == "suppose_word":
            self._seen_word, self._last_word = True, word
        return False

    def _stops_at(self, word: str, role: str | None, position: int) -> bool:
        """Return whether a word bounds the scope once a word of it has been seen.

        What a negated verb has done to it may well be there: "not watching the TV", but "not wearing the helmet".
        """
        if self.effect == "suppose_word" or (self.effect in _ENDS_AT_PARTICIPLE and word.endswith("ing")):
            return True
        if role == "end_after_word":
            return self.effect != "suppose" and not (word == "and" and self._joins_noun(position))
        classes = load_classes()
        return self._of_verb and word in classes["definite"] and self._last_word not in classes["negates_on"]

    def _joins_noun(self, position: int) -> bool:
        """Return whether "and" joins one bare noun to what is not there: "no food and water", not "no hat and a coat"."""
        words, starts, ends = self._tokens
        after = position + 2
        if self._of_verb or self.effect not in _NEGATING or after > len(words) or words[after - 1] in load_scope():
            return False
        if after == len(words) or not joins(self._text, ends[after - 1], starts[after]):
            return words[after - 1] not in load_graph_words("colour")
        return words[after] in ("and", "or", "when", "in", "on", "at")


def opens_sentence(text: str, tokens: Tokens, position: int) -> bool:
    """Return whether the word at `position` is the first of a sentence."""
    if not position:
        return True
    return _SENTENCE_END.search(text, tokens.ends[position - 1], tokens.starts[position]) is not None


def noun_phrase_before(text: str, tokens: Tokens, position: int) -> int:
    """Return where the noun phrase begins that ends before `position`, or before the bracket that opens there."""
    words, starts, ends = tokens
    first = position
    if first and ("(" in text[ends[first - 1] : starts[first]] or words[first - 1] in ("that", "which")):
        first -= 1
    while (
        first
        and load_scope().get(words[first - 1], "pass") == "pass"
        and not _CLAUSE_END.search(text, ends[first - 1], starts[first])
    ):
        first -= 1
    return first
