"""From the bytes of a stranger's file to an upright 8-bit RGB picture, or the typed cause why not.

Decoding is Pillow's, whole or not at all: a picture that ends early is refused. What follows is img2dataset's
(`dataengine.download`).
"""

from __future__ import annotations

import functools
import struct
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_MAX_DETAIL = 200
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
"""The decoders that a stranger's bytes may reach: those whose signatures `is_picture` knows."""
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
_ORIENTATION_TAG = 0x0112
_BROKEN_EXIF = (OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, struct.error)


class FetchFailure(Exception):
    """Why an address gave no picture: `cause` is one of docs/fetch.md, `detail` is for a reader."""

    def __init__(
        self,
        cause: str,
        detail: str = "",
        *,
        http_status: int | None = None,
        final_url: str | None = None,
        retry_after: float | None = None,
        transient: bool = False,
    ) -> None:
        self.cause = cause
        self.detail = " ".join(detail.encode("utf-8", "replace").decode().split())[:_MAX_DETAIL]
        self.http_status = http_status
        self.final_url = final_url
        self.retry_after = retry_after
        self.transient = transient
        """Worth another attempt though the cause as such is not."""
        self.attempts = 1
        super().__init__(f"{self.cause}: {self.detail}" if self.detail else self.cause)


def check_is_picture(data: bytes | bytearray, content_type: str | None = None) -> None:
    """Raise FetchFailure `empty` or `not_image` unless `data` starts like a picture, whatever its name and type say."""
    if not data:
        raise FetchFailure("empty", "no bytes")
    if not is_picture(data):
        raise FetchFailure("not_image", f"starts like {_describe(data)}{f'; {content_type}' if content_type else ''}")


def is_picture(data: bytes | bytearray) -> bool:
    """Return whether `data` starts with the signature of a format that is decoded here."""
    start = bytes(data[:32])
    if start.startswith(_SIGNATURES):
        return True
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return True
    return start[4:8] == b"ftyp" and any(brand in start[8:32] for brand in (b"avif", b"avis"))


def _describe(data: bytes | bytearray) -> str:
    start = bytes(data[:512]).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "SVG"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return "HTML"
    if start.startswith(b"<"):
        return "XML or HTML"
    return f"bytes {bytes(data[:8]).hex()}"


def decode_picture(
    data: bytes, *, min_image_size: float, max_image_area: float, max_aspect_ratio: float
) -> Image.Image:
    """Return the upright RGB picture in `data`; of an animation the first frame, on white where it is transparent.

    The size is judged by the header, before anything is decoded.

    Raises:
        FetchFailure: `bomb`, `too_small`, `aspect`, `truncated` or `decode`.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(BytesIO(data), formats=_decoders())
        _check_size(picture.size, min_image_size, max_image_area, max_aspect_ratio)
        picture.load()
        return to_rgb(_upright(picture))
    except Image.DecompressionBombError as error:
        raise FetchFailure("bomb", str(error)) from error
    except UnidentifiedImageError as error:
        # Its own words name the stream object's address.
        raise FetchFailure("decode", "the header can't be read") from error
    except FetchFailure:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, IndexError ...
        cause = "truncated" if "truncated" in str(error).lower() else "decode"
        raise FetchFailure(cause, str(error) or type(error).__name__) from error


@functools.cache
def _decoders() -> list[str]:
    from PIL import Image

    Image.init()
    # AVIF came with Pillow 11.3.
    return [name for name in _FORMATS if name in Image.OPEN]


def _check_size(size: tuple[int, int], min_side: float, max_area: float, max_aspect: float) -> None:
    width, height = size
    if width * height > max_area:
        raise FetchFailure("bomb", f"{width}x{height} is more than {max_area:g} pixels")
    if min(size) < min_side:
        raise FetchFailure("too_small", f"{width}x{height} has a side below {min_side:g}")
    if max(size) > max_aspect * min(size):
        raise FetchFailure("aspect", f"{width}x{height} has a side over {max_aspect:g} times the other")


def _upright(picture: Image.Image) -> Image.Image:
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    turn = turns.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    try:
        value = picture.getexif().get(_ORIENTATION_TAG)
    except _BROKEN_EXIF:
        # A broken EXIF block says nothing about orientation, and the pixels are whole.
        value = None
    return value if isinstance(value, int) else 1


def to_rgb(picture: Image.Image) -> Image.Image:
    """Return `picture` as 8-bit RGB: 16-bit greys scaled, transparency laid on white. Raises FetchFailure `decode`."""
    from PIL import Image

    if picture.mode == "F":
        raise FetchFailure("decode", "floating-point samples have no defined white")
    if picture.mode.startswith("I"):
        picture = _narrow(picture)
    if picture.has_transparency_data:
        with_alpha = picture.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _narrow(picture: Image.Image) -> Image.Image:
    """Return a 16-bit (or 16 in 32) grey picture with 8 bits: the high byte; a plain conversion clips to white."""
    import numpy as np
    from PIL import Image

    samples = np.asarray(picture)
    return Image.fromarray(np.clip(samples.astype(np.int64) >> 8, 0, 255).astype(np.uint8))
