"""A picture's perceptual hash: the same for a resized or re-encoded copy but for a few bits."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_HASH_SIZE = 8  # 8 x 8 = 64 bits
_HASH_PIXELS = 32  # the picture is shrunk to 32 x 32 before the transform


def perceptual_hash(picture: Image.Image) -> str:
    """Return the 64-bit DCT hash of a picture as 16 hex digits; near copies differ in few bits (see `hash_distance`).

    Zauner's pHash in the form that Python's imagehash made common: grey, 32 x 32 by Lanczos, two-dimensional DCT-II, the
    8 x 8 lowest frequencies, one bit each for "above their median", row by row, the first bit the highest. Coefficients
    are rounded to thousandths, so that a flat picture's rounding noise gives the same bits on every processor.
    """
    grey = picture.convert("L").resize((_HASH_PIXELS, _HASH_PIXELS), Image.Resampling.LANCZOS)
    basis = _dct_basis()
    low = np.round(basis @ np.asarray(grey, dtype=np.float64) @ basis.T, 3)  # 8 x 8
    bits = (low > np.median(low)).ravel()
    return np.packbits(bits).tobytes().hex()


def hash_distance(first: str, second: str) -> int:
    """Return in how many bits two perceptual hashes differ, 0 to 64."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


@functools.cache
def _dct_basis() -> NDArray[np.float64]:
    """Return the 8 lowest rows of the unnormalised DCT-II of 32 points: 2 cos(pi k (2n + 1) / 64), as scipy scales it."""
    frequency, position = np.arange(_HASH_SIZE)[:, None], np.arange(_HASH_PIXELS)[None, :]
    basis: NDArray[np.float64] = 2 * np.cos(np.pi * frequency * (2 * position + 1) / (2 * _HASH_PIXELS))
    return basis
