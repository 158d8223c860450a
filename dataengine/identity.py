"""One function each for a sample's uid, a URL's normal form and a Flickr photo's id: plan, de-duplication and takedown agree."""

from __future__ import annotations

import functools
import hashlib
import re
from urllib.parse import urlsplit, urlunsplit

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_FLICKR_HOST = re.compile(r"(?:^|\.)(?:static\.?flickr|staticflickr)\.com$")
_FLICKR_PATH = re.compile(r"/(\d{5,})_[0-9a-z]+(?:_[a-z0-9]{1,2})?\.\w+$", re.IGNORECASE)


@functools.lru_cache(maxsize=64)  # a row's uid, its key and the test for another address ask for the same one
def normalise_url(url: str) -> str:
    """Return `url` with scheme and host in lower case, without default port and fragment, percent-codes in upper case.

    The query is kept: image servers put sizes and ids there.
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    userinfo, at, host = parts.netloc.rpartition("@")
    host = host.lower().removesuffix(_DEFAULT_PORTS.get(scheme, "\0"))
    path, query = (_PERCENT.sub(lambda code: code[0].upper(), part) for part in (parts.path or "/", parts.query))
    return urlunsplit((scheme, userinfo + at + host, path, query, ""))


def make_uid(dataset: str, identity: str) -> str:
    """Return `<dataset>-` and 16 hex digits of sha256 over dataset, NUL, and the official id or the normalised URL."""
    digest = hashlib.sha256(f"{dataset}\0{identity}".encode()).hexdigest()
    return f"{dataset}-{digest[:16]}"


def flickr_photo_id(url: str) -> str | None:
    """Return the photo id in a Flickr image address (`server/PHOTOID_secret[_size].jpg`), or None."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not _FLICKR_HOST.search(parts.netloc.lower()):
        return None
    match = _FLICKR_PATH.search(parts.path)
    return match[1] if match else None
