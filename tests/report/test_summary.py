from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataengine.errors import ConfigError, ShardError
from dataengine.filters import IMAGE_FILTERS, TEXT_FILTERS
from dataengine.records import CaptionRecord, Text
from dataengine.report import write_report
from dataengine.report.causes import explain_cause
from dataengine.report.summary import BakeSummary, FetchSummary, PlanSummary, owns, summarise
from dataengine.report.tags import summarise_tags, tag_name
from dataengine.vocab import Vocabulary

from .conftest import ledger_row, write_json, write_ledger


@pytest.fixture
def plan(root: Path, vocab: Vocabulary) -> PlanSummary:
    plan = summarise(str(root), vocab).plan
    assert plan is not None
    return plan


@pytest.fixture
def fetch(root: Path) -> FetchSummary:
    fetch = summarise(str(root)).fetch
    assert fetch is not None
    return fetch


@pytest.fixture
def bake(root: Path, vocab: Vocabulary) -> BakeSummary:
    bake = summarise(str(root), vocab).bake
    assert bake is not None
    return bake


# ------------------------------------------------------------------------------------------------------------ fetch


def test_the_latest_row_of_an_image_counts(fetch: FetchSummary) -> None:
    assert (fetch.num_tried, fetch.num_fetched) == (5, 3)
    assert fetch.causes == (("http_404", 2),)
    assert fetch.by_dataset == (("cc3m", 3, 2), ("coco", 2, 1))
    assert fetch.success_rate == 0.6


def test_an_image_shard_without_its_mark_does_not_count(fetch: FetchSummary) -> None:
    assert fetch.num_ledgers == 3
    assert "tls" not in dict(fetch.causes)


def test_pictures_that_differ_from_their_published_hash_are_counted(root: Path, fetch: FetchSummary) -> None:
    assert (fetch.num_hashed, fetch.num_changed) == (0, 0)  # ledgers without the column
    matches = {"cc12m-f": True, "cc12m-g": False, "cc12m-h": None}
    write_ledger(root, 4, [ledger_row(uid, None) | {"hash_matches": value} for uid, value in matches.items()])
    hashed = summarise(str(root)).fetch
    assert hashed is not None
    assert (hashed.num_hashed, hashed.num_changed) == (2, 1)
    assert "1 of 2 fetched images that have a published hash" in Path(write_report(str(root))).read_text()


def test_sides_are_the_shorter_ones_of_fetched_images(fetch: FetchSummary) -> None:
    assert fetch.original_sides == ((200, 1), (480, 2))
    assert fetch.stored_sides == ((100, 1), (240, 2))


def test_durations_are_added_up(fetch: FetchSummary) -> None:
    assert fetch.seconds == 4.5


@pytest.mark.parametrize(
    ("row", "causes", "datasets"),
    [
        ({"uid": "sbu-1", "status": "success"}, {}, ["sbu"]),
        ({"uid": "my-list-1", "status": "failed_to_resize"}, {"failed_to_resize": 1}, ["my-list"]),
        ({"uid": "sbu-1", "status": None, "dataset": "vg"}, {"unknown": 1}, ["vg"]),
        ({"uid": "sbu-1", "status": "failed_to_download", "cause": "dns", "width": None}, {"dns": 1}, ["sbu"]),
    ],
)
def test_ledgers_with_missing_columns(
    make_root: Callable[..., Path], row: dict[str, Any], causes: dict[str, int], datasets: list[str]
) -> None:
    root = make_root()
    write_ledger(root, 0, [row])
    fetch = summarise(str(root)).fetch
    assert fetch is not None
    assert dict(fetch.causes) == causes
    assert [name for name, _, _ in fetch.by_dataset] == datasets


def test_ledgers_are_read_in_the_order_of_their_numbers(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_ledger(root, 99_999, [ledger_row("sbu-1", "dns")])
    write_ledger(root, 100_000, [ledger_row("sbu-1", None)])
    fetch = summarise(str(root)).fetch
    assert fetch is not None
    assert fetch.num_fetched == 1


# ------------------------------------------------------------------------------------------------------------- plan


def test_sources_carry_what_was_expected_read_kept_fetched_and_baked(plan: PlanSummary) -> None:
    coco, cc3m = plan.sources
    assert (coco.expected_images, coco.expected_texts, coco.cite) == (1200, 6001, "the captions files")
    assert (coco.images_read, coco.images_kept, coco.images_fetched, coco.images_in_shards) == (1100, 2, 1, 1)
    assert coco.dropped_images == (("karpathy_test", 1090), ("small_side", 8))
    assert (cc3m.expected_images, cc3m.images_fetched, cc3m.images_in_shards) == (None, 2, 2)
    assert (cc3m.merged, cc3m.rejected_rows) == ((("coco", 2),), (("no_url", 3),))


def test_before_a_fetch_nothing_is_said_of_fetched_images(make_root: Callable[..., Path]) -> None:
    plan = summarise(str(make_root("plan"))).plan
    assert plan is not None
    assert {(source.images_fetched, source.images_in_shards) for source in plan.sources} == {(None, None)}


def test_filters_carry_what_they_dropped(plan: PlanSummary) -> None:
    dropped = {filter.name: (filter.on, filter.texts_dropped, filter.images_dropped) for filter in plan.filters}
    assert dropped == {"words": (True, 9, 0), "language": (False, 0, 0), "side": (True, 0, 8)}


def test_options_read_as_a_person_does(plan: PlanSummary) -> None:
    assert plan.options == (("allow_leaks", "yes"), ("limit", "none"))
    assert plan.tag_claims == (("kept", 9), ("person_placeholder", 4))


DROPPED_TEXTS = [
    Text(original=words, text=words, kind="alt", by="web", num_images=num_images)
    for words, num_images in (
        ("", 1),
        ("dog", 1),
        ("dog " * 300, 1),
        ("12 34 56 78 910", 1),
        ("red red red red red red red red red", 1),
        ("a dog on a sofa", 1000),
        ("ein roter Hund sitzt auf dem alten Sofa im Wohnzimmer", 1),
    )
]
DROPPED_IMAGES = [
    CaptionRecord(uid="x-1", dataset="x", source_id=None, width=20, height=20),
    CaptionRecord(uid="x-1", dataset="x", source_id=None, width=2000, height=200),
    CaptionRecord(uid="x-1", dataset="x", source_id=None),
]


@pytest.mark.parametrize("kind", TEXT_FILTERS, ids=lambda kind: str(kind.name))
def test_every_text_filter_owns_its_reasons(kind: Any) -> None:
    reasons = {reason for text in DROPPED_TEXTS if (reason := kind().reason_to_drop(text))}
    assert reasons
    assert all(owns(kind.name, reason) for reason in reasons)


@pytest.mark.parametrize("kind", IMAGE_FILTERS, ids=lambda kind: str(kind.name))
def test_every_image_filter_owns_its_reasons(kind: Any) -> None:
    reasons = {reason for record in DROPPED_IMAGES if (reason := kind().reason_to_drop(record))}
    assert reasons
    assert all(owns(kind.name, reason) for reason in reasons)


@pytest.mark.parametrize(
    ("name", "reason"), [("words", "repeated_words"), ("side", "karpathy_test"), ("words", "image:too_few_words")]
)
def test_no_filter_owns_the_reasons_of_another(name: str, reason: str) -> None:
    assert not owns(name, reason)


# ------------------------------------------------------------------------------------------------------------- bake


def test_shards_add_up(bake: BakeSummary) -> None:
    assert bake.finished
    assert (bake.num_samples, bake.num_texts, bake.num_bytes) == (3, 4, 3_000_000)
    assert [shard.name for shard in bake.shards] == ["00000", "00001"]
    assert bake.samples_by_dataset == (("cc3m", 2), ("coco", 1))
    assert bake.texts_by_kind == (("alt", 2), ("human", 2))
    assert bake.tags_per_image == ((1, 1), (2, 2))


def test_causes_of_the_fetch_are_one_reason_of_the_bake(bake: BakeSummary) -> None:
    assert bake.dropped == (("not_fetched", 6), ("no_tag", 2))


def test_a_bake_without_manifest_is_not_finished(root: Path) -> None:
    (root / "shards" / "manifest.json").unlink()
    bake = summarise(str(root)).bake
    assert bake is not None
    assert not bake.finished


@pytest.mark.parametrize(
    ("counts", "ranked", "never_seen", "num_claims"),
    [
        ({}, [], ["dog", "red", "sofa", "tree", "sit"], 0),
        ({0: 2, 2: 2, 1: 1}, [("dog", 2), ("sofa", 2), ("red", 1)], ["tree", "sit"], 5),
        ({4: 3, 0: 0}, [("sit", 3)], ["dog", "red", "sofa", "tree"], 3),
        ({0: 1, 1: 1, 2: 1, 3: 1, 4: 9}, [("sit", 9), ("dog", 1), ("red", 1), ("sofa", 1), ("tree", 1)], [], 13),
    ],
)
def test_tags_are_ranked_and_the_missing_ones_listed(
    vocab: Vocabulary, counts: dict[int, int], ranked: list[tuple[str, int]], never_seen: list[str], num_claims: int
) -> None:
    summary = summarise_tags(counts, vocab)
    assert [(count.name, count.num_images) for count in summary.ranked] == ranked
    assert sorted(name for kind in summary.kinds for name in kind.never_seen) == sorted(never_seen)
    assert summary.num_never_seen == len(never_seen)
    assert (summary.num_tags, summary.num_claims) == (5, num_claims)


def test_kinds_cover_the_vocabulary(vocab: Vocabulary) -> None:
    kinds = {kind.kind: kind.num_tags for kind in summarise_tags({}, vocab).kinds}
    assert kinds["animal"] == 1
    assert sum(kinds.values()) == 5


def test_without_a_vocabulary_tags_go_by_their_ids() -> None:
    summary = summarise_tags({7: 1}, None)
    assert summary.ranked[0].name == "#7"
    assert (summary.num_tags, summary.kinds) == (None, ())


def test_an_id_beyond_the_vocabulary_has_no_name(vocab: Vocabulary) -> None:
    assert [tag_name(vocab, tag_id) for tag_id in (0, 6, -1)] == ["dog", "#6", "#-1"]


# ---------------------------------------------------------------------------------------------- missing and broken


@pytest.mark.parametrize(
    ("stages", "present"),
    [(("plan",), {"plan"}), (("fetch",), {"fetch"}), (("bake",), {"bake"}), (("plan", "fetch"), {"plan", "fetch"})],
)
def test_a_stage_that_has_not_run_is_none(
    make_root: Callable[..., Path], stages: tuple[str, ...], present: set[str]
) -> None:
    summary = summarise(str(make_root(*stages)))
    assert {name for name in ("plan", "fetch", "bake") if getattr(summary, name) is not None} == present


def test_an_empty_folder_is_an_error_that_says_what_to_run(make_root: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match="dataengine plan"):
        summarise(str(make_root()))


@pytest.mark.parametrize("name", ["plan.json", "shards/manifest.json", "shards/00001.json", "images/00001_stats.json"])
@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe"])
def test_a_broken_document_is_named(root: Path, name: str, content: bytes) -> None:
    (root / name).write_bytes(content)
    with pytest.raises(ShardError, match=name):
        summarise(str(root))


def test_a_broken_ledger_is_named(root: Path) -> None:
    (root / "images" / "00001.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(ShardError, match=r"images/00001\.parquet"):
        summarise(str(root))


def test_a_ledger_without_uids_is_named(root: Path) -> None:
    pq.write_table(pa.table({"url": ["x"]}), root / "images" / "00001.parquet")
    with pytest.raises(ShardError, match="uid"):
        summarise(str(root))


def test_fields_that_an_older_stage_did_not_write_count_as_nothing(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_json(root / "plan.json", {"sources": {"sbu": {"images_kept": 4}}, "filters": {"words": True}})
    write_json(root / "shards" / "00000.json", {"num_samples": 2})
    summary = summarise(str(root))
    assert summary.plan is not None
    assert summary.bake is not None
    assert (summary.plan.num_images, summary.plan.filters[0].on, summary.bake.num_bytes) == (4, True, 0)


@pytest.mark.parametrize(
    ("cause", "words"),
    [("http_404", "not found"), ("dns", "the host has no address"), ("http_999", ""), ("strange", "")],
)
def test_causes_in_words(cause: str, words: str) -> None:
    assert explain_cause(cause) == words
