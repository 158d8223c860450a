"""A ROOT of a few drawn pictures, with records, ledgers and tars in the shapes that plan and fetch leave."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from dataengine import tables
from dataengine.identity import make_uid
from dataengine.records import CaptionRecord, Region, TagClaim, Text

VOCABULARY = {"name": "colours", "sha256": "c0" * 32}
DOG, RED, SOFA, PERSON = 1, 3, 4, 6


def draw(seed: int, size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Return a smooth picture of its own for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    """Return the picture as JPEG bytes."""
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=quality)
    return sink.getvalue()


def text(original: str, tags: Iterable[int] = (), **fields: Any) -> Text:
    """Return a human text with tags."""
    defaults: dict[str, Any] = {"kind": "human", "by": "human", "text": original.lower(), "source": "coco"}
    return Text(original=original, tags=list(tags), **{**defaults, **fields})


def record(number: int = 0, **fields: Any) -> CaptionRecord:
    """Return a record with two texts, of which the first names a dog, and the second a red sofa in a region."""
    made = CaptionRecord(
        uid=make_uid("coco", str(number)),
        dataset="coco",
        source_id=str(number),
        url=f"http://images.example/{number}.jpg",
        license="CC BY 2.0",
        width=192,
        height=128,
        texts=[text("A dog.", [DOG]), text("a red sofa", [RED, SOFA], kind="region", region=0, score=0.31)],
        regions=[Region(box=(20.0, 40.0, 120.0, 128.0), by="vg")],
        tags=[TagClaim(id=DOG, by=["parse:0"]), TagClaim(id=RED, by=["parse:1"]), TagClaim(id=SOFA, by=["parse:1"])],
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def ledger_row(record: CaptionRecord, key: str, data: bytes | None, cause: str | None = None) -> dict[str, Any]:
    """Return the ledger row of a record that was fetched as `data`, or failed for `cause`."""
    return {
        "url": record.url,
        "caption": None,
        "key": key,
        "status": "success" if data is not None else "failed_to_download",
        "error_message": cause,
        "width": 96 if data is not None else None,
        "height": 64 if data is not None else None,
        "original_width": 192 if data is not None else None,
        "original_height": 128 if data is not None else None,
        "sha256": hashlib.sha256(b"original of " + data).hexdigest() if data is not None else None,
        "uid": record.uid,
        "cause": cause,
        "http_status": 200 if data is not None else 404,
        "attempts": 1,
        "final_url": record.url,
        "sha256_original": hashlib.sha256(b"original of " + data).hexdigest() if data is not None else None,
        "md5_original": None,
        "dataset": record.dataset,
    }


def write_images(
    root: Path, shard_id: int, pictures: Mapping[str, bytes | str], records: Iterable[CaptionRecord]
) -> None:
    """Commit an image shard; `pictures` maps a uid to its bytes, or to the cause of its failure."""
    folder = root / "images"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with tarfile.open(folder / f"{shard_id:05d}.tar", "w") as tar:
        for index, item in enumerate(item for item in records if item.uid in pictures):
            value, key = pictures[item.uid], f"{shard_id:05d}{index:04d}"
            data = value if isinstance(value, bytes) else None
            rows.append(ledger_row(item, key, data, value if isinstance(value, str) else None))
            if data is not None:
                add_member(tar, f"{key}.jpg", data)
                add_member(tar, f"{key}.txt", b"a caption")
                add_member(tar, f"{key}.json", json.dumps(rows[-1]).encode())
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{shard_id:05d}.parquet")
    (folder / f"{shard_id:05d}_stats.json").write_text(json.dumps({"count": len(rows)}))


def add_member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file to an open tar."""
    header = tarfile.TarInfo(name)
    header.size = len(data)
    tar.addfile(header, io.BytesIO(data))


def write_plan(root: Path, **fields: Any) -> None:
    """Write plan.json."""
    plan = {
        "vocabulary": VOCABULARY,
        "parser_sha256": "9a" * 32,
        "shard_size": 4,
        "sources": {"coco": {"images_kept": 5}},
        "options": {"parser": "fast"},
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "plan.json").write_text(json.dumps(plan | fields))


def make_root(root: Path) -> list[CaptionRecord]:
    """Write two shards under `root`: three pictures and a dead link; one picture and a dropped row. Returns the records."""
    records = [record(number) for number in range(6)]
    records[5].drop = "karpathy_test"
    write_plan(root)
    tables.write_records(records[:4], str(root / "records" / "00000.parquet"))
    tables.write_records(records[4:], str(root / "records" / "00001.parquet"))
    pictures: dict[str, bytes | str] = {item.uid: jpeg(draw(index)) for index, item in enumerate(records[:3])}
    write_images(root, 0, pictures | {records[3].uid: "http_404"}, records[:4])
    write_images(root, 1, {records[4].uid: jpeg(draw(4))}, records[4:])
    return records
