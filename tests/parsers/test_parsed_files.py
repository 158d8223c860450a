"""Files of captions -> files of tags: order, formats, counts, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dataengine.errors import AnnotationsError, ConfigError, StorageError
from dataengine.parsers import Parser
from dataengine.parsers.parsed_files import parse_file

PARSER = Parser(graph=False)


def make_input(path: Path, rows: list[Any]) -> str:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return str(path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_come_out_in_order_with_their_ids(tmp_path: Path) -> None:
    rows = [{"id": f"r{i}", "caption": f"{i} dogs and a cat"} for i in range(1000)]
    report = parse_file(PARSER, make_input(tmp_path / "in.jsonl", rows), str(tmp_path / "out.jsonl"))
    found = read_lines(tmp_path / "out.jsonl")
    assert [(row["id"], row["caption"]) for row in found] == [(row["id"], row["caption"]) for row in rows]
    assert {tuple(row["tags"]) for row in found} == {("cat", "dog")}
    assert (report.num_parsed, report.rejected.total(), report.num_unknown_sources) == (1000, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_rejected_rows_stand_beside_the_output(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.jsonl", [{"caption": "a dog"}, "{broken", {"id": "x"}, {"caption": "a cat"}])
    report = parse_file(PARSER, source, str(tmp_path / "out.jsonl"))
    assert report.rejected == {"broken_json": 1, "no_caption": 1}
    assert report.rejected_url == str(tmp_path / "out.jsonl.rejected.jsonl")
    assert read_lines(tmp_path / "out.jsonl.rejected.jsonl") == [
        {"where": f"{source}:2", "reason": "broken_json", "value": "{broken"},
        {"where": f"{source}:3", "reason": "no_caption", "value": '{"id": "x"}'},
    ]
    assert [row["id"] for row in read_lines(tmp_path / "out.jsonl")] == ["0", "3"]
    parse_file(PARSER, make_input(tmp_path / "in.jsonl", [{"caption": "a dog"}]), str(tmp_path / "out.jsonl"))
    assert not (tmp_path / "out.jsonl.rejected.jsonl").exists()


def test_a_row_names_its_source_and_an_unknown_one_is_plain(tmp_path: Path) -> None:
    caption = "lamp next to watch"
    rows = [{"caption": caption, "source": source} for source in ("vg", "coco", "flickr", "", None)]
    source = make_input(tmp_path / "in.jsonl", rows)
    report = parse_file(PARSER, source, str(tmp_path / "out.jsonl"), "vg")
    tags = [row["tags"] for row in read_lines(tmp_path / "out.jsonl")]
    assert tags == [["lamp", "watch"], ["lamp"], ["lamp"], ["lamp", "watch"], ["lamp", "watch"]]
    assert (report.num_unknown_sources, report.unknown_sources) == (1, ["flickr"])


def test_parquet_output_holds_what_jsonl_holds(tmp_path: Path) -> None:
    rows = [{"id": "a", "caption": "a red dog"}, {"caption": "half \ud83d pair"}, {"caption": ""}]
    source = make_input(tmp_path / "in.jsonl", rows)
    parser = Parser(graph=True)
    parse_file(parser, source, str(tmp_path / "out.jsonl"))
    parse_file(parser, source, str(tmp_path / "out.parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["id", "caption", "tags", "tag_ids", "implied_ids", "evidence", "graph"]
    for row, line in zip(table.to_pylist(), read_lines(tmp_path / "out.jsonl"), strict=True):
        assert (row["id"], row["tags"], row["tag_ids"]) == (line["id"], line["tags"], line["tag_ids"])
        assert json.loads(row["evidence"]) == line["evidence"]
        assert json.loads(row["graph"]) == line["graph"]
    assert table["caption"].to_pylist() == ["a red dog", "half ? pair", ""]


def test_parquet_output_is_written_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataengine.parsers.parsed_files.ROWS_A_CHUNK", 4)
    source = make_input(tmp_path / "in.jsonl", [{"caption": "a dog"}] * 10)
    parse_file(PARSER, source, str(tmp_path / "out.parquet"))
    assert pq.ParquetFile(tmp_path / "out.parquet").num_row_groups == 3
    parse_file(PARSER, str(tmp_path / "out.parquet"), str(tmp_path / "again.jsonl"))
    assert len(read_lines(tmp_path / "again.jsonl")) == 10


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        ("out.csv", ConfigError, "jsonl"),
        ("in.jsonl", ConfigError, "is the input"),
        ("missing.jsonl/out.jsonl", StorageError, r"missing\.jsonl"),
    ],
)
def test_an_output_that_cannot_be(tmp_path: Path, output: str, error: type[Exception], message: str) -> None:
    (tmp_path / "missing.jsonl").write_text("a file, no folder", encoding="utf-8")
    source = make_input(tmp_path / "in.jsonl", [{"caption": "a dog"}])
    with pytest.raises(error, match=message):
        parse_file(PARSER, source, str(tmp_path / output))


def test_a_full_disk_is_a_named_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    from dataengine.parsers.output_formats import JsonWriter, encode_json
    from dataengine.parsers.parsed_files import _write_errors

    with (
        Path("/dev/full").open("wb", buffering=0) as stream,
        pytest.raises(StorageError, match=r"out\.jsonl: No space left"),
        _write_errors("out.jsonl"),
    ):
        JsonWriter(stream).write(encode_json(["0"], [PARSER.parse("a dog")]))


def test_nothing_is_left_behind_where_reading_fails(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("title\nx\n", encoding="utf-8")
    (tmp_path / "out.jsonl").write_text("earlier\n", encoding="utf-8")
    with pytest.raises(AnnotationsError):
        parse_file(PARSER, str(tmp_path / "in.csv"), str(tmp_path / "out.jsonl"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == "earlier\n"


def test_unknown_default_source_is_an_error(tmp_path: Path) -> None:
    source = make_input(tmp_path / "in.jsonl", [{"caption": "a dog"}])
    with pytest.raises(ConfigError, match="'flickr'"):
        parse_file(PARSER, source, str(tmp_path / "out.jsonl"), "flickr")
