"""Optional installs: where one of their packages is absent, one line says which extra brings it."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from types import ModuleType

from dataengine.errors import MissingExtraError

_BUILD = "PIL boto3 botocore cv2 fsspec ijson img2dataset matplotlib py3langid pyarrow ray webdataset"
_EXTRAS = dict.fromkeys(_BUILD.split(), "build") | dict.fromkeys(("skimage", "sklearn"), "demo")
"""Module -> the extra that brings it, for what our modules import at their top."""


def require(package: str, extra: str) -> ModuleType:
    """Return the imported `package`. Raises MissingExtraError with the install command where it is absent."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is not None and package.split(".")[0] == error.name.split(".")[0]:
            raise MissingExtraError(package, extra) from error
        raise


@contextlib.contextmanager
def named() -> Iterator[None]:
    """Turn the failed import of an optional package, wherever it happens inside, into MissingExtraError."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        raise MissingExtraError(package, _EXTRAS[package]) from error
