"""A parsed caption as the JSON object that `dataengine parse` prints and that records store."""

from __future__ import annotations

import json
from typing import Any

from dataengine.records import Entity, Evidence, ParsedCaption, Relation, SceneGraph

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def to_json_object(parsed: ParsedCaption, id: str) -> dict[str, Any]:
    """Return `parsed` as the object of one output line; without a graph there is no key `graph`."""
    value: dict[str, Any] = {
        "id": id,
        "caption": parsed.caption,
        "tags": list(parsed.tags),
        "tag_ids": list(parsed.tag_ids),
        "evidence": [_evidence(mention) for mention in parsed.evidence],
        "implied_ids": list(parsed.implied_ids),
    }
    if parsed.graph is not None:
        value["graph"] = _graph(parsed.graph)
    return value


def graph_json(parsed: ParsedCaption) -> str | None:
    """Return the scene graph as a JSON string, the form in which records store it; None where there is no graph."""
    return None if parsed.graph is None else dump(_graph(parsed.graph))


def evidence_json(parsed: ParsedCaption) -> str:
    """Return the evidence as a JSON string: a column of the parquet output."""
    # Put together by hand: it is a cost a caption, and json.dumps takes five times as long.
    mentions = [
        f'{{"tag_id":{mention.tag_id},"span":[{mention.span[0]},{mention.span[1]}],"rule":"{mention.rule}"}}'
        for mention in parsed.evidence
    ]
    return f"[{','.join(mentions)}]"


def dump(value: object) -> str:
    """Return `value` as one line of JSON. Characters beyond ASCII stay, half surrogate pairs are escaped."""
    text = _ENCODER.encode(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _evidence(mention: Evidence) -> dict[str, Any]:
    return {"tag_id": mention.tag_id, "span": list(mention.span), "rule": mention.rule}


def _graph(graph: SceneGraph) -> dict[str, Any]:
    return {
        "entities": [_entity(entity) for entity in graph.entities],
        "relations": [_relation(relation) for relation in graph.relations],
    }


def _entity(entity: Entity) -> dict[str, Any]:
    modifiers = [{"text": modifier.text, "span": list(modifier.span)} for modifier in entity.modifiers]
    return {"head": entity.head, "span": list(entity.span), "modifiers": modifiers}


def _relation(relation: Relation) -> dict[str, Any]:
    return {
        "subject": relation.subject,
        "predicate": relation.predicate,
        "object": relation.object,
        "span": list(relation.span),
    }
