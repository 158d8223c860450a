"""Tags that a tag implies: corgi, dog. `python -m dataengine.vocab.parents` rebuilds parents.tsv.

WordNet proposes, parent_choices.tsv decides: a parent counts only if a row accepts it, and pairs are added and refused there.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dataengine.errors import VocabularyError
from dataengine.vocab.loading import load_packaged, packaged_bytes, split_rows
from dataengine.vocab.tag import Kind, Tag, normalise
from dataengine.vocab.wordnet import Synset, read_synsets

if TYPE_CHECKING:
    from dataengine.vocab.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

_ANY = "*"
_LEXICAL_FILES: Mapping[Kind, tuple[str, ...]] = {
    "animal": ("noun.animal",),
    "food": ("noun.food", "noun.plant"),
    "person": ("noun.person",),
    "object": ("noun.artifact", "noun.object", "noun.plant", "noun.substance"),
    "scene": ("noun.artifact", "noun.object", "noun.location"),
}
"""Kind of a tag -> where the sense stands that the tag has; tags of other kinds have no parents."""
_OF_KIND: Mapping[Kind, str] = {"animal": "animal", "food": "food", "person": "person"}
"""Kind -> the tag that every tag of that kind implies."""


class _Choices(NamedTuple):
    accepted: frozenset[str]
    added: frozenset[tuple[str, str]]
    refused: frozenset[tuple[str, str]]

    def refuses(self, child: str, parent: str) -> bool:
        return (child, parent) in self.refused or (child, _ANY) in self.refused


def load_parents(vocab: Vocabulary) -> dict[int, tuple[int, ...]]:
    """Return tag id -> ids of its parents, all canonical, for the tags of `vocab` that parents.tsv names."""
    found: dict[int, set[int]] = {}
    for child, parent in split_rows(packaged_bytes("parents.tsv"), num_columns=2):
        child_id, parent_id = _id_of(vocab, child), _id_of(vocab, parent)
        if child_id is not None and parent_id is not None and child_id != parent_id:
            found.setdefault(child_id, set()).add(parent_id)
    return {child_id: tuple(sorted(parents)) for child_id, parents in found.items()}


def find_parents() -> list[tuple[str, str]]:
    """Return (child, parent) names over the packaged tags, parents of parents included, in id order."""
    vocab, choices = load_packaged(), _read_choices()
    direct: dict[str, set[str]] = {tag.name: set() for tag in vocab}
    proposed = [*_from_wordnet(vocab), *_from_heads(vocab), *_from_kinds(vocab)]
    for child, parent in proposed:
        if parent in choices.accepted and not choices.refuses(child, parent):
            direct[child].add(parent)
    for child, parent in choices.added:
        direct[child].add(parent)
    return [(tag.name, parent) for tag in vocab for parent in sorted(_ancestors(tag.name, direct, choices))]


def parents_file() -> bytes:
    """Return the content of parents.tsv."""
    return ("\n".join(["child\tparent", *map("\t".join, find_parents())]) + "\n").encode()


def _ancestors(name: str, direct: Mapping[str, set[str]], choices: _Choices) -> set[str]:
    found: set[str] = set()
    waiting = list(direct[name])
    while waiting:
        parent = waiting.pop()
        if parent not in found and parent != name and not choices.refuses(name, parent):
            found.add(parent)
            waiting += direct[parent]
    return found


def _from_wordnet(vocab: Vocabulary) -> Iterator[tuple[str, str]]:
    """Yield the tags whose synset is a hypernym of a tag's, or of which a synset between the two is a hyponym."""
    senses = dict(_senses(vocab))
    by_synset: dict[str, str] = {}
    above: dict[str, list[str]] = {}
    for name, sense in senses.items():
        by_synset.setdefault(sense.name, name)
        for hyponym in sense.hyponyms:
            above.setdefault(hyponym, []).append(name)
    for name, sense in senses.items():
        for hypernym in sense.hypernyms:
            parents = [by_synset[hypernym]] if hypernym in by_synset else above.get(hypernym, [])
            yield from ((name, parent) for parent in parents if parent != name)


def _senses(vocab: Vocabulary) -> Iterator[tuple[str, Synset]]:
    """Yield each tag with the commonest of its synsets that is of the tag's kind."""
    synsets = read_synsets()
    for tag in vocab:
        wanted = _LEXICAL_FILES.get(tag.kind, ())
        fitting = (synset for synset in synsets.get(tag.id, []) if synset.lexical_file in wanted)
        if (sense := next(fitting, None)) is not None:
            yield tag.name, sense


def _from_heads(vocab: Vocabulary) -> Iterator[tuple[str, str]]:
    """Yield the tag that is a name's last word and of the same kind: tennis player, player; not hot dog, dog."""
    by_name: dict[str, Tag] = {normalise(tag.name): tag for tag in vocab}
    for name, tag in by_name.items():
        head = by_name.get(name.rpartition(" ")[2])
        if head is not None and head is not tag and head.kind == tag.kind:
            yield tag.name, head.name


def _from_kinds(vocab: Vocabulary) -> Iterator[tuple[str, str]]:
    for tag in vocab:
        parent = _OF_KIND.get(tag.kind)
        if parent is not None and parent != tag.name:
            yield tag.name, parent


def _read_choices() -> _Choices:
    """Return what parent_choices.tsv says. Raises VocabularyError for a row that says nothing."""
    rows = [tuple(row) for row in split_rows(packaged_bytes("parent_choices.tsv"), num_columns=3)]
    if wrong := [row for row in rows if row[2] not in ("accept", "refuse")]:
        raise VocabularyError(f"parent_choices.tsv: {wrong[0]!r} must end in accept or refuse")
    accepted = {(child, parent) for child, parent, choice in rows if choice == "accept"}
    refused = {(child, parent) for child, parent, choice in rows if choice == "refuse"}
    return _Choices(
        frozenset(parent for child, parent in accepted if child == _ANY),
        frozenset(pair for pair in accepted if pair[0] != _ANY),
        frozenset(refused),
    )


def _id_of(vocab: Vocabulary, name: str) -> int | None:
    form = vocab.forms.get(normalise(name))
    return form.tag_id if form is not None and form.origin == "name" else None


def main() -> None:
    """Write parents.tsv to the package's own folder, or to `--out`."""
    parser = argparse.ArgumentParser(description="Rebuild the table of tags that a tag implies.")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path(__file__).resolve().parent)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path = parser.parse_args().out / "parents.tsv"
    path.write_bytes(parents_file())
    logger.info("wrote %s", path)


if __name__ == "__main__":
    main()
