"""Storage, on a local disk and on an S3 server of the test's own."""

import errno
from pathlib import Path

import pytest

from dataengine import io
from dataengine.demo.server import PictureServer
from dataengine.errors import StorageError


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "root") if request.param == "local" else str(request.getfixturevalue("s3_root"))


def test_what_is_committed_is_read_and_listed(root: str) -> None:
    url = io.join(root, "shards", "00001.tar")
    assert not io.exists(url)
    io.commit_bytes(b"abc", url)
    io.commit_bytes(b"", io.join(root, "shards", "manifest.json"))
    assert io.exists(url)
    assert io.read_bytes(url) == b"abc"
    assert io.list_files(io.join(root, "shards"), ".tar") == ["00001.tar"]
    with io.local_copy(url) as path:
        assert path.read_bytes() == b"abc"
    io.remove(url)
    io.remove(url)
    assert not io.exists(url)


def test_a_staged_file_is_moved(root: str) -> None:
    with io.staging_dir(root) as staging:
        (staging / "x.tar").write_bytes(b"tar")
        io.commit_file(staging / "x.tar", io.join(root, "images", "x.tar"))
    assert io.read_bytes(io.join(root, "images", "x.tar")) == b"tar"
    assert not staging.exists()


def test_a_file_of_another_disk_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staged, target = tmp_path / "scratch" / "x.tar", tmp_path / "root" / "x.tar"
    staged.parent.mkdir()
    staged.write_bytes(b"tar")
    rename = Path.replace

    def replace(self: Path, other: Path) -> Path:
        if self.parent != other.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, other)

    monkeypatch.setattr(Path, "replace", replace)
    io.commit_file(staged, str(target))
    assert target.read_bytes() == b"tar"
    assert [path.name for path in target.parent.iterdir()] == ["x.tar"]
    assert not staged.exists()


def test_only_the_first_exclusive_writer_wins(root: str) -> None:
    url = io.join(root, "lock")
    assert io.create_exclusive(b"1", url)
    assert not io.create_exclusive(b"2", url)
    assert io.read_bytes(url) == b"1"
    io.remove(url)


def test_a_missing_file_is_named(root: str) -> None:
    url = io.join(root, "nothing.json")
    with pytest.raises(StorageError, match=r"cannot read .*nothing\.json: "):
        io.read_bytes(url)


def test_more_than_a_page_of_objects_is_listed(s3_root: str) -> None:
    for number in range(1003):
        io.commit_bytes(b"", io.join(s3_root, "many", f"{number:05d}.json"))
    assert len(io.list_files(io.join(s3_root, "many"))) == 1003


def test_a_page_is_stored_as_a_page(s3_root: str) -> None:
    io.commit_bytes(b"<html>", io.join(s3_root, "report", "index.html"))
    head = io._s3().head_object(Bucket="bucket", Key=f"{s3_root.removeprefix('s3://bucket/')}/report/index.html")
    assert head["ContentType"] == "text/html"


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot write"):
        io.commit_bytes(b"x", str(tmp_path / "file" / "x"))
    with pytest.raises(StorageError, match="cannot write"), io.staging_dir(str(tmp_path / "file" / "root")):
        raise AssertionError("a folder below a file was made")


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), io.staging_dir(str(tmp_path)) as staging:
        (staging / "half").write_text("x")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".tmp-abc").mkdir()
    (tmp_path / ".tmp-abc" / "00000.tar").write_text("half")
    (tmp_path / ".tmp-1-plan.json").write_text("half")
    (tmp_path / "plan.json").write_text("{}")
    io.remove_staging(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_an_address_that_no_one_can_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    for url in ("http://127.0.0.1:1/x", "gs://bucket/x"):
        with pytest.raises(StorageError, match="only a local folder or an s3:// address can be written"):
            io.commit_bytes(b"x", url)
        with pytest.raises(StorageError, match="only a local folder or an s3:// address can be written"):
            io.commit_file(tmp_path / "file", url)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_goes_and_nothing_else(root: str, tmp_path: Path) -> None:
    leftovers = [".tmp-plan/00000.parquet", *([] if root.startswith("s3://") else ["records/.tmp-7-00000.parquet"])]
    others = ["records/00000.parquet", "images/00000.tar", "mine/.tmp-notes"]
    for name in leftovers + others:
        io.commit_bytes(b"", io.join(root, name))
    io.remove_staging(root)
    assert [name for name in leftovers if io.exists(io.join(root, name))] == []
    assert [name for name in others if not io.exists(io.join(root, name))] == []


def test_a_store_that_gives_no_answer_is_named(s3_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not io.exists(io.join(s3_root, "nothing"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    io._s3.cache_clear()
    with pytest.raises(StorageError, match=r"cannot look at s3://.*127\.0\.0\.1:1"):
        io.exists(io.join(s3_root, "nothing"))
    monkeypatch.undo()
    io._s3.cache_clear()


def test_a_web_address_is_there_where_it_can_be_opened() -> None:
    with PictureServer({"/a.json": b"{}"}) as server:
        assert io.exists(server.url("a.json"))
        assert not io.exists(server.url("b.json"))
