"""The committed files are what the build script writes; the rules for surface forms; WordNet's folders."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dataengine.errors import ConfigError, VocabularyError
from dataengine.vocab import Tag, Vocabulary, build, normalise
from dataengine.vocab.inflection import guess_kind, number_forms, verb_forms
from dataengine.vocab.loading import packaged_bytes, read_tags, split_rows
from dataengine.vocab.surfaces import Variant, propose_forms, read_variants, respell
from dataengine.vocab.tag import Kind
from dataengine.vocab.wordnet import DATA_FILES, EXCEPTION_FILES, find_synsets, lexnames, read_synsets

DEBIAN = Path("/usr/share/wordnet")


@pytest.fixture(scope="session")
def wordnet_dir() -> Path:
    """A WordNet folder: DATAENGINE_WORDNET, or Debian's."""
    path = Path(os.environ.get("DATAENGINE_WORDNET", DEBIAN))
    if not (path / "data.noun").is_file():
        pytest.skip(f"no WordNet at {path}; set DATAENGINE_WORDNET")
    return path


# ------------------------------------------------------------------------------------------------------ committed files


def test_rebuilding_without_wordnet_changes_nothing(tmp_path: Path) -> None:
    report = build.build(out_dir=tmp_path / "out")
    assert sorted(path.name for path in report.files) == ["synonyms.tsv", "tags.tsv"]
    assert "no WordNet folder" in report.notes[0]
    for path in report.files:
        assert path.read_bytes() == packaged_bytes(path.name), f"{path.name}: run python -m dataengine.vocab.build"
    assert (report.num_tags, report.num_synsets) == (4585, 0)
    assert report.num_forms == packaged_bytes("synonyms.tsv").count(b"\n") - 1


@pytest.mark.slow
def test_rebuilding_with_wordnet_changes_nothing(tmp_path: Path, wordnet_dir: Path) -> None:
    report = build.build(wordnet_dir, tmp_path, tmp_path / "candidates.tsv")
    for name in ("tags.tsv", "synonyms.tsv", "wordnet.tsv"):
        assert (tmp_path / name).read_bytes() == packaged_bytes(name), f"{name}: run python -m dataengine.vocab.build"
    assert report.notes == ()
    rows = [line.split("\t") for line in (tmp_path / "candidates.tsv").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["form", "tag_id", "tag", "synset", "gloss"]
    assert len(rows) - 1 == report.num_candidates > 1000
    vocab = Vocabulary.load()
    assert ["ear shell", "3", "abalone", "abalone.n.01"] in [row[:4] for row in rows]
    assert not [row[0] for row in rows[1:] if vocab.lookup(row[0])]


def test_candidates_need_wordnet(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--wordnet DIR"):
        build.build(out_dir=tmp_path, candidates_file=tmp_path / "candidates.tsv")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(VocabularyError, match="cannot write"):
        build.build(out_dir=tmp_path / "file")


def test_the_script_writes_the_same_files(tmp_path: Path) -> None:
    build.main(["--out", str(tmp_path)])
    assert (tmp_path / "synonyms.tsv").read_bytes() == packaged_bytes("synonyms.tsv")
    with pytest.raises(SystemExit) as caught:
        build.main(["--wordnet", str(tmp_path), "--out", str(tmp_path)])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("name", "num_columns"),
    [("tags.tsv", 5), ("twins.tsv", 2), ("synonyms.tsv", 3), ("kinds.tsv", 3), ("variants.tsv", 3), ("wordnet.tsv", 9)],
)
def test_tables_are_well_formed(name: str, num_columns: int) -> None:
    lines = packaged_bytes(name).decode("utf-8").split("\n")
    assert lines.pop() == ""
    assert {line.count("\t") + 1 for line in lines} == {num_columns}
    assert len(set(lines)) == len(lines)


def test_synonyms_hold_no_names_and_canonical_ids_only() -> None:
    vocab = Vocabulary.load()
    names = {normalise(tag.name) for tag in vocab}
    rows = list(split_rows(packaged_bytes("synonyms.tsv"), num_columns=3))
    forms = [row[0] for row in rows]
    assert forms == sorted(set(forms))
    assert not names & set(forms)
    assert all(vocab.canonical(int(row[1])) == int(row[1]) for row in rows)
    assert {row[2] for row in rows} == {"inflection", "spelling", "compound", "synonym"}


def test_every_variant_is_used() -> None:
    names = [normalise(tag.name) for tag in read_tags()]
    unused = [row for row in read_variants() if not any(respell(name, [row]) for name in names)]
    assert unused == []


# ------------------------------------------------------------------------------------------------------- surface forms


@pytest.mark.parametrize(
    ("name", "kind", "forms"),
    [
        ("dog", "animal", ["dogs"]),
        ("woman", "person", ["women"]),
        ("bus stop", "scene", ["bus stops"]),
        ("pan", "object", ["pans"]),
        ("hoodie", "object", ["hoodies"]),
        ("ruins", "scene", ["ruin"]),
        ("pants", "object", []),
        ("3D glasses", "object", []),
        ("luggage", "object", []),
        ("cup of tea", "food", ["cups of tea"]),
        ("red", "attribute", []),
        ("stripe", "attribute", ["stripes"]),
        ("baking", "action", []),
        ("play golf", "action", []),
        ("boat ride", "action", ["boat rides"]),
        ("eat", "action", []),
    ],
)
def test_number_forms(name: str, kind: Kind, forms: list[str]) -> None:
    assert number_forms(name, kind) == forms


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("ride", ["rides", "riding", "rode", "ridden"]),
        ("lie", ["lies", "lying", "lied", "lay"]),
        ("grind", ["grinds", "grinding", "grinded"]),
        ("cosplay", ["cosplays", "cosplaying", "cosplayed"]),
        ("play golf", ["plays golf", "playing golf", "played golf"]),
        ("playing golf", ["play golf", "plays golf", "played golf"]),
        ("baking", ["bake", "bakes"]),
        ("shopping", []),
        ("ice skating", []),
        ("penalty kick", []),
        ("karate", []),
    ],
)
def test_verb_forms(name: str, forms: list[str]) -> None:
    assert sorted(verb_forms(name)) == sorted(forms)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("befriend", "action"),
        ("quokka", "object"),
        ("rancid", "attribute"),
        ("zebra", "object"),
        ("deep sea", "object"),
    ],
)
def test_guess_kind(name: str, kind: str) -> None:
    assert guess_kind(name) == kind


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("gray tire", {"grey tire": "spelling", "gray tyre": "spelling", "grey tyre": "spelling"}),
        ("handbag", {"hand bag": "compound"}),
        ("gray handbag", {"grey handbag": "spelling", "gray hand bag": "compound", "grey hand bag": "spelling"}),
        ("grayling", {}),
    ],
)
def test_respell_replaces_whole_parts(name: str, written: dict[str, str]) -> None:
    variants = [
        Variant("gray", "grey", "spelling"), Variant("tire", "tyre", "spelling"), Variant("handbag", "hand bag", "compound")
    ]  # fmt: skip
    assert respell(name, variants) == written


def test_a_name_never_maps_elsewhere_and_equal_claims_cancel_out() -> None:
    tags = [
        Tag(0, "shelf", 0.5, "object"), Tag(1, "shelve", 0.5, "action"), Tag(2, "park", 0.5, "scene"),
        Tag(3, "parking", 0.5, "action"), Tag(4, "ax", 0.5, "object"), Tag(5, "axis", 0.5, "object"),
        Tag(6, "rides", 0.5, "object"), Tag(7, "ride", 0.5, "action"), Tag(8, "riding", 0.5, "action"),
    ]  # fmt: skip
    forms = propose_forms(tags, twins={8: 7})
    assert forms["shelves"].tag_id == 0
    assert forms["shelved"].tag_id == 1
    assert forms["parks"].tag_id == 2
    assert "parked" not in forms
    assert "axes" not in forms
    assert "rides" not in forms
    assert forms["rode"].tag_id == 7


# ------------------------------------------------------------------------------------------------------------- WordNet


def test_wordnet_holds_all_senses_of_a_tag() -> None:
    senses = read_synsets()
    dog = senses[1363]
    assert (dog[0].name, dog[0].lexical_file) == ("dog.n.01", "noun.animal")
    assert "Canis_familiaris" in dog[0].lemmas
    assert "canine.n.02" in dog[0].hypernyms
    assert "corgi.n.01" in dog[0].hyponyms
    assert "flag.n.07" in dog[0].part_meronyms
    assert [synset.name for synset in dog if ".v." in synset.name]
    assert sum(len(rows) for rows in senses.values()) > 15000
    assert 4585 - len(senses) in (757, 758)


def test_lexnames_has_wordnets_45_lines() -> None:
    lines = lexnames().splitlines()
    assert len(lines) == 45
    assert (lines[0], lines[3], lines[29], lines[44]) == (
        "00\tadj.all\t3", "03\tnoun.Tops\t1", "29\tverb.body\t2", "44\tadj.ppl\t3"
    )  # fmt: skip


def test_a_folder_without_wordnet_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match=r"is no WordNet folder: index.adj is missing; give NLTK's"):
        find_synsets([], tmp_path)


def test_nltks_folder_gives_the_same_senses_as_debians(tmp_path: Path, wordnet_dir: Path) -> None:
    for name in DATA_FILES + EXCEPTION_FILES:
        shutil.copy(wordnet_dir / name, tmp_path)
    (tmp_path / "lexnames").write_text(lexnames())
    tags = [Tag(0, "dog", 0.5, "animal"), Tag(1, "T-shirt", 0.5, "object"), Tag(2, "oats", 0.5, "food")]
    synsets = find_synsets(tags, tmp_path)
    assert synsets == find_synsets(tags, wordnet_dir)
    assert {synset.tag_id for synset in synsets} == {0, 1, 2}


def test_wordnets_licence_stands_beside_its_data() -> None:
    text = packaged_bytes("WORDNET_LICENSE").decode()
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in text
    assert 'PROVIDED "AS IS"' in text
