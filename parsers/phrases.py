"""The parser's word lists: blockers.tsv, compounds.tsv, known_names.tsv (phrases that stop a match), scope.tsv (what bounds a negation), graph_words.tsv."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from dataengine.errors import ConfigError

Effect: TypeAlias = Literal[
    "swallow", "name", "negate", "negate_phrase", "negate_back", "compare", "suppose", "suppose_phrase", "suppose_word"
]
ScopeRole: TypeAlias = Literal["end", "end_after_word", "pass"]
GraphRole: TypeAlias = Literal[
    "place_noun",
    "measure",
    "arrangement",
    "material",
    "colour",
    "shade",
    "container",
    "place_participle",
    "plural_name",
    "part",
    "limb",
    "having",
    "sport",
    "participle",
    "transitive",
    "indefinite",
    "verbal_noun",
    "command",
    "takes_to",
    "stranded",
]


_EFFECTS = get_args(Effect)
_COMPOUND_FILES = (("compounds.tsv", "swallow"), ("known_names.tsv", "name"))


class Blocker(NamedTuple):
    """A phrase that gives no tag of its own.

    swallow: its words give nothing but what `gives` names. name: the same where they are written with capitals ("Red Wings",
    not "red wings"). negate: what follows is not there, up to the end of its clause.
    negate_phrase: the same, but a participle ends it ("a man without a hat riding a horse"). compare: the same for what
    something only looks like ("like a cat"). suppose, suppose_phrase: the two reaches for what is only thought of ("as if",
    "waiting for the bus"); suppose_word: its first word alone ("wants to jump"). negate_back: what its clause said before is
    not there ("batteries not included").
    """

    words: tuple[str, ...]
    effect: Effect
    gives: tuple[str, ...]
    group: str


@functools.cache
def load_blockers() -> tuple[Blocker, ...]:
    """Return the rows of blockers.tsv. Raises ConfigError where a row is not of the file's form."""
    return tuple(_blocker(row) for row in table_rows("blockers.tsv"))


@functools.cache
def load_compounds() -> Mapping[str, list[str]]:
    """Return first word -> rows of compounds.tsv and known_names.tsv, each with its effect as a last cell.

    They are many, and a caption needs few: `read_compound` reads a row.
    """
    found: dict[str, list[str]] = {}
    for name, effect in _COMPOUND_FILES:
        text = (resources.files("dataengine.parsers") / name).read_text(encoding="utf-8")
        for line in text.splitlines()[1:]:
            found.setdefault(line.partition(" ")[0], []).append(f"{line}\t{effect}")
    return found


def read_compound(row: str) -> Blocker:
    """Return what a row of `load_compounds` says. Raises ConfigError where it is not of its file's form."""
    phrase, given, group, effect = row.split("\t")
    return _blocker({"phrase": phrase, "effect": effect, "gives": given, "group": group})


@functools.cache
def load_scope() -> Mapping[str, ScopeRole]:
    """Return word -> role of scope.tsv: what ends a negation, at once or after its first word, and what it passes over."""
    return {row["word"]: cast(ScopeRole, row["role"]) for row in table_rows("scope.tsv")}


@functools.cache
def load_graph_words(role: GraphRole) -> frozenset[str]:
    """Return the words of graph_words.tsv that have a role in scene graphs.

    place_noun: makes a preposition ("on the side of"). measure: counts or shows what follows "of" ("a group of people").
    material, colour: modify the noun that they stand before. shade: "dark" in "dark green". container: holds what follows
    "of". place_participle: "by" after it is a place ("parked by the wall"). plural_name: a plural that names one thing ("scissors").
    arrangement: a measure that is seen itself ("a line of trees"). part: what the noun before it has ("cow head"). limb: "left" and
    "right" belong to its name. having: with -ed, what the noun after it has ("sleeved"). sport: names what it stands before
    ("tennis ball"). participle: what the noun before it does, also where it is read as a noun ("zebra grazing"). verbal_noun: an
    -ing that is a thing ("building"). command: a verb that may open a sentence. transitive: a verb that wants an object.
    indefinite: a pronoun for a person. takes_to: has a noun after its "to" ("next to", "attached to"). stranded: a preposition that may
    end a clause, its noun in front ("the man is sitting on").
    """
    return frozenset(row["word"] for row in table_rows("graph_words.tsv") if row["role"] == role)


def _blocker(row: dict[str, str]) -> Blocker:
    phrase, effect, given, group = row["phrase"], row["effect"], row["gives"], row["group"]
    words = tuple(phrase.split(" "))
    if effect not in _EFFECTS or not phrase or not group:
        raise ConfigError(f"blockers.tsv: {phrase!r} needs an effect ({', '.join(_EFFECTS)}) and a group")
    gives = tuple(form.strip() for form in given.split(",")) if given else ()
    if unknown := [form for form in gives if not position_in(words, tuple(form.split(" ")))]:
        raise ConfigError(f"blockers.tsv: {phrase!r} does not contain {unknown[0]!r}, which it should give")
    return Blocker(words, cast(Effect, effect), gives, group)


def position_in(words: tuple[str, ...], part: tuple[str, ...]) -> tuple[int, int] | None:
    """Return the half-open range of words at which `part` stands in `words`, or None."""
    for start in range(len(words) - len(part) + 1):
        if words[start : start + len(part)] == part:
            return start, start + len(part)
    return None


def table_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table in this folder as column -> cell; a missing cell is empty.

    Raises ConfigError for a row with more cells than there are columns.
    """
    text = (resources.files("dataengine.parsers") / name).read_text(encoding="utf-8")
    header, *lines = text.splitlines()
    columns = header.split("\t")
    rows = []
    for line in lines:
        cells = line.split("\t")
        if len(cells) > len(columns):
            raise ConfigError(f"{name}: {line!r} has {len(cells)} cells; there are {len(columns)} columns")
        rows.append(dict(zip(columns, cells + [""] * (len(columns) - len(cells)), strict=True)))
    return rows
