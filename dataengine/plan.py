"""The plan: from annotation files to records/, before a byte of a picture is fetched.

The driver reads the sources into a scratch database, finds out which rows show the same image, gives every image a shard
and lays the shards out; the workers filter and parse them (`dataengine.planning`). The first plan pins an image to its
shard: a later one rewrites the records, marks what it drops, and appends what is new as new shards.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from dataengine import __version__, io
from dataengine.errors import AnnotationsError, ConfigError, StorageError
from dataengine.planning import NOT_IN_PLAN, STAGED_DIR, PlanOptions, ShardPlan, is_fetched, read_pins, records_url
from dataengine.records import CaptionRecord, RejectedRow
from dataengine.shard_vocabulary import write_vocabulary
from dataengine.sources import SOURCES, Source
from dataengine.stage import Stage, UnitRunner, unit_name
from dataengine.staged import write_staged
from dataengine.staging import PlanDatabase
from dataengine.vocab import Vocabulary

logger = logging.getLogger(__name__)

PLAN_FILE = "plan.json"
REJECTED_FILE = "rejected.jsonl"
"""Every row of an annotation file that gave no record: where it stands, its reason, its value."""


def plan(root: str, options: PlanOptions, run: UnitRunner, *, replan: bool = False) -> dict[str, Any]:
    """Write records/ and plan.json below `root`. Returns the plan's content.

    Where plan.json already stands for the same files and options, nothing is done, unless `replan` asks for it. It is
    taken away while records/ are rewritten: a plan that was killed is no plan. The scratch database needs room for the
    annotation texts (about the size of the files) in the system's temporary folder.

    Raises:
        AnnotationsError: a source's files are absent or broken.
        StorageError: something can't be read or written, the scratch database among it.
        ShardFailedError: a shard could not be planned.
    """
    sources = create_sources(options)
    fingerprint = _fingerprint(sources, options)
    earlier = read_plan(root)
    if not replan and earlier is not None and earlier["fingerprint"] == fingerprint:
        logger.info("the plan is up to date")
        return earlier
    with _scratch_dir() as folder:
        content = _plan(root, sources, options, run, folder)
    content = {"fingerprint": fingerprint, **content}
    write_vocabulary(Vocabulary.load(options.vocabulary, options.synonyms), io.join(root, "shards"))
    io.commit_bytes((json.dumps(content, indent=1) + "\n").encode(), io.join(root, PLAN_FILE))
    return content


def read_plan(root: str) -> dict[str, Any] | None:
    """Return the content of plan.json, or None where nothing has been planned. Raises ConfigError where it is broken."""
    url = io.join(root, PLAN_FILE)
    if not io.exists(url):
        return None
    try:
        content: dict[str, Any] = json.loads(io.read_bytes(url))
        missing = [name for name in ("fingerprint", "filters", "sources", "vocabulary") if name not in content]
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{url} is no plan: {error}; remove it and run `dataengine plan` again") from error
    if missing:
        raise ConfigError(f"{url} is no plan: it has no {missing[0]!r}; remove it and run `dataengine plan` again")
    return content


def create_sources(options: PlanOptions) -> list[Source]:
    """Return the sources that `options` names, in order of precedence.

    Raises:
        AnnotationsError: files are absent; one message for all sources says which, and where to get them.
        UnknownComponentError: no source has such a name.
    """
    for name in options.sources:
        SOURCES[name]
    sources, problems = [], []
    for name in (name for name in SOURCES if name in options.sources):
        try:
            sources.append(SOURCES[name](options.source_options))
        except AnnotationsError as error:
            problems.append(str(error))
    if problems:
        raise AnnotationsError("\n".join(problems))
    return sources


@contextlib.contextmanager
def _scratch_dir() -> Iterator[Path]:
    """Yield a temporary folder for the scratch database. Raises StorageError where it can't be written."""
    try:
        with tempfile.TemporaryDirectory(prefix="dataengine-plan-") as folder:
            yield Path(folder)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"cannot keep the plan's scratch database in {tempfile.gettempdir()}: {error}; it takes about the size of "
            "the annotation files: point TMPDIR to a disk with room"
        ) from error


def _plan(root: str, sources: Sequence[Source], options: PlanOptions, run: UnitRunner, folder: Path) -> dict[str, Any]:
    with PlanDatabase(folder / "plan.sqlite") as database:
        tallies = _ingest_all(root, sources, options, database, folder)
        _discard_unfinished(root)
        database.add_pins(_read_pins(root))
        merged = database.resolve()
        earlier, new = database.assign(options.shard_size, _first_free_shard(root))
        io.remove(io.join(root, PLAN_FILE))
        stage = Stage("plan", "dataengine.planning:plan_shard", root, options)
        results = _run(stage, database, earlier + new, run)
        moved = database.move((uid for result in results for uid in result.overflow), options.shard_size)
        results += _run(stage, database, moved, run)
        for dataset, num_images in database.num_images_by_dataset().items():
            tallies.setdefault(dataset, _new_tally(None))["images_read"] = num_images
        unmatched = database.num_unmatched_rows()
    return _content(tallies, merged, unmatched, results, options)


def _run(stage: Stage, database: PlanDatabase, shards: Sequence[int], run: UnitRunner) -> list[ShardPlan]:
    """Lay out the shards' rows for the workers, then have them merged, filtered and parsed."""
    for shard in shards:
        url = io.join(stage.root, STAGED_DIR, f"{unit_name(shard)}.parquet")
        write_staged(database.rows_of(shard), database.repeats_of(shard), url)
    results = run(stage, shards)
    return [results[shard] for shard in shards]


# ---------------------------------------------------------------------------------------------------------- reading


def _ingest_all(
    root: str, sources: Sequence[Source], options: PlanOptions, database: PlanDatabase, folder: Path
) -> dict[str, dict[str, Any]]:
    """Read every source into the database. Returns a tally a data set."""
    tallies: dict[str, dict[str, Any]] = {}
    limit = None if options.limit is None else _Limit(options.limit)
    path = folder / REJECTED_FILE
    with path.open("w", encoding="utf-8") as rejected:
        for rank, source in enumerate(sources):
            tally = tallies.setdefault(source.dataset, _new_tally(source.expected))
            tally["files"] += [Path(file).name for file in source.files()]
            _ingest(source, rank, limit, database, rejected, tally)
    io.commit_file(path, io.join(root, REJECTED_FILE))
    return tallies


def _ingest(
    source: Source,
    rank: int,
    limit: _Limit | None,
    database: PlanDatabase,
    rejected: IO[str],
    tally: dict[str, Any],
) -> None:
    for row in source.records():
        tally["rows_read"] += 1
        if isinstance(row, RejectedRow):
            tally["rejected_rows"][row.reason] += 1
            rejected.write(json.dumps({"source": source.name} | dataclasses.asdict(row)) + "\n")
        elif limit is None or limit.takes(source.name, row):
            database.add(row, rank)
        else:
            tally["rows_over_limit"] += 1


class _Limit:
    """The first `num_images` images of each source."""

    def __init__(self, num_images: int) -> None:
        self._num_images = num_images
        self._taken: set[str] = set()
        self._num_taken: Counter[str] = Counter()

    def takes(self, source: str, record: CaptionRecord) -> bool:
        """Return whether the record is about a taken image, of any source; a dropped one always is: it guards a leak."""
        if record.uid in self._taken or record.drop is not None:
            return True
        has_address = record.url is not None or record.local is not None
        if not has_address or self._num_taken[source] == self._num_images:
            return False
        self._num_taken[source] += 1
        self._taken.add(record.uid)
        return True


def _discard_unfinished(root: str) -> None:
    """Remove what a plan without plan.json left: it was killed, and may have been made with other options."""
    if io.exists(io.join(root, PLAN_FILE)):
        return
    for shard_id in _planned_shards(root):
        if not is_fetched(root, shard_id):
            io.remove(records_url(root, shard_id))


def _read_pins(root: str) -> Iterator[tuple[str, int, bool]]:
    for shard_id in _planned_shards(root):
        for uid, pinned in read_pins(root, shard_id):
            yield uid, shard_id, pinned


def _planned_shards(root: str) -> list[int]:
    return _numbered(io.join(root, "records"), ".parquet")


def _first_free_shard(root: str) -> int:
    """Return a number above every image shard: retried pictures stand in shards that records/ does not know."""
    return 1 + max(_numbered(io.join(root, "images"), "_stats.json"), default=-1)


def _numbered(directory: str, suffix: str) -> list[int]:
    """Return the numbers of the files NNNNN`suffix` in `directory`, ascending; files of other names are not ours."""
    names = (name.removesuffix(suffix) for name in io.list_files(directory, suffix))
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


# ---------------------------------------------------------------------------------------------------------- counting


def _new_tally(expected: Any) -> dict[str, Any]:
    return {
        "expected": dataclasses.asdict(expected) if expected else None,
        "files": [],
        "rows_read": 0,
        "rows_over_limit": 0,
        "images_read": 0,
        "images_kept": 0,
        "dropped_images": {},
        "merged": {},
        "texts_read": 0,
        "texts_kept": 0,
        "dropped_texts": {},
        "rejected_rows": Counter(),
    }


def _content(
    tallies: dict[str, dict[str, Any]],
    merged: Mapping[tuple[str, str], int],
    unmatched: int,
    results: Sequence[ShardPlan],
    options: PlanOptions,
) -> dict[str, Any]:
    for (dataset, into), num_images in sorted(merged.items()):
        tallies[dataset]["merged"][into] = num_images
    _spread(tallies, "images", sum((result.images for result in results), Counter()))
    texts: Counter[tuple[str, str]] = sum((result.texts for result in results), Counter())
    _spread(tallies, "texts", texts)
    for (dataset, reason), num_texts in texts.items():
        tallies[dataset]["texts_read"] += num_texts if reason != f"image:{NOT_IN_PLAN}" else 0
    vocab = Vocabulary.load(options.vocabulary, options.synonyms)
    return {
        "sources": tallies,
        "num_images": sum(tally["images_kept"] for tally in tallies.values()),
        "num_shards": len({result.shard_id for result in results}),
        "num_unmatched_rows": unmatched,
        "tags": dict(sum((result.claims for result in results), Counter())),
        "shard_size": options.shard_size,
        "parser": options.parser,
        "person_policy": options.person_policy.value,
        "filters": {name: {"on": on} for name, on in options.filters.items()},
        "vocabulary": {"name": vocab.name, "sha256": vocab.sha256},
        "parser_sha256": vocab.synonyms_sha256,
        "options": _public_options(options),
        "version": __version__,
    }


def _spread(tallies: dict[str, dict[str, Any]], what: str, counts: Mapping[tuple[str, str], int]) -> None:
    for (dataset, reason), number in sorted(counts.items()):
        tally = tallies.setdefault(dataset, _new_tally(None))
        if reason == "kept":
            tally[f"{what}_kept"] += number
        else:
            tally[f"dropped_{what}"][reason] = tally[f"dropped_{what}"].get(reason, 0) + number


def _public_options(options: PlanOptions) -> dict[str, Any]:
    """Return the options without this machine's paths: plan.json travels with the shards."""
    content = dataclasses.asdict(options)
    source_options = content.pop("source_options")
    paths = ("annotations_dir", "url_list", "shards", "folder", "ram_json")
    content["source_options"] = {name: value for name, value in source_options.items() if name not in paths}
    content["source_options"]["images"] = sorted(source_options["images"])
    content["vocabulary"] = Path(options.vocabulary).name if options.vocabulary else None
    content["synonyms"] = Path(options.synonyms).name if options.synonyms else None
    return content


def _fingerprint(sources: Sequence[Source], options: PlanOptions) -> str:
    """Return a hash over all that the plan depends on: options, vocabulary, and each file's size and time of change."""
    vocab = Vocabulary.load(options.vocabulary, options.synonyms)
    files = [file for source in sources for file in source.files()] + sorted(options.source_options.images.values())
    states = [(file, *_size_and_time(file)) for file in files]
    parts = [__version__, vocab.sha256, vocab.synonyms_sha256, dataclasses.asdict(options), states]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _size_and_time(file: str) -> tuple[int, int]:
    """Return size and time of change of a file, or the sum of sizes and the last time of all that is in a folder."""
    path = Path(file)
    if io.is_remote(file) or not path.exists():
        return 0, 0
    files = [path, *(path.rglob("*") if path.is_dir() else ())]
    states = [each.stat() for each in files if each.exists()]
    return sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)


__all__ = ["PLAN_FILE", "REJECTED_FILE", "create_sources", "plan", "read_plan", "records_url"]
