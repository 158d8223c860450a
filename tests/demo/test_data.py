"""The demo's data: true formats, addresses that are served or meant to fail, and counts that the journey confirms."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from dataengine import parse
from dataengine.demo import pictures as tables
from dataengine.demo.data import DemoData, photographs, pictures, write_annotations
from dataengine.demo.server import PictureServer
from dataengine.errors import MissingExtraError
from dataengine.fetch import fetch_shard, pending_shards
from dataengine.fetch_options import FetchOptions
from dataengine.plan import plan
from dataengine.planning import PlanOptions
from dataengine.records import RejectedRow
from dataengine.sources import SOURCES, SourceOptions
from dataengine.stage import run_in_process

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("skimage") and importlib.util.find_spec("sklearn")),
    reason="the photographs come with scikit-image and scikit-learn (the [demo] install)",
)

BASE_URL = "http://127.0.0.1:8000"
FIVE = ("coco", "vg", "sbu", "cc3m", "cc12m")
FLICKR = re.compile(r"https?://[a-z0-9.]*flickr\.com/")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return write_annotations(tmp_path_factory.mktemp("annotations"), BASE_URL)


def read_json(demo: DemoData, name: str) -> object:
    return json.loads((demo.annotations_dir / name).read_bytes())


# ------------------------------------------------------------------------------------------------------------ pictures


def test_photographs_are_files_of_their_packages_and_a_stereo_pair_is_among_them() -> None:
    found = photographs()
    assert {"motorcycle_left", "motorcycle_right"} <= set(found)
    assert all(path.is_file() for path in found.values())


def test_a_missing_package_names_the_demo_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"scikit-image .*ram-dataengine\[demo\]"):
        photographs()


def test_pictures_are_read_without_importing_the_packages_that_hold_them() -> None:
    check = "from dataengine.demo.data import pictures; pictures(); import sys; print({*sys.modules} & {'skimage', 'sklearn', 'numpy'})"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_picture_is_of_the_format_and_size_that_its_row_says() -> None:
    served = pictures()
    for picture in tables.read_pictures():
        if tables.is_other_address(picture):
            continue
        content = served[picture.address]
        data = content.read_bytes() if isinstance(content, Path) else content
        with Image.open(BytesIO(data)) as image:
            image.load()
            assert image.format == {".jpg": "JPEG", ".png": "PNG"}[picture.suffix], picture.address
            assert image.size == tables.picture_size(picture), picture.address


def test_whole_photographs_of_the_web_are_served_as_they_are() -> None:
    content = pictures()["/cc12m/ancient-coins.png"]
    assert content == photographs()["coins"]


def test_parts_lie_inside_their_photographs() -> None:
    for picture in tables.read_pictures():
        with Image.open(photographs()[picture.photograph]) as image:
            x0, y0, x1, y1 = picture.box or (0, 0, *image.size)
            assert 0 <= x0 < x1 <= image.width and 0 <= y0 < y1 <= image.height, picture.name


def test_region_boxes_lie_inside_their_pictures() -> None:
    vg = {picture.name: picture for picture in tables.read_pictures() if picture.source == "vg"}
    assert set(tables.read_phrases()) == set(vg)
    for name, phrases in tables.read_phrases().items():
        width, height = tables.picture_size(vg[name])
        for phrase in phrases:
            x, y, box_width, box_height = phrase.box
            assert x >= 0 and y >= 0 and box_width > 0 and box_height > 0, phrase
            assert x + box_width <= width and y + box_height <= height, phrase


# --------------------------------------------------------------------------------------------------------------- words


def test_every_picture_has_captions_and_every_caption_a_picture() -> None:
    named = {(picture.source, picture.name) for picture in tables.read_pictures() if picture.source != "vg"}
    assert set(tables.read_captions()) == named
    assert {len(captions) for (source, _), captions in tables.read_captions().items() if source == "coco"} == {5}


def test_every_kept_text_names_a_tag() -> None:
    tagless = {(picture.source, picture.name) for picture in tables.read_pictures() if picture.outcome == "no_tag"}
    texts = [
        (caption.text, source)
        for (source, name), captions in tables.read_captions().items()
        for caption in captions
        if not caption.drop and (source, name) not in tagless
    ]
    texts += [(phrase.text, "vg") for phrases in tables.read_phrases().values() for phrase in phrases]
    assert [text for text, source in texts if not parse(text, source).tags] == []


@pytest.mark.parametrize(
    ("source", "name", "tags"),
    [
        ("coco", "coffee", {"spoon", "saucer", "espresso", "cup", "red", "table"}),
        ("coco", "rocket", {"rocket", "tower", "dusk", "white", "stand"}),
        ("cc3m", "tripod", {"tripod", "grass"}),
        ("cc12m", "motorcycle-second-view", {"motorcycle", "garage", "red"}),
        ("cc12m", "flag", {"flag", "star"}),
    ],
)
def test_the_captions_of_a_picture_give_the_tags_that_it_shows(source: str, name: str, tags: set[str]) -> None:
    found = {tag for caption in tables.read_captions()[source, name] for tag in parse(caption.text, source).tags}
    assert tags <= found


# ------------------------------------------------------------------------------------------------------------- formats


def test_coco_has_the_official_fields(demo: DemoData) -> None:
    for name in ("captions_train2014.json", "captions_val2014.json"):
        content = read_json(demo, name)
        assert isinstance(content, dict) and set(content) == {"info", "images", "licenses", "annotations"}
        image_fields = {"license", "file_name", "coco_url", "height", "width", "date_captured", "flickr_url", "id"}
        assert {frozenset(image) for image in content["images"]} == {frozenset(image_fields)}
        assert {frozenset(row) for row in content["annotations"]} == {frozenset({"image_id", "id", "caption"})}
        assert {row["image_id"] for row in content["annotations"]} == {image["id"] for image in content["images"]}
        assert len({row["id"] for row in content["annotations"]}) == len(content["annotations"])


def test_karpathys_split_has_all_four_parts_and_the_official_fields(demo: DemoData) -> None:
    content = read_json(demo, "dataset_coco.json")
    assert isinstance(content, dict) and content["dataset"] == "coco"
    assert {image["split"] for image in content["images"]} == {"train", "restval", "val", "test"}
    for image in content["images"]:
        assert set(image) == {"filepath", "sentids", "filename", "imgid", "split", "sentences", "cocoid"}
        assert image["filename"] == f"COCO_{image['filepath']}_{image['cocoid']:012d}.jpg"
        assert image["filepath"] == ("train2014" if image["split"] == "train" else "val2014")
        assert image["sentids"] == [sentence["sentid"] for sentence in image["sentences"]]


def test_visual_genome_has_the_official_fields_and_one_coco_picture(demo: DemoData) -> None:
    images, regions, captions = (
        read_json(demo, name) for name in ("image_data.json", "region_descriptions.json", "vg_caption.json")
    )
    assert isinstance(images, list) and isinstance(regions, list) and isinstance(captions, list)
    assert set(images[0]) == {"width", "url", "height", "image_id", "coco_id", "flickr_id"}
    assert [image["coco_id"] for image in images if image["coco_id"] is not None] == [900004]
    assert [entry["id"] for entry in regions] == [image["image_id"] for image in images]
    assert set(regions[0]["regions"][0]) == {"region_id", "width", "height", "image_id", "phrase", "y", "x"}
    assert len(captions) == sum(len(entry["regions"]) for entry in regions)
    assert set(captions[0]) == {"image", "caption"}


def test_sbu_is_three_parallel_lists_and_shares_a_photograph_with_coco(demo: DemoData) -> None:
    content = read_json(demo, "sbu-captions-all.json")
    assert isinstance(content, dict) and set(content) == {"image_urls", "user_ids", "captions"}
    assert len({len(rows) for rows in content.values()}) == 1
    flickr_ids = [url.split("/")[-1].split("_")[0] for url in content["image_urls"] if FLICKR.match(url)]
    assert flickr_ids == ["6061409035"]
    assert any("&amp;" in caption for caption in content["captions"])


@pytest.mark.parametrize(
    ("name", "url_column", "num_columns"),
    [
        ("Train_GCC-training.tsv", 1, 2),
        ("Validation_GCC-1.1.0-Validation.tsv", 1, 2),
        ("Image_Labels_Subset_Train_GCC-Labels-training.tsv", 1, 5),
        ("cc12m.tsv", 0, 2),
        ("cc12m_hashes.tsv", 0, 3),
    ],
)
def test_conceptual_captions_have_their_columns_in_order(
    demo: DemoData, name: str, url_column: int, num_columns: int
) -> None:
    lines = (demo.annotations_dir / name).read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    right = [row for row in rows if len(row) == num_columns and row[url_column].startswith(BASE_URL)]
    num_spoiled = {"Train_GCC-training.tsv": 1, "cc12m.tsv": 3}.get(name, 0)
    assert right and len(rows) - len(right) == num_spoiled


@pytest.mark.parametrize("trap", ["<PERSON>", "Café", "/two coins.jpg\t", '\t"Deep'])
def test_cc12m_holds_a_placeholder_an_accent_a_space_in_an_address_and_an_unclosed_quote(
    demo: DemoData, trap: str
) -> None:
    assert trap in (demo.annotations_dir / "cc12m.tsv").read_text("utf-8")


# ----------------------------------------------------------------------------------------------------------- addresses


def asked_urls(demo: DemoData) -> Iterator[str]:
    """Yield every address in the annotation files but COCO's flickr_url, which nobody asks for."""
    for path in sorted(demo.annotations_dir.iterdir()):
        text = re.sub(r'"flickr_url": "[^"]*"', "", path.read_text("utf-8"))
        yield from re.findall(r'https?://[^\t\n"]+', text)


def test_every_address_is_served_or_meant_to_fail(demo: DemoData) -> None:
    server = PictureServer(pictures())
    folders = "|".join(sorted({picture.via for picture in tables.read_pictures() if picture.via}))
    dead = {link.address for link in tables.read_links()}
    unknown = []
    for url in set(asked_urls(demo)):
        path = re.sub(rf"^/({folders})(?=/)", "", unquote(urlsplit(url).path))
        if path not in dead and server.content(path) is None and not FLICKR.match(url):
            unknown.append(url)
    # SBU's empty caption stands at an address of its own; it is refused before anybody asks for it.
    assert unknown == [f"{BASE_URL}/sbu/2723/4385058999_d0e0000099.jpg"]


def test_every_served_picture_stands_in_an_annotation_file(demo: DemoData) -> None:
    asked = {unquote(urlsplit(url).path) for url in asked_urls(demo)}
    assert [path for path in pictures() if not any(url.endswith(path) for url in asked)] == []


def test_equal_addresses_give_equal_files(demo: DemoData, tmp_path: Path) -> None:
    again = write_annotations(tmp_path / "again", BASE_URL + "/")
    names = sorted(path.name for path in demo.annotations_dir.iterdir())
    assert sorted(path.name for path in again.annotations_dir.iterdir()) == names
    for name in names:
        assert (again.annotations_dir / name).read_bytes() == (demo.annotations_dir / name).read_bytes(), name
    assert again.num_images == demo.num_images


# ------------------------------------------------------------------------------------------------- sources, plan, fetch


def test_sources_refuse_the_spoiled_rows_and_no_others(demo: DemoData) -> None:
    options = SourceOptions(annotations_dir=str(demo.annotations_dir))
    rows = [row for name in FIVE for row in SOURCES[name](options).records()]
    assert Counter(row.reason for row in rows if isinstance(row, RejectedRow)) == demo.rejected_rows


def test_regions_are_read_with_their_boxes(demo: DemoData) -> None:
    options = SourceOptions(annotations_dir=str(demo.annotations_dir), vg_regions=True)
    rows = list(SOURCES["vg"](options).records())
    records = [row for row in rows if not isinstance(row, RejectedRow)]
    refused = [row for row in rows if isinstance(row, RejectedRow)]
    num_phrases = sum(len(phrases) for phrases in tables.read_phrases().values())
    assert [row.reason for row in refused] == ["repeated_sentence"]
    assert sum(len(record.regions) for record in records) == num_phrases - 1


def run_plan(annotations_dir: Path, root: Path) -> dict[str, object]:
    options = PlanOptions(sources=FIVE, source_options=SourceOptions(annotations_dir=str(annotations_dir)))
    return plan(str(root), options, run_in_process)


def test_the_plan_counts_what_the_demo_promises(demo: DemoData, tmp_path: Path) -> None:
    answer = run_plan(demo.annotations_dir, tmp_path / "root")
    tallies = answer["sources"]
    assert isinstance(tallies, dict)
    images, texts, rejected = Counter[str](), Counter[str](), Counter[str]()
    merged: dict[tuple[str, str], int] = {}
    for name, tally in tallies.items():
        images.update(tally["dropped_images"])
        texts.update(tally["dropped_texts"])
        rejected.update(tally["rejected_rows"])
        merged |= {(name, into): number for into, number in tally["merged"].items()}
    assert answer["num_images"] == demo.num_planned
    assert images == demo.dropped_images
    assert texts == demo.dropped_texts
    assert rejected == demo.rejected_rows
    assert merged == demo.merged


def test_fetch_gives_the_promised_images_and_causes(tmp_path: Path) -> None:
    with PictureServer(pictures(), slow_s=0.2) as server:
        demo = write_annotations(tmp_path / "annotations", server.base_url)
        root = str(tmp_path / "root")
        run_plan(demo.annotations_dir, Path(root))
        options = FetchOptions(timeout_s=2.0, deadline_s=4.0, backoff_s=0.1)
        results = [fetch_shard(root, shard_id, options) for shard_id in pending_shards(root)]
    causes: Counter[str] = sum((Counter(result.causes) for result in results), Counter())
    assert causes == demo.failures
    assert sum(result.successes for result in results) == demo.num_images
