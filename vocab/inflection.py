"""Inflected forms of a tag's name, from lemminflect: the numbers of nouns, and verb forms for actions only.

Used where synonyms.tsv is built, and for the new tags of a user's own list; the packaged forms need no lemminflect.
"""

from __future__ import annotations

import functools
import re

from dataengine.vocab.tag import Kind

MISLEADING = frozenset({"dice", "dove", "ground", "led", "rose", "shelving", "shot"})
"""Inflections that nearly always are another word: dice (die), dove (dive), ground (grind), led (lead; the lamp),
rose (rise), shelving (shelve; the furniture), shot (shoot; the photograph)."""

UNUSED = frozenset({"beeves", "cheerleaded", "diplomata", "irides", "latices", "skiis", "soli", "staves", "vacua"})
"""Forms that lemminflect proposes and nobody writes of the thing; so are its Latin plurals in -ae, save four."""

_LATIN_PLURALS = frozenset({"algae", "antennae", "larvae", "nebulae"})

NO_SINGULAR = frozenset({"bangs", "clothes", "dishes", "glasses", "media", "pants", "shorts", "tights"})
"""Plural nouns whose singular is another word, or none."""

_WORD = re.compile(r"[a-z]{2,}$")
_PREPOSITIONS = frozenset({"and", "at", "by", "for", "from", "in", "of", "on", "to", "with"})
_PHRASAL_VERBS = frozenset({"climb", "go", "lead", "line", "pick", "play", "playing", "stop", "type"})
"""First words of the verb phrases among the actions: "play golf", "pick up"."""

_REGULAR_NOUNS = frozenset({"bait", "casino", "radar"})
"""Nouns whose plural in -s lemminflect denies."""

_UNLISTED_VERBS = frozenset({"cheerlead", "cosplay"})
"""Verbs among the actions that lemminflect's dictionary lacks."""

_VERB_TAGS = ("VBZ", "VBG", "VBD", "VBN")


def inflect(name: str, kind: Kind) -> list[str]:
    """Return the inflected forms of `name`, itself not among them: number forms, then, for an action, verb forms."""
    return [*number_forms(name, kind), *(verb_forms(name) if kind == "action" else ())]


def number_forms(name: str, kind: Kind) -> list[str]:
    """Return the plurals of a noun or noun phrase, or the singular of a plural one.

    Verb phrases, -ing names and adjectives ("red", though "the reds" exist) have none.
    """
    words = name.lower().split()
    if kind == "action" and (words[0] in _PHRASAL_VERBS or words[-1].endswith("ing")):
        return []
    if kind == "attribute" and "ADJ" in parts_of_speech(words[-1]):
        return []
    return _replace_word(words, head := _head_index(words), _other_number(words[head], kind == "action"))


def verb_forms(name: str) -> list[str]:
    """Return the other verb forms of an action: -s, -ing and past forms of its verb.

    An activity named by its -ing form ("baking") has base and -s forms only, and these only where the base is no noun:
    "baked" describes a result, and "surf", "shop" are things. A noun phrase ("penalty kick") has none.
    """
    words = name.lower().split()
    if words[0] in _PHRASAL_VERBS and len(words) > 1:
        return _replace_word(words, 0, _conjugate(words[0]))
    if words[-1].endswith("ing") and words[-1] not in _lemmas(words[-1], "VERB"):
        base, *inflected = _conjugate(words[-1]) or ("",)
        usable = base and "NOUN" not in parts_of_speech(base)
        return _replace_word(words, len(words) - 1, (base, inflected[0])) if usable else []
    return _replace_word(words, 0, _conjugate(words[0])) if len(words) == 1 else []


def guess_kind(name: str) -> Kind:
    """Return the kind of a word that no list holds: "action" for a verb and "attribute" for an adjective that are no noun."""
    words = name.lower().split()
    parts = parts_of_speech(words[-1])
    if len(words) > 1 or not parts or "NOUN" in parts:
        return "object"
    return "action" if "VERB" in parts else "attribute"


@functools.cache
def parts_of_speech(word: str) -> frozenset[str]:
    """Return lemminflect's parts of speech of a dictionary word (NOUN, VERB, ADJ, ADV); empty for an unknown word."""
    import lemminflect

    return frozenset(lemminflect.getAllLemmas(word)) if _WORD.match(word) else frozenset()


def _replace_word(words: list[str], index: int, forms: tuple[str, ...]) -> list[str]:
    usable = [form for form in dict.fromkeys(forms) if form != words[index] and _is_usable(form)]
    return [" ".join([*words[:index], form, *words[index + 1 :]]) for form in usable]


def _is_usable(form: str) -> bool:
    if form in MISLEADING or form in UNUSED:
        return False
    return (form.isalpha() and not form.endswith("ae")) or form in _LATIN_PLURALS


def _head_index(words: list[str]) -> int:
    """Return the position of a phrase's head: the word before a preposition ("cup of tea"), else the last."""
    for index, word in enumerate(words[1:-1], start=1):
        if word in _PREPOSITIONS and word != "and":
            return index - 1
    return len(words) - 1


@functools.cache
def _lemmas(word: str, part: str) -> tuple[str, ...]:
    import lemminflect

    lemmas: tuple[str, ...] = lemminflect.getAllLemmas(word).get(part, ())
    return lemmas


@functools.cache
def _other_number(word: str, dictionary_only: bool) -> tuple[str, ...]:
    """Return the plurals of a singular noun, or the singular of a plural one, which may be the word itself.

    lemminflect's dictionary lacks some nouns ("pan", "log"): by rule unless `dictionary_only`.
    """
    import lemminflect

    if not _WORD.match(word) or (dictionary_only and "NOUN" not in parts_of_speech(word)):
        return ()
    lemmas = _lemmas(word, "NOUN")
    singulars = tuple(lemma for lemma in lemmas if lemma != word and (word not in lemmas or f"{lemma}s" == word))
    if singulars:
        return () if word in NO_SINGULAR else singulars
    if word in _REGULAR_NOUNS:
        return (f"{word}s",)
    plurals: tuple[str, ...] = lemminflect.getInflection(word, tag="NNS", inflect_oov=not dictionary_only)
    return plurals


@functools.cache
def _conjugate(word: str) -> tuple[str, ...]:
    """Return base, -s, -ing and past forms of a verb given in any of its forms; () for what is no verb."""
    import lemminflect

    lemmas = _lemmas(word, "VERB")
    unlisted = word in _UNLISTED_VERBS
    if not lemmas and not unlisted:
        return ()
    base = word if unlisted or word in lemmas else lemmas[0]
    forms = [form for tag in _VERB_TAGS for form in lemminflect.getInflection(base, tag=tag, inflect_oov=unlisted)]
    return tuple(dict.fromkeys([base, *forms]))
