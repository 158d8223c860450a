"""Questions that the scene graph asks of spaCy's parse: what is a noun, what a preposition, what describes what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dataengine.parsers.lemmas import lemma
from dataengine.parsers.phrases import load_graph_words
from dataengine.parsers.tagger import Phrase
from dataengine.parsers.words import Word

_MEASURES = load_graph_words("measure")
_PLACE_NOUNS = load_graph_words("place_noun")
_SHADES = load_graph_words("shade")
_SHADED = load_graph_words("colour") | {"colored", "coloured"}
_MODIFYING_NOUNS = load_graph_words("material") | load_graph_words("colour")
_RELATIVE_TAGS = frozenset({"WDT", "WP", "WP$"})
_NOUN_ROLES = frozenset({"pobj", "dobj", "nsubj", "nsubjpass"})


def is_entity(token: Word) -> bool:
    """Return whether a word heads a noun phrase that names a thing which the text says is there."""
    if token.dep in ("compound", "amod", "nummod", "npadvmod") or not _is_noun(token):
        return False
    return not _is_place_noun(token) and not (token.lower in _MEASURES and measured(token))


def _is_noun(token: Word) -> bool:
    """Return whether a word is a noun, or stands where only a noun can: "on surfboard", "by building"."""
    if token.pos in ("NOUN", "PROPN"):
        return any(map(str.isalpha, token.lower))
    if token.pos not in ("ADJ", "VERB", "ADV", "X", "INTJ") or not token.lower.isalpha():
        return False
    lone = not any(child.i > token.i and child.dep != "prep" for child in token.children)
    if token.dep == "pcomp":
        return token.tag == "VBG" and lone and not token.children
    if token.tag == "VBZ":
        return token.dep == "ROOT" and token.i == 0 and not any(child.dep in _NOUN_ROLES for child in token.children)
    described = any(child.dep in ("amod", "det", "poss", "nummod") for child in token.children)
    return token.dep in _NOUN_ROLES or (token.dep == "ROOT" and described and token.pos != "VERB")


def _is_place_noun(token: Word) -> bool:
    """Return whether a noun is part of a preposition: "top" in "on top of the bus"."""
    if token.lower not in _PLACE_NOUNS or token.dep != "pobj":
        return False
    return any(child.dep == "prep" and child.lower == "of" for child in token.children)


def measured(token: Word) -> list[Word]:
    """Return the nouns after "of" that a measure counts."""
    nouns: list[Word] = []
    for child in token.children:
        if child.dep == "prep" and child.lower == "of":
            nouns += [
                noun for target in child.children if target.dep == "pobj" for noun in (target, *target.conjuncts())
            ]
    return nouns


def phrase_heads(words: Sequence[Word], phrases: Sequence[Phrase]) -> dict[int, tuple[int, int]]:
    """Return token -> first and last token of the phrase in which it is the one that the parse takes for the noun."""
    if not phrases:
        return {}
    by_start = {token.start: token.i for token in words}
    by_end = {token.end: token.i for token in words}
    heads: dict[int, tuple[int, int]] = {}
    for phrase in phrases:
        first, last = by_start.get(phrase.start), by_end.get(phrase.end)
        if first is not None and last is not None and _is_head(words, first, last, opaque=phrase.opaque):
            nouns = [token.i for token in words[first : last + 1] if is_entity(token)] or [last]
            heads[nouns[-1]] = first, last
    return heads


def _is_head(words: Sequence[Word], first: int, last: int, *, opaque: bool) -> bool:
    """Return whether the words before the last make one head with it.

    They do not where they govern it ("playing tennis"), nor where they describe it ("long hair"), but for an opaque
    phrase: a hot dog is no dog that is hot.
    """
    before = words[first:last]
    if any(token.pos in ("VERB", "AUX") and token.governs(words[last]) for token in before):
        return False
    return opaque or not any(token.dep == "amod" or token.lower in _MODIFYING_NOUNS for token in before)


def head_tokens(words: Sequence[Word], noun: Word, phrase: tuple[int, int] | None) -> list[Word]:
    """Return the noun, or the phrase that it is part of, with the nouns compounded in front, materials left out."""
    start, last = phrase or (noun.i, noun.i)
    while start > 0:
        before = words[start - 1]
        if before.dep != "compound" or before.lower in _MODIFYING_NOUNS or not start <= before.head.i <= last:
            break
        start -= 1
    return list(words[start : last + 1])


def modifiers(noun: Word) -> Iterator[Word]:
    """Yield what describes a noun, also by way of a noun compounded with it: "red metal roof"."""
    for child in noun.children:
        if child.lower in ("colored", "coloured") and child.children and child.children[0].i < child.i:
            yield from (word for word in child.children if word.i < child.i)
        elif child.dep in ("amod", "nummod") or (child.dep == "compound" and child.lower in _MODIFYING_NOUNS):
            yield child
            yield from (conjunct for conjunct in child.conjuncts() if conjunct.i < noun.i)
        if child.dep == "compound":
            yield from modifiers(child)


def shaded(modifiers: list[list[Word]]) -> list[list[Word]]:
    """Return the modifiers with "dark" and "green" made one where they stand side by side, none inside another."""
    found: list[list[Word]] = []
    for words in sorted(modifiers, key=lambda words: int(words[0].i)):
        before = found[-1][-1] if found else None
        if before is None or words[-1].i > before.i:
            joined = before is not None and before.i + 1 == words[0].i and before.lower in _SHADES
            if joined and words[0].lower in _SHADED:
                found[-1] = [*found[-1], *words]
            else:
                found.append(words)
    return found


def hyphenated(words: Sequence[Word], token: Word) -> list[Word]:
    """Return the token with what hyphens bind to its left: "hand-tufted" is one, "black-and-white" two."""
    start = token.i
    while (
        start >= 2
        and _is_hyphen(words[start - 1])
        and not words[start - 2].has_space
        and words[start - 2].lower != "and"
    ):
        start -= 2
    return list(words[start : token.i + 1])


def _is_hyphen(token: Word) -> bool:
    return token.lower == "-" and not token.has_space


def prepositions(token: Word) -> Iterator[tuple[tuple[Word, ...], Word]]:
    """Yield (the words of a preposition, the token that its objects hang on) for each one below `token`."""
    for child in token.children:
        if child.dep == "prep" or (child.dep == "prt" and not child.is_last):
            yield from _resolve_preposition((child,), child)
        elif child.dep == "advmod":
            for below in child.children:
                if below.dep == "prep":
                    yield (child, below), below


def _resolve_preposition(words: tuple[Word, ...], prep: Word) -> Iterator[tuple[tuple[Word, ...], Word]]:
    plain = False
    for child in prep.children:
        if child.dep == "pobj" and _is_place_noun(child):
            for below in child.children:
                if below.dep == "prep" and below.lower == "of":
                    yield (*words, child, below), below
        elif child.dep == "prep":
            yield (*words, child), child
        elif child.dep in ("pobj", "pcomp"):
            plain = True
    if plain:
        yield words, prep


def noun_in_front(verb: Word) -> Word | None:
    """Return the object that stands before its clause: "the street the man is standing on"."""
    subjects = [child for child in verb.children if child.dep == "nsubj"]
    if len(subjects) == 2:
        return subjects[0]
    if verb.dep == "relcl" and subjects and not is_relative(subjects[0]):
        return verb.head
    return None


def is_relative(token: Word) -> bool:
    """Return whether a word stands for the noun before its clause: "that", "which", "who"."""
    return token.tag in _RELATIVE_TAGS or token.lower == "that"


def is_be(verb: Word) -> bool:
    """Return whether a verb is a form of "be"."""
    return lemma(verb.lower, "VERB") == "be" or verb.lower in ("'s", "\u2019s", "'re", "'m")


def is_existential(verb: Word) -> bool:
    """Return whether a verb is the "is" of "there is"."""
    return is_be(verb) and any(child.dep == "expl" for child in verb.children)


def predicate(words: tuple[Word, ...]) -> str:
    """Return the words with the first, a verb, lemmatised: "sitting", "on" is sit on."""
    return " ".join([lemma(words[0].lower, "VERB"), *(word.lower for word in words[1:])])


def words_text(words: tuple[Word, ...]) -> str:
    """Return the words in lower case, with spaces: the predicate of a preposition."""
    return " ".join(word.lower for word in words)
