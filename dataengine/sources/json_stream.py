"""Items of a large JSON file, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dataengine.errors import AnnotationsError
from dataengine.extras import require
from dataengine.records import CaptionRecord, RejectedRow
from dataengine.sources.annotation_files import CountingReader, file_name, open_annotations
from dataengine.sources.rows import BadRow, mapping


def stream_items(path: str, prefix: str) -> Iterator[Any]:
    """Yield the items at `prefix` ("item" for a list at the top, "images.item" for `{"images": [...]}`) in order.

    Raises:
        AnnotationsError: the JSON is broken (what came before it was yielded), or holds no list at `prefix`.
    """
    ijson = require("ijson", "build")
    found = False
    with open_annotations(path) as stream:
        reader = CountingReader(stream)
        try:
            for item in ijson.items(reader, prefix, use_float=True):
                found = True
                yield item
        except (ijson.JSONError, UnicodeDecodeError, OverflowError) as error:
            cause = " ".join(str(error).split())[:200]
            raise AnnotationsError(
                f"{path} is broken JSON near byte {reader.position}: {cause}; download it again"
            ) from error
    if not found and not _has_list(path, prefix):
        raise AnnotationsError(f"{path} holds no list {_describe(prefix)}; it is not the file that its name says")


def read_rows(
    path: str, prefix: str, read: Callable[[Mapping[str, Any]], Iterable[CaptionRecord | BadRow]]
) -> Iterator[CaptionRecord | RejectedRow]:
    """Yield what `read` makes of each object at `prefix`; a BadRow that it yields or raises becomes a RejectedRow."""
    name = file_name(path)
    for index, item in enumerate(stream_items(path, prefix)):
        where = f"{name}#{prefix.removesuffix('item')}{index}"
        try:
            for result in read(mapping(item)):
                yield result.at(where) if isinstance(result, BadRow) else result
        except BadRow as problem:
            yield problem.at(where)


def _has_list(path: str, prefix: str) -> bool:
    target = (prefix.removesuffix("item").removesuffix("."), "start_array")
    with open_annotations(path) as stream:
        return any((where, event) == target for where, event, _ in require("ijson", "build").parse(stream))


def _describe(prefix: str) -> str:
    return "at its top" if prefix == "item" else f"under {prefix.removesuffix('.item')!r}"
