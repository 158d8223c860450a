"""The one seam to img2dataset: its Downloader runs a shard; fetching, decoding, writing and printing are ours.

`run_downloader` builds img2dataset's `Downloader` with subclasses of its `Resizer` and `WebDatasetSampleWriter`. The
function that asks for an address, `img2dataset.downloader.download_image_with_retry`, can't be handed over, so the
Downloader's shard function runs over a copy of its module's namespace in which that name, and what it prints with, are
ours: nothing is patched for the rest of the process, and two shards may run side by side. tests/test_download.py fails
by name when one of the signatures that this rests on changes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import types
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

# img2dataset imports albumentations, which otherwise asks the web for news of itself.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
from img2dataset import downloader as img2dataset_downloader
from img2dataset.resizer import Resizer
from img2dataset.writer import WebDatasetSampleWriter

from dataengine.decode import FetchFailure, check_is_picture, decode_picture
from dataengine.errors import StorageError
from dataengine.fetch_options import FetchOptions
from dataengine.http_client import Fetched, fetch_url
from dataengine.local_files import read_local
from dataengine.records import CaptionRecord

logger = logging.getLogger(__name__)
# Pillow warns of every broken EXIF block and every large header; here both have a defined outcome.
warnings.filterwarnings("ignore", module=r"PIL\.")

LOCAL_SCHEME = "dataengine-local:"
"""How the ledger's column `url` shows a file of this machine; no address with this scheme is ever asked for."""
COLUMNS = ("url", "caption", "uid", "dataset")
"""What a shard's feather file holds, in this order."""
NUM_SHARD_DIGITS = 5
MIN_KEY_CAPACITY = 10_000
"""Rows a shard that img2dataset's keys have room for (its own default): keys keep their width in every shard."""

Resized = tuple[bytes | None, int | None, int | None, int | None, int | None, str | None]
"""JPEG, width, height, original width, original height, error: what img2dataset expects of a resizer."""


@dataclass(slots=True)
class Outcome:
    """What fetching one row gave, beside the bytes."""

    http_status: int | None = None
    attempts: int = 1
    final_url: str | None = None
    sha256: str | None = None
    md5: str | None = None
    num_bytes: int = 0


@dataclass(slots=True)
class ShardRun:
    """One shard's way through img2dataset: what its rows gave, and the switch that ends it early."""

    options: FetchOptions
    local: Mapping[int, str]
    """Row -> `PATH` or `PATH!MEMBER`, for the rows whose record names a file. Their url column is not looked at."""
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    storage_error: OSError | None = None

    def fetch_row(
        self,
        row: tuple[int, str],
        timeout: float,
        retries: int,
        user_agent_token: str | None,
        disallowed_header_directives: Any,
    ) -> tuple[int, BytesIO | None, str | None]:
        """Return (row number, bytes, None) or (row number, None, "cause: detail"); never raises.

        Stands in for img2dataset's `download_image_with_retry`; the arguments after `row` are in `options` already.
        """
        index, address = row
        try:
            fetched = self._fetch(index, address)
        except FetchFailure as failure:
            self.outcomes[index] = Outcome(failure.http_status, failure.attempts, failure.final_url)
            return index, None, str(failure)
        except Exception as error:
            logger.exception("row %d: %s", index, address)
            return index, None, str(FetchFailure("internal", f"{type(error).__name__}: {error}"))
        self.outcomes[index] = _outcome(fetched)
        return index, BytesIO(fetched.data), None

    def _fetch(self, index: int, address: str) -> Fetched:
        if self.cancelled.is_set():
            raise FetchFailure("internal", "the shard was cancelled")
        if index not in self.local:
            return fetch_url(self.options.mirrored(address), self.options, self.cancelled)
        data = read_local(self.local[index], self.options.max_bytes)
        check_is_picture(data)
        return Fetched(data)


def _outcome(fetched: Fetched) -> Outcome:
    return Outcome(
        http_status=fetched.http_status,
        attempts=fetched.attempts,
        final_url=fetched.final_url,
        sha256=hashlib.sha256(fetched.data).hexdigest(),
        md5=hashlib.md5(fetched.data, usedforsecurity=False).hexdigest(),
        num_bytes=len(fetched.data),
    )


class PictureResizer(Resizer):  # type: ignore[misc]
    """img2dataset's resizer in mode `keep_ratio`, behind a decoder that refuses half pictures."""

    def __init__(self, options: FetchOptions, cancelled: threading.Event) -> None:
        super().__init__(
            image_size=options.image_size,
            resize_mode="keep_ratio",
            resize_only_if_bigger=True,
            encode_quality=options.encode_quality,
            min_image_size=options.min_image_size,
            max_image_area=options.max_image_area,
            max_aspect_ratio=options.max_aspect_ratio,
        )
        self.cancelled = cancelled
        cv2.setNumThreads(1)

    def __call__(self, img_stream: BytesIO, blurring_bbox_list: Any = None) -> Resized:
        """Return the stored JPEG with its size and the upright original's, or "cause: detail" as the last item."""
        try:
            if self.cancelled.is_set():
                raise FetchFailure("internal", "the shard was cancelled")
            picture = decode_picture(
                img_stream.getvalue(),
                min_image_size=self.min_image_size,
                max_image_area=self.max_image_area,
                max_aspect_ratio=self.max_aspect_ratio,
            )
            pixels = self._shrink(np.asarray(picture))
            return self._encode(pixels), pixels.shape[1], pixels.shape[0], picture.width, picture.height, None
        except FetchFailure as failure:
            return None, None, None, None, None, str(failure)
        except Exception as error:
            logger.exception("a picture could not be resized")
            return None, None, None, None, None, str(FetchFailure("internal", f"{type(error).__name__}: {error}"))

    def _shrink(self, pixels: Any) -> Any:
        """Return `pixels` [height, width, 3] with a shorter side of `image_size`, as img2dataset's keep_ratio does."""
        height, width = pixels.shape[:2]
        if min(height, width) <= self.image_size:
            return pixels
        scale = self.image_size / min(height, width)
        return cv2.resize(
            pixels, (round(width * scale), round(height * scale)), interpolation=self.downscale_interpolation
        )

    def _encode(self, pixels: Any) -> bytes:
        done, buffer = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), self.encode_params)
        if not done:
            raise ValueError("JPEG encoding failed")
        encoded: bytes = buffer.tobytes()
        return encoded


class PictureWriter(WebDatasetSampleWriter):  # type: ignore[misc]
    """img2dataset's writer that remembers a full or broken disk, which the Downloader would count as one bad row."""

    def __init__(self, *args: Any, run: ShardRun) -> None:
        super().__init__(*args)
        self._run = run

    def write(self, img_str: bytes | None, key: str, caption: str | None, meta: dict[str, Any]) -> None:
        """Write one sample; after an error of the storage nothing more is written."""
        if self._run.storage_error is not None:
            return
        try:
            super().write(img_str, key, caption, meta)
        except OSError as error:
            self._run.storage_error = error
            self._run.cancelled.set()


def run_downloader(run: ShardRun, shard_id: int, feather: Path, output_dir: Path, num_rows: int) -> None:
    """Run one shard through img2dataset: NNNNN.tar, .parquet and _stats.json in `output_dir`, unchecked.

    Raises:
        StorageError: `output_dir` can't be written.
    """
    options = run.options
    downloader = img2dataset_downloader.Downloader(
        sample_writer_class=partial(PictureWriter, run=run),
        resizer=PictureResizer(options, run.cancelled),
        thread_count=options.thread_count,
        save_caption=True,
        extract_exif=options.extract_exif,
        output_folder=str(output_dir),
        column_list=list(COLUMNS),
        timeout=options.timeout_s,
        number_sample_per_shard=max(MIN_KEY_CAPACITY, num_rows),
        oom_shard_count=NUM_SHARD_DIGITS,
        compute_hash="sha256",
        verify_hash_type=None,
        encode_format="jpg",
        retries=options.retries,
        user_agent_token=options.user_agent_token,
        disallowed_header_directives=list(options.disallowed_directives),
    )
    try:
        _shard_function(run)(downloader, (shard_id, str(feather)))
    except OSError as error:
        run.storage_error = run.storage_error or error
    if run.storage_error is not None:
        cause = run.storage_error
        raise StorageError(f"cannot write shard {shard_id} in {output_dir}: {cause.strerror or cause}") from cause


def shown_url(record: CaptionRecord) -> str:
    """Return what the ledger's column `url` holds for `record`."""
    return f"{LOCAL_SCHEME}{record.local}" if record.local is not None else record.url or ""


def sample_key(index: int, shard_id: int, num_rows: int) -> str:
    """Return img2dataset's key of row `index`: the shard's number followed by the row's."""
    num_digits = len(str(max(MIN_KEY_CAPACITY, num_rows) - 1))
    key: str = img2dataset_downloader.compute_key(index, shard_id, num_digits, NUM_SHARD_DIGITS)
    return key


def _shard_function(run: ShardRun) -> types.FunctionType:
    """Return `Downloader.download_shard` over a namespace in which fetching and printing are ours."""
    original = img2dataset_downloader.Downloader.download_shard
    namespace = {
        **original.__globals__,
        "download_image_with_retry": run.fetch_row,
        "print": _log,
        "traceback": types.SimpleNamespace(print_exc=partial(logger.warning, "img2dataset lost a row", exc_info=True)),
    }
    return types.FunctionType(
        original.__code__, namespace, original.__name__, original.__defaults__, original.__closure__
    )


def _log(*words: object) -> None:
    logger.warning("%s", " ".join(map(str, words)))
