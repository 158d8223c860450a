"""The packaged vocabulary and a user's own: look-ups, twins, thresholds, and what broken files say."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.errors import VocabularyError
from dataengine.vocab import SurfaceForm, Vocabulary, normalise


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    return Vocabulary.load()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(content: str | bytes, name: str = "own.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


# ------------------------------------------------------------------------------------------------------ the packaged one


@pytest.mark.parametrize(
    ("name", "tag_id"), [("dog", 1363), ("couch", 1141), ("red", 3336), ("tree", 4253), ("white", 4480)]
)
def test_ids_are_rows_of_the_official_list(vocab: Vocabulary, name: str, tag_id: int) -> None:
    assert vocab.id_of(name) == tag_id
    assert vocab[tag_id].name == name


def test_the_list_is_the_official_one(vocab: Vocabulary) -> None:
    names = [tag.name for tag in vocab]
    assert len(vocab) == len(names) == len(set(names)) == 4585
    assert [tag.id for tag in vocab.tags] == list(range(4585))
    assert (names[0], names[-1]) == ("3D CG rendering", vocab[4584].name)
    assert vocab.name == "ram4585"
    assert vocab.sha256 == hashlib.sha256("\n".join(names).encode()).hexdigest()
    assert vocab.sha256 == "5d96d2f7225527480ad773aaac76b6e5c08a18adf6eae9ca7d2ab923d5e7bd8b"


def test_thresholds_are_in_id_order(vocab: Vocabulary) -> None:
    assert len(vocab.thresholds) == 4585
    assert vocab.thresholds[1141] == vocab[1141].threshold == 0.82
    assert min(vocab.thresholds) == 0.45
    assert max(vocab.thresholds) == 1.0


@pytest.mark.shared
def test_the_list_equals_the_shared_one(vocab: Vocabulary, shared_dir: Path) -> None:
    lines = (shared_dir / "parser" / "ram_tags.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    assert [(tag.name, tag.threshold, tag.name_zh) for tag in vocab] == [
        (name, float(threshold), chinese.strip()) for _, name, threshold, chinese in rows
    ]


@pytest.mark.shared
def test_the_twins_equal_the_shared_ones(vocab: Vocabulary, shared_dir: Path) -> None:
    pairs = json.loads((shared_dir / "parser" / "equiv.json").read_text(encoding="utf-8"))
    del pairs["_comment"]
    ids = {tag.name: tag.id for tag in vocab}
    assert {tag.id: vocab.canonical(tag.id) for tag in vocab if vocab.canonical(tag.id) != tag.id} == {
        ids[twin]: ids[canonical] for twin, canonical in pairs.items()
    }


@pytest.mark.parametrize(
    ("surface", "name", "origin"),
    [
        ("dog", "dog", "name"),
        ("Dogs", "dog", "inflection"),
        ("women", "woman", "inflection"),
        ("pans", "pan", "inflection"),
        ("frying  pans", "frying pan", "inflection"),
        ("sitting", "sit", "name"),
        ("sat", "sit", "inflection"),
        ("rode", "ride", "inflection"),
        ("lying", "lie", "inflection"),
        ("playing tennis", "play tennis", "inflection"),
        ("T-Shirts", "t-shirt", "inflection"),
        ("tee-shirt", "t-shirt", "spelling"),
        ("tshirt", "t-shirt", "compound"),
        ("grey", "gray", "spelling"),
        ("colours", "color", "spelling"),
        ("doughnuts", "donut", "spelling"),
        ("axe", "ax", "spelling"),
        ("tyres", "tire", "spelling"),
        ("tennis racquet", "tennis racket", "spelling"),
        ("Rubik’s Cube", "rubik's cube", "name"),
        ("ice cream", "icecream", "compound"),
        ("hand bags", "handbag", "compound"),
        ("fire-truck", "fire truck", "name"),
        ("firetruck", "fire truck", "compound"),
        ("dishwasher", "dish washer", "compound"),
        ("first aid kit", "first-aid kit", "name"),
        ("wet suits", "wetsuit", "inflection"),
    ],
)
def test_lookup_finds_surface_forms(vocab: Vocabulary, surface: str, name: str, origin: str) -> None:
    form = vocab.lookup(surface)
    assert form is not None
    assert (vocab[form.tag_id].name, form.origin) == (name, origin)


@pytest.mark.parametrize(
    "surface",
    [
        "parked",
        "ground",
        "led",
        "shelving",
        "glass",
        "dish",
        "baked",
        "xyzzy",
        "",
        "-",
    ],
)
def test_lookup_leaves_out_other_words(vocab: Vocabulary, surface: str) -> None:
    assert vocab.lookup(surface) is None


@pytest.mark.parametrize(
    ("surface", "name"), [("rose", "rose"), ("shelves", "shelf"), ("parks", "park"), ("pants", "pants"), ("saw", "saw")]
)
def test_nouns_win_over_verb_forms(vocab: Vocabulary, surface: str, name: str) -> None:
    form = vocab.lookup(surface)
    assert form is not None
    assert vocab[form.tag_id].name == name


def test_forms_are_normalised_and_canonical(vocab: Vocabulary) -> None:
    assert all(surface == normalise(surface) for surface in vocab.forms)
    assert all(vocab.canonical(form.tag_id) == form.tag_id for form in vocab.forms.values())
    assert {form.origin for form in vocab.forms.values()} == {"name", "inflection", "spelling", "compound", "synonym"}
    assert all(vocab.forms[normalise(tag.name)] == SurfaceForm(vocab.canonical(tag.id), "name") for tag in vocab)


def test_forms_of_lists_the_forms_of_a_class(vocab: Vocabulary) -> None:
    forms = vocab.forms_of(vocab.id_of("sitting"))
    assert list(forms)[:2] == ["sit", "sitting"]
    assert {"sat", "sits"} <= set(forms)


@pytest.mark.parametrize(
    ("words", "start", "length", "name"),
    [
        ("a fire truck", 1, 2, "fire truck"),
        ("a golden retriever puppy", 1, 2, "golden retriever"),
        ("a golden gate bridge", 1, 3, "Golden Gate Bridge"),
        ("ice cream", 0, 2, "icecream"),
        ("ice", 0, 1, "ice"),
        ("dogs", 0, 1, "dog"),
    ],
)
def test_longest_match_takes_the_most_words(vocab: Vocabulary, words: str, start: int, length: int, name: str) -> None:
    match = vocab.longest_match(words.split(), start)
    assert match is not None
    assert (match[0], vocab[match[1].tag_id].name) == (length, name)


@pytest.mark.parametrize(("words", "start"), [("the dog", 0), ("golden gate", 0), ("a fire", 0), ("dog", 1)])
def test_longest_match_finds_nothing(vocab: Vocabulary, words: str, start: int) -> None:
    assert vocab.longest_match([*words.split(), "."], start) is None


def test_twins_name_one_class(vocab: Vocabulary) -> None:
    sit, sitting = 3698, 3699
    assert (vocab[sit].name, vocab[sitting].name) == ("sit", "sitting")
    assert vocab.canonical(sitting) == vocab.canonical(sit) == vocab.id_of("Sitting") == sit
    assert vocab.twins(sit) == vocab.twins(sitting) == (sit, sitting)
    assert vocab.twins(1363) == (1363,)
    assert sum(vocab.canonical(tag.id) != tag.id for tag in vocab) == 30


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({3698: 1}, {3698: 1, 3699: 1}),
        ({3699: 1}, {3698: 1, 3699: 1}),
        ({3698: -1}, {3698: -1, 3699: -1}),
        ({3698: 1, 3699: -1}, {3698: 1, 3699: 1}),
        ({3698: -1, 3699: 1}, {3698: 1, 3699: 1}),
        ({1363: 1, 1141: -1}, {1141: -1, 1363: 1}),
        ({}, {}),
    ],
)
def test_expand_gives_twins_one_state(vocab: Vocabulary, states: dict[int, int], expected: dict[int, int]) -> None:
    assert vocab.expand(states) == expected
    assert list(vocab.expand(states)) == sorted(expected)


@pytest.mark.parametrize("states", [{1363: 0}, {1363: 2}, {4585: 1}, {-1: 1}])
def test_expand_refuses_what_is_no_state(vocab: Vocabulary, states: dict[int, int]) -> None:
    with pytest.raises(VocabularyError):
        vocab.expand(states)


def test_above_threshold_compares_each_member_with_its_own_threshold(vocab: Vocabulary) -> None:
    sit, sitting, dog = 3698, 3699, 1363
    bounds = [0.5] * len(vocab)
    bounds[sit] = 0.9
    scores = [0.1] * len(vocab)
    scores[sit], scores[sitting], scores[dog] = 0.8, 0.6, 0.7
    assert vocab.above_threshold(scores, bounds) == [(dog, 0.7), (sit, 0.6)]
    scores[sit] = 0.95
    assert vocab.above_threshold(scores, bounds) == [(sit, 0.95), (dog, 0.7)]


def test_above_threshold_uses_the_tags_own_thresholds(vocab: Vocabulary) -> None:
    scores = [0.0] * len(vocab)
    scores[1141], scores[1363], scores[vocab.id_of("body")] = 0.82, 0.99, 1.0
    assert vocab.above_threshold(scores) == [(1363, 0.99)]
    scores[1141], scores[2] = 0.821, float("nan")
    assert vocab.above_threshold(scores) == [(1363, 0.99), (1141, 0.821)]


def test_above_threshold_refuses_another_length(vocab: Vocabulary) -> None:
    with pytest.raises(VocabularyError, match="3 scores"):
        vocab.above_threshold([0.1, 0.2, 0.3])
    with pytest.raises(VocabularyError, match="1 thresholds"):
        vocab.above_threshold([0.0] * 4585, [0.5])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("couch", "couch"),
        ("DOG", "dog"),
        ("grey", "gray"),
        ("沙发", "couch"),
        ("zebrra", "zebra"),
        ("tennis rac", "tennis racket"),
    ],
)
def test_search_puts_the_nearest_first(vocab: Vocabulary, text: str, first: str) -> None:
    assert vocab.search(text)[0].name == first


def test_search_is_bounded_and_canonical(vocab: Vocabulary) -> None:
    found = vocab.search("a", limit=7)
    assert len(found) == 7
    assert all(vocab.canonical(tag.id) == tag.id for tag in vocab.search("sit"))
    assert vocab.search("  ") == []
    assert vocab.search("qqqqqqqq") == []


def test_unknown_names_and_ids_are_named_errors(vocab: Vocabulary) -> None:
    with pytest.raises(VocabularyError, match=r"no tag named 'zebrra' in ram4585; did you mean 'zebra'"):
        vocab.id_of("zebrra")
    with pytest.raises(VocabularyError, match="vocab search"):
        vocab.id_of("qqqqqqqq")
    for tag_id in (-1, 4585):
        with pytest.raises(VocabularyError, match="0 to 4584"):
            vocab[tag_id]


def test_loading_twice_gives_one_object_and_it_pickles(vocab: Vocabulary) -> None:
    assert Vocabulary.load() is vocab
    assert Vocabulary.load("ram4585") is vocab
    copy = pickle.loads(pickle.dumps(vocab))
    assert copy.sha256 == vocab.sha256
    assert copy.lookup("dogs") == vocab.lookup("dogs")


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from dataengine.vocab import Vocabulary; Vocabulary.load().lookup('dogs'); "
        "print([name for name in ('numpy', 'pandas', 'lemminflect', 'nltk', 'spacy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------------------------------------------ a user's own list


def test_own_list_takes_order_and_names_from_the_file(write: Callable[..., Path]) -> None:
    path = write("# my tags\n\nquokka\r\n  Dog  \nmoon   buggy\njuggle\n", "pets.txt")
    own = Vocabulary.load(path)
    assert [(tag.id, tag.name) for tag in own] == [(0, "quokka"), (1, "Dog"), (2, "moon buggy"), (3, "juggle")]
    assert own.name == "pets"
    assert own.sha256 == hashlib.sha256(b"quokka\nDog\nmoon buggy\njuggle").hexdigest()
    assert own.synonyms_sha256 == hashlib.sha256(b"").hexdigest()
    packaged = Vocabulary.load()
    assert (own[1].threshold, own[1].kind, own[1].name_zh) == (packaged[1363].threshold, "animal", "狗")
    assert (own[0].threshold, own[0].kind, own[0].name_zh) == (0.5, "object", None)


@pytest.mark.parametrize(
    ("surface", "tag_id"),
    [
        ("quokkas", 0),
        ("dogs", 1),
        ("moon buggies", 2),
        ("moon-buggy", 2),
        ("befriended", 3),
        ("sat", 4),
        ("cats", None),
    ],
)
def test_own_list_has_inflections(write: Callable[..., Path], surface: str, tag_id: int | None) -> None:
    own = Vocabulary.load(write("quokka\nDog\nmoon buggy\nbefriend\nsit\n"))
    form = own.lookup(surface)
    assert (form.tag_id if form else None) == tag_id


def test_own_list_with_the_packaged_names_behaves_like_the_packaged_one(write: Callable[..., Path]) -> None:
    packaged = Vocabulary.load()
    own = Vocabulary.load(write("\n".join(tag.name for tag in packaged) + "\nquokka\n"))
    assert own.tags[:4585] == packaged.tags
    assert [own.canonical(tag.id) for tag in packaged] == [packaged.canonical(tag.id) for tag in packaged]
    assert {surface: own.forms[surface] for surface in packaged.forms} == packaged.forms
    assert own.lookup("quokkas") == SurfaceForm(4585, "inflection")


def test_own_list_with_one_twin_only_keeps_its_forms(write: Callable[..., Path]) -> None:
    own = Vocabulary.load(write("sitting\nred\n"))
    assert [own.lookup(word) for word in ("sat", "sit")] == [SurfaceForm(0, "inflection"), SurfaceForm(0, "name")]
    assert own.twins(0) == (0,)


def test_own_names_that_differ_in_hyphens_are_twins(write: Callable[..., Path]) -> None:
    own = Vocabulary.load(write("moon-buggy\nmoon buggy\nquokka\n"))
    assert own.canonical(1) == 0
    assert own.twins(0) == (0, 1)
    assert own.expand({1: 1}) == {0: 1, 1: 1}


def test_a_form_that_two_new_tags_claim_goes_to_neither(write: Callable[..., Path]) -> None:
    assert Vocabulary.load(write("moon ax\n")).lookup("moon axes") == SurfaceForm(0, "inflection")
    assert Vocabulary.load(write("moon ax\nmoon axis\n")).lookup("moon axes") is None


def test_own_list_in_other_scripts(write: Callable[..., Path]) -> None:
    own = Vocabulary.load(write("\ufeff狗\nCafé\n"))
    assert own.id_of("狗") == 0
    assert own.lookup("cafe\u0301") == own.lookup("CAFÉ") == SurfaceForm(1, "name")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "lists no tag"),
        ("# nothing\n\n", "lists no tag"),
        ("dog\ncat\nDog\n", r"line 3: 'Dog' repeats line 1; remove"),
        ("dog\t1\n", r"line 1: .* holds a tab"),
        (b"dog\ncaf\xe9\n", r"line 2: byte 0xe9 is not UTF-8; save"),
        ("dog\ncat\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    ],
)
def test_broken_own_lists_are_named_errors(write: Callable[..., Path], content: str | bytes, words: str) -> None:
    path = write(content)
    with pytest.raises(VocabularyError, match=words) as caught:
        Vocabulary.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_list_and_a_folder_are_named_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.txt", tmp_path):
        with pytest.raises(VocabularyError, match="cannot read the vocabulary file"):
            Vocabulary.load(path)


# --------------------------------------------------------------------------------------------------------- own synonyms


def test_synonyms_add_forms_to_either_vocabulary(write: Callable[..., Path]) -> None:
    synonyms = write(
        "form\ttag name\n# seats\ngizmo seat\tcouch\nSet-tle\tCouch\ndogs\tanimal\ncouches\tcouch\n", "synonyms.tsv"
    )
    vocab = Vocabulary.load(synonyms=synonyms)
    assert vocab.lookup("Gizmo-Seat") == vocab.lookup("set tle") == SurfaceForm(1141, "synonym")
    assert vocab.lookup("dogs") == SurfaceForm(vocab.id_of("animal"), "synonym")
    assert vocab.lookup("couches") == SurfaceForm(1141, "inflection")
    assert vocab.canonical(3699) == 3698
    assert vocab.synonyms_sha256 != Vocabulary.load().synonyms_sha256
    assert Vocabulary.load().lookup("gizmo seat") is None
    own = Vocabulary.load(write("couch\nanimal\n"), synonyms)
    assert own.lookup("gizmo seat") == SurfaceForm(0, "synonym")
    assert own.synonyms_sha256 not in (Vocabulary.load(write("couch\nanimal\n")).synonyms_sha256, vocab.synonyms_sha256)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sofa couch\n", r"line 1: 'sofa couch' is not `form<TAB>tag name`"),
        ("sofa\tcouch\textra\n", "line 1: .* is not `form<TAB>tag name`"),
        ("\nsofa\tcouhc\n", r"line 2: no tag named 'couhc' .* did you mean 'couch'"),
        ("dog\tcouch\n", "line 1: 'dog' is a tag's own name"),
        ("sofa\tcouch\nsofa\tbed\n", "line 2: 'sofa' was given to 'couch' before"),
        (b"sof\xff\tcouch\n", "line 1: byte 0xff is not UTF-8"),
    ],
)
def test_broken_synonyms_are_named_errors(write: Callable[..., Path], content: str | bytes, words: str) -> None:
    with pytest.raises(VocabularyError, match=words):
        Vocabulary.load(synonyms=write(content, "synonyms.tsv"))


# ----------------------------------------------------------------------------------------------------------- RAM's merges


@pytest.mark.parametrize(("surface", "name"), [("knight", "rider"), ("holding", "catch"), ("anorak", "trench coat")])
def test_rams_odd_merges_are_off_by_default(vocab: Vocabulary, surface: str, name: str) -> None:
    assert vocab.lookup(surface) is None
    compatible = Vocabulary.load(ram_compat=True)
    form = compatible.lookup(surface)
    assert form is not None
    assert compatible[form.tag_id].name == name
    assert compatible.synonyms_sha256 != vocab.synonyms_sha256
    assert compatible.lookup("couch") == vocab.lookup("couch")
