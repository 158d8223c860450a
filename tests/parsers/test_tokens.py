"""One tokenisation for captions and surface forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.parsers.tokens import joins, split_words, tokenise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The boy's hat", ["the", "boy", "s", "hat"]),
        ("T-shirt, close-up", ["t", "shirt", "close", "up"]),
        ("it isn't 3D", ["it", "isn't", "3d"]),
        ("IMG_0042.jpg", ["img", "0042", "jpg"]),
        ("a <PERSON>'s dog", ["a", "<person>", "s", "dog"]),
        ("Zoë's café", ["zoë", "s", "café"]),
        ("", []),
        ("!!! \U0001f600", []),
    ],
)
def test_tokenise(text: str, words: list[str]) -> None:
    assert tokenise(text).words == words
    assert list(split_words(text)) == words


@given(st.text())
def test_offsets_slice_to_the_words(text: str) -> None:
    words, starts, ends = tokenise(text)
    assert [text[start:end].lower() for start, end in zip(starts, ends, strict=True)] == words


@pytest.mark.parametrize(
    ("between", "joined"),
    [(" ", True), ("-", True), (" - ", True), ("'", True), (", ", False), (". ", False), ("/", False)],
)
def test_joins(between: str, joined: bool) -> None:
    text = f"hot{between}dog"
    assert joins(text, 3, 3 + len(between)) is joined
