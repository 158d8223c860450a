from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from dataengine import tables
from dataengine.bake import bake_shard
from dataengine.cli.shards import export_command, inspect_command, verify_command
from dataengine.errors import ConfigError, DataEngineError, ShardError
from dataengine.manifest import write_manifest
from dataengine.records import CaptionRecord, TagClaim
from dataengine.shard_vocabulary import write_vocabulary
from dataengine.triplet import validate
from dataengine.vocab import Vocabulary
from tests.small_root import add_member, draw, jpeg, make_root, record, text, write_images, write_plan

app = typer.Typer()
app.command("verify")(verify_command)
app.command("inspect")(inspect_command)
app.command("export")(export_command)


def invoke(*arguments: object) -> Result:
    """Run a command in a wide terminal; an error of ours comes out of it."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    if isinstance(result.exception, DataEngineError):
        raise result.exception
    return result


def bake_one(root: Path, item: CaptionRecord, vocab: Vocabulary | None = None) -> Path:
    """Bake a root of one record with the hash of `vocab`, by default of the packaged one."""
    vocab = vocab or Vocabulary.load()
    write_plan(root, vocabulary={"name": vocab.name, "sha256": vocab.sha256})
    tables.write_records([item], str(root / "records" / "00000.parquet"))
    write_images(root, 0, {item.uid: jpeg(draw(0))}, [item])
    bake_shard(str(root), 0)
    write_manifest(str(root))
    return root / "shards" / "00000.tar"


@pytest.fixture
def couch(tmp_path: Path) -> Path:
    """A shard with a picture of a dog on a red couch, said by two claimants."""
    ids = sorted(Vocabulary.load().id_of(name) for name in ("dog", "couch", "red"))
    claims = [TagClaim(id=tag_id, by=["parse:0", "teacher:ram_plus"], score=0.931) for tag_id in ids]
    claims.append(TagClaim(id=Vocabulary.load().id_of("tree"), state=-1, by=["labels"]))
    claims.sort(key=lambda claim: claim.id)
    texts = [text("a dog on a red couch", ids, kind="alt", by="web")]
    return bake_one(tmp_path / "root", record(0, texts=texts, regions=[], tags=claims, negatives="listed"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    make_root(folder)
    for shard_id in (0, 1):
        bake_shard(str(folder), shard_id)
    write_manifest(str(folder))
    return folder


def test_verify_a_good_data_set(couch: Path) -> None:
    result = invoke("verify", couch.parent.parent, "--workers", 1)
    assert result.exit_code == 0
    assert "1 shards, 1 samples, no error" in result.stdout
    assert "tag ids were not checked" not in result.stdout


def test_verify_says_what_it_could_not_check(root: Path) -> None:
    result = invoke("verify", root)
    assert result.exit_code == 0
    assert "tag ids were not checked" in result.stdout


def test_verify_names_the_damaged_shard(root: Path) -> None:
    path = root / "shards" / "00001.tar"
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(bytes(data))
    (root / "shards" / "00009.tar").write_bytes(b"")
    result = invoke("verify", root)
    assert result.exit_code == 1
    assert "00001.tar sha256 is" in result.stdout
    assert "00009.tar is not listed" in result.stdout
    assert "00000.tar" not in result.stdout
    assert "errors" in result.stdout


def test_verify_without_manifest(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="run `dataengine bake ROOT` first"):
        invoke("verify", tmp_path)


def test_inspect_prints_a_sample_for_a_person(couch: Path) -> None:
    result = invoke("inspect", couch)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    for words in (record(0).uid, "96x64", "licence CC BY 2.0", "http://images.example/0.jpg", "a dog on a red couch"):
        assert any(words in line for line in lines), words
    (dog,) = (line for line in lines if line.startswith("dog "))
    assert dog.split() == ["dog", "1363", "parse:0,", "teacher:ram_plus", "0.93"]
    assert any(line.startswith("not tree") for line in lines)


def test_inspect_limit_and_unknown_vocabulary(root: Path) -> None:
    assert invoke("inspect", root).stdout.count("coco-") == 4
    result = invoke("inspect", root, "--limit", 2)
    assert result.stdout.count("coco-") == 2
    assert "?" in result.stdout  # the ids' names are not known
    assert "region 0" in result.stdout


def test_inspect_json_lines(root: Path) -> None:
    lines = invoke("inspect", root / "shards" / "00000.tar", "--json", "--limit", 3).stdout.splitlines()
    assert [validate(json.loads(line)) for line in lines] == [[], [], []]


def test_inspect_with_a_vocabulary_of_ones_own(root: Path, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("alpha\nbeta\n")
    with pytest.raises(ConfigError, match="is not the vocabulary of these shards"):
        invoke("inspect", root, "--vocabulary", tmp_path / "own.txt")


def test_a_strangers_text_cannot_steer_the_terminal(tmp_path: Path) -> None:
    evil = record(0, texts=[text("\x1b]0;owned\x07 [red]x[/red] \u202egnp.exe")], regions=[], tags=[])
    result = invoke("inspect", bake_one(tmp_path, evil))
    assert result.exit_code == 0
    assert "\x1b]0" not in result.stdout
    assert "\u202e" not in result.stdout
    assert r"\x1b]0;owned\x07 [red]x[/red] \u202egnp.exe" in result.stdout


def test_export_writes_the_list_and_the_pictures(root: Path, tmp_path: Path) -> None:
    output, images = tmp_path / "ram.json", tmp_path / "pictures"
    result = invoke("export", root, "--format", "ram-json", "--output", output, "--images", images)
    assert result.exit_code == 0
    assert "4 images with 8 texts" in result.stdout.replace("\n", "")
    assert all((images / item["image_path"]).is_file() for item in json.loads(output.read_bytes()))


def test_export_lists_twins(tmp_path: Path) -> None:
    vocab = Vocabulary.load()
    twin = next(tag.id for tag in vocab if vocab.canonical(tag.id) != tag.id)
    item = record(0, texts=[text("one", [vocab.canonical(twin)])], regions=[])
    item.tags = [TagClaim(id=vocab.canonical(twin), by=["parse:0"])]
    shard = bake_one(tmp_path, item)
    invoke("export", shard, "--output", tmp_path / "ram.json", "--twins")
    (exported,) = json.loads((tmp_path / "ram.json").read_bytes())
    assert exported["union_label_id"] == list(vocab.twins(twin))


def test_export_finds_the_twins_of_an_own_vocabulary_beside_the_shards(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("t shirt\nred\nt-shirt\n")
    own = Vocabulary.load(tmp_path / "own.txt")
    item = record(0, texts=[text("one", [own.canonical(0)])], regions=[], tags=[])
    item.tags = [TagClaim(id=own.canonical(0), by=["parse:0"])]
    shard = bake_one(tmp_path, item, own)
    with pytest.raises(ConfigError, match=r"has tags of 'own', and no vocabulary\.txt .* --vocabulary"):
        invoke("export", tmp_path, "--output", tmp_path / "ram.json", "--twins")
    write_vocabulary(own, str(shard.parent))
    invoke("export", tmp_path, "--output", tmp_path / "ram.json", "--twins")
    (exported,) = json.loads((tmp_path / "ram.json").read_bytes())
    assert exported["union_label_id"] == [0, 2]


def test_export_knows_its_formats(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known: ram-json"):
        invoke("export", root, "--format", "coco", "--output", tmp_path / "x.json")


@pytest.mark.parametrize("content", ["{}", '{"texts": [3], "tags": "x"}'])
def test_inspect_says_what_a_foreign_sample_lacks(tmp_path: Path, content: str) -> None:
    with tarfile.open(tmp_path / "1.tar", "w") as tar:
        add_member(tar, "a.jpg", jpeg(draw(0)))
        add_member(tar, "a.json", content.encode())
    result = invoke("inspect", tmp_path / "1.tar")
    assert (result.exit_code, result.exception) == (0, None)
    assert "sample has no 'schema'" in result.stdout
