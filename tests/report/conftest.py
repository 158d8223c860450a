"""A tiny data set made by hand: five images of two data sets, three fetched, one of them at the second try."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dataengine.vocab import Vocabulary

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> & a red dog"
URL = "https://pictures.example/a.jpg?x=1&y=2"


@pytest.fixture(scope="session")
def vocab(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    """dog 0, red 1, sofa 2, tree 3, sit 4, sitting 5: the last two are twins."""
    path = tmp_path_factory.mktemp("vocabulary") / "few.txt"
    path.write_text("dog\nred\nsofa\ntree\nsit\nsitting\n")
    return Vocabulary.load(path)


@pytest.fixture
def make_root(tmp_path: Path, vocab: Vocabulary) -> Callable[..., Path]:
    """A function that writes the stages named to it below a new folder, and returns the folder."""

    def make(*stages: str, name: str = "root") -> Path:
        root = tmp_path / name
        root.mkdir()
        for stage in stages:
            {"plan": write_plan, "fetch": write_images, "bake": write_shards}[stage](root, vocab)
        return root

    return make


@pytest.fixture
def root(make_root: Callable[..., Path]) -> Path:
    """The data set after all stages."""
    return make_root("plan", "fetch", "bake")


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_plan(root: Path, vocab: Vocabulary) -> None:
    coco = {
        "expected": {"images": 1200, "texts": 6001, "cite": "the captions files"},
        "images_read": 1100, "texts_read": 5500, "images_kept": 2, "texts_kept": 3,
        "dropped_images": {"karpathy_test": 1090, "small_side": 8}, "dropped_texts": {"too_few_words": 7, "image:small_side": 40},
        "rejected_rows": {}, "merged": {}, "files": ["captions_train2014.json"],
    }  # fmt: skip
    cc3m = {
        "expected": None, "images_read": 6, "texts_read": 6, "images_kept": 3, "texts_kept": 3, "dropped_images": {},
        "dropped_texts": {"too_many_words": 2}, "rejected_rows": {"no_url": 3}, "merged": {"coco": 2}, "files": ["cc3m.tsv"],
    }  # fmt: skip
    filters = {"words": {"on": True}, "language": {"on": False}, "side": {"on": True}}
    content = {
        "sources": {"coco": coco, "cc3m": cc3m}, "num_images": 5, "num_shards": 2, "shard_size": 3, "parser": "graph",
        "vocabulary": {"name": vocab.name, "sha256": vocab.sha256}, "parser_sha256": "f" * 64, "person_policy": "keep",
        "options": {"limit": None, "source_options": {"allow_leaks": True}}, "filters": filters,
        "tags": {"kept": 9, "person_placeholder": 4},
    }  # fmt: skip
    write_json(root / "plan.json", content)


def ledger_row(uid: str, cause: str | None, size: tuple[int, int] = (640, 480)) -> dict[str, Any]:
    stored = {"width": size[0] // 2, "height": size[1] // 2, "original_width": size[0], "original_height": size[1]}
    return {
        "uid": uid,
        "dataset": uid.partition("-")[0],
        "status": "failed_to_download" if cause else "success",
        "cause": cause,
        **(dict.fromkeys(stored) if cause else stored),
    }


def write_ledger(root: Path, number: int, rows: list[dict[str, Any]], *, committed: bool = True) -> None:
    path = root / "images" / f"{number:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    if committed:
        write_json(path.with_name(f"{number:05d}_stats.json"), {"count": len(rows), "duration": 1.5})


def write_images(root: Path, vocab: Vocabulary) -> None:
    write_ledger(root, 0, [ledger_row("coco-a", None), ledger_row("coco-b", "http_404"), ledger_row("cc3m-c", "dns")])
    write_ledger(root, 1, [ledger_row("cc3m-d", None, (200, 300)), ledger_row("cc3m-e", "timeout")])
    write_ledger(root, 2, [ledger_row("cc3m-c", None), ledger_row("cc3m-e", "http_404")])
    write_ledger(root, 3, [ledger_row("coco-z", "tls")], committed=False)


def text(words: str, kind: str = "alt") -> dict[str, Any]:
    return {"text": words, "kind": kind, "by": "web", "score": None, "tags": [], "region": None, "drop": None}


def tag(tag_id: int, *by: str, score: float | None = None) -> dict[str, Any]:
    return {"id": tag_id, "state": 1, "by": list(by), "score": score, "regions": [], "drop": None}


def triplet(
    key: str, texts: list[dict[str, Any]], tags: list[dict[str, Any]], url: str | None = None
) -> dict[str, Any]:
    return {
        "schema": "triplet/1", "key": key, "image": {"width": 320, "height": 240}, "texts": texts, "tags": tags,
        "source": {"dataset": key.rpartition("-")[0], "id": "1", "url": url, "license": None, "split": "train"},
    }  # fmt: skip


def jpeg(colour: str = "teal", size: tuple[int, int] = (320, 240)) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", size, colour).save(sink, "JPEG")
    return sink.getvalue()


def write_shard(root: Path, number: int, samples: list[dict[str, Any]], image: bytes | None = None) -> None:
    """Write a tar of `samples` and its commit record."""
    path = root / "shards" / f"{number:05d}.tar"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tar(path, samples, image or jpeg())
    write_json(path.with_suffix(".json"), commit_record(number, samples))


def write_tar(path: Path, samples: list[dict[str, Any]], image: bytes) -> None:
    with tarfile.open(path, "w") as tar:
        for sample in samples:
            for suffix, data in (("jpg", image), ("json", json.dumps(sample).encode())):
                header = tarfile.TarInfo(f"{sample['key']}.{suffix}")
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))


def commit_record(number: int, samples: list[dict[str, Any]]) -> dict[str, Any]:
    tags = [entry["id"] for sample in samples for entry in sample["tags"]]
    datasets = [sample["source"]["dataset"] for sample in samples]
    kinds = [entry["kind"] for sample in samples for entry in sample["texts"]]
    sizes = [len(sample["tags"]) for sample in samples]
    return {
        "sha256": f"{number:x}" * 64, "num_bytes": 1_000_000 * (number + 1), "num_samples": len(samples),
        "num_texts": len(kinds), "num_regions": 0, "dropped": {"not_fetched:dns": 1, "not_fetched:http_404": 2, "no_tag": 1},
        **{
            name: {str(value): values.count(value) for value in values}
            for name, values in (
                ("tag_counts", tags), ("tags_per_image", sizes), ("samples_by_dataset", datasets), ("texts_by_kind", kinds),
            )
        },
    }  # fmt: skip


def write_shards(root: Path, vocab: Vocabulary) -> None:
    coco = triplet(
        "coco-a",
        [text("a dog on a sofa", "human"), text("a dog rests", "human")],
        [tag(0, "parse:0", "parse:1", "teacher:ram_plus", score=0.93), tag(2, "parse:0")],
        URL,
    )
    cc3m = triplet("cc3m-c", [text("a sofa")], [tag(2, "parse:0")], "javascript:alert(1)")
    write_shard(root, 0, [cc3m, coco])
    write_shard(root, 1, [triplet("cc3m-d", [text(HOSTILE)], [tag(0, "parse:0"), tag(1, "parse:0")])])
    write_json(
        root / "shards" / "manifest.json", {"schema": "triplet/1", "versions": {"spacy": "3.8.0", "numpy": None}}
    )


def write_many_tags(root: Path, num_tags: int) -> None:
    """Write a shard with one image that carries the first `num_tags` tags."""
    write_shard(root, 0, [triplet("sbu-1", [text("words")], [tag(number, "parse:0") for number in range(num_tags)])])
