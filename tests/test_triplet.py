from __future__ import annotations

import copy
import hashlib
import json
import math
from typing import Any

import pytest

from dataengine.phash import perceptual_hash
from dataengine.records import CaptionRecord, Region, TagClaim
from dataengine.shards import decode_image
from dataengine.triplet import make_triplet, place_box, validate
from dataengine.vocab import Vocabulary
from tests.small_root import DOG, PERSON, RED, SOFA, VOCABULARY, draw, jpeg, ledger_row, record, text

DATA = jpeg(draw(1))


def make(item: CaptionRecord, data: bytes = DATA) -> dict[str, Any]:
    return make_triplet(item, ledger_row(item, "000000000", data), data, VOCABULARY)


def test_the_whole_object() -> None:
    item = record(7)
    assert make(item) == {
        "schema": "triplet/1",
        "key": item.uid,
        "image": {
            "width": 96,
            "height": 64,
            "sha256": hashlib.sha256(DATA).hexdigest(),
            "phash": perceptual_hash(decode_image(DATA)),
        },
        "source": {
            "dataset": "coco",
            "id": "7",
            "url": "http://images.example/7.jpg",
            "license": "CC BY 2.0",
            "split": "train",
            "sha256": hashlib.sha256(b"original of " + DATA).hexdigest(),
        },
        "texts": [
            {
                "text": "a dog.",
                "original": "A dog.",
                "kind": "human",
                "by": "human",
                "score": None,
                "tags": [DOG],
                "region": None,
                "drop": None,
            },
            {
                "text": "a red sofa",
                "kind": "region",
                "by": "human",
                "score": 0.31,
                "tags": [RED, SOFA],
                "region": 0,
                "drop": None,
            },
        ],
        "tags": [
            {"id": DOG, "state": 1, "by": ["parse:0"], "score": None, "regions": [], "drop": None},
            {"id": RED, "state": 1, "by": ["parse:1"], "score": None, "regions": [0], "drop": None},
            {"id": SOFA, "state": 1, "by": ["parse:1"], "score": None, "regions": [0], "drop": None},
        ],
        "negatives": "closed",
        "regions": [
            {
                "box": [10.0, 20.0, 60.0, 64.0],
                "by": "vg",
                "score": None,
                "categories": [],
                "texts": [],
                "mask": None,
                "drop": None,
            }
        ],
        "arrays": {},
        "vocab": VOCABULARY,
    }
    assert validate(make(item)) == []


def test_dropped_texts_and_their_claims_are_gone_and_numbers_follow() -> None:
    item = record()
    item.texts = [
        text("gone", [PERSON], drop="language", kind="region", region=0),
        text("a dog", [DOG]),
        text("gone too", [DOG], drop="words"),
        text("a sofa", [SOFA], kind="region", region=2),
    ]
    item.regions = [
        Region(box=(0, 0, 10, 10), by="vg"),
        Region(box=(0, 0, 20, 20), by="vg"),
        Region(box=(0, 0, 50, 50), by="x"),
    ]
    item.tags = [
        TagClaim(id=SOFA, by=["parse:3", "teacher:t"], score=0.9),
        TagClaim(id=PERSON, by=["parse:0"]),
        TagClaim(id=DOG, by=["parse:1", "parse:2"]),
    ]
    made = make(item)
    assert [found["text"] for found in made["texts"]] == ["a dog", "a sofa"]
    assert [found["region"] for found in made["texts"]] == [None, 0]
    assert [(tag["id"], tag["by"], tag["regions"], tag["score"]) for tag in made["tags"]] == [
        (DOG, ["parse:0"], [], None),
        (SOFA, ["parse:1", "teacher:t"], [0], 0.9),
    ]
    assert [region["by"] for region in made["regions"]] == ["x"]
    assert validate(made) == []


def test_dropped_tags_are_gone_from_the_sample_and_its_texts() -> None:
    item = record()
    item.texts = [text("<PERSON> and a dog", [DOG, PERSON])]
    item.tags = [TagClaim(id=DOG, by=["parse:0"]), TagClaim(id=PERSON, by=["parse:0"], drop="person_placeholder")]
    made = make(item)
    assert [tag["id"] for tag in made["tags"]] == [DOG]
    assert made["texts"][0]["tags"] == [DOG]


def test_a_listed_negative_keeps_its_state() -> None:
    item = record(negatives="listed", texts=[], regions=[], tags=[TagClaim(id=SOFA, state=-1, by=["labels"])])
    made = make(item)
    assert (made["negatives"], made["tags"][0]["state"]) == ("listed", -1)
    assert validate(made) == []


def test_a_score_that_json_has_not_is_no_score() -> None:
    item = record(
        texts=[text("a dog", [DOG], score=math.nan)], tags=[TagClaim(id=DOG, by=["parse:0"], score=0.1 + 0.2)]
    )
    made = make(item)
    assert (made["texts"][0]["score"], made["tags"][0]["score"]) == (None, 0.3)


@pytest.mark.parametrize(
    ("box", "annotated", "stored", "expected"),
    [
        ((10, 20, 30, 40), (100, 100), (50, 50), (5, 10, 15, 20)),
        ((10, 20, 30, 40), (100, 50), (300, 150), (30, 60, 90, 120)),
        ((-5, -5, 300, 20), (100, 100), (100, 100), (0, 0, 100, 20)),  # clipped
        ((200, 0, 300, 20), (100, 100), (100, 100), None),  # outside
        ((10, 10, 10, 40), (100, 100), (100, 100), None),  # empty
        ((30, 10, 10, 40), (100, 100), (100, 100), None),  # turned round
        ((math.nan, 10, 10, 40), (100, 100), (100, 100), None),
        ((10, 10, 20, 20), (640, 427), (576, 384), (9, 8.99, 18, 17.99)),  # rounding of a side
        ((10, 10, 20, 20), (640, 480), (480, 640), None),  # another shape: turned
        ((10, 10, 20, 20), (640, 480), (384, 384), None),  # another shape: cropped
    ],
)
def test_boxes(
    box: tuple[float, float, float, float],
    annotated: tuple[int, int],
    stored: tuple[int, int],
    expected: tuple[float, ...] | None,
) -> None:
    assert place_box(Region(box=box, by="vg"), annotated, stored) == expected


def test_a_text_without_a_place_keeps_its_tags() -> None:
    item = record(width=128, height=192)
    made = make(item)
    assert made["regions"] == []
    assert [found["region"] for found in made["texts"]] == [None, None]
    assert [tag["regions"] for tag in made["tags"]] == [[], [], []]
    assert validate(made) == []


def test_without_annotated_size_boxes_refer_to_the_download() -> None:
    assert make(record(width=None, height=None))["regions"][0]["box"] == [
        10.0,
        20.0,
        60.0,
        64.0,
    ]  # 192x128 in the ledger


def test_bytes_that_are_no_picture() -> None:
    with pytest.raises(ValueError, match="not a whole picture"):
        make(record(), DATA[:-200])


# ----------------------------------------------------------------------------------------------------------- checking


def broken(path: str, value: Any) -> dict[str, Any]:
    """Return a good object in which the value at `path` is another."""
    made = copy.deepcopy(make(record()))
    target: Any = made
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        target = target[step]
    target[last] = value
    return made


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("schema", "triplet/2", "schema"),
        ("key", "", "key"),
        ("image.width", "96", "image.width"),
        ("image.width", True, "image.width"),
        ("image.sha256", "ab", "image.sha256"),
        ("image.phash", "XYZ", "image.phash"),
        ("source.dataset", None, "source.dataset"),
        ("source.id", 7, "source.id"),
        ("texts", {}, "texts"),
        ("texts.0.kind", "caption", "texts[0].kind"),
        ("texts.0.text", "", "texts[0].text"),
        ("texts.0.tags", [3, 1], "texts[0].tags"),
        ("texts.0.tags", [1, 1], "texts[0].tags"),
        ("texts.0.tags", [2], "which tags does not list"),
        ("texts.0.score", math.inf, "texts[0].score"),
        ("texts.0.note", "x", "unknown field 'note'"),
        ("tags.0.original", "x", "unknown field 'original'"),
        ("texts.1.region", 1, "texts[1].region is 1"),
        ("tags.0.id", 3, "ascending order"),
        ("tags.0.id", -1, "tags[0].id"),
        ("tags.0.state", 0, "tags[0].state"),
        ("tags.0.by", [], "tags[0].by"),
        ("tags.0.by", ["parse:2"], "'parse:2', of 2 texts"),
        ("tags.0.by", ["parse:"], "'parse:'"),
        ("tags.1.regions", [1], "tags[1].regions"),
        ("negatives", "some", "negatives"),
        ("regions.0.box", [0, 0, 10], "regions[0].box"),
        ("regions.0.box", [0, 0, 10, 65], "in a picture of 96x64"),
        ("regions.0.box", [20, 0, 10, 40], "regions[0].box"),
        ("vocab.sha256", None, "vocab.sha256"),
        ("tags.0", "dog", "tags[0] is no object"),
    ],
)
def test_validate_names_what_is_wrong(path: str, value: Any, named: str) -> None:
    problems = validate(broken(path, value))
    assert any(named in problem for problem in problems), problems


@pytest.mark.parametrize("value", [None, [], "x", 3, {}])
def test_validate_takes_anything(value: Any) -> None:
    assert validate(value)


@pytest.mark.parametrize("field", ["schema", "texts", "tags", "vocab", "arrays"])
def test_validate_names_a_missing_field(field: str) -> None:
    made = make(record())
    del made[field]
    assert validate(made) == [f"sample has no {field!r}"]


def test_validate_accepts_what_json_gives_back() -> None:
    assert validate(json.loads(json.dumps(make(record())))) == []


def test_validate_against_a_vocabulary() -> None:
    vocab = Vocabulary.load()
    twin = next(tag.id for tag in vocab if vocab.canonical(tag.id) != tag.id)
    item = record(texts=[], regions=[], tags=[TagClaim(id=vocab.canonical(twin), by=["labels"])])
    assert validate(make(item), vocab) == []
    item.tags = [TagClaim(id=twin, by=["labels"]), TagClaim(id=len(vocab), by=["labels"])]
    problems = validate(make(item), vocab)
    assert len(problems) == 2
    assert any(f"canonical {vocab.canonical(twin)}" in problem for problem in problems)
    assert any(f"vocabulary of {len(vocab)}" in problem for problem in problems)
