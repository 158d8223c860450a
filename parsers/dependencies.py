"""Questions that the scene graph asks of spaCy's parse: what is a noun, what a preposition, what describes what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spacy.tokens import Doc, Token

from dataengine.parsers.lemmas import lemma
from dataengine.parsers.phrases import load_graph_words
from dataengine.parsers.tagger import Phrase

_MEASURES = load_graph_words("measure")
_PLACE_NOUNS = load_graph_words("place_noun")
_SHADES = load_graph_words("shade")
_SHADED = load_graph_words("colour") | {"colored", "coloured"}
_MODIFYING_NOUNS = load_graph_words("material") | load_graph_words("colour")
_RELATIVE_TAGS = frozenset({"WDT", "WP", "WP$"})
_NOUN_ROLES = frozenset({"pobj", "dobj", "nsubj", "nsubjpass"})


def is_entity(token: Token) -> bool:
    """Return whether a word heads a noun phrase that names a thing which the text says is there."""
    if token.dep_ in ("compound", "amod", "nummod", "npadvmod") or not _is_noun(token):
        return False
    return not _is_place_noun(token) and not (token.lower_ in _MEASURES and measured(token))


def _is_noun(token: Token) -> bool:
    """Return whether a word is a noun, or stands where only a noun can: "on surfboard", "by building"."""
    if token.pos_ in ("NOUN", "PROPN"):
        return any(map(str.isalpha, token.text))
    if token.pos_ not in ("ADJ", "VERB", "ADV", "X", "INTJ") or not token.is_alpha:
        return False
    lone = not any(child.i > token.i and child.dep_ != "prep" for child in token.children)
    if token.dep_ == "pcomp":
        return token.tag_ == "VBG" and lone and not any(True for _ in token.children)
    if token.tag_ == "VBZ":
        return token.dep_ == "ROOT" and token.i == 0 and not any(child.dep_ in _NOUN_ROLES for child in token.children)
    described = any(child.dep_ in ("amod", "det", "poss", "nummod") for child in token.children)
    return token.dep_ in _NOUN_ROLES or (token.dep_ == "ROOT" and described and token.pos_ != "VERB")


def _is_place_noun(token: Token) -> bool:
    """Return whether a noun is part of a preposition: "top" in "on top of the bus"."""
    if token.lower_ not in _PLACE_NOUNS or token.dep_ != "pobj":
        return False
    return any(child.dep_ == "prep" and child.lower_ == "of" for child in token.children)


def measured(token: Token) -> list[Token]:
    """Return the nouns after "of" that a measure counts."""
    nouns: list[Token] = []
    for child in token.children:
        if child.dep_ == "prep" and child.lower_ == "of":
            nouns += [
                noun for target in child.children if target.dep_ == "pobj" for noun in (target, *target.conjuncts)
            ]
    return nouns


def phrase_heads(doc: Doc, phrases: Sequence[Phrase]) -> dict[int, tuple[int, int]]:
    """Return token -> first and last token of the phrase in which it is the one that the parse takes for the noun."""
    if not phrases:
        return {}
    by_start = {token.idx: token.i for token in doc}
    by_end = {token.idx + len(token): token.i for token in doc}
    heads: dict[int, tuple[int, int]] = {}
    for phrase in phrases:
        first, last = by_start.get(phrase.start), by_end.get(phrase.end)
        if first is not None and last is not None and _is_head(doc, first, last, opaque=phrase.opaque):
            nouns = [token.i for token in doc[first : last + 1] if is_entity(token)] or [last]
            heads[nouns[-1]] = first, last
    return heads


def _is_head(doc: Doc, first: int, last: int, *, opaque: bool) -> bool:
    """Return whether the words before the last make one head with it.

    They do not where they govern it ("playing tennis"), nor where they describe it ("long hair"), but for an opaque
    phrase: a hot dog is no dog that is hot.
    """
    before = doc[first:last]
    if any(token.pos_ in ("VERB", "AUX") and token.is_ancestor(doc[last]) for token in before):
        return False
    return opaque or not any(token.dep_ == "amod" or token.lower_ in _MODIFYING_NOUNS for token in before)


def head_tokens(noun: Token, phrase: tuple[int, int] | None) -> list[Token]:
    """Return the noun, or the phrase that it is part of, with the nouns compounded in front, materials left out."""
    start, last = phrase or (noun.i, noun.i)
    while start > 0:
        before = noun.doc[start - 1]
        if before.dep_ != "compound" or before.lower_ in _MODIFYING_NOUNS or not start <= before.head.i <= last:
            break
        start -= 1
    return list(noun.doc[start : last + 1])


def modifiers(noun: Token) -> Iterator[Token]:
    """Yield what describes a noun, also by way of a noun compounded with it: "red metal roof"."""
    for child in noun.children:
        if child.lower_ in ("colored", "coloured") and child.n_lefts:
            yield from child.lefts
        elif child.dep_ in ("amod", "nummod") or (child.dep_ == "compound" and child.lower_ in _MODIFYING_NOUNS):
            yield child
            yield from (conjunct for conjunct in child.conjuncts if conjunct.i < noun.i)
        if child.dep_ == "compound":
            yield from modifiers(child)


def shaded(modifiers: list[list[Token]]) -> list[list[Token]]:
    """Return the modifiers with "dark" and "green" made one where they stand side by side, none inside another."""
    found: list[list[Token]] = []
    for words in sorted(modifiers, key=lambda words: int(words[0].i)):
        before = found[-1][-1] if found else None
        if before is None or words[-1].i > before.i:
            joined = before is not None and before.i + 1 == words[0].i and before.lower_ in _SHADES
            if joined and words[0].lower_ in _SHADED:
                found[-1] = [*found[-1], *words]
            else:
                found.append(words)
    return found


def hyphenated(token: Token) -> list[Token]:
    """Return the token with what hyphens bind to its left: "hand-tufted" is one, "black-and-white" two."""
    start, doc = token.i, token.doc
    while (
        start >= 2 and _is_hyphen(doc[start - 1]) and not doc[start - 2].whitespace_ and doc[start - 2].lower_ != "and"
    ):
        start -= 2
    return list(doc[start : token.i + 1])


def _is_hyphen(token: Token) -> bool:
    return token.text == "-" and not token.whitespace_


def prepositions(token: Token) -> Iterator[tuple[tuple[Token, ...], Token]]:
    """Yield (the words of a preposition, the token that its objects hang on) for each one below `token`."""
    for child in token.children:
        if child.dep_ == "prep" or (child.dep_ == "prt" and child.n_rights):
            yield from _resolve_preposition((child,), child)
        elif child.dep_ == "advmod":
            for below in child.children:
                if below.dep_ == "prep":
                    yield (child, below), below


def _resolve_preposition(words: tuple[Token, ...], prep: Token) -> Iterator[tuple[tuple[Token, ...], Token]]:
    plain = False
    for child in prep.children:
        if child.dep_ == "pobj" and _is_place_noun(child):
            for below in child.children:
                if below.dep_ == "prep" and below.lower_ == "of":
                    yield (*words, child, below), below
        elif child.dep_ == "prep":
            yield (*words, child), child
        elif child.dep_ in ("pobj", "pcomp"):
            plain = True
    if plain:
        yield words, prep


def noun_in_front(verb: Token) -> Token | None:
    """Return the object that stands before its clause: "the street the man is standing on"."""
    subjects = [child for child in verb.children if child.dep_ == "nsubj"]
    if len(subjects) == 2:
        return subjects[0]
    if verb.dep_ == "relcl" and subjects and not is_relative(subjects[0]):
        return verb.head
    return None


def is_relative(token: Token) -> bool:
    """Return whether a word stands for the noun before its clause: "that", "which", "who"."""
    return token.tag_ in _RELATIVE_TAGS or token.lower_ == "that"


def is_be(verb: Token) -> bool:
    """Return whether a verb is a form of "be"."""
    return lemma(verb.lower_, "VERB") == "be" or verb.lower_ in ("'s", "\u2019s", "'re", "'m")


def is_existential(verb: Token) -> bool:
    """Return whether a verb is the "is" of "there is"."""
    return is_be(verb) and any(child.dep_ == "expl" for child in verb.children)


def predicate(words: tuple[Token, ...]) -> str:
    """Return the words with the first, a verb, lemmatised: "sitting", "on" is sit on."""
    return " ".join([lemma(words[0].lower_, "VERB"), *(word.lower_ for word in words[1:])])


def words_text(words: tuple[Token, ...]) -> str:
    """Return the words in lower case, with spaces: the predicate of a preposition."""
    return " ".join(word.lower_ for word in words)
