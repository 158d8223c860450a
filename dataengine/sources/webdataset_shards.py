"""Existing webdataset shards, such as the mirrors of CC3M and CC12M: pictures that need no download.

Members of one sample lie side by side and share their name up to its first dot: KEY.jpg, KEY.txt, KEY.json.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

from dataengine.errors import AnnotationsError, ConfigError
from dataengine.identity import make_uid
from dataengine.records import CaptionRecord, ExpectedCounts, RejectedRow
from dataengine.sources.base import OfficialFile, SourceOptions
from dataengine.sources.local_images import is_image, tar_members
from dataengine.sources.rows import BadRow, dataset_name, file_name_field, image_side, read_texts
from dataengine.sources.web_addresses import address_keys, uid_identity, web_url

_MAX_SIDE_BYTES = 4 << 20
"""A caption or a sample's json above this is none."""
_CAPTION_FIELDS = ("caption", "text", "TEXT", "alt")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MIRRORS = {
    "cc3m": ExpectedCounts(2_905_954, 2_905_954, "pixparse/cc3m-wds, train"),
    "cc12m": ExpectedCounts(10_968_539, 10_968_539, "pixparse/cc12m-wds"),
}


class WebdatasetSource:
    """Tars of pictures, captions and json. With the address in the json, the uid is that of CC3M's or CC12M's row."""

    name: ClassVar[str] = "webdataset"
    FILES: ClassVar[tuple[OfficialFile, ...]] = (
        OfficialFile(
            "cc3m-train-{0000..0575}.tar", "https://huggingface.co/datasets/pixparse/cc3m-wds", required=False
        ),
        OfficialFile(
            "cc12m-train-{0000..2175}.tar", "https://huggingface.co/datasets/pixparse/cc12m-wds", required=False
        ),
    )

    def __init__(self, options: SourceOptions) -> None:
        """List the tars. Raises ConfigError without `shards`, AnnotationsError where none matches."""
        if not options.shards:
            raise ConfigError(
                "the webdataset source needs shards: a folder of tars, or a pattern such as cc3m-{0000..0575}.tar"
            )
        self._paths = _list_tars(options.shards)
        if not self._paths:
            raise AnnotationsError(f"webdataset: no .tar file at {options.shards}")
        self.dataset = _dataset(self._paths[0])
        self.expected: ExpectedCounts | None = _MIRRORS.get(self.dataset)

    def files(self) -> list[str]:
        """Return the tars that `records` reads, sorted."""
        return [str(path) for path in self._paths]

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record a sample. A tar that is cut short is one rejected row after the samples before the cut."""
        for path in self._paths:
            try:
                yield from self._tar_records(path)
            except AnnotationsError as error:
                yield BadRow("broken_tar", str(error)).at(path.name)

    def _tar_records(self, path: Path) -> Iterator[CaptionRecord | RejectedRow]:
        for key, members in _samples(path):
            where = f"{path.name}:{key}"
            try:
                yield from self._sample(path, key, members, where)
            except BadRow as problem:
                yield problem.at(where)

    def _sample(
        self, path: Path, key: str, members: Mapping[str, bytes | None], where: str
    ) -> Iterator[CaptionRecord | RejectedRow]:
        picture = next((name for name in members if is_image(name)), None)
        if picture is None:
            raise BadRow("no_image", ", ".join(members))
        file_name_field(picture)
        facts = _json_member(members)
        source = self.dataset if self.dataset in ("coco", "vg", "sbu", "cc3m", "cc12m") else "alt"
        texts, problems = read_texts(_caption(members, facts), "caption", kind="alt", by="web", source=source)
        yield from (problem.at(where) for problem in problems)
        if not texts:
            return
        url = web_url(facts["url"]) if isinstance(facts.get("url"), str) else None
        yield CaptionRecord(
            uid=make_uid(self.dataset, uid_identity(url) if url else f"{path.stem}/{key}"),
            dataset=self.dataset,
            source_id=None if url else f"{path.stem}/{key}",
            local=f"{path}!{picture}",
            split="validation" if "validation" in path.name else "train",
            width=image_side(facts.get("width")),
            height=image_side(facts.get("height")),
            same_as=address_keys(url) if url else [],
            texts=texts,
        )


def _list_tars(pattern: str) -> list[Path]:
    """Return the tars in a folder, or those that match a pattern with * or {0000..0575}, sorted, absolute."""
    folder = Path(pattern)
    if folder.is_dir():
        return sorted(path.absolute() for path in folder.rglob("*.tar"))
    names = {name for expanded in _expand(pattern) for name in glob.glob(expanded)}  # noqa: PTH207
    return sorted(Path(name).absolute() for name in names if name.endswith(".tar"))


def _expand(pattern: str) -> Iterator[str]:
    """Yield `pattern` with every {0000..0575} replaced by each number of its range."""
    parts = _RANGE.split(pattern)
    ranges = [
        [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        for first, last in zip(parts[1::3], parts[2::3], strict=True)
    ]
    for numbers in product(*ranges):
        yield "".join(text + number for text, number in zip(parts[::3], [*numbers, ""], strict=True))


def _dataset(path: Path) -> str:
    """Return cc12m or cc3m where the path says so, else the folder's name."""
    low = str(path).lower()
    return next((name for name in ("cc12m", "cc3m") if name in low), dataset_name(path.parent.name))


def _samples(path: Path) -> Iterator[tuple[str, dict[str, bytes | None]]]:
    """Yield (key, member name -> content) of consecutive members; pictures are passed over, their content is None."""
    key: str | None = None
    members: dict[str, bytes | None] = {}
    for info, tar in tar_members(path):
        if not info.isfile():
            continue
        folder, slash, name = info.name.rpartition("/")
        member_key = f"{folder}{slash}{name.split('.', 1)[0]}"
        if key is not None and member_key != key:
            yield key, members
            members = {}
        key = member_key
        is_side = info.name.endswith((".txt", ".json")) and info.size <= _MAX_SIDE_BYTES
        stream = tar.extractfile(info) if is_side else None
        members[info.name] = stream.read() if stream else None
    if key is not None:
        yield key, members


def _json_member(members: Mapping[str, bytes | None]) -> dict[str, Any]:
    data = next((data for name, data in members.items() if name.endswith(".json") and data), None)
    if data is None:
        return {}
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRow("broken_json", data.decode(errors="backslashreplace")) from None
    return facts if isinstance(facts, dict) else {}


def _caption(members: Mapping[str, bytes | None], facts: Mapping[str, Any]) -> object:
    """Return the caption of .txt, else of the json; None where neither has one."""
    for name, data in members.items():
        if name.endswith(".txt") and data:
            try:
                return data.decode()
            except UnicodeDecodeError:
                raise BadRow("not_utf8", data.decode(errors="backslashreplace")) from None
    return next((facts[name] for name in _CAPTION_FIELDS if facts.get(name)), "")
