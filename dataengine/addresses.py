"""The addresses of a data set's shards: a tar, a folder, a pattern, on a local disk, on s3:// or on the web."""

from __future__ import annotations

import fnmatch
import glob
import json
import re
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

from dataengine import io
from dataengine.errors import ConfigError, ShardError

MANIFEST_NAME = "manifest.json"

_BRACES = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MAX_RANGE = 10_000_000  # shards; a larger range is a slip of the pen


def list_shards(url: str) -> list[str]:
    """Return the addresses of the shards that `url` names, in order. Raises ShardError where there are none."""
    urls = [found for pattern in expand_braces(url) for found in _expand(pattern)]
    if not urls:
        raise ShardError(f"no shards at {url}: give a .tar, a folder that holds some, or a pattern; is the bake done?")
    return urls


def expand_braces(pattern: str) -> list[str]:
    """Return `pattern` with every `{00000..00003}` and `{a,b}` written out. Raises ConfigError on an empty range."""
    parts = _BRACES.split(pattern)
    choices = [_choices(part, pattern) if index % 2 else [part] for index, part in enumerate(parts)]
    return ["".join(choice) for choice in product(*choices)]


def shards_dir(url: str) -> str:
    """Return the folder of a data set's manifest: `url` itself or `url`/shards. Raises ShardError without a manifest."""
    for directory in (io.join(url, "shards"), url.rstrip("/")):
        if io.exists(io.join(directory, MANIFEST_NAME)):
            return directory
    raise ShardError(f"no {MANIFEST_NAME} in {url} or {url}/shards; run `dataengine bake ROOT` first")


def _choices(body: str, pattern: str) -> list[str]:
    bounds = _RANGE.fullmatch(body)
    if bounds is None:
        return body.split(",")
    first, last = int(bounds[1]), int(bounds[2])
    if not first <= last < first + _MAX_RANGE:
        raise ConfigError(f"{{{body}}} in {pattern} is no range; write {{00000..00099}}, smaller number first")
    return [f"{number:0{len(bounds[1])}d}" for number in range(first, last + 1)]


def _expand(url: str) -> list[str]:
    """Return the shards that one address without braces names."""
    if url.startswith(("http://", "https://")):
        return [url] if urlsplit(url).path.endswith(".tar") else _listed_in_manifest(url)
    if not io.is_remote(url) and Path(url).is_file():
        return [url]
    if any(sign in url for sign in "*?[") and not (not io.is_remote(url) and Path(url).is_dir()):
        return _match(url)
    if url.endswith(".tar"):
        if not io.exists(url):
            raise ShardError(f"no shard at {url}; give a file, a folder or a pattern that is there")
        return [url]
    for directory in (io.join(url, "shards"), url):
        if names := io.list_files(directory, ".tar"):
            return [io.join(directory, name) for name in names]
    return []


def _match(pattern: str) -> list[str]:
    if not io.is_remote(pattern):
        return sorted(path for path in glob.glob(pattern) if Path(path).is_file())  # noqa: PTH207 - takes absolute patterns
    directory, _, name = pattern.rpartition("/")
    return [io.join(directory, found) for found in io.list_files(directory) if fnmatch.fnmatchcase(found, name)]


def _listed_in_manifest(url: str) -> list[str]:
    """Return the shards that the manifest of a folder on the web lists: http has no listing of its own."""
    directory = shards_dir(url)
    listed = json.loads(io.read_bytes(io.join(directory, MANIFEST_NAME)))
    return [io.join(directory, shard["name"]) for shard in listed["shards"]]
