"""From spaCy's dependency parse of a caption to entities, modifiers and relations.

The rules read the parse, not the words: a noun that heads a phrase is an entity; adjectives, numbers and predicates of
"be" modify it; verbs, prepositions and possessives relate it. A participle after a noun has that noun for its subject,
coordinated verbs share a subject, and coordinated nouns each take part in what is said of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dataengine.parsers.dependencies import (
    head_tokens,
    hyphenated,
    is_entity,
    measured,
    mend,
    modifiers,
    phrase_heads,
    prepositions,
    shaded,
)
from dataengine.parsers.lemmas import lemma
from dataengine.parsers.phrases import load_graph_words
from dataengine.parsers.tagger import Phrase
from dataengine.parsers.words import Word
from dataengine.records import Span

_MEASURES = load_graph_words("measure")
_PLACE_PARTICIPLES = load_graph_words("place_participle")
_CONTAINERS = load_graph_words("container")
_SUBJECTS = frozenset({"nsubj", "nsubjpass"})
_OBJECTS = frozenset({"dobj", "dative"})
_SHARED_SUBJECT = frozenset({"conj", "xcomp", "advcl", "pcomp", "prep"})
_RELATIVE_TAGS = frozenset({"WDT", "WP", "WP$"})
_NOUN_CLAUSES = frozenset({"acl", "relcl"})


@dataclass(slots=True)
class Node:
    """An entity before its offsets are known: the tokens of its head, and of each of its modifiers."""

    head: list[Word]
    modifiers: list[list[Word]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation between two nodes by position; `tokens` are the words of its predicate."""

    subject: int
    predicate: str
    object: int | None
    tokens: tuple[Word, ...]


class GraphReader:
    """Reads the graph of one parsed text into `nodes` and `edges`."""

    def __init__(
        self,
        words: Sequence[Word],
        phrases: Sequence[Phrase] = (),
        negated: Sequence[Span] = (),
        is_named: Callable[[Word], bool] = bool,
    ) -> None:
        """`phrases` are stretches of the text, in characters, that name one thing ("hot dog"); `negated` are not so.

        `is_named` says whether a word by itself, or with those before it, gave a tag.
        """
        self._words = words
        mend(words, phrases)
        heads = phrase_heads(words, phrases)
        self._negated = {token.i for token in words for start, end in negated if start <= token.start < end}
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._positions: dict[int, int] = {}
        for token in words:
            if token.i not in self._negated and is_entity(token):
                self._positions[token.i] = len(self.nodes)
                self.nodes.append(Node(head_tokens(words, token, heads.get(token.i), is_named)))
        for token in words:
            if token.lower in _MEASURES and measured(token):
                self._read_measure(token)
            elif token.i in self._positions:
                self._read_noun(token)
            elif token.pos in ("VERB", "AUX") and token.dep not in ("aux", "auxpass"):
                self._read_verb(token)

    # ------------------------------------------------------------------------------------------------------- nouns

    def _read_noun(self, noun: Word) -> None:
        node = self.nodes[self._positions[noun.i]]
        inside = {token.i for token in node.head}
        own = [token for token in modifiers(noun) if token.i not in inside and token.i not in self._negated]
        node.modifiers += shaded([hyphenated(self._words, token) for token in own])
        owned = self._with_conjuncts(noun)
        for child in noun.children:
            if child.dep == "poss" and child.i in self._positions:
                self._relate([child], "have", owned, (child,))
            elif child.dep == "having":
                self._relate([noun], "have", [child], (child,))
            elif child.dep == "amod" and child.lower.endswith("ed"):
                self._read_coverer(child, owned)
        self._read_prepositions(noun, [token for token in (noun, *noun.conjuncts()) if token.i in self._positions])

    def _read_coverer(self, participle: Word, covered: list[Word]) -> None:
        """ "Snow covered hills": the snow covers the hills."""
        for child in participle.children:
            if child.dep == "coverer":
                self._relate([child], _predicate((participle,)), covered, (participle,))

    def _read_measure(self, measure: Word) -> None:
        """ "A group of people on a hill": the people are on it; "a line of trees": the trees are in line."""
        counted = self._with_conjuncts(measure)
        self._read_prepositions(measure, counted)
        if measure.i in self._positions:
            self._relate(counted, "in", [measure], (measure,))

    def _read_prepositions(self, noun: Word, subjects: list[Word]) -> None:
        """Relate `subjects`, those that stand before it, by each preposition that hangs on `noun`."""
        for words, prep in prepositions(noun):
            if _words_text(words) != "of":
                before = [token for token in subjects if token.i < prep.i or token.head.lower == "of"]
                self._relate(before, _words_text(words), self._objects(prep), words)
            elif noun.i in self._positions:
                self._read_of(noun, prep)

    def _read_of(self, noun: Word, prep: Word) -> None:
        """ "The head of a guy": the guy has the head; "a group of people" relates nothing."""
        if lemma(noun.lower, "NOUN") in _CONTAINERS:
            self._relate([noun], "of", self._objects(prep), (prep,))
        elif noun.lower not in _MEASURES:
            self._relate(self._objects(prep), "have", [noun], (prep,))

    # ------------------------------------------------------------------------------------------------------- verbs

    def _read_verb(self, verb: Word) -> None:
        if verb.i in self._negated:
            return
        subjects = self._subjects(verb)
        if _is_be(verb):
            self._read_be(verb, subjects)
        elif subjects or not self._read_participle(verb):
            self._read_action(verb, subjects)

    def _read_action(self, verb: Word, subjects: list[Word]) -> None:
        words = (verb, *(child for child in verb.children if child.dep == "prt" and child.is_last))
        found = self._read_objects(verb, subjects, words)
        for child in verb.children:
            if child.dep == "agent":
                found |= self._read_agent(subjects, words, child)
        for preposition, prep in prepositions(verb):
            all_words = (*words, *preposition)
            if verb.tag == "VBN" and lemma(verb.lower, "VERB") == "cover" and preposition[0].lower in ("in", "with"):
                found |= self._relate(self._objects(prep), "cover", subjects, all_words)
                continue
            found |= self._relate(subjects, _predicate(all_words), self._objects(prep), all_words)
        if not found:
            for subject in subjects:
                self._add_edge(subject, _predicate(words), None, words)

    def _read_agent(self, subjects: list[Word], words: tuple[Word, ...], by: Word) -> bool:
        """ "Worn by a man": the man wears; "parked by a wall" is a place."""
        if lemma(words[0].lower, "VERB") in _PLACE_PARTICIPLES:
            return self._relate(subjects, _predicate((*words, by)), self._objects(by), (*words, by))
        return self._relate(self._objects(by), _predicate(words), subjects, words)

    def _read_objects(self, verb: Word, subjects: list[Word], words: tuple[Word, ...]) -> bool:
        """Relate subjects to the verb's objects, or to the noun in front: "the street the man is standing on"."""
        direct = [child for child in verb.children if child.dep in _OBJECTS]
        objects = [noun for child in direct for noun in self._with_conjuncts(child)]
        if not objects and (front := _noun_in_front(verb)) is not None:
            words = (*words, *(child for child in verb.children if child.dep == "prep" and child.is_last))
            objects = self._with_conjuncts(front)
        return self._relate(subjects, _predicate(words), objects, words)

    def _read_participle(self, verb: Word) -> bool:
        """Read "arched windows on a building", which the parse takes for a sentence: the first word modifies."""
        objects = [child for child in verb.children if child.dep == "dobj" and child.i in self._positions]
        if not verb.opens_sentence or verb.tag not in ("VBD", "VBN", "VBG") or len(objects) != 1:
            return False
        if any(child.dep == "det" for child in objects[0].children):
            return False
        self.nodes[self._positions[objects[0].i]].modifiers.append([verb])
        for words, prep in prepositions(verb):
            self._relate(objects, _words_text(words), self._objects(prep), words)
        return True

    def _read_be(self, verb: Word, subjects: list[Word]) -> None:
        """Read what "be" says: an adjective modifies the subject, a preposition or a noun relates it."""
        for child in verb.children:
            if child.dep == "acomp" or (child.dep == "attr" and child.pos == "ADJ"):
                self._read_predicative(subjects, child)
            elif child.dep == "attr" and subjects and child.i in self._positions:
                self._relate(subjects, "be", [child], (verb,))
        for words, prep in prepositions(verb):
            self._relate(subjects, _words_text(words), self._objects(prep), words)

    def _read_predicative(self, subjects: list[Word], adjective: Word) -> None:
        self._read_coverer(adjective, subjects)
        for subject in subjects:
            node = self.nodes[self._positions[subject.i]] if subject.i in self._positions else None
            if node is not None:
                node.modifiers += [
                    hyphenated(self._words, token)
                    for token in (adjective, *adjective.conjuncts())
                    if token.pos != "NOUN"
                ]
        for words, prep in prepositions(adjective):
            self._relate(subjects, _words_text((adjective, *words)), self._objects(prep), (adjective, *words))

    def _subjects(self, verb: Word) -> list[Word]:
        """Return the nouns that do what `verb` says, or that it is done to."""
        seen: set[int] = set()
        while verb.i not in seen:
            seen.add(verb.i)
            if own := [child for child in verb.children if child.dep in _SUBJECTS]:
                if not _is_relative(own[-1]):
                    return self._with_conjuncts(own[-1])
                return self._with_conjuncts(verb.head) if verb.dep == "relcl" else []
            if verb.dep in _NOUN_CLAUSES:
                return [noun for noun in self._with_conjuncts(verb.head) if noun.i < verb.i]
            if _is_be(verb) or verb.dep not in _SHARED_SUBJECT:
                return [child for child in verb.children if child.dep == "attr"] if _is_existential(verb) else []
            verb = verb.head
        return []

    # ------------------------------------------------------------------------------------------------------- edges

    def _objects(self, prep: Word) -> list[Word]:
        targets = [child for child in prep.children if child.dep in ("pobj", "pcomp")]
        return [noun for child in targets for noun in self._with_conjuncts(child)]

    def _with_conjuncts(self, noun: Word) -> list[Word]:
        """Return the entities that a noun stands for: itself, what it measures, and what is coordinated with it."""
        found: list[Word] = []
        for token in (noun, *(conjunct for conjunct in noun.conjuncts() if conjunct.i > noun.i)):
            found += (token.lower in _MEASURES and measured(token)) or [token]
        return [token for token in found if token.i in self._positions]

    def _relate(self, subjects: list[Word], predicate: str, objects: list[Word], words: tuple[Word, ...]) -> bool:
        """Add an edge from each subject to each object. Returns whether there was any."""
        before = len(self.edges)
        for subject in subjects:
            for target in objects:
                if subject.i != target.i:
                    self._add_edge(subject, predicate, target, words)
        return len(self.edges) > before

    def _add_edge(self, subject: Word, predicate: str, target: Word | None, words: tuple[Word, ...]) -> None:
        first = self._positions.get(subject.i)
        second = None if target is None else self._positions.get(target.i)
        if first is not None and (target is None or second is not None):
            self.edges.append(Edge(first, predicate, second, words))


def _noun_in_front(verb: Word) -> Word | None:
    """Return the object that stands before its clause: "the street the man is standing on"."""
    subjects = [child for child in verb.children if child.dep == "nsubj"]
    if len(subjects) == 2:
        return subjects[0]
    if verb.dep == "relcl" and subjects and not _is_relative(subjects[0]):
        return verb.head
    return None


def _predicate(words: tuple[Word, ...]) -> str:
    """Return the words with the first, a verb, lemmatised: "sitting", "on" is sit on."""
    return " ".join([lemma(words[0].lower, "VERB"), *(word.lower for word in words[1:])])


def _words_text(words: tuple[Word, ...]) -> str:
    """Return the words in lower case, with spaces: the predicate of a preposition."""
    return " ".join(word.lower for word in words)


def _is_be(verb: Word) -> bool:
    """Return whether a verb is a form of "be"."""
    return lemma(verb.lower, "VERB") == "be" or verb.lower in ("'s", "\u2019s", "'re", "'m")


def _is_existential(verb: Word) -> bool:
    """Return whether a verb is the "is" of "there is"."""
    return _is_be(verb) and any(child.dep == "expl" for child in verb.children)


def _is_relative(token: Word) -> bool:
    """Return whether a word stands for the noun before its clause: "that", "which", "who"."""
    return token.tag in _RELATIVE_TAGS or token.lower == "that"
