"""`dataengine vocab`: look up tags and surface forms, count them, rebuild the vocabulary's files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from dataengine.vocab import SurfaceForm, Vocabulary
    from dataengine.vocab.wordnet import Synset

app = typer.Typer(help="Look up tags and surface forms; rebuild the vocabulary.", no_args_is_help=True)

VocabularyFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--vocabulary", metavar="FILE", help="Your own tag list, one tag a line.", show_default="the 4,585 tags"
    ),
]
SynonymsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--synonyms", metavar="FILE", help="Further forms: form, tab, tag name a line.", show_default=False),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A tag's name, its id, or any surface form.")],
    vocabulary: VocabularyFile = None,
    synonyms: SynonymsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print a tag: id, kind, threshold, Chinese name, twins, surface forms with their origin, WordNet's senses."""
    vocab = _load(vocabulary, synonyms)
    tag_id = _find(vocab, name)
    facts = _describe(vocab, tag_id)
    if as_json:
        _print_json(facts)
    else:
        _print_tag(facts)


@app.command("search")
def search_command(
    text: Annotated[str, typer.Argument(help="Part of a name, of a surface form, or of a Chinese name.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Print at most so many tags.")] = 20,
    vocabulary: VocabularyFile = None,
    synonyms: SynonymsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print the tags that hold TEXT in their name, their surface forms or their Chinese name, the nearest first."""
    tags = _load(vocabulary, synonyms).search(text, limit)
    if as_json:
        _print_json([{"id": tag.id, "name": tag.name, "kind": tag.kind, "name_zh": tag.name_zh} for tag in tags])
        return
    table = _table("id", "tag", "kind", "threshold", "Chinese")
    for tag in tags:
        table.add_row(str(tag.id), tag.name, tag.kind, f"{tag.threshold:g}", tag.name_zh or "")
    _print(table if tags else f"no tag holds {text!r}")


@app.command("stats")
def stats_command(vocabulary: VocabularyFile = None, synonyms: SynonymsFile = None, as_json: AsJson = False) -> None:
    """Print the numbers of tags, twins and surface forms, by kind and origin, and the vocabulary's hashes."""
    facts = _count(_load(vocabulary, synonyms))
    if as_json:
        _print_json(facts)
        return
    table = _table("what", "count")
    for name, value in facts.items():
        if isinstance(value, dict):
            for key, count in value.items():
                table.add_row(f"{name}: {key}", f"{count:,}")
        else:
            table.add_row(name, f"{value:,}" if isinstance(value, int) else value)
    _print(table)


@app.command("build")
def build_command(
    wordnet: Annotated[
        Path | None,
        typer.Option(
            "--wordnet", metavar="DIR", help="NLTK's corpora/wordnet or /usr/share/wordnet.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to write.", show_default="the package's own folder"),
    ] = None,
    candidates: Annotated[
        Path | None,
        typer.Option(
            "--candidates", metavar="FILE", help="Write the synonyms that WordNet proposes.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild wordnet.tsv (with --wordnet), the kinds in tags.tsv, and synonyms.tsv."""
    from dataengine.vocab import build

    report = build.build(wordnet, out or build.PACKAGE_DIR, candidates)
    facts = {
        "files": [str(path) for path in report.files],
        "tags": report.num_tags,
        "synsets": report.num_synsets,
        "forms": report.num_forms,
        "candidates": report.num_candidates,
        "notes": list(report.notes),
    }
    if as_json:
        _print_json(facts)
        return
    for line in (*report.notes, *(f"wrote {path}" for path in report.files)):
        _print(line)
    _print(f"{report.num_tags:,} tags, {report.num_forms:,} surface forms beside the names")


def _load(vocabulary: Path | None, synonyms: Path | None) -> Vocabulary:
    from dataengine.vocab import Vocabulary

    return Vocabulary.load(vocabulary, synonyms)


def _find(vocab: Vocabulary, name: str) -> int:
    """Return the canonical id of the tag that a name, a surface form or an id means. Raises VocabularyError."""
    form = vocab.lookup(name)
    if form is not None:
        return form.tag_id
    return vocab.canonical(int(name)) if name.isdecimal() else vocab.id_of(name)


def _describe(vocab: Vocabulary, tag_id: int) -> dict[str, Any]:
    tag = vocab[tag_id]
    return {
        "id": tag.id,
        "name": tag.name,
        "kind": tag.kind,
        "threshold": tag.threshold,
        "name_zh": tag.name_zh,
        "twins": [{"id": twin, "name": vocab[twin].name} for twin in vocab.twins(tag_id) if twin != tag_id],
        "forms": _by_origin(vocab.forms_of(tag_id)),
        "wordnet": [
            {"synset": synset.name, "lexical_file": synset.lexical_file, "gloss": synset.gloss}
            for synset in _senses(tag.name)
        ],
    }


def _by_origin(forms: dict[str, SurfaceForm]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for surface, form in forms.items():
        grouped.setdefault(form.origin, []).append(surface)
    return grouped


def _senses(name: str) -> list[Synset]:
    """Return WordNet's senses of the packaged tag of that name; [] where the packaged list has no such tag."""
    from dataengine.vocab import Vocabulary
    from dataengine.vocab.wordnet import read_synsets

    ids = [tag.id for tag in Vocabulary.load() if tag.name.lower() == name.lower()]
    return read_synsets().get(ids[0], []) if ids else []


def _count(vocab: Vocabulary) -> dict[str, Any]:
    canonical = [tag.id for tag in vocab if vocab.canonical(tag.id) == tag.id]
    return {
        "vocabulary": vocab.name,
        "tags": len(vocab),
        "canonical tags": len(canonical),
        "twins": len(vocab) - len(canonical),
        "surface forms": len(vocab.forms),
        "origin": dict(Counter(form.origin for form in vocab.forms.values()).most_common()),
        "kind": dict(Counter(tag.kind for tag in vocab).most_common()),
        "sha256": vocab.sha256,
        "synonyms_sha256": vocab.synonyms_sha256,
    }


def _print_tag(facts: dict[str, Any]) -> None:
    table = _table("", "")
    table.show_header = False
    for key in ("id", "name", "kind", "threshold", "name_zh"):
        table.add_row(key, "" if facts[key] is None else str(facts[key]))
    table.add_row("twins", ", ".join(f"{twin['name']} ({twin['id']})" for twin in facts["twins"]) or "none")
    for origin, forms in facts["forms"].items():
        table.add_row(f"forms: {origin}", ", ".join(forms))
    for sense in facts["wordnet"]:
        table.add_row(sense["synset"], f"{sense['lexical_file']}: {sense['gloss']}")
    _print(table)


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(line: str | Table) -> None:
    from rich.console import Console

    Console().print(line, markup=False, highlight=False, soft_wrap=isinstance(line, str))


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
