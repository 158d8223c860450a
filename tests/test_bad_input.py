"""Bad input never loses a row and never ends in a traceback: a named error, or a counted row with its reason.

The table goes through the plan and through `parse`; what is left of it goes on to fetch, bake, report and export. The last
test mixes good and bad rows of all shapes at random and counts them. Full and read-only outputs: test_full_disk.py.
"""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dataengine.build import BuildOptions, build
from dataengine.errors import AnnotationsError
from dataengine.export import export_ram_json
from dataengine.fetch import FetchOptions
from dataengine.parsers import Parser
from dataengine.parsers.parsed_files import parse_file
from dataengine.plan import plan
from dataengine.planning import PlanOptions
from dataengine.sources import SourceOptions
from dataengine.stage import run_in_process
from dataengine.tables import read_records

GOOD = "a dog on a couch"
LONG = " ".join(f"dog{number}" for number in range(10_000))
CC3M, CC12M, CC12M_HASHES = "Train_GCC-training.tsv", "cc12m.tsv", "cc12m_hashes.tsv"
SBU_URLS, SBU_CAPTIONS = "SBU_captioned_photo_dataset_urls.txt", "SBU_captioned_photo_dataset_captions.txt"


def url(number: int) -> str:
    return f"http://127.0.0.1:1/{number}.jpg"


def cc3m(*captions: str) -> bytes:
    return "".join(f"{caption}\t{url(number)}\n" for number, caption in enumerate(captions)).encode()


def cc12m(*captions: str) -> bytes:
    return "".join(f"{url(number)}\t{caption}\n" for number, caption in enumerate(captions)).encode()


def coco(annotations: list[Any], images: list[Any] | None = None) -> bytes:
    images = [{"id": 1, "file_name": "COCO_train2014_000000000001.jpg"}] if images is None else images
    return json.dumps({"images": images, "annotations": annotations}).encode()


def coco_caption(caption: Any) -> dict[str, Any]:
    return {"image_id": 1, "caption": caption}


def vg(*captions: Any) -> bytes:
    return json.dumps([{"image": "VG_100K/1.jpg", "caption": caption} for caption in captions]).encode()


def jsonl(*rows: Mapping[str, Any] | bytes) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def listed(number: int, caption: Any = GOOD, **fields: Any) -> dict[str, Any]:
    return {"url": url(number), "caption": caption, **fields}


def tar(members: Mapping[str, bytes]) -> bytes:
    sink = BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, BytesIO(data))
    return sink.getvalue()


def jpeg(seed: int = 0) -> bytes:
    sink = BytesIO()
    Image.linear_gradient("L").rotate(seed * 20).convert("RGB").save(sink, "JPEG")
    return sink.getvalue()


@dataclass(frozen=True)
class Case:
    """Files of one source, what of them is rejected or dropped, and how many texts are kept."""

    item: str
    source: str
    files: Mapping[str, bytes]
    rejected: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    kept: int = 1

    def __str__(self) -> str:
        return f"{self.item}-{self.source}"


COUNTED = [
    Case("broken JSON", "url_list", {"l.jsonl": jsonl(listed(0), b'{"url": "')}, {"broken_json": 1}),
    Case("broken JSON", "webdataset", {
        "s.tar": tar({"1.jpg": b"", "1.json": b"{", "1.txt": b"x", "2.jpg": b"", "2.txt": GOOD.encode()}),
    }, {"broken_json": 1}),
    Case("broken JSON", "folder", {
        "f/1.jpg": b"", "f/metadata.jsonl": jsonl({"file_name": "1.jpg", "text": GOOD}, b"{"),
    }, {"broken_json": 1}),
    Case("missing field", "coco", {
        "captions_train2014.json": coco([coco_caption(GOOD), {"image_id": 1}, {"caption": GOOD}, 7]),
    }, {"missing_field:caption": 1, "missing_field:image_id": 1, "not_an_object": 1}),
    Case("missing field", "vg", {"vg_caption.json": json.dumps([{"image": "VG_100K/1.jpg"}, {"caption": GOOD}, *json.loads(vg(GOOD))]).encode()},
         {"missing_field:caption": 1, "missing_field:image": 1}),
    Case("missing field", "cc3m", {CC3M: cc3m(GOOD) + b"only a caption\n"}, {"bad_columns": 1}),
    Case("missing field", "cc12m", {CC12M: cc12m(GOOD) + url(7).encode() + b"\n"}, {"bad_columns": 1}),
    Case("missing field", "sbu", {"sbu.json": json.dumps([listed(0), {"url": url(1)}, {"caption": GOOD}]).encode()},
         {"missing_field:caption": 1, "missing_field:url": 1}),
    Case("missing field", "url_list", {"l.jsonl": jsonl(listed(0), {"url": url(1)}, {"caption": GOOD})},
         {"missing_field:caption": 1, "missing_field:url": 1}),
    Case("missing field", "url_list", {"l.csv": f"url,caption\n{url(0)},{GOOD}\n{url(1)}\n".encode()}, {"bad_columns": 1}),
    Case("missing field", "folder", {
        "f/1.jpg": b"", "f/metadata.jsonl": jsonl({"file_name": "1.jpg", "text": GOOD}, {"text": GOOD}),
    }, {"missing_field:file_name": 1}),
    Case("column swapped", "cc3m", {CC3M: cc3m(GOOD, GOOD) + f"{url(7)}\t{GOOD}\n".encode()}, {"columns_swapped": 1}, kept=2),
    Case("column swapped", "cc12m", {CC12M: cc12m(GOOD, GOOD) + f"{GOOD}\t{url(7)}\n".encode()}, {"columns_swapped": 1}, kept=2),
    Case("empty caption", "cc3m", {CC3M: cc3m(GOOD, "", "  ")}, {"empty_caption": 2}),
    Case("empty caption", "cc12m", {CC12M: cc12m(GOOD, "", "  ")}, {"empty_caption": 2}),
    Case("empty caption", "coco", {"captions_train2014.json": coco([coco_caption(GOOD), coco_caption(" ")])}, {"empty_caption": 1}),
    Case("empty caption", "vg", {"vg_caption.json": vg(GOOD, "")}, {"empty_caption": 1}),
    Case("empty caption", "sbu", {SBU_URLS: f"{url(0)}\n{url(1)}\n".encode(), SBU_CAPTIONS: f"{GOOD}\n\n".encode()}, {"empty_caption": 1}),
    Case("empty caption", "url_list", {"l.jsonl": jsonl(listed(0), listed(1, ""))}, {"empty_caption": 1}),
    Case("empty caption", "folder", {"f/1.jpg": b"", "f/1.txt": GOOD.encode(), "f/2.jpg": b"", "f/2.txt": b"\n"}, {"empty_caption": 1}),
    Case("empty after cleaning", "cc12m", {CC12M: cc12m(GOOD, "... !!! ***")}, dropped={"empty_text": 1}),
    Case("10,000 words", "cc3m", {CC3M: cc3m(GOOD, LONG)}, dropped={"too_many_words": 1}),
    Case("10,000 words", "cc12m", {CC12M: cc12m(GOOD, LONG)}, dropped={"too_many_words": 1}),
    Case("10,000 words", "coco", {"captions_train2014.json": coco([coco_caption(GOOD), coco_caption(LONG)])}, kept=2),
    Case("10,000 words", "url_list", {"l.csv": f'url,caption\n{url(0)},{GOOD}\n{url(1)},"{LONG}"\n'.encode()}, dropped={"too_many_words": 1}),
    Case("duplicate id", "url_list", {"l.jsonl": jsonl(listed(0, id="7"), listed(1, id="7"), listed(0, "two cats on a couch", id="7"))},
         dropped={"duplicate_id": 1}, kept=2),
    Case("duplicate id", "coco", {
        "captions_train2014.json": coco([coco_caption(GOOD)], [{"id": 1, "file_name": f"{name}.jpg"} for name in "ab"]),
    }, {"duplicate_id": 1}),
    Case("duplicate id", "vg", {
        "vg_caption.json": vg(GOOD), "image_data.json": json.dumps([{"image_id": 1, "url": url(1)}] * 2).encode(),
    }, {"duplicate_id": 1}),
    Case("repeated row", "cc12m", {CC12M: cc12m(GOOD) * 2}, dropped={"repeated_in_image": 1}),
    Case("URL with spaces", "cc3m", {CC3M: f"{GOOD}\thttp://127.0.0.1:1/a dog.jpg\n".encode()}),
    Case("URL with spaces", "cc12m", {CC12M: f" http://127.0.0.1:1/a dog.jpg \t{GOOD}\n".encode()}),
    Case("URL with spaces", "url_list", {"l.jsonl": jsonl(listed(0) | {"url": "http://127.0.0.1:1/a dog.jpg?q=a b"})}),
    Case("no URL", "url_list", {"l.jsonl": jsonl(*(listed(0) | {"url": value} for value in ("", "a b", "file:///x.jpg", "http://")), listed(1))},
         {"bad_url": 4}),
    Case("non-UTF-8", "cc3m", {CC3M: cc3m(GOOD) + b"caf\xe9\thttp://a.example/1.jpg\n"}, {"not_utf8": 1}),
    Case("non-UTF-8", "cc12m", {CC12M: cc12m(GOOD) + b"http://a.example/1.jpg\tcaf\xe9\n"}, {"not_utf8": 1}),
    Case("non-UTF-8", "sbu", {SBU_URLS: f"{url(0)}\n{url(1)}\n".encode(), SBU_CAPTIONS: GOOD.encode() + b"\ncaf\xe9\n"}, {"not_utf8": 1}),
    Case("non-UTF-8", "url_list", {"l.jsonl": jsonl(listed(0), b'{"url": "http://a.example", "caption": "caf\xe9"}')}, {"not_utf8": 1}),
    Case("non-UTF-8", "url_list", {"l.csv": f"url,caption\n{url(0)},{GOOD}\n".encode() + b"http://a.example,caf\xe9\n"}, {"not_utf8": 1}),
    Case("non-UTF-8", "folder", {"f/1.jpg": b"", "f/1.txt": GOOD.encode(), "f/2.jpg": b"", "f/2.txt": b"caf\xe9"}, {"not_utf8": 1}),
    Case("quotation mark", "url_list", {"l.csv": f'url,caption\n{url(0)},"a cat\n{url(1)},{GOOD}\n'.encode()}, {"broken_csv": 1}),
    Case("size no picture has", "url_list", {"l.jsonl": jsonl(listed(0, width=10**12, height=-1, license="\ud800", split="\udfff"))}),
    Case("bad hash", "cc12m", {CC12M: cc12m(GOOD), CC12M_HASHES: f"{url(0)}\tnonsense\tx\n".encode()}, {"bad_hash": 1}),
]  # fmt: skip
"""Rows that are counted; each file holds one good row at least."""

REFUSED = [
    ("coco", {"captions_train2014.json": coco([coco_caption(GOOD)])[:-9]}, "captions_train2014.json is broken JSON near byte"),
    ("coco", {"captions_train2014.json": b"[]"}, "holds no list under 'images'"),
    ("coco", {"captions_train2014.json": coco([]).replace(b"COCO", b"\xe9")}, "captions_train2014.json is broken JSON"),
    ("vg", {"vg_caption.json": vg(GOOD)[:-1]}, "vg_caption.json is broken JSON"),
    ("sbu", {"sbu-captions-all.json": b'{"image_urls": ["http://a.example"], "captions": ["a'}, "is broken JSON"),
    ("sbu", {SBU_URLS: f"{url(0)}\n{url(1)}\n".encode(), SBU_CAPTIONS: b"one\n"}, "1 more addresses than the other list's 1"),
    ("cc3m", {CC3M: cc12m(GOOD, GOOD)}, "2 of the first 2 rows hold url TAB caption, as CC12M has it, but cc3m has"),
    ("cc12m", {CC12M: cc3m(GOOD, GOOD)}, "2 of the first 2 rows hold caption TAB url, as CC3M has it, but cc12m has"),
    ("url_list", {"l.csv": b"address,words\n1,2\n"}, "no column for the url among address, words"),
    ("url_list", {"l.parquet": b"PAR1 no parquet"}, "cut short or no parquet file"),
    ("url_list", {"l.csv": f"url,caption\n{url(0)},x\n".encode("utf-16")}, "is UTF-16"),
]  # fmt: skip
"""Files that are no such file at all: nothing of them can be trusted, and the plan stops with their name."""


def options_of(folder: Path, *sources: str, **options: Any) -> PlanOptions:
    lists = list(folder.glob("l.*"))
    source_options = SourceOptions(
        annotations_dir=str(folder),
        url_list=str(lists[0]) if lists else None,
        shards=str(folder / "*.tar"),
        folder=str(folder / "f"),
    )
    return PlanOptions(sources=sources, source_options=source_options, **options)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in ((folder / name, content) for name, content in files.items()):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def check_counts(content: Mapping[str, Any]) -> None:
    """Hold what was read against what was kept, dropped and merged, source by source."""
    for name, tally in content["sources"].items():
        not_read = tally["dropped_images"].get("not_in_plan", 0)
        images = tally["images_kept"] + sum(tally["dropped_images"].values()) + sum(tally["merged"].values())
        assert tally["images_read"] == images - not_read, name
        assert tally["texts_read"] == tally["texts_kept"] + sum(tally["dropped_texts"].values()), name


@pytest.mark.parametrize("case", COUNTED, ids=str)
def test_a_bad_row_is_counted_and_the_others_stay(case: Case, tmp_path: Path) -> None:
    write_files(tmp_path, case.files)
    content = plan(str(tmp_path / "root"), options_of(tmp_path, case.source), run_in_process)
    check_counts(content)
    tallies = content["sources"].values()
    assert sum((tally["rejected_rows"] for tally in tallies), Counter()) == case.rejected
    assert sum((Counter(tally["dropped_texts"]) for tally in tallies), Counter()) == case.dropped
    assert sum(tally["texts_kept"] for tally in tallies) == case.kept
    rejected = [json.loads(line) for line in (tmp_path / "root" / "rejected.jsonl").read_text().splitlines()]
    assert Counter(row["reason"] for row in rejected) == case.rejected
    assert all(row["source"] == case.source and row["where"] for row in rejected)


@pytest.mark.parametrize(("source", "files", "message"), REFUSED)
def test_a_file_that_cannot_be_trusted_is_named(
    source: str, files: Mapping[str, bytes], message: str, tmp_path: Path
) -> None:
    write_files(tmp_path, files)
    with pytest.raises(AnnotationsError) as caught:
        plan(str(tmp_path / "root"), options_of(tmp_path, source), run_in_process)
    assert message in str(caught.value)
    assert not (tmp_path / "root" / "plan.json").exists()


def test_what_a_bad_row_becomes(tmp_path: Path) -> None:
    rows = [
        listed(0) | {"url": " http://127.0.0.1:1/a dog.jpg "},
        listed(1, width=10**12, height=10, license="x\ud800"),
        listed(2, LONG, source="coco"),
    ]
    write_files(tmp_path, {"l.jsonl": jsonl(*rows)})
    plan(str(tmp_path / "root"), options_of(tmp_path, "url_list"), run_in_process)
    records = read_records(str(tmp_path / "root/records/00000.parquet"))
    spaces, long, size = sorted(records, key=lambda record: str(record.url), reverse=True)
    assert spaces.url == "http://127.0.0.1:1/a%20dog.jpg"
    assert (long.texts[0].original, long.texts[0].text) == (LONG, " ".join(LONG.split()[:30]))
    assert (size.width, size.height, size.license) == (None, 10, "x\ufffd")


# ------------------------------------------------------------------------------------------------------------ parse

PARSED = [
    ("broken JSON", "x.jsonl", jsonl({"caption": GOOD}, b'{"caption": '), {"broken_json": 1}),
    ("no object", "x.jsonl", jsonl({"caption": GOOD}, b"[1]"), {"not_an_object": 1}),
    ("missing field", "x.jsonl", jsonl({"caption": GOOD}, {"id": "1"}), {"no_caption": 1}),
    ("missing field", "x.csv", f"id,caption\n1,{GOOD}\n2\n".encode(), {"no_caption": 1}),
    ("column swapped", "x.jsonl", jsonl({"caption": GOOD}, {"caption": 7, "id": GOOD}), {"caption_not_text": 1}),
    ("empty caption", "x.jsonl", jsonl({"caption": GOOD}, {"caption": ""}), {}),
    ("empty caption", "x.txt", f"{GOOD}\n\n".encode(), {}),
    ("10,000 words", "x.txt", f"{GOOD}\n{LONG}\n".encode(), {}),
    ("duplicate id", "x.jsonl", jsonl({"id": 1, "caption": GOOD}, {"id": 1, "caption": GOOD}), {}),
    ("non-UTF-8", "x.txt", GOOD.encode() + b"\ncaf\xe9\n", {"not_utf8": 1}),
    ("non-UTF-8", "x.csv", f"caption\n{GOOD}\n".encode() + b"caf\xe9\n", {"not_utf8": 1}),
    ("non-UTF-8", "x.jsonl", jsonl({"caption": GOOD}, b'{"caption": "caf\xe9"}'), {"not_utf8": 1}),
    ("quotation mark", "x.csv", f'caption\n"{GOOD}\n{GOOD}\n'.encode(), {"broken_csv": 1}),
]


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser(graph=False)


@pytest.mark.parametrize(("item", "name", "content", "rejected"), PARSED, ids=[f"{row[0]}-{row[1]}" for row in PARSED])
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_parse_loses_no_row(
    item: str, name: str, content: bytes, rejected: Mapping[str, int], suffix: str, parser: Parser, tmp_path: Path
) -> None:
    write_files(tmp_path, {name: content})
    output = tmp_path / f"out.{suffix}"
    report = parse_file(parser, str(tmp_path / name), str(output))
    assert (report.num_parsed, report.rejected) == (2 - sum(rejected.values()), rejected), item
    log = Path(f"{output}.rejected.jsonl")
    lines = log.read_text().splitlines() if log.exists() else []
    assert Counter(json.loads(line)["reason"] for line in lines) == rejected


# ------------------------------------------------------------------------------------------------ to the very end


def test_bad_rows_through_all_stages(tmp_path: Path) -> None:
    rows: list[Mapping[str, Any] | bytes] = [listed(0), listed(1, LONG), listed(2, ""), listed(3, id="7"), listed(4, id="7"), b"{",
            listed(5) | {"url": "http://127.0.0.1:1/a dog.jpg"}]  # fmt: skip
    pictures = {f"f/{name}.jpg": jpeg(seed) for seed, name in enumerate(("good", "a b", "long", "alone", "caf\u00e9"))}
    captions = {"good": GOOD, "a b": f"{GOOD} 2", "long": LONG.replace("dog", "dog "), "caf\u00e9": f"{GOOD} 3"}
    texts = {f"f/{name}.txt": caption.encode() for name, caption in captions.items()}
    write_files(
        tmp_path,
        {"l.jsonl": jsonl(*rows), **pictures, "f/broken.jpg": b"no picture", "f/broken.txt": b"a dog", **texts},
    )
    root = tmp_path / "root"
    content = plan(str(root), options_of(tmp_path, "url_list", "folder"), run_in_process)
    check_counts(content)
    assert {name: tally["rows_read"] for name, tally in content["sources"].items()} == {"l": 7, "f": 6}
    assert content["sources"]["l"]["rejected_rows"] == {"empty_caption": 1, "broken_json": 1}
    assert content["sources"]["f"]["rejected_rows"] == {"no_caption": 1}
    stages = ("fetch", "bake", "report")
    answers = build(BuildOptions(root=str(root), stages=stages, fetch=FetchOptions(timeout_s=1)), run_in_process)
    (fetched,), (baked,) = answers["fetch"], answers["bake"]
    assert fetched.count == fetched.successes + sum(fetched.causes.values()) == content["num_images"] == 8
    assert baked.num_samples == fetched.successes == 4
    assert baked.num_samples + baked.dropped.total() == sum(
        tally["images_read"] for tally in content["sources"].values()
    )
    stats = export_ram_json(str(root), str(tmp_path / "ram.json"))
    assert stats.num_images + stats.num_without_text == baked.num_samples
    items = json.loads((tmp_path / "ram.json").read_text())
    assert max(len(caption.split()) for item in items for caption in item["caption"]) == 30
    assert "empty_caption" in (root / "report" / "index.html").read_text()


# ------------------------------------------------------------------------------------------------------ at random

_WORDS = st.lists(
    st.sampled_from(["a", "dog", "couch", "on", "red", "<PERSON>", "caf\u00e9", "\U0001f600", '"', "&amp;"]), max_size=6
)
_CAPTIONS = st.one_of(
    _WORDS.map(" ".join).map(str.encode),
    st.sampled_from([b"", b" ", b"...", b"caf\xe9", b"\xff\xfe", b"word " * 300, b"dog " * 12, b"12 34 56", b"two", b"\x00 a dog"]),
    st.just(b"stock photo of a dog"),
)  # fmt: skip
_URLS = st.one_of(
    st.integers(0, 15).map(lambda number: url(number).encode()),
    st.sampled_from([b"", b"http://a b/x.jpg", b"http://a.example/x y.jpg", b"file:///etc/passwd", b"HTTP://127.0.0.1:1/3.jpg#x",
                     b"nonsense", b"http://[", b"//a.example/1.jpg", b"http://\xe9.example/1.jpg"]),
)  # fmt: skip
_JUNK = st.sampled_from([b"only one column", b"a\tb\tc", b"\xff\xff", b"{", b"[1]", b"null", b'"'])
_SIDES = st.sampled_from([None, 640, 10, 10**12, -1, "640", "x", 1.5])


def _line(row: tuple[bytes, bytes] | bytes) -> bytes:
    return (row if isinstance(row, bytes) else b"\t".join(row)).replace(b"\n", b" ") + b"\n"


def _json_line(row: tuple[bytes, bytes, Any, Any] | bytes) -> bytes:
    if isinstance(row, bytes):
        return row + b"\n"
    address, caption, width, row_id = row
    fields = b', "id": %s, "width": %s, "height": 480}\n' % (json.dumps(row_id).encode(), json.dumps(width).encode())
    return b'{"url": "%s", "caption": "%s"' % (address, caption.replace(b'"', b"'").replace(b"\x00", b"")) + fields


def _coco(captions: list[bytes], num_images: int) -> bytes:
    images = [{"id": i, "file_name": f"COCO_train2014_{i:012d}.jpg"} for i in range(num_images)]
    annotations = [
        {"image_id": i % 5, "caption": caption.decode(errors="replace")} if i % 7 else {"image_id": None}
        for i, caption in enumerate(captions)
    ]
    return coco(annotations, images)


_PAIRS = st.lists(st.one_of(st.tuples(_CAPTIONS, _URLS), _JUNK), max_size=25)
_LISTED = st.one_of(st.tuples(_URLS, _CAPTIONS, _SIDES, st.sampled_from([None, "7", 7, 8, ""])), _JUNK)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=_PAIRS,
    listed_rows=st.lists(_LISTED, max_size=25),
    captions=st.lists(_CAPTIONS, max_size=20),
    limit=st.sampled_from([None, 3]),
)
def test_no_row_is_lost(
    tmp_path_factory: pytest.TempPathFactory, pairs: Any, listed_rows: Any, captions: list[bytes], limit: int | None
) -> None:
    folder = tmp_path_factory.mktemp("mixture")
    good = (GOOD.encode(), url(0).encode())  # so that the first rows tell the columns apart
    lines = {
        "cc3m": [_line(row) for row in [good, good, *pairs]],
        "cc12m": [_line(row if isinstance(row, bytes) else row[::-1]) for row in [good, good, *pairs]],
        "l": [_json_line(row) for row in listed_rows],
    }
    lines = {name: [line for line in rows if line.strip(b"\n")] for name, rows in lines.items()}
    names = {"cc3m": CC3M, "cc12m": CC12M, "l": "l.jsonl"}
    write_files(folder, {names[name]: b"".join(rows) for name, rows in lines.items()})
    write_files(folder, {"captions_train2014.json": _coco(captions, 4)})
    content = plan(
        str(folder / "root"), options_of(folder, "coco", "cc3m", "cc12m", "url_list", limit=limit), run_in_process
    )
    check_counts(content)
    for name, rows in lines.items():
        tally = content["sources"][name]
        num_rejected = sum(tally["rejected_rows"].values())
        assert tally["rows_read"] == len(rows)
        assert tally["texts_read"] + num_rejected + tally["rows_over_limit"] == len(rows)
    tally = content["sources"]["coco"]
    num_rows = sum(tally["rejected_rows"].values()) + tally["rows_over_limit"] + tally["texts_read"]
    assert tally["rows_read"] == 4 + len(captions) <= num_rows + tally["images_read"]
    rejected = (folder / "root" / "rejected.jsonl").read_text().splitlines()
    assert len(rejected) == sum(sum(tally["rejected_rows"].values()) for tally in content["sources"].values())
