"""shards/manifest.json: which shards make the data set, their hashes and counts, and what it was made with.

It holds no time and no host, so that equal inputs give equal bytes wherever they are baked.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dataengine import __version__, io
from dataengine.addresses import MANIFEST_NAME
from dataengine.bake import read_commit, require_plan
from dataengine.errors import ShardError
from dataengine.pictures import fetched_shards, recorded_shards
from dataengine.shards import SCHEMA
from dataengine.stage import unit_name

PACKAGES = ("img2dataset", "numpy", "opencv-python-headless", "pillow", "pyarrow", "spacy", "webdataset")
"""Whose versions may change what a shard holds."""
_READING_THREADS = 8
_TOTALS = ("num_samples", "num_bytes", "num_texts", "num_tags", "num_regions", "dropped_boxes")
_COUNTERS = ("texts_by_kind", "samples_by_dataset", "dropped")


def write_manifest(root: str) -> dict[str, Any]:
    """Write shards/manifest.json from the plan and the commit records of `root`, and return it.

    Raises ShardError where fetched shards are not baked, or were baked for another vocabulary or with other options.
    """
    plan = require_plan(root)
    commits = _read_commits(root)
    _check_agreement(commits, plan["vocabulary"])
    listed = {shard_id: commit for shard_id, commit in commits.items() if commit["num_samples"]}
    manifest = {
        "schema": SCHEMA,
        "vocabulary": plan["vocabulary"],
        "parser_sha256": plan.get("parser_sha256"),
        "configuration": {
            **{name: plan.get(name) for name in ("options", "shard_size", "sources")},
            "fetch": _fetch_options(root, list(commits)),
            "bake": next((commit["options"] for commit in commits.values()), None),
        },
        "versions": _versions(),
        "totals": {"num_shards": len(listed), **_sum_up(list(commits.values()))},
        "shards": [_describe(shard_id, commit) for shard_id, commit in listed.items()],
    }
    data = json.dumps(manifest, ensure_ascii=False, allow_nan=False, sort_keys=True, indent=1) + "\n"
    io.commit_bytes(data.encode(), io.join(root, "shards", MANIFEST_NAME))
    return manifest


def _read_commits(root: str) -> dict[int, dict[str, Any]]:
    """Return the commit record of every shard that is planned and fetched."""
    ready = sorted(set(recorded_shards(root)) & set(fetched_shards(root)))
    with ThreadPoolExecutor(_READING_THREADS) as pool:
        commits = dict(zip(ready, pool.map(partial(read_commit, root), ready), strict=True))
    if missing := [unit_name(shard_id) for shard_id, commit in commits.items() if commit is None]:
        raise ShardError(f"not baked: {_some(missing)}; run `dataengine bake {root}`")
    return {shard_id: commit for shard_id, commit in commits.items() if commit is not None}


def _fetch_options(root: str, shard_ids: list[int]) -> list[dict[str, Any]]:
    """Return with which options the pictures were stored: one set, or more where a relaunch had others."""

    def read(shard_id: int) -> str:
        url = io.join(root, "images", f"{unit_name(shard_id)}_stats.json")
        try:
            return json.dumps(json.loads(io.read_bytes(url)).get("options"), sort_keys=True)
        except (ValueError, AttributeError) as error:
            raise ShardError(
                f"{url} is not a fetched shard's statistics: {error}; remove it and fetch again"
            ) from error

    with ThreadPoolExecutor(_READING_THREADS) as pool:
        return [json.loads(options) for options in sorted(set(pool.map(read, shard_ids))) if options != "null"]


def _check_agreement(commits: dict[int, dict[str, Any]], vocabulary: dict[str, str]) -> None:
    """Raise ShardError where the shards do not make one data set."""
    others = [unit_name(shard_id) for shard_id, commit in commits.items() if commit["vocab"] != vocabulary]
    if others:
        raise ShardError(f"baked for another vocabulary than {vocabulary['name']}: {_some(others)}; bake them again")
    options = {json.dumps(commit["options"], sort_keys=True) for commit in commits.values()}
    if len(options) > 1:
        raise ShardError(f"shards were baked with different options: {' and '.join(sorted(options))}; bake them again")


def _describe(shard_id: int, commit: dict[str, Any]) -> dict[str, Any]:
    counts = {name: commit[name] for name in ("sha256", "num_bytes", "num_samples")}
    return {"name": f"{unit_name(shard_id)}.tar", **counts}


def _sum_up(commits: list[dict[str, Any]]) -> dict[str, Any]:
    totals: dict[str, Any] = {name: sum(commit[name] for commit in commits) for name in _TOTALS}
    for name in _COUNTERS:
        totals[name] = dict(sum((Counter(commit[name]) for commit in commits), Counter()))
    tags = {tag_id for commit in commits for tag_id in commit["tag_counts"]}
    return totals | {"num_distinct_tags": len(tags)}


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"dataengine": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
