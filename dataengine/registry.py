"""Name -> component. A registry maps a name to `module:attribute` and imports it when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from dataengine.errors import UnknownComponentError


class Registry(Mapping[str, Any]):
    """Components of one kind by name, imported at first use so that listing them costs nothing."""

    def __init__(self, kind: str, targets: Mapping[str, str]) -> None:
        self.kind = kind
        self._targets = dict(targets)

    def __getitem__(self, name: str) -> Any:
        """Return the component called `name`. Raises UnknownComponentError, which lists the known names."""
        if name not in self._targets:
            raise UnknownComponentError(self.kind, name, self._targets)
        return load_target(self._targets[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


def load_target(target: str) -> Any:
    """Return what `package.module:attribute` names."""
    module_name, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module_name), attribute)
