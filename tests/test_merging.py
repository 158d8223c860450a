from typing import Any

from dataengine.merging import merge_records
from dataengine.records import CaptionRecord, Region, TagClaim, Text


def make_record(uid: str, **fields: Any) -> CaptionRecord:
    return CaptionRecord(uid=uid, dataset=uid.split("-")[0], source_id=uid.split("-")[1], **fields)


def make_text(original: str, region: int | None = None) -> Text:
    return Text(original=original, kind="human" if region is None else "region", by="human", region=region)


def test_an_image_of_two_data_sets_is_one_record() -> None:
    coco = make_record("coco-1", url="http://c/1.jpg", width=640, height=480, texts=[make_text("A dog.")])
    vg = make_record(
        "vg-9", url="http://v/9.jpg", width=1280, height=960,
        texts=[make_text("brown ear", region=0)], regions=[Region(box=(100, 200, 300, 400), by="human")],
    )  # fmt: skip
    merged = merge_records("coco-1", [coco, vg])
    assert (merged.uid, merged.url, merged.source_id) == ("coco-1", "http://c/1.jpg", "1")
    assert [(text.original, text.dataset) for text in merged.texts] == [("A dog.", "coco"), ("brown ear", "vg")]
    assert merged.regions == [Region(box=(50, 100, 150, 200), by="human")]
    assert merged.merged == ["vg-9"]


def test_rows_of_one_image_keep_their_regions_apart() -> None:
    rows = [
        make_record("vg-1", texts=[make_text(name, region=0)], regions=[Region(box=(i, i, 9, 9), by="human")])
        for i, name in enumerate(["ear", "tail"])
    ]
    merged = merge_records("vg-1", rows)
    assert [merged.regions[text.region or 0].box[0] for text in merged.texts] == [0, 1]


def test_a_drop_in_any_row_drops_the_image() -> None:
    rows = [make_record("coco-1", drop="karpathy_test"), make_record("sbu-2", url="http://s/2.jpg")]
    assert merge_records("coco-1", rows).drop == "karpathy_test"
    assert merge_records("coco-1", rows[::-1]).drop == "karpathy_test"


def test_a_repeated_sentence_is_kept_once_and_counted() -> None:
    rows = [make_record("coco-1", texts=[make_text("A dog. ")]), make_record("sbu-2", texts=[make_text("a dog.")])]
    assert [text.drop for text in merge_records("coco-1", rows).texts] == [None, "repeated_in_image"]


def test_side_rows_fill_facts_and_claims_unite() -> None:
    rows = [
        make_record("cc12m-1", sha256="ab"),
        make_record("cc12m-1", url="http://u", tags=[TagClaim(id=5, by=["labels"])]),
        make_record("cc12m-1", tags=[TagClaim(id=5, by=["ram_json"]), TagClaim(id=2, by=["ram_json"])]),
    ]
    merged = merge_records("cc12m-1", rows)
    assert (merged.url, merged.sha256) == ("http://u", "ab")
    assert [(claim.id, claim.by) for claim in merged.tags] == [(2, ["ram_json"]), (5, ["labels", "ram_json"])]


def test_an_id_with_two_addresses_keeps_the_first_picture_and_its_texts() -> None:
    rows = [
        make_record("list-1", url="http://u/1.jpg", texts=[make_text("a dog")]),
        make_record("list-1", url="HTTP://U/1.jpg", texts=[make_text("a cat")]),
        make_record(
            "list-1", url="http://u/2.jpg", texts=[make_text("a bus")], sha256="ab", drop="x", same_as=["coco:1"]
        ),
    ]
    merged = merge_records("list-1", rows)
    assert (merged.url, merged.sha256, merged.drop, merged.same_as) == ("http://u/1.jpg", None, None, [])
    assert [(text.original, text.drop) for text in merged.texts] == [
        ("a dog", None), ("a cat", None), ("a bus", "duplicate_id"),
    ]  # fmt: skip
