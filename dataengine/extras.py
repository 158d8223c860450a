"""Optional installs: import a package, or say in one line which extra brings it."""

from __future__ import annotations

import importlib
from types import ModuleType

from dataengine.errors import MissingExtraError


def require(package: str, extra: str) -> ModuleType:
    """Return the imported `package`. Raises MissingExtraError with the install command where it is absent."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is not None and package.split(".")[0] == error.name.split(".")[0]:
            raise MissingExtraError(package, extra) from error
        raise
