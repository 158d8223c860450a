from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.identity import make_uid
from dataengine.local_files import read_local
from dataengine.sources import SourceOptions
from dataengine.sources.webdataset_shards import WebdatasetSource

from .conftest import Read

URL = "http://a.example/1.jpg"


def pack(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def sample(key: str, caption: str, url: str | None = None) -> dict[str, bytes]:
    facts = {"url": url, "width": 512, "height": 384, "sha256": "ab" * 32, "status": "success"}
    return {
        f"{key}.jpg": b"pixels " + key.encode(),
        f"{key}.json": json.dumps(facts).encode(),
        f"{key}.txt": caption.encode(),
    }


def test_a_mirror_of_cc3m_has_cc3m_uids_and_its_own_pixels(read: Read, tmp_path: Path) -> None:
    path = pack(tmp_path / "cc3m-wds/cc3m-train-0000.tar", sample("00000", "a dog .", URL) | sample("00001", "a cat"))
    reading = read("webdataset", shards=str(path.parent))
    first, second = reading.records
    assert first.uid == make_uid("cc3m", URL) and first.same_as == [f"url:{URL}"]
    assert (first.url, first.local) == (None, f"{path}!00000.jpg")
    assert read_local(first.local or "", 100) == b"pixels 00000"
    assert (first.width, first.height, first.split, first.source_id) == (512, 384, "train", None)
    assert first.sha256 is None, "the json's hash is of the bytes before they were resized"
    assert (first.texts[0].kind, first.texts[0].source) == ("alt", "cc3m")
    assert (second.dataset, second.source_id) == ("cc3m", "cc3m-train-0000/00001")
    assert second.uid == make_uid("cc3m", "cc3m-train-0000/00001")


def test_other_shards_are_named_after_their_folder(read: Read, tmp_path: Path) -> None:
    pack(tmp_path / "My Shards/0.tar", {"a/b.c/001.seg.png": b"1", "a/b.c/001.json": b'{"caption": "from json"}'})
    (record,) = read("webdataset", shards=str(tmp_path / "My Shards/*.tar")).records
    assert (record.dataset, record.texts[0].original, record.texts[0].source) == ("my_shards", "from json", "alt")
    assert record.source_id == "0/a/b.c/001"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("x/s-{000..001}.tar", ["s-000.tar", "s-001.tar"]),
        ("x/s-*.tar", ["s-000.tar", "s-001.tar", "s-002.tar"]),
        ("x", ["s-000.tar", "s-001.tar", "s-002.tar"]),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, names: list[str]) -> None:
    for number in range(3):
        pack(tmp_path / f"x/s-{number:03d}.tar", sample("1", "a dog"))
    source = WebdatasetSource(SourceOptions(annotations_dir="", shards=str(tmp_path / pattern)))
    assert [Path(path).name for path in source.files()] == names


def test_bad_samples_are_counted(read: Read, tmp_path: Path) -> None:
    members = (
        {"1.json": b"{}", "1.txt": b"no picture"}
        | {"2.jpg": b"x", "2.txt": b"caf\xe9"}
        | {"3.jpg": b"x", "3.json": b"{broken", "3.txt": b"a dog"}
        | {"4.jpg": b"x", "4.txt": b"  "}
        | {"5.jpg": b"x", "5.json": b"{}"}
        | {"7\udcff.jpg": b"x", "7\udcff.txt": b"a cat"}
        | sample("6", "a dog")
    )
    pack(tmp_path / "s/0.tar", members)
    reading = read("webdataset", shards=str(tmp_path / "s"))
    assert reading.captions == ["a dog"]
    assert [(row.where, row.reason) for row in reading.rejected] == [
        ("0.tar:1", "no_image"),
        ("0.tar:2", "not_utf8"),
        ("0.tar:3", "broken_json"),
        ("0.tar:4", "empty_caption"),
        ("0.tar:5", "empty_caption"),
        ("0.tar:7\\udcff", "name_not_utf8"),
    ]


def test_a_tar_cut_short_costs_only_its_rest(read: Read, tmp_path: Path) -> None:
    whole = pack(tmp_path / "s/0.tar", sample("1", "one") | sample("2", "two"))
    pack(tmp_path / "s/1.tar", sample("3", "three"))
    whole.write_bytes(whole.read_bytes()[: 512 * 9 - 100])
    reading = read("webdataset", shards=str(tmp_path / "s"))
    assert reading.captions == ["one", "three"]
    assert [(row.where, row.reason) for row in reading.rejected] == [("0.tar", "broken_tar")]


def test_options(read: Read, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs shards"):
        read("webdataset")
    with pytest.raises(AnnotationsError, match=r"no \.tar file"):
        read("webdataset", shards=str(tmp_path))
