"""WordNet, for building the vocabulary's files only: a WordNet folder -> wordnet.tsv, and wordnet.tsv -> synsets."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataengine.errors import VocabularyError
from dataengine.vocab.loading import packaged_bytes, split_rows
from dataengine.vocab.tag import SurfaceForm, Tag, normalise

COLUMNS = ["tag_id", "synset", "lexical_file", "gloss", "lemmas", "hypernyms", "hyponyms", "part_meronyms", "substance_meronyms"]  # fmt: skip

DATA_FILES = [f"{kind}.{part}" for kind in ("index", "data") for part in ("adj", "adv", "noun", "verb")]
EXCEPTION_FILES = [f"{part}.exc" for part in ("adj", "adv", "noun", "verb")]

_LEXICAL_FILES = {
    "3": "adj.all adj.pert", "4": "adv.all",
    "1": "noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition noun.communication "
    "noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person noun.phenomenon "
    "noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state noun.substance noun.time",
    "2": "verb.body verb.change verb.cognition verb.communication verb.competition verb.consumption verb.contact "
    "verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative verb.weather",
}  # fmt: skip
"""Part-of-speech number -> lexicographer files in the order of their numbers 0 to 43 (lexnames(5WN) of WordNet 3.0)."""


@dataclass(frozen=True, slots=True)
class Synset:
    """One sense of a tag's name. Related synsets are given by name ("dog.n.01"), lemmas with underscores."""

    tag_id: int
    name: str
    lexical_file: str
    gloss: str
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]
    hyponyms: tuple[str, ...]
    part_meronyms: tuple[str, ...]
    substance_meronyms: tuple[str, ...]


def find_synsets(tags: Iterable[Tag], wordnet_dir: Path) -> list[Synset]:
    """Return all senses of each tag's name, nouns first, the commonest sense of a part of speech first.

    A name is a lemma in its own spelling, with its hyphens as spaces or left out, or, failing that, as the plural of
    one. Raises VocabularyError where `wordnet_dir` holds no WordNet.
    """
    with _open_wordnet(wordnet_dir) as reader:
        return [_to_row(tag.id, synset) for tag in tags for synset in _senses(reader, tag.name)]


def write_synsets(synsets: Iterable[Synset]) -> bytes:
    """Return the content of wordnet.tsv; lists are joined by one space."""
    lines = ["\t".join(COLUMNS)]
    for synset in synsets:
        lists = (synset.lemmas, synset.hypernyms, synset.hyponyms, synset.part_meronyms, synset.substance_meronyms)
        cells = [str(synset.tag_id), synset.name, synset.lexical_file, synset.gloss, *map(" ".join, lists)]
        lines.append("\t".join(cells))
    return ("\n".join(lines) + "\n").encode()


def read_synsets() -> dict[int, list[Synset]]:
    """Return tag id -> its senses, from the packaged wordnet.tsv; a tag without a synset is absent."""
    senses: dict[int, list[Synset]] = {}
    for row in split_rows(packaged_bytes("wordnet.tsv"), num_columns=len(COLUMNS)):
        lists = [tuple(cell.split()) for cell in row[4:]]
        senses.setdefault(int(row[0]), []).append(Synset(int(row[0]), row[1], row[2], row[3], *lists))
    return senses


def propose_synonyms(
    tags: Iterable[Tag], forms: Mapping[str, SurfaceForm], wordnet_dir: Path
) -> list[tuple[str, str, str, str, str]]:
    """Return (form, tag id, tag, synset, gloss) of lemmas that may be synonyms of a tag, in id order.

    Only lemmas whose own first sense is the first sense of the tag's name, and that are no form of a tag already: of all
    ways to take synonyms from WordNet the one that is right most often, and still material for a person to judge.
    """
    tags = list(tags)
    taken = {normalise(tag.name) for tag in tags} | set(forms)
    found = []
    with _open_wordnet(wordnet_dir) as reader:
        for tag in tags:
            for synset in _senses(reader, tag.name)[:1]:
                for lemma in synset.lemma_names():
                    form = normalise(lemma.replace("_", " "))
                    if form not in taken and reader.synsets(lemma)[0] == synset:
                        found.append(
                            (form, str(tag.id), tag.name, synset.name(), " ".join(synset.definition().split()))
                        )
    return found


def first_senses(names: Iterable[tuple[str, str]], wordnet_dir: Path) -> list[tuple[str, str] | None]:
    """Return (synset, gloss) of the first sense of each (name, part of speech), None where WordNet has none.

    Raises VocabularyError where `wordnet_dir` holds no WordNet.
    """
    with _open_wordnet(wordnet_dir) as reader:
        found = [reader.synsets(name.replace(" ", "_"), pos=part) for name, part in names]
        return [(senses[0].name(), " ".join(senses[0].definition().split())) if senses else None for senses in found]


@contextlib.contextmanager
def _open_wordnet(wordnet_dir: Path) -> Iterator[Any]:
    """Yield NLTK's reader over a copy of the folder, which gets the `lexnames` file that Debian's lacks.

    A copy, because NLTK reads below its own data folders only and refuses links out of them.
    """
    missing = [name for name in DATA_FILES + EXCEPTION_FILES if not (wordnet_dir / name).is_file()]
    if missing:
        raise VocabularyError(
            f"{wordnet_dir} is no WordNet folder: {missing[0]} is missing; give NLTK's corpora/wordnet or Debian's "
            "/usr/share/wordnet (package wordnet-base)"
        )
    import nltk.data

    with tempfile.TemporaryDirectory() as folder:
        for name in DATA_FILES + EXCEPTION_FILES:
            shutil.copy(wordnet_dir / name, folder)
        (Path(folder) / "lexnames").write_text(lexnames(), encoding="ascii")
        nltk.data.path.append(folder)
        try:
            yield _make_reader(folder)
        finally:
            nltk.data.path.remove(folder)


def _make_reader(folder: str) -> Any:
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class EnglishReader(WordNetCorpusReader):  # type: ignore[misc]
        """NLTK's reader without its map to other languages, which needs a second WordNet."""

        def map_wn(self, version: str = "wordnet") -> None:
            return None

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The multilingual functions are not available")
        return EnglishReader(folder, None)


def lexnames() -> str:
    """Return the 45 lines of WordNet's `lexnames` file: number, lexicographer file, part of speech."""
    rows = [(name, part) for part in "3412" for name in _LEXICAL_FILES[part].split()] + [("adj.ppl", "3")]
    return "".join(f"{number:02d}\t{name}\t{part}\n" for number, (name, part) in enumerate(rows))


def _senses(reader: Any, name: str) -> list[Any]:
    """Return the synsets of which `name` is a lemma, or else those of its singular."""
    spellings = dict.fromkeys([name.replace(" ", "_"), name.replace(" ", "_").replace("-", "_"), name.replace("-", "")])
    for spelling in spellings:
        found = reader.synsets(spelling)
        exact = [synset for synset in found if spelling.lower() in (lemma.lower() for lemma in synset.lemma_names())]
        if exact:
            return exact
    return next(filter(None, (reader.synsets(spelling, pos="n") for spelling in spellings)), [])


def _to_row(tag_id: int, synset: Any) -> Synset:
    return Synset(
        tag_id,
        synset.name(),
        synset.lexname(),
        " ".join(synset.definition().split()),
        tuple(synset.lemma_names()),
        _names(synset.hypernyms() + synset.instance_hypernyms()),
        _names(synset.hyponyms() + synset.instance_hyponyms()),
        _names(synset.part_meronyms()),
        _names(synset.substance_meronyms()),
    )


def _names(synsets: list[Any]) -> tuple[str, ...]:
    return tuple(sorted(synset.name() for synset in synsets))
