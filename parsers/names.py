"""Words that are part of a name or a title in a caption, told by capitals, neighbours, by-lines and quotation marks."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

from dataengine.errors import ConfigError
from dataengine.parsers.phrases import load_graph_words, table_rows
from dataengine.parsers.senses import load_classes
from dataengine.parsers.tokens import Tokens
from dataengine.records import Span
from dataengine.vocab.tag import Kind

NameRole: TypeAlias = Literal[
    "given",
    "nickname",
    "given_thing",
    "surname",
    "place",
    "street",
    "team",
    "institution",
    "landmark",
    "prefix",
    "work",
    "media",
    "lone",
    "any",
]
"""given, surname: of people. nickname, given_thing: given names that are words too, seldom ("bill") or often ("rose").
place: towns, countries. street: ends a street's name. team: plurals by which teams are called. institution: ends a name of
something that is not seen. landmark: ends a name of something that is ("Fish Lake" is a lake, no fish). prefix: begins one
("Lake Erie"). work: told of books, films, records. media: what a work is sold as.
"""

TITLE_CASE_SHARE = 0.7
"""Share of capitals among a caption's longer words from which on a capital says nothing: "Silver Signet Ring"."""

_QUOTED = re.compile(r'(?<![\w"])"{1,2}([^"]{2,80})(?<!\d)"{1,2}(?![\w"])|(?<![\w])\'([^\'"]{3,60})\'(?!\w)')
_OUTER_QUOTES = re.compile(r'"(.*)"', re.DOTALL)
_MIN_QUOTED = 3
_LONG = 4
"""Letters from which on a word tells by its case: titles too write "of" and "the" small."""
_GAP = re.compile(r"' | ?& ?")
_SENTENCE_END = re.compile(r"[.!?:;]")
_YEAR_OF_WORK = re.compile(r"\((?:19|20)\d\d\)|, {1,2}\d{1,3}\)")
_PART_OF_WORK = re.compile(r"(?:book|part|volume|season|episode|chapter)\W{1,2}#?\d", re.IGNORECASE)
_PARTS = frozenset({"book", "part", "volume", "season", "episode", "chapter"})
_BY_ITSELF: frozenset[Kind] = frozenset({"object", "food", "animal"})
"""Kinds that stay what they are beside a name: "Moshi Case", "Kentucky Chicken", "Canada Goose"."""
_SELDOM_SEEN: frozenset[Kind] = frozenset({"action", "abstract"})
_STREETS = frozenset({"st", "ave", "blvd", "rd", "ln", "hwy"})
_BEFORE_PLACE = frozenset({"in", "of", "from"})
_STATES = frozenset(
    (
        *("AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS", "KY"),
        *("LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC", "ND"),
        *("OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY", "DC"),
        *("UK", "USA", "US", "UAE", "BC", "ON", "QC"),
    )
)
_DESCRIBES = load_graph_words("colour") | {
    *("a", "an", "the", "this", "that", "my", "your", "his", "her", "its", "our", "their"),
}
_FOLLOWS_NAME = frozenset(
    ("s", "and", "is", "was", "has", "had", "loves", "likes", "wants", "gets", "got", "says", "said", "who")
)
_FOLLOWS_NICKNAME = _FOLLOWS_NAME | {"in", "on", "at", "with", "from", "after", "before", "having"}


class NameFinder:
    """Tells which words of one caption belong to names. `titles`: the text may be the title of a product or a work.

    It is asked about the words in reading order.
    """

    __slots__ = ("_is_work", "_quoted", "_roles", "_run", "_text", "_title_case", "_titles", "_tokens", "_words")

    def __init__(self, text: str, tokens: Tokens, *, titles: bool) -> None:
        self._text = text
        self._tokens = tokens
        self._words = tokens.words
        self._titles = titles
        self._roles = load_names()
        self._quoted = _quoted_stretches(text) if '"' in text or " '" in text else None
        self._run = (0, 0)
        self._is_work: bool | None = None
        self._title_case: bool | None = None

    def is_name(self, first: int, last: int, kind: Kind) -> bool:
        """Return whether the words from `first` up to `last`, a form of a tag of that kind, are part of a name."""
        start = self._tokens.starts[first]
        if self._quoted and self._is_quoted(self._quoted, start):
            return True
        if not self._text[start].isupper():
            return False
        words, (begin, end) = self._words, self._run_at(first)
        if begin and words[begin - 1] == "by":
            return True
        if self._titles and self._is_of_work() and words[first] not in self._roles["media"]:
            return True
        before = words[first - 1] if first > begin else ""
        after = words[last] if last < end and words[last] != "s" else ""
        if not before and not after and words[first] not in self._roles["lone"] and self._opens(first):
            return False
        return self._is_part(first, last, kind, before, after)

    def qualifies_title(self, last: int) -> bool:
        """Return whether the words before `last` stand before what a title in capitals is about: "Loft" in "Loft Pillow".

        Not before a verb ("Girl Blowing") or a person's name ("Chef Michael").
        """
        if last == len(self._words) or not self._in_title_case():
            return False
        following = self._words[last]
        if following in load_classes()["title_end"] or following.endswith("ing") or following in self._roles["given"]:
            return False
        return self._text[self._tokens.ends[last - 1] : self._tokens.starts[last]] in (" ", "-")

    def _is_quoted(self, quoted: list[Span], start: int) -> bool:
        while quoted and quoted[-1][1] <= start:
            quoted.pop()
        return bool(quoted) and quoted[-1][0] <= start

    def _in_title_case(self) -> bool:
        """Return whether so many words have capitals that a capital says nothing."""
        if self._title_case is None:
            text, starts = self._text, self._tokens.starts
            num_capitals = sum([text[start].isupper() for start in starts])
            small = [start for start, word in zip(starts, self._words, strict=True) if len(word) >= _LONG]
            num_small = sum([text[start].islower() for start in small])
            self._title_case = num_capitals >= TITLE_CASE_SHARE * (num_capitals + num_small)
        return self._title_case

    def _is_of_work(self) -> bool:
        """Return whether the caption is about a book, a film, a record."""
        if self._is_work is None:
            words, text = self._words, self._text
            self._is_work = (
                not self._roles["work"].isdisjoint(words)
                or (")" in text and _YEAR_OF_WORK.search(text) is not None)
                or (not _PARTS.isdisjoint(words) and _PART_OF_WORK.search(text) is not None)
            )
        return self._is_work

    def _is_part(self, first: int, last: int, kind: Kind, before: str, after: str) -> bool:
        word, named = self._words[last - 1], self._roles["any"]
        told = word in named or before in named or after in named or self._words[self._run[1] - 1] in _STREETS
        if not told and self._in_title_case():
            return self._is_in_name(first, kind, before, after)
        if self._is_person(first, last, word, before, after) or self._is_place(first, word, before, after):
            return True
        if self._is_institution(last, kind, word, before, after):
            return True
        if word in self._roles["team"] and (_is_foreign(before) or (first and self._words[first - 1] == "the")):
            return not self._in_title_case() or _is_foreign(before)
        if word in self._roles["prefix"] and not before:
            return False
        if word in self._roles["landmark"]:
            return bool(after) and not self._in_title_case()
        return self._is_in_name(first, kind, before, after)

    def _is_person(self, first: int, last: int, word: str, before: str, after: str) -> bool:
        """Return whether a word is a given name or a surname: "Rose Byrne", "Stephen King", "my dog, Chase"."""
        if (before in self._roles["given"] or before in self._roles["nickname"]) and (
            word in self._roles["surname"] or not self._in_title_case()
        ):
            return True
        thing = word in self._roles["given_thing"]
        if last - first > 1 or not (thing or word in self._roles["nickname"] or word in self._roles["given"]):
            return False
        if after or before:
            return _is_foreign(after)
        if not self._opens(first):
            return not self._in_title_case() and not (thing and self._words[first - 1] in _DESCRIBES)
        following = self._words[last] if last < len(self._words) else ""
        if thing:
            return following in _FOLLOWS_NAME
        return following in _FOLLOWS_NICKNAME or following.endswith("ing")

    def _is_institution(self, last: int, kind: Kind, word: str, before: str, after: str) -> bool:
        """Return whether a word is in the name of a university, a firm, a paper: "Fox News", "University of Phoenix"."""
        if after in self._roles["institution"]:
            return kind != "attribute"
        if word not in self._roles["institution"]:
            return False
        words, starts = self._words, self._tokens.starts
        of_name = last + 1 < len(words) and words[last] == "of" and self._text[starts[last + 1]].isupper()
        return of_name or _is_foreign(before) or (bool(before) and not self._in_title_case())

    def _is_in_name(self, first: int, kind: Kind, before: str, after: str) -> bool:
        """Return whether a word stands beside a name, or before the landmark that is called so."""
        if self._in_title_case():
            in_title = kind not in ("attribute", "person", *_BY_ITSELF)
            return self._titles and in_title and bool(after) and _is_foreign(before)
        end = self._run[1]
        if before and end < len(self._words) and self._run[0] and self._words[end] in self._roles["landmark"]:
            return True
        landmark = after in self._roles["landmark"]
        if kind in _BY_ITSELF:
            return before == "s" or (landmark and kind == "animal")
        if self._opens(first):
            return False
        if kind == "person":
            return _is_foreign(before)
        return landmark or _is_foreign(before) or _is_foreign(after) or self._is_odd_capital(first, kind)

    def _is_odd_capital(self, first: int, kind: Kind) -> bool:
        """Return whether a word that names no thing has a capital inside a sentence: "a gift from Aid to Artisans"."""
        word = self._words[first]
        return (
            kind in _SELDOM_SEEN and not word.endswith("ing") and not self._text[self._tokens.ends[first] - 1].isupper()
        )

    def _opens(self, position: int) -> bool:
        """Return whether a word begins a sentence, where everybody writes a capital."""
        if not position:
            return True
        _, starts, ends = self._tokens
        return _SENTENCE_END.search(self._text, ends[position - 1], starts[position]) is not None

    def _is_place(self, first: int, word: str, before: str, after: str) -> bool:
        """Return whether a word is in a street's or a town's name: "Grape St", "Derby Road", "the coast of Turkey"."""
        streets, words, (begin, end) = self._roles["street"], self._words, self._run
        if after in streets or (word in streets and _is_foreign(before)) or words[end - 1] in _STREETS:
            return True
        in_region = end < len(words) and self._has_comma(end) and self._is_region(end)
        if word in self._roles["place"] and begin and not before and (in_region or words[first - 1] in _BEFORE_PLACE):
            return True
        if self._in_title_case():
            return False
        if word in self._roles["place"] and begin and not before:
            return self._has_comma(first)
        if end < len(words) and words[end] in streets and not self._opens(first):
            return True
        return end - begin > 1 and in_region

    def _has_comma(self, position: int) -> bool:
        _, starts, ends = self._tokens
        return "," in self._text[ends[position - 1] : starts[position]]

    def _is_region(self, position: int) -> bool:
        """Return whether a word says in which country or state a town is: "Great Neck, NY"."""
        start, end = self._tokens.starts[position], self._tokens.ends[position]
        written = self._text[start:end]
        return written in _STATES or (written[0].isupper() and self._words[position] in self._roles["place"])

    def _run_at(self, position: int) -> Span:
        """Return the longest stretch of capitalised words around a capitalised one; it is looked for once."""
        if not self._run[0] <= position < self._run[1]:
            start = end = position
            while start > 0 and self._joined(start - 1):
                start -= 1
            while end + 1 < len(self._words) and self._joined(end):
                end += 1
            self._run = (start, end + 1)
        return self._run

    def _joined(self, position: int) -> bool:
        """Return whether the word at `position` and the next one are of one stretch."""
        text, (words, starts, ends) = self._text, self._tokens
        for i in (position, position + 1):
            if not text[starts[i]].isupper() and words[i] != "s":
                return False
        begin, end = ends[position], starts[position + 1]
        return (end - begin == 1 and text[begin] in " -'") or _GAP.fullmatch(text, begin, end) is not None


@functools.cache
def load_names() -> Mapping[NameRole, frozenset[str]]:
    """Return role -> words of names.tsv. Raises ConfigError where the file holds an unknown role.

    Two have no rows: lone, the words that may be names by themselves at the beginning of a sentence, and any.
    """
    found: dict[NameRole, set[str]] = {role: set() for role in get_args(NameRole)}
    for row in table_rows("names.tsv"):
        if row["role"] not in found:
            raise ConfigError(f"names.tsv: {row['word']!r} has none of the roles {', '.join(found)}")
        found[row["role"]].add(row["word"])
    found["lone"] = found["given"] | found["nickname"] | found["given_thing"]
    found["any"] = set().union(*found.values())
    return {role: frozenset(words) for role, words in found.items()}


@functools.cache
def load_common_words() -> frozenset[str]:
    """Return the words that texts write in lower case."""
    return frozenset(row["word"] for row in table_rows("common_words.tsv"))


def _is_foreign(word: str) -> bool:
    """Return whether a word is no English word but a name: of a place, a person, or something unheard of."""
    if len(word) < 3 or not word.isalpha():
        return False
    roles = load_names()
    return word not in load_common_words() or word in roles["place"] or word in roles["given"]


def _quoted_stretches(text: str) -> list[Span]:
    """Return, the last one first, the stretches between quotation marks that are titles or speech.

    They have three words, or all of them capitalised.

    Not a text that is quoted as a whole, and not one word: a "pizza" is some kind of pizza.
    """
    outer = _OUTER_QUOTES.fullmatch(text)
    begin, end = outer.span(1) if outer else (0, len(text))
    found = []
    for match in _QUOTED.finditer(text, begin, end):
        words = (match[1] or match[2]).split()
        if len(words) >= _MIN_QUOTED or (len(words) > 1 and all(word[0].isupper() for word in words)):
            found.append(match.span())
    return found[::-1]
