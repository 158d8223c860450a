"""Parsed captions as JSON lines and as parquet: the same content in both."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pytest

from dataengine.errors import ConfigError
from dataengine.parsers import Parser
from dataengine.parsers.json_form import evidence_json, to_json_object
from dataengine.parsers.output_formats import JSON_LINES, encode_json, encode_parquet, format_of
from dataengine.records import ParsedCaption

PARSER = Parser(graph=False)
CAPTIONS = [
    "two dogs and a cat",
    "",
    "nothing known: qwerty",
    "caf\u00e9 table \U0001f600 with a dog",
    "half \ud83d pair, a dog",
]


def parse_all() -> list[ParsedCaption]:
    return [PARSER.parse(caption) for caption in CAPTIONS]


def test_evidence_put_together_by_hand_is_the_json_of_the_whole_answer() -> None:
    for parsed in parse_all():
        expected = json.dumps(to_json_object(parsed, "0")["evidence"], separators=(",", ":"))
        assert evidence_json(parsed) == expected


def test_both_formats_hold_the_same() -> None:
    ids = [f"r{number}" for number in range(len(CAPTIONS))]
    lines = [json.loads(line) for line in encode_json(ids, parse_all()).decode().splitlines()]
    table = encode_parquet(ids, parse_all())
    assert lines[0]["tags"] == ["cat", "dog"]
    for line, row in zip(lines, table.to_pylist(), strict=True):
        assert (row["id"], row["tags"], row["tag_ids"]) == (line["id"], line["tags"], line["tag_ids"])
        assert (row["implied_ids"], json.loads(row["evidence"])) == (line["implied_ids"], line["evidence"])
        assert row["graph"] is None and "graph" not in line


def test_half_surrogate_pairs_are_replaced_one_by_one_in_parquet() -> None:
    table = encode_parquet(["\udcff", "b"], [PARSER.parse("half \ud83d pair"), PARSER.parse("a dog")])
    assert table["caption"].to_pylist() == ["half ? pair", "a dog"]
    assert table["id"].to_pylist() == ["?", "b"]


def test_each_chunk_is_a_row_group() -> None:
    stream = io.BytesIO()
    writer = format_of("x.PARQUET").open_writer(stream)
    for ids in (["a", "b"], ["c"]):
        writer.write(encode_parquet(ids, [PARSER.parse("a dog")] * len(ids)))
    writer.close()
    file = pq.ParquetFile(stream)
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [2, 1]
    assert file.read()["id"].to_pylist() == ["a", "b", "c"]


def test_the_suffix_says_the_format() -> None:
    assert format_of("s3://bucket/x.ndjson") is JSON_LINES
    with pytest.raises(ConfigError, match=r"\.parquet"):
        format_of("tags.csv")
