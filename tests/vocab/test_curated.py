"""The curated synonyms: every row is sound, and the build refuses one that is not."""

from __future__ import annotations

import pytest

from dataengine.errors import VocabularyError
from dataengine.vocab import Vocabulary, curated, normalise
from dataengine.vocab.curated import Synonym, add_curated, read_curated
from dataengine.vocab.loading import read_tags

ORIGINS = {"merge", "older_list", "wordnet", "variant", "usage"}


def test_every_row_is_sound() -> None:
    rows, names = read_curated(), {normalise(tag.name) for tag in Vocabulary.load()}
    forms = [row.form for row in rows]
    assert forms == sorted(set(forms))
    assert len(forms) > 1900
    assert not names & set(forms)
    assert {row.origin for row in rows} == ORIGINS
    assert all(row.note for row in rows if row.seen == 0), "a form that the sample never has needs its reason"


@pytest.mark.parametrize(
    ("form", "tag"),
    [
        ("sofa", "couch"), ("people", "person"), ("ocean", "sea"), ("guy", "man"), ("sidewalks", "pavement"),
        ("cell phone", "smartphone"), ("woods", "forest"), ("puppy", "dog"), ("refrigerator", "fridge"),
        ("schoolboy", "boy"), ("navy blue", "blue"),
    ],
)  # fmt: skip
def test_synonyms_lead_to_their_tag(form: str, tag: str) -> None:
    vocab = Vocabulary.load()
    found = vocab.lookup(form)
    assert found is not None
    assert (vocab[found.tag_id].name, found.origin) == (tag, "synonym")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Synonym("dog", "couch", "usage", 1, ""), "'dog' is a tag's name"),
        (Synonym("Sofa-bed", "couch", "usage", 1, ""), "not normalised"),
        (Synonym("settle", "coutch", "usage", 1, ""), "names 'coutch', which is no tag"),
    ],
)
def test_a_wrong_row_stops_the_build(row: Synonym, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curated, "read_curated", lambda: [row])
    with pytest.raises(VocabularyError, match=message):
        add_curated({}, read_tags(), {})
