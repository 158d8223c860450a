"""The tag names that travel with the shards: shards/vocabulary.txt, one name a line in id order."""

from __future__ import annotations

from dataengine import io
from dataengine.vocab import Vocabulary

VOCABULARY_FILE = "vocabulary.txt"


def write_vocabulary(vocab: Vocabulary, directory: str) -> None:
    """Write the tag names beside the shards in `directory`, so that ids can be read wherever the shards go."""
    names = "".join(f"{tag.name}\n" for tag in vocab.tags)
    io.commit_bytes(names.encode(), io.join(directory, VOCABULARY_FILE))


def find_vocabulary(directory: str, sha256: str) -> Vocabulary | None:
    """Return the vocabulary with this hash: the packaged one, or the one beside the shards in `directory`; else None."""
    packaged = Vocabulary.load()
    if packaged.sha256 == sha256:
        return packaged
    url = io.join(directory, VOCABULARY_FILE)
    if not io.exists(url):
        return None
    with io.local_copy(url) as path:
        vocab = Vocabulary.load(path)
    return vocab if vocab.sha256 == sha256 else None
