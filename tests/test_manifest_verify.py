from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from dataengine import tables
from dataengine.bake import BakeOptions, bake_shard
from dataengine.errors import ShardError
from dataengine.fetch_options import FetchOptions
from dataengine.manifest import write_manifest
from dataengine.shards import StoredSample, read_manifest, write_shard
from dataengine.verify import MAX_ERRORS, verify
from tests.small_root import DOG, draw, jpeg, make_root, record, write_plan


def bake(root: Path) -> Path:
    make_root(root)
    for shard_id in (0, 1):
        bake_shard(str(root), shard_id)
    return root


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baked root with a manifest; tests copy it before they damage it."""
    root = bake(tmp_path_factory.mktemp("baked") / "root")
    write_manifest(str(root))
    return root


@pytest.fixture
def root(baked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(baked, tmp_path / "root"))


def errors_of(root: Path) -> dict[str, list[str]]:
    return {check.name: check.errors for check in verify(str(root)).shards if check.errors}


# ----------------------------------------------------------------------------------------------------------- manifest


def test_the_manifest(root: Path) -> None:
    manifest = read_manifest(str(root / "shards"))
    tars = [root / "shards" / name for name in ("00000.tar", "00001.tar")]
    assert manifest["shards"] == [
        {
            "name": path.name,
            "sha256": sha256(path.read_bytes()).hexdigest(),
            "num_bytes": path.stat().st_size,
            "num_samples": n,
        }
        for path, n in zip(tars, (3, 1), strict=True)
    ]
    assert manifest["totals"] == {
        "num_shards": 2,
        "num_samples": 4,
        "num_bytes": sum(path.stat().st_size for path in tars),
        "num_texts": 8,
        "num_tags": 12,
        "num_regions": 4,
        "num_distinct_tags": 3,
        "dropped_boxes": 0,
        "texts_by_kind": {"human": 4, "region": 4},
        "samples_by_dataset": {"coco": 4},
        "dropped": {"not_fetched:http_404": 1, "karpathy_test": 1},
    }
    assert (manifest["schema"], manifest["vocabulary"]["name"]) == ("triplet/1", "colours")
    assert manifest["parser_sha256"] == "9a" * 32
    assert manifest["configuration"]["bake"] == {"min_side": 0, "max_aspect": None}
    assert manifest["configuration"]["options"] == {"parser": "fast"}
    assert manifest["configuration"]["fetch"] == []
    assert manifest["versions"].keys() >= {"dataengine", "python", "pillow", "img2dataset"}


def test_pictures_of_two_fetches_are_told(root: Path) -> None:
    for shard_id, size in ((0, 512), (1, 384)):
        path = root / "images" / f"0000{shard_id}_stats.json"
        path.write_text(json.dumps({"options": FetchOptions(image_size=size).shaping()}))
    fetch = write_manifest(str(root))["configuration"]["fetch"]
    assert [options["image_size"] for options in fetch] == [384, 512]


@pytest.mark.parametrize("content", ['{"options": ', "[]"])
def test_broken_statistics_are_named(root: Path, content: str) -> None:
    path = root / "images" / "00000_stats.json"
    path.write_text(content)
    with pytest.raises(ShardError, match=rf"{path} is not a fetched shard's statistics: .*fetch again"):
        write_manifest(str(root))


def test_equal_roots_have_equal_manifests(root: Path, tmp_path: Path) -> None:
    other = bake(tmp_path / "elsewhere")
    write_manifest(str(other))
    first, second = ((folder / "shards" / "manifest.json").read_bytes() for folder in (root, other))
    assert first == second
    assert str(tmp_path).encode() not in first


def test_an_unbaked_shard_stops_the_manifest(root: Path) -> None:
    (root / "shards" / "00001.json").unlink()
    with pytest.raises(ShardError, match="not baked: 00001"):
        write_manifest(str(root))


def test_shards_of_two_bakes_make_no_manifest(root: Path) -> None:
    bake_shard(str(root), 1, BakeOptions(min_side=10))
    with pytest.raises(ShardError, match="different options"):
        write_manifest(str(root))
    bake_shard(str(root), 1)
    write_plan(root, vocabulary={"name": "others", "sha256": "ee" * 32})
    with pytest.raises(ShardError, match="another vocabulary than others: 00000, 00001"):
        write_manifest(str(root))


def test_a_shard_without_samples_is_not_listed(root: Path) -> None:
    tables.write_records([record(4, drop="takedown")], str(root / "records" / "00001.parquet"))
    bake_shard(str(root), 1)
    manifest = write_manifest(str(root))
    assert [shard["name"] for shard in manifest["shards"]] == ["00000.tar"]
    assert manifest["totals"]["dropped"] == {"not_fetched:http_404": 1, "takedown": 1}
    assert verify(str(root)).ok


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema":"triplet/2"}', '{"schema":"triplet/1","shards":[{"name":"a.tar"}]}',
                '{"schema":"triplet/1","shards":[{"name":"../a.tar","sha256":"","num_bytes":0,"num_samples":0}]}']
)  # fmt: skip
def test_what_is_no_manifest(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ShardError, match=r"manifest\.json"):
        verify(str(tmp_path))


def test_without_manifest(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"no manifest\.json"):
        verify(str(tmp_path))


# ------------------------------------------------------------------------------------------------------------- verify


def test_a_good_data_set(root: Path) -> None:
    for url in (root, root / "shards"):
        report = verify(str(url), num_workers=2)
        assert report.ok
        assert (report.num_errors, report.num_samples, [check.name for check in report.shards]) == (
            0,
            4,
            ["00000.tar", "00001.tar"],
        )


def test_any_flipped_byte_is_found_and_named(root: Path) -> None:
    path = root / "shards" / "00000.tar"
    whole = path.read_bytes()
    for position in [*range(0, len(whole), 997), len(whole) - 1]:
        flipped = bytearray(whole)
        flipped[position] ^= 0x20
        path.write_bytes(bytes(flipped))
        found = errors_of(root)
        assert list(found) == ["00000.tar"], position
        assert any("sha256 is" in error for error in found["00000.tar"]), position


@pytest.mark.parametrize(("cut", "named"), [(-1, "num_bytes"), (-10240, "num_bytes"), (3000, "is no whole tar")])
def test_a_cut_shard(root: Path, cut: int, named: str) -> None:
    path = root / "shards" / "00000.tar"
    path.write_bytes(path.read_bytes()[:cut])
    assert any(named in error for error in errors_of(root)["00000.tar"])


def test_a_missing_and_an_unlisted_shard(root: Path) -> None:
    (root / "shards" / "00001.tar").rename(root / "shards" / "00007.tar")
    found = errors_of(root)
    assert "is missing" in found["00001.tar"][0]
    assert found["00007.tar"] == ["is not listed in manifest.json"]


def relist(root: Path, **changes: Any) -> None:
    """Make the manifest agree with 00001.tar as it is now, but for `changes`: only a look inside can tell."""
    path = root / "shards" / "manifest.json"
    manifest, data = json.loads(path.read_bytes()), (root / "shards" / "00001.tar").read_bytes()
    entry = manifest["shards"][1]
    manifest["totals"]["num_bytes"] += len(data) - entry["num_bytes"]
    entry |= {"sha256": sha256(data).hexdigest(), "num_bytes": len(data)} | changes
    path.write_text(json.dumps(manifest))


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda triplet: triplet["image"].update(width=95), "the picture's width is 96, its JSON says 95"),
        (lambda triplet: triplet["image"].update(sha256="00" * 32), "the picture's sha256"),
        (lambda triplet: triplet.update(key="coco-other"), "its JSON has key 'coco-other'"),
        (lambda triplet: triplet["vocab"].update(name="x", sha256="11" * 32), "its vocabulary is x"),
        (lambda triplet: triplet["tags"].pop(), "which tags does not list"),
        (lambda triplet: triplet.pop("negatives"), "sample has no 'negatives'"),
    ],
)
def test_a_sample_that_says_what_is_not_so(root: Path, change: Change, named: str) -> None:
    path = root / "shards" / "00001.tar"
    with tarfile.open(path) as tar:
        contents = {member.name: (tar.extractfile(member) or BytesIO()).read() for member in tar}
    (picture_name, picture), (json_name, data) = contents.items()
    triplet = json.loads(data)
    key = json_name.removesuffix(".json")
    change(triplet)
    write_shard([StoredSample(key=key, image=picture, json=triplet)], path)
    relist(root)
    (errors,) = errors_of(root).values()
    assert len(errors) == 1
    assert errors[0].startswith(f"sample {key!r}: ")
    assert named in errors[0]
    assert picture_name == f"{key}.jpg"


def test_members_that_are_no_part_of_a_sample(root: Path) -> None:
    path = root / "shards" / "00001.tar"
    with tarfile.open(path, "a") as tar:
        header = tarfile.TarInfo("coco-x.pkl")
        tar.addfile(header)
    relist(root)
    assert errors_of(root) == {"00001.tar": ["1 members are neither pictures, JSON nor arrays"]}


def test_samples_out_of_order_and_of_another_number(root: Path) -> None:
    path = root / "shards" / "00001.tar"
    with tarfile.open(path) as tar:
        contents = [(member, (tar.extractfile(member) or BytesIO()).read()) for member in tar]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member, data in contents:
            tar.addfile(member, BytesIO(data))
        header = tarfile.TarInfo("a.json")
        header.size = 2
        tar.addfile(header, BytesIO(b"{}"))
    relist(root)
    errors = errors_of(root)["00001.tar"]
    assert any("keys ascend" in error for error in errors)
    assert any("sample 'a': no image" in error for error in errors)
    assert "num_samples is 2, the manifest says 1" in errors


def test_errors_of_a_shard_are_counted_and_some_kept(root: Path) -> None:
    path, picture = root / "shards" / "00001.tar", jpeg(draw(0))
    write_shard([StoredSample(key=f"k{index:03d}", image=picture, json={}) for index in range(30)], path)
    relist(root, num_samples=30)
    check = verify(str(root)).shards[1]
    assert len(check.errors) == MAX_ERRORS
    assert check.num_errors >= 30


def test_totals_that_do_not_add_up(root: Path) -> None:
    relist(root, num_samples=2)
    report = verify(str(root))
    assert report.problems == ["manifest.json: totals.num_samples is 4, its shards make 5"]
    assert not report.ok


class Twins:
    """A vocabulary of four tags in which DOG is a twin of tag 0."""

    def __len__(self) -> int:
        return 4

    def canonical(self, tag_id: int) -> int:
        return 0 if tag_id == DOG else tag_id


def test_tags_against_the_vocabulary(root: Path) -> None:
    report = verify(str(root), vocab=Twins())
    assert report.num_errors == 8  # the twin and tag 4, in four samples
    assert any("a twin of the canonical 0" in error for error in report.shards[0].errors)
    assert any("in a vocabulary of 4" in error for error in report.shards[0].errors)
