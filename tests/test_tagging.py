"""The union of a record's claims and the policy for <PERSON>, with a parser of the test's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest

from dataengine.records import CaptionRecord, Evidence, ParsedCaption, TagClaim, Text
from dataengine.tagging import PersonPolicy, clean_texts, tag_record

PERSON, DOG, MAN = 10, 20, 30
WORDS = {"<person>": PERSON, "person": PERSON, "people": PERSON, "dog": DOG, "man": MAN}


class WordParser:
    """Finds the words above, with their characters."""

    def parse_many(self, captions: Iterable[str], sources: Iterable[str | None]) -> Iterator[ParsedCaption]:
        for caption in captions:
            found = [
                (WORDS[m[0].lower()], m.span()) for m in re.finditer(r"<\w+>|\w+", caption) if m[0].lower() in WORDS
            ]
            tag_ids = tuple(sorted({tag_id for tag_id, _ in found}))
            evidence = tuple(Evidence(tag_id, span, "name") for tag_id, span in found)
            yield ParsedCaption(caption, tag_ids, tuple(map(str, tag_ids)), evidence)


def tagged(policy: PersonPolicy, *captions: str, tags: list[TagClaim] | None = None) -> CaptionRecord:
    texts = [Text(original=caption, kind="alt", by="web") for caption in captions]
    record = CaptionRecord(uid="x-1", dataset="x", source_id="1", url="http://x", texts=texts, tags=tags or [])
    clean_texts(record)
    tag_record(record, WordParser(), policy)  # type: ignore[arg-type]
    return record


def claims(record: CaptionRecord) -> list[tuple[int, list[str], str | None]]:
    return [(claim.id, claim.by, claim.drop) for claim in record.tags]


def test_claims_name_the_texts_that_made_them() -> None:
    record = tagged(PersonPolicy.DROP, "a dog", "a man and a dog")
    assert claims(record) == [(DOG, ["parse:0", "parse:1"], None), (MAN, ["parse:1"], None)]
    assert [text.tags for text in record.texts] == [[DOG], [DOG, MAN]]


def test_a_dropped_text_claims_nothing() -> None:
    record = CaptionRecord(
        uid="x-1", dataset="x", source_id="1", url="http://x",
        texts=[Text(original="a man", kind="alt", by="web", drop="words"), Text(original="dog", kind="alt", by="web")],
    )  # fmt: skip
    tag_record(record, WordParser(), PersonPolicy.DROP)  # type: ignore[arg-type]
    assert claims(record) == [(DOG, ["parse:1"], None)]
    assert record.texts[0].tags == []


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (PersonPolicy.DROP, (PERSON, ["parse:0"], "person_placeholder")),
        (PersonPolicy.TEACHER, (PERSON, ["parse:0"], "person_placeholder_unconfirmed")),
        (PersonPolicy.KEEP, (PERSON, ["parse:0"], None)),
    ],
)
def test_the_placeholder_policy_is_recorded_on_the_tag(
    policy: PersonPolicy, expected: tuple[int, list[str], str | None]
) -> None:
    record = tagged(policy, "<PERSON> with a dog")
    assert claims(record)[0] == expected
    assert record.texts[0].drop is None
    assert (PERSON in record.texts[0].tags) == (policy is PersonPolicy.KEEP)


@pytest.mark.parametrize("captions", [("<PERSON> and people",), ("<PERSON> walks", "two people")])
def test_an_ordinary_word_redeems_the_placeholder(captions: tuple[str, ...]) -> None:
    record = tagged(PersonPolicy.DROP, *captions)
    assert (PERSON, None) in [(claim.id, claim.drop) for claim in record.tags]


def test_imported_claims_stay() -> None:
    record = tagged(
        PersonPolicy.DROP, "a dog", tags=[TagClaim(id=DOG, by=["ram_json"]), TagClaim(id=5, by=["ram_json"])]
    )
    assert claims(record) == [(5, ["ram_json"], None), (DOG, ["ram_json", "parse:0"], None)]


def test_cleaned_text_stands_beside_the_original() -> None:
    record = tagged(PersonPolicy.DROP, 'A "Dog" &amp; a man.')
    assert record.texts[0].original == 'A "Dog" &amp; a man.'
    assert record.texts[0].text == "a dog & a man"
