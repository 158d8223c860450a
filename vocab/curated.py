"""The curated part of the synonym map: curated.tsv, judged by a reader form by form, and RAM's odd merges apart from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dataengine.errors import VocabularyError
from dataengine.vocab.loading import packaged_bytes, split_rows
from dataengine.vocab.tag import SurfaceForm, Tag, normalise


class Synonym(NamedTuple):
    """A form that means a tag, who proposed it, how often captions of the sample have it, and why it is kept if none do."""

    form: str
    tag: str
    origin: str
    """merge (RAM's own list betrays it), older_list, wordnet, variant (regional, spelling), usage (captions)."""
    seen: int
    note: str


def read_curated() -> list[Synonym]:
    """Return the rows of curated.tsv."""
    rows = split_rows(packaged_bytes("curated.tsv"), num_columns=5)
    return [Synonym(form, tag, origin, int(seen), note) for form, tag, origin, seen, note in rows]


def add_curated(
    forms: Mapping[str, SurfaceForm], tags: Iterable[Tag], twins: Mapping[int, int]
) -> dict[str, SurfaceForm]:
    """Return `forms` with the curated synonyms, in alphabetical order; a curated form overrules a generated one.

    Raises VocabularyError for a form that is a tag's name, or whose tag does not exist.
    """
    ids = {tag.name: tag.id for tag in tags}
    names = {normalise(name) for name in ids}
    added = dict(forms)
    for synonym in read_curated():
        if synonym.tag not in ids:
            raise VocabularyError(
                f"curated.tsv: {synonym.form!r} names {synonym.tag!r}, which is no tag; correct the row"
            )
        if synonym.form in names or synonym.form != normalise(synonym.form):
            raise VocabularyError(f"curated.tsv: {synonym.form!r} is a tag's name or not normalised; remove the row")
        tag_id = ids[synonym.tag]
        added[synonym.form] = SurfaceForm(twins.get(tag_id, tag_id), "synonym")
    return dict(sorted(added.items()))
