"""Captions made readable for a parser, with the way back to the caption as given, and the RAM recipe's own cleaning."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dataengine.records import Span

PERSON_PLACEHOLDER = "<person>"
"""What CC12M puts in the place of a name, in lower case."""

_CLEAN_ALREADY = re.compile(r"[ !\"$-%'-;=?A-Z\[-_a-z{-~]*")
_ENTITY = re.compile(r"&(?:amp;)*((?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)?")
_MARKUP = re.compile(r"<(?!person>)[A-Za-z/!][^<>]*>", re.IGNORECASE)
_BRACKET = re.compile(r"<(?!person>)|(?<!<person)>", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]+")
_WEB = re.compile(r"https?:/*\S*|www\.\S+", re.IGNORECASE)
_HANDLE = re.compile(r"@\w*|#")
_ODD = re.compile(
    r"[\u0000-\u001f\u007f-\u00a0\u00ad\u2000-\u201f\u2028-\u202f\u2032\u2033\u205f-\u206f\u3000\ud800-\udfff\ufe00-\ufe0f\ufeff`\u00b4]"
)
_ODD_LETTERS = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "`": "'", "\u00b4": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u2033": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-",
}  # fmt: skip
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff") | {chr(code) for code in range(0xFE00, 0xFE10)}

_MAX_ENCODINGS = 3
"""Rounds of decoding; `&amp;amp;quot;` takes one, only `&#38;quot;` takes another."""
_MAX_MARKS = 32
"""Marks composed with one letter: putting marks in order takes time quadratic in their number."""

_GLUED = re.compile(r"[A-Z](?<=[a-z]{3}[A-Z])(?=[a-z]{2})")
_RAM_DROPPED = re.compile(r"[.!\"()*#:;~]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A caption without markup. `offsets[i]` is where character i stood in the caption as given; one more marks the end."""

    text: str
    offsets: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """Return the offsets in the caption as given of `text[start:end]`."""
        return self.offsets[start], self.offsets[end]


def clean(caption: str, *, glued: bool = False) -> Cleaned:
    """Return `caption` with entities decoded and with markup, addresses, handles and control characters blanked.

    Quotes and dashes become plain ones; letters are composed (NFC). The placeholder `<PERSON>` stays. `glued` parts
    sentences that stand together without a space: "with creamCovered in chocolate".
    """
    cleaned = _clean(caption)
    return _substitute(cleaned, _GLUED, _full_stop) if glued and _GLUED.search(cleaned.text) else cleaned


def _clean(caption: str) -> Cleaned:
    if _CLEAN_ALREADY.fullmatch(caption) and not _may_hold_address(caption.lower()):
        return Cleaned(caption, range(len(caption) + 1))
    cleaned = _decode(Cleaned(caption, range(len(caption) + 1)))
    cleaned = _compose(_substitute(cleaned, _ODD, _plain))
    for pattern in (_MARKUP, _MAIL, _WEB, _BRACKET, _HANDLE):
        cleaned = _substitute(cleaned, pattern, _blank)
    return cleaned


def _may_hold_address(small: str) -> bool:
    return "http" in small or "www." in small


def ram_caption(text: str, max_words: int = 30) -> str:
    """Return `text` as the RAM recipe cleans it: lower case, without . ! " ( ) * # : ; ~, at most `max_words` words.

    Entities are decoded first. Source: `pre_caption` of BLIP and RAM; `<` and `>` stay, as they do there.
    """
    bare = _RAM_DROPPED.sub(" ", decode_entities(text).lower())
    return " ".join(_SPACES.sub(" ", bare).strip().split(" ")[:max_words])


def decode_entities(text: str) -> str:
    """Return `text` with HTML entities decoded, also those encoded more than once (`&amp;quot;`)."""
    return _ENTITY.sub(_decode_entity, text) if "&" in text else text


def _decode_entity(match: re.Match[str]) -> str:
    """Return the character of an entity; every `amp;` in front of it is what encoding it once more left there."""
    return html.unescape("&" + (match[1] or ""))


def _decode(cleaned: Cleaned) -> Cleaned:
    for _ in range(_MAX_ENCODINGS):
        if "&" not in cleaned.text:
            break
        cleaned = _substitute(cleaned, _ENTITY, _decode_entity)
    return cleaned


def _full_stop(match: re.Match[str]) -> str:
    return f". {match[0]}"


def _blank(match: re.Match[str]) -> str:
    return " "


def _plain(match: re.Match[str]) -> str:
    """Return a quote or a dash in its plain form, nothing for a character without width, a space for the rest."""
    character = match[0]
    return "" if character in _INVISIBLE else _ODD_LETTERS.get(character, " ")


def _substitute(cleaned: Cleaned, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> Cleaned:
    """Return `cleaned` after `pattern.sub(replace)`; every new character points at the start of what it replaces."""
    matches = list(pattern.finditer(cleaned.text))
    if not matches:
        return cleaned
    parts: list[str] = []
    offsets: list[int] = []
    position = 0
    for match in matches:
        new = replace(match)
        parts += (cleaned.text[position : match.start()], new)
        offsets += cleaned.offsets[position : match.start()]
        offsets += [cleaned.offsets[match.start()]] * len(new)
        position = match.end()
    parts.append(cleaned.text[position:])
    offsets += cleaned.offsets[position:]
    return Cleaned("".join(parts), offsets)


def _compose(cleaned: Cleaned) -> Cleaned:
    """Return `cleaned` with each letter and the marks that follow it composed (NFC)."""
    text = cleaned.text
    if text.isascii():
        return cleaned
    starts = [0]
    for i in range(1, len(text)):
        if not unicodedata.combining(text[i]) or i - starts[-1] > _MAX_MARKS:
            starts.append(i)
    parts: list[str] = []
    offsets: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = unicodedata.normalize("NFC", text[start:end])
        parts.append(part)
        offsets += [cleaned.offsets[start]] * len(part)
    return Cleaned("".join(parts), [*offsets, cleaned.offsets[-1]])
