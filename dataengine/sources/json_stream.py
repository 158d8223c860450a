"""Items of a large JSON file, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dataengine.errors import AnnotationsError
from dataengine.extras import require
from dataengine.sources.annotation_files import CountingReader, open_annotations


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


def _has_list(path: str, prefix: str) -> bool:
    target = (prefix.removesuffix("item").removesuffix("."), "start_array")
    with open_annotations(path) as stream:
        return any((where, event) == target for where, event, _ in require("ijson", "build").parse(stream))


def _describe(prefix: str) -> str:
    return "at its top" if prefix == "item" else f"under {prefix.removesuffix('.item')!r}"
