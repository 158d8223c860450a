from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from dataengine.errors import AnnotationsError
from dataengine.identity import make_uid
from dataengine.sources import SourceOptions
from dataengine.sources.conceptual_captions import (
    CC3M_LABELS,
    CC3M_TRAIN,
    CC3M_VALIDATION,
    Cc3mSource,
    Cc12mSource,
)

from .conftest import Read, Write

SHA256, MD5 = "ab" * 32, "cd" * 16


def url(number: int) -> str:
    return f"http://pictures.example/{number}.jpg"


def cc3m(*numbers: int) -> str:
    return "".join(f"caption {number} .\t{url(number)}\n" for number in numbers)


def cc12m(*numbers: int) -> str:
    return "".join(f"{url(number)}\tCaption {number}\n" for number in numbers)


def test_cc3m_train_and_validation(read: Read, write: Write) -> None:
    write(CC3M_TRAIN, cc3m(1, 2))
    write(CC3M_VALIDATION, cc3m(3))
    reading = read("cc3m")
    assert reading.captions == ["caption 1 .", "caption 2 .", "caption 3 ."]
    assert [record.split for record in reading.records] == ["train", "train", "validation"]
    first = reading.records[0]
    assert (first.uid, first.url, first.source_id) == (make_uid("cc3m", url(1)), url(1), None)
    assert first.same_as == [f"url:{url(1)}"]
    assert (first.texts[0].kind, first.texts[0].by, first.texts[0].source) == ("alt", "web", "cc3m")


@pytest.mark.parametrize(
    ("names", "expected"),
    [([CC3M_TRAIN], 3_318_333), ([CC3M_VALIDATION], 15_840), ([CC3M_TRAIN, CC3M_VALIDATION], 3_334_173)],
)
def test_cc3m_expected_counts(write: Write, tmp_path: Path, names: list[str], expected: int) -> None:
    for name in names:
        write(name, cc3m(1))
    counts = Cc3mSource(SourceOptions(annotations_dir=str(tmp_path))).expected
    assert counts is not None and counts.texts == expected


def test_labels_are_joined_by_address(read: Read, write: Write) -> None:
    write(CC3M_TRAIN, cc3m(1))
    write(
        CC3M_LABELS,
        f"caption 1 .\t{url(1)}\ttree,pine\t/m/07j7r,/m/05s2s\t0.95123,0.5\n"
        f"x\t{url(2)}\ttree,pine\t/m/07j7r\t0.9,0.5\n"
        f"x\t{url(3)}\ttree\t/m/07j7r\n",
    )
    pair, labels = read("cc3m").records
    assert labels.uid == pair.uid
    assert json.loads(labels.labels or "") == [["tree", "/m/07j7r", 0.9512], ["pine", "/m/05s2s", 0.5]]
    assert labels.url is None and labels.texts == [], "labels alone make no image"
    assert read("cc3m").reasons == ["bad_labels", "bad_columns"]


def test_cc12m_with_its_hashes(read: Read, write: Write) -> None:
    write("cc12m.tsv", cc12m(1, 2))
    write(
        "cc12m_hashes.tsv",
        f"url\tsha256\tmd5\n{url(1)}\t{SHA256.upper()}\t{MD5}\n{url(2)}\tnone\t\n{url(3)}\tx\t{MD5}\n",
    )
    reading = read("cc12m")
    first, _, hashes, empty = reading.records
    assert first.uid == hashes.uid == make_uid("cc12m", url(1))
    assert (hashes.sha256, hashes.md5, hashes.url) == (SHA256, MD5, None)
    assert (empty.sha256, empty.md5) == (None, None)
    assert [(row.reason, row.where) for row in reading.rejected] == [("bad_hash", "cc12m_hashes.tsv:4")]


@pytest.mark.parametrize(
    ("pairs", "hashes"),
    [
        ("cc12m.tsv", "cc12m.tsv.gz"),
        ("cc12m/cc12m.tsv", "cc12m.tsv.gz"),
        ("cc12m.tsv.gz", "hashes/cc12m.tsv.gz"),
        ("cc12m.tsv", "cc12m/hashes/cc12m.tsv"),
    ],
)
def test_the_hashes_are_published_under_the_name_of_the_pairs(
    read: Read, write: Write, pairs: str, hashes: str
) -> None:
    for name, content in ((pairs, cc12m(1)), (hashes, f"{url(1)}\t{SHA256}\t{MD5}\n")):
        write(name, gzip.compress(content.encode()) if name.endswith(".gz") else content)
    reading = read("cc12m")
    assert reading.captions == ["Caption 1"] and not reading.rejected
    assert [record.sha256 for record in reading.records] == [None, SHA256]


def test_hashes_alone_are_not_enough(write: Write, tmp_path: Path) -> None:
    write("cc12m.tsv", f"{url(1)}\t{SHA256}\t{MD5}\n")
    with pytest.raises(AnnotationsError, match=r"cc12m\.tsv is not there"):
        Cc12mSource(SourceOptions(annotations_dir=str(tmp_path)))


def test_hashes_as_csv_with_commas_in_the_address(read: Read, write: Write) -> None:
    write("cc12m.tsv", f"{url(1)}?a,b\tCaption\n")
    write("cc12m_hashes.tsv", f"{url(1)}?a,b,{SHA256},{MD5}\n")
    first, hashes = read("cc12m").records
    assert first.uid == hashes.uid and hashes.md5 == MD5


@pytest.mark.parametrize(
    ("source", "name", "content"),
    [("cc3m", CC3M_TRAIN, cc12m(*range(50))), ("cc12m", "cc12m.tsv", cc3m(*range(50)))],
)
def test_swapped_columns_are_an_error_that_names_the_file(
    read: Read, write: Write, source: str, name: str, content: str
) -> None:
    write(name, content)
    with pytest.raises(AnnotationsError, match=f"{name}: 50 of the first 50 rows hold .* but {source} has"):
        read(source)


def test_a_single_swapped_row_is_counted(read: Read, write: Write) -> None:
    write("cc12m.tsv", cc12m(1, 2) + cc3m(3) + cc12m(4))
    reading = read("cc12m")
    assert reading.captions == ["Caption 1", "Caption 2", "Caption 4"]
    assert [(row.reason, row.where) for row in reading.rejected] == [("columns_swapped", "cc12m.tsv:3")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"only one column", "bad_columns"),
        (b"http://a.example/x.jpg\ttoo\tmany", "bad_columns"),
        (b"http://a.example/x.jpg\t", "empty_caption"),
        (b"\t", "empty_caption"),
        (b"http://a.example/x.jpg\tcaf\xe9", "not_utf8"),
        (b"nowhere\ta dog", "bad_url"),
        (b"file:///etc/passwd\ta dog", "bad_url"),
        (b"http://a.example/" + b"x" * 1_100_000 + b"\ta dog", "line_too_long"),
    ],
)
def test_bad_rows_are_counted_and_the_next_row_is_read(read: Read, write: Write, line: bytes, reason: str) -> None:
    write("cc12m.tsv", cc12m(1).encode() + line + b"\n" + cc12m(2).encode())
    reading = read("cc12m")
    assert reading.captions == ["Caption 1", "Caption 2"]
    assert [(row.reason, row.where) for row in reading.rejected] == [(reason, "cc12m.tsv:2")]
    assert len(reading.rejected[0].value) <= 160


def test_a_quotation_mark_is_a_character(read: Read, write: Write) -> None:
    write("cc12m.tsv", f'{url(1)}\t"an open quote\n{url(2)}\tthe "old" bridge\n{url(3)}\tlast"\n')
    assert read("cc12m").captions == ['"an open quote', 'the "old" bridge', 'last"']


def test_odd_line_ends_and_separators_inside_a_caption(read: Read, write: Write) -> None:
    write("cc12m.tsv", f"{url(1)}\tone\u2028still one\x0b\x1c\r\n\n{url(2)}\ttwo".encode())
    assert read("cc12m").captions == ["one\u2028still one\x0b\x1c", "two"]


def test_a_caption_of_ten_thousand_words_is_read(read: Read, write: Write) -> None:
    write("cc12m.tsv", f"{url(1)}\t{'word ' * 10_000}\n")
    assert len(read("cc12m").captions[0].split()) == 10_000


def test_the_header_that_img2dataset_wants_is_no_row(read: Read, write: Write) -> None:
    write("cc12m.tsv", "url\tcaption\n" + cc12m(1))
    reading = read("cc12m")
    assert reading.captions == ["Caption 1"] and not reading.rejected


def test_an_address_with_spaces_is_quoted_once_for_uid_and_request(read: Read, write: Write) -> None:
    write("cc12m.tsv", "http://A.example/my photo.jpg\ta dog\n")
    (record,) = read("cc12m").records
    assert record.url == "http://a.example/my%20photo.jpg"
    assert record.uid == make_uid("cc12m", "http://a.example/my%20photo.jpg")


def test_utf16_is_an_error(read: Read, write: Write) -> None:
    write("cc12m.tsv", cc12m(1).encode("utf-16"))
    with pytest.raises(AnnotationsError, match="UTF-16"):
        read("cc12m")


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(AnnotationsError, match="neither the training nor the validation"):
        Cc3mSource(SourceOptions(annotations_dir=str(tmp_path)))
    with pytest.raises(AnnotationsError, match=r"no folder .*nowhere"):
        Cc12mSource(SourceOptions(annotations_dir=str(tmp_path / "nowhere")))


@pytest.mark.shared
def test_the_real_rows(shared_dir: Path, read: Read) -> None:
    reading = read("cc3m", annotations_dir=str(shared_dir / "realdata"))
    assert not reading.rejected
    assert sum(record.split == "validation" for record in reading.records) == 15_833
    assert sum(record.labels is not None for record in reading.records) == 6
    reading = read("cc12m", annotations_dir=str(shared_dir / "realdata"))
    assert len(reading.records) == 5 and not reading.rejected
    assert any("<PERSON>" in caption for caption in reading.captions)
