"""dataengine: image-tag-text triplets at scale, and RAM++ trained on them.

`parse`, `open_shards` and `Vocabulary` are imported at first use: `import dataengine` itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataengine.parsers import parse
    from dataengine.shards import open_shards
    from dataengine.vocab import Vocabulary

__version__ = "0.1.0"
__all__ = ["Vocabulary", "__version__", "open_shards", "parse"]

_HOMES = {
    "parse": "dataengine.parsers:parse",
    "open_shards": "dataengine.shards:open_shards",
    "Vocabulary": "dataengine.vocab:Vocabulary",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from dataengine import extras
        from dataengine.registry import load_target

        with extras.named():
            return load_target(_HOMES[name])
    raise AttributeError(f"module 'dataengine' has no attribute {name!r}")
