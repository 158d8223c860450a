from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataengine.records import CaptionRecord
from dataengine.sources import SOURCES, SourceOptions

LIMIT = 40 << 20
"""Far below the file in memory (a 60 MB JSON is above 300 MB as Python objects), above what ids of all images take."""


def sbu_json(path: Path, num_rows: int) -> None:
    with path.open("w") as stream:
        for name, start in (("image_urls", '{"image_urls": ['), ("captions", '], "captions": [')):
            stream.write(start)
            for row in range(num_rows):
                text = (
                    f"http://static.flickr.com/1/{row + 100000}_abcdef0123.jpg" if name == "image_urls" else "dog " * 60
                )
                stream.write(("," if row else "") + json.dumps(text))
        stream.write("]}")


def coco_json(path: Path, num_rows: int) -> None:
    with path.open("w") as stream:
        stream.write('{"images": [')
        for row in range(num_rows):
            entry = {"id": row, "file_name": f"{row:012d}.jpg", "note": "x" * 300}
            stream.write(("," if row else "") + json.dumps(entry))
        stream.write('], "annotations": [')
        for row in range(num_rows):
            stream.write(("," if row else "") + json.dumps({"image_id": row, "caption": "a dog " * 30}))
        stream.write("]}")


def tsv(path: Path, num_rows: int) -> None:
    with path.open("w") as stream:
        stream.writelines(f"http://a.example/{row}.jpg\t{'a dog ' * 20}\n" for row in range(num_rows))


def count(rows: Iterator[object]) -> int:
    return sum(isinstance(row, CaptionRecord) for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "name", "write", "num_rows", "num_records"),
    [
        ("cc12m", "cc12m.tsv", tsv, 200_000, 200_000),
        ("sbu", "sbu-captions-all.json", sbu_json, 200_000, 200_000),
        ("coco", "captions_train2017.json", coco_json, 120_000, 240_000),
    ],
)
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, source: str, name: str, write: object, num_rows: int, num_records: int
) -> None:
    assert callable(write)
    write(tmp_path / name, num_rows)
    rows = SOURCES[source](SourceOptions(annotations_dir=str(tmp_path))).records()
    tracemalloc.start()
    try:
        assert count(rows) == num_records
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < LIMIT, f"{peak / 1e6:.0f} MB for a file of {(tmp_path / name).stat().st_size / 1e6:.0f} MB"
