"""The parser: a caption's tags from the tagger, and on request its scene graph. Both give the same tags."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dataengine.parsers.cleaning import Cleaned, clean
from dataengine.parsers.source_rules import source_rules
from dataengine.parsers.tagger import Tagged, Tagger
from dataengine.records import ParsedCaption, SceneGraph
from dataengine.vocab.parents import load_parents

if TYPE_CHECKING:
    from dataengine.vocab import Vocabulary


class Parser:
    """Reads captions: tags always, scene graphs with `graph`. spaCy is loaded at the first graph, never without one."""

    def __init__(self, vocab: Vocabulary | None = None, graph: bool = True) -> None:
        """`vocab` defaults to the packaged vocabulary."""
        if vocab is None:
            from dataengine.vocab import Vocabulary

            vocab = Vocabulary.load()
        self.vocab = vocab
        self.graph = graph
        self.tagger = Tagger(vocab)
        self._names = [tag.name for tag in vocab]
        self._parents = load_parents(vocab)

    def parse(self, caption: str, source: str | None = None) -> ParsedCaption:
        """Return the tags of `caption`, and its graph where this parser makes graphs.

        Never fails on a text, whatever it holds. Raises ConfigError for an unknown source.
        """
        return next(self.parse_many([caption], [source]))

    def parse_many(
        self, captions: Iterable[str], sources: Iterable[str | None] | str | None = None
    ) -> Iterator[ParsedCaption]:
        """Yield the captions parsed, in order, a batch ahead at most; `sources` is one a caption, or one for all.

        Raises ConfigError for an unknown source.
        """
        each = itertools.repeat(sources) if sources is None or isinstance(sources, str) else sources
        tagged = map(self._tag, captions, each)
        return self._with_graphs(tagged) if self.graph else (self._result(*item) for item in tagged)

    def _tag(self, caption: str, source: str | None) -> tuple[str, Cleaned, Tagged]:
        rules = source_rules(source)
        cleaned = clean(caption, glued=rules.glued)
        return caption, cleaned, self.tagger.tag_cleaned(cleaned, rules)

    def _with_graphs(self, tagged: Iterator[tuple[str, Cleaned, Tagged]]) -> Iterator[ParsedCaption]:
        from dataengine.parsers.scene_graph import read_graphs

        ahead, to_graph = itertools.tee(tagged)
        graphs = read_graphs((cleaned, found) for _, cleaned, found in to_graph)
        return (self._result(*item, graph) for item, graph in zip(ahead, graphs, strict=True))

    def _result(self, caption: str, cleaned: Cleaned, tagged: Tagged, graph: SceneGraph | None = None) -> ParsedCaption:
        tag_ids = tagged.tag_ids
        names = tuple([self._names[i] for i in tag_ids])
        return ParsedCaption(caption, tag_ids, names, tagged.evidence, self._implied(tag_ids), graph)

    def _implied(self, tag_ids: tuple[int, ...]) -> tuple[int, ...]:
        """Return the parents of the tags that are not among them, ascending."""
        known = self._parents
        parents = [known[tag_id] for tag_id in tag_ids if tag_id in known]
        return tuple(sorted(set().union(*parents).difference(tag_ids))) if parents else ()


class FastParser(Parser):
    """The parser without graphs."""

    def __init__(self, vocab: Vocabulary | None = None) -> None:
        super().__init__(vocab, graph=False)


class GraphParser(Parser):
    """The parser with graphs."""

    def __init__(self, vocab: Vocabulary | None = None) -> None:
        super().__init__(vocab, graph=True)
