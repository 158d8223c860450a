from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.identity import make_uid
from dataengine.sources import SourceOptions
from dataengine.sources.sbu import SbuSource

from .conftest import Read, Write

URLS = [f"http://static.flickr.com/27/438505896{number}_b0f291553e.jpg" for number in range(3)]
CAPTIONS = ["My dog &amp;amp; me", 'the "old" bridge', "Caf\u00e9 at night"]


def write_form(write: Write, form: str, urls: list[str], captions: list[str]) -> None:
    if form == "dict":
        write("sbu/sbu-captions-all.json", {"image_urls": urls, "user_ids": ["u"] * len(urls), "captions": captions})
    elif form == "lines":
        write("dataset/SBU_captioned_photo_dataset_urls.txt", "".join(f"{url}\r\n" for url in urls))
        write("dataset/SBU_captioned_photo_dataset_captions.txt", "".join(f"{caption}\n" for caption in captions))
    else:
        rows = zip(urls, captions, strict=True)
        write("sbu.json", [{"url": url, "caption": caption, "image": "0000/000.jpg"} for url, caption in rows])


@pytest.mark.parametrize("form", ["dict", "lines", "list"])
def test_three_forms_give_the_same_records(read: Read, write: Write, form: str) -> None:
    write_form(write, form, URLS, CAPTIONS)
    reading = read("sbu")
    assert not reading.rejected
    assert reading.captions == CAPTIONS
    assert [record.url for record in reading.records] == URLS
    first = reading.records[0]
    assert first.uid == make_uid("sbu", URLS[0]) and first.source_id is None
    assert first.same_as == [f"url:{URLS[0]}", "flickr:4385058960"]
    assert (first.texts[0].kind, first.texts[0].source, first.texts[0].by) == ("alt", "sbu", "web")


@pytest.mark.parametrize("form", ["dict", "lines"])
@pytest.mark.parametrize(("num_urls", "num_captions", "longer"), [(3, 2, "addresses"), (1, 3, "captions")])
def test_lists_that_are_not_parallel_are_an_error(
    read: Read, write: Write, form: str, num_urls: int, num_captions: int, longer: str
) -> None:
    write_form(write, form, URLS[:num_urls], CAPTIONS[:num_captions])
    shorter = min(num_urls, num_captions)
    surplus = max(num_urls, num_captions) - shorter
    with pytest.raises(AnnotationsError, match=f"{surplus} more {longer} than the other list's {shorter}"):
        read("sbu")


@pytest.mark.parametrize(
    ("url", "caption", "reason"),
    [
        ("not an address", "a dog", "bad_url"),
        ("file:///etc/passwd", "a dog", "bad_url"),
        (URLS[2], "  ", "empty_caption"),
        (None, "a dog", "missing_field:url"),
        (URLS[2], 7, "missing_field:caption"),
    ],
)
def test_bad_rows(read: Read, write: Write, url: Any, caption: Any, reason: str) -> None:
    write_form(write, "dict", [URLS[0], url, URLS[1]], ["one", caption, "two"])
    reading = read("sbu")
    assert reading.captions == ["one", "two"]
    assert [(row.reason, row.where) for row in reading.rejected] == [(reason, "sbu-captions-all.json#1")]


def test_a_line_that_is_not_utf8_keeps_the_lists_parallel(read: Read, write: Write) -> None:
    write("SBU_captioned_photo_dataset_urls.txt", "\n".join(URLS))
    write("SBU_captioned_photo_dataset_captions.txt", b"one\ncaf\xe9\nthree\n")
    reading = read("sbu")
    assert [(record.url, record.texts[0].original) for record in reading.records] == [
        (URLS[0], "one"),
        (URLS[2], "three"),
    ]
    assert [(row.reason, row.where) for row in reading.rejected] == [
        ("not_utf8", "SBU_captioned_photo_dataset_captions.txt:2")
    ]


def test_one_half_of_the_lines_is_not_enough(write: Write, tmp_path: Path) -> None:
    write("SBU_captioned_photo_dataset_urls.txt", "\n".join(URLS))
    with pytest.raises(AnnotationsError, match="without its other half"):
        SbuSource(SourceOptions(annotations_dir=str(tmp_path)))


def test_pictures_can_not_be_looked_up(write: Write, tmp_path: Path) -> None:
    write_form(write, "dict", URLS, CAPTIONS)
    with pytest.raises(ConfigError, match="name no picture files"):
        SbuSource(SourceOptions(annotations_dir=str(tmp_path), images={"sbu": "pictures"}))


@pytest.mark.shared
def test_the_real_rows(shared_dir: Path, read: Read) -> None:
    reading = read("sbu", annotations_dir=str(shared_dir / "realdata"))
    assert len(reading.records) == 5 and not reading.rejected
    assert all(any(key.startswith("flickr:") for key in record.same_as) for record in reading.records)
