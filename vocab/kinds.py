"""Each tag's kind: proposed from the lexical file of its name's first noun sense, decided by kinds.tsv."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dataengine.errors import VocabularyError
from dataengine.vocab.loading import packaged_bytes, split_rows
from dataengine.vocab.tag import KINDS, Kind, Tag
from dataengine.vocab.wordnet import Synset

_NOUN_KINDS: dict[str, Kind] = {
    "noun.Tops": "abstract", "noun.act": "action", "noun.animal": "animal", "noun.artifact": "object",
    "noun.attribute": "attribute", "noun.body": "object", "noun.cognition": "abstract",
    "noun.communication": "object", "noun.event": "event", "noun.feeling": "abstract", "noun.food": "food",
    "noun.group": "abstract", "noun.location": "scene", "noun.motive": "abstract", "noun.object": "scene",
    "noun.person": "person", "noun.phenomenon": "scene", "noun.plant": "object", "noun.possession": "object",
    "noun.process": "action", "noun.quantity": "abstract", "noun.relation": "abstract", "noun.shape": "attribute",
    "noun.state": "abstract", "noun.substance": "object", "noun.time": "abstract",
}  # fmt: skip
"""WordNet's 26 noun files -> kind."""


def propose_kind(synsets: Sequence[Synset]) -> Kind | None:
    """Return the kind that the first noun sense suggests; without a noun, that of verbs or adjectives; None without any."""
    files = [synset.lexical_file for synset in synsets]
    for file in files:
        if file.startswith("noun."):
            return _NOUN_KINDS[file]
    if any(file.startswith("verb.") for file in files):
        return "action"
    return "attribute" if files else None


def decide_kinds(tags: Iterable[Tag], senses: Mapping[int, Sequence[Synset]]) -> dict[int, Kind]:
    """Return tag id -> kind: the one decided by hand, else WordNet's proposal.

    Raises VocabularyError for a tag that has neither: it needs a row in kinds.tsv.
    """
    decided = read_decisions()
    kinds: dict[int, Kind] = {}
    for tag in tags:
        kind = decided.get(tag.id) or propose_kind(senses.get(tag.id, ()))
        if kind is None:
            raise VocabularyError(f"tag {tag.id} {tag.name!r} has no WordNet sense and no row in kinds.tsv; add one")
        kinds[tag.id] = kind
    return kinds


def read_decisions() -> dict[int, Kind]:
    """Return tag id -> kind as decided by hand in kinds.tsv. Raises VocabularyError for a word that is no kind."""
    decided: dict[int, Kind] = {}
    for tag_id, name, kind in split_rows(packaged_bytes("kinds.tsv"), num_columns=3):
        if kind not in KINDS:
            raise VocabularyError(
                f"kinds.tsv: {kind!r} of tag {tag_id} {name!r} is no kind; use one of {', '.join(KINDS)}"
            )
        decided[int(tag_id)] = kind
    return decided
