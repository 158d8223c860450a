from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataengine.identity import make_uid
from dataengine.records import CaptionRecord, Region, TagClaim, Text
from dataengine.staged import merge_rows
from dataengine.staging import PlanDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[PlanDatabase]:
    with PlanDatabase(tmp_path / "plan.sqlite") as database:
        yield database


def make_record(dataset: str, number: int, **fields: Any) -> CaptionRecord:
    return CaptionRecord(uid=make_uid(dataset, str(number)), dataset=dataset, source_id=str(number), **fields)


def records_of(database: PlanDatabase, shard: int) -> list[CaptionRecord]:
    return list(merge_rows(database.rows_of(shard), database.repeats_of(shard)))


def alt(original: str) -> Text:
    return Text(original=original, kind="alt", by="web", source="cc3m")


def test_records_survive_the_database_unchanged(database: PlanDatabase) -> None:
    record = make_record(
        "vg", 1, url="http://v/1.jpg", width=3, height=4, license="4", same_as=["coco:7"], negatives="open",
        texts=[Text(original="ear é\ud800", kind="region", by="human", region=0, dataset="vg", score=0.5)],
        regions=[Region(box=(0.5, 1, 2, 3), by="human")], tags=[TagClaim(id=3, by=["x"], score=0.25)],
    )  # fmt: skip
    database.add(record, 0)
    database.resolve()
    assert database.assign(10) == ([], [0])
    assert records_of(database, 0) == [record]


def test_chains_of_shared_keys_end_at_the_first_source(database: PlanDatabase) -> None:
    database.add(make_record("cc12m", 3, url="http://c", same_as=["url:b"]), 4)
    database.add(make_record("sbu", 2, url="http://b", same_as=["flickr:1", "url:b"]), 2)
    database.add(make_record("coco", 1, url="http://a", same_as=["flickr:1"]), 0)
    assert database.resolve() == {("cc12m", "coco"): 1, ("sbu", "coco"): 1}
    database.assign(10)
    (record,) = records_of(database, 0)
    assert record.dataset == "coco"
    assert sorted(uid.split("-")[0] for uid in record.merged) == ["cc12m", "sbu"]
    assert database.num_images_by_dataset() == {"cc12m": 1, "sbu": 1, "coco": 1}


def test_a_known_id_with_another_url_ties_no_images_together(database: PlanDatabase) -> None:
    database.add(make_record("x", 1, url="http://a", same_as=["url:a"]), 0)
    database.add(make_record("x", 1, url="HTTP://A", same_as=["flickr:1"]), 0)
    database.add(make_record("x", 1, url="http://b", same_as=["url:b"]), 0)
    database.add(make_record("y", 1, url="http://c", same_as=["url:b"]), 1)
    database.add(make_record("z", 1, url="http://c", same_as=["flickr:1"]), 2)
    assert database.resolve() == {("z", "x"): 1}


def test_pictures_are_counted_a_caption_not_rows(database: PlanDatabase) -> None:
    for number in (1, 1, 2, 3):
        database.add(make_record("cc3m", number, url=f"http://{number}", texts=[alt("Image  not available")]), 0)
    database.resolve()
    database.assign(10)
    assert {text.num_images for record in records_of(database, 0) for text in record.texts} == {3}


def test_side_rows_without_an_image_are_counted_not_planned(database: PlanDatabase) -> None:
    database.add(make_record("cc12m", 1, sha256="ab"), 0)
    database.add(make_record("cc12m", 2, url="http://2"), 0)
    database.resolve()
    database.assign(10)
    assert database.num_unmatched_rows() == 1
    assert [record.source_id for record in records_of(database, 0)] == ["2"]


def test_a_text_of_an_unknown_image_is_planned_so_that_it_is_counted(database: PlanDatabase) -> None:
    database.add(make_record("coco", 1, texts=[alt("a dog")]), 0)
    database.resolve()
    database.assign(10)
    assert [record.url for record in records_of(database, 0)] == [None]


def test_pinned_images_stay_and_new_ones_get_new_shards(database: PlanDatabase) -> None:
    uids = [make_uid("x", str(number)) for number in range(5)]
    for number in range(5):
        database.add(make_record("x", number, url=f"http://{number}"), 0)
    database.add_pins([(uids[3], 7, True), (uids[4], 2, True)])
    database.resolve()
    assert database.assign(2) == ([2, 7], [8, 9])
    assert [record.uid for record in records_of(database, 7)] == [uids[3]]
    assert [len(records_of(database, shard)) for shard in (8, 9)] == [2, 1]
    assert database.move([uids[3]], 2) == [10]
    assert [record.uid for record in records_of(database, 10)] == [uids[3]]


def test_numbers_of_other_image_shards_are_left_free(database: PlanDatabase) -> None:
    database.add(make_record("x", 1, url="http://1"), 0)
    database.resolve()
    assert database.assign(10, first_free=12) == ([], [12])
