"""How often each tag of the vocabulary stands in the shards, and which never do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataengine.vocab import Tag, Vocabulary


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag and the number of images in the shards that carry it; name #id and kind "" without its vocabulary."""

    id: int
    name: str
    kind: str
    num_images: int


@dataclass(frozen=True, slots=True)
class KindSummary:
    """The canonical tags of one kind: how many there are, and the names of those that no image carries, in id order."""

    kind: str
    num_tags: int
    never_seen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TagSummary:
    """Tags over all shards. `num_tags` is None, and `kinds` empty, where the vocabulary is not at hand."""

    num_tags: int | None
    """Canonical tags of the vocabulary: a class of twins counts once."""
    num_claims: int
    """Tags of all images, added up."""
    ranked: tuple[TagCount, ...]
    """Every tag that some image carries, the most frequent first, ties in id order."""
    kinds: tuple[KindSummary, ...]
    """The kind with the most never-seen tags first."""

    @property
    def num_seen(self) -> int:
        """Return the number of tags that some image carries."""
        return len(self.ranked)

    @property
    def num_never_seen(self) -> int:
        """Return the number of canonical tags that no image carries."""
        return sum(len(kind.never_seen) for kind in self.kinds)


def summarise_tags(counts: Mapping[int, int], vocab: Vocabulary | None) -> TagSummary:
    """Return the summary of `counts` (tag id -> images)."""
    seen = {tag_id: images for tag_id, images in counts.items() if images > 0}
    canonical = [tag for tag in vocab or () if vocab is not None and vocab.canonical(tag.id) == tag.id]
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    return TagSummary(
        num_tags=len(canonical) if vocab is not None else None,
        num_claims=sum(seen.values()),
        ranked=tuple(_name_count(vocab, tag_id, images) for tag_id, images in ranked),
        kinds=_summarise_kinds(canonical, seen),
    )


def tag_name(vocab: Vocabulary | None, tag_id: int) -> str:
    """Return the tag's name, or #id where `vocab` is absent or does not hold it."""
    return vocab[tag_id].name if vocab is not None and 0 <= tag_id < len(vocab) else f"#{tag_id}"


def _name_count(vocab: Vocabulary | None, tag_id: int, images: int) -> TagCount:
    kind = vocab[tag_id].kind if vocab is not None and 0 <= tag_id < len(vocab) else ""
    return TagCount(tag_id, tag_name(vocab, tag_id), kind, images)


def _summarise_kinds(tags: list[Tag], seen: Mapping[int, int]) -> tuple[KindSummary, ...]:
    groups: dict[str, list[Tag]] = {}
    for tag in tags:
        groups.setdefault(tag.kind, []).append(tag)
    kinds = [
        KindSummary(kind, len(members), tuple(tag.name for tag in members if tag.id not in seen))
        for kind, members in groups.items()
    ]
    return tuple(sorted(kinds, key=lambda kind: (-len(kind.never_seen), kind.kind)))
