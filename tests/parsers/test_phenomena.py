"""Telling tags by phenomenon: what a careful reader takes from a caption and a plain dictionary does not.

Each row of phenomena.tsv names the tags that must be found and those that must not. Rows of shared captions hold their
id only; they need the shared folder. Rows with a sentence of our own stand for the same phenomena everywhere.

phenomena_open.txt lists the rows that the tagger does not get right yet. They are run and shown as expected failures; one
that passes fails the suite until it is taken off the list, so the list only says what is so.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet

from dataengine.parsers.tagger import Tagger
from dataengine.vocab import SurfaceForm, Vocabulary

HERE = Path(__file__).resolve().parent
COLUMNS = ["phenomenon", "id", "source", "caption", "must", "must_not", "why"]
MAX_ROWS = 15
"""Most rows of a phenomenon; together with MIN_SHARED it forces at least 20 phenomena."""
MIN_SHARED = 300
MAX_WORDS = 6
"""Most words of a surface form."""

_WORD = re.compile(r"[^\W_]+")


class Row(NamedTuple):
    """What one caption asserts, as far as it is telling: tag names that must and must not be found."""

    phenomenon: str
    id: str
    source: str
    caption: str
    must: frozenset[str]
    must_not: frozenset[str]
    why: str

    @property
    def is_own(self) -> bool:
        """Whether the sentence is our own, given in the row itself."""
        return self.id == "-"


def _names(cell: str) -> frozenset[str]:
    return frozenset(cell.split(",")) - {""}


def _read_rows() -> list[Row]:
    with (HERE / "phenomena.tsv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    assert header == COLUMNS
    return [
        Row(phenomenon, caption_id, source, caption, _names(must), _names(must_not), why)
        for phenomenon, caption_id, source, caption, must, must_not, why in lines
    ]


def _case(row: Row, name: str) -> ParameterSet:
    still_open = pytest.mark.xfail(strict=True, reason="phenomena_open.txt: not read right yet")
    return pytest.param(row, id=name, marks=[still_open] if name in OPEN else [])


OPEN = frozenset((HERE / "phenomena_open.txt").read_text(encoding="utf-8").split())
ROWS = _read_rows()
OWN = [_case(row, f"{row.phenomenon}-{number}") for number, row in enumerate(ROWS) if row.is_own]
SHARED_ROWS = [row for row in ROWS if not row.is_own]
SHARED = [_case(row, f"{row.phenomenon}-{row.id}") for row in SHARED_ROWS]


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    return Vocabulary.load()


@pytest.fixture(scope="module")
def tagger(vocab: Vocabulary) -> Tagger:
    return Tagger(vocab)


@pytest.fixture(scope="module")
def dictionary(vocab: Vocabulary) -> dict[str, SurfaceForm]:
    """Names and their inflections alone: what a plain dictionary of the tag list holds."""
    forms = {text: form for text, form in vocab.forms.items() if form.origin in ("name", "inflection")}
    assert max(text.count(" ") for text in forms) < MAX_WORDS
    return forms


@pytest.fixture(scope="session")
def shared_captions(shared_dir: Path) -> dict[str, dict[str, str]]:
    """The shared captions that rows name, by id."""
    wanted = {row.id for row in SHARED_ROWS}
    with (shared_dir / "parser" / "captions.jsonl").open(encoding="utf-8") as file:
        records = map(json.loads, file)
        return {record["id"]: record for record in records if record["id"] in wanted}


def _check(caption: str, row: Row, tagger: Tagger, vocab: Vocabulary) -> None:
    found = {vocab[tag_id].name for tag_id in tagger.tag(caption, row.source).tag_ids}
    missed, false = sorted(row.must - found), sorted(row.must_not & found)
    assert (missed, false) == ([], []), f"{row.why}: missed {missed}, false {false} in {caption!r}"


@pytest.mark.parametrize("row", OWN)
def test_own_sentence(row: Row, tagger: Tagger, vocab: Vocabulary) -> None:
    _check(row.caption, row, tagger, vocab)


@pytest.mark.shared
@pytest.mark.parametrize("row", SHARED)
def test_shared_caption(
    row: Row, shared_captions: dict[str, dict[str, str]], tagger: Tagger, vocab: Vocabulary
) -> None:
    _check(shared_captions[row.id]["caption"], row, tagger, vocab)


# ------------------------------------------------------------------------------------------------------- the table itself


def test_open_rows_are_rows() -> None:
    """A name on the list that is no case would hide nothing and mislead."""
    assert {str(case.id) for case in (*OWN, *SHARED)} >= OPEN


def _match_naively(caption: str, dictionary: dict[str, SurfaceForm], vocab: Vocabulary) -> set[str]:
    """Return the tags of a longest match over names and inflections: no synonyms, no senses, no negation."""
    words = _WORD.findall(caption.lower())
    found: set[str] = set()
    start = 0
    while start < len(words):
        for end in range(min(start + MAX_WORDS, len(words)), start, -1):
            form = dictionary.get(" ".join(words[start:end]))
            if form is not None:
                found.add(vocab[vocab.canonical(form.tag_id)].name)
                break
        start = end
    return found


def _right_without_rules(
    captions: list[tuple[str, Row]], dictionary: dict[str, SurfaceForm], vocab: Vocabulary
) -> list[str]:
    """Return the captions whose row a plain dictionary gets right, so that the row tells nothing."""
    dull = []
    for caption, row in captions:
        found = _match_naively(caption, dictionary, vocab)
        if row.must <= found and not row.must_not & found:
            dull.append(f"{row.phenomenon} {row.id} {row.why}")
    return dull


def test_table_is_large_and_even() -> None:
    per_phenomenon = Counter(row.phenomenon for row in ROWS)
    own = Counter(row.phenomenon for row in ROWS if row.is_own)
    assert len(SHARED_ROWS) >= MIN_SHARED
    assert max(per_phenomenon.values()) <= MAX_ROWS
    assert len(per_phenomenon) >= 20
    assert all(own[phenomenon] >= 2 for phenomenon in per_phenomenon)


def test_rows_name_canonical_tags_and_give_reasons(vocab: Vocabulary) -> None:
    for row in ROWS:
        assert row.must | row.must_not
        assert row.must.isdisjoint(row.must_not)
        assert row.why
        for name in row.must | row.must_not:
            assert vocab[vocab.id_of(name)].name == name


def test_only_own_sentences_are_written_out() -> None:
    assert all(bool(row.caption) == row.is_own for row in ROWS)
    assert max(Counter(row.id for row in SHARED_ROWS).values()) == 1


def test_held_out_captions_are_left_alone() -> None:
    lines = (HERE / "labels" / "own_unseen.jsonl").read_text(encoding="utf-8").splitlines()
    assert not {json.loads(line)["id"] for line in lines} & {row.id for row in SHARED_ROWS}


def test_every_own_sentence_needs_more_than_a_dictionary(dictionary: dict[str, SurfaceForm], vocab: Vocabulary) -> None:
    captions = [(row.caption, row) for row in ROWS if row.is_own]
    assert _right_without_rules(captions, dictionary, vocab) == []


@pytest.mark.shared
def test_every_shared_row_needs_more_than_a_dictionary(
    shared_captions: dict[str, dict[str, str]], dictionary: dict[str, SurfaceForm], vocab: Vocabulary
) -> None:
    captions = [(shared_captions[row.id]["caption"], row) for row in SHARED_ROWS]
    assert _right_without_rules(captions, dictionary, vocab) == []


@pytest.mark.shared
def test_shared_rows_name_other_captions_than_the_development_set(
    shared_dir: Path, shared_captions: dict[str, dict[str, str]]
) -> None:
    lines = (shared_dir / "parser" / "gold_dev.jsonl").read_text(encoding="utf-8").splitlines()
    assert not {json.loads(line)["id"] for line in lines} & shared_captions.keys()
    assert {row.id: row.source for row in SHARED_ROWS} == {
        key: record["source"] for key, record in shared_captions.items()
    }
