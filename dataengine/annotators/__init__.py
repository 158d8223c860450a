"""The annotators by name: models that look at fetched images and write annotations/<stage>/. Adding one is a file and a line."""

from __future__ import annotations

from dataengine.registry import Registry

__all__ = ["ANNOTATORS"]

ANNOTATORS = Registry("annotator", {})
