"""Pictures on this machine: plain files and members of zips and tars, read by many threads."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from dataengine.decode import FetchFailure
from dataengine.local_files import read_local, split_local

LIMIT = 10_000


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, BytesIO(data))
    return path


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def cause_of(local: str) -> str:
    with pytest.raises(FetchFailure) as caught:
        read_local(local, LIMIT)
    return caught.value.cause


def test_a_plain_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "odd!name.jpg"
    path.write_bytes(b"pixels")
    assert read_local(str(path), LIMIT) == b"pixels"


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_members_are_read_from_many_threads(tmp_path: Path, make: type) -> None:
    members = {f"val/{number}.jpg": bytes([number]) * (100 + number) for number in range(100)}
    path = make(tmp_path / "pictures.archive", members)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda name: read_local(f"{path}!{name}", LIMIT), members))
    assert read == list(members.values())


def test_a_bang_may_stand_in_folder_and_member(tmp_path: Path) -> None:
    folder = tmp_path / "wow!"
    folder.mkdir()
    path = make_zip(folder / "a.zip", {"x!y.jpg": b"pixels"})
    assert split_local(f"{path}!x!y.jpg") == (path, "x!y.jpg")
    assert read_local(f"{path}!x!y.jpg", LIMIT) == b"pixels"


def test_an_archive_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    assert read_local(f"{make_tar(path, {'a.jpg': b'old'})}!a.jpg", LIMIT) == b"old"
    make_tar(path, {"b.jpg": b"padding" * 2000, "a.jpg": b"new"})
    assert read_local(f"{path}!a.jpg", LIMIT) == b"new"


def test_more_archives_than_stay_open_can_be_read(tmp_path: Path) -> None:
    paths = [make_tar(tmp_path / f"{number}.tar", {"a.jpg": bytes([number])}) for number in range(40)]
    for _ in range(2):
        assert [read_local(f"{path}!a.jpg", LIMIT)[0] for path in paths] == list(range(40))


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a.jpg": b"pixels"})
    broken = tmp_path / "broken.tar"
    broken.write_bytes(b"no archive at all" * 100)
    packed = tmp_path / "packed.tar.gz"
    packed.write_bytes(gzip.compress(make_tar(tmp_path / "b.tar", {"a.jpg": b"pixels"}).read_bytes()))
    for local in ("/nowhere/a.jpg", "/nowhere/a.zip!a.jpg", f"{archive}!b.jpg", f"{broken}!a.jpg", f"{packed}!a.jpg"):
        assert cause_of(local) == "missing"
    assert cause_of(str(tmp_path)) == "missing"


def test_size_is_judged_before_reading(tmp_path: Path) -> None:
    plain = tmp_path / "large.jpg"
    plain.write_bytes(bytes(LIMIT + 1))
    assert cause_of(str(plain)) == "too_large"
    assert cause_of(f"{make_zip(tmp_path / 'a.zip', {'a.jpg': bytes(LIMIT + 1)})}!a.jpg") == "too_large"
    assert cause_of(f"{make_tar(tmp_path / 'a.tar', {'a.jpg': bytes(LIMIT + 1)})}!a.jpg") == "too_large"
