"""Write small annotation files and read them back through a source."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from dataengine.records import CaptionRecord, RejectedRow
from dataengine.sources import SOURCES, SourceOptions


@dataclass
class Reading:
    """What a source yielded."""

    records: list[CaptionRecord] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        """The reasons of the rejected rows, in order."""
        return [row.reason for row in self.rejected]

    @property
    def captions(self) -> list[str]:
        """The texts of all records, in order."""
        return [text.original for record in self.records for text in record.texts]

    def of(self, source_id: str) -> list[CaptionRecord]:
        """The records of one image."""
        return [record for record in self.records if record.source_id == source_id]


Read: TypeAlias = Callable[..., Reading]
Write: TypeAlias = Callable[[str, Any], Path]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a source over the test's folder: `read("coco", allow_leaks=True)`."""

    def run(name: str, **options: Any) -> Reading:
        reading = Reading()
        source = SOURCES[name](SourceOptions(**({"annotations_dir": str(tmp_path)} | options)))
        for row in source.records():
            if isinstance(row, RejectedRow):
                reading.rejected.append(row)
            else:
                reading.records.append(row)
        return reading

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file into the test's folder: bytes and strings as they are, everything else as JSON."""

    def run(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return run
