from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.identity import make_uid
from dataengine.sources.caption_join import CaptionIndex
from dataengine.sources.conceptual_captions import CC3M_TRAIN

from .conftest import Read, Write

DOG, COUCH, RED = 1363, 1141, 3336


def url(number: int) -> str:
    return f"http://a.example/{number}.jpg"


def uid(number: int) -> str:
    return make_uid("cc3m", url(number))


def cc3m(captions: list[str]) -> str:
    return "".join(f"{caption}\t{url(number)}\n" for number, caption in enumerate(captions))


def item(*captions: str, union: Any = (DOG,), parsed: Any = None) -> dict[str, Any]:
    row = {"image_path": "cc3m/0.jpg", "caption": list(captions), "union_label_id": list(union)}
    return row if parsed is None else row | {"parse_label_id": parsed}


def test_tags_and_added_captions_come_to_the_joined_image(read: Read, write: Write) -> None:
    write(CC3M_TRAIN, cc3m(["A dog, on the couch ...", "a cat"]))
    captions = ("a dog, on the couch", "a red couch with a dog on it")
    path = write("ram.json", [item(*captions, union=(COUCH, DOG, RED), parsed=[[DOG, COUCH], [RED, COUCH, DOG]])])
    (record,) = read("ram_json", ram_json=str(path)).records
    assert (record.uid, record.dataset, record.url, record.local) == (uid(0), "cc3m", None, None)
    assert [(tag.id, tag.by, tag.state) for tag in record.tags] == [
        (COUCH, ["ram_json"], 1),
        (DOG, ["ram_json"], 1),
        (RED, ["ram_json"], 1),
    ]
    (added,) = record.texts
    assert (added.original, added.kind, added.by, added.tags) == (
        captions[1],
        "generated",
        "ram_json",
        [COUCH, DOG, RED],
    )


def test_repeated_captions_are_matched_in_order_where_the_numbers_agree(read: Read, write: Write) -> None:
    write(CC3M_TRAIN, cc3m(["a dog", "sunset", "a dog", "sunset", "a cat"]))
    rows = [
        item("a dog", union=(DOG,)),
        item("sunset"),
        item("a cat", union=(RED,)),
        item("a dog", union=(COUCH,)),
        item("a bird"),
        item("a cat"),
    ]
    reading = read("ram_json", ram_json=str(write("ram.json", rows)))
    assert [(record.uid, record.tags[0].id) for record in reading.records] == [(uid(0), DOG), (uid(2), COUCH)]
    assert [(row.where, row.reason, row.value) for row in reading.rejected] == [
        ("ram.json#1", "ambiguous_caption", "sunset"),
        ("ram.json#2", "ambiguous_caption", "a cat"),
        ("ram.json#4", "no_such_caption", "a bird"),
        ("ram.json#5", "ambiguous_caption", "a cat"),
    ]


def test_a_caption_that_only_one_image_has_decides(read: Read, write: Write) -> None:
    write(CC3M_TRAIN, cc3m(["a dog", "a dog", "a dog at the lake"]))
    path = write("ram.json", [item("a dog", "a dog at the lake")])
    assert [record.uid for record in read("ram_json", ram_json=str(path)).records] == [uid(2)]


def test_images_with_several_captions(read: Read, write: Write) -> None:
    images = [{"id": number, "file_name": f"COCO_train2014_{number:012d}.jpg"} for number in (1, 2)]
    captions = [(1, "a dog"), (1, "A dog."), (1, "a pet on a couch"), (2, "a dog")]
    annotations = [{"image_id": number, "caption": caption} for number, caption in captions]
    write("captions_train2014.json", {"images": images, "annotations": annotations})
    path = write("ram.json", [item("a dog", "a dog", "a pet on a couch", "generated")])
    (record,) = read("ram_json", ram_json=str(path), join="coco").records
    assert record.uid == make_uid("coco", "1")
    assert [text.original for text in record.texts] == ["generated"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"union_label_id": [DOG]}, "missing_field:caption"),
        ({"caption": [], "union_label_id": [DOG]}, "missing_field:caption"),
        ({"caption": [7], "union_label_id": [DOG]}, "missing_field:caption"),
        ({"caption": ["a dog"]}, "missing_field:union_label_id"),
        (item("a dog", union=["dog"]), "missing_field:union_label_id"),
        (item("a dog", union=[4585]), "bad_tag_id"),
        (item("a dog", union=[-1]), "bad_tag_id"),
        (item("a dog", parsed=[[DOG], [DOG]]), "missing_field:parse_label_id"),
        ("a dog", "not_an_object"),
    ],
)
def test_bad_items(read: Read, write: Write, row: Any, reason: str) -> None:
    write(CC3M_TRAIN, cc3m(["a dog", "a cat"]))
    reading = read("ram_json", ram_json=str(write("ram.json", [row, item("a cat")])))
    assert [(rejected.where, rejected.reason) for rejected in reading.rejected] == [("ram.json#0", reason)]
    assert [record.uid for record in reading.records] == [uid(1)]


def test_twins_become_canonical(read: Read, write: Write) -> None:
    from dataengine.vocab import Vocabulary

    vocab = Vocabulary.load()
    twin = next(tag_id for tag_id in range(len(vocab)) if vocab.canonical(tag_id) != tag_id)
    write(CC3M_TRAIN, cc3m(["a dog"]))
    (record,) = read("ram_json", ram_json=str(write("ram.json", [item("a dog", union=(twin,))]))).records
    assert [tag.id for tag in record.tags] == [vocab.canonical(twin)]


def test_options(read: Read, write: Write, tmp_path: Path) -> None:
    path = str(write("ram.json", []))
    with pytest.raises(ConfigError, match="needs ram_json"):
        read("ram_json")
    with pytest.raises(ConfigError, match="joined to itself"):
        read("ram_json", ram_json=path, join="ram_json")
    with pytest.raises(AnnotationsError, match="no file"):
        read("ram_json", ram_json=str(tmp_path / "none.json"))
    with pytest.raises(AnnotationsError, match="cc3m"):
        read("ram_json", ram_json=path)


def test_rows_of_several_data_sets_can_not_be_joined() -> None:
    with pytest.raises(ConfigError, match="cc3m and sbu"):
        CaptionIndex([("a dog", make_uid("cc3m", "1")), ("a dog", make_uid("sbu", "1"))])


def test_an_empty_index_knows_no_caption() -> None:
    index = CaptionIndex([])
    with pytest.raises(KeyError):
        index.take(["a dog"])
    assert not index.holds("a dog", make_uid("cc3m", "1")) and len(index) == 0


def test_an_exported_item_names_its_image_itself(read: Read, write: Write) -> None:
    write(CC3M_TRAIN, cc3m(["a dog", "a dog", "a dog"]))
    own = [item("a dog") | {"image_path": f"00000/{uid(number)}.jpg"} for number in (2, 0)]
    strangers = [
        item("a dog") | {"image_path": f"00000/{make_uid('cc3m', 'elsewhere')}.jpg"},
        item("a dog") | {"image_path": f"00000/{uid(1).replace('cc3m', 'sbu')}.jpg"},
        item("a dog") | {"image_path": 7},
    ]
    path = write("ram.json", [*own, *strangers])
    assert [record.uid for record in read("ram_json", ram_json=str(path)).records] == [uid(2), uid(0)] + [
        uid(number) for number in range(3)
    ]
