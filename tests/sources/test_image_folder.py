from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.identity import make_uid
from dataengine.local_files import read_local

from .conftest import Read


def place(tmp_path: Path, form: str, files: dict[str, bytes]) -> str:
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "My Photos.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return str(tmp_path / "My Photos.zip")
    for name, data in files.items():
        path = tmp_path / "My Photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return str(tmp_path / "My Photos")


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_captions_beside_the_pictures(read: Read, tmp_path: Path, form: str) -> None:
    files = {
        "b.JPG": b"pixels b",
        "b.txt": b"\xef\xbb\xbfa dog\r\n\r\nan animal\n",
        "a/c.d.png": b"pixels c",
        "a/c.d.txt": "ein Caf\u00e9".encode(),
        "alone.webp": b"x",
        "bad.jpg": b"x",
        "bad.txt": b"caf\xe9",
        "blank.jpg": b"x",
        "blank.txt": b"\n \n",
        "notes.md": b"x",
    }
    reading = read("folder", folder=place(tmp_path, form, files))
    by_id = {record.source_id: record for record in reading.records}
    assert set(by_id) == {"b.JPG", "a/c.d.png"}
    record = by_id["b.JPG"]
    assert [text.original for text in record.texts] == ["a dog", "an animal"]
    assert (record.texts[0].kind, record.texts[0].source) == ("human", "plain")
    assert (record.uid, record.dataset, record.url) == (make_uid("my_photos", "b.JPG"), "my_photos", None)
    assert read_local(record.local or "", 100) == b"pixels b"
    assert read_local(by_id["a/c.d.png"].local or "", 100) == b"pixels c"
    assert {row.where: row.reason for row in reading.rejected} == {
        "alone.webp": "no_caption",
        "bad.jpg": "not_utf8",
        "blank.jpg": "empty_caption",
    }


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(
    ("name", "metadata"),
    [
        ("metadata.csv", b'file_name,text\n1.jpg,"a dog, ""big"""\nx/2.jpg,a cat\n'),
        (
            "metadata.jsonl",
            b'{"file_name": "1.jpg", "caption": "a dog, \\"big\\""}\n{"file_name": "x/2.jpg", "text": ["a cat"]}\n',
        ),
    ],
)
def test_metadata_names_the_pictures(read: Read, tmp_path: Path, form: str, name: str, metadata: bytes) -> None:
    folder = place(tmp_path, form, {"1.jpg": b"1", "x/2.jpg": b"2", "3.jpg": b"3", "1.txt": b"unused", name: metadata})
    reading = read("folder", folder=folder)
    assert not reading.rejected
    assert [(record.source_id, record.texts[0].original) for record in reading.records] == [
        ("1.jpg", 'a dog, "big"'),
        ("x/2.jpg", "a cat"),
    ]


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"file_name": "../secret.jpg", "text": "x"}', "bad_path"),
        (b'{"file_name": "/etc/passwd.jpg", "text": "x"}', "bad_path"),
        (b'{"file_name": "none.jpg", "text": "x"}', "no_such_image"),
        (b'{"file_name": "metadata.jsonl", "text": "x"}', "no_such_image"),
        (b'{"file_name": "1.jpg"}', "empty_caption"),
        (b'{"text": "x"}', "missing_field:file_name"),
        (b'{"file_name": "1.jpg", "text": "caf\xe9"}', "not_utf8"),
        (b'{"file_name": "1.jpg", ', "broken_json"),
        (b'["1.jpg"]', "not_an_object"),
    ],
)
def test_bad_metadata_rows(read: Read, tmp_path: Path, form: str, line: bytes, reason: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    good = b'{"file_name": "1.jpg", "text": "a dog"}'
    files = {"1.jpg": b"1", "metadata.jsonl": line + b"\n" + good}
    reading = read("folder", folder=place(tmp_path, form, files))
    assert reading.captions == ["a dog"]
    assert [(row.reason, row.where) for row in reading.rejected] == [(reason, "metadata.jsonl:1")]


def test_a_link_out_of_the_folder_is_no_picture_of_it(read: Read, tmp_path: Path) -> None:
    folder = place(tmp_path, "folder", {"metadata.csv": b"file_name,text\nlink.jpg,x\n"})
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    Path(folder, "link.jpg").symlink_to(tmp_path / "secret.jpg")
    assert read("folder", folder=folder).reasons == ["no_such_image"]


def test_a_csv_row_that_is_not_utf8(read: Read, tmp_path: Path) -> None:
    metadata = b"file_name,text\n1.jpg,caf\xe9\n1.jpg,a dog\n"
    reading = read("folder", folder=place(tmp_path, "folder", {"1.jpg": b"1", "metadata.csv": metadata}))
    assert reading.reasons == ["not_utf8"] and reading.captions == ["a dog"]


def test_options(read: Read, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs folder"):
        read("folder")
    with pytest.raises(AnnotationsError, match="no folder and no zip"):
        read("folder", folder=str(tmp_path / "none"))
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    with pytest.raises(AnnotationsError, match="cannot read"):
        read("folder", folder=str(tmp_path / "broken.zip"))


def test_a_name_that_is_not_utf8_is_rejected(read: Read, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for stem in (b"bad\xff", b"good"):
        for suffix in (b".jpg", b".txt"):
            (folder / os.fsdecode(stem + suffix)).write_bytes(b"a dog")
    reading = read("folder", folder=str(folder))
    assert [(row.where, row.reason) for row in reading.rejected] == [("bad\\udcff.jpg", "name_not_utf8")]
    assert reading.captions == ["a dog"]


def test_a_csv_row_with_a_comma_too_many_is_not_cut(read: Read, tmp_path: Path) -> None:
    metadata = b'file_name,text\n1.jpg,a dog, big\n1.jpg,"a cat\n1.jpg,a cow\n'
    reading = read("folder", folder=place(tmp_path, "folder", {"1.jpg": b"1", "metadata.csv": metadata}))
    assert (reading.reasons, reading.captions) == (["bad_columns", "broken_csv"], ["a cow"])
