"""CC3M and CC12M: tab-separated addresses and alt-texts in opposite column orders, machine labels or hashes beside.

Both are streamed line by line. Labels and hashes are yielded as records of the same uid without address and texts,
which the plan merges into their images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from dataengine.errors import AnnotationsError
from dataengine.identity import make_uid
from dataengine.records import CaptionRecord, ExpectedCounts, RejectedRow
from dataengine.sources.annotation_files import AnnotationFolder, file_name, refuse_images
from dataengine.sources.base import OfficialFile, SourceOptions
from dataengine.sources.rows import BadRow, accepted_url, checked_hash, make_text, valid_text, web_record
from dataengine.sources.tsv import text_lines, tsv_rows
from dataengine.sources.web_addresses import looks_like_url, uid_identity

_NUM_ROWS_SNIFFED = 100
_HEADERS = ({"url", "caption"}, {"image_url", "caption"}, {"url", "text"})
_LABELS_COLUMNS = 5

CC3M_TRAIN = "Train_GCC-training.tsv"
CC3M_VALIDATION = "Validation_GCC-1.1.0-Validation.tsv"
CC3M_LABELS = "Image_Labels_Subset_Train_GCC-Labels-training.tsv"
CC12M_PAIRS = "cc12m.tsv"
CC12M_HASHES = "cc12m_hashes.tsv"

_CC3M_ROWS = {CC3M_TRAIN: 3_318_333, CC3M_VALIDATION: 15_840}
_CC12M_ROWS = 12_423_374


@dataclass(frozen=True, slots=True)
class _Pairs:
    """A file of two columns."""

    path: str
    dataset: str
    url_column: int
    split: str = "train"


class Cc3mSource:
    """Conceptual Captions: train and validation (caption TAB url), and the machine labels of 2.0M training images."""

    name: ClassVar[str] = "cc3m"
    dataset = "cc3m"
    FILES: ClassVar[tuple[OfficialFile, ...]] = (
        OfficialFile(CC3M_TRAIN, "https://ai.google.com/research/ConceptualCaptions/download"),
        OfficialFile(
            CC3M_VALIDATION,
            "https://ai.google.com/research/ConceptualCaptions/download",
            required=False,
            note="read as split validation; enough alone",
        ),
        OfficialFile(
            CC3M_LABELS,
            "https://ai.google.com/research/ConceptualCaptions/download",
            required=False,
            note="machine labels, kept beside the images",
        ),
    )

    def __init__(self, options: SourceOptions) -> None:
        """Find the files. Raises AnnotationsError where neither train nor validation is there."""
        refuse_images(options, self.name)
        folder = AnnotationFolder(options, self.name)
        train, validation = folder.find(CC3M_TRAIN), folder.find(CC3M_VALIDATION)
        if not train and not validation:
            raise folder.missing("neither the training nor the validation file is there", self.FILES)
        self._pairs = [
            _Pairs(path, self.name, 1, split) for path, split in ((train, "train"), (validation, "validation")) if path
        ]
        self._labels = folder.find(CC3M_LABELS)
        num_rows = sum(_CC3M_ROWS[_plain_name(pairs.path)] for pairs in self._pairs)
        self.expected: ExpectedCounts | None = ExpectedCounts(num_rows, num_rows, "Sharma et al. 2018; download page")

    def files(self) -> list[str]:
        """Return the paths that `records` reads."""
        return [pairs.path for pairs in self._pairs] + ([self._labels] if self._labels else [])

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record a row, then the labels. Raises AnnotationsError where a file has its columns swapped."""
        for pairs in self._pairs:
            yield from _read_pairs(pairs)
        if self._labels:
            yield from _read_labels(self._labels, self.name)


class Cc12mSource:
    """Conceptual 12M (url TAB caption), and the hashes of the original bytes (url, SHA-256, MD5)."""

    name: ClassVar[str] = "cc12m"
    dataset = "cc12m"
    FILES: ClassVar[tuple[OfficialFile, ...]] = (
        OfficialFile(CC12M_PAIRS, "https://storage.googleapis.com/conceptual_12m/cc12m.tsv"),
        OfficialFile(
            CC12M_HASHES,
            "https://storage.googleapis.com/cc_hashes/cc12m.tsv.gz",
            required=False,
            note="published as cc12m.tsv.gz, which is read under that name too, beside cc12m.tsv or in hashes/",
        ),
    )

    def __init__(self, options: SourceOptions) -> None:
        """Find the files, told apart by what is in them: the hashes are published under the name of the pairs."""
        refuse_images(options, self.name)
        folder = AnnotationFolder(options, self.name, ("hashes", "cc12m/hashes"))
        paths = list(dict.fromkeys(folder.find_all(CC12M_PAIRS, CC12M_HASHES)))
        hashes = [path for path in paths if _holds_hashes(path)]
        pairs = [path for path in paths if path not in hashes]
        if not pairs:
            raise folder.missing(f"{CC12M_PAIRS} is not there", self.FILES)
        self._pairs = _Pairs(pairs[0], self.name, 0)
        self._hashes = hashes[0] if hashes else None
        self.expected: ExpectedCounts | None = ExpectedCounts(_CC12M_ROWS, _CC12M_ROWS, "Changpinyo et al. 2021")

    def files(self) -> list[str]:
        """Return the paths that `records` reads."""
        return [self._pairs.path] + ([self._hashes] if self._hashes else [])

    def records(self) -> Iterator[CaptionRecord | RejectedRow]:
        """Yield a record a row, then the hashes. Raises AnnotationsError where the file has its columns swapped."""
        yield from _read_pairs(self._pairs)
        if self._hashes:
            yield from _read_hashes(self._hashes, self.name)


def _read_pairs(pairs: _Pairs) -> Iterator[CaptionRecord | RejectedRow]:
    _check_order(pairs)
    for where, columns in _without_header(tsv_rows(pairs.path, 2)):
        if isinstance(columns, RejectedRow):
            yield columns
            continue
        try:
            yield _pair_record(pairs, columns)
        except BadRow as problem:
            yield problem.at(where)


def _pair_record(pairs: _Pairs, columns: Sequence[str]) -> CaptionRecord:
    url, caption = columns[pairs.url_column], columns[1 - pairs.url_column]
    if looks_like_url(caption) and not looks_like_url(url):
        raise BadRow("columns_swapped", "\t".join(columns))
    text = make_text(caption, kind="alt", by="web", source=pairs.dataset)
    return web_record(pairs.dataset, url, split=pairs.split, texts=[text])


def _check_order(pairs: _Pairs) -> None:
    """Raise AnnotationsError where most of the first rows hold the address in the other column."""
    rows = list(islice((columns for _, columns in tsv_rows(pairs.path, 2)), _NUM_ROWS_SNIFFED))
    told_apart = [
        looks_like_url(columns[pairs.url_column])
        for columns in rows
        if not isinstance(columns, RejectedRow) and looks_like_url(columns[0]) != looks_like_url(columns[1])
    ]
    num_swapped = told_apart.count(False)
    if num_swapped > len(told_apart) / 2:
        orders = ("url TAB caption, as CC12M has it", "caption TAB url, as CC3M has it")
        raise AnnotationsError(
            f"{pairs.path}: {num_swapped} of the first {len(rows)} rows hold {orders[1 - pairs.url_column]}, but "
            f"{pairs.dataset} has {orders[pairs.url_column]}; is it another data set's file under this name?"
        )


def _without_header(
    rows: Iterator[tuple[str, list[str] | RejectedRow]],
) -> Iterator[tuple[str, list[str] | RejectedRow]]:
    """Leave out a first row of column names, which many put there for img2dataset."""
    for number, (where, columns) in enumerate(rows):
        names = {column.strip().lower() for column in columns} if isinstance(columns, list) else set()
        if number or names not in _HEADERS:
            yield where, columns


def _read_labels(path: str, dataset: str) -> Iterator[CaptionRecord | RejectedRow]:
    """Yield a record of labels for every row of caption, url, labels, Freebase ids, confidences."""
    for where, columns in tsv_rows(path, _LABELS_COLUMNS):
        if isinstance(columns, RejectedRow):
            yield columns
            continue
        try:
            labels = _labels_json(*columns[2:])
            yield _side_record(dataset, columns[1], labels=labels)
        except BadRow as problem:
            yield problem.at(where)


def _labels_json(names: str, mids: str, confidences: str) -> str:
    if not names:
        return "[]"
    try:
        rows = zip(names.split(","), mids.split(","), map(float, confidences.split(",")), strict=True)
        return json.dumps([[name, mid, round(confidence, 4)] for name, mid, confidence in rows], ensure_ascii=False)
    except ValueError:
        raise BadRow("bad_labels", f"{names} | {mids} | {confidences}") from None


def _holds_hashes(path: str) -> bool:
    """Return whether the name says hashes, or most of the first rows end in a SHA-256 and an MD5, or in the former."""
    if "hashes" in file_name(path):
        return True
    rows = [line for _, line in islice(text_lines(path), _NUM_ROWS_SNIFFED) if isinstance(line, str)]
    return sum(_has_hash(line) for line in rows) > len(rows) / 2


def _has_hash(line: str) -> bool:
    try:
        return any(checked_hash(cell, 64) for cell in _hash_columns(line)[1:])
    except BadRow:
        return False


def _hash_columns(line: str) -> list[str]:
    """Return url, sha256 and md5; in a csv the address may hold commas, so the hashes are split off from the right."""
    columns = line.split("\t") if "\t" in line else line.rsplit(",", 2)
    return [column.strip().strip('"') for column in columns]


def _read_hashes(path: str, dataset: str) -> Iterator[CaptionRecord | RejectedRow]:
    name = file_name(path)
    for where, line in text_lines(path):
        if isinstance(line, RejectedRow):
            yield line
            continue
        columns = _hash_columns(line)
        if where == f"{name}:1" and columns[-1].lower() in ("md5", "sha256"):
            continue
        try:
            yield _hash_record(dataset, columns)
        except BadRow as problem:
            yield problem.at(where)


def _hash_record(dataset: str, columns: Sequence[str]) -> CaptionRecord:
    if len(columns) not in (2, 3):
        raise BadRow("bad_columns", "\t".join(columns))
    md5 = checked_hash(columns[2], 32) if len(columns) == 3 else None
    return _side_record(dataset, columns[0], sha256=checked_hash(columns[1], 64), md5=md5)


def _side_record(
    dataset: str, url: str, *, labels: str | None = None, sha256: str | None = None, md5: str | None = None
) -> CaptionRecord:
    """Return what another file says of the image at `url`: no address, so that it makes no image of its own."""
    uid = make_uid(dataset, uid_identity(accepted_url(valid_text(url))))
    return CaptionRecord(uid=uid, dataset=dataset, source_id=None, labels=labels, sha256=sha256, md5=md5)


def _plain_name(path: str) -> str:
    return file_name(path).removesuffix(".gz")
