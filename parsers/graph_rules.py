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
from dataengine.parsers.tagger import Phrase

_MEASURES = load_graph_words("measure")
_PLACE_NOUNS = load_graph_words("place_noun")
_PLACE_PARTICIPLES = load_graph_words("place_participle")
_CONTAINERS = load_graph_words("container")
_SHADES = load_graph_words("shade")
_SHADED = load_graph_words("colour") | {"colored", "coloured"}
_MODIFYING_NOUNS = load_graph_words("material") | load_graph_words("colour")
_RELATIVE_TAGS = frozenset({"WDT", "WP", "WP$"})
_SUBJECTS = frozenset({"nsubj", "nsubjpass"})
_OBJECTS = frozenset({"dobj", "dative"})
_SHARED_SUBJECT = frozenset({"conj", "xcomp", "advcl", "pcomp", "prep"})
_NOUN_ROLES = frozenset({"pobj", "dobj", "nsubj", "nsubjpass"})
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

    def __init__(self, doc: Doc, phrases: Sequence[Phrase] = ()) -> None:
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
            elif token.lower_ in _MEASURES and (measured := self._with_conjuncts(token)):
                self._read_prepositions(token, measured)
            elif token.pos_ in ("VERB", "AUX") and token.dep_ not in ("aux", "auxpass"):
                self._read_verb(token)

    # ------------------------------------------------------------------------------------------------------- nouns

    def _read_noun(self, noun: Token) -> None:
        node = self.nodes[self._positions[noun.i]]
        own = [_hyphenated(token) for token in _modifiers(noun) if token.i < node.head[0].i or token.i > noun.i]
        node.modifiers += _shaded(own)
        owned = self._with_conjuncts(noun)
        for child in noun.children:
            if child.dep_ == "poss" and child.i in self._positions:
                self._relate([child], "have", owned, (child,))
        self._read_prepositions(noun, [token for token in (noun, *noun.conjuncts) if token.i in self._positions])

    def _read_prepositions(self, noun: Token, subjects: list[Token]) -> None:
        """Relate `subjects`, those that stand before it, by each preposition that hangs on `noun`."""
        for words, prep in _prepositions(noun):
            if _text(words) != "of":
                before = [token for token in subjects if token.i < prep.i or token.head.lower_ == "of"]
                self._relate(before, _text(words), self._objects(prep), words)
            elif noun.i in self._positions:
                self._read_of(noun, prep)

    def _read_of(self, noun: Token, prep: Token) -> None:
        """ "The head of a guy": the guy has the head; "a group of people" relates nothing."""
        if lemma(noun.lower_, "NOUN") in _CONTAINERS:
            self._relate([noun], "of", self._objects(prep), (prep,))
        elif noun.lower_ not in _MEASURES:
            self._relate(self._objects(prep), "have", [noun], (prep,))

    # ------------------------------------------------------------------------------------------------------- verbs

    def _read_verb(self, verb: Token) -> None:
        if any(child.dep_ == "neg" for child in verb.children):
            return
        subjects = self._subjects(verb)
        if _is_be(verb):
            self._read_be(verb, subjects)
        elif subjects or not self._read_participle(verb):
            self._read_action(verb, subjects)

    def _read_action(self, verb: Token, subjects: list[Token]) -> None:
        words = (verb, *(child for child in verb.children if child.dep_ == "prt" and child.n_rights == 0))
        found = self._read_objects(verb, subjects, words)
        for child in verb.children:
            if child.dep_ == "agent":
                found |= self._read_agent(subjects, words, child)
        for preposition, prep in _prepositions(verb):
            all_words = (*words, *preposition)
            found |= self._relate(subjects, _predicate(all_words), self._objects(prep), all_words)
        if not found:
            for subject in subjects:
                self._add_edge(subject, _predicate(words), None, words)

    def _read_agent(self, subjects: list[Token], words: tuple[Token, ...], by: Token) -> bool:
        """ "Worn by a man": the man wears; "parked by a wall" is a place."""
        if lemma(words[0].lower_, "VERB") in _PLACE_PARTICIPLES:
            return self._relate(subjects, _predicate((*words, by)), self._objects(by), (*words, by))
        return self._relate(self._objects(by), _predicate(words), subjects, words)

    def _read_objects(self, verb: Token, subjects: list[Token], words: tuple[Token, ...]) -> bool:
        """Relate subjects to the verb's objects, or to the noun in front: "the street the man is standing on"."""
        direct = [child for child in verb.children if child.dep_ in _OBJECTS]
        objects = [noun for child in direct for noun in self._with_conjuncts(child)]
        if not objects and (front := _noun_in_front(verb)) is not None:
            words = (*words, *(child for child in verb.children if child.dep_ == "prep" and child.n_rights == 0))
            objects = self._with_conjuncts(front)
        return self._relate(subjects, _predicate(words), objects, words)

    def _read_participle(self, verb: Token) -> bool:
        """Read "arched windows on a building", which the parse takes for a sentence: the first word modifies."""
        objects = [child for child in verb.children if child.dep_ == "dobj" and child.i in self._positions]
        if verb.i != verb.sent.start or verb.tag_ not in ("VBD", "VBN", "VBG") or len(objects) != 1:
            return False
        if any(child.dep_ == "det" for child in objects[0].children):
            return False
        self.nodes[self._positions[objects[0].i]].modifiers.append([verb])
        for words, prep in _prepositions(verb):
            self._relate(objects, _text(words), self._objects(prep), words)
        return True

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
            if own := [child for child in verb.children if child.dep_ in _SUBJECTS]:
                if not _is_relative(own[-1]):
                    return self._with_conjuncts(own[-1])
                return self._with_conjuncts(verb.head) if verb.dep_ == "relcl" else []
            if verb.dep_ in _NOUN_CLAUSES:
                return [noun for noun in self._with_conjuncts(verb.head) if noun.i < verb.i]
            if _is_be(verb) or verb.dep_ not in _SHARED_SUBJECT:
                return [child for child in verb.children if child.dep_ == "attr"] if _is_existential(verb) else []
            verb = verb.head
        return []

    # ------------------------------------------------------------------------------------------------------- edges

    def _objects(self, prep: Token) -> list[Token]:
        targets = [child for child in prep.children if child.dep_ in ("pobj", "pcomp")]
        return [noun for child in targets for noun in self._with_conjuncts(child)]

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
    if token.dep_ in ("compound", "amod", "nummod", "npadvmod") or not _is_noun(token) or _is_negated(token):
        return False
    return not _is_place_noun(token) and not (token.lower_ in _MEASURES and _measured(token))


def _is_negated(token: Token) -> bool:
    """Return whether the text says that a thing is not there: "no hat", "without hat and gloves"."""
    while token.dep_ == "conj" and token.head.i != token.i:
        token = token.head
    return token.head.lower_ == "without" or any(child.lower_ == "no" for child in token.children)


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


def _measured(token: Token) -> list[Token]:
    """Return the nouns after "of" that a measure counts."""
    nouns: list[Token] = []
    for child in token.children:
        if child.dep_ == "prep" and child.lower_ == "of":
            nouns += [
                noun for target in child.children if target.dep_ == "pobj" for noun in (target, *target.conjuncts)
            ]
    return nouns


def _phrase_starts(doc: Doc, phrases: Sequence[Phrase]) -> dict[int, int]:
    """Return last token -> first token of the phrases of more than one token."""
    if not phrases:
        return {}
    by_start = {token.idx: token.i for token in doc}
    by_end = {token.idx + len(token): token.i for token in doc}
    starts: dict[int, int] = {}
    for phrase in phrases:
        first, last = by_start.get(phrase.start), by_end.get(phrase.end)
        if first is not None and last is not None and _is_head(doc, first, last, opaque=phrase.opaque):
            starts[last] = first
    return starts


def _is_head(doc: Doc, first: int, last: int, *, opaque: bool) -> bool:
    """Return whether the words before the last make one head with it.

    They do not where they govern it ("playing tennis"), nor where they describe it ("long hair"), but for an opaque
    phrase: a hot dog is no dog that is hot.
    """
    before = doc[first:last]
    if any(token.is_ancestor(doc[last]) for token in before):
        return False
    return opaque or not any(token.dep_ == "amod" or token.lower_ in _MODIFYING_NOUNS for token in before)


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
    """Yield what describes a noun, also by way of a noun compounded with it: "red metal roof"."""
    for child in noun.children:
        if child.lower_ in ("colored", "coloured") and child.n_lefts:
            yield from child.lefts
        elif child.dep_ in ("amod", "nummod") or (child.dep_ == "compound" and child.lower_ in _MODIFYING_NOUNS):
            yield child
            yield from (conjunct for conjunct in child.conjuncts if conjunct.i < noun.i)
        if child.dep_ == "compound":
            yield from _modifiers(child)


def _shaded(modifiers: list[list[Token]]) -> list[list[Token]]:
    """Return the modifiers with "dark" and "green" made one where they stand side by side."""
    found: list[list[Token]] = []
    for words in sorted(modifiers, key=lambda words: int(words[0].i)):
        before = found[-1][-1] if found else None
        if (
            before is not None
            and before.lower_ in _SHADES
            and words[0].lower_ in _SHADED
            and before.i + 1 == words[0].i
        ):
            found[-1] = [*found[-1], *words]
        else:
            found.append(words)
    return found


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


def _noun_in_front(verb: Token) -> Token | None:
    """Return the object that stands before its clause: "the street the man is standing on"."""
    subjects = [child for child in verb.children if child.dep_ == "nsubj"]
    if len(subjects) == 2:
        return subjects[0]
    if verb.dep_ == "relcl" and subjects and not _is_relative(subjects[0]):
        return verb.head
    return None


def _is_relative(token: Token) -> bool:
    return token.tag_ in _RELATIVE_TAGS or token.lower_ == "that"


def _is_be(verb: Token) -> bool:
    return lemma(verb.lower_, "VERB") == "be" or verb.lower_ in ("'s", "\u2019s", "'re", "'m")


def _is_existential(verb: Token) -> bool:
    return _is_be(verb) and any(child.dep_ == "expl" for child in verb.children)


def _predicate(words: tuple[Token, ...]) -> str:
    return " ".join([lemma(words[0].lower_, "VERB"), *(word.lower_ for word in words[1:])])


def _text(words: tuple[Token, ...]) -> str:
    return " ".join(word.lower_ for word in words)
