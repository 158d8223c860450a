"""`dataengine vocab`: what its commands print, for people and as JSON, for both vocabularies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataengine.cli.vocab import app
from dataengine.errors import DataEngineError, VocabularyError
from dataengine.vocab.loading import packaged_bytes

runner = CliRunner()


def run(*arguments: str) -> str:
    result = runner.invoke(app, list(arguments), env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


@pytest.mark.parametrize("name", ["couch", "COUCHES", "1141"])
def test_show_prints_a_tag(name: str) -> None:
    output = run("show", name)
    for text in ("1141", "couch", "object", "0.82", "沙发", "couches", "sofa.n.01", "an upholstered seat"):
        assert text in output


def test_show_json_has_twins_and_origins() -> None:
    facts = run_json("show", "sitting")
    assert (facts["id"], facts["name"], facts["kind"]) == (3698, "sit", "action")
    assert facts["twins"] == [{"id": 3699, "name": "sitting"}]
    assert facts["forms"]["name"] == ["sit", "sitting"]
    assert {"sat", "sits"} <= set(facts["forms"]["inflection"])
    assert facts["wordnet"][0]["lexical_file"].startswith("verb.")


def test_show_finds_the_senses_of_a_name_with_a_twin() -> None:
    assert run_json("show", "t-shirt")["wordnet"][0]["synset"] == "jersey.n.03"


@pytest.mark.parametrize(("name", "words"), [("cuoch", "did you mean 'couch'"), ("9999", "0 to 4584")])
def test_show_of_an_unknown_name_is_our_error(name: str, words: str) -> None:
    result = runner.invoke(app, ["show", name])
    assert isinstance(result.exception, DataEngineError)
    assert words in str(result.exception)


def test_search_prints_the_nearest_first() -> None:
    assert run_json("search", "ice cream")[0]["name"] == "icecream"
    assert len(run_json("search", "a", "--limit", "3")) == 3
    assert "冰淇淋" in run("search", "ice cream")
    assert "no tag holds 'qqqqqqq'" in run("search", "qqqqqqq")


def test_stats_counts() -> None:
    facts = run_json("stats")
    assert (facts["tags"], facts["canonical tags"], facts["twins"]) == (4585, 4555, 30)
    assert sum(facts["kind"].values()) == 4585
    assert sum(facts["origin"].values()) == facts["surface forms"] > 11000
    assert facts["sha256"].startswith("5d96d2f7")
    assert "4,585" in run("stats")


def test_an_own_vocabulary_works_everywhere(tmp_path: Path) -> None:
    own, synonyms = tmp_path / "own.txt", tmp_path / "synonyms.tsv"
    own.write_text("quokka\ncouch\n")
    synonyms.write_text("sofa\tcouch\n")
    options = ("--vocabulary", str(own), "--synonyms", str(synonyms))
    assert run_json("show", "sofa", *options)["id"] == 1
    assert run_json("show", "quokkas", *options)["wordnet"] == []
    assert [tag["name"] for tag in run_json("search", "quok", *options)] == ["quokka"]
    assert run_json("stats", *options)["origin"]["synonym"] >= 1
    assert "quokka" in run("show", "quokka", *options)


def test_a_broken_vocabulary_is_our_error(tmp_path: Path) -> None:
    result = runner.invoke(app, ["stats", "--vocabulary", str(tmp_path / "absent.txt")])
    assert isinstance(result.exception, VocabularyError)


def test_build_writes_the_committed_files_and_says_what_it_left_out(tmp_path: Path) -> None:
    output = run("build", "--out", str(tmp_path))
    assert "no synonyms are proposed" in output
    assert (tmp_path / "synonyms.tsv").read_bytes() == packaged_bytes("synonyms.tsv")
    facts = run_json("build", "--out", str(tmp_path))
    assert facts["tags"] == 4585
    assert {Path(path).name for path in facts["files"]} == {"tags.tsv", "synonyms.tsv"}


def test_build_without_wordnet_refuses_candidates(tmp_path: Path) -> None:
    result = runner.invoke(app, ["build", "--out", str(tmp_path), "--candidates", str(tmp_path / "c.tsv")])
    assert isinstance(result.exception, DataEngineError)
