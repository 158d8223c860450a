"""The tags of a vocabulary, looked up by id, by name and by any surface form. Pure Python: it loads in milliseconds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dataengine.errors import VocabularyError
from dataengine.vocab.tag import SurfaceForm, Tag, normalise


class Vocabulary:
    """Tags in id order, their twins, and the surface forms that name them. It never changes once it is made.

    Some tags of a list name one concept twice ("sit", "sitting"). Such twins form a class with one canonical tag;
    records and shards hold canonical ids only. `Vocabulary.load` makes one from files.
    """

    def __init__(
        self,
        name: str,
        tags: Sequence[Tag],
        *,
        forms: Mapping[str, SurfaceForm],
        twins: Mapping[int, int],
        synonyms_sha256: str,
    ) -> None:
        """`forms` holds every normalised surface form, names included; `twins` maps a twin's id to its canonical id."""
        self.name = name
        self.tags = tuple(tags)
        self.forms = forms
        self.thresholds = tuple(tag.threshold for tag in self.tags)
        self.synonyms_sha256 = synonyms_sha256
        self.sha256 = hashlib.sha256("\n".join(tag.name for tag in self.tags).encode()).hexdigest()
        self._canonical = [twins.get(tag.id, tag.id) for tag in self.tags]
        self._classes = _collect_classes(twins)
        self._lengths = _index_first_words(forms)

    @classmethod
    def load(
        cls, source: str | Path | None = None, synonyms: str | Path | None = None, *, ram_compat: bool = False
    ) -> Vocabulary:
        """Return the packaged vocabulary of 4,585 tags, or the one that the text file `source` lists, one tag a line.

        `synonyms` is a file of `form<TAB>tag name` lines whose forms are added. `ram_compat` adds the merges of RAM's
        own list that a reader would not make (bell -> clock, hold -> catch). The packaged vocabulary is read once
        a process. Raises VocabularyError, which names file, line, cause and way out.
        """
        from dataengine.vocab import loading

        return loading.load(source, synonyms, ram_compat)

    def with_forms(self, added: Mapping[str, SurfaceForm], data: bytes) -> Vocabulary:
        """Return this vocabulary with more surface forms; `data` is what they were read from, for the synonyms' hash."""
        digest = hashlib.sha256(self.synonyms_sha256.encode() + data).hexdigest()
        twins = {tag.id: self.canonical(tag.id) for tag in self if self.canonical(tag.id) != tag.id}
        forms = {**self.forms, **added}
        return Vocabulary(self.name, self.tags, forms=forms, twins=twins, synonyms_sha256=digest)

    def __len__(self) -> int:
        return len(self.tags)

    def __iter__(self) -> Iterator[Tag]:
        return iter(self.tags)

    def __getitem__(self, tag_id: int) -> Tag:
        """Return the tag with this id. Raises VocabularyError where there is none."""
        if not 0 <= tag_id < len(self.tags):
            raise VocabularyError(f"no tag {tag_id} in {self.name}: its ids are 0 to {len(self.tags) - 1}")
        return self.tags[tag_id]

    def __repr__(self) -> str:
        return f"Vocabulary({self.name!r}, {len(self.tags)} tags, {len(self.forms)} surface forms)"

    def id_of(self, name: str) -> int:
        """Return the canonical id of the tag called `name`, whatever its case. Raises VocabularyError with near names."""
        form = self.forms.get(normalise(name))
        if form is not None and form.origin == "name":
            return form.tag_id
        hint = (
            f"did you mean {', '.join(map(repr, near))}?" if (near := self._near_names(name)) else "try `vocab search`"
        )
        raise VocabularyError(f"no tag named {name!r} in {self.name}; {hint}")

    def canonical(self, tag_id: int) -> int:
        """Return the id that stands for the tag's class of twins; its own where it has none."""
        return self._canonical[self[tag_id].id]

    def twins(self, tag_id: int) -> tuple[int, ...]:
        """Return the ids of all tags of the same class, ascending, the tag itself among them."""
        canonical = self.canonical(tag_id)
        return self._classes.get(canonical, (canonical,))

    def lookup(self, surface: str) -> SurfaceForm | None:
        """Return what `surface` names, whatever its case, spacing and hyphens; None where it names no tag."""
        return self.forms.get(normalise(surface))

    def forms_of(self, tag_id: int) -> dict[str, SurfaceForm]:
        """Return the surface forms of the tag's class: its names first, then the others in alphabetical order."""
        canonical = self.canonical(tag_id)
        found = [(text, form) for text, form in self.forms.items() if form.tag_id == canonical]
        return dict(sorted(found, key=lambda item: (item[1].origin != "name", item[0])))

    def longest_match(self, words: Sequence[str], start: int) -> tuple[int, SurfaceForm] | None:
        """Return the longest surface form that begins at `words[start]`, and how many words it takes; None without one.

        The words are in lower case, hyphenated ones split ("t", "shirt").
        """
        lengths = self._lengths.get(words[start])
        if lengths is None:
            return None
        for length in lengths:
            form = self.forms.get(" ".join(words[start : start + length]))
            if form is not None and start + length <= len(words):
                return length, form
        return None

    def expand(self, states: Mapping[int, int]) -> dict[int, int]:
        """Return the training target {tag id: 1 or -1} that `states` means: every twin gets the state of its class.

        A positive member wins over a negative one, so a twin is never a negative where its canonical tag is positive.
        Tags that are absent from `states`, and have no twin in it, stay absent.
        """
        target: dict[int, int] = {}
        for tag_id, state in states.items():
            if state not in (1, -1):
                raise VocabularyError(f"state {state!r} of tag {tag_id}: a state is 1 (present) or -1 (absent)")
            for twin in self.twins(tag_id):
                target[twin] = max(state, target.get(twin, -1))
        return dict(sorted(target.items()))

    def above_threshold(
        self, scores: Sequence[float], thresholds: Sequence[float] | None = None
    ) -> list[tuple[int, float]]:
        """Return (canonical id, score) of the tags whose score, one a tag in id order, exceeds the tag's own threshold.

        Each twin is compared with its own threshold; the class has the largest score among its members that passed.
        The best score comes first; equal ones in id order. A threshold of 1.0 is never exceeded.
        """
        bounds = self.thresholds if thresholds is None else thresholds
        if len(scores) != len(self.tags) or len(bounds) != len(self.tags):
            raise VocabularyError(
                f"{len(scores)} scores and {len(bounds)} thresholds for the {len(self.tags)} tags of {self.name}: "
                "give one of each a tag, in id order"
            )
        best: dict[int, float] = {}
        for tag_id, (score, bound) in enumerate(zip(scores, bounds, strict=True)):
            if score > bound:
                canonical = self._canonical[tag_id]
                best[canonical] = max(float(score), best.get(canonical, 0.0))
        return sorted(best.items(), key=lambda item: (-item[1], item[0]))

    def search(self, text: str, limit: int = 20) -> list[Tag]:
        """Return at most `limit` tags whose name, surface forms or Chinese name hold `text`, the nearest first.

        Without any, the tags with similar names.
        """
        wanted = normalise(text)
        if not wanted:
            return []
        ranks: dict[int, tuple[int, int]] = {}
        for surface, form in self.forms.items():
            if wanted in surface:
                rank = (_closeness(wanted, surface, is_name=form.origin == "name"), len(surface))
                ranks[form.tag_id] = min(rank, ranks.get(form.tag_id, rank))
        for tag in self.tags:
            if tag.name_zh and wanted in tag.name_zh.lower():
                ranks.setdefault(self._canonical[tag.id], (int(wanted != tag.name_zh.lower()), len(tag.name_zh)))
        if not ranks:
            return [self[self.id_of(name)] for name in self._near_names(text, limit)]
        return [self.tags[tag_id] for tag_id in sorted(ranks, key=lambda key: (*ranks[key], key))[:limit]]

    def _near_names(self, name: str, limit: int = 3) -> list[str]:
        import difflib

        names = {normalise(tag.name): tag.name for tag in self.tags}
        return [names[near] for near in difflib.get_close_matches(normalise(name), names, n=limit, cutoff=0.7)]


def _collect_classes(twins: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Return canonical id -> ids of its class, ascending, for the classes of more than one tag."""
    classes: dict[int, set[int]] = {}
    for twin, canonical in twins.items():
        classes.setdefault(canonical, {canonical}).add(twin)
    return {canonical: tuple(sorted(members)) for canonical, members in classes.items()}


def _index_first_words(forms: Mapping[str, SurfaceForm]) -> dict[str, tuple[int, ...]]:
    """Return first word -> numbers of words that forms beginning with it have, the largest first."""
    lengths: dict[str, set[int]] = {}
    for surface in forms:
        lengths.setdefault(surface.partition(" ")[0], set()).add(surface.count(" ") + 1)
    return {word: tuple(sorted(counts, reverse=True)) for word, counts in lengths.items()}


def _closeness(wanted: str, surface: str, *, is_name: bool) -> int:
    """Return 0 for the very form, then word start, then anywhere; a tag's own name before other forms."""
    if surface == wanted:
        return 0
    starts_word = f" {surface}".find(f" {wanted}") >= 0
    return (1 if starts_word else 3) + (not is_name)
