"""What a corpus of captions talks about: names for a vocabulary of one's own, and words that a vocabulary misses.

The tag list of RAM came from its corpus in this way (arXiv 2306.03514, section 3.1): parse, count heads, modifiers and
relations, rank, and group synonyms by hand with WordNet's help.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from dataengine.errors import ConfigError, VocabularyError
from dataengine.parsers.cleaning import clean
from dataengine.parsers.parser import Parser
from dataengine.parsers.source_rules import source_rules
from dataengine.parsers.tagger import Tagger
from dataengine.parsers.tokens import tokenise
from dataengine.records import SceneGraph

Role: TypeAlias = Literal["object", "attribute", "action"]

_POOL = 4
"""Names looked at for synonyms, as a multiple of the size asked for."""
_PREPOSITIONS = frozenset(
    [
        "about",
        "above",
        "across",
        "against",
        "along",
        "alongside",
        "amid",
        "among",
        "around",
        "as",
        "at",
        "atop",
        "behind",
        "below",
        "beneath",
        "beside",
        "between",
        "beyond",
        "by",
        "down",
        "during",
        "for",
        "from",
        "in",
        "inside",
        "into",
        "like",
        "near",
        "next",
        "of",
        "off",
        "on",
        "onto",
        "out",
        "outside",
        "over",
        "past",
        "through",
        "to",
        "toward",
        "towards",
        "under",
        "underneath",
        "up",
        "upon",
        "with",
        "within",
        "without",
    ]
)
_EMPTY_WORDS = frozenset(
    [
        "be",
        "do",
        "have",
        "get",
        "go",
        "make",
        "take",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "few",
        "many",
        "other",
        "several",
    ]
)
"""Verbs that say nothing of what is seen, numbers and counting words: no names for a tag."""


class CountedName(NamedTuple):
    """A head, modifier or verb, and the captions that have it."""

    name: str
    role: Role
    num_captions: int


class Proposal(NamedTuple):
    """A name that WordNet takes for a synonym of a commoner one, for a person to judge."""

    form: str
    tag: str
    synset: str
    num_captions: int
    gloss: str


@dataclass(frozen=True, slots=True)
class CorpusVocabulary:
    """A tag list proposed from a corpus, the commonest first, and the synonyms that were taken out of it."""

    tags: tuple[CountedName, ...]
    proposals: tuple[Proposal, ...]


@dataclass(slots=True)
class Coverage:
    """How much of a corpus a vocabulary reads. `missed` counts captions a word that no form, blocker or rule covers."""

    num_captions: int = 0
    num_tagged: int = 0
    num_tags: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    """The first caption of each missed word."""


def count_names(
    captions: Iterable[str], sources: Iterable[str | None] | str | None = None
) -> Counter[tuple[str, Role]]:
    """Return (name, role) -> number of captions, over the scene graphs of `captions`."""
    counts: Counter[tuple[str, Role]] = Counter()
    for parsed in Parser(graph=True).parse_many(captions, sources):
        if parsed.graph is not None:
            counts.update(set(_names(parsed.graph)))
    return counts


def choose_tags(counts: Counter[tuple[str, Role]], size: int, wordnet_dir: Path | None = None) -> CorpusVocabulary:
    """Return the `size` commonest names, each in its commonest role.

    With `wordnet_dir`, a name whose first sense is that of a commoner one is taken out and proposed as its synonym;
    without it nothing is proposed. Raises ConfigError for a size below 1, VocabularyError where there is no name, or
    where `wordnet_dir` holds no WordNet.
    """
    if size < 1:
        raise ConfigError(f"a vocabulary of size {size} can't be built; ask for at least 1")
    pool = _rank(counts)[: size * _POOL]
    if not pool:
        raise VocabularyError("the captions name nothing: there is no word to make a tag of; check the caption column")
    proposals = _propose(pool, wordnet_dir) if wordnet_dir else []
    taken = {proposal.form for proposal in proposals}
    return CorpusVocabulary(tuple([name for name in pool if name.name not in taken][:size]), tuple(proposals))


def write_vocabulary(found: CorpusVocabulary, out_dir: Path) -> list[Path]:
    """Write tags.txt and synonyms.tsv, which `Vocabulary.load` reads, and the evidence for both. Returns the paths.

    Raises VocabularyError where `out_dir` can't be written.
    """
    tags = {name.name for name in found.tags}
    kept = [proposal for proposal in found.proposals if proposal.tag in tags]
    files: dict[str, Sequence[Iterable[object]]] = {
        "tags.txt": [(name.name,) for name in found.tags],
        "synonyms.tsv": [(proposal.form, proposal.tag) for proposal in kept],
        "counts.tsv": [CountedName._fields, *found.tags],
        "proposals.tsv": [Proposal._fields, *kept],
    }
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for name, rows in files.items():
            lines = ("\t".join(map(str, row)) for row in rows)
            (out_dir / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise VocabularyError(f"cannot write the vocabulary to {out_dir}: {error.strerror or error}") from error
    return [out_dir / name for name in files]


def measure_coverage(captions: Iterable[tuple[str, str | None]], tagger: Tagger) -> Coverage:
    """Return how much of (caption, source) pairs the tagger's vocabulary reads, and which words fall through."""
    from spacy.lang.en.stop_words import STOP_WORDS

    coverage = Coverage()
    for caption, source in captions:
        cleaned = clean(caption)
        tagged = tagger.tag_cleaned(cleaned, source_rules(source))
        coverage.num_captions += 1
        coverage.num_tagged += bool(tagged.evidence)
        coverage.num_tags += len(tagged.tag_ids)
        covered = [mention.span for mention in tagged.evidence] + [dropped.span for dropped in tagged.dropped]
        words, starts, ends = tokenise(cleaned.text)
        spans = [cleaned.span(start, end) for start, end in zip(starts, ends, strict=True)]
        missed = {word for word, span in zip(words, spans, strict=True) if not _covers(covered, span)}
        for word in sorted(missed - STOP_WORDS - _PREPOSITIONS - _EMPTY_WORDS):
            if word.isalpha() and len(word) > 1:
                coverage.missed[word] += 1
                coverage.examples.setdefault(word, caption)
    return coverage


def _names(graph: SceneGraph) -> Iterator[tuple[str, Role]]:
    verbs = (relation.predicate.split(" ")[0] for relation in graph.relations)
    found: list[tuple[str, Role]] = [(entity.head.lower(), "object") for entity in graph.entities]
    found += [(modifier.text.lower(), "attribute") for entity in graph.entities for modifier in entity.modifiers]
    found += [(verb.lower(), "action") for verb in verbs if verb not in _PREPOSITIONS]
    for name, role in found:
        if name not in _EMPTY_WORDS and any(character.isalpha() for character in name):
            yield name, role


def _rank(counts: Counter[tuple[str, Role]]) -> list[CountedName]:
    """Return each name once, with all its captions and in its commonest role, the commonest first."""
    totals: Counter[str] = Counter()
    best: dict[str, tuple[int, Role]] = {}
    for (name, role), count in sorted(counts.items()):
        totals[name] += count
        if count > best.get(name, (0, role))[0]:
            best[name] = (count, role)
    return [
        CountedName(name, best[name][1], total) for name, total in sorted(totals.items(), key=lambda i: (-i[1], i[0]))
    ]


def _propose(pool: list[CountedName], wordnet_dir: Path) -> list[Proposal]:
    from dataengine.vocab.wordnet import first_senses

    parts = {"object": "n", "attribute": "a", "action": "v"}
    senses = first_senses([(name.name, parts[name.role]) for name in pool], wordnet_dir)
    first: dict[str, str] = {}
    proposals = []
    for name, sense in zip(pool, senses, strict=True):
        if sense is None:
            continue
        commoner = first.setdefault(sense[0], name.name)
        if commoner != name.name:
            proposals.append(Proposal(name.name, commoner, sense[0], name.num_captions, sense[1]))
    return proposals


def _covers(spans: list[tuple[int, int]], span: tuple[int, int]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in spans)
