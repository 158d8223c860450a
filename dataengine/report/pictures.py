"""A handful of samples from the shards to look at: the same ones every time, taken by key and spread over data sets and shards."""

from __future__ import annotations

import base64
import io as bytesio
import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from PIL import Image

from dataengine import io
from dataengine.errors import DataEngineError
from dataengine.report.documents import ShardSummary
from dataengine.report.tags import tag_name
from dataengine.shards import IMAGE_SUFFIXES, Member, decode_image, read_members
from dataengine.vocab import Vocabulary

logger = logging.getLogger(__name__)

NUM_PICTURES = 48
THUMBNAIL_SIZE = (240, 300)
"""Pixels that a thumbnail is wide and high at most."""
JPEG_QUALITY = 82
_SHARDS_A_DATASET = 3
_MAX_TEXTS = 5
_MAX_TAGS = 24
_MAX_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class ShownText:
    """A text of a picture; `number` is its 1-based place in the sample, by which its tags cite it."""

    number: int
    text: str
    kind: str
    by: str
    drop: str | None


@dataclass(frozen=True, slots=True)
class ShownTag:
    """A tag of a picture and who claims it: 1-based numbers of texts, and the names of the others."""

    name: str
    state: int
    texts: tuple[int, ...]
    others: tuple[str, ...]
    score: float | None
    drop: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A sample as the page shows it."""

    key: str
    dataset: str
    source_id: str | None
    url: str | None
    """Where the picture came from; None unless http(s), so that no stranger's link runs anything."""
    license: str | None
    width: int
    height: int
    data_url: str
    """The thumbnail as a `data:` address."""
    thumbnail_size: tuple[int, int]
    texts: tuple[ShownText, ...]
    kind: str | None
    """What all texts are, None where they differ."""
    num_texts: int
    tags: tuple[ShownTag, ...]
    num_tags: int


@dataclass(frozen=True, slots=True)
class Gallery:
    """The pictures, and in words what kept others from being shown."""

    pictures: tuple[Picture, ...]
    problems: tuple[str, ...] = ()


def choose_pictures(
    root: str, shards: Sequence[ShardSummary], vocab: Vocabulary | None, num_pictures: int = NUM_PICTURES
) -> Gallery:
    """Return up to `num_pictures` samples of the `shards` of `root`.

    Every data set gets an equal share while it has samples, and takes it from the first samples of up to three of its
    shards: keys are hashes, so these are a fair draw that nobody chose. A shard that can't be read costs its pictures
    and a line in `problems`, never the page.
    """
    pictures: list[Picture] = []
    problems: list[str] = []
    for name, quota in _plan_quotas(shards, num_pictures).items():
        try:
            pictures.extend(_read_pictures(io.join(root, "shards", f"{name}.tar"), Counter(quota), vocab, problems))
        except DataEngineError as error:
            logger.warning("no pictures of shard %s: %s", name, error)
            problems.append(f"shard {name} can't be read; `dataengine verify` says why")
    return Gallery(tuple(_interleave(pictures)), tuple(problems))


# -------------------------------------------------------------------------------------------------------- selection


def _plan_quotas(shards: Sequence[ShardSummary], num_pictures: int) -> dict[str, dict[str, int]]:
    """Return shard name -> data set -> number of samples to take, in shard order."""
    totals: Counter[str] = Counter()
    for shard in shards:
        totals.update(dict(shard.samples_by_dataset))
    quotas: dict[str, dict[str, int]] = {}
    for dataset, share in share_out(num_pictures, totals).items():
        holders = {shard.name: held for shard in shards if (held := dict(shard.samples_by_dataset).get(dataset, 0))}
        for name, number in share_out(share, _pick_holders(holders, share)).items():
            quotas.setdefault(name, {})[dataset] = number
    return {shard.name: quotas[shard.name] for shard in shards if shard.name in quotas}


def _pick_holders(holders: Mapping[str, int], share: int) -> dict[str, int]:
    """Return evenly spaced shards of a data set, and more of them where those hold fewer than `share` samples."""
    names = list(holders)
    step = max(len(names) // _SHARDS_A_DATASET, 1)
    order = [*names[::step], *(name for index, name in enumerate(names) if index % step)]
    picked: dict[str, int] = {}
    for name in order:
        if len(picked) >= _SHARDS_A_DATASET and sum(picked.values()) >= share:
            break
        picked[name] = holders[name]
    return picked


def share_out(total: int, capacities: Mapping[str, int]) -> dict[str, int]:
    """Return `total` units dealt one by one over names in alphabetical order, none above its capacity."""
    shares: dict[str, int] = {}
    while total > 0 and (open_names := [name for name in sorted(capacities) if shares.get(name, 0) < capacities[name]]):
        for name in open_names[:total]:
            shares[name] = shares.get(name, 0) + 1
        total -= len(open_names[:total])
    return shares


def _interleave(pictures: Sequence[Picture]) -> Iterator[Picture]:
    """Yield one picture of each data set in turn, so that the page mixes them."""
    by_dataset: dict[str, list[Picture]] = {}
    for picture in pictures:
        by_dataset.setdefault(picture.dataset, []).append(picture)
    queues = [by_dataset[dataset] for dataset in sorted(by_dataset)]
    for turn in range(max(map(len, queues), default=0)):
        yield from (queue[turn] for queue in queues if turn < len(queue))


# ---------------------------------------------------------------------------------------------------------- reading


def _read_pictures(url: str, quota: Counter[str], vocab: Vocabulary | None, problems: list[str]) -> Iterator[Picture]:
    """Yield samples of one shard until the quota of every data set is met."""
    for key, members in groupby(read_members(url), key=attrgetter("key")):
        dataset = key.rpartition("-")[0]
        if quota[dataset] > 0:
            try:
                yield _show_sample(key, list(members), vocab)
                quota[dataset] -= 1
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                logger.warning("sample %s of %s can't be shown: %s", key, url, error)
                problems.append(f"sample {key} can't be shown; `dataengine verify` says why")
        if quota.total() <= 0:
            return


def _show_sample(key: str, members: Sequence[Member], vocab: Vocabulary | None) -> Picture:
    data = {"image" if member.suffix in IMAGE_SUFFIXES else member.suffix: member.data for member in members}
    content: dict[str, Any] = json.loads(data["json"])
    source = content["source"]
    image = decode_image(data["image"])
    data_url, thumbnail_size = _make_thumbnail(image)
    texts = [_show_text(index, text) for index, text in enumerate(content["texts"])]
    tags = [_show_tag(tag, vocab) for tag in content["tags"]]
    return Picture(
        key=key,
        dataset=source["dataset"],
        source_id=source.get("id"),
        url=_safe_link(source.get("url")),
        license=source.get("license"),
        width=content["image"]["width"],
        height=content["image"]["height"],
        data_url=data_url,
        thumbnail_size=thumbnail_size,
        texts=tuple(sorted(texts, key=lambda text: text.drop is not None)[:_MAX_TEXTS]),
        kind=texts[0].kind if len({text.kind for text in texts}) == 1 else None,
        num_texts=len(texts),
        tags=tuple(sorted(tags, key=lambda tag: (tag.drop is not None, tag.state < 0))[:_MAX_TAGS]),
        num_tags=len(tags),
    )


def _make_thumbnail(image: Image.Image) -> tuple[str, tuple[int, int]]:
    image.thumbnail(THUMBNAIL_SIZE, Image.Resampling.LANCZOS)
    sink = bytesio.BytesIO()
    image.save(sink, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(sink.getvalue()).decode(), image.size


def _show_text(index: int, text: Mapping[str, Any]) -> ShownText:
    words = text["text"]
    shown = words if len(words) <= _MAX_CHARACTERS else words[:_MAX_CHARACTERS].rstrip() + " …"
    return ShownText(index + 1, shown, text.get("kind") or "", text.get("by") or "", text.get("drop"))


def _show_tag(tag: Mapping[str, Any], vocab: Vocabulary | None) -> ShownTag:
    claimants = [claimant.partition(":") for claimant in tag.get("by") or ()]
    cited = [int(name) + 1 for how, _, name in claimants if how == "parse" and name.isdecimal()]
    others = [name or how for how, _, name in claimants if how != "parse" or not name.isdecimal()]
    return ShownTag(
        name=tag_name(vocab, tag["id"]),
        state=tag.get("state", 1),
        texts=tuple(cited),
        others=tuple(others),
        score=tag.get("score"),
        drop=tag.get("drop"),
    )


def _safe_link(url: str | None) -> str | None:
    return url if url and url.lower().startswith(("http://", "https://")) else None
