"""Errors travel from a worker to the driver: pickled, they keep their kind and their message."""

from __future__ import annotations

import pickle

import pytest

from dataengine.errors import DataEngineError, MissingExtraError, ShardError, UnknownComponentError


@pytest.mark.parametrize(
    "error",
    [
        ShardError("shard 3 is broken"),
        MissingExtraError("img2dataset", "build"),
        UnknownComponentError("source", "cc3", ["vg", "cc3m"]),
    ],
)
def test_errors_travel(error: DataEngineError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert (type(arrived), str(arrived)) == (type(error), str(error))
