"""What is peculiar to a caption's source, as data: which phrase groups of blockers.tsv apply to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dataengine.errors import ConfigError

DEFAULT_SOURCE = "plain"


@dataclass(frozen=True, slots=True)
class SourceRules:
    """How captions of one source are read. `groups` are the values of the `group` column of blockers.tsv that apply.

    common: everywhere. sentence: where articles are written, so that "to watch" is a verb and not "next to watch".
    web: shop and stock-photo talk.
    """

    name: str
    groups: frozenset[str]


_PHRASES = frozenset({"common"})
_SENTENCES = frozenset({"common", "sentence"})
_WEB = frozenset({"common", "sentence", "web"})

SOURCE_RULES: Mapping[str, SourceRules] = MappingProxyType(
    {
        "plain": SourceRules("plain", _SENTENCES),
        "coco": SourceRules("coco", _SENTENCES),
        "vg": SourceRules("vg", _PHRASES),
        "sbu": SourceRules("sbu", _SENTENCES),
        "cc3m": SourceRules("cc3m", _SENTENCES),
        "cc12m": SourceRules("cc12m", _WEB),
        "alt": SourceRules("alt", _WEB),
    }
)
"""The sources by name; a new one is a line here."""

ALIASES: Mapping[str, str] = MappingProxyType({"laion": "alt", "url_list": "alt"})
"""Other names of a source."""


def source_rules(source: str | None) -> SourceRules:
    """Return the rules of `source` (None: plain). Raises ConfigError, which lists the known sources."""
    name, known = resolve_source(source)
    if not known:
        raise ConfigError(f"no caption source named {source!r}; known: {', '.join([*SOURCE_RULES, *ALIASES])}")
    return SOURCE_RULES[name]


def resolve_source(value: str | None) -> tuple[str, bool]:
    """Return the source that `value` names, and whether it is known; an unknown one is read as plain, none is plain."""
    name = (value or DEFAULT_SOURCE).strip().lower() or DEFAULT_SOURCE
    name = ALIASES.get(name, name)
    return (name, True) if name in SOURCE_RULES else (DEFAULT_SOURCE, False)
