"""The demo's data: real photographs, true captions in five sources' formats, and what a right run over them counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataengine.demo.formats import write_all
from dataengine.demo.pictures import (
    PLAN_OUTCOMES,
    Picture,
    photographs,
    pictures,
    read_captions,
    read_links,
    read_phrases,
    read_pictures,
)

__all__ = ["DemoData", "photographs", "pictures", "write_annotations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoData:
    """Where the demo's annotation files lie and what a right run over them counts.

    Counters are by reason; `failures` are by the ledger's cause, `merged` by (source, source it merges into).
    """

    annotations_dir: Path
    base_url: str
    num_planned: int
    """Images that the plan keeps, dead links among them."""
    num_images: int
    """Training images that come out of the bake."""
    num_by_source: Mapping[str, int]
    failures: Mapping[str, int]
    dropped_images: Mapping[str, int]
    dropped_texts: Mapping[str, int]
    rejected_rows: Mapping[str, int]
    merged: Mapping[tuple[str, str], int]


def write_annotations(directory: Path, base_url: str) -> DemoData:
    """Write the five sources' annotation files to `directory`, their pictures at `base_url`. Returns what to expect.

    Equal addresses give equal files. Raises MissingExtraError without the [demo] install.
    """
    rejected_rows = write_all(directory, base_url.rstrip("/"))
    return _expect(directory, base_url.rstrip("/"), rejected_rows)


def _expect(directory: Path, base_url: str, rejected_rows: Mapping[str, int]) -> DemoData:
    own = [picture for picture in read_pictures() if not picture.twin]
    images = [picture for picture in own if not picture.outcome]
    failed = [picture.outcome for picture in own if picture.outcome]
    links = read_links()
    return DemoData(
        annotations_dir=directory,
        base_url=base_url,
        num_planned=sum(picture.outcome not in PLAN_OUTCOMES for picture in own) + len(links),
        num_images=len(images),
        num_by_source=Counter(picture.source for picture in images),
        failures=Counter([link.cause for link in links] + [name for name in failed if name not in PLAN_OUTCOMES]),
        dropped_images=Counter(name for name in failed if name in PLAN_OUTCOMES),
        dropped_texts=_dropped_texts(),
        rejected_rows=rejected_rows,
        merged=Counter(_merge(picture) for picture in read_pictures() if picture.twin),
    )


def _dropped_texts() -> Counter[str]:
    """Return reason -> texts that the plan drops; `image:REASON` for those that only their image's reason drops."""
    outcomes = {(picture.source, picture.name): picture.outcome for picture in read_pictures()}
    counts: Counter[str] = Counter()
    for key, captions in read_captions().items():
        for caption in captions:
            reason = caption.drop or (f"image:{outcomes[key]}" if outcomes[key] in PLAN_OUTCOMES else None)
            counts.update([reason] if reason else [])
    for phrases in read_phrases().values():
        counts["repeated_in_image"] += len(phrases) - len({phrase.text for phrase in phrases})
    return counts


def _merge(picture: Picture) -> tuple[str, str]:
    return picture.source, next(other.source for other in read_pictures() if other.name == picture.twin)
