from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.identity import make_uid

from .conftest import Read, Write

URLS = ["http://a.example/1.jpg", "http://a.example/2.jpg"]
SHA256 = "0f" * 32


def write_list(tmp_path: Path, name: str, rows: list[dict[str, Any]]) -> str:
    path = tmp_path / name
    form = name.removesuffix(".gz").rsplit(".", 1)[-1]
    if form == "parquet":
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.Table.from_pylist(rows), path, row_group_size=1)
        return str(path)
    separator = {"csv": ",", "tsv": "\t"}.get(form)
    lines = [json.dumps(row) for row in rows]
    if separator:
        lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(path)


@pytest.mark.parametrize("name", ["my-List.parquet", "my-List.csv", "my-List.tsv", "my-List.jsonl", "my-List.csv.gz"])
@pytest.mark.parametrize("columns", [("url", "caption"), ("URL", "TEXT"), ("image_url", "alt")])
def test_every_form_and_column_name(read: Read, tmp_path: Path, name: str, columns: tuple[str, str]) -> None:
    path = write_list(tmp_path, name, [{columns[0]: url, columns[1]: f"text {url[-5]}"} for url in URLS])
    reading = read("url_list", url_list=path)
    assert not reading.rejected and reading.captions == ["text 1", "text 2"]
    first = reading.records[0]
    assert (first.uid, first.dataset, first.url) == (make_uid("my_list", URLS[0]), "my_list", URLS[0])
    assert (first.texts[0].kind, first.texts[0].by, first.texts[0].source) == ("alt", "web", "alt")


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.tsv", "x.jsonl"])
def test_optional_columns(read: Read, tmp_path: Path, name: str) -> None:
    row = {
        "id": 17,
        "url": URLS[0],
        "caption": "a dog",
        "dataset": "My Set",
        "source": "COCO",
        "license": "CC BY 4.0",
        "split": "val",
        "width": 640,
        "height": 480,
        "sha256": SHA256,
        "similarity": 0.3,
    }
    (record,) = read("url_list", url_list=write_list(tmp_path, name, [row])).records
    assert (record.uid, record.source_id, record.dataset) == (make_uid("my_set", "17"), "17", "my_set")
    assert (record.license, record.split, record.width, record.height) == ("CC BY 4.0", "val", 640, 480)
    assert record.sha256 == SHA256
    assert (record.texts[0].source, record.texts[0].kind, record.texts[0].by) == ("coco", "human", "human")


def test_an_unknown_source_is_plain_and_counted(read: Read, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sources = ["laion", "", "myweb", "myweb", "cc12m"]
    rows = [{"url": f"http://a.example/{n}", "caption": "a dog", "source": value} for n, value in enumerate(sources)]
    with caplog.at_level(logging.WARNING):
        reading = read("url_list", url_list=write_list(tmp_path, "x.jsonl", rows))
    assert [record.texts[0].source for record in reading.records] == ["alt", "alt", "plain", "plain", "cc12m"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/x.jsonl: source 'myweb' in 2 rows is unknown; read as plain"
    ]


@pytest.mark.parametrize("name", ["x.csv", "x.tsv"])
@pytest.mark.parametrize("first", ["url", "caption"])
def test_two_columns_without_header_are_told_apart(read: Read, write: Write, name: str, first: str) -> None:
    cells = [URLS[0], "a dog"] if first == "url" else ["a dog", URLS[0]]
    path = write(name, ("," if name == "x.csv" else "\t").join(cells) + "\n")
    (record,) = read("url_list", url_list=str(path)).records
    assert (record.url, record.texts[0].original) == (URLS[0], "a dog")


def test_csv_is_quoted_and_tsv_is_not(read: Read, write: Write) -> None:
    quoted = write("x.csv", f'url,caption\n{URLS[0]},"a ""big"", red\n\ndog"\n')
    assert read("url_list", url_list=str(quoted)).captions == ['a "big", red\n\ndog']
    plain = write("x.tsv", f'url\tcaption\n{URLS[0]}\t"a dog\n{URLS[1]}\ta cat"\n')
    assert read("url_list", url_list=str(plain)).captions == ['"a dog', 'a cat"']


@pytest.mark.parametrize(
    ("name", "content", "reasons"),
    [
        ("x.csv", f"url,caption\n{URLS[0]}\n{URLS[1]},a dog\n", ["bad_columns"]),
        ("x.csv", f'url,caption\n{URLS[0]},"a cat\n{URLS[1]},a dog\n', ["broken_csv"]),
        ("x.csv", f"url,caption\n{URLS[0]},caf\udce9\n{URLS[1]},a dog\n", ["not_utf8"]),
        ("x.tsv", f"url\tcaption\n\ta cat\n{URLS[1]}\ta dog\n", ["bad_url"]),
        ("x.jsonl", f'{{"url": "\n["a"]\n{{"url": "{URLS[1]}", "text": "a dog"}}\n', ["broken_json", "not_an_object"]),
        ("x.jsonl", f'{{"text": "x"}}\n\n{{"url": "{URLS[1]}", "text": "a dog"}}', ["missing_field:url"]),
        (
            "x.jsonl",
            f'{{"url": "{URLS[0]}"}}\n{{"url": "{URLS[1]}", "text": "a dog"}}',
            ["missing_field:caption"],
        ),
        (
            "x.jsonl",
            f'{{"url": "{URLS[0]}", "text": "x", "sha256": "12"}}\n{{"url": "{URLS[1]}", "text": "a dog"}}',
            ["bad_hash"],
        ),
        (
            "x.jsonl",
            f'{{"url": "file:///etc/passwd", "text": "x"}}\n{{"url": "{URLS[1]}", "text": "a dog"}}',
            ["bad_url"],
        ),
        ("x.jsonl", f'{{"url": "{URLS[1]}", "text": ["a dog", "", 7]}}', ["empty_caption", "missing_field:caption"]),
    ],
)
def test_bad_rows(read: Read, write: Write, name: str, content: str, reasons: list[str]) -> None:
    path = write(name, content.encode(errors="surrogateescape"))
    reading = read("url_list", url_list=str(path))
    assert reading.reasons == reasons
    assert reading.captions == ["a dog"]
    assert all(row.where.startswith(f"{name}:") for row in reading.rejected)


def test_halves_of_a_surrogate_pair_are_joined_or_replaced(read: Read, write: Write) -> None:
    path = write("x.jsonl", f'{{"url": "{URLS[0]}", "text": "a dog \\ud83d\\udc36 \\ud83d"}}')
    (caption,) = read("url_list", url_list=str(path)).captions
    assert caption == "a dog \U0001f436 \ufffd"


def test_missing_cells_of_a_parquet(read: Read, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"url": None, "caption": "a dog"},
        {"url": URLS[0], "caption": None},
        {"url": URLS[1], "caption": "a dog", "width": float("nan"), "license": None},
    ]
    path = write_list(tmp_path, "x.parquet", [{"width": 1.0, "license": "x"} | row for row in rows])
    reading = read("url_list", url_list=path)
    assert reading.reasons == ["missing_field:url", "missing_field:caption"]
    assert [row.where for row in reading.rejected] == ["x.parquet#0", "x.parquet#1"]
    assert (reading.records[0].width, reading.records[0].license) == (None, None)


def test_lists_of_captions_and_bytes_in_a_parquet(read: Read, tmp_path: Path) -> None:
    path = write_list(tmp_path, "x.parquet", [{"url": URLS[0].encode(), "caption": ["a dog", "a pet"]}])
    assert read("url_list", url_list=path).captions == ["a dog", "a pet"]
    path = write_list(tmp_path, "y.parquet", [{"url": b"http://a.example/\xff", "caption": "a dog"}])
    assert read("url_list", url_list=path).reasons == ["not_utf8"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "link,words\na,b\n", "no column for the url among link, words"),
        ("x.tsv", "url\twords\na\tb\n", "no column for the caption"),
        ("x.csv", f"{URLS[0]},a dog,0.3\n", "has no header"),
        ("x.parquet", "no parquet", "cut short or no parquet"),
        ("x.txt", "http://a.example", "none of parquet, csv, tsv, jsonl"),
    ],
)
def test_a_file_that_can_not_be_read_is_an_error(
    read: Read, write: Write, name: str, content: str, message: str
) -> None:
    path = write(name, content)
    with pytest.raises(AnnotationsError, match=message):
        read("url_list", url_list=str(path))


def test_options(read: Read, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs url_list"):
        read("url_list")
    with pytest.raises(AnnotationsError, match="no file"):
        read("url_list", url_list=str(tmp_path / "nothing.csv"))


@pytest.mark.shared
def test_the_real_rows(shared_dir: Path, read: Read) -> None:
    reading = read("url_list", url_list=str(shared_dir / "realdata/web_alt_text/laion_urls_10000.parquet"))
    assert len(reading.records) == 9_999
    assert [(row.reason, row.value) for row in reading.rejected] == [("bad_url", "UNLIKELY")]
