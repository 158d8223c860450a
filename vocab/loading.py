"""Vocabularies from files: the packaged one, and a user's own list with its synonyms."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from dataengine.errors import VocabularyError
from dataengine.records import Rule
from dataengine.vocab.tag import Kind, SurfaceForm, Tag, normalise
from dataengine.vocab.vocabulary import Vocabulary

PACKAGED_NAME = "ram4585"
OPEN_SET_THRESHOLD = 0.5
"""Decision threshold of tags that the packaged list doesn't hold: RAM++'s for open-set tags."""


def load(source: str | Path | None, synonyms: str | Path | None, ram_compat: bool = False) -> Vocabulary:
    """Return the vocabulary that `source` names: None or "ram4585" the packaged one, else a text file of tags."""
    if source is None or (str(source) == PACKAGED_NAME and not Path(source).exists()):
        vocab = load_packaged()
    else:
        vocab = _load_own(Path(source))
    if ram_compat:
        vocab = _with_ram_merges(vocab)
    return vocab if synonyms is None else _add_synonyms(vocab, Path(synonyms))


@functools.cache
def load_packaged() -> Vocabulary:
    """Return the vocabulary of 4,585 tags, read once a process."""
    tags = read_tags()
    forms = _name_forms(tags, twins := read_twins(tags))
    data = packaged_bytes("synonyms.tsv")
    made: dict[tuple[str, str], SurfaceForm] = {}
    for surface, tag_id, origin in split_rows(data, num_columns=3):
        form = made.get((tag_id, origin))
        if form is None:
            form = made[tag_id, origin] = SurfaceForm(int(tag_id), cast(Rule, origin))
        forms[surface] = form
    return Vocabulary(PACKAGED_NAME, tags, forms=forms, twins=twins, synonyms_sha256=hashlib.sha256(data).hexdigest())


@functools.cache
def _with_ram_merges(vocab: Vocabulary) -> Vocabulary:
    """Return `vocab` with the merges of RAM's list that no reader of a caption would make: bell -> clock."""
    data = packaged_bytes("ram_compat.tsv")
    ids = {tag.name: vocab.canonical(tag.id) for tag in vocab}
    merges = {form: SurfaceForm(ids[tag], "synonym") for form, tag in split_rows(data, num_columns=2) if tag in ids}
    names = {normalise(tag.name) for tag in vocab}
    return vocab.with_forms({form: merge for form, merge in merges.items() if form not in names}, data)


def read_tags() -> list[Tag]:
    """Return the packaged tags in id order."""
    rows = split_rows(packaged_bytes("tags.tsv"), num_columns=5)
    return [Tag(int(row[0]), row[1], float(row[2]), cast(Kind, row[3]), row[4]) for row in rows]


def read_twins(tags: Iterable[Tag]) -> dict[int, int]:
    """Return twin id -> canonical id for the packaged twins whose two names both stand among `tags`."""
    ids = {tag.name.lower(): tag.id for tag in tags}
    rows = split_rows(packaged_bytes("twins.tsv"), num_columns=2)
    return {ids[twin]: ids[canonical] for twin, canonical in rows if twin in ids and canonical in ids}


def packaged_bytes(name: str) -> bytes:
    """Return the content of the data file `name` that the package carries."""
    return importlib.resources.files(__package__).joinpath(name).read_bytes()


def split_rows(data: bytes, num_columns: int) -> Iterator[list[str]]:
    """Yield the first `num_columns` cells of each row of a packaged table, its header left out."""
    lines = data.decode("utf-8").split("\n")
    return (line.split("\t")[:num_columns] for line in lines[1:] if line)


def _name_forms(tags: Iterable[Tag], twins: dict[int, int]) -> dict[str, SurfaceForm]:
    return {normalise(tag.name): SurfaceForm(twins.get(tag.id, tag.id), "name") for tag in tags}


# ---------------------------------------------------------------------------------------------------- a user's own list


def _load_own(path: Path) -> Vocabulary:
    """Return the vocabulary that a text file lists, one tag a line; blank lines and `#` comments are skipped."""
    names = _read_names(path)
    known = {normalise(tag.name): tag for tag in load_packaged()}
    tags = [_own_tag(tag_id, name, known.get(normalise(name))) for tag_id, name in enumerate(names)]
    twins = _own_twins(tags)
    forms = _own_forms(tags, twins)
    return Vocabulary(path.stem, tags, forms=forms, twins=twins, synonyms_sha256=hashlib.sha256(b"").hexdigest())


def _own_tag(tag_id: int, name: str, known: Tag | None) -> Tag:
    """Return a tag with threshold, kind and Chinese name of the packaged tag of that name, or with a guessed kind."""
    if known is not None:
        return replace(known, id=tag_id, name=name)
    from dataengine.vocab.inflection import guess_kind

    return Tag(tag_id, name, OPEN_SET_THRESHOLD, guess_kind(name))


def _own_twins(tags: list[Tag]) -> dict[int, int]:
    """Return twin id -> canonical id: the packaged twins, and names that differ in hyphens and spaces only."""
    twins = read_twins(tags)
    first: dict[str, int] = {}
    for tag in tags:
        canonical = twins.get(tag.id, tag.id)
        earlier = first.setdefault(normalise(tag.name), canonical)
        if earlier != canonical:
            twins[tag.id] = earlier
    return twins


def _own_forms(tags: list[Tag], twins: dict[int, int]) -> dict[str, SurfaceForm]:
    """Return the surface forms of a user's tags: names, forms of packaged tags of that name, inflections of new tags.

    A form that two new tags claim goes to neither.
    """
    from dataengine.vocab.inflection import inflect

    packaged = load_packaged()
    forms = _name_forms(tags, twins)
    owners: dict[int, int] = {}
    claims: dict[str, set[int]] = {}
    for tag in tags:
        form = packaged.lookup(tag.name)
        canonical = twins.get(tag.id, tag.id)
        if form is not None and form.origin == "name":
            owners.setdefault(form.tag_id, canonical)
        else:
            for surface in inflect(tag.name, tag.kind):
                claims.setdefault(normalise(surface), set()).add(canonical)
    for surface, form in packaged.forms.items():
        if form.tag_id in owners:
            forms.setdefault(surface, SurfaceForm(owners[form.tag_id], form.origin))
    for surface, claimants in claims.items():
        if len(claimants) == 1:
            forms.setdefault(surface, SurfaceForm(claimants.pop(), "inflection"))
    return forms


def _add_synonyms(vocab: Vocabulary, path: Path) -> Vocabulary:
    """Return `vocab` with the forms of a synonyms file; they win over inflections, never over a tag's own name."""
    data, forms = _read_file(path), dict[str, SurfaceForm]()
    added: dict[str, int] = {}
    for number, line in _content_lines(path, data):
        where = f"{path}, line {number}"
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != 2 or not all(cells):
            raise VocabularyError(f"{where}: {line!r} is not `form<TAB>tag name`; put one tab between form and tag")
        if [cell.lower() for cell in cells] in (["form", "tag"], ["form", "tag name"]):
            continue
        try:
            tag_id = vocab.id_of(cells[1])
        except VocabularyError as error:
            raise VocabularyError(f"{where}: {error}") from error
        surface = normalise(cells[0])
        _check_synonym(vocab, where, surface, tag_id, added)
        added[surface] = tag_id
        if vocab.forms.get(surface, SurfaceForm(-1, "synonym")).tag_id != tag_id:
            forms[surface] = SurfaceForm(tag_id, "synonym")
    return vocab.with_forms(forms, data)


def _check_synonym(vocab: Vocabulary, where: str, surface: str, tag_id: int, added: dict[str, int]) -> None:
    """Raise VocabularyError where a form is another tag's own name, or was given to another tag before."""
    own = vocab.forms.get(surface)
    if own is not None and own.origin == "name" and own.tag_id != tag_id:
        raise VocabularyError(f"{where}: {surface!r} is a tag's own name and can't mean another tag; remove the line")
    if added.get(surface, tag_id) != tag_id:
        other = vocab[added[surface]].name
        raise VocabularyError(f"{where}: {surface!r} was given to {other!r} before; keep one of the two lines")


def _read_names(path: Path) -> list[str]:
    """Return the names in a tag list, in order. Raises VocabularyError for a repeated name, a tab, or an empty file."""
    seen: dict[str, int] = {}
    names: list[str] = []
    for number, line in _content_lines(path, _read_file(path)):
        if "\t" in line:
            raise VocabularyError(
                f"{path}, line {number}: {line!r} holds a tab; a tag list has one name a line and no columns"
            )
        name = " ".join(line.split())
        if name.lower() in seen:
            raise VocabularyError(
                f"{path}, line {number}: {name!r} repeats line {seen[name.lower()]}; remove one of them"
            )
        seen[name.lower()] = number
        names.append(name)
    if not names:
        raise VocabularyError(f"{path} lists no tag; write one tag a line")
    return names


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VocabularyError(f"cannot read the vocabulary file {path}: {error.strerror or error}") from error


def _content_lines(path: Path, data: bytes) -> Iterator[tuple[int, str]]:
    """Yield (1-based line number, stripped line) of the lines that are neither blank nor a comment."""
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise VocabularyError(
                f"{path}, line {number}: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
            ) from error
        if line and not line.startswith("#"):
            yield number, line
