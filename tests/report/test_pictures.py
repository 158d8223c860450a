from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dataengine.report.documents import ShardSummary
from dataengine.report.pictures import THUMBNAIL_SIZE, Gallery, choose_pictures, share_out
from dataengine.report.summary import summarise
from dataengine.vocab import Vocabulary

from .conftest import URL, jpeg, tag, text, triplet, write_shard, write_tar


def choose(root: Path, vocab: Vocabulary | None = None, num_pictures: int = 48) -> Gallery:
    bake = summarise(str(root)).bake
    assert bake is not None
    return choose_pictures(str(root), bake.shards, vocab, num_pictures)


def write_many(root: Path, number: int, **datasets: int) -> None:
    """Write a shard with so many samples of each data set."""
    keys = sorted(f"{dataset}-{number}{index:03d}" for dataset, many in datasets.items() for index in range(many))
    write_shard(root, number, [triplet(key, [text("a dog")], [tag(0, "parse:0")]) for key in keys])


@pytest.mark.parametrize(
    ("total", "capacities", "shares"),
    [
        (0, {"a": 3}, {}),
        (5, {}, {}),
        (4, {"a": 10, "b": 10}, {"a": 2, "b": 2}),
        (5, {"b": 10, "a": 10}, {"a": 3, "b": 2}),
        (10, {"a": 1, "b": 2, "c": 99}, {"a": 1, "b": 2, "c": 7}),
        (10, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    ],
)
def test_shares_are_even_and_within_capacity(total: int, capacities: dict[str, int], shares: dict[str, int]) -> None:
    assert share_out(total, capacities) == shares


def test_every_data_set_gets_an_equal_share(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_many(root, 0, coco=20, sbu=1)
    write_many(root, 1, cc3m=20)
    pictures = choose(root, num_pictures=9).pictures
    assert [picture.dataset for picture in pictures] == [
        "cc3m",
        "coco",
        "sbu",
        "cc3m",
        "coco",
        "cc3m",
        "coco",
        "cc3m",
        "coco",
    ]


def test_a_data_set_is_drawn_from_several_of_its_shards(make_root: Callable[..., Path]) -> None:
    root = make_root()
    for number in range(9):
        write_many(root, number, coco=5)
    pictures = choose(root, num_pictures=6).pictures
    assert [picture.key for picture in pictures] == [
        "coco-0000", "coco-0001", "coco-3000", "coco-3001", "coco-6000", "coco-6001",
    ]  # fmt: skip


def test_small_shards_are_filled_up_from_others(make_root: Callable[..., Path]) -> None:
    root = make_root()
    for number in range(9):
        write_many(root, number, coco=1)
    assert len(choose(root, num_pictures=8).pictures) == 8


def test_the_choice_is_the_same_every_time(root: Path, vocab: Vocabulary) -> None:
    assert choose(root, vocab) == choose(root, vocab)


def test_a_picture_says_what_the_sample_holds(root: Path, vocab: Vocabulary) -> None:
    picture = next(picture for picture in choose(root, vocab).pictures if picture.key == "coco-a")
    assert [(shown.number, shown.text) for shown in picture.texts] == [(1, "a dog on a sofa"), (2, "a dog rests")]
    assert (picture.kind, picture.dataset, picture.url, picture.width) == ("human", "coco", URL, 320)
    dog, sofa = picture.tags
    assert (dog.name, dog.texts, dog.others, dog.score) == ("dog", (1, 2), ("ram_plus",), 0.93)
    assert (sofa.name, sofa.texts, sofa.others, sofa.score) == ("sofa", (1,), (), None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("javascript:alert(1)", None),
        ("JavaScript:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("//x.example/a.jpg", None),
        (None, None),
        ("HTTPS://x.example/a.jpg", "HTTPS://x.example/a.jpg"),
    ],
)
def test_only_http_addresses_are_links(make_root: Callable[..., Path], url: str | None, shown: str | None) -> None:
    root = make_root()
    write_shard(root, 0, [triplet("sbu-1", [text("a dog")], [], url)])
    assert choose(root).pictures[0].url == shown


def test_long_and_many_texts_and_tags_are_cut_and_counted(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_shard(root, 0, [triplet("vg-1", [text("word " * 500)] * 30, [tag(number) for number in range(90)])])
    picture = choose(root).pictures[0]
    assert (len(picture.texts), picture.num_texts) == (5, 30)
    assert (len(picture.tags), picture.num_tags) == (24, 90)
    assert len(picture.texts[0].text) < 250
    assert picture.texts[0].text.endswith("…")


@pytest.mark.parametrize("size", [(2000, 500), (500, 2000), (40, 30), (1, 1)])
def test_thumbnails_stay_within_bounds(make_root: Callable[..., Path], size: tuple[int, int]) -> None:
    root = make_root()
    write_shard(root, 0, [triplet("sbu-1", [], [])], jpeg(size=size))
    picture = choose(root).pictures[0]
    head, _, data = picture.data_url.partition(",")
    thumbnail = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == "data:image/jpeg;base64"
    assert thumbnail.size == picture.thumbnail_size
    assert all(side <= bound for side, bound in zip(thumbnail.size, THUMBNAIL_SIZE, strict=True))
    assert all(shown <= side for shown, side in zip(thumbnail.size, size, strict=True))


@pytest.mark.parametrize("content", [None, b"", b"no tar at all" * 100])
def test_a_shard_that_cannot_be_read_costs_only_its_pictures(root: Path, content: bytes | None) -> None:
    path = root / "shards" / "00000.tar"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    gallery = choose(root)
    assert [picture.key for picture in gallery.pictures] == ["cc3m-d"]
    assert len(gallery.problems) == 1
    assert "00000" in gallery.problems[0]
    assert str(root) not in gallery.problems[0]


def broken(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    sample = triplet("sbu-1", [text("a dog")], [tag(0)])
    change(sample)
    return sample


@pytest.mark.parametrize(
    "sample",
    [
        broken(lambda sample: sample.pop("source")),
        broken(lambda sample: sample.update(texts=[{"kind": "alt"}])),
        broken(lambda sample: sample.update(texts=None)),
        broken(lambda sample: sample.update(tags=[7])),
        broken(lambda sample: sample.update(image=[])),
    ],
)
def test_a_broken_sample_is_named_and_the_next_one_shown(
    make_root: Callable[..., Path], sample: dict[str, Any]
) -> None:
    root = make_root()
    good = triplet("sbu-2", [text("a dog")], [])
    write_shard(root, 0, [triplet("sbu-1", [], []), good])
    write_tar(root / "shards" / "00000.tar", [sample, good], jpeg())
    gallery = choose(root)
    assert [picture.key for picture in gallery.pictures] == ["sbu-2"]
    assert len(gallery.problems) == 1
    assert "sbu-1" in gallery.problems[0]


def test_a_picture_that_does_not_decode_is_named(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_shard(root, 0, [triplet("sbu-1", [], [])], jpeg()[:300])
    gallery = choose(root)
    assert gallery.pictures == ()
    assert "sbu-1" in gallery.problems[0]


def test_a_shard_without_samples_has_no_tar_to_miss(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_shard(root, 0, [])
    (root / "shards" / "00000.tar").unlink()
    assert choose(root) == Gallery(())


def test_shards_are_not_read_where_no_picture_is_wanted(tmp_path: Path) -> None:
    shard = ShardSummary("00000", 5, 5, 5, "", (("coco", 5),))
    assert choose_pictures(str(tmp_path), [shard], None, num_pictures=0) == Gallery(())
