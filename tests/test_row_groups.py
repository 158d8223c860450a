"""Batches of a parquet file, row group by row group."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataengine.row_groups import read_batches


@pytest.mark.parametrize("num_rows", [0, 1, 7, 10, 25])
def test_all_rows_come_in_order(num_rows: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": list(range(num_rows)), "b": ["x"] * num_rows}), path, row_group_size=10)
    batches = list(read_batches(pq.ParquetFile(path), ["a"], 4))
    assert [value for batch in batches for value in batch.column("a").to_pylist()] == list(range(num_rows))
    assert all(batch.num_rows <= 4 and batch.schema.names == ["a"] for batch in batches)
