from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dataengine
from dataengine import io
from dataengine.addresses import expand_braces, list_shards
from dataengine.errors import ConfigError, ShardError
from dataengine.shards import StoredSample, open_shards, write_shard
from tests.small_root import draw, jpeg


def stored(key: str) -> StoredSample:
    return StoredSample(key=key, image=jpeg(draw(0)), json={"key": key})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ROOT with three shards of one sample each."""
    (tmp_path / "shards").mkdir()
    for index, key in enumerate("abc"):
        write_shard([stored(key)], tmp_path / "shards" / f"{index:05d}.tar")
    (tmp_path / "shards" / ".tmp-00009.tar").write_bytes(b"half")
    entries = [{"name": f"{index:05d}.tar", "sha256": "", "num_bytes": 0, "num_samples": 1} for index in range(3)]
    manifest = {"schema": "triplet/1", "shards": entries, "vocabulary": {"name": "v", "sha256": ""}}
    (tmp_path / "shards" / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("", "abc"),
        ("/shards", "abc"),
        ("/shards/", "abc"),
        ("/shards/00001.tar", "b"),
        ("/shards/*.tar", "abc"),
        ("/*/0000[02].tar", "ac"),
        ("/shards/{00000..00001}.tar", "ab"),
        ("/shards/{00002,00000}.tar", "ca"),
    ],
)
def test_addresses(folder: Path, pattern: str, keys: str) -> None:
    assert [sample["key"] for sample in dataengine.open_shards(f"{folder}{pattern}")] == list(keys)


@pytest.mark.parametrize("pattern", ["/nothing", "/shards/9*.tar", "/shards/00007.tar", "/shards/{00000..00003}.tar"])
def test_addresses_without_shards_fail_at_once(folder: Path, pattern: str) -> None:
    with pytest.raises(ShardError, match="no shard"):
        open_shards(f"{folder}{pattern}")


@pytest.mark.parametrize("pattern", ["{5..3}.tar", "{0..99999999999}.tar"])
def test_ranges_that_are_none(pattern: str) -> None:
    with pytest.raises(ConfigError, match="is no range"):
        expand_braces(pattern)


def test_braces_multiply() -> None:
    assert expand_braces("{a,b}/{08..10}.tar") == [f"{x}/{n}.tar" for x in "ab" for n in ("08", "09", "10")]


def test_an_unknown_policy(folder: Path) -> None:
    with pytest.raises(ConfigError, match="'raise' or 'skip'"):
        open_shards(str(folder), on_error="ignore")  # type: ignore[arg-type]


def test_shards_are_opened_one_at_a_time(folder: Path) -> None:
    (folder / "shards" / "00002.tar").write_bytes(b"broken")
    samples = open_shards(str(folder))
    assert [next(samples)["key"], next(samples)["key"]] == ["a", "b"]
    with pytest.raises(ShardError, match="00002"):
        next(samples)


@pytest.fixture
def web(folder: Path) -> Iterator[str]:
    """The address of a local server over the folder."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split("port ")[1].split()[0]
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def test_shards_on_the_web(web: str) -> None:
    assert [sample["key"] for sample in open_shards(f"{web}/shards/{{00000..00001}}.tar")] == ["a", "b"]
    assert [sample["key"] for sample in open_shards(web)] == ["a", "b", "c"]
    assert list_shards(f"{web}/shards")[2] == f"{web}/shards/00002.tar"
    with pytest.raises(ShardError, match="no manifest"):
        open_shards(f"{web}/elsewhere")


def test_shards_on_s3(folder: Path, s3_root: str) -> None:
    for path in (folder / "shards").glob("0*.tar"):
        io.commit_bytes(path.read_bytes(), f"{s3_root}/shards/{path.name}")
    for pattern in ("", "/shards/*.tar", "/shards/{00000..00002}.tar"):
        assert [sample["key"] for sample in open_shards(s3_root + pattern)] == ["a", "b", "c"]
    with pytest.raises(ShardError, match="no shard"):
        open_shards(f"{s3_root}/shards/00009.tar")


@pytest.mark.slow
def test_webdataset_reads_them(folder: Path) -> None:
    script = (
        "import sys; from dataengine.torch_guard import keep_torch_out; keep_torch_out(); import webdataset;"
        "data = webdataset.WebDataset(sys.argv[1], shardshuffle=False).decode('pil').to_tuple('jpg', 'json');"
        "print([(picture.size, content['key']) for picture, content in data])"
    )
    pattern = f"{folder}/shards/{{00000..00002}}.tar"
    done = subprocess.run([sys.executable, "-c", script, pattern], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[((96, 64), 'a'), ((96, 64), 'b'), ((96, 64), 'c')]", done.stderr
