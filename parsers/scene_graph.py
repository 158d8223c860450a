"""Caption -> scene graph, through spaCy's tagger and dependency parser. No entity recognition; the model is loaded once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from dataengine.parsers.cleaning import PERSON_PLACEHOLDER, Cleaned
from dataengine.parsers.graph_rules import Edge, GraphReader, Node
from dataengine.parsers.language_model import load_model
from dataengine.parsers.lemmas import lemma
from dataengine.parsers.phrases import load_graph_words
from dataengine.parsers.tagger import Phrase, Tagged
from dataengine.parsers.words import Word
from dataengine.records import Entity, Modifier, Relation, SceneGraph, Span

MAX_PIECE = 2_000
"""Characters parsed at once; a longer caption is parsed in pieces, so that memory stays bounded."""

_LONG_RUN = re.compile(r"\S{60}")
_INDEFINITES = load_graph_words("indefinite")
_SYMBOLS = re.compile(r"[^\w\s]{4,}")
_PLACEHOLDER = re.compile(re.escape(PERSON_PLACEHOLDER), re.IGNORECASE)
_PIECE = re.compile(rf"(?s).{{0,{MAX_PIECE - 1}}}[.!?](?=\s)|.{{1,{MAX_PIECE}}}(?=\s|$)|.{{1,{MAX_PIECE}}}")
"""As much as a piece may hold, up to the end of a sentence, else of a word."""


def read_graphs(captions: Iterable[tuple[Cleaned, Tagged]]) -> Iterator[SceneGraph]:
    """Yield the scene graph of each caption, in order.

    What the tagger says of a caption settles which words name one thing ("hot dog") and what is negated.
    """
    parts: list[SceneGraph] = []
    for words, (cleaned, tagged, base, last) in load_model().parse_many(_pieces(captions)):
        parts.append(
            _graph(
                GraphReader(
                    words, _shift_phrases(tagged, -base), _shift_negated(tagged, -base), _naming(tagged, cleaned, base)
                ),
                cleaned,
                base,
            )
        )
        if last:
            yield parts[0] if len(parts) == 1 else _join(parts)
            parts = []


_Context = tuple[Cleaned, Tagged, int, bool]


def _pieces(captions: Iterable[tuple[Cleaned, Tagged]]) -> Iterator[tuple[str, _Context]]:
    """Yield (text, (caption, its tags, where the text begins in it, whether it is the caption's last))."""
    for cleaned, tagged in captions:
        text = _for_spacy(cleaned.text)
        if len(text) <= MAX_PIECE:
            yield text, (cleaned, tagged, 0, True)
            continue
        for match in _PIECE.finditer(text):
            yield match[0], (cleaned, tagged, match.start(), match.end() == len(text))


def _for_spacy(text: str) -> str:
    """Return `text`, as long as before, as spaCy reads it best.

    The placeholder becomes its word. Runs of symbols keep the first, and runs without a space get one: they are no
    words, and spaCy takes quadratic time over them.
    """
    text = _PLACEHOLDER.sub(" person ", text)
    text = _SYMBOLS.sub(lambda run: run[0][0] + " " * (len(run[0]) - 1), text)
    return _LONG_RUN.sub(lambda run: run[0][:-1] + " ", text)


def _graph(reader: GraphReader, cleaned: Cleaned, base: int) -> SceneGraph:
    entities = tuple(_entity(node, cleaned, base) for node in reader.nodes)
    relations = tuple(dict.fromkeys(_relation(edge, cleaned, base) for edge in reader.edges))
    return SceneGraph(entities, relations)


def _entity(node: Node, cleaned: Cleaned, base: int) -> Entity:
    modifiers = dict.fromkeys(Modifier(_surface(words), _span(words, cleaned, base)) for words in node.modifiers)
    return Entity(_head_text(node.head), _span(node.head, cleaned, base), tuple(modifiers))


def _relation(edge: Edge, cleaned: Cleaned, base: int) -> Relation:
    return Relation(edge.subject, edge.predicate, edge.object, _span(sorted(edge.tokens, key=_position), cleaned, base))


def _head_text(words: Sequence[Word]) -> str:
    """Return the words in lower case, the last one lemmatised: "tennis rackets" is tennis racket; "someone" a person."""
    last = words[-1]
    if last.lower in _INDEFINITES:
        return "person"
    return _surface(words[:-1]) + (" " if len(words) > 1 and words[-2].has_space else "") + lemma(last.lower, "NOUN")


def _surface(words: Sequence[Word]) -> str:
    return "".join(word.lower + (" " if word.has_space else "") for word in words).strip()


def _shift_phrases(tagged: Tagged, distance: int) -> list[Phrase]:
    return [Phrase(phrase.start + distance, phrase.end + distance, phrase.opaque) for phrase in tagged.phrases]


def _shift_negated(tagged: Tagged, distance: int) -> list[Span]:
    return [(start + distance, end + distance) for start, end in tagged.negated]


def _naming(tagged: Tagged, cleaned: Cleaned, base: int) -> Callable[[Word], bool]:
    """Return the question whether a word ends a mention of a tag."""
    return lambda word: any(mention.span[1] == cleaned.offsets[base + word.end] for mention in tagged.evidence)


def _position(token: Word) -> int:
    return int(token.i)


def _span(words: Sequence[Word], cleaned: Cleaned, base: int) -> Span:
    return cleaned.span(base + words[0].start, base + words[-1].end)


def _join(parts: Sequence[SceneGraph]) -> SceneGraph:
    """Return the graphs of a caption's pieces as one."""
    entities: list[Entity] = []
    relations: list[Relation] = []
    for part in parts:
        shift = len(entities)
        entities += part.entities
        relations += [
            Relation(
                edge.subject + shift, edge.predicate, None if edge.object is None else edge.object + shift, edge.span
            )
            for edge in part.relations
        ]
    return SceneGraph(tuple(entities), tuple(relations))
