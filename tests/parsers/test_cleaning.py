"""Cleaning keeps the way back to the caption as given."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.parsers.cleaning import clean, decode_entities, ram_caption


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        ("a plain caption, with 2 cats.", "a plain caption, with 2 cats."),
        ("a &quot;red&quot; door", 'a "red" door'),
        ("a &amp;quot;red&amp;quot; door", 'a "red" door'),
        ("fish &amp;amp; chips", "fish & chips"),
        ("caf&#233; &#x26; bar", "café & bar"),
        ("salt&pepper; R&D", "salt&pepper; R&D"),
        ("a <b>big</b> dog<br/>", "a  big  dog "),
        ("a <PERSON> with a hat", "a <PERSON> with a hat"),
        ("2 < 3 > 1", "2   3   1"),
        ("see http://example.org/cat.jpg now", "see   now"),
        ("WWW.example.org dog", "  dog"),
        ("mail jo.e@example.org a dog", "mail   a dog"),
        ("by @painter #sunset", "by    sunset"),
        ("cafe\u0301", "café"),
        ("the dog\u2019s \u201ctoy\u201d", 'the dog\'s "toy"'),
        ("a\u00a0dog\tand\x00cat", "a dog and cat"),
        ("dol\u00adphin\u200b", "dolphin"),
        ("bad \ud800 half", "bad   half"),
        ("", ""),
    ],
)
def test_clean(caption: str, text: str) -> None:
    assert clean(caption).text == text


@pytest.mark.parametrize(
    ("caption", "word", "given_word"),
    [
        ("a &amp;quot;red&amp;quot; door", "red", "red"),
        ("a &quot;red&quot; door", "door", "door"),
        ("<i>old</i> cafe\u0301 wall", "café", "cafe\u0301"),
        ("a dol\u00adphin jumps", "dolphin", "dol\u00adphin"),
        ("look: https://example.org/x a kite", "kite", "kite"),
    ],
)
def test_span_points_into_the_caption_as_given(caption: str, word: str, given_word: str) -> None:
    cleaned = clean(caption)
    start = cleaned.text.index(word)
    first, last = cleaned.span(start, start + len(word))
    assert caption[first:last] == given_word


@given(st.text())
def test_any_text_cleans_with_offsets_in_order(caption: str) -> None:
    cleaned = clean(caption)
    assert len(cleaned.offsets) == len(cleaned.text) + 1
    assert list(cleaned.offsets) == sorted(cleaned.offsets)
    assert not cleaned.offsets or (cleaned.offsets[0] >= 0 and cleaned.offsets[-1] == len(caption))
    assert "\x00" not in cleaned.text


@pytest.mark.parametrize("unit", ["<a", "&amp;", "a@", "a\u0301", "http:", "((", "\ud800", "\u200b", "#"])
def test_time_is_linear(unit: str) -> None:
    started = time.process_time()
    clean(unit * 50_000)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A Dog, sitting!  On (my) #couch...", "a dog, sitting on my couch"),
        ("Mr. &amp;quot;T&amp;quot;: 5*4~3;2", "mr t 5 4 3 2"),
        ("a <PERSON> runs", "a <person> runs"),
        (" two\nlines ", "two lines"),
        ("", ""),
    ],
)
def test_ram_caption(caption: str, expected: str) -> None:
    assert ram_caption(caption) == expected


def test_ram_caption_is_cut_at_thirty_words() -> None:
    assert ram_caption("word " * 50) == " ".join(["word"] * 30)
    assert ram_caption("one two three", max_words=2) == "one two"


def test_decode_entities_decodes_what_was_encoded_twice() -> None:
    assert decode_entities("&amp;lt;3 &lt;3 & &amp;") == "<3 <3 & &"
