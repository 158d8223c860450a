"""Captions -> tags, with their evidence, and scene graphs. The tags never depend on whether a graph was asked for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dataengine.parsers.cleaning import Cleaned, clean, ram_caption
from dataengine.parsers.json_form import graph_json, to_json_object
from dataengine.parsers.parser import Parser
from dataengine.parsers.source_rules import SOURCE_RULES, resolve_source
from dataengine.parsers.tagger import Tagger
from dataengine.records import ParsedCaption
from dataengine.registry import Registry

if TYPE_CHECKING:
    from dataengine.vocab import Vocabulary

__all__ = [
    "PARSERS",
    "SOURCE_RULES",
    "Cleaned",
    "ParsedCaption",
    "Parser",
    "Tagger",
    "clean",
    "graph_json",
    "parse",
    "ram_caption",
    "resolve_source",
    "to_json_object",
]

PARSERS = Registry(
    "parser",
    {"fast": "dataengine.parsers.parser:FastParser", "graph": "dataengine.parsers.parser:GraphParser"},
)
"""What `--parser` names; each is made with an optional vocabulary."""


def parse(
    caption: str, source: str | None = None, *, graph: bool = True, vocab: Vocabulary | None = None
) -> ParsedCaption:
    """Return the tags that `caption` asserts, with their evidence, and its scene graph unless `graph` is False.

    `source` is plain (default), coco, vg, sbu, cc3m, cc12m or alt. Raises ConfigError for another one; a text never raises.
    """
    return _parser(vocab, graph).parse(caption, source)


@functools.lru_cache(maxsize=8)
def _parser(vocab: Vocabulary | None, graph: bool) -> Parser:
    return Parser(vocab, graph)
