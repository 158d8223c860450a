"""Every tag has one kind: a hundred tags drawn at random and judged by their Chinese names, and the rules' own examples."""

from __future__ import annotations

from collections import Counter

import pytest

from dataengine.errors import VocabularyError
from dataengine.vocab import KINDS, Tag, Vocabulary, kinds
from dataengine.vocab.loading import packaged_bytes, split_rows
from dataengine.vocab.wordnet import Synset, read_synsets

SAMPLE = {
    "object": "motherboard; baking sheet; cruise ship; cuff; water lily; gift wrap; wind turbine; hiking equipment; "
    "billboard; nerve; glass vase; watercolor; phone; snowboard; table tennis racket; treadmill; sensor; canopy; "
    "floor mat; barricade; tent; blackboard; measuring cup; dress shoe; crane; bowling ball; houseplant; branch; "
    "weight scale; waterproof jacket; prescription; calligraphy; puzzle; whisker; trampoline; telegraph pole; sandal; "
    "skeleton; anklet; greenery; glass door; christmas ornament; towel bar; desktop computer; mandala; polo shirt; "
    "beer can; birdbath; chiffonier; text; telescope; pocket watch; coal; parchment",
    "person": "guard; mahout; gladiator; secretary; hacker; mountaineer; historian",
    "animal": "lion; ladybird; unicorn; salamander",
    "food": "blackberry; champagne; thanksgiving dinner",
    "scene": "waterway; elevator lobby; Eiffel tower; stadium; disco; rock face; islet; lake house; server room; fort; "
    "outhouse; power station; Prague Castle",
    "attribute": "dark; profile; violet; lilac",
    "action": "tai chi; sell; mahjong; hockey; bite; parking; penalty kick",
    "event": "opening ceremony; grand prix",
    "abstract": "stock; pulse; romance; legend; taste; proposal",
}
"""100 tags drawn with random.Random(20240), each judged on its own."""

RULES = {
    "object": "couch; tree; hand; shirt; plane; statue; bridge; wood; water; poster; fire",
    "person": "skier; woman; crowd; band; fireman; angel; santa claus",
    "animal": "golden retriever; dog; herd; tuna; dragon; coral",
    "food": "pizza; apple; broccoli; coffee; lamb; lunch",
    "scene": "beach; kitchen; church; park; sunset; autumn; snow; skyscraper; train track",
    "attribute": "red; white; wet; stripe; circle; rural; close-up",
    "action": "sit; sitting; run; tennis; yoga; playing golf; eat",
    "event": "wedding; concert; baseball game; halloween; earthquake",
    "abstract": "friendship; jazz; company; tv drama; type; disease",
}
"""Tags that show the rules of docs/vocabulary.md."""


def _pairs(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.strip(), kind) for kind, names in table.items() for name in names.split(";")]


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    return Vocabulary.load()


def test_the_sample_has_100_tags() -> None:
    assert len({name for name, _ in _pairs(SAMPLE)}) == 100


@pytest.mark.parametrize(("name", "kind"), _pairs(SAMPLE) + _pairs(RULES))
def test_kind_of_a_tag(vocab: Vocabulary, name: str, kind: str) -> None:
    tag = next(tag for tag in vocab if tag.name == name)
    assert tag.kind == kind


def test_every_tag_has_a_legal_kind(vocab: Vocabulary) -> None:
    counts = Counter(tag.kind for tag in vocab)
    assert set(counts) == set(KINDS)
    assert min(counts.values()) > 100


def test_twins_have_one_kind(vocab: Vocabulary) -> None:
    assert all(tag.kind == vocab[vocab.canonical(tag.id)].kind for tag in vocab)


def test_kinds_follow_from_wordnet_and_decisions(vocab: Vocabulary) -> None:
    assert kinds.decide_kinds(vocab, read_synsets()) == {tag.id: tag.kind for tag in vocab}


def test_decisions_cover_the_tags_without_a_synset_and_the_actions(vocab: Vocabulary) -> None:
    rows = list(split_rows(packaged_bytes("kinds.tsv"), num_columns=3))
    assert [int(row[0]) for row in rows] == sorted({int(row[0]) for row in rows})
    assert all(vocab[int(tag_id)].name == name for tag_id, name, _ in rows)
    decided, senses = kinds.read_decisions(), read_synsets()
    assert all(tag.id in senses or tag.id in decided for tag in vocab)
    assert all(tag.id in decided for tag in vocab if tag.kind == "action")


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (["noun.animal", "verb.motion"], "animal"),
        (["noun.artifact"], "object"),
        (["verb.motion", "adj.all"], "action"),
        (["adj.all"], "attribute"),
        ([], None),
    ],
)
def test_proposal_comes_from_the_first_noun_sense(files: list[str], kind: str | None) -> None:
    synsets = [Synset(0, "x", file, "", (), (), (), (), ()) for file in files]
    assert kinds.propose_kind(synsets) == kind


def test_a_tag_without_sense_and_decision_is_an_error() -> None:
    with pytest.raises(VocabularyError, match=r"tag 9999 'quokka' .* kinds.tsv; add one"):
        kinds.decide_kinds([Tag(9999, "quokka", 0.5, "object")], {})


def test_a_wrong_kind_in_the_decisions_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "packaged_bytes", lambda _name: b"id\tname\tkind\n3\tabalone\tbeast\n")
    with pytest.raises(VocabularyError, match="'beast' of tag 3 'abalone' is no kind; use one of object"):
        kinds.read_decisions()
