from __future__ import annotations

import io
import logging
import os
import pickle
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataengine import shards
from dataengine.errors import ShardError, StorageError
from dataengine.shards import StoredSample, iter_members, open_shards, read_samples, write_shard
from tests.small_root import add_member, draw, jpeg

PICTURE = jpeg(draw(0))


def stored(key: str, **fields: Any) -> StoredSample:
    return StoredSample(**{"key": key, "image": PICTURE, "json": {"key": key}, **fields})


def write_tar(path: Path, members: dict[str, bytes]) -> str:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            add_member(tar, name, data)
    return str(path)


def npy(array: np.ndarray[Any, Any], allow_pickle: bool = False) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=allow_pickle)
    return sink.getvalue()


# ------------------------------------------------------------------------------------------------------------ writing


def test_equal_samples_give_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"loc": np.ones((2, 3), np.float16), "clip": np.arange(4, dtype=np.float16)}
    first = write_shard([stored("a", json={"x": 1, "b": "é"}, arrays=arrays), stored("b")], tmp_path / "1.tar")
    monkeypatch.setattr("time.time", lambda: 2e9)
    os.umask(os.umask(0o077))
    turned = dict(reversed(arrays.items()))
    second = write_shard([stored("a", json={"b": "é", "x": 1}, arrays=turned), stored("b")], tmp_path / "2.tar")
    assert first == second
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_headers_hold_nothing_of_this_machine(tmp_path: Path) -> None:
    write_shard([stored("a", arrays={"clip": np.zeros(2)}), stored("b", suffix="jpeg")], tmp_path / "1.tar")
    with tarfile.open(tmp_path / "1.tar") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["a.clip.npy", "a.jpg", "a.json", "b.jpg", "b.json"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


@pytest.mark.parametrize("keys", [("b", "a"), ("a", "a"), ("a.b",), ("../a",), ("a/b",), ("",), ("a" * 81,)])
def test_keys_are_plain_and_ascend(tmp_path: Path, keys: tuple[str, ...]) -> None:
    with pytest.raises(ShardError, match="keys in a shard are plain, ascending and unique"):
        write_shard([stored(key) for key in keys], tmp_path / "1.tar")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"json": {"score": float("nan")}}, "no JSON object"),
        ({"json": {"text": "\ud800"}}, "no JSON object"),
        ({"suffix": "gif"}, "jpg, png or webp"),
        ({"arrays": {"image": np.zeros(1)}}, "can't be called 'image'"),
        ({"arrays": {"../x": np.zeros(1)}}, "can't be called"),
    ],
)
def test_samples_that_cannot_be_stored(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ShardError, match=message):
        write_shard([stored("a", **fields)], tmp_path / "1.tar")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk() -> None:
    with pytest.raises(StorageError, match="cannot write /dev/full: No space left"):
        write_shard([stored("a")], Path("/dev/full"))


# ------------------------------------------------------------------------------------------------------------ reading


def test_what_is_written_is_read(tmp_path: Path) -> None:
    clip = np.arange(4, dtype=np.float16)
    loc = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    empty = np.zeros((0, 4), np.float16)
    path = tmp_path / "1.tar"
    write_shard([stored("a", arrays={"clip": clip, "loc": loc, "none": empty}), stored("b")], path)
    first, second = read_samples(str(path))
    assert first.keys() == {"key", "image", "json", "clip", "loc", "none", "__url__"}
    assert (first["key"], first["json"], first["__url__"]) == ("a", {"key": "a"}, str(path))
    assert first["clip"].dtype == np.float16
    assert first["clip"].flags.writeable
    np.testing.assert_array_equal(first["clip"], clip)
    np.testing.assert_array_equal(first["loc"], loc)
    assert first["none"].shape == (0, 4)
    assert (second["image"].mode, second["image"].size) == ("RGB", (96, 64))
    assert "clip" not in second


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_pictures_come_as_rgb(tmp_path: Path, mode: str) -> None:
    sink = io.BytesIO()
    draw(0).convert(mode).save(sink, "JPEG")
    url = write_tar(tmp_path / "1.tar", {"a.jpg": sink.getvalue(), "a.json": b"{}"})
    assert next(read_samples(url))["image"].mode == "RGB"


class Bomb:
    """An object whose unpickling leaves a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_a_pickle_is_ignored_and_counted(tmp_path: Path) -> None:
    trace, counts = tmp_path / "executed", Counter[str]()
    members = {"a.jpg": PICTURE, "a.json": b"{}"} | {
        f"a.{suffix}": pickle.dumps(Bomb(trace)) for suffix in ("pkl", "pyd", "pth", "cls.pickle")
    }
    (sample,) = read_samples(write_tar(tmp_path / "1.tar", members), counts=counts)
    assert sample.keys() == {"key", "image", "json", "__url__"}
    assert counts == {"ignored_members": 4, "samples": 1}
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["object array", "bare pickle", "npz"])
def test_arrays_that_hold_pickles_are_refused(tmp_path: Path, kind: str) -> None:
    trace = tmp_path / "executed"
    sink = io.BytesIO()
    np.savez(sink, x=np.zeros(2))
    data = {
        "object array": npy(np.array([Bomb(trace)], dtype=object), allow_pickle=True),
        "bare pickle": pickle.dumps(Bomb(trace)),
        "npz": sink.getvalue(),
    }[kind]
    url = write_tar(tmp_path / "1.tar", {"a.jpg": PICTURE, "a.json": b"{}", "a.clip.npy": data})
    with pytest.raises(ShardError, match=r"1\.tar: sample 'a'"):
        list(read_samples(url))
    assert not trace.exists()


def test_an_array_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    sink = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)}
    np.lib.format.write_array_header_1_0(sink, header)
    url = write_tar(tmp_path / "1.tar", {"a.jpg": PICTURE, "a.json": b"{}", "a.clip.npy": sink.getvalue() + b"\0" * 8})
    with pytest.raises(ShardError, match="with 1 values"):
        list(read_samples(url))


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"a.jpg": PICTURE}, "no json"),
        ({"a.json": b"{}"}, "no image"),
        ({"a.jpg": PICTURE[:-100], "a.json": b"{}"}, "not a whole picture"),
        ({"a.jpg": b"<html>gone</html>", "a.json": b"{}"}, "not a whole picture"),
        ({"a.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a.json": b"{}"}, "not a whole picture"),
        ({"a.jpg": PICTURE, "a.png": PICTURE, "a.json": b"{}"}, "two members give 'image'"),
        ({"a.jpg": PICTURE, "a.json": b"[1]"}, "the JSON is a list"),
        ({"a.jpg": PICTURE, "a.json": b"{"}, "sample 'a'"),
        ({"a.jpg": PICTURE, "a.json": b"\xff\xfe\xff"}, "sample 'a'"),
        ({"a.jpg": PICTURE, "a.json": b"[" * 100_000}, "sample 'a'"),
        ({"a.jpg": PICTURE, "a.json": b"{}", "a.clip.npy": b""}, "sample 'a'"),
    ],
)
def test_broken_samples(
    tmp_path: Path, members: dict[str, bytes], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = {"b.jpg": PICTURE, "b.json": b'{"good": 1}'}
    url = write_tar(tmp_path / "1.tar", members | good)
    with pytest.raises(ShardError, match=r"1\.tar: sample 'a'") as caught:
        list(open_shards(url))
    assert named in str(caught.value)
    counts = Counter[str]()
    with caplog.at_level(logging.WARNING):
        assert [sample["key"] for sample in open_shards(url, on_error="skip", counts=counts)] == ["b"]
    assert counts == {"broken_samples": 1, "samples": 1}
    assert "sample 'a'" in caplog.text


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(sink, "PNG")
    url = write_tar(tmp_path / "1.tar", {"a.png": sink.getvalue(), "a.json": b"{}"})
    with pytest.raises(ShardError, match="sample 'a'"):
        list(read_samples(url))
    monkeypatch.setattr(shards, "MAX_PIXELS", 96 * 64 - 1)
    with pytest.raises(ShardError, match="96x64 pixels are more than"):
        list(read_samples(write_tar(tmp_path / "2.tar", {"a.jpg": PICTURE, "a.json": b"{}"})))


@pytest.mark.parametrize("name", ["../a", "/a", "x/../../a", "..\\a", "C:\\a", ".a"])
def test_names_that_lead_elsewhere_are_ignored(tmp_path: Path, name: str) -> None:
    counts = Counter[str]()
    members = {f"{name}.jpg": PICTURE, f"{name}.json": b"{}", "b.jpg": PICTURE, "b.json": b"{}"}
    url = write_tar(tmp_path / "1.tar", members)
    assert [sample["key"] for sample in read_samples(url, counts=counts)] == ["b"]
    assert counts["ignored_members"] == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["1.tar"]


def test_links_devices_and_giants_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MAX_MEMBER_BYTES", len(PICTURE))
    counts = Counter[str]()
    with tarfile.open(tmp_path / "1.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            link = tarfile.TarInfo("a.json")
            link.type, link.linkname = kind, "/etc/passwd"
            tar.addfile(link)
        add_member(tar, "a.png", PICTURE + b"\0")
    assert list(iter_members((tmp_path / "1.tar").open("rb"), counts)) == []
    assert counts == {"ignored_members": 5}


@pytest.mark.parametrize(
    ("damage", "keys"),
    [
        ("cut in a picture", "a"),
        ("cut between members", "a"),
        ("cut header", "a"),
        ("flipped header", "a"),
        ("no end mark", "ab"),
    ],
)
def test_a_damaged_tar_is_no_shorter_one(tmp_path: Path, damage: str, keys: str) -> None:
    path = tmp_path / "1.tar"
    write_shard([stored("a"), stored("b"), stored("c")], path)
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        header, last = tar.getmember("c.jpg").offset, tar.getmember("c.json")
    damaged = {
        "cut in a picture": whole[: header + 600],
        "cut between members": whole[:header],
        "cut header": whole[: header + 100],
        "flipped header": whole[:header] + b"C" + whole[header + 1 :],
        "no end mark": whole[: last.offset_data + 512],
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(ShardError, match=r"1\.tar is broken"):
        list(open_shards(str(path)))
    counts = Counter[str]()
    # The sample just before the damage goes too: that it is complete would be known at the next header.
    assert [sample["key"] for sample in open_shards(str(path), on_error="skip", counts=counts)] == list(keys)
    assert counts["broken_shards"] == 1


def test_half_of_a_sample_is_never_one(tmp_path: Path) -> None:
    path = tmp_path / "1.tar"
    write_shard([stored("a", json={"big": "x" * 50_000}), stored("b", json={"big": "x" * 50_000})], path)
    with tarfile.open(path) as tar:
        cut = tar.getmember("b.json").offset_data + 5000
    path.write_bytes(path.read_bytes()[:cut])
    assert [sample["key"] for sample in open_shards(str(path), on_error="skip")] == ["a"]


def test_no_tar_at_all(tmp_path: Path) -> None:
    (tmp_path / "1.tar").write_bytes(b"<html>" + b"x" * 2000)
    (tmp_path / "2.tar").write_bytes(b"")
    for name in ("1.tar", "2.tar"):
        with pytest.raises(ShardError, match="is broken"):
            list(open_shards(str(tmp_path / name)))
