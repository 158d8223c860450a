"""Web addresses as annotation files hold them, made requestable, and the identity keys that they carry."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from dataengine.identity import flickr_photo_id, normalise_url

_PLAIN = re.compile(r"https?://[a-z0-9_.-]*[a-z0-9][/?#][!-~]*", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?", re.IGNORECASE)
_ADDRESS_START = re.compile(r"\s*(?:https?:)?//\S", re.IGNORECASE)
_COCO_IMAGE = re.compile(r"/(?:train|val)20(?:14|17)/(?:COCO_(?:train|val)2014_)?0*(\d+)\.jpg$")
_KEPT = "".join(chr(code) for code in range(0x21, 0x7F))
"""Visible ASCII stays as it is: what a server was asked for when the list was made is what it knows."""


def web_url(value: str) -> str | None:
    """Return `value` as an http(s) URL: spaces and non-ASCII percent-quoted, the host in IDNA, `//host` with http.

    None for every other scheme (file, data, ftp), without a host, or with an impossible one.
    """
    if _PLAIN.fullmatch(value):
        return value
    value = value.strip()
    try:
        parts = urlsplit(f"http:{value}" if value.startswith("//") else value)
        netloc = _netloc(parts)
    except ValueError:  # a broken [IPv6] host, a port out of range, a host that IDNA refuses
        return None
    if parts.scheme not in ("http", "https") or netloc is None:
        return None
    path, query, fragment = (quote(part, safe=_KEPT) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, netloc, path, query, fragment))


def looks_like_url(value: str) -> bool:
    """Return whether `value` starts as a web address does: tells the columns of a table apart."""
    return _ADDRESS_START.match(value) is not None


def uid_identity(url: str) -> str:
    """Return what the uid of an image without an official id is made of."""
    return normalise_url(url)


def address_keys(url: str) -> list[str]:
    """Return the identity keys in `url`: the normalised URL, a Flickr photo's id, a COCO image's id."""
    keys = [f"url:{normalise_url(url)}"]
    if "flickr" in url and (photo_id := flickr_photo_id(url)):
        keys.append(f"flickr:{photo_id}")
    if "cocodataset.org/" in url and (match := _COCO_IMAGE.search(url)):
        keys.append(f"coco:{match[1]}")
    return keys


def _netloc(parts: SplitResult) -> str | None:
    """Return userinfo, host and port of `parts`. Raises ValueError (UnicodeError is one) for an impossible host."""
    host = parts.hostname
    if not host or "\\" in parts.netloc:  # a backslash: clients disagree on where the host begins
        return None
    if ":" in host:
        host = f"[{host}]"
    else:
        host = host if host.isascii() else host.encode("idna").decode()
        if not _HOST.fullmatch(host):
            return None
    userinfo, at, _ = parts.netloc.rpartition("@")
    port = "" if parts.port is None else f":{parts.port}"
    return f"{quote(userinfo, safe=_KEPT)}{at}{host}{port}"
