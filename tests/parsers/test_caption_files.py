"""Every format gives its rows in order, and every bad row with its place and reason."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataengine.errors import AnnotationsError, ConfigError, StorageError
from dataengine.parsers.caption_files import CaptionRow, read_captions
from dataengine.records import RejectedRow


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        '{"id": "a", "caption": "a dog", "source": "coco"}',
        '{"text": "two\\ncats"}',
        "",
        '{"id": 7, "TEXT": "caf\u00e9", "caption": null, "other": [1]}',
        '{"caption": ""}',
    ]
    url = write(tmp_path / "rows.jsonl", "\ufeff" + "\r\n".join(lines) + "\n")
    assert list(read_captions(url)) == [
        CaptionRow("a", "a dog", "coco"),
        CaptionRow("1", "two\ncats"),
        CaptionRow("7", "caf\u00e9"),
        CaptionRow("4", ""),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"caption": "a dog"', "broken_json"),
        (b"[" * 100_000, "broken_json"),
        (b'["a dog"]', "not_an_object"),
        (b'{"id": 1}', "no_caption"),
        (b'{"caption": null}', "no_caption"),
        (b'{"caption": 5}', "caption_not_text"),
        (b'{"caption": "a dog", "id": ["x"]}', "id_not_text"),
        (b'{"caption": "caf\xe9"}', "not_utf8"),
    ],
)
def test_bad_json_lines_are_rejected_whole_and_the_next_is_read(tmp_path: Path, line: bytes, reason: str) -> None:
    url = write(tmp_path / "rows.jsonl", b'{"caption": "a cat"}\n' + line + b'\n{"caption": "a cow"}\n')
    first, bad, last = read_captions(url)
    assert (first, last) == (CaptionRow("0", "a cat"), CaptionRow("2", "a cow"))
    assert isinstance(bad, RejectedRow)
    assert (bad.where, bad.reason) == (f"{url}:2", reason)
    assert bad.value.encode() == line or bad.value == line.decode("utf-8", "backslashreplace")


def test_text(tmp_path: Path) -> None:
    url = write(tmp_path / "rows.txt", b"a dog\n\ncaf\xe9\nlast")
    rows = list(read_captions(url))
    assert rows[:2] == [CaptionRow("0", "a dog"), CaptionRow("1", "")]
    assert rows[2] == RejectedRow(f"{url}:3", "not_utf8", "caf\\xe9")
    assert rows[3] == CaptionRow("3", "last")


def test_csv(tmp_path: Path) -> None:
    content = (
        b'source,id,text\nvg,x1,"a dog, and ""a"" cat"\n,,plain\nsbu,x2,caf\xe9\nvg,x3\nvg,x4,a,dog\n'
        b'vg,x5,"two\nlines"\n'
    )
    url = write(tmp_path / "rows.csv", content)
    rows = list(read_captions(url))
    assert rows[0] == CaptionRow("x1", 'a dog, and "a" cat', "vg")
    assert rows[1] == CaptionRow("1", "plain", "")
    assert rows[5] == CaptionRow("x5", "two\nlines", "vg")
    rejected = [row for row in rows if isinstance(row, RejectedRow)]
    assert [(row.where.removeprefix(url), row.reason) for row in rejected] == [
        (":4", "not_utf8"),
        (":5", "no_caption"),
        (":6", "too_many_columns"),
    ]


def test_a_mark_that_nothing_closes_costs_one_row(tmp_path: Path) -> None:
    url = write(tmp_path / "rows.csv", 'id,caption\n1,"a dog\n2,a cat\n3,"a cow, brown"\n')
    assert list(read_captions(url)) == [
        RejectedRow(f"{url}:2", "broken_csv", '1,"a dog'),
        CaptionRow("2", "a cat"),
        CaptionRow("3", "a cow, brown"),
    ]


def test_tsv_is_read_with_quoting_off(tmp_path: Path) -> None:
    url = write(tmp_path / "rows.tsv", 'caption\turl\n"a dog\thttp://x\na "cat"\thttp://y\n')
    assert list(read_captions(url)) == [CaptionRow("0", '"a dog'), CaptionRow("1", 'a "cat"')]


def test_a_very_long_cell(tmp_path: Path) -> None:
    caption = "dog " * 100_000
    url = write(tmp_path / "rows.csv", f"caption\n{caption}\n")
    assert list(read_captions(url)) == [CaptionRow("0", caption)]


def test_parquet(tmp_path: Path) -> None:
    captions = pa.array([b"a dog", None, b"caf\xe9", b"a cow"], pa.binary()).view(pa.string())
    table = pa.table({"TEXT": captions, "id": [10, 11, 12, None], "source": ["vg", None, "vg", "odd"]})
    path = tmp_path / "rows.parquet"
    pq.write_table(table, path, row_group_size=2)
    rows = list(read_captions(str(path)))
    assert rows[0] == CaptionRow("10", "a dog", "vg")
    assert rows[3] == CaptionRow("3", "a cow", "odd")
    assert [(row.where, row.reason) for row in rows if isinstance(row, RejectedRow)] == [
        (f"{path}#1", "no_caption"),
        (f"{path}#2", "not_utf8"),
    ]


def test_parquet_with_dictionary_encoding(tmp_path: Path) -> None:
    table = pa.table({"caption": pa.array(["a dog", "a cat", "a dog"]).dictionary_encode()})
    pq.write_table(table, tmp_path / "rows.parquet")
    assert [row.caption for row in read_captions(str(tmp_path / "rows.parquet")) if isinstance(row, CaptionRow)] == [
        "a dog",
        "a cat",
        "a dog",
    ]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        (
            "rows.csv",
            "title,url\nx,y\n",
            AnnotationsError,
            "no column caption, text or TEXT; its columns are: 'title', 'url'",
        ),
        ("rows.csv", "", AnnotationsError, "its columns are: none"),
        ("rows.parquet", "not parquet", AnnotationsError, "is not a parquet file"),
        ("rows.txt", "a dog".encode("utf-16"), AnnotationsError, "UTF-16"),
        ("rows.xlsx", "x", ConfigError, "jsonl"),
    ],
)
def test_a_file_of_the_wrong_form_is_an_error(
    tmp_path: Path, name: str, content: str | bytes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        list(read_captions(write(tmp_path / name, content)))


def test_parquet_without_caption_column_is_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["x"]}), tmp_path / "rows.parquet")
    with pytest.raises(AnnotationsError, match="its columns are: 'url'"):
        list(read_captions(str(tmp_path / "rows.parquet")))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nothing\.jsonl"):
        list(read_captions(str(tmp_path / "nothing.jsonl")))


def test_reading_is_lazy(tmp_path: Path) -> None:
    url = write(tmp_path / "rows.jsonl", json.dumps({"caption": "a dog"}) + "\n" + "x" * 1000)
    assert next(iter(read_captions(url))) == CaptionRow("0", "a dog")
