"""From a record's texts to its tags: parse each text, apply the placeholder policy, unite the claims."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from dataengine.parsers import Parser, graph_json
from dataengine.parsers.cleaning import ram_caption
from dataengine.records import CaptionRecord, ParsedCaption, TagClaim, Text

PLACEHOLDER = re.compile(r"<\s*person\s*>|&lt;\s*person\s*&gt;", re.IGNORECASE)
"""CC12M puts <PERSON> where a name stood; the picture need not show anyone (about a quarter of its captions)."""


class PersonPolicy(StrEnum):
    """What becomes of the tag that only a `<PERSON>` placeholder gives. The row itself always stays."""

    DROP = "drop"
    KEEP = "keep"
    TEACHER = "teacher"
    """Dropped until a teacher model claims the same tag."""


_DROP_REASONS = {PersonPolicy.DROP: "person_placeholder", PersonPolicy.TEACHER: "person_placeholder_unconfirmed"}


def clean_texts(record: CaptionRecord) -> None:
    """Set each text's `text`, cleaned as the RAM recipe does; the original stays beside it."""
    for text in record.texts:
        text.text = ram_caption(text.original)


def tag_record(record: CaptionRecord, parser: Parser, policy: PersonPolicy) -> None:
    """Parse the texts that no filter dropped and set their tags and the record's claims."""
    kept = [text for text in record.texts if text.drop is None]
    parsed_captions = parser.parse_many([text.original for text in kept], [text.source or None for text in kept])
    for text, parsed in zip(kept, parsed_captions, strict=True):
        _set_tags(text, parsed, policy)
    record.tags = unite_claims(record, policy)


def unite_claims(record: CaptionRecord, policy: PersonPolicy) -> list[TagClaim]:
    """Return the claims of all kept texts and those that the source brought, one a tag, in id order.

    A tag that only placeholders give carries the policy's drop reason; one ordinary word in another text redeems it.
    """
    claims = {claim.id: claim for claim in record.tags}
    kept = [(index, text) for index, text in enumerate(record.texts) if text.drop is None]
    for index, text in kept:
        for tag_id in text.tags:
            claims.setdefault(tag_id, TagClaim(id=tag_id)).by.append(f"parse:{index}")
    for index, text in kept:
        for tag_id in text.dropped_tags:
            claim = claims.setdefault(tag_id, TagClaim(id=tag_id, drop=_DROP_REASONS[policy]))
            if claim.drop is not None:
                claim.by.append(f"parse:{index}")
    return [claims[tag_id] for tag_id in sorted(claims)]


def _set_tags(text: Text, parsed: ParsedCaption, policy: PersonPolicy) -> None:
    placeholder_only = set() if policy is PersonPolicy.KEEP else _placeholder_only(text.original, parsed)
    text.tags = [tag_id for tag_id in parsed.tag_ids if tag_id not in placeholder_only]
    text.dropped_tags = sorted(placeholder_only)
    text.implied = list(parsed.implied_ids)
    text.graph = graph_json(parsed) if parsed.graph is not None else None


def _placeholder_only(caption: str, parsed: ParsedCaption) -> set[int]:
    """Return the tags all of whose evidence lies in a placeholder."""
    placeholders = [match.span() for match in PLACEHOLDER.finditer(caption)]
    if not placeholders:
        return set()
    elsewhere = {item.tag_id for item in parsed.evidence if not _inside(item.span, placeholders)}
    return set(parsed.tag_ids) - elsewhere


def _inside(span: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)
