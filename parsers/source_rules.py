"""What is peculiar to a caption's source, as data: which groups of blockers.tsv and senses.tsv apply, and where names are looked for."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dataengine.errors import ConfigError
from dataengine.vocab.tag import Kind

DEFAULT_SOURCE = "plain"


@dataclass(frozen=True, slots=True)
class SourceRules:
    """How captions of one source are read. `groups` are the values of the column `group` of blockers.tsv and senses.tsv that apply.

    common: everywhere. sentence: where articles are written, so that "to watch" is a verb and not "next to watch".
    talk: where people tell more than they show. chat: what one says to friends under a photograph. web: shop and
    stock-photo talk. hypernym: names replaced by kinds ("by artist"). `names`: whether words are looked at for names;
    `titles`: whether the whole text may be the title of a product or a work.
    """

    name: str
    groups: frozenset[str]
    names: bool = False
    titles: bool = False
    glued: bool = False
    """Whether sentences run into each other without a space: "with creamCovered in chocolate"."""
    unseen_kinds: frozenset[Kind] = frozenset()
    """Kinds of tags that a text of this source names without their being in the picture."""
    heads_only: frozenset[Kind] = frozenset()
    """Kinds that in a title count as its head only: a "Loft Pillow" shows no loft, a "Trucker Hat" no trucker."""


_PHRASES = frozenset({"common"})
_SENTENCES = frozenset({"common", "sentence"})
_CHAT = _SENTENCES | {"talk", "chat"}
_HYPERNYMED = _SENTENCES | {"talk", "hypernym"}
_WEB = _SENTENCES | {"talk", "web"}
_UNSEEN: frozenset[Kind] = frozenset({"abstract"})
_HEADS_ONLY: frozenset[Kind] = frozenset({"scene", "person"})

SOURCE_RULES: Mapping[str, SourceRules] = MappingProxyType(
    {
        "plain": SourceRules("plain", _SENTENCES, names=True),
        "coco": SourceRules("coco", _SENTENCES),
        "vg": SourceRules("vg", _PHRASES),
        "sbu": SourceRules("sbu", _CHAT, names=True, glued=True),
        "cc3m": SourceRules("cc3m", _HYPERNYMED),
        "cc12m": SourceRules("cc12m", _WEB, names=True, titles=True, unseen_kinds=_UNSEEN, heads_only=_HEADS_ONLY),
        "alt": SourceRules("alt", _WEB, names=True, titles=True, unseen_kinds=_UNSEEN, heads_only=_HEADS_ONLY),
    }
)
"""The sources by name; a new one is a line here."""

ALIASES: Mapping[str, str] = MappingProxyType({"laion": "alt", "url_list": "alt"})
"""Other names of a source."""


@functools.lru_cache(maxsize=64)
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
