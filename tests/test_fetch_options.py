"""Options of the fetch are checked where they are made."""

from __future__ import annotations

import json
import math
import pickle

import pytest

from dataengine import __version__
from dataengine.errors import ConfigError
from dataengine.fetch_options import FetchOptions


def test_every_bad_option_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        FetchOptions(image_size=0, encode_quality=101, thread_count=0, user_agent="a\nb", max_image_area=10**12)
    for name in ("image_size", "encode_quality", "thread_count", "user_agent", "max_image_area"):
        assert f"{name} is " in str(caught.value)
    assert "retries" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "header"),
    [
        (FetchOptions(), f"dataengine/{__version__} (image data set builder)"),
        (FetchOptions(contact="https://example.org"), f"dataengine/{__version__} (+https://example.org)"),
        (FetchOptions(user_agent="mine/1", contact="https://example.org"), "mine/1"),
    ],
)
def test_the_user_agent_says_who_asks(options: FetchOptions, header: str) -> None:
    assert options.user_agent_header == header


def test_options_travel_to_workers() -> None:
    assert pickle.loads(pickle.dumps(FetchOptions(image_size=512))) == FetchOptions(image_size=512)


def test_what_shapes_the_pictures_is_json() -> None:
    shaping = FetchOptions(image_size=512, max_aspect_ratio=math.inf, thread_count=3).shaping()
    assert (shaping["image_size"], shaping["max_aspect_ratio"]) == (512, None)
    assert "thread_count" not in shaping
    assert json.loads(json.dumps(shaping, allow_nan=False)) == shaping
