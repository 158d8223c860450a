"""The seam to img2dataset: the signatures it rests on, our resizer beside its own, what its loop does to rows."""

from __future__ import annotations

import errno
import inspect
import os
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from img2dataset import downloader, resizer, writer
from PIL import Image

from dataengine import download
from dataengine.download import COLUMNS, PictureResizer, ShardRun, run_downloader, sample_key
from dataengine.errors import StorageError
from dataengine.fetch_options import FetchOptions

SIGNATURES: dict[str, tuple[Any, str]] = {
    "Downloader.__init__": (
        downloader.Downloader.__init__,
        (
            "self sample_writer_class resizer thread_count save_caption extract_exif output_folder column_list timeout "
            "number_sample_per_shard oom_shard_count compute_hash verify_hash_type encode_format retries "
            "user_agent_token disallowed_header_directives blurring_bbox_col"
        ),
    ),
    "Downloader.download_shard": (downloader.Downloader.download_shard, "self row"),
    "download_image_with_retry": (
        downloader.download_image_with_retry,
        "row timeout retries user_agent_token disallowed_header_directives",
    ),
    "compute_key": (downloader.compute_key, "key shard_id oom_sample_per_shard oom_shard_count"),
    "Resizer.__init__": (
        resizer.Resizer.__init__,
        (
            "self image_size resize_mode resize_only_if_bigger upscale_interpolation downscale_interpolation "
            "encode_quality encode_format skip_reencode disable_all_reencoding min_image_size max_image_area "
            "max_aspect_ratio blurrer"
        ),
    ),
    "Resizer.__call__": (resizer.Resizer.__call__, "self img_stream blurring_bbox_list"),
    "WebDatasetSampleWriter.__init__": (
        writer.WebDatasetSampleWriter.__init__,
        "self shard_id output_folder save_caption oom_shard_count schema encode_format",
    ),
    "WebDatasetSampleWriter.write": (writer.WebDatasetSampleWriter.write, "self img_str key caption meta"),
    "WebDatasetSampleWriter.close": (writer.WebDatasetSampleWriter.close, "self"),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_img2datasets_signature_is_the_one_we_build_on(name: str) -> None:
    function, expected = SIGNATURES[name]
    assert " ".join(inspect.signature(function).parameters) == expected, f"img2dataset changed {name}"


def test_the_shard_function_asks_through_the_name_that_we_replace() -> None:
    names = {name for code in _codes(downloader.Downloader.download_shard.__code__) for name in code.co_names}
    assert "download_image_with_retry" in names


def _codes(code: Any) -> list[Any]:
    inner = [constant for constant in code.co_consts if inspect.iscode(constant)]
    return [code, *(deeper for part in inner for deeper in _codes(part))]


# -------------------------------------------------------------------------------------------------------- the resizer


def jpeg(width: int, height: int, seed: int = 0) -> bytes:
    small = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    stream = BytesIO()
    Image.fromarray(small).resize((width, height)).save(stream, "JPEG", quality=92)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("size", "stored"), [((640, 480), (512, 384)), ((500, 999), (384, 767)), ((300, 200), (300, 200))]
)
def test_a_plain_jpeg_is_stored_as_img2dataset_would(size: tuple[int, int], stored: tuple[int, int]) -> None:
    data = jpeg(*size)
    theirs = resizer.Resizer(384, "keep_ratio", True, encode_quality=90)(BytesIO(data))
    ours = PictureResizer(FetchOptions(), threading.Event())(BytesIO(data))
    assert ours[1:] == (*stored, *size, None) == theirs[1:]
    assert ours[0] is not None
    difference = np.asarray(Image.open(BytesIO(ours[0])), int) - np.asarray(Image.open(BytesIO(theirs[0])), int)
    assert np.abs(difference).max() <= 2


def test_original_size_is_that_of_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = BytesIO()
    Image.new("RGB", (800, 600)).save(stream, "JPEG", exif=exif)
    assert PictureResizer(FetchOptions(), threading.Event())(stream)[1:] == (384, 512, 600, 800, None)


@pytest.mark.parametrize(
    ("data", "cause"),
    [(jpeg(63, 80), "too_small"), (jpeg(700, 100), "aspect"), (jpeg(90, 90)[:-40], "truncated"), (b"BM??", "decode")],
)
def test_a_refused_picture_says_why_in_the_error(data: bytes, cause: str) -> None:
    *nothing, error = PictureResizer(FetchOptions(), threading.Event())(BytesIO(data))
    assert nothing == [None] * 5
    assert str(error).startswith(f"{cause}: ")


# ----------------------------------------------------------------------------------------------------- the shard's run


def write_feather(path: Path, local: list[str]) -> Path:
    columns = [
        local,
        [f"caption {i}" for i in range(len(local))],
        [f"t-{i}" for i in range(len(local))],
        ["t"] * len(local),
    ]
    table = pa.table({name: pa.array(column, pa.string()) for name, column in zip(COLUMNS, columns, strict=True)})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as stream:
        stream.write_table(table)
    return path


def run_on(tmp_path: Path, num_rows: int) -> tuple[ShardRun, list[dict[str, Any]]]:
    """Run `num_rows` pictures of this machine through img2dataset as shard 3."""
    paths = []
    for number in range(num_rows):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(jpeg(100, 90, number))
        paths.append(str(path))
    run = ShardRun(FetchOptions(thread_count=4), dict(enumerate(paths)))
    output_dir = tmp_path / "out"
    output_dir.mkdir()
    run_downloader(run, 3, write_feather(tmp_path / "rows.feather", paths), output_dir, num_rows)
    return run, pq.read_table(output_dir / "00003.parquet").to_pylist()


def test_a_run_leaves_img2dataset_itself_untouched_and_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = downloader.download_image_with_retry
    lose_row(monkeypatch, "000030001")
    run, rows = run_on(tmp_path, 5)
    assert downloader.download_image_with_retry is before
    assert len(rows) == 4
    assert {row["status"] for row in rows} == {"success"}
    assert run.outcomes[0].sha256 == next(row["sha256"] for row in rows if row["uid"] == "t-0")
    assert "".join(capfd.readouterr()) == ""


def lose_row(monkeypatch: pytest.MonkeyPatch, lost_key: str) -> None:
    write = writer.WebDatasetSampleWriter.write

    def fail_once(self: Any, img_str: bytes | None, key: str, caption: str | None, meta: dict[str, Any]) -> None:
        if key == lost_key:
            raise ValueError("a row that img2dataset's loop loses")
        write(self, img_str, key, caption, meta)

    monkeypatch.setattr(writer.WebDatasetSampleWriter, "write", fail_once)


def test_a_full_disk_ends_the_shard_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writer.WebDatasetSampleWriter, "write", full)
    with pytest.raises(StorageError, match=r"cannot write shard 3 in .*: No space left on device"):
        run_on(tmp_path, 5)


def test_a_fault_of_our_own_is_a_row_not_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(local: str, max_bytes: int) -> bytes:
        raise KeyError("no such thing")

    monkeypatch.setattr(download, "read_local", fault)
    _, rows = run_on(tmp_path, 3)
    assert {row["error_message"] for row in rows} == {"internal: KeyError: 'no such thing'"}


def test_keys_are_those_of_img2dataset(tmp_path: Path) -> None:
    _, rows = run_on(tmp_path, 3)
    assert sorted(row["key"] for row in rows) == [sample_key(index, 3, 3) for index in range(3)]
    assert sample_key(12, 3, 100) == "000030012"
    assert sample_key(12, 3, 10_001) == "0000300012"
