"""`dataengine parse` from the outside: what it prints, and that torch stays out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
import sys
import typer
from dataengine.cli.parse import parse_command
from dataengine.errors import DataEngineError
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(parse_command)
try:
    app()
except DataEngineError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)
"""


def run(*arguments: str, stdin: bytes = b"", path: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "COLUMNS": "80"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], input=stdin, capture_output=True, check=False, env=environment
    )


def test_tags_and_graph_for_a_person() -> None:
    done = run("a white dog sitting on a couch near a [red] table")
    assert done.returncode == 0, done.stderr.decode()
    lines = [" ".join(line.split()) for line in done.stdout.decode().splitlines()]
    assert 'couch 1141 "couch"' in lines
    assert 'sit 3698 "sitting"' in lines
    assert "dog (white)" in lines
    assert "dog -- sit on -- couch" in lines
    assert lines.index("tags") < lines.index("scene graph")


def test_json_is_the_documented_object() -> None:
    done = run("zebras eating", "--json")
    value = json.loads(done.stdout)
    assert (value["id"], value["tags"], value["implied_ids"]) == ("0", ["eat", "zebra"], [77])
    assert value["graph"]["relations"] == [{"subject": 0, "predicate": "eat", "object": None, "span": [7, 13]}]


def test_tags_only_leaves_out_the_graph() -> None:
    assert "graph" not in json.loads(run("zebras eating", "--json", "--tags-only").stdout)
    assert b"scene graph" not in run("zebras eating", "--tags-only").stdout


def test_a_tag_list_and_synonyms_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("quokka\ncouch\n", encoding="utf-8")
    (tmp_path / "forms.tsv").write_text("sofa\tcouch\n", encoding="utf-8")
    lists = ("--vocabulary", str(tmp_path / "own.txt"), "--synonyms", str(tmp_path / "forms.tsv"))
    value = json.loads(run("two quokkas and a dog on a sofa", "--json", "--tags-only", *lists).stdout)
    assert (value["tags"], value["tag_ids"]) == (["quokka", "couch"], [0, 1])
    assert [mention["rule"] for mention in value["evidence"]] == ["inflection", "synonym"]


def test_explain_says_what_was_dropped() -> None:
    done = run("a pier without boats, in front of a hill", "--explain", "--tags-only")
    text = done.stdout.decode()
    assert '"boats" (boat) 15-20 negated' in text
    assert '"in front of" 22-33 blocked' in text
    assert '"hill" 36-40 name' in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a dog", "--source", "flickr"), "no caption source named 'flickr'"),
        ((), "give either a caption or --input"),
        (("a dog", "--input", "x.txt"), "give either a caption or --input"),
        (("a dog", "--output", "x.jsonl"), "--output goes with --input"),
        (("a dog", "--explain", "--json"), "--explain"),
        (("--input", "nowhere.jsonl"), "nowhere.jsonl"),
        (("a dog", "--vocabulary", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments, "--tags-only")
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_files_with_bad_rows(tmp_path: Path) -> None:
    rows = [
        b'{"id": "ok", "caption": "a dog", "source": "coco"}',
        b'{"caption": "a cat", "source": "flickr"}',
        b'{"caption": "a c',
        b'{"id": "none"}',
        b'{"caption": ""}',
        b'{"caption": "caf\xe9"}',
        json.dumps({"caption": "a cow and a fence " * 2500}).encode(),
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(rows) + b"\n")
    output = tmp_path / "out.jsonl"
    done = run("--input", str(tmp_path / "in.jsonl"), "--output", str(output))
    assert done.returncode == 0, done.stderr.decode()
    parsed = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row["tags"]) for row in parsed] == [
        ("ok", ["dog"]),
        ("1", ["cat"]),
        ("4", []),
        ("6", ["cow", "fence"]),
    ]
    rejected = [json.loads(line) for line in Path(f"{output}.rejected.jsonl").read_text("utf-8").splitlines()]
    assert [row["reason"] for row in rejected] == ["broken_json", "no_caption", "not_utf8"]
    report = done.stderr.decode()
    assert "4 captions parsed" in report
    assert "3 rows rejected" in report
    assert "1 rows of unknown source ('flickr') read as plain" in report


@pytest.mark.parametrize("stdin", [b"a dog\na cat\n", b'\n{"caption": "a dog"}\n{"caption": "a cat"}\n'])
def test_standard_streams(stdin: bytes) -> None:
    done = run("--input", "-", "--output", "-", "--tags-only", stdin=stdin)
    assert [json.loads(line)["tags"] for line in done.stdout.splitlines()] == [["dog"], ["cat"]]


def test_rejected_rows_go_to_standard_error_where_there_is_no_file() -> None:
    done = run("--input", "-", "--tags-only", stdin=b'{"caption": "a dog"}\n{"caption"\n')
    assert len(done.stdout.splitlines()) == 1
    assert json.loads(done.stderr.splitlines()[0])["reason"] == "broken_json"


def test_a_broken_pipe_ends_quietly(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a dog on a couch\n" * 20_000, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--input", str(tmp_path / "in.txt"), "--tags-only"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(timeout=60) == 0
    assert errors == b""


def test_torch_is_never_imported(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    marker = tmp_path / "imported"
    (tmp_path / "torch" / "__init__.py").write_text(f"open({str(marker)!r}, 'w').close()\n", encoding="utf-8")
    done = run("a dog on a couch", "--json", path=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert "graph" in json.loads(done.stdout)
    assert not marker.exists()
    seen = subprocess.run(
        [sys.executable, "-c", "import torch"], env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False
    )
    assert seen.returncode == 0
    assert marker.exists(), "the fake torch would have been seen"
