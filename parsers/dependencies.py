"""Questions that the scene graph asks of spaCy's parse: what is a noun, what a preposition, what describes what.

`mend` first puts right what the model, trained on news, misreads in captions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dataengine.parsers.lemmas import is_known, lemma
from dataengine.parsers.phrases import load_graph_words
from dataengine.parsers.tagger import Phrase
from dataengine.parsers.words import Word

_MEASURES = load_graph_words("measure")
_PLACE_NOUNS = load_graph_words("place_noun")
_SHADES = load_graph_words("shade")
_SHADED = load_graph_words("colour") | {"colored", "coloured"}
_MODIFYING_NOUNS = load_graph_words("material") | load_graph_words("colour")
_ARRANGEMENTS = load_graph_words("arrangement")
_PARTS = load_graph_words("part")
_LIMBS = load_graph_words("limb")
_HAVING = {noun.removesuffix("e") + "ed": noun for noun in load_graph_words("having")}
_SPORTS = load_graph_words("sport")
_PARTICIPLES = load_graph_words("participle")
_INDEFINITES = load_graph_words("indefinite")
_DIRECTIONS = frozenset({"left", "right", "other", "far", "opposite", "very", "both"})
_TRANSITIVE = load_graph_words("transitive")
_SUBJECT_ROLES = frozenset({"nsubj", "nsubjpass"})
_DESCRIBES = frozenset({"amod", "advmod", "nummod", "compound", "npadvmod"})
_CLAUSE_ROLES = frozenset({"nsubj", "nsubjpass", "dobj", "expl", "aux", "attr", "acomp", "csubj", "prt"})
_OBJECT_ROLES = frozenset({"dobj", "attr", "acomp", "prt"})
_VERBAL_NOUNS = load_graph_words("verbal_noun")
_COMMANDS = load_graph_words("command")
_TAKES_TO = load_graph_words("takes_to")
_STRANDED = load_graph_words("stranded")
_PLAYING = frozenset({"play", "climb"})
_NOUN_ROLES = frozenset({"pobj", "dobj", "nsubj", "nsubjpass"})


def is_entity(token: Word) -> bool:
    """Return whether a word heads a noun phrase that names a thing which the text says is there."""
    if (
        token.dep in ("compound", "amod", "nummod", "npadvmod")
        or not _is_noun(token)
        or _is_place_noun(token)
        or _is_respect(token)
    ):
        return False
    return token.lower in _ARRANGEMENTS or not (token.lower in _MEASURES and measured(token))


def _is_noun(token: Word) -> bool:
    """Return whether a word is a noun, or stands where only a noun can: "on surfboard", "by building"."""
    if token.pos == "PRON":
        return token.lower in _INDEFINITES
    if token.pos in ("NOUN", "PROPN"):
        return any(map(str.isalpha, token.lower))
    if token.pos not in ("ADJ", "VERB", "ADV", "X", "INTJ") or not token.lower.isalpha():
        return False
    lone = not any(child.i > token.i and child.dep != "prep" for child in token.children)
    if token.dep == "pcomp":
        return token.tag == "VBG" and lone and not token.children
    if token.tag == "VBZ":
        return token.dep == "ROOT" and token.i == 0 and not any(child.dep in _NOUN_ROLES for child in token.children)
    described = any(child.dep in ("amod", "det", "poss", "nummod") for child in token.children)
    return token.dep in _NOUN_ROLES or (token.dep == "ROOT" and described and token.pos != "VERB")


def _is_place_noun(token: Word) -> bool:
    """Return whether a noun says where, and is no thing: "on top of the bus", "turned to the side"."""
    if token.lower not in _PLACE_NOUNS or token.dep not in ("pobj", "prep"):
        return False
    return _has_of(token) or all(child.dep == "det" or child.lower in _DIRECTIONS for child in token.children)


def _has_of(token: Word) -> bool:
    return any(child.dep == "prep" and child.lower == "of" for child in token.children)


def _is_respect(token: Word) -> bool:
    """Return whether a noun only says in what respect: "green in color"."""
    return (
        token.lower in ("color", "colour") and token.dep == "pobj" and token.head.lower == "in" and not token.children
    )


def measured(token: Word) -> list[Word]:
    """Return the nouns after "of" that a measure counts."""
    nouns: list[Word] = []
    for child in token.children:
        if child.dep == "prep" and child.lower == "of":
            nouns += [
                noun for target in child.children if target.dep == "pobj" for noun in (target, *target.conjuncts())
            ]
    return nouns


def phrase_heads(words: Sequence[Word], phrases: Sequence[Phrase]) -> dict[int, tuple[int, int]]:
    """Return token -> first and last token of the phrase in which it is the one that the parse takes for the noun."""
    if not phrases:
        return {}
    by_start = {token.start: token.i for token in words}
    by_end = {token.end: token.i for token in words}
    heads: dict[int, tuple[int, int]] = {}
    for phrase in phrases:
        first, last = by_start.get(phrase.start), by_end.get(phrase.end)
        if first is not None and last is not None and _is_head(words, first, last, opaque=phrase.opaque):
            nouns = [token.i for token in words[first : last + 1] if is_entity(token)] or [last]
            heads[nouns[-1]] = first, last
    return heads


def _is_head(words: Sequence[Word], first: int, last: int, *, opaque: bool) -> bool:
    """Return whether the words before the last make one head with it.

    They do not where they govern it ("playing tennis"), nor where they describe it ("long hair"), but for an opaque
    phrase: a hot dog is no dog that is hot.
    """
    before = words[first:last]
    if any(token.pos in ("VERB", "AUX") and token.governs(words[last]) for token in before):
        return False
    return opaque or not any(token.dep == "amod" or token.lower in _MODIFYING_NOUNS for token in before)


def head_tokens(
    words: Sequence[Word], noun: Word, phrase: tuple[int, int] | None, is_named: Callable[[Word], bool]
) -> list[Word]:
    """Return the phrase that names a thing, or the noun alone: a "toy truck" is a truck, and "toy" modifies it.

    The nouns in front belong to it where a hyphen or a side binds them ("t-shirt", "right hand"), where they name a
    sport ("tennis ball") or someone ("Zac Efron"), and where the noun gave no tag but they did: "cake layer".
    """
    if phrase is not None:
        return list(words[phrase[0] : phrase[1] + 1])
    before = words[noun.i - 1] if noun.i else noun
    if before.lower in ("left", "right") and lemma(noun.lower, "NOUN") in _LIMBS:
        return [before, noun]
    start = _compound_start(words, noun)
    is_bound = start == noun.i or not before.has_space or before.lower in _SPORTS
    if not is_bound and (is_named(noun) or not (before.pos == noun.pos == "PROPN" or is_named(before))):
        return [noun]
    return list(words[start : noun.i + 1])


def _compound_start(words: Sequence[Word], noun: Word) -> int:
    """Return where the nouns compounded with `noun` begin, materials left out."""
    start = noun.i
    while start > 0:
        before = words[start - 1]
        if before.dep != "compound" or before.lower in _MODIFYING_NOUNS or not start <= before.head.i <= noun.i:
            break
        start -= 1
    return start


def modifiers(noun: Word) -> Iterator[Word]:
    """Yield what describes a noun, also by way of a noun compounded with it: "red metal roof"."""
    for child in noun.children:
        if child.lower in ("colored", "coloured") and child.children and child.children[0].i < child.i:
            yield from (word for word in child.children if word.i < child.i)
        elif child.dep in ("amod", "nummod") or child.dep == "compound":
            yield child
            yield from (conjunct for conjunct in child.conjuncts() if conjunct.i < noun.i)
        if child.dep == "compound":
            yield from modifiers(child)


def shaded(modifiers: list[list[Word]]) -> list[list[Word]]:
    """Return the modifiers with "dark" and "green" made one where they stand side by side, none inside another."""
    found: list[list[Word]] = []
    for words in sorted(modifiers, key=lambda words: int(words[0].i)):
        before = found[-1][-1] if found else None
        if before is None or words[-1].i > before.i:
            joined = before is not None and before.i + 1 == words[0].i and before.lower in _SHADES
            if joined and words[0].lower in _SHADED:
                found[-1] = [*found[-1], *words]
            else:
                found.append(words)
    return found


def hyphenated(words: Sequence[Word], token: Word) -> list[Word]:
    """Return the token with what hyphens bind to its left: "hand-tufted" is one, "black-and-white" two."""
    start = token.i
    while (
        start >= 2
        and _is_hyphen(words[start - 1])
        and not words[start - 2].has_space
        and words[start - 2].lower != "and"
    ):
        start -= 2
    return list(words[start : token.i + 1])


def _is_hyphen(token: Word) -> bool:
    return token.lower == "-" and not token.has_space


def prepositions(token: Word) -> Iterator[tuple[tuple[Word, ...], Word]]:
    """Yield (the words of a preposition, the token that its objects hang on) for each one below `token`."""
    for child in token.children:
        if child.dep == "prep" or (child.dep == "prt" and not child.is_last):
            yield from _resolve_preposition((child,), child)
        elif child.dep == "advmod":
            for below in child.children:
                if below.dep == "prep":
                    yield (child, below), below


def _resolve_preposition(words: tuple[Word, ...], prep: Word) -> Iterator[tuple[tuple[Word, ...], Word]]:
    plain = False
    for child in prep.children:
        if child.dep == "pobj" and _is_place_noun(child) and _has_of(child):
            for below in child.children:
                if below.dep == "prep" and below.lower == "of":
                    yield (*words, child, below), below
        elif child.dep == "prep":
            yield (*words, child), child
        elif child.dep in ("pobj", "pcomp"):
            plain = True
    if plain:
        yield words, prep


# ------------------------------------------------------------------------------------------------------------- mending


def mend(words: Sequence[Word], phrases: Sequence[Phrase]) -> None:
    """Put right, in place, what the model misreads in captions; `phrases` are what the tagger takes for one name."""
    joined = _mend_phrases(words, phrases) if phrases else frozenset()
    for word in words:
        if word.dep == "amod" and word.lower in _HAVING:
            _mend_having(words, word)
        elif word.i == 0 or word.opens_sentence:
            _mend_opening(word)
        elif word.dep == "aux" and word.lower == "to":
            _mend_to(words, word)
        elif word.i - 1 not in joined:
            _mend_pair(words, words[word.i - 1], word)


def _mend_pair(words: Sequence[Word], before: Word, word: Word) -> None:
    """Put right two words in a row that are no phrase."""
    if word.lower in ("covered", "lined") and word.dep in ("amod", "acomp"):
        _mend_covered(words, word)
    elif before.dep not in ("compound", "npadvmod") or not before.has_space or before.pos not in ("NOUN", "PROPN"):
        return
    elif _does(before, word):
        _mend_participle(before, word)
    elif before.head is word and before.dep == "compound":
        if lemma(word.lower, "NOUN") in _PARTS and before.lower not in _MODIFYING_NOUNS:
            _mend_part(words, before, word)
        elif word.dep in _SUBJECT_ROLES and _lacks_object(word.head) and all(c.dep != "det" for c in word.children):
            _mend_front(before, word)


def _does(noun: Word, verb: Word) -> bool:
    """Return whether a word that the model joins with the noun before is what that noun does: "zebra grazing"."""
    if noun.head is not verb and (noun.head is not verb.head or verb.dep != "compound"):
        return False
    if verb.pos == "VERB":
        has_subject = any(child.dep in _SUBJECT_ROLES for child in verb.children)
        if has_subject or (verb.dep == "amod" and noun.lower in _MODIFYING_NOUNS):
            return False
        return verb.tag == "VBG" or (verb.tag == "VBN" and verb.dep == "ROOT")
    return noun.dep == "compound" and verb.lower in _PARTICIPLES and verb.tag in ("NN", "NNP")


def _mend_phrases(words: Sequence[Word], phrases: Sequence[Phrase]) -> frozenset[int]:
    """Give "stop sign", read as a command, its noun, and return the positions of words that a phrase joins to the next."""
    by_start = {token.start: token.i for token in words}
    by_end = {token.end: token.i for token in words}
    joined: set[int] = set()
    for phrase in phrases:
        first, last = by_start.get(phrase.start), by_end.get(phrase.end)
        if first is None or last is None:
            continue
        joined.update(range(first, last))
        verb, noun = words[first], words[last]
        is_pair = last == first + 1 and verb.pos == "VERB" and noun.head is verb and noun.pos in ("NOUN", "PROPN")
        if is_pair and lemma(verb.lower, "VERB") not in _PLAYING:
            _mend_name(words, verb, noun)
    return frozenset(joined)


def _mend_name(words: Sequence[Word], verb: Word, noun: Word) -> None:
    """ "Next to stop sign", "on cutting board": the words name a thing, and no one stops or cuts."""
    noun.replace(verb)
    for child in list(verb.children):
        child.attach(noun, child.dep)
    verb.attach(noun, "compound")
    verb.pos = "NOUN"
    if noun.dep == "pcomp":
        noun.dep = "pobj"
    elif verb.i > 2 and words[verb.i - 1].lower == "to" and words[verb.i - 1].head is noun:
        to, adverb, place = (words[verb.i - back] for back in (1, 2, 3))
        if adverb.head is noun and place is not noun and not noun.governs(place):
            adverb.attach(place, "advmod")
        _hang(noun, to, adverb)


def _mend_opening(word: Word) -> None:
    """ "Vase with flowers", "train running on the track": a caption commands nothing, so its first word is a noun."""
    if word.dep != "ROOT" or any(child.dep in _CLAUSE_ROLES for child in word.children) or word.is_last:
        return
    if word.tag == "VBG":
        if word.lower not in _VERBAL_NOUNS:
            return
    elif word.tag not in ("VB", "VBP", "VBZ", "RB") or word.lower in _COMMANDS or not is_known(word.lower, "NOUN"):
        return
    word.tag, word.pos = "NN", "NOUN"
    for child in word.children:
        if child.dep in ("xcomp", "advcl", "ccomp") and child.tag in ("VBG", "VBN"):
            child.dep = "acl"


def _mend_to(words: Sequence[Word], to: Word) -> None:
    """ "Next to train", "attached to bench": what follows is no verb."""
    noun, before = to.head, words[to.i - 1]
    if noun.tag != "VB" or before.lower not in _TAKES_TO or not is_known(noun.lower, "NOUN"):
        return
    if any(child.dep in _OBJECT_ROLES for child in noun.children):
        return
    subject = before.head
    if noun.dep == "ROOT":
        if subject.head is not noun or subject.dep != "nsubj":
            return
        subject.replace(noun)
    _hang(noun, to, before)
    noun.tag, noun.pos = "NN", "NOUN"


def _hang(noun: Word, to: Word, before: Word) -> None:
    """Make "to" a preposition of the word before it, and the noun, on which it hung, its object."""
    if before is not noun and not noun.governs(before):
        to.attach(before, "prep")
        to.pos = "ADP"
        noun.attach(to, "pobj")


def _mend_participle(noun: Word, verb: Word) -> None:
    """ "Zebra grazing on grass", "crate holding fruit": the second word is no noun, but what the first does."""
    if verb.dep in ("compound", "amod") and verb.head.i > verb.i:
        target = verb.head
        noun.replace(target)
        verb.attach(noun, "acl")
        target.attach(verb, "dobj")
    else:
        noun.replace(verb)
        verb.attach(noun, "acl")
    if verb.pos != "VERB":
        verb.tag, verb.pos = "VBG", "VERB"


def _mend_part(words: Sequence[Word], owner: Word, part: Word) -> None:
    """ "Cow head", "birds wings": the first has the second."""
    start = owner.i
    while start and words[start - 1].dep == "compound" and words[start - 1].head is part:
        start -= 1
        words[start].attach(owner, "compound")
    owner.dep = "poss"


def _mend_front(front: Word, subject: Word) -> None:
    """ "Sand woman is standing on", "helmet man is wearing": the first word is what the verb lacks."""
    verb = subject.head
    front.replace(verb)
    for child in [child for child in subject.children if child.i < front.i]:
        child.attach(front, child.dep)
    verb.attach(front, "relcl")
    subject.attach(verb, "nsubj")


def _lacks_object(verb: Word) -> bool:
    """Return whether the clause ends in a preposition without its noun: "is standing on"."""
    if verb.tag != "VBG" or not any(child.dep == "aux" for child in verb.children):
        return False
    after = [child for child in verb.children if child.i > verb.i and child.dep != "punct"]
    if not after:
        return lemma(verb.lower, "VERB") in _TRANSITIVE
    return len(after) == 1 and after[0].lower in _STRANDED and not after[0].children


def _mend_covered(words: Sequence[Word], participle: Word) -> None:
    """ "Snow covered hill", "tree-lined street": the first word does it."""
    place = participle.i - (2 if _is_hyphen(words[participle.i - 1]) else 1)
    noun = words[max(place, 0)]
    if noun.pos in ("NOUN", "PROPN") and noun.dep in _DESCRIBES and not noun.governs(participle):
        noun.attach(participle, "coverer")


def _mend_having(words: Sequence[Word], participle: Word) -> None:
    """ "Long sleeved shirt": the shirt has sleeves, which are long."""
    owner = participle.head
    participle.lower = _HAVING[participle.lower]
    participle.tag, participle.pos, participle.dep = "NN", "NOUN", "having"
    before = words[participle.i - 1]
    if participle.i and before.head in (owner, participle) and before.dep in _DESCRIBES:
        before.attach(participle, "amod")
