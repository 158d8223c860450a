from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import ConfigError, StorageError
from dataengine.report import REPORT_FILE, page, write_report
from dataengine.vocab import Vocabulary

from .conftest import (
    HOSTILE,
    URL,
    text,
    triplet,
    write_images,
    write_json,
    write_many_tags,
    write_plan,
    write_shard,
    write_shards,
)

SECTIONS = ["sources", "fetch", "pictures", "tags", "settings", "shards", "provenance"]
VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """A page taken apart: tables by the label of their frame, terms and definitions, texts by tag, and all attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.terms: dict[str, str] = {}
        self.texts: dict[str, list[str]] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self._rows: list[list[str]] = []
        self._term = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        label = dict(attrs).get("aria-label")
        if tag == "div" and label:
            self._rows = self.tables.setdefault(label, [])
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        self.texts.setdefault(tag, []).append("")
        if tag == "dt":
            self._term = ""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data
        if "td" in self.open or "th" in self.open:
            self._rows[-1][-1] = (self._rows[-1][-1] + " " + data.strip()).strip()
        if "dt" in self.open:
            self._term += data
        elif "dd" in self.open:
            self.terms[self._term] = " ".join((self.terms.get(self._term, "") + " " + data).split())

    def words(self, tag: str) -> list[str]:
        return [" ".join(words.split()) for words in self.texts.get(tag, [])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, vocab: Vocabulary) -> Path:
    """The data set after all stages, not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    for write in (write_plan, write_images, write_shards):
        write(folder, vocab)
    return folder


@pytest.fixture(scope="module")
def html(folder: Path, vocab: Vocabulary) -> str:
    return Path(write_report(str(folder), vocab)).read_text()


@pytest.fixture(scope="module")
def report(html: str) -> Page:
    return Page(html)


def render(root: Path, vocab: Vocabulary | None = None) -> Page:
    return Page(Path(write_report(str(root), vocab)).read_text())


# ---------------------------------------------------------------------------------------------------------- numbers


def test_the_page_is_where_it_is_said_to_be(root: Path, vocab: Vocabulary) -> None:
    assert write_report(str(root), vocab) == f"{root}/{REPORT_FILE}"
    assert [path.name for path in (root / "report").iterdir()] == ["index.html"]


def test_every_section_is_there_and_linked(report: Page) -> None:
    assert [value for tag, name, value in report.attributes if tag == "section" and name == "id"] == SECTIONS
    links = [value for tag, name, value in report.attributes if tag == "a" and name == "href" and value[0] == "#"]
    assert links == ["#content", *(f"#{section}" for section in SECTIONS)]


def test_headlines(report: Page) -> None:
    assert report.words("h1") == ["3 images, 4 texts, 3 of 5 tags."]
    headlines = {name: report.terms[name] for name in list(report.terms)[:7]}
    assert headlines == {
        "images planned": "5",
        "images fetched": "3",
        "success rate": "60 % of 5 tried",
        "images in shards": "3",
        "texts": "4 1.3 an image",
        "tags": "3 1.7 an image",
        "size": "3 MB 1 MB an image",
    }


def test_sources_expected_and_got(report: Page) -> None:
    rows = report.tables["Sources, expected and got"]
    assert rows[2] == ["coco", "1,200", "1,100", "91.7 %", "2", "1", "1", "6,001", "5,500", "91.7 %", "3"]
    assert rows[3] == ["cc3m", "–", "6", "–", "3", "2", "2", "–", "6", "–", "3"]
    assert rows[4] == ["all", "", "1,106", "", "5", "3", "3", "", "5,506", "", "6"]


def test_reasons_of_what_was_not_kept(report: Page) -> None:
    assert report.tables["What was not kept"][1:] == [
        ["coco", "images dropped", "karpathy_test", "1,090"],
        ["small_side", "8"],
        ["texts dropped", "image:small_side", "40"],
        ["too_few_words", "7"],
        ["cc3m", "images merged into", "coco", "2"],
        ["texts dropped", "too_many_words", "2"],
        ["rows rejected", "no_url", "3"],
    ]


def test_fetch_by_source_and_cause(report: Page) -> None:
    assert report.tables["Fetched by source"][1:] == [["cc3m", "3", "2", "66.7 %"], ["coco", "2", "1", "50 %"]]
    assert report.tables["Failures by cause"][1:] == [["http_404 not found", "2", "40 %"]]


def test_figures_are_inline(report: Page) -> None:
    labels = [value for tag, name, value in report.attributes if tag == "svg" and name == "aria-label"]
    assert len(labels) == 4
    assert "3 tags seen, 2 never" in " ".join(labels)


def test_tags_and_those_never_seen(report: Page) -> None:
    assert "dog 2 66.7 %" in report.words("li")
    assert "red 1 33.3 %" in report.words("li")
    kinds = [words for words in report.words("summary") if " of " in words]
    assert len(kinds) == 2
    assert all(re.fullmatch(r"\w+ 1 of \d", words) for words in kinds)
    assert {"tree", "sit"} <= set(report.words("p"))


def test_at_most_forty_tags_are_ranked(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_many_tags(root, 60)
    report = render(root)
    assert "The 40 most frequent tags" in report.words("h3")
    assert len([words for words in report.words("li") if words.endswith("100 %")]) == 40


def test_texts_by_kind(report: Page) -> None:
    assert report.tables["Texts by kind"][1:] == [["alt", "2", "50 %"], ["human", "2", "50 %"]]


def test_filters_and_policies(report: Page) -> None:
    assert report.tables["Filters"][1:] == [
        ["words", "on", "9", "0"],
        ["language", "off", "0", "0"],
        ["side", "on", "0", "8"],
    ]
    assert report.tables["Tags by policy"][1:] == [["kept", "9"], ["person_placeholder", "4"]]
    assert report.tables["Images without a sample"][1:] == [["not_fetched", "6"], ["no_tag", "2"]]
    assert (report.terms["<PERSON> policy"], report.terms["allow leaks"]) == ("keep", "yes")


def test_shards_and_provenance(report: Page, vocab: Vocabulary) -> None:
    assert report.tables["Shards"][1:] == [
        ["00000", "2", "3", "1.00", "0" * 12],
        ["00001", "1", "1", "2.00", "1" * 12],
    ]
    assert report.terms["vocabulary sha256"] == vocab.sha256
    assert (report.terms["shard schema"], report.terms["spacy"]) == ("triplet/1", "3.8.0")
    assert "numpy" not in report.terms


def test_a_tag_says_who_claims_it(report: Page) -> None:
    assert "dog 1 2 ram_plus 0.93" in report.words("li")
    assert "sofa 1" in report.words("li")


# --------------------------------------------------------------------------------------------------------- strangers


def test_a_hostile_caption_is_only_text(html: str, report: Page) -> None:
    assert HOSTILE in report.words("li")[0] or any(HOSTILE in words for words in report.words("li"))
    assert "<script>alert" not in html
    assert len(report.texts["script"]) == 1
    assert not [name for _, name, _ in report.attributes if name.startswith("on")]
    assert len([tag for tag, name, _ in report.attributes if tag == "img" and name == "src"]) == 3


def test_hostile_names_are_only_text(make_root: Callable[..., Path]) -> None:
    root = make_root()
    name = '"><script>alert(1)</script>'
    reasons = {name: 3}
    source = {
        "images_read": 1,
        "dropped_images": reasons,
        "rejected_rows": reasons,
        "files": [name],
        "expected": {"cite": name},
    }
    write_json(
        root / "plan.json",
        {"sources": {name: source}, "filters": {name: {"on": True, "x": name}}, "options": {name: name}},
    )
    assert len(render(root).texts["script"]) == 1


def test_nothing_is_loaded_from_elsewhere(html: str, report: Page) -> None:
    addresses = [value for tag, name, value in report.attributes if name in ("src", "href") and tag not in ("use",)]
    assert {value for value in addresses if not value.startswith(("#", "data:image/jpeg;base64,"))} == {URL}
    assert "javascript:" not in html
    assert not re.search(r"@import|url\((?!#)", html)
    assert "link" not in report.texts


def test_the_policy_admits_the_one_script(html: str, report: Page) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [value for tag, name, value in report.attributes if tag == "meta" and "default-src" in value]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_odd_characters_of_a_caption_survive(make_root: Callable[..., Path]) -> None:
    caption = "Ein Hünd \u202e dog \x00 \ud83d 狗 🐶"
    root = make_root()
    write_shard(root, 0, [triplet("sbu-1", [text(caption)], [])])
    (shown,) = [words for words in render(root).words("li") if "dog" in words]
    assert shown.startswith("Ein Hünd")
    assert shown.endswith("狗 🐶")


# ------------------------------------------------------------------------------------------------------ determinism


def test_the_same_data_set_gives_the_same_bytes_wherever_it_lies(
    make_root: Callable[..., Path], vocab: Vocabulary
) -> None:
    pages = [
        Path(write_report(str(make_root("plan", "fetch", "bake", name=name)), vocab)).read_bytes() for name in "ab"
    ]
    assert pages[0] == pages[1]


def test_a_page_written_over_itself_is_the_same(root: Path, vocab: Vocabulary) -> None:
    first = Path(write_report(str(root), vocab)).read_bytes()
    assert Path(write_report(str(root), vocab)).read_bytes() == first


def test_the_page_names_no_folder_of_this_machine(html: str, folder: Path) -> None:
    assert str(folder) not in html


# ---------------------------------------------------------------------------------------------------- missing stages


@pytest.mark.parametrize(
    ("stages", "headline", "missing"),
    [
        (("plan",), "5 images planned, none fetched yet.", ["Fetch", "Bake", "Bake", "Bake"]),
        (("plan", "fetch"), "3 images fetched, none in shards yet.", ["Bake", "Bake", "Bake"]),
        (("fetch",), "3 images fetched, none in shards yet.", ["Plan", "Bake", "Bake", "Plan", "Bake"]),
        (("bake",), "3 images, 4 texts, 3 of 5 tags.", ["Plan", "Fetch", "Plan"]),
    ],
)
def test_stages_that_have_not_run_are_said(
    make_root: Callable[..., Path], vocab: Vocabulary, stages: tuple[str, ...], headline: str, missing: list[str]
) -> None:
    report = render(make_root(*stages), vocab)
    assert report.words("h1") == [headline]
    assert report.words("strong") == [f"{stage} has not run." for stage in missing]
    assert [value for tag, name, value in report.attributes if tag == "section" and name == "id"] == SECTIONS


def test_a_fetch_that_is_not_finished_is_said(make_root: Callable[..., Path], vocab: Vocabulary) -> None:
    root = make_root("plan", "fetch")
    (root / "images" / "00001_stats.json").unlink()
    (root / "images" / "00002_stats.json").unlink()
    assert "Fetch is not finished. 2 of 5 planned images have not been tried." in render(root, vocab).words("p")


def test_a_bake_that_is_not_finished_is_said(root: Path, vocab: Vocabulary) -> None:
    (root / "shards" / "manifest.json").unlink()
    assert any(words.startswith("Bake is not finished.") for words in render(root, vocab).words("p"))


def test_a_plan_that_kept_nothing(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_json(root / "plan.json", {"sources": {}})
    assert render(root).words("h1") == ["No images yet."]


def test_shards_without_a_sample(make_root: Callable[..., Path]) -> None:
    root = make_root()
    write_shard(root, 0, [])
    report = render(root)
    assert report.words("h1") == ["No images yet."]
    assert "No picture could be shown." in report.words("p")


def test_another_vocabulary_than_the_plans_names_no_tag(root: Path) -> None:
    report = render(root)
    assert report.words("h1") == ["3 images, 4 texts, 3 tags."]
    assert "#0 2 66.7 %" in report.words("li")
    assert any("not at hand" in words for words in report.words("p"))


def test_the_packaged_vocabulary_is_taken_where_the_plan_names_it(make_root: Callable[..., Path]) -> None:
    root = make_root("bake")
    write_plan(root, Vocabulary.load())
    assert Vocabulary.load()[0].name in " ".join(render(root).words("li"))


def test_an_empty_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to report"):
        write_report(str(tmp_path))


def test_a_page_that_cannot_be_written_is_an_error(root: Path, vocab: Vocabulary) -> None:
    (root / "report").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="report"):
        write_report(str(root), vocab)


def test_neither_torch_nor_pyplot_is_loaded(root: Path) -> None:
    script = (
        "import sys; from dataengine.report import write_report; write_report(sys.argv[1]);"
        "print(sorted({'torch', 'matplotlib.pyplot', 'ray', 'spacy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


# ----------------------------------------------------------------------------------------------------------- formats


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(1, 3, "33.3 %"), (3, 3, "100 %"), (0, 3, "0 %"), (99_999, 100_000, "> 99.9 %"), (999, 1000, "99.9 %"), (1, 10**6, "< 0.1 %"), (1, 1000, "0.1 %"), (1, 0, "–"), (None, 3, "–"), (9, 3, "300 %")],
)  # fmt: skip
def test_shares(part: int | None, whole: int | None, shown: str) -> None:
    assert page._format_share(part, whole) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (56_340, "56.3 kB"), (999_600, "1 MB"), (999_400, "999 kB"),
        (29_812_345, "29.8 MB"), (331 * 10**9, "331 GB"), (1_234_567_890_123, "1.23 TB"), (5 * 10**15, "5,000 TB"),
    ],
)  # fmt: skip
def test_sizes(number: int, shown: str) -> None:
    assert page._format_bytes(number) == shown


@pytest.mark.parametrize(
    ("words", "shown"), [([], "–"), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists(words: list[Any], shown: str) -> None:
    assert page._join_words(words) == shown
