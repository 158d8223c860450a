"""Damaged parquet files are named, whatever the damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.errors import ShardError
from dataengine.pictures import PictureStore, image_shards_of
from dataengine.report.ledgers import tally_ledgers
from dataengine.tables import read_records, read_table
from tests.small_root import make_root


def damage_footer(data: bytes) -> bytes:
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return data[:start] + bytes(40) + data[start + 40 :]


def damage_pages(data: bytes) -> bytes:
    return data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :]


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


READERS: list[tuple[str, Callable[[Path], object]]] = [
    ("records/00000.parquet", lambda root: list(read_records(f"{root}/records/00000.parquet"))),
    ("records/00000.parquet", lambda root: read_table(f"{root}/records/00000.parquet")),
    ("records/00000.parquet", lambda root: image_shards_of(str(root), 0, [1])),
    ("images/00000.parquet", lambda root: PictureStore(str(root), [0], ())),
    ("images/00000.parquet", lambda root: tally_ledgers(str(root))),
]


@pytest.mark.parametrize("damage", [damage_footer, damage_pages, cut])
@pytest.mark.parametrize(("name", "read"), READERS)
def test_a_damaged_file_is_named(
    tmp_path: Path, name: str, read: Callable[[Path], object], damage: Callable[[bytes], bytes]
) -> None:
    make_root(tmp_path)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ShardError, match=str(path)):
        read(tmp_path)
