"""Which image a caption belongs to, for files that name captions but no image: 24 bytes a row, however long it is."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from dataengine.errors import ConfigError
from dataengine.parsers.cleaning import ram_caption


class CaptionIndex:
    """Captions, cleaned as the RAM recipe does, and the uids of their images in the order of the source.

    A uid is held as the number that its 16 hex digits are; a caption as 64 bits of its hash (for 12M captions the
    chance of any collision is below 1 in 100,000).
    """

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        """Index (caption, uid) rows. Raises ConfigError where the uids are of several data sets."""
        hashes, uids = array("Q"), array("Q")
        self.dataset = ""
        for caption, uid in rows:
            dataset, _, digits = uid.rpartition("-")
            self.dataset = self.dataset or dataset
            if dataset != self.dataset:
                raise ConfigError(f"captions are joined to one data set, the source has {self.dataset} and {dataset}")
            hashes.append(_hash(caption))
            uids.append(int(digits, 16))
        unsorted = np.frombuffer(hashes, dtype=np.uint64) if hashes else np.empty(0, np.uint64)
        order = np.argsort(unsorted, kind="stable")
        self._hashes = unsorted[order]
        self._uids = np.frombuffer(uids, dtype=np.uint64)[order] if uids else np.empty(0, np.uint64)
        self._num_items = np.zeros(len(order), np.uint32)
        self._num_taken = np.zeros(len(order), np.uint32)

    def __len__(self) -> int:
        return len(self._hashes)

    def count(self, captions: Sequence[str]) -> None:
        """Note that an item with these captions exists: repeated captions are matched only where the numbers agree."""
        rows = self._rows(captions)
        if rows is not None:
            self._num_items[rows.start] += 1

    def take(self, captions: Sequence[str]) -> str | None:
        """Return the uid of the next item with these captions, None where it can't be told which image is meant.

        Every item must have been counted before. Raises KeyError where no caption is in the index.
        """
        rows = self._rows(captions)
        if rows is None:
            raise KeyError(captions[0] if captions else "")
        place = int(self._num_taken[rows.start])
        self._num_taken[rows.start] += 1
        uids = self._uids[rows].tolist()
        for candidates in (list(dict.fromkeys(uids)), uids):  # one item an image, or one a row
            if len(candidates) == self._num_items[rows.start]:
                return f"{self.dataset}-{candidates[place]:016x}"
        return None

    def holds(self, caption: str, uid: str) -> bool:
        """Return whether `caption` is one of the image's."""
        rows = self._rows([caption])
        return rows is not None and bool((self._uids[rows] == np.uint64(int(uid.rpartition("-")[2], 16))).any())

    def _rows(self, captions: Sequence[str]) -> slice | None:
        """Return the rows of the first caption that only one image has, else of the first that any has."""
        found: slice | None = None
        for caption in captions:
            value = np.uint64(_hash(caption))
            start = int(np.searchsorted(self._hashes, value, "left"))
            end = int(np.searchsorted(self._hashes, value, "right"))
            if start == end:
                continue
            rows = slice(start, end)
            if (self._uids[rows] == self._uids[start]).all():
                return rows
            found = found or rows
        return found


def _hash(caption: str) -> int:
    cleaned = ram_caption(caption).encode(errors="replace")
    return int.from_bytes(hashlib.blake2b(cleaned, digest_size=8).digest(), "little")
