"""The surface forms of the packaged tags: inflections, spelling variants and compounds. synonyms.tsv holds the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from dataengine.records import Rule
from dataengine.vocab.inflection import number_forms, verb_forms
from dataengine.vocab.loading import packaged_bytes, split_rows
from dataengine.vocab.tag import SurfaceForm, Tag, normalise


class Variant(NamedTuple):
    """Another way to write a part of a name: "gray" as "grey" (spelling), "handbag" as "hand bag" (compound)."""

    part: str
    variant: str
    origin: Rule


class _Claim(NamedTuple):
    rank: int
    """0 noun forms of a name, 1 its verb forms, 2 spelling variants, 3 compounds: the lowest wins."""
    tag_id: int
    origin: Rule


def propose_forms(tags: Iterable[Tag], twins: Mapping[int, int]) -> dict[str, SurfaceForm]:
    """Return surface form -> canonical tag for all forms that are no tag's name, in alphabetical order.

    A form that several tags claim goes to the claim of the lowest rank ("shelves" is a shelf's plural, not what shelves),
    and to none where that rank is claimed twice.
    """
    tags = list(tags)
    names = {normalise(tag.name) for tag in tags}
    variants = read_variants()
    claims: dict[str, set[_Claim]] = {}
    for tag in tags:
        for form, rank, origin in _forms_of(tag, variants):
            if (surface := normalise(form)) not in names:
                claims.setdefault(surface, set()).add(_Claim(rank, twins.get(tag.id, tag.id), origin))
    winners = ((surface, _winner(claimants)) for surface, claimants in sorted(claims.items()))
    return {surface: SurfaceForm(claim.tag_id, claim.origin) for surface, claim in winners if claim is not None}


def read_variants() -> list[Variant]:
    """Return the rows of variants.tsv."""
    return [Variant(row[0], row[1], cast(Rule, row[2])) for row in split_rows(packaged_bytes("variants.tsv"), 3)]


def respell(name: str, variants: Iterable[Variant]) -> dict[str, Rule]:
    """Return the other ways to write a normalised name: each variant of one part, and of two different parts."""
    variants = [variant for variant in variants if _holds(name, variant.part)]
    found: dict[str, Rule] = {}
    for first in variants:
        once = _replace_part(name, first)
        found.setdefault(once, first.origin)
        for second in variants:
            if second.part != first.part and _holds(once, second.part):
                found.setdefault(_replace_part(once, second), max(first.origin, second.origin))
    found.pop(name, None)
    return found


def _forms_of(tag: Tag, variants: list[Variant]) -> Iterator[tuple[str, int, Rule]]:
    """Yield (surface form, rank, origin) for a tag: its own inflections, then its respellings and theirs."""
    name = normalise(tag.name)
    yield from ((form, 0, "inflection") for form in number_forms(name, tag.kind))
    if tag.kind == "action":
        yield from ((form, 1, "inflection") for form in verb_forms(name))
    for written, origin in respell(name, variants).items():
        rank = 2 if origin == "spelling" else 3
        yield written, rank, origin
        yield from ((form, rank, origin) for form in number_forms(written, tag.kind))
        if tag.kind == "action":
            yield from ((form, rank, origin) for form in verb_forms(written))


def _winner(claims: set[_Claim]) -> _Claim | None:
    best = min(claim.rank for claim in claims)
    winners = sorted(claim for claim in claims if claim.rank == best)
    return winners[0] if len({claim.tag_id for claim in winners}) == 1 else None


def _holds(name: str, part: str) -> bool:
    return f" {part} " in f" {name} "


def _replace_part(name: str, variant: Variant) -> str:
    return f" {name} ".replace(f" {variant.part} ", f" {variant.variant} ").strip()
