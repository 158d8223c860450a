"""Names of sources, strict for a command line and lenient for files."""

from __future__ import annotations

import pytest

from dataengine.errors import ConfigError
from dataengine.parsers.source_rules import resolve_source, source_rules


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        (None, ("plain", True)),
        ("", ("plain", True)),
        ("coco", ("coco", True)),
        (" CC12M ", ("cc12m", True)),
        ("laion", ("alt", True)),
        ("url_list", ("alt", True)),
        ("flickr", ("plain", False)),
    ],
)
def test_resolve_source(value: str | None, resolved: tuple[str, bool]) -> None:
    assert resolve_source(value) == resolved


def test_source_rules_refuses_what_it_does_not_know() -> None:
    assert source_rules("laion") is source_rules("alt")
    with pytest.raises(ConfigError, match="'flickr'"):
        source_rules("flickr")
