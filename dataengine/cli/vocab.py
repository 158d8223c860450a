"""`dataengine vocab`: look up tags and surface forms, count them, rebuild the vocabulary's files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
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
    corpus: Annotated[
        Path | None,
        typer.Argument(metavar="[CAPTIONS]", help="Captions to build a tag list of your own from.", show_default=False),
    ] = None,
    size: Annotated[int, typer.Option("--size", help="Tags of a list built from captions.")] = 4585,
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
    """Build a tag list from CAPTIONS; without them, rebuild the packaged vocabulary's derived files.

    From captions: parse, count heads, modifiers and verbs, rank, keep the commonest. With --wordnet, names of one sense
    are proposed as synonyms in OUT/synonyms.tsv, to be judged by you; without it none are proposed.
    """
    if corpus is not None:
        facts = _build_from_captions(corpus, size, wordnet, out)
    else:
        facts = _rebuild_packaged(wordnet, out, candidates)
    if as_json:
        _print_json(facts)
        return
    for line in (*facts["notes"], *(f"wrote {path}" for path in facts["files"])):
        _print(line)
    _print(", ".join(f"{value:,} {name}" for name, value in facts.items() if isinstance(value, int)))


@app.command("coverage")
def coverage_command(
    corpus: Annotated[Path, typer.Argument(metavar="CAPTIONS", help="jsonl, csv, tsv, parquet or plain text.")],
    top: Annotated[int, typer.Option("--top", min=1, help="Print so many missed words.")] = 50,
    source: Annotated[
        str | None, typer.Option("--source", help="Source of captions that name none.", show_default=False)
    ] = None,
    vocabulary: VocabularyFile = None,
    synonyms: SynonymsFile = None,
    as_json: AsJson = False,
) -> None:
    """Print which frequent words of a corpus give no tag, and the share of captions that get one."""
    from dataengine.parsers.corpus import measure_coverage
    from dataengine.parsers.tagger import Tagger

    rejected: Counter[str] = Counter()
    coverage = measure_coverage(_captions(corpus, source, rejected), Tagger(_load(vocabulary, synonyms)))
    num_captions = max(coverage.num_captions, 1)
    facts = {
        "captions": coverage.num_captions,
        "rejected rows": dict(rejected),
        "captions with a tag": round(coverage.num_tagged / num_captions, 4),
        "tags a caption": round(coverage.num_tags / num_captions, 3),
        "missed": [
            {"word": word, "captions": count, "example": coverage.examples[word]}
            for word, count in sorted(coverage.missed.items(), key=lambda item: (-item[1], item[0]))[:top]
        ],
    }
    _print_json(facts) if as_json else _print_coverage(facts)


def _build_from_captions(corpus: Path, size: int, wordnet: Path | None, out: Path | None) -> dict[str, Any]:
    from dataengine import torch_guard
    from dataengine.errors import ConfigError

    if out is None:
        raise ConfigError("a tag list built from captions needs a place: give --out DIR")
    torch_guard.keep_torch_out()
    from dataengine.parsers.corpus import choose_tags, count_names, write_vocabulary

    rejected: Counter[str] = Counter()
    counts = count_names(caption for caption, _ in _captions(corpus, None, rejected))
    found = choose_tags(counts, size, wordnet)
    notes = [f"{number:,} rows rejected: {reason}" for reason, number in rejected.items()]
    if wordnet is None:
        notes.append("no synonyms are proposed: they come from WordNet (--wordnet DIR)")
    files = [str(path) for path in write_vocabulary(found, out)]
    return {"files": files, "tags": len(found.tags), "proposed synonyms": len(found.proposals), "notes": notes}


def _rebuild_packaged(wordnet: Path | None, out: Path | None, candidates: Path | None) -> dict[str, Any]:
    from dataengine.vocab import build

    report = build.build(wordnet, out or build.PACKAGE_DIR, candidates)
    return {
        "files": [str(path) for path in report.files],
        "tags": report.num_tags,
        "synsets": report.num_synsets,
        "forms": report.num_forms,
        "candidates": report.num_candidates,
        "notes": list(report.notes),
    }


def _captions(corpus: Path, source: str | None, rejected: Counter[str]) -> Iterator[tuple[str, str]]:
    """Yield (caption, known source) of a file; rejected rows are counted by reason."""
    from dataengine.parsers.caption_files import read_captions
    from dataengine.parsers.source_rules import resolve_source, source_rules
    from dataengine.records import RejectedRow

    default = source_rules(source).name
    for row in read_captions(str(corpus)):
        if isinstance(row, RejectedRow):
            rejected[row.reason] += 1
        else:
            yield row.caption, resolve_source(row.source)[0] if row.source else default


def _print_coverage(facts: dict[str, Any]) -> None:
    table = _table("word", "captions", "for example")
    for missed in facts.pop("missed"):
        table.add_row(missed["word"], f"{missed['captions']:,}", missed["example"])
    _print(table)
    for name, value in facts.items():
        if value not in ({}, 0):
            _print(f"{name}: {value}")


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
