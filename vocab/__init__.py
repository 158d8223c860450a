"""The tag vocabulary: names, twins, surface forms, kinds and thresholds of the 4,585 tags, or of a user's own list."""

from dataengine.vocab.tag import KINDS, Kind, SurfaceForm, Tag, normalise
from dataengine.vocab.vocabulary import Vocabulary

__all__ = ["KINDS", "Kind", "SurfaceForm", "Tag", "Vocabulary", "normalise"]
