"""Word lists of the scene graph: complex prepositions, measures, materials. Data, no code."""

from __future__ import annotations

PLACE_NOUNS = frozenset(
    "back base bottom center centre corner edge end foreground front left middle outside right rear side tip top".split()
)
"""Nouns that make a preposition with the words around them: "on top of", "on the side of"."""

MEASURES = frozenset(
    "array assortment batch bit bits bouquet bunch bundle collection couple crowd dozen few flock gaggle group handful "
    "herd kind line lot lots number pack pair part patch piece pieces pile plenty row series set sort stack type variety view "
    "photo picture image close-up closeup photograph shot".split()
)
"""Nouns before "of" that count or show what follows: "a group of people" is about the people."""

MATERIALS = frozenset(
    "aluminum asphalt bamboo brass brick bronze cardboard cement ceramic chain chrome clay cloth concrete copper cotton "
    "denim fabric felt foam fur glass gold granite iron ivory leather linen marble metal nylon paper pine plaid plastic "
    "porcelain rubber satin silk silver steel stone straw suede tile tin velvet vinyl wicker wire wood wool".split()
)
"""Nouns that say what a thing is made of when they stand before it: modifiers, no part of the head."""
