"""What a job prints at its end: expected against got for each source, failures by cause, and where things are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_TOP_REASONS = 6


def print_answers(answers: Mapping[str, Any], root: str) -> None:
    """Print what each stage of `dataengine.build.build` answered."""
    if "plan" in answers:
        print_plan(answers["plan"])
    if "fetch" in answers:
        _print_fetch(answers["fetch"])
    if "bake" in answers:
        _print_bake(root)
    if "report" in answers:
        _say(f"report: {answers['report']}")


def print_plan(content: Mapping[str, Any]) -> None:
    """Print plan.json: official counts beside what was read, kept and merged, then what was dropped, by reason."""
    _say("expected and got")
    for what, columns in (("images", ("expected", "read", "kept", "merged")), ("texts", ("expected", "read", "kept"))):
        _print_counts(what, columns, content["sources"])
    _print_side_files(content["sources"])
    for name, tally in content["sources"].items():
        reasons = _reasons(tally)
        if reasons:
            _say(f"{name} without: {reasons}")
    _print_hint(content["sources"])
    unmatched = content["num_unmatched_rows"]
    side_rows = f"; {unmatched} rows of side files name no image" if unmatched else ""
    _say(f"{content['num_images']:,} images in {content['num_shards']:,} shards to fetch{side_rows}")


def _print_hint(sources: Mapping[str, Mapping[str, Any]]) -> None:
    """Say what brings in the pictures of which nobody can tell whether they are in Karpathy's val and test."""
    if "karpathy_unknown" in sources.get("coco", {}).get("dropped_images", {}):
        _say(
            "karpathy_unknown: dataset_coco.json tells these pictures apart, captions_train2014.json names those that may "
            "be used; --allow-leaks takes them all"
        )


def _print_side_files(sources: Mapping[str, Mapping[str, Any]]) -> None:
    """Say how many rows were taken of sources that bring no images, only tags and texts for other sources' images."""
    for name, tally in sources.items():
        if tally["rows_read"] and not tally["images_read"]:
            taken = tally["rows_read"] - sum(tally["rejected_rows"].values()) - tally["rows_over_limit"]
            _say(f"{name}: {taken:,} of {tally['rows_read']:,} rows taken")


def _print_counts(what: str, columns: Sequence[str], sources: Mapping[str, Mapping[str, Any]]) -> None:
    """Print one table; images and texts side by side would not fit 80 columns, and numbers would be cut."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column(what, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, tally in sources.items():
        counts = {column: tally.get(f"{what}_{column}") for column in ("read", "kept")}
        counts["expected"] = (tally["expected"] or {}).get(what)
        counts["merged"] = sum(tally["merged"].values())
        table.add_row(name, *("-" if counts[column] is None else f"{counts[column]:,}" for column in columns))
    Console().print(table)


def _reasons(tally: Mapping[str, Any]) -> str:
    counts = Counter({f"image {reason}": number for reason, number in tally["dropped_images"].items()})
    texts = {reason: number for reason, number in tally["dropped_texts"].items() if not reason.startswith("image:")}
    counts.update({f"text {reason}": number for reason, number in texts.items()})
    counts.update({f"row {reason}": number for reason, number in tally["rejected_rows"].items()})
    shown = [f"{reason} {number:,}" for reason, number in counts.most_common(_TOP_REASONS)]
    return ", ".join(shown) + (", ..." if len(counts) > _TOP_REASONS else "")


def _print_fetch(results: Sequence[Any]) -> None:
    count, successes = sum(result.count for result in results), sum(result.successes for result in results)
    if not count:
        _say("fetch: nothing was left to fetch")
        return
    causes: Counter[str] = sum((Counter(result.causes) for result in results), Counter())
    failures = ", ".join(f"{cause} {number:,}" for cause, number in causes.most_common())
    _say(
        f"fetched {successes:,} of {count:,} pictures ({successes / count:.1%}){'; failed: ' + failures if failures else ''}"
    )


def _print_bake(root: str) -> None:
    import json

    from dataengine import io

    manifest = json.loads(io.read_bytes(io.join(root, "shards", "manifest.json")))
    totals = manifest["totals"]
    _say(f"shards: {io.join(root, 'shards')} ({len(manifest['shards'])} shards, {totals['num_samples']:,} samples)")


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)
