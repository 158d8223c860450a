"""Rebuild the vocabulary's derived files: `python -m dataengine.vocab.build --wordnet DIR [--out DIR]`.

Written by hand: names, thresholds and Chinese names in tags.tsv, twins.tsv, kinds.tsv, variants.tsv, curated.tsv, ram_compat.tsv. Derived from them,
lemminflect and WordNet: wordnet.tsv, the kinds in tags.tsv, synonyms.tsv. Equal inputs give equal bytes.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dataengine.errors import ConfigError, DataEngineError, VocabularyError
from dataengine.vocab.curated import add_curated
from dataengine.vocab.kinds import decide_kinds
from dataengine.vocab.loading import packaged_bytes, read_tags, read_twins, split_rows
from dataengine.vocab.surfaces import propose_forms
from dataengine.vocab.tag import Kind, SurfaceForm
from dataengine.vocab.wordnet import Synset, find_synsets, propose_synonyms, read_synsets, write_synsets

logger = logging.getLogger(__name__)

PACKAGE_DIR = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build wrote: files, the number of tags, synsets and surface forms, and what it left out."""

    files: tuple[Path, ...]
    num_tags: int
    num_synsets: int
    num_forms: int
    num_candidates: int = 0
    notes: tuple[str, ...] = ()


def build(
    wordnet_dir: Path | None = None, out_dir: Path = PACKAGE_DIR, candidates_file: Path | None = None
) -> BuildReport:
    """Write tags.tsv and synonyms.tsv, and with `wordnet_dir` wordnet.tsv, to `out_dir`; return what was written.

    `candidates_file` gets the synonyms that WordNet proposes, for a person to judge; nothing reads it. Raises
    ConfigError where it is asked for without WordNet, VocabularyError where a file is broken or can't be written.
    """
    if wordnet_dir is None and candidates_file is not None:
        raise ConfigError("synonym candidates come from WordNet: give its folder too (--wordnet DIR)")
    tags = read_tags()
    synsets = None if wordnet_dir is None else find_synsets(tags, wordnet_dir)
    kinds = decide_kinds(tags, read_synsets() if synsets is None else _by_tag(synsets))
    tags = [replace(tag, kind=kinds[tag.id]) for tag in tags]
    twins = read_twins(tags)
    forms = add_curated(propose_forms(tags, twins), tags, twins)
    contents = {out_dir / "tags.tsv": tags_file(kinds), out_dir / "synonyms.tsv": synonyms_file(forms)}
    num_candidates = 0
    if wordnet_dir is not None and synsets is not None:
        contents[out_dir / "wordnet.tsv"] = write_synsets(synsets)
        if candidates_file is not None:
            candidates = propose_synonyms(tags, forms, wordnet_dir)
            contents[candidates_file] = _table("form tag_id tag synset gloss", candidates)
            num_candidates = len(candidates)
    for path, content in contents.items():
        _write(path, content)
    return BuildReport(
        files=tuple(contents),
        num_tags=len(tags),
        num_synsets=len(synsets or ()),
        num_forms=len(forms),
        num_candidates=num_candidates,
        notes=() if wordnet_dir else ("no WordNet folder: wordnet.tsv is left as it is, and no synonyms are proposed",),
    )


def tags_file(kinds: Mapping[int, Kind]) -> bytes:
    """Return the content of tags.tsv with these kinds; all other columns stay as they are, to the letter."""
    rows = split_rows(packaged_bytes("tags.tsv"), num_columns=5)
    return _table("id name threshold kind name_zh", ([*row[:3], kinds[int(row[0])], row[4]] for row in rows))


def synonyms_file(forms: Mapping[str, SurfaceForm]) -> bytes:
    """Return the content of synonyms.tsv."""
    return _table("form tag_id origin", ([text, str(form.tag_id), form.origin] for text, form in forms.items()))


def main(arguments: list[str] | None = None) -> None:
    """Run a build from the command line; `dataengine vocab build` does the same."""
    parser = argparse.ArgumentParser(prog="python -m dataengine.vocab.build", description="Rebuild the tag vocabulary.")
    parser.add_argument("--wordnet", type=Path, metavar="DIR", help="NLTK's corpora/wordnet or /usr/share/wordnet")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=PACKAGE_DIR, help="default: the package's own folder"
    )
    parser.add_argument("--candidates", type=Path, metavar="FILE", help="write the synonyms that WordNet proposes")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        report = build(options.wordnet, options.out, options.candidates)
    except DataEngineError as error:
        parser.error(str(error))
    for line in (*report.notes, *(f"wrote {path}" for path in report.files)):
        logger.info(line)


def _by_tag(synsets: Iterable[Synset]) -> dict[int, list[Synset]]:
    senses: dict[int, list[Synset]] = {}
    for synset in synsets:
        senses.setdefault(synset.tag_id, []).append(synset)
    return senses


def _table(columns: str, rows: Iterable[Iterable[str]]) -> bytes:
    lines = ["\t".join(columns.split()), *("\t".join(row) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def _write(path: Path, content: bytes) -> None:
    """Replace the file at `path` in one step. Raises VocabularyError where it can't be written."""
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise VocabularyError(
            f"cannot write {path}: {error.strerror or error}; give a folder that can be written"
        ) from error


if __name__ == "__main__":
    main()
