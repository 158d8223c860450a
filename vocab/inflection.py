"""Inflected forms of a tag's name, from lemminflect: plurals for things, verb forms for actions."""

from __future__ import annotations

import functools
import re

from dataengine.vocab.tag import Kind

_WORD = re.compile(r"[a-z]{2,}$")
_PREPOSITIONS = frozenset({"of", "on", "in", "with", "for", "to", "at", "and", "from", "by", "over", "up", "down", "out"})
_VERB_TAGS = ("VBZ", "VBG", "VBD", "VBN")
_COUNTABLE: frozenset[Kind] = frozenset({"object", "person", "animal", "food", "scene", "event", "abstract", "action"})


def inflect(name: str, kind: Kind) -> list[str]:
    """Return the inflected forms of `name`, itself not among them: plurals (and of a plural name the singular).

    An action has the verb forms of its verb too; an attribute has no forms.
    """
    forms: dict[str, None] = {}
    if kind in _COUNTABLE:
        forms.update(dict.fromkeys(number_forms(name)))
    if kind == "action":
        forms.update(dict.fromkeys(verb_forms(name)))
    forms.pop(name.lower(), None)
    return list(forms)


def number_forms(name: str) -> list[str]:
    """Return the plurals of a noun or noun phrase; [] for what is no noun in lemminflect's dictionary or its plural already."""
    words = name.lower().split()
    head = _head_index(words)
    plurals = _plurals(words[head])
    return [" ".join([*words[:head], plural, *words[head + 1 :]]) for plural in plurals]


def verb_forms(name: str) -> list[str]:
    """Return base, -s, -ing and past forms of an action: of its first word ("play golf") or of its -ing ("ice skating")."""
    words = name.lower().split()
    for index in dict.fromkeys([0, len(words) - 1] if not words[-1].endswith("ing") else [len(words) - 1]):
        forms = _verb_forms(words[index])
        if forms:
            return [" ".join([*words[:index], form, *words[index + 1 :]]) for form in forms]
    return []


def guess_kind(name: str) -> Kind:
    """Return "action" for a verb that is no noun, "attribute" for an adjective that is no noun, else "object"."""
    words = name.lower().split()
    parts = _parts_of_speech(words[0] if len(words) == 1 else words[-1])
    if "NOUN" in parts or len(words) > 1 or not parts:
        return "object"
    return "action" if "VERB" in parts else "attribute"


def _head_index(words: list[str]) -> int:
    """Return the position of a phrase's head: the word before a preposition ("cup of tea"), else the last."""
    for index, word in enumerate(words[1:], start=1):
        if word in _PREPOSITIONS and index < len(words) - 1:
            return index - 1
    return len(words) - 1


@functools.cache
def _parts_of_speech(word: str) -> frozenset[str]:
    import lemminflect

    return frozenset(lemminflect.getAllLemmas(word)) if _WORD.match(word) else frozenset()


@functools.cache
def _plurals(word: str) -> tuple[str, ...]:
    import lemminflect

    if not _WORD.match(word) or _is_plural(word):
        return ()
    known = "NOUN" in _parts_of_speech(word)
    plurals: tuple[str, ...] = lemminflect.getInflection(word, tag="NNS", inflect_oov=not known)
    return tuple(plural for plural in plurals if plural != word)


def _is_plural(word: str) -> bool:
    """Return whether a dictionary noun has `word` as its plural only ("glasses" yes, "bus" no)."""
    import lemminflect

    lemmas: tuple[str, ...] = lemminflect.getAllLemmas(word).get("NOUN", ())
    return bool(lemmas) and word not in lemmas


@functools.cache
def _verb_forms(word: str) -> tuple[str, ...]:
    import lemminflect

    lemmas = lemminflect.getAllLemmas(word).get("VERB", ()) if _WORD.match(word) else ()
    if not lemmas:
        return ()
    base = lemmas[0]
    inflected = [form for tag in _VERB_TAGS for form in lemminflect.getInflection(base, tag=tag)]
    return tuple(dict.fromkeys([base, *inflected]))
