"""The causes of failed fetches in a few words, for who reads the page and not the code."""

from __future__ import annotations

from http import HTTPStatus

_CAUSES = {
    "aspect": "a side too long for the other",
    "bad_url": "no http(s) address of a public host",
    "bomb": "more pixels than are ever decoded",
    "connect": "no connection to the host",
    "deadline": "longer than an address may take",
    "decode": "a picture that can't be decoded",
    "dns": "the host has no address",
    "empty": "an answer without content",
    "internal": "an error of the program: see its log",
    "missing": "not among the local files",
    "not_image": "an answer that is no picture",
    "opt_out": "the site forbids this use",
    "timeout": "no answer in time",
    "tls": "no secure connection",
    "too_large": "more bytes than allowed",
    "too_small": "a side below the least allowed",
    "truncated": "the picture breaks off",
}


def explain_cause(cause: str) -> str:
    """Return what `cause` means in a few words, "" where the name says it all or is not known here."""
    status = cause.removeprefix("http_")
    if status != cause and status.isdecimal():
        phrases = {code.value: code.phrase.lower() for code in HTTPStatus}
        return phrases.get(int(status), "")
    return _CAUSES.get(cause, "")
