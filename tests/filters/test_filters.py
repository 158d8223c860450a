"""One line a rule: a text or an image, and the reason that must come."""

import pytest

from dataengine.errors import UnknownComponentError
from dataengine.filters import IMAGE_FILTERS, TEXT_FILTERS, FilterChain, filter_states
from dataengine.filters.caption import LanguageFilter
from dataengine.records import CaptionRecord, TagClaim, Text, TextKind


def make_text(original: str, kind: TextKind = "alt", num_images: int = 1) -> Text:
    return Text(original=original, text=original.lower(), kind=kind, by="web", num_images=num_images)


def make_record(**fields: object) -> CaptionRecord:
    return CaptionRecord(uid="x-0", dataset="x", source_id="0", url="http://example.com/i.jpg", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (make_text("a dog on a red couch"), None),
        (make_text(""), "empty_text"),
        (make_text("dog couch"), "too_few_words"),
        (make_text("dog couch", kind="human"), None),
        (make_text("dog on couch"), None),
        (make_text("dog " + "near a couch " * 86), "too_many_words"),
        (make_text("5 5 7 88 99.00 $ 12"), "few_letters"),
        (make_text("IMG_0012_2014.jpg 2014 11 12", kind="human"), "few_letters"),
        (make_text("sale sale sale sale sale sale sale shoes"), "repeated_words"),
        (make_text("very very nice dog here"), None),
        (make_text("image not available here", num_images=11), "repeated_caption"),
        (make_text("image not available here", num_images=10), None),
        (make_text("a man riding a wave", kind="human", num_images=500), None),
    ],
)
def test_text_filters(text: Text, reason: str | None) -> None:
    record = make_record(texts=[text])
    FilterChain.create(filter_states()).drop_texts(record)
    assert text.drop == reason


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (make_record(width=63, height=300), "small_side"),
        (make_record(width=64, height=300, tags=[TagClaim(id=1)]), None),
        (make_record(width=100, height=501), "extreme_aspect"),
        (make_record(width=100, height=500, tags=[TagClaim(id=1)]), None),
        (make_record(texts=[Text(original="x", kind="alt", by="web", drop="words")]), "no_text"),
        (make_record(texts=[make_text("something unknown here")]), "no_tag"),
        (make_record(texts=[make_text("<PERSON> here now")], tags=[TagClaim(id=1, drop="person_placeholder")]), None),
        (make_record(width=20, height=20, drop="karpathy_test"), "karpathy_test"),
    ],
)
def test_image_filters(record: CaptionRecord, reason: str | None) -> None:
    FilterChain.create(filter_states()).drop_image(record)
    assert record.drop == reason


@pytest.mark.parametrize("name", [kind.name for kind in (*TEXT_FILTERS, *IMAGE_FILTERS)])
def test_every_filter_can_be_switched_off(name: str) -> None:
    assert filter_states(on=[name])[name]
    assert not filter_states(off=[name])[name]
    chain = FilterChain.create(filter_states(off=[name]))
    left = {rule.name for rule in chain.text_filters} | {rule.name for rule in chain.image_filters}
    assert name not in left
    assert left | {name, "language"} == set(filter_states()) | {"language"}


def test_language_is_off_by_default_and_judges_long_alt_text_only() -> None:
    assert not filter_states()["language"]
    rule = LanguageFilter()
    german = "Der kleine Hund schläft heute auf dem roten Sofa im Wohnzimmer"
    assert rule.reason_to_drop(make_text(german)) == "language_de"
    assert rule.reason_to_drop(make_text(german, kind="human")) is None
    assert rule.reason_to_drop(make_text("Der kleine Hund schläft")) is None
    assert rule.reason_to_drop(make_text("the small dog sleeps on the red couch in the room")) is None


@pytest.mark.parametrize(
    "english",
    [
        "Best Xbox Game Pass Games To Play On PC 2020",
        "Photo 15: DOWNTOWN Condo for sale : 2 bedrooms : 1240 India #505 in San Diego",
        "2013 Mercedes-Benz C-Class CERTIFIED C300 4Matic Sport Package AWD MULTIMEDIA NAV - 16630372 - 56",
        "Authentic Cosmos, 42cm/16inch, Pink Silk Scarf by Philippe Ledoux",
    ],
)
def test_english_that_looks_a_little_like_a_small_language_stays(english: str) -> None:
    assert LanguageFilter().reason_to_drop(make_text(english)) is None


def test_unknown_filter_names_the_known_ones() -> None:
    with pytest.raises(UnknownComponentError, match=r"no filter named 'word'; known: .*words"):
        filter_states(off=["word"])
