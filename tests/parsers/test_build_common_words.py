"""Which words count as words and not as names."""

from __future__ import annotations

import pytest

pytest.importorskip("lemminflect")

from dataengine.parsers.build_common_words import find_common_words, read_glosses, tag_words


def test_words_are_common_where_texts_write_them_small() -> None:
    texts = ["a grey kettle by Zorblat", "the kettle, the Kettle and Zorblat", "a zorblat", "we met Quux and Rome"]
    common = set(find_common_words(texts))
    assert {"kettle", "grey"} <= common
    assert not {"zorblat", "quux", "rome"} & common


def test_glosses_and_tag_names_are_texts_too() -> None:
    assert len(read_glosses()) > 10_000
    assert {"galaxy", "dog"} <= tag_words()
    assert "eiffel" not in tag_words()
