from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from dataengine.phash import hash_distance, perceptual_hash
from tests.small_root import draw, jpeg


def reference_hash(picture: Image.Image) -> str:
    """The definition, written out as sums."""
    grey = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    angle = np.pi * (2 * np.arange(32) + 1) / 64
    low = [[4 * (grey * np.outer(np.cos(u * angle), np.cos(v * angle))).sum() for v in range(8)] for u in range(8)]
    bits = "".join("1" if value > np.median(low) else "0" for value in np.ravel(low))
    return f"{int(bits, 2):016x}"


@pytest.mark.parametrize("seed", range(5))
def test_hash_is_the_dct_definition(seed: int) -> None:
    picture = draw(seed, (300, 200))
    assert perceptual_hash(picture) == reference_hash(picture)


@pytest.mark.parametrize("seed", range(8))
def test_a_resized_and_reencoded_copy_is_near(seed: int) -> None:
    picture = draw(seed, (400, 300))
    copy = Image.open(io.BytesIO(jpeg(picture.resize((173, 129)), quality=60)))
    assert hash_distance(perceptual_hash(picture), perceptual_hash(copy)) <= 6


def test_other_pictures_are_far() -> None:
    hashes = [perceptual_hash(draw(seed)) for seed in range(8)]
    assert min(hash_distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]) > 16


@pytest.mark.parametrize("colour", ["black", "white", (120, 33, 200)])
def test_a_flat_picture_has_one_hash(colour: str) -> None:
    # Without rounding, the sums' noise would set bits at random; black has no light at all, the others only a mean.
    expected = "0000000000000000" if colour == "black" else "8000000000000000"
    assert {perceptual_hash(Image.new("RGB", size, colour)) for size in ((64, 64), (500, 301))} == {expected}


def test_distance_counts_bits() -> None:
    assert hash_distance("0000000000000000", "8000000000000001") == 2
