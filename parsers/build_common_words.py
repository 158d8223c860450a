"""Rebuild common_words.tsv, the words that are no names: `python -m dataengine.parsers.build_common_words CAPTIONS.jsonl`."""

from __future__ import annotations

import argparse
import collections
import json
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from lemminflect import getAllLemmas

from dataengine.parsers.cleaning import clean
from dataengine.vocab.loading import load_packaged, packaged_bytes, split_rows

MIN_TEXTS = 2
"""Texts that must hold a word in lower case if the dictionary lacks it: one may be a name that somebody wrote small."""
MIN_SHARE = 0.5
"""Least share of a word's mentions that are in lower case, those that begin a text left out."""

_LETTERS = re.compile(r"[^\W\d_]{2,}")


def find_common_words(texts: Iterable[str]) -> list[str]:
    """Return the words that stand in lower case often enough, in alphabetical order."""
    small: collections.Counter[str] = collections.Counter()
    large: collections.Counter[str] = collections.Counter()
    for text in texts:
        words = _LETTERS.findall(clean(text).text)
        small.update({word for word in words if word.islower() and word.isascii()})
        large.update({word.lower() for word in words[1:] if not word.islower() and word.isascii()})
    return sorted(
        word
        for word, count in small.items()
        if count >= MIN_SHARE * (count + large[word]) and (count >= MIN_TEXTS or getAllLemmas(word))
    )


def read_glosses() -> list[str]:
    """Return WordNet's definitions of the tags, each with the synset's lemmas: English in lower case, names apart."""
    rows = split_rows(packaged_bytes("wordnet.tsv"), num_columns=5)
    return [f"{row[3]}; {row[4].replace('_', ' ')}" for row in rows]


def tag_words() -> set[str]:
    """Return the words of the tags' names that are written small: "galaxy", but not "Eiffel"."""
    return {word for tag in load_packaged() for word in _LETTERS.findall(tag.name) if word.islower()}


def main() -> None:
    """Write common_words.tsv beside this module, or to `--out`, from the captions of a jsonl file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", type=Path, help="jsonl with a key caption; most of it without title case")
    parser.add_argument("--out", type=Path, default=Path(str(resources.files("dataengine.parsers"))))
    arguments = parser.parse_args()
    with arguments.captions.open(encoding="utf-8") as lines:
        captions = [json.loads(line)["caption"] for line in lines]
    words = {*find_common_words([*captions, *read_glosses()]), *tag_words()}
    text = "\n".join(["word", *sorted(words)]) + "\n"
    (arguments.out / "common_words.tsv").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
