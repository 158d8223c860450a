"""A vocabulary from a corpus, and what a vocabulary misses of one."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataengine.cli.vocab import app
from dataengine.errors import ConfigError, VocabularyError
from dataengine.parsers.corpus import Role, choose_tags, count_names, measure_coverage, write_vocabulary
from dataengine.parsers.tagger import Tagger
from dataengine.vocab import Vocabulary

CAPTIONS = [
    "a brown dog sits on a sofa",
    "two brown dogs run near a lake",
    "a dog and a couch",
    "a man rides a horse near the lake",
    "a couch in a room",
    "a couch near a lamp",
]
WORDNET = Path(os.environ.get("DATAENGINE_WORDNET", "/usr/share/wordnet"))
needs_wordnet = pytest.mark.skipif(not (WORDNET / "data.noun").is_file(), reason=f"no WordNet at {WORDNET}")


@pytest.fixture(scope="module")
def counts() -> Counter[tuple[str, Role]]:
    return count_names(CAPTIONS)


def test_heads_modifiers_and_verbs_are_counted_once_a_caption(counts: Counter[tuple[str, Role]]) -> None:
    assert counts["dog", "object"] == 3
    assert counts["couch", "object"] == 3
    assert counts["brown", "attribute"] == 2
    assert counts["ride", "action"] == 1
    assert not {name for name, _ in counts} & {"two", "near", "on", "a"}


def test_the_commonest_names_are_chosen() -> None:
    counts: Counter[tuple[str, Role]] = Counter(
        {("dog", "object"): 5, ("red", "attribute"): 3, ("run", "action"): 2, ("run", "object"): 2}
    )
    found = choose_tags(counts, 2)
    assert [(name.name, name.role, name.num_captions) for name in found.tags] == [
        ("dog", "object", 5), ("run", "action", 4),
    ]  # fmt: skip
    assert found.proposals == ()


@needs_wordnet
def test_wordnet_proposes_and_the_commoner_name_stays(counts: Counter[tuple[str, Role]], tmp_path: Path) -> None:
    found = choose_tags(counts, 20, WORDNET)
    assert [(proposal.form, proposal.tag, proposal.synset) for proposal in found.proposals] == [
        ("sofa", "couch", "sofa.n.01")
    ]
    assert "sofa" not in {name.name for name in found.tags}
    write_vocabulary(found, tmp_path)
    vocab = Vocabulary.load(tmp_path / "tags.txt", tmp_path / "synonyms.tsv")
    form = vocab.lookup("sofas") or vocab.lookup("sofa")
    assert form is not None
    assert vocab[form.tag_id].name == "couch"


def test_nothing_to_count_is_an_error() -> None:
    with pytest.raises(VocabularyError, match="name nothing"):
        choose_tags(Counter(), 10)
    with pytest.raises(ConfigError, match="size 0"):
        choose_tags(Counter({("dog", "object"): 1}), 0)


def test_missed_words_are_counted_with_an_example() -> None:
    vocab = Vocabulary.load()
    captions = [("a gizmotron on a table", "coco"), ("the gizmotron near me", None), ("no dog here", "coco")]
    coverage = measure_coverage(captions, Tagger(vocab))
    assert (coverage.num_captions, coverage.num_tagged) == (3, 1)
    assert coverage.missed == {"gizmotron": 2}
    assert coverage.examples == {"gizmotron": "a gizmotron on a table"}


def test_the_commands_build_and_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataengine.torch_guard.keep_torch_out", lambda: True)
    corpus = tmp_path / "captions.jsonl"
    rows = [json.dumps({"caption": caption, "source": "coco"}) for caption in CAPTIONS]
    corpus.write_text("\n".join([*rows, "{broken", json.dumps({"caption": "a gizmotron"})]))
    built = CliRunner().invoke(app, ["build", str(corpus), "--size", "3", "--out", str(tmp_path / "own")])
    assert built.exit_code == 0, built.output
    assert "no synonyms are proposed" in built.output
    assert len((tmp_path / "own" / "tags.txt").read_text().splitlines()) == 3
    own = str(tmp_path / "own" / "tags.txt")
    result = CliRunner().invoke(app, ["coverage", str(corpus), "--vocabulary", own, "--json"])
    facts = json.loads(result.output)
    assert facts["captions"] == 7
    assert sum(facts["rejected rows"].values()) == 1
    assert facts["captions with a tag"] < 1
    assert "gizmotron" in {missed["word"] for missed in facts["missed"]}


def test_a_built_list_needs_a_place(tmp_path: Path) -> None:
    (tmp_path / "captions.txt").write_text("a dog\n")
    result = CliRunner().invoke(app, ["build", str(tmp_path / "captions.txt")])
    assert isinstance(result.exception, ConfigError)
    assert "--out" in str(result.exception)
