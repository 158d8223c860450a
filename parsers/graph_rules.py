"""From spaCy's dependency parse of a caption to entities, modifiers and relations.

The rules read the parse, not the words: a noun that heads a phrase is an entity; adjectives, numbers and predicates of
"be" modify it; verbs, prepositions and possessives relate it. A participle after a noun has that noun for its subject,
coordinated verbs share a subject, and coordinated nouns each take part in what is said of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from spacy.tokens import Doc, Token

from dataengine.parsers.lemmas import lemma
from dataengine.parsers.phrases import load_graph_words
from dataengine.records import Span

_MEASURES = load_graph_words("measure")
_PLACE_NOUNS = load_graph_words("place_noun")
_MODIFYING_NOUNS = load_graph_words("material") | load_graph_words("colour")
_RELATIVE_TAGS = frozenset({"WDT", "WP", "WP$"})
_SUBJECTS = frozenset({"nsubj", "nsubjpass"})
_OBJECTS = frozenset({"dobj", "dative"})
_SHARED_SUBJECT = frozenset({"conj", "xcomp", "advcl", "pcomp", "prep"})
_NOUN_CLAUSES = frozenset({"acl", "relcl"})


@dataclass(slots=True)
class Node:
    """An entity before its offsets are known: the tokens of its head, and of each of its modifiers."""

    head: list[Token]
    modifiers: list[list[Token]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation between two nodes by position; `tokens` are the words of its predicate."""

    subject: int
    predicate: str
    object: int | None
    tokens: tuple[Token, ...]


class GraphReader:
    """Reads the graph of one parsed text into `nodes` and `edges`."""

    def __init__(self, doc: Doc, phrases: Sequence[Span] = ()) -> None:
        """`phrases` are stretches of the text, in characters, that name one thing ("hot dog")."""
        self._phrase_starts = _phrase_starts(doc, phrases)
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._positions: dict[int, int] = {}
        for token in doc:
            if _is_entity(token):
                self._positions[token.i] = len(self.nodes)
                self.nodes.append(Node(_head_tokens(token, self._phrase_starts.get(token.i, token.i))))
        for token in doc:
            if token.i in self._positions:
                self._read_noun(token)
            elif token.pos_ in ("VERB", "AUX") and token.dep_ not in ("aux", "auxpass"):
                self._read_verb(token)

    # ------------------------------------------------------------------------------------------------------- nouns

    def _read_noun(self, noun: Token) -> None:
        node = self.nodes[self._positions[noun.i]]
        node.modifiers += [
            _hyphenated(token) for token in _modifiers(noun) if token.i < node.head[0].i or token.i > noun.i
        ]
        for child in noun.children:
            if child.dep_ == "poss" and child.i in self._positions:
                self._relate([child], "have", [noun], (child,))
        for words, prep in _prepositions(noun):
            self._read_noun_preposition(noun, words, prep)

    def _read_noun_preposition(self, noun: Token, words: tuple[Token, ...], prep: Token) -> None:
        if words[-1].lower_ == "of" and len(words) == 1:
            self._read_of(noun, prep)
        else:
            self._relate(_sharers(noun), _text(words), self._objects(prep), words)

    def _read_of(self, noun: Token, prep: Token) -> None:
        """ "The head of a guy": the guy has the head; "a group of people" relates nothing."""
        if noun.lower_ not in _MEASURES:
            self._relate(self._objects(prep), "have", [noun], (prep,))

    # ------------------------------------------------------------------------------------------------------- verbs

    def _read_verb(self, verb: Token) -> None:
        subjects = self._subjects(verb)
        if _is_be(verb):
            self._read_be(verb, subjects)
            return
        words = _verb_words(verb)
        objects = [child for child in verb.children if child.dep_ in _OBJECTS]
        found = False
        for direct in objects:
            found |= self._relate(subjects, _predicate(words), self._with_conjuncts(direct), words)
        for child in verb.children:
            if child.dep_ == "agent":
                found |= self._relate(self._objects(child), _predicate(words), subjects, words)
        for preposition, prep in _prepositions(verb):
            found |= self._read_verb_preposition(subjects, (*words, *preposition), prep)
        if not found:
            for subject in subjects:
                self._add_edge(subject, _predicate(words), None, words)

    def _read_verb_preposition(self, subjects: list[Token], words: tuple[Token, ...], prep: Token) -> bool:
        return self._relate(subjects, _predicate(words), self._objects(prep), words)

    def _read_be(self, verb: Token, subjects: list[Token]) -> None:
        """Read what "be" says: an adjective modifies the subject, a preposition or a noun relates it."""
        for child in verb.children:
            if child.dep_ == "acomp" or (child.dep_ == "attr" and child.pos_ == "ADJ"):
                self._read_predicative(subjects, child)
            elif child.dep_ == "attr" and subjects and child.i in self._positions:
                self._relate(subjects, "be", [child], (verb,))
        for words, prep in _prepositions(verb):
            self._relate(subjects, _text(words), self._objects(prep), words)

    def _read_predicative(self, subjects: list[Token], adjective: Token) -> None:
        for subject in subjects:
            node = self.nodes[self._positions[subject.i]] if subject.i in self._positions else None
            if node is not None:
                node.modifiers += [
                    _hyphenated(token) for token in (adjective, *adjective.conjuncts) if token.pos_ != "NOUN"
                ]
        for words, prep in _prepositions(adjective):
            self._relate(subjects, _text((adjective, *words)), self._objects(prep), (adjective, *words))

    def _subjects(self, verb: Token) -> list[Token]:
        """Return the nouns that do what `verb` says, or that it is done to."""
        seen: set[int] = set()
        while verb.i not in seen:
            seen.add(verb.i)
            for child in verb.children:
                if child.dep_ in _SUBJECTS:
                    if child.tag_ in _RELATIVE_TAGS or child.lower_ == "that":
                        return self._with_conjuncts(verb.head) if verb.dep_ == "relcl" else []
                    return self._with_conjuncts(child)
            if verb.dep_ in _NOUN_CLAUSES:
                return self._with_conjuncts(verb.head)
            if _is_be(verb) or verb.dep_ not in _SHARED_SUBJECT:
                return [child for child in verb.children if child.dep_ == "attr"] if _is_existential(verb) else []
            verb = verb.head
        return []

    # ------------------------------------------------------------------------------------------------------- edges

    def _objects(self, prep: Token) -> list[Token]:
        return [noun for child in prep.children if child.dep_ == "pobj" for noun in self._with_conjuncts(child)]

    def _with_conjuncts(self, noun: Token) -> list[Token]:
        """Return the entities that a noun stands for: itself, what it measures, and what is coordinated with it."""
        found: list[Token] = []
        for token in (noun, *(conjunct for conjunct in noun.conjuncts if conjunct.i > noun.i)):
            found += (token.lower_ in _MEASURES and _measured(token)) or [token]
        return [token for token in found if token.i in self._positions]

    def _relate(self, subjects: list[Token], predicate: str, objects: list[Token], words: tuple[Token, ...]) -> bool:
        """Add an edge from each subject to each object. Returns whether there was any."""
        before = len(self.edges)
        for subject in subjects:
            for target in objects:
                if subject.i != target.i:
                    self._add_edge(subject, predicate, target, words)
        return len(self.edges) > before

    def _add_edge(self, subject: Token, predicate: str, target: Token | None, words: tuple[Token, ...]) -> None:
        first = self._positions.get(subject.i)
        second = None if target is None else self._positions.get(target.i)
        if first is not None and (target is None or second is not None):
            self.edges.append(Edge(first, predicate, second, words))


def _is_entity(token: Token) -> bool:
    if token.pos_ not in ("NOUN", "PROPN") or token.dep_ in ("compound", "amod", "nummod", "npadvmod"):
        return False
    return not _is_place_noun(token) and not (token.lower_ in _MEASURES and _measured(token))


def _is_place_noun(token: Token) -> bool:
    """Return whether a noun is part of a preposition: "top" in "on top of the bus"."""
    if token.lower_ not in _PLACE_NOUNS or token.dep_ != "pobj":
        return False
    return any(child.dep_ == "prep" and child.lower_ == "of" for child in token.children)


def _measured(token: Token) -> list[Token]:
    """Return the nouns after "of" that a measure counts."""
    nouns: list[Token] = []
    for child in token.children:
        if child.dep_ == "prep" and child.lower_ == "of":
            nouns += [
                noun for target in child.children if target.dep_ == "pobj" for noun in (target, *target.conjuncts)
            ]
    return nouns


def _phrase_starts(doc: Doc, phrases: Sequence[Span]) -> dict[int, int]:
    """Return last token -> first token of the phrases of more than one token."""
    if not phrases:
        return {}
    by_start = {token.idx: token.i for token in doc}
    by_end = {token.idx + len(token): token.i for token in doc}
    found = ((by_end.get(end), by_start.get(start)) for start, end in phrases)
    return {last: first for last, first in found if last is not None and first is not None and first < last}


def _head_tokens(noun: Token, start: int) -> list[Token]:
    """Return the noun from `start` on, with the nouns compounded in front of it, materials left out."""
    while start > 0:
        before = noun.doc[start - 1]
        if (
            before.dep_ != "compound"
            or before.lower_ in _MODIFYING_NOUNS
            or before.head.i < start
            or before.head.i > noun.i
        ):
            break
        start -= 1
    return list(noun.doc[start : noun.i + 1])


def _modifiers(noun: Token) -> Iterator[Token]:
    for child in noun.children:
        if child.dep_ in ("amod", "nummod") or (child.dep_ == "compound" and child.lower_ in _MODIFYING_NOUNS):
            yield child
            yield from (conjunct for conjunct in child.conjuncts if conjunct.i < noun.i)


def _hyphenated(token: Token) -> list[Token]:
    """Return the token with what hyphens bind to its left: "hand-tufted" is three tokens."""
    start, doc = token.i, token.doc
    while (
        start >= 2 and doc[start - 1].text == "-" and not doc[start - 1].whitespace_ and not doc[start - 2].whitespace_
    ):
        start -= 2
    return list(doc[start : token.i + 1])


def _prepositions(token: Token) -> Iterator[tuple[tuple[Token, ...], Token]]:
    """Yield (the words of a preposition, the token that its objects hang on) for each one below `token`."""
    for child in token.children:
        if child.dep_ == "prep":
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
        elif child.dep_ == "pobj":
            plain = True
    if plain:
        yield words, prep


def _sharers(noun: Token) -> list[Token]:
    return [noun]


def _verb_words(verb: Token) -> tuple[Token, ...]:
    return (verb, *(child for child in verb.children if child.dep_ == "prt"))


def _is_be(verb: Token) -> bool:
    return lemma(verb.lower_, "VERB") == "be" or verb.lower_ in ("'s", "\u2019s", "'re", "'m")


def _is_existential(verb: Token) -> bool:
    return _is_be(verb) and any(child.dep_ == "expl" for child in verb.children)


def _predicate(words: tuple[Token, ...]) -> str:
    return " ".join([lemma(words[0].lower_, "VERB"), *(word.lower_ for word in words[1:])])


def _text(words: tuple[Token, ...]) -> str:
    return " ".join(word.lower_ for word in words)
