"""The types on the data's path, from a row of an annotation file to a training sample. Plain data, no behaviour.

A source yields `CaptionRecord`s (one image, some or all of its texts) and `RejectedRow`s. Planning merges the records of
one image, filters and parses its texts, and stores the same type again, now with tags.

What the parser makes several times a caption is a NamedTuple: it takes half the time of a frozen dataclass to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

TextKind: TypeAlias = Literal["human", "alt", "region", "generated"]
Rule: TypeAlias = Literal["name", "inflection", "spelling", "compound", "synonym", "relation"]
Span: TypeAlias = tuple[int, int]
"""Half-open character offsets in the caption as given."""


# ---------------------------------------------------------------------------------------------- what a parser answers


class Evidence(NamedTuple):
    """The characters of a caption that gave a tag, and the rule that read them."""

    tag_id: int
    span: Span
    rule: Rule


@dataclass(frozen=True, slots=True)
class Modifier:
    """A word that describes an entity: an adjective, a number, a participle."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that a caption names: lemmatised head noun, its modifiers, and the head's characters."""

    head: str
    span: Span
    modifiers: tuple[Modifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """`subject` and `object` index the graph's entities; `object` is None for "zebras eating"."""

    subject: int
    predicate: str
    object: int | None
    span: Span


@dataclass(frozen=True, slots=True)
class SceneGraph:
    """The entities of a caption and what it says of them."""

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()


class ParsedCaption(NamedTuple):
    """A caption, the tags that it asserts, and why.

    `tag_ids` are ascending, canonical and unique; `tags` runs parallel to them. `implied_ids` are parents that the text
    does not say, disjoint from `tag_ids`. `graph` is None where only tags were asked for.
    """

    caption: str
    tag_ids: tuple[int, ...]
    tags: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()
    implied_ids: tuple[int, ...] = ()
    graph: SceneGraph | None = None


# ------------------------------------------------------------------------------------------------ what sources yield


@dataclass(frozen=True, slots=True)
class Region:
    """A box that a data set draws: x0, y0, x1, y1 in pixels of the *annotated* image (`CaptionRecord.width/height`)."""

    box: tuple[float, float, float, float]
    by: str


@dataclass(slots=True, kw_only=True)
class Text:
    """One text about an image. `original` is what the file held; `text` is cleaned as the RAM recipe does."""

    original: str
    kind: TextKind
    by: str
    """Who wrote it: "web" for alt-text, "human" for annotators, or a model's name."""
    text: str = ""
    source: str = ""
    """The parser's source argument: coco, vg, sbu, cc3m, cc12m, alt, or plain."""
    dataset: str = ""
    """The data set that the text stands in, where an image has texts of several; set by the plan."""
    region: int | None = None
    """Index into the record's regions, for a text about a part of the picture."""
    score: float | None = None
    num_images: int = 1
    """Pictures of this plan that carry the very same text."""
    tags: list[int] = field(default_factory=list)
    implied: list[int] = field(default_factory=list)
    dropped_tags: list[int] = field(default_factory=list)
    """Tags that a policy took away (`<PERSON>`), kept for the count."""
    graph: str | None = None
    """The scene graph as a JSON string, with `plan --parser graph`."""
    drop: str | None = None
    """Why this text is not used; the name of a filter's reason."""


@dataclass(slots=True, kw_only=True)
class TagClaim:
    """One tag of an image and everyone who claims it. state: 1 present, -1 absent (absent from the list: see negatives)."""

    id: int
    state: int = 1
    by: list[str] = field(default_factory=list)
    """"parse:0" (text 0), "teacher:NAME", "labels" ..."""
    score: float | None = None
    drop: str | None = None


@dataclass(slots=True, kw_only=True)
class CaptionRecord:
    """One image: where it can be had, what is said about it, and why it was dropped, if it was.

    `uid` is set by `dataengine.identity.make_uid`. Exactly one of `url` (http or https) and `local` (a file, or a member
    of a zip or tar as `PATH!MEMBER`) says where the pixels are; only a source's code may set `local`, never a row of a
    list, so that a stranger's list can't read local files.
    """

    uid: str
    dataset: str
    source_id: str | None
    """The data set's own id of the image, as a string; None where only a URL names it."""
    url: str | None = None
    local: str | None = None
    split: str = "train"
    license: str | None = None
    width: int | None = None
    height: int | None = None
    same_as: list[str] = field(default_factory=list)
    """Identity keys shared with other data sets: "coco:391895", "flickr:4385058960", "url:<normalised>"."""
    sha256: str | None = None
    """The original bytes' published hash (CC12M's hash file)."""
    md5: str | None = None
    texts: list[Text] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    tags: list[TagClaim] = field(default_factory=list)
    negatives: Literal["closed", "open", "listed"] = "closed"
    labels: str | None = None
    """Machine labels published with the row (CC3M), as JSON: [[name, mid, confidence], ...]."""
    merged: list[str] = field(default_factory=list)
    """uids of other sources' rows that turned out to be this image."""
    drop: str | None = None
    """Why the image is not used (`karpathy_test`, `no_text`, ...)."""
    pinned: bool = False
    """True once a plan has given it to an image shard; such a row never moves."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of an annotation file that gives no record: counted under its reason, never an exception."""

    where: str
    """FILE:LINE, FILE#INDEX or FILE:KEY."""
    reason: str
    value: str = ""
    """The offending value, shortened."""


@dataclass(frozen=True, slots=True)
class ExpectedCounts:
    """What the official files hold, to hold against what was read. None: not published."""

    images: int | None
    texts: int | None
    cite: str


Sample: TypeAlias = dict[str, Any]
"""A sample of a training shard: "key", "image" (PIL.Image), "json" (the `triplet/1` object), and arrays by name."""
