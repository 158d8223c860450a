"""Export of training shards to the formats of other trainers: the RAM authors' JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol, TextIO

from dataengine import io
from dataengine.addresses import list_shards
from dataengine.errors import ConfigError, ShardError, StorageError
from dataengine.shards import IMAGE_SUFFIXES, Member, is_plain_key, read_members


class Twins(Protocol):
    """What `export_ram_json` asks of a vocabulary; `dataengine.vocab.Vocabulary` is one."""

    sha256: str

    def twins(self, tag_id: int) -> tuple[int, ...]:
        """Return the ids of the tag's class, its own among them."""


@dataclass(slots=True, kw_only=True)
class ExportStats:
    """What was exported."""

    num_images: int = 0
    num_texts: int = 0
    num_without_text: int = 0
    """Samples left out: the authors' loader draws one caption of each image, and needs one."""
    num_without_tag: int = 0
    """Samples exported with an empty union_label_id: an image that shows none of the tags."""


def export_ram_json(
    root: str, output: str, *, images_dir: str | None = None, twins_of: Twins | None = None
) -> ExportStats:
    """Write the samples at `root` (what `open_shards` takes) to `output` as the RAM authors' JSON, and return the counts.

    One list of `{"image_path", "caption": [...], "parse_label_id": [[...], ...], "union_label_id": [...]}` in the order
    of shards and keys, written as it is read. `image_path` is `<shard>/<key>.jpg`; with `images_dir` the pictures are
    written there under these paths, byte for byte. Tags that are absent (state -1) are not in the list.

    Their trainer takes every tag that is not listed for a negative. With `twins_of`, the vocabulary of the shards, the
    ids of both lists are completed by their twins, so that "sitting" is no negative where "sit" is listed. Raises
    ShardError on a broken shard; nothing stands at `output` then.
    """
    stats = ExportStats()
    shards = list_shards(root)
    with io.staging_dir(str(Path(output).parent) if not io.is_remote(output) else output) as staging:
        path = staging / "export.json"
        try:
            with path.open("w", encoding="utf-8") as stream:
                _write_list(_iter_items(shards, images_dir, twins_of, stats), stream)
        except OSError as error:
            raise StorageError(f"cannot write {output}: {error.strerror or error}") from error
        io.commit_file(path, output)
    return stats


def _write_list(items: Iterator[dict[str, Any]], stream: TextIO) -> None:
    """Write a JSON list, an item a line."""
    separator = "[\n"
    for item in items:
        stream.write(separator + json.dumps(item, ensure_ascii=False, allow_nan=False))
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def _iter_items(
    shards: list[str], images_dir: str | None, twins_of: Twins | None, stats: ExportStats
) -> Iterator[dict[str, Any]]:
    for url in shards:
        name = url.rsplit("/", 1)[-1].removesuffix(".tar")
        for key, group in groupby(read_members(url), key=attrgetter("key")):
            triplet, picture = _split_sample(key, list(group), url)
            _check_vocabulary(triplet, twins_of, url)
            item = to_ram_item(triplet, f"{name}/{key}.{picture.suffix}", twins_of)
            if not item["caption"]:
                stats.num_without_text += 1
                continue
            if images_dir is not None:
                _write_picture(picture, io.join(images_dir, item["image_path"]))
            stats.num_images += 1
            stats.num_texts += len(item["caption"])
            stats.num_without_tag += not item["union_label_id"]
            yield item


def to_ram_item(triplet: Mapping[str, Any], image_path: str, twins_of: Twins | None = None) -> dict[str, Any]:
    """Return a `triplet/1` object as an item of the authors' list."""
    texts = [text for text in triplet["texts"] if text["drop"] is None]
    tags = [tag["id"] for tag in triplet["tags"] if tag["state"] == 1 and tag["drop"] is None]
    return {
        "image_path": image_path,
        "caption": [text["text"] for text in texts],
        "parse_label_id": [_with_twins(text["tags"], twins_of) for text in texts],
        "union_label_id": _with_twins(tags, twins_of),
    }


def _with_twins(tag_ids: list[int], twins_of: Twins | None) -> list[int]:
    if twins_of is None:
        return list(tag_ids)
    return sorted({twin for tag_id in tag_ids for twin in twins_of.twins(tag_id)})


def _split_sample(key: str, members: list[Member], url: str) -> tuple[dict[str, Any], Member]:
    """Return the object and the picture of a sample; the picture is not decoded. Raises ShardError."""
    objects = [member for member in members if member.suffix == "json"]
    pictures = [member for member in members if member.suffix in IMAGE_SUFFIXES]
    if len(objects) != 1 or len(pictures) != 1 or not is_plain_key(key):
        raise ShardError(f"{url}: sample {key!r} is not one picture and one JSON under a plain key; verify the shards")
    try:
        triplet = json.loads(objects[0].data)
        to_ram_item(triplet, "")
    except (ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{url}: sample {key!r} is no triplet/1 object: {error!r}; verify the shards") from error
    return triplet, pictures[0]


def _check_vocabulary(triplet: Mapping[str, Any], twins_of: Twins | None, url: str) -> None:
    if twins_of is not None and triplet["vocab"]["sha256"] != twins_of.sha256:
        raise ConfigError(
            f"{url} has tags of {triplet['vocab']['name']!r}, not of the vocabulary given for its twins; "
            "export shards of one vocabulary at a time"
        )


def _write_picture(picture: Member, url: str) -> None:
    if io.is_remote(url):
        io.commit_bytes(picture.data, url)
        return
    try:
        Path(url).parent.mkdir(parents=True, exist_ok=True)
        Path(url).write_bytes(picture.data)
    except OSError as error:
        raise StorageError(f"cannot write {url}: {error.strerror or error}") from error
