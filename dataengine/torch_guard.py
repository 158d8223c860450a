"""Keeps torch out of processes that only parse or fetch.

thinc (spaCy) and webdataset (img2dataset) import torch wherever it is installed, for 600 MB and 2.5 s that parse and
fetch never use. The guard makes `import torch` fail as if it were not installed. It is a finder at the head of
`sys.meta_path` and not `sys.modules["torch"] = None`, because scipy and scikit-learn look into sys.modules and crash on
None. Install it only in a process of its own, never in one that also runs a model: Ray reuses workers, so guarded stages
run under a runtime_env of their own (`dataengine.runner`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

BLOCKED = frozenset({"torch", "torchvision", "torchaudio"})


class _TorchBlocker(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(
                f"No module named {fullname!r} (kept out by dataengine.torch_guard)", name=fullname
            )
        return None


def keep_torch_out() -> bool:
    """Block torch in this process from now on. Returns False, and does nothing, where torch is already loaded."""
    if "torch" in sys.modules:
        return False
    if not any(isinstance(finder, _TorchBlocker) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TorchBlocker())
    return True
