from __future__ import annotations

import gzip
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import AnnotationsError
from dataengine.identity import make_uid
from dataengine.sources import SourceOptions
from dataengine.sources.coco import CocoSource

from .conftest import Read, Write


def image(image_id: int, folder: str, **facts: Any) -> dict[str, Any]:
    prefix = f"COCO_{folder}_" if folder.endswith("2014") else ""
    name = f"{prefix}{image_id:012d}.jpg"
    return {
        "id": image_id,
        "file_name": name,
        "width": 640,
        "height": 480,
        "license": 3,
        "coco_url": f"http://images.cocodataset.org/{folder}/{name}",
        "flickr_url": f"http://farm1.staticflickr.com/7/{image_id + 100000}_abcdef0123_z.jpg",
    } | facts


def official(folder: str, captions: dict[int, list[str]]) -> dict[str, Any]:
    rows = [(image_id, caption) for image_id, texts in captions.items() for caption in texts]
    return {
        "images": [image(image_id, folder) for image_id in captions],
        "annotations": [
            {"id": number, "image_id": image_id, "caption": caption} for number, (image_id, caption) in enumerate(rows)
        ],
    }


def karpathy(splits: dict[int, tuple[str, str]]) -> dict[str, Any]:
    return {
        "images": [
            {
                "cocoid": image_id,
                "split": split,
                "filepath": folder,
                "filename": f"COCO_{folder}_{image_id:012d}.jpg",
                "sentences": [{"raw": f"karpathy {image_id} one."}, {"raw": f"karpathy {image_id} two."}],
            }
            for image_id, (split, folder) in splits.items()
        ]
    }


ALL_SPLITS = {
    1: ("train", "train2014"),
    2: ("restval", "val2014"),
    3: ("val", "val2014"),
    4: ("test", "val2014"),
}


def drops(reading: Any) -> dict[str, set[str | None]]:
    found: dict[str, set[str | None]] = {}
    for record in reading.records:
        found.setdefault(record.source_id, set()).add(record.drop)
    return found


def test_the_image_entry_brings_the_facts_and_each_annotation_a_text(read: Read, write: Write) -> None:
    write("captions_train2014.json", official("train2014", {391895: ["A man on a motorcycle.", "Someone rides."]}))
    reading = read("coco")
    entry, first, second = reading.records
    assert {record.uid for record in reading.records} == {make_uid("coco", "391895")}
    assert entry.url == "http://images.cocodataset.org/train2014/COCO_train2014_000000391895.jpg"
    assert (entry.width, entry.height, entry.license, entry.split, entry.texts) == (640, 480, "3", "train", [])
    assert entry.same_as == ["coco:391895", "flickr:491895", f"url:{entry.url}"]
    assert [text.original for text in first.texts + second.texts] == ["A man on a motorcycle.", "Someone rides."]
    text = first.texts[0]
    assert (text.kind, text.by, text.source, text.text) == ("human", "human", "coco", "")
    assert first.url is None and first.local is None


def test_karpathy_keeps_train_and_restval_and_marks_val_and_test(read: Read, write: Write) -> None:
    write("dataset_coco.json", karpathy(ALL_SPLITS))
    write("captions_train2014.json", official("train2014", {1: ["official"]}))
    write("captions_val2014.json", official("val2014", {2: ["official"], 3: ["official"], 4: ["official"]}))
    reading = read("coco")
    assert drops(reading) == {"1": {None}, "2": {None}, "3": {"karpathy_val"}, "4": {"karpathy_test"}}
    assert Counter(reading.captions) == Counter(f"karpathy {i} {n}." for i in range(1, 5) for n in ("one", "two"))
    assert {record.split for record in reading.of("2")} == {"restval"}
    assert [record.url for record in reading.of("1")].count(None) == 1, "one address an image"


def test_karpathy_alone_gives_addresses_from_its_paths(read: Read, write: Write) -> None:
    write("dataset_coco.json", karpathy({2: ("restval", "val2014")}))
    (record,) = read("coco").records
    assert record.url == "http://images.cocodataset.org/val2014/COCO_val2014_000000000002.jpg"
    assert len(record.texts) == 2 and "coco:2" in record.same_as


def test_allow_leaks_takes_val_and_test_and_says_so(read: Read, write: Write) -> None:
    write("dataset_coco.json", karpathy(ALL_SPLITS))
    reading = read("coco", allow_leaks=True)
    assert drops(reading) == {str(number): {None} for number in range(1, 5)}
    assert [record.split for record in reading.records] == ["train", "restval", "val", "test"]


def test_ready_made_karpathy_files(read: Read, write: Write) -> None:
    name = "val2014/COCO_val2014_{:012d}.jpg"
    write(
        "coco_karpathy_train.json",
        [
            {"caption": "one", "image": name.format(2), "image_id": "coco_2"},
            {"caption": "two", "image": name.format(2), "image_id": "coco_2"},
        ],
    )
    write("coco_karpathy_val.json", [{"caption": ["three", "four"], "image": name.format(3)}])
    write("coco_karpathy_test.json", [{"caption": ["five"], "image": name.format(4)}])
    write("captions_val2014.json", official("val2014", {2: ["official"], 3: ["official"], 9: ["official"]}))
    reading = read("coco")
    assert drops(reading) == {
        "2": {None},
        "3": {"karpathy_val"},
        "4": {"karpathy_test"},
        "9": {"karpathy_unknown"},
    }
    assert reading.captions == ["one", "two", "three", "four", "five"]


def test_an_incomplete_ready_made_split_is_refused(write: Write, tmp_path: Path) -> None:
    write("coco_karpathy_train.json", [])
    with pytest.raises(AnnotationsError, match=r"coco_karpathy_test\.json  from https://storage"):
        CocoSource(SourceOptions(annotations_dir=str(tmp_path)))


def test_without_the_split_only_train2014_is_used_and_no_caption_comes_twice(read: Read, write: Write) -> None:
    write("coco/annotations/captions_train2014.json", official("train2014", {1: ["one"]}))
    write("coco/annotations/captions_val2014.json", official("val2014", {2: ["two"]}))
    write("coco/annotations/captions_train2017.json", official("train2017", {1: ["one"], 2: ["two"]}))
    write("coco/annotations/captions_val2017.json", official("val2017", {5: ["five"]}))
    reading = read("coco")
    assert reading.captions == ["one", "two", "five"]
    assert drops(reading)["2"] == drops(reading)["5"] == {"karpathy_unknown"}
    kept = [record for record in reading.of("1") if record.url]
    assert [record.url for record in kept] == [
        "http://images.cocodataset.org/train2014/COCO_train2014_000000000001.jpg"
    ]
    keys = {key for record in reading.of("1") for key in record.same_as}
    assert "url:http://images.cocodataset.org/train2017/000000000001.jpg" in keys, "the 2017 address is known too"


def test_2017_files_alone_can_not_be_told_apart(read: Read, write: Write) -> None:
    write("captions_train2017.json", official("train2017", {1: ["one"]}))
    assert {record.drop for record in read("coco").records} == {"karpathy_unknown"}
    assert {record.drop for record in read("coco", allow_leaks=True).records} == {None}


@pytest.mark.parametrize(
    ("names", "images", "texts"),
    [
        (["captions_train2014.json"], 82_783, 414_113),
        (["captions_val2014.json"], 40_504, 202_654),
        (["captions_train2017.json"], 118_287, 591_753),
        (["captions_val2017.json"], 5_000, 25_014),
        (["captions_train2014.json", "captions_val2017.json"], 87_783, 439_127),
        (["captions_train2014.json", "captions_train2017.json"], 118_287, 591_753),
        (["dataset_coco.json"], 123_287, 616_767),
    ],
)
def test_expected_counts_follow_the_files(
    write: Write, tmp_path: Path, names: list[str], images: int, texts: int
) -> None:
    for name in names:
        write(name, {"images": [], "annotations": []})
    expected = CocoSource(SourceOptions(annotations_dir=str(tmp_path))).expected
    assert expected is not None and (expected.images, expected.texts) == (images, texts)


def test_no_file_says_which_to_get_from_where(tmp_path: Path) -> None:
    with pytest.raises(AnnotationsError) as error:
        CocoSource(SourceOptions(annotations_dir=str(tmp_path)))
    for file in CocoSource.FILES:
        assert file.name in str(error.value) and file.url in str(error.value)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"file_name": "x.jpg"}, "missing_field:id"),
        ({"id": "seven", "file_name": "x.jpg"}, "missing_field:id"),
        ({"id": 7}, "missing_field:file_name"),
        ({"id": 1, "file_name": "x.jpg"}, "duplicate_id"),
        ({"id": 7, "file_name": "x.jpg", "coco_url": "file:///etc/passwd"}, "bad_url"),
        ("a string", "not_an_object"),
    ],
)
def test_a_bad_image_entry_is_a_counted_row(read: Read, write: Write, entry: Any, reason: str) -> None:
    data = official("train2014", {1: ["one"]})
    data["images"].append(entry)
    write("captions_train2014.json", data)
    reading = read("coco")
    assert [(row.reason, row.where) for row in reading.rejected] == [(reason, "captions_train2014.json#images.1")]
    assert len(reading.records) == 2


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({"image_id": 1, "caption": " \n"}, "empty_caption"),
        ({"image_id": 1}, "missing_field:caption"),
        ({"caption": "no image"}, "missing_field:image_id"),
        ({"image_id": 1, "caption": 7}, "missing_field:caption"),
    ],
)
def test_a_bad_annotation_is_a_counted_row(read: Read, write: Write, annotation: Any, reason: str) -> None:
    data = official("train2014", {1: ["one"]})
    data["annotations"].append(annotation)
    write("captions_train2014.json", data)
    reading = read("coco")
    assert reading.reasons == [reason] and reading.captions == ["one"]


def test_an_empty_sentence_costs_only_itself(read: Read, write: Write) -> None:
    data = karpathy({1: ("train", "train2014")})
    data["images"][0]["sentences"].append({"raw": ""})
    write("dataset_coco.json", data)
    reading = read("coco")
    assert reading.reasons == ["empty_caption"] and len(reading.captions) == 2


def test_an_annotation_of_an_unknown_image_has_no_address(read: Read, write: Write) -> None:
    data = official("train2014", {1: ["one"]})
    data["annotations"].append({"image_id": 99, "caption": "an image that is not listed"})
    write("captions_train2014.json", data)
    (record,) = read("coco").of("99")
    assert record.url is None and record.local is None and record.drop == "karpathy_unknown"


def test_a_truncated_file_is_an_error_that_names_it_after_its_good_rows(write: Write, tmp_path: Path) -> None:
    whole = json.dumps(official("val2017", {number: ["text"] for number in range(1, 4)}))
    write("captions_val2017.json", whole[: whole.index('"annotations"') + 60])
    rows = CocoSource(SourceOptions(annotations_dir=str(tmp_path))).records()
    assert [next(rows) for _ in range(3)]
    with pytest.raises(
        AnnotationsError, match=r"captions_val2017\.json is broken JSON near byte \d+.*download it again"
    ):
        list(rows)


@pytest.mark.parametrize("content", ['{"info": {}}', "[]", '{"images": {"1": {}}}', ""])
def test_a_file_of_another_shape_is_an_error(write: Write, read: Read, content: str) -> None:
    write("captions_val2017.json", content)
    with pytest.raises(AnnotationsError, match="captions_val2017"):
        read("coco")


def test_a_gzipped_file_with_a_byte_order_mark(write: Write, read: Read) -> None:
    plain = b"\xef\xbb\xbf" + json.dumps(official("train2014", {1: ["one"]})).encode()
    write("captions_train2014.json.gz", gzip.compress(plain))
    assert read("coco").captions == ["one"]


def test_a_gzip_cut_short_is_an_error(write: Write, read: Read) -> None:
    write("captions_train2014.json.gz", gzip.compress(json.dumps(official("train2014", {1: ["one"]})).encode())[:-12])
    with pytest.raises(AnnotationsError, match="download it again"):
        read("coco")


def test_json_that_is_not_utf8_is_an_error(write: Write, read: Read) -> None:
    content = json.dumps(official("train2014", {1: ["a cafe"]})).encode().replace(b"cafe", b"caf\xe9")
    write("captions_train2014.json", content)
    with pytest.raises(AnnotationsError, match=r"captions_train2014\.json is broken JSON near byte"):
        read("coco")


def test_half_a_surrogate_pair_is_replaced(write: Write, read: Read) -> None:
    write("captions_train2014.json", official("train2014", {1: ["a dog \ud83d"]}))
    (caption,) = read("coco").captions
    assert caption.encode().decode() == caption and caption.startswith("a dog ")


def test_a_folder_that_may_not_be_entered_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: str) -> bool:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("dataengine.sources.annotation_files.exists", refuse)
    with pytest.raises(AnnotationsError, match=r"cannot look for .*Permission denied"):
        CocoSource(SourceOptions(annotations_dir=str(tmp_path)))


def test_the_first_release_names_a_dead_host(write: Write, read: Read) -> None:
    data = official("train2014", {1: ["one"]})
    data["images"][0]["coco_url"] = "http://mscoco.org/images/1"
    write("captions_train2014.json", data)
    entry = read("coco").records[0]
    assert entry.url == "http://images.cocodataset.org/train2014/COCO_train2014_000000000001.jpg"


def test_pictures_under_their_2014_names_are_found_for_a_file_of_2017(write: Write, read: Read, tmp_path: Path) -> None:
    write("captions_train2017.json", official("train2017", {1: ["one"], 2: ["two"]}))
    for name in ("train2014/COCO_train2014_000000000001.jpg", "val2014/COCO_val2014_000000000002.jpg"):
        write(f"pictures/{name}", b"")
    records = read("coco", images={"coco": str(tmp_path / "pictures")}).records[:2]
    assert [Path(record.local or "").name[:11] for record in records] == ["COCO_train2", "COCO_val201"]


def test_pictures_of_a_zip_take_the_place_of_addresses(write: Write, read: Read, tmp_path: Path) -> None:
    write("captions_train2014.json", official("train2014", {1: ["one"], 2: ["two"]}))
    with zipfile.ZipFile(tmp_path / "train2017.zip", "w") as archive:
        archive.writestr("train2017/000000000001.jpg", b"pixels")
    first, second = read("coco", images={"coco": str(tmp_path / "train2017.zip")}).records[:2]
    assert (first.local, first.url) == (f"{tmp_path}/train2017.zip!train2017/000000000001.jpg", None)
    assert second.local is None and second.url is not None
    assert f"url:http://images.cocodataset.org/train2014/COCO_train2014_{1:012d}.jpg" in first.same_as


@pytest.mark.shared
def test_the_real_val2017(shared_dir: Path, tmp_path: Path, read: Read) -> None:
    (tmp_path / "captions_val2017.json").symlink_to(shared_dir / "realdata/coco/captions_val2017_full5000.json")
    for allow_leaks, reason in ((False, "karpathy_unknown"), (True, None)):
        reading = read("coco", allow_leaks=allow_leaks)
        assert not reading.rejected
        assert len({record.uid for record in reading.records}) == 5_000
        assert len(reading.captions) == 25_014
        assert {record.drop for record in reading.records} == {reason}
        assert sum(record.url is not None for record in reading.records) == 5_000
        assert sum(any(key.startswith("flickr:") for key in record.same_as) for record in reading.records) == 5_000
