"""Decoding: what is refused and why, and what a kept picture's pixels are."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataengine.decode import FetchFailure, check_is_picture, decode_picture
from dataengine.fetch_options import MAX_PILLOW_AREA

LIMITS: dict[str, float] = {"min_image_size": 8, "max_image_area": 1e8, "max_aspect_ratio": 5}


def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int = 120, height: int = 90) -> Image.Image:
    small = np.random.default_rng(7).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height))


def corner_mark() -> Image.Image:
    """A black picture, 40 wide and 20 high, whose upper left corner is white."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:8, :8] = 255
    return Image.fromarray(pixels)


def cause_of(data: bytes, **limits: float) -> str:
    with pytest.raises(FetchFailure) as caught:
        decode_picture(data, **(LIMITS | limits))
    return caught.value.cause


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(120, 90), (700, 500)])
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.99, -40, -2])
def test_a_jpeg_that_ends_early_is_refused(progressive: bool, size: tuple[int, int], kept: float) -> None:
    data = encode(noise(*size), "JPEG", quality=90, progressive=progressive)
    assert decode_picture(data, **LIMITS).size == size
    assert cause_of(data[: int(len(data) * kept) if kept > 0 else int(kept)]) == "truncated"


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP"])
def test_half_a_picture_of_another_format_is_refused(kind: str) -> None:
    data = encode(noise(), kind)
    assert cause_of(data[: len(data) // 2]) in ("truncated", "decode")


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm() -> None:
    assert decode_picture(encode(noise(), "JPEG") + b"\0trailer", **LIMITS).size == (120, 90)


@pytest.mark.parametrize(
    ("orientation", "size", "corner"),
    [
        (1, (40, 20), (0, 0)),
        (2, (40, 20), (0, 39)),
        (3, (40, 20), (19, 39)),
        (4, (40, 20), (19, 0)),
        (5, (20, 40), (0, 0)),
        (6, (20, 40), (0, 19)),
        (7, (20, 40), (39, 19)),
        (8, (20, 40), (39, 0)),
        (99, (40, 20), (0, 0)),
    ],
)
def test_exif_orientation_is_applied(orientation: int, size: tuple[int, int], corner: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode_picture(encode(corner_mark(), "PNG", exif=exif), **LIMITS)
    brightest = np.asarray(picture)[[0, 0, -1, -1], [0, -1, 0, -1], 0].argmax()
    corners = [(0, 0), (0, size[0] - 1), (size[1] - 1, 0), (size[1] - 1, size[0] - 1)]
    assert picture.size == size
    assert corners[brightest] == corner


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_exif_block_does_not_cost_the_picture() -> None:
    data = encode(noise(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode_picture(data, **LIMITS).size == (120, 90)


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (16, 1))
    pixels = np.asarray(decode_picture(encode(Image.fromarray(ramp)), **LIMITS))
    assert pixels.shape == (16, 64, 3)
    assert np.array_equal(pixels[..., 0], ramp >> 8)


def test_sixteen_bit_colour_keeps_its_shades() -> None:
    rows = b"".join(b"\0" + struct.pack(">HHH", 0x8000, 0x4000, 0xC000) * 16 for _ in range(16))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    assert decode_picture(png, **LIMITS).getpixel((3, 3)) == (0x80, 0x40, 0xC0)


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (16, 16), (200, 0, 0, 0))
    palette = Image.new("RGB", (16, 16), "blue").convert("P", palette=Image.Palette.ADAPTIVE)
    for data in (encode(clear), encode(palette, transparency=palette.getpixel((0, 0)))):
        assert decode_picture(data, **LIMITS).getpixel((5, 5)) == (255, 255, 255)
    half = decode_picture(encode(Image.new("RGBA", (16, 16), (0, 0, 0, 128))), **LIMITS)
    assert half.getpixel((5, 5)) == (127, 127, 127)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = decode_picture(encode(Image.new("RGB", (32, 32), "white").convert(mode), kind), **LIMITS)
    assert picture.mode == "RGB"
    assert min(picture.getpixel((9, 9))) >= 250  # type: ignore[arg-type]


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_picture(data, **LIMITS).getpixel((9, 9)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("data", "limits", "cause"),
    [
        (encode(Image.new("RGB", (63, 100))), {"min_image_size": 64}, "too_small"),
        (encode(Image.new("RGB", (501, 100))), {}, "aspect"),
        (encode(Image.new("RGB", (100, 501))), {}, "aspect"),
        (encode(Image.new("RGB", (101, 100))), {"max_image_area": 10_000}, "bomb"),
        (encode(Image.new("F", (20, 20), 0.5), "TIFF"), {}, "decode"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), {}, "decode"),
        (b"BM" + bytes(100), {}, "decode"),
    ],
)
def test_unfit_pictures_are_refused_by_cause(data: bytes, limits: dict[str, float], cause: str) -> None:
    assert cause_of(data, **limits) == cause


def test_a_bomb_is_refused_by_its_header_alone() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    png += struct.pack(">I", 9) + b"IDAT" + zlib.compress(b"")[:9].ljust(9, b"\0") + bytes(4)
    assert cause_of(png) == "bomb"


def test_pillows_own_limit_is_the_one_that_options_name() -> None:
    assert 2 * (Image.MAX_IMAGE_PIXELS or 0) == MAX_PILLOW_AREA


@pytest.mark.parametrize(
    ("data", "cause", "words"),
    [
        (b"", "empty", "no bytes"),
        (b"<!DOCTYPE html><html>", "not_image", "HTML"),
        (b"\xef\xbb\xbf\n <html lang='en'>", "not_image", "HTML"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "not_image", "SVG"),
        (b'{"error": "gone"}', "not_image", "bytes 7b22"),
    ],
)
def test_what_is_no_picture_is_told_by_its_bytes(data: bytes, cause: str, words: str) -> None:
    with pytest.raises(FetchFailure, match=words) as caught:
        check_is_picture(data, "image/jpeg")
    assert caught.value.cause == cause


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_every_decoded_format_is_known_by_its_bytes(kind: str) -> None:
    data = encode(noise(), kind)
    check_is_picture(data)
    assert decode_picture(data, **LIMITS).size == (120, 90)


def test_a_failures_text_is_one_short_line_in_utf_8() -> None:
    failure = FetchFailure("decode", "bad\n  bytes \udc80 " + "x" * 500)
    assert str(failure).encode()
    assert "\n" not in str(failure)
    assert len(str(failure)) < 250
