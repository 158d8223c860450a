from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from dataengine.report import figures
from dataengine.report.tags import summarise_tags
from dataengine.vocab import Vocabulary

TEXT = "{http://www.w3.org/2000/svg}text"


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(TEXT)]


@pytest.fixture
def draw(vocab: Vocabulary) -> dict[str, Callable[[], str]]:
    """Each figure, over numbers."""
    tags = summarise_tags({0: 4000, 1: 30, 2: 1}, vocab)
    return {
        "tag_curve": lambda: figures.draw_tag_curve(tags),
        "tags_per_image": lambda: figures.draw_tags_per_image([(0, 5), (3, 20), (17, 1)]),
        "failures": lambda: figures.draw_failures([("http_404", 1234), ("dns", 3)]),
        "sides": lambda: figures.draw_sides([(480, 10), (90_000, 1), (3, 1)], [(384, 12)]),
    }


NAMES = ["tag_curve", "tags_per_image", "failures", "sides"]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_well_formed_and_says_what_it_shows(draw: dict[str, Callable[[], str]], name: str) -> None:
    element = ET.fromstring(draw[name]())
    assert element.get("role") == "img"
    assert element.get("aria-label")
    assert element.get("viewBox")
    assert element.get("width") is None


@pytest.mark.parametrize("name", NAMES)
def test_equal_numbers_give_equal_bytes(draw: dict[str, Callable[[], str]], name: str) -> None:
    assert draw[name]() == draw[name]()


@pytest.mark.parametrize("name", NAMES)
def test_colours_come_from_the_style_sheet(draw: dict[str, Callable[[], str]], name: str) -> None:
    svg = draw[name]()
    assert not re.search(r"(?:fill|stroke): #[0-9a-f]{6}", svg)
    assert "var(--" in svg
    assert "<style" not in svg


def test_ids_are_unique_over_all_figures(draw: dict[str, Callable[[], str]]) -> None:
    ids = [found for name in NAMES for found in re.findall(r'\bid="([^"]+)"', draw[name]())]
    assert len(ids) == len(set(ids))


def test_what_refers_to_an_id_finds_it(draw: dict[str, Callable[[], str]]) -> None:
    svg = draw["failures"]()
    referred = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert referred
    assert referred <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_the_curve_names_the_number_of_tags_never_seen(vocab: Vocabulary) -> None:
    assert "2 never seen" in words(figures.draw_tag_curve(summarise_tags({0: 2, 1: 2, 2: 1}, vocab)))


def test_without_a_vocabulary_the_curve_ends_with_the_tags_seen() -> None:
    assert not any("never" in word for word in words(figures.draw_tag_curve(summarise_tags({0: 2, 1: 2, 2: 1}, None))))


def test_failures_carry_their_numbers_largest_on_top(draw: dict[str, Callable[[], str]]) -> None:
    svg = draw["failures"]()
    heights = {element.text: float(element.get("y") or 0) for element in ET.fromstring(svg).iter(TEXT)}
    assert heights["http_404"] < heights["dns"]
    assert "1,234" in words(svg)


@pytest.mark.parametrize("cause", ["$x^2$", "<script>alert(1)</script>", "a & b", "$", "%"])
def test_a_cause_is_shown_as_it_is(cause: str) -> None:
    svg = figures.draw_failures([(cause, 1)])
    assert cause in words(svg)
    assert "<script" not in svg


@pytest.mark.parametrize(
    "svg",
    [
        lambda: figures.draw_failures([]),
        lambda: figures.draw_tags_per_image([]),
        lambda: figures.draw_sides([], []),
        lambda: figures.draw_tag_curve(summarise_tags({}, None)),
        lambda: figures.draw_tag_curve(summarise_tags({5: 1}, None)),
        lambda: figures.draw_sides([(480, 1)], [(480, 1)]),
        lambda: figures.draw_tags_per_image([(0, 1)]),
    ],
)
def test_few_numbers_are_drawn_without_a_warning(svg: Callable[[], str], recwarn: pytest.WarningsRecorder) -> None:
    assert svg().startswith("<svg")
    assert [str(warning.message) for warning in recwarn] == []
