"""A row's fields: taken, checked, turned into texts and records. What is wrong with a row is why it is rejected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dataengine.identity import make_uid
from dataengine.records import CaptionRecord, RejectedRow, Text, TextKind
from dataengine.sources.web_addresses import address_keys, uid_identity, web_url

_MAX_VALUE_CHARS = 160
_MAX_SIDE = 1 << 24
"""Pixels; beyond it a width or height is a slip, and it would not fit the tables."""
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


class BadRow(Exception):
    """Why a row gives no record; caught where the row is read and counted as a RejectedRow."""

    def __init__(self, reason: str, value: object = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value

    def at(self, where: str) -> RejectedRow:
        """Return the rejected row, its value shortened."""
        value = self.value if isinstance(self.value, str) else repr(self.value)
        return RejectedRow(_encodable(where), self.reason, _encodable(value[:_MAX_VALUE_CHARS]))


def _encodable(text: str) -> str:
    """Return `text` with what UTF-8 has no bytes for, such as the name of a file in another encoding, escaped."""
    return text.encode(errors="backslashreplace").decode()


def file_name_field(name: str) -> str:
    """Return the name of a file or member. Raises BadRow `name_not_utf8`: no table could hold its address."""
    if _encodable(name) != name:
        raise BadRow("name_not_utf8", name)
    return name


def mapping(row: object) -> Mapping[str, Any]:
    """Return `row` where it is a JSON object. Raises BadRow."""
    if not isinstance(row, Mapping):
        raise BadRow("not_an_object", row)
    return row


def text_field(row: Mapping[str, Any], name: str) -> str:
    """Return the string `row[name]`. Raises BadRow `missing_field:<name>` where it is absent or no string."""
    value = row.get(name)
    if not isinstance(value, str):
        raise BadRow(f"missing_field:{name}", row)
    return valid_text(value)


def number_field(row: Mapping[str, Any], *names: str) -> int:
    """Return the whole number under the first of `names` that is there. Raises BadRow named after the first."""
    for name in names:
        value = optional_number(row.get(name))
        if value is not None:
            return value
    raise BadRow(f"missing_field:{names[0]}", row)


def optional_number(value: object) -> int | None:
    """Return `value` as a whole number (640, 640.0, "640"), or None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}(?:\.0)?", value.strip()):
        return int(value.strip().removesuffix(".0"))
    return None


def image_side(value: object) -> int | None:
    """Return `value` as a side in pixels; None, an unknown side, where it is no number or no picture is that large."""
    number = optional_number(value)
    return number if number is not None and 0 < number <= _MAX_SIDE else None


def valid_text(value: str) -> str:
    """Return `value` with halves of surrogate pairs, which JSON allows and UTF-8 does not, joined or replaced."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def make_text(original: str, *, kind: TextKind, by: str, source: str, region: int | None = None) -> Text:
    """Return the text. Raises BadRow `empty_caption` where nothing but white space is in it."""
    if not original.strip():
        raise BadRow("empty_caption", original)
    return Text(original=original, kind=kind, by=by, source=source, region=region)


def read_texts(values: object, name: str, *, kind: TextKind, by: str, source: str) -> tuple[list[Text], list[BadRow]]:
    """Return the texts in `values`, a string or a list of them, and what is wrong with the others.

    Raises:
        BadRow: `missing_field:<name>` where `values` is neither.
    """
    entries = values if isinstance(values, list) else [values]
    if not entries or not (isinstance(values, (str, list))):
        raise BadRow(f"missing_field:{name}", values)
    texts: list[Text] = []
    problems: list[BadRow] = []
    for entry in entries:
        try:
            texts.append(make_text(text_field({name: entry}, name), kind=kind, by=by, source=source))
        except BadRow as problem:
            problems.append(problem)
    return texts, problems


def checked_hash(value: object, digits: int) -> str | None:
    """Return a sha256 (64 digits) or md5 (32) in lower case, None where the cell is empty. Raises BadRow `bad_hash`."""
    text = "" if value is None else str(value).strip().strip('"')
    if text.lower() in ("", "none", "null", "nan"):
        return None
    if not (_SHA256 if digits == 64 else _MD5).fullmatch(text):
        raise BadRow("bad_hash", text)
    return text.lower()


def accepted_url(value: str) -> str:
    """Return the http(s) address in `value`, quoted. Raises BadRow `bad_url`."""
    url = web_url(value)
    if url is None:
        raise BadRow("bad_url", value)
    return url


def web_record(dataset: str, url: str, source_id: str | None = None, **facts: Any) -> CaptionRecord:
    """Return the record of an image known by its address; its uid comes from the id or, without one, the URL."""
    accepted = accepted_url(url)
    return CaptionRecord(
        uid=make_uid(dataset, source_id if source_id is not None else uid_identity(accepted)),
        dataset=dataset,
        source_id=source_id,
        url=accepted,
        same_as=address_keys(accepted),
        **facts,
    )


def dataset_name(name: str) -> str:
    """Return `name` as a data set's name: lower-case letters, digits and underscores."""
    return _NOT_IN_NAMES.sub("_", name.lower()).strip("_") or "images"
