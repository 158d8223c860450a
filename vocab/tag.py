"""What a vocabulary is made of: tags, their kinds, and the surface forms that name them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from dataengine.records import Rule

Kind: TypeAlias = Literal["object", "person", "animal", "food", "scene", "attribute", "action", "event", "abstract"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Every tag has exactly one of these; docs/vocabulary.md gives the rule for each."""

_SEPARATORS = re.compile(r"[\s\-‐‑‒–]+")  # white space and every hyphen-like dash


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: its id (the 0-based row of the list), printed name, decision threshold, kind, and Chinese name."""

    id: int
    name: str
    threshold: float
    kind: Kind
    name_zh: str | None = None


@dataclass(frozen=True, slots=True)
class SurfaceForm:
    """The canonical tag that a surface form names, and how the form came about (`dataengine.records.Rule`)."""

    tag_id: int
    origin: Rule


def normalise(surface: str) -> str:
    """Return `surface` in lower case, its words joined by one space: white space and hyphens separate words."""
    text = surface if surface.isascii() else unicodedata.normalize("NFKC", surface).replace("’", "'")
    return _SEPARATORS.sub(" ", text.lower()).strip()
