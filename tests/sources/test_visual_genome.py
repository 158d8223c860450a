from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.identity import make_uid
from dataengine.sources import SourceOptions
from dataengine.sources.visual_genome import VisualGenomeSource

from .conftest import Read, Write


def picture(image_id: int, **facts: Any) -> dict[str, Any]:
    url = f"https://cs.stanford.edu/people/rak248/VG_100K_2/{image_id}.jpg"
    return {"image_id": image_id, "url": url, "width": 800, "height": 600, "coco_id": None, "flickr_id": None} | facts


def region(phrase: str, box: tuple[float, float, float, float] = (10, 20, 100, 50), **facts: Any) -> dict[str, Any]:
    x, y, width, height = box
    return {"region_id": 7, "phrase": phrase, "x": x, "y": y, "width": width, "height": height} | facts


def test_ready_made_captions_are_joined_with_image_data(read: Read, write: Write) -> None:
    write("vg/image_data.json", [picture(1, coco_id=57870, flickr_id=4385058960)])
    write("vg/vg_caption.json", [{"image": "VG_100K_2/1.jpg", "caption": "a clock on a pole"}])
    entry, caption = read("vg").records
    assert entry.uid == caption.uid == make_uid("vg", "1")
    assert (entry.url, entry.width, entry.height) == (picture(1)["url"], 800, 600)
    assert entry.same_as == [f"url:{entry.url}", "coco:57870", "flickr:4385058960"]
    (text,) = caption.texts
    assert (text.original, text.kind, text.by, text.source) == ("a clock on a pole", "human", "human", "vg")
    assert caption.url is None, "image_data has the address"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("VG_100K/2.jpg", "https://cs.stanford.edu/people/rak248/VG_100K/2.jpg"),
        ("vg/VG_100K_2/2.jpg", "https://cs.stanford.edu/people/rak248/VG_100K_2/2.jpg"),
        ("/data/visual_genome/VG_100K_2/2.jpg", "https://cs.stanford.edu/people/rak248/VG_100K_2/2.jpg"),
        ("2.jpg", None),
        ("image/2.jpg", None),
    ],
)
def test_without_image_data_the_folder_gives_the_address(read: Read, write: Write, path: str, url: str | None) -> None:
    write("vg_caption.json", [{"image": path, "caption": "a shoe"}])
    (record,) = read("vg").records
    assert (record.source_id, record.url) == ("2", url)


@pytest.mark.parametrize("none", [None, -1])
def test_no_shared_id_is_no_key(read: Read, write: Write, none: int | None) -> None:
    write("image_data.json", [picture(1, coco_id=none, flickr_id=none)])
    write("vg_caption.json", [])
    (record,) = read("vg").records
    assert record.same_as == [f"url:{record.url}"]


@pytest.mark.parametrize("name", ["id", "image_id"])
def test_regions_in_both_dialects(read: Read, write: Write, name: str) -> None:
    row = picture(3)
    if name == "id":
        row["id"] = row.pop("image_id")
    write("image_data.json", [row])
    write("region_descriptions.json", [{name: 3, "regions": [region("a red shoe"), region("a dog", (0, 0, 400, 300))]}])
    _, record = read("vg", vg_regions=True).records
    assert record.uid == make_uid("vg", "3") and (record.width, record.height) == (800, 600)
    assert [text.original for text in record.texts] == ["a red shoe", "a dog"]
    assert [text.kind for text in record.texts] == ["region", "region"]
    assert [record.regions[text.region].box for text in record.texts if text.region is not None] == [
        (10, 20, 110, 70),
        (0, 0, 400, 300),
    ]


def test_a_sentence_of_an_image_is_taken_once(read: Read, write: Write) -> None:
    regions = [region("A dog."), region("a  dog"), region("a cat"), region("a dog")]
    write("region_descriptions.json", [{"id": 1, "regions": regions}, {"id": 2, "regions": [region("a dog")]}])
    reading = read("vg")
    assert reading.captions == ["A dog.", "a cat", "a dog"]
    assert reading.reasons == ["repeated_sentence"] * 2
    first = reading.of("1")[0]
    assert [text.region for text in first.texts] == [0, 1] and len(first.regions) == 2


@pytest.mark.parametrize(
    ("min_area", "kept"),
    [(0.0, ["small", "large"]), (0.1, ["large"]), (0.25, ["large"]), (0.26, [])],
)
def test_least_area(read: Read, write: Write, min_area: float, kept: list[str]) -> None:
    write("image_data.json", [picture(1)])
    write(
        "region_descriptions.json",
        [{"id": 1, "regions": [region("small", (0, 0, 10, 10)), region("large", (0, 0, 400, 300))]}],
    )
    reading = read("vg", vg_regions=True, vg_min_area=min_area)
    assert reading.captions == kept
    assert reading.reasons == ["small_region"] * (2 - len(kept))


def test_least_area_needs_sizes(read: Read, write: Write) -> None:
    write("region_descriptions.json", [{"id": 1, "regions": [region("a dog")]}])
    with pytest.raises(AnnotationsError, match=r"image_data\.json"):
        read("vg", vg_min_area=0.1)
    write("image_data.json", [picture(2)])
    assert read("vg", vg_min_area=0.1).reasons == ["no_image_size"]


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_least_area_is_a_share(read: Read, share: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        read("vg", vg_min_area=share)


def test_boxes_are_cut_to_the_image_and_impossible_ones_rejected(read: Read, write: Write) -> None:
    regions = [
        region("leaves the picture", (-5, 500, 1000, 1000)),
        region("flat", (0, 0, 0, 10)),
        region("outside", (900, 0, 10, 10)),
        region("no box", x=None),
        region("", (0, 0, 5, 5)),
        {"x": 1, "y": 1, "width": 5, "height": 5},
    ]
    write("image_data.json", [picture(1)])
    write("region_descriptions.json", [{"id": 1, "regions": regions}])
    reading = read("vg")
    assert reading.records[1].regions[0].box == (0, 500, 800, 600)
    assert reading.reasons == ["bad_box"] * 3 + ["empty_caption", "missing_field:phrase"]


def test_which_file_is_read(read: Read, write: Write) -> None:
    write("region_descriptions.json", [{"id": 1, "regions": [region("a region")]}])
    assert read("vg").captions == ["a region"], "all there is"
    write("vg_caption.json", [{"image": "VG_100K/1.jpg", "caption": "a caption"}])
    assert read("vg").captions == ["a caption"], "the default"
    assert read("vg", vg_regions=True).captions == ["a region"], "asked for"


def test_missing_files(tmp_path: Path, write: Write) -> None:
    with pytest.raises(AnnotationsError, match=r"vg_caption\.json  from https://storage"):
        VisualGenomeSource(SourceOptions(annotations_dir=str(tmp_path)))
    write("vg_caption.json", [])
    write("region_descriptions.json.zip", b"")
    with pytest.raises(AnnotationsError, match=r"vg_regions asks for.*(?s:.*)unzip it"):
        VisualGenomeSource(SourceOptions(annotations_dir=str(tmp_path), vg_regions=True))


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("image_data.json", {"url": "https://a.example/1.jpg"}, "missing_field:image_id"),
        ("image_data.json", {"image_id": 9}, "missing_field:url"),
        ("image_data.json", {"image_id": 9, "url": "data:,x"}, "bad_url"),
        ("image_data.json", picture(1), "duplicate_id"),
        ("vg_caption.json", {"caption": "a dog"}, "missing_field:image"),
        ("vg_caption.json", {"image": "VG_100K/one.jpg", "caption": "a dog"}, "missing_field:image"),
        ("vg_caption.json", {"image": "VG_100K/1.jpg"}, "missing_field:caption"),
        ("vg_caption.json", {"image": "VG_100K/1.jpg", "caption": "  "}, "empty_caption"),
        ("vg_caption.json", ["a dog"], "not_an_object"),
    ],
)
def test_bad_rows(read: Read, write: Write, name: str, row: Any, reason: str) -> None:
    rows: dict[str, list[Any]] = {
        "image_data.json": [picture(1)],
        "vg_caption.json": [{"image": "VG_100K/1.jpg", "caption": "a dog"}],
    }
    rows[name].append(row)
    for file_name, content in rows.items():
        write(file_name, content)
    reading = read("vg")
    assert [(rejected.reason, rejected.where) for rejected in reading.rejected] == [(reason, f"{name}#1")]
    assert reading.captions == ["a dog"]


@pytest.mark.shared
def test_the_real_rows(shared_dir: Path, read: Read) -> None:
    reading = read("vg", annotations_dir=str(shared_dir / "realdata"), vg_regions=True)
    assert len({record.uid for record in reading.records}) == 15
    assert len(reading.captions) + len(reading.rejected) == 3_028
    assert set(reading.reasons) == {"repeated_sentence"}
    assert sum(record.url is not None for record in reading.records) == 5
    clock = next(text for text in reading.of("1")[1].texts if text.original == "the clock is green in colour")
    assert clock.region is not None
    assert reading.of("1")[1].regions[clock.region].box == (421, 57, 421 + 82, 57 + 139)
