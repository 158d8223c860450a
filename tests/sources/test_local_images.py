from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from dataengine.errors import AnnotationsError
from dataengine.local_files import read_local
from dataengine.sources.local_images import LocalImages


def make(tmp_path: Path, form: str) -> Path:
    if form == "zip":
        with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
            archive.writestr("train/1.jpg", b"one")
            archive.writestr("train/readme.txt", b"no picture")
        return tmp_path / "pictures.zip"
    if form == "tar":
        with tarfile.open(tmp_path / "pictures.tar", "w") as tar:
            for name, data in (("train/1.jpg", b"one"), ("train/readme.txt", b"x")):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return tmp_path / "pictures.tar"
    folder = tmp_path / "wow! pictures"
    (folder / "train").mkdir(parents=True)
    (folder / "train/1.jpg").write_bytes(b"one")
    return folder


@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_find_and_read(tmp_path: Path, form: str) -> None:
    images = LocalImages(str(make(tmp_path, form)))
    assert len(images) == 1
    address = images.find("none.jpg", "1.jpg")
    assert address is not None and read_local(address, 100) == b"one"
    assert images.find("readme.txt") is None


def test_a_folder_of_archives(tmp_path: Path) -> None:
    make(tmp_path, "zip")
    address = LocalImages(str(tmp_path)).find("1.jpg")
    assert address == f"{tmp_path}/pictures.zip!train/1.jpg"
    assert read_local(address, 100) == b"one"


def test_what_is_no_place_for_pictures(tmp_path: Path) -> None:
    (tmp_path / "pictures.tar.gz").write_bytes(b"x")
    for name, message in (("none", "no pictures at"), ("pictures.tar.gz", "unpack it")):
        with pytest.raises(AnnotationsError, match=message):
            LocalImages(str(tmp_path / name))
    (tmp_path / "broken.tar").write_bytes(b"x" * 2000)
    with pytest.raises(AnnotationsError, match="cannot read"):
        LocalImages(str(tmp_path / "broken.tar"))
