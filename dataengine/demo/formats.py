"""The demo's annotation files in the five sources' own formats, each with rows that the sources must refuse.

The shapes are those of the official files: COCO's captions and Karpathy's split, Visual Genome's image list, region
descriptions and ready-made captions, SBU's parallel lists, CC3M's caption TAB url, CC12M's url TAB caption.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dataengine.demo.pictures import (
    Picture,
    picture_size,
    pictures,
    read_captions,
    read_links,
    read_photographs,
    read_phrases,
    read_pictures,
)

_FIRST_CAPTION_ID = 700001
_FIRST_REGION_ID = 800001
_FLICKR_PHOTO_IDS = {"pagoda": 6061409035}
"""china.jpg is this photograph on Flickr; the other pictures get numbers that no photograph has."""
_FIRST_FLICKR_ID = 99_000_900_000
_DATE_CAPTURED = "2013-11-14 17:02:52"
_SPLIT_FOLDERS = {"train": "train2014", "restval": "val2014", "val": "val2014", "test": "val2014"}
_LABELS = (
    ("motorcycle-engine", (("motorcycle", "/m/04_sv", 0.97), ("engine", "/m/02mk9", 0.94))),
    ("tripod", (("tripod", "/m/073bxn", 0.91),)),
    ("cat-nose", (("cat", "/m/01yrx", 0.98), ("whiskers", "/m/01l7qd", 0.96))),
)
"""What CC3M's labels file would say: name, Freebase id, confidence."""


def write_all(directory: Path, base_url: str) -> Counter[str]:
    """Write the annotation files of the five sources to `directory`. Returns reason -> rows that must be refused."""
    directory.mkdir(parents=True, exist_ok=True)
    writers = (_write_coco, _write_karpathy, _write_visual_genome, _write_sbu, _write_cc3m, _write_cc12m)
    return sum((writer(directory, base_url) for writer in writers), Counter[str]())


def picture_url(picture: Picture, base_url: str) -> str:
    """Return the address in the picture's row: its own, its twin's, or for SBU the twin's photo id on Flickr's old host."""
    if not picture.twin or picture.source == "vg":
        return base_url + picture.request
    twin = next(other for other in read_pictures() if other.name == picture.twin)
    if picture.source == "sbu":
        return f"http://static.flickr.com/{_flickr_path(twin)}.jpg"
    return base_url + twin.request


def _of(source: str) -> list[Picture]:
    return [picture for picture in read_pictures() if picture.source == source]


def _texts(picture: Picture) -> list[str]:
    return [caption.text for caption in read_captions()[picture.source, picture.name]]


def _flickr_path(picture: Picture) -> str:
    photo_id = _FLICKR_PHOTO_IDS.get(picture.name, _FIRST_FLICKR_ID + int(picture.id))
    return f"6197/{photo_id}_d0e0{int(picture.id):06d}"


# ---------------------------------------------------------------------------------------------------------------- COCO


def _write_coco(directory: Path, base_url: str) -> Counter[str]:
    """Write captions_train2014.json and captions_val2014.json; where the split is there, their captions are not read."""
    numbers = itertools.count(_FIRST_CAPTION_ID)
    for folder in ("train2014", "val2014"):
        images = [picture for picture in _of("coco") if _SPLIT_FOLDERS[picture.split] == folder]
        annotations = [
            {"image_id": int(picture.id), "id": next(numbers), "caption": text}
            for picture in images
            for text in _sentences(picture)
        ]
        content = {
            "info": {
                "description": "dataengine demo in the shape of COCO 2014 captions",
                "version": "1.0",
                "year": 2014,
            },
            "images": [_coco_image(picture, base_url) for picture in images],
            "licenses": [{"url": "", "id": number, "name": name} for name, number in _licence_ids().items()],
            "annotations": annotations,
        }
        _write_json(directory / f"captions_{folder}.json", content)
    return Counter()


def _sentences(picture: Picture) -> list[str]:
    """Return the captions of a COCO picture; the first picture has an empty one more."""
    return [*_texts(picture), *([" "] if picture == _of("coco")[0] else [])]


def _coco_image(picture: Picture, base_url: str) -> dict[str, Any]:
    width, height = picture_size(picture)
    return {
        "license": _licence_ids()[read_photographs()[picture.photograph].credit],
        "file_name": Path(picture.address).name,
        "coco_url": base_url + picture.address,
        "height": height,
        "width": width,
        "date_captured": _DATE_CAPTURED,
        "flickr_url": f"http://farm7.staticflickr.com/{_flickr_path(picture)}_z.jpg",
        "id": int(picture.id),
    }


def _licence_ids() -> dict[str, int]:
    credits = dict.fromkeys(photograph.credit for photograph in read_photographs().values())
    return {credit: number for number, credit in enumerate(credits, 1)}


def _write_karpathy(directory: Path, base_url: str) -> Counter[str]:
    """Write dataset_coco.json: one picture each of val and test, which stay out, and two of restval, which come in."""
    numbers = itertools.count(_FIRST_CAPTION_ID)
    images = [_karpathy_image(index, picture, numbers) for index, picture in enumerate(_of("coco"))]
    _write_json(directory / "dataset_coco.json", {"images": images, "dataset": "coco"})
    return Counter(empty_caption=1)


def _karpathy_image(index: int, picture: Picture, numbers: Iterable[int]) -> dict[str, Any]:
    sentences = [
        {"tokens": re.findall(r"[a-z0-9]+", text.lower()), "raw": text, "imgid": index, "sentid": number}
        for text, number in zip(_sentences(picture), numbers, strict=False)
    ]
    return {
        "filepath": _SPLIT_FOLDERS[picture.split],
        "sentids": [sentence["sentid"] for sentence in sentences],
        "filename": Path(picture.address).name,
        "imgid": index,
        "split": picture.split,
        "sentences": sentences,
        "cocoid": int(picture.id),
    }


# ------------------------------------------------------------------------------------------------------- Visual Genome


def _write_visual_genome(directory: Path, base_url: str) -> Counter[str]:
    """Write image_data.json, region_descriptions.json and vg_caption.json; one picture is a COCO picture too."""
    images = _of("vg")
    numbers = itertools.count(_FIRST_REGION_ID)
    _write_json(directory / "image_data.json", [_vg_image(picture, base_url) for picture in images])
    regions = [{"regions": _vg_regions(picture, numbers), "id": int(picture.id)} for picture in images]
    _write_json(directory / "region_descriptions.json", regions)
    captions = [
        {"image": f"visual-genome/VG_100K/{picture.id}.jpg", "caption": phrase.text}
        for picture in images
        for phrase in read_phrases()[picture.name]
    ]
    _write_json(directory / "vg_caption.json", captions)
    return Counter()


def _vg_image(picture: Picture, base_url: str) -> dict[str, Any]:
    width, height = picture_size(picture)
    coco_ids = {other.name: int(other.id) for other in _of("coco")}
    return {
        "width": width,
        "url": picture_url(picture, base_url),
        "height": height,
        "image_id": int(picture.id),
        "coco_id": coco_ids.get(picture.twin),
        "flickr_id": None,
    }


def _vg_regions(picture: Picture, numbers: Iterable[int]) -> list[dict[str, Any]]:
    return [
        {
            "region_id": number,
            "width": phrase.box[2],
            "height": phrase.box[3],
            "image_id": int(picture.id),
            "phrase": phrase.text,
            "y": phrase.box[1],
            "x": phrase.box[0],
        }
        for phrase, number in zip(read_phrases()[picture.name], numbers, strict=False)
    ]


# ----------------------------------------------------------------------------------------------- SBU, CC3M and CC12M


def _pairs(source: str, base_url: str, split: str | None = None) -> list[tuple[str, str]]:
    """Return (url, caption) of a source's pictures and, but for CC3M's validation file, of its dead links."""
    pairs = [
        (picture_url(picture, base_url), text)
        for picture in _of(source)
        if split in (None, picture.split)
        for text in _texts(picture)
    ]
    if split != "validation":
        pairs += [(base_url + link.address, link.caption) for link in read_links() if link.source == source]
    return pairs


def _write_sbu(directory: Path, base_url: str) -> Counter[str]:
    """Write sbu-captions-all.json; its last caption is empty."""
    pairs = [*_pairs("sbu", base_url), (f"{base_url}/sbu/2723/4385058999_d0e0000099.jpg", "")]
    content = {
        "image_urls": [url for url, _ in pairs],
        "user_ids": [f"{90000001 + index}@N00" for index in range(len(pairs))],
        "captions": [caption for _, caption in pairs],
    }
    _write_json(directory / "sbu-captions-all.json", content)
    return Counter(empty_caption=1)


def _write_cc3m(directory: Path, base_url: str) -> Counter[str]:
    """Write the training file with a row whose columns are swapped, the validation file and the labels file."""
    train = [(caption, url) for url, caption in _pairs("cc3m", base_url, "train")]
    swapped = (f"{base_url}/cc3m/tripod.jpg", "the legs of a tripod on the grass")
    _write_tsv(directory / "Train_GCC-training.tsv", [*train, swapped])
    validation = [(caption, url) for url, caption in _pairs("cc3m", base_url, "validation")]
    _write_tsv(directory / "Validation_GCC-1.1.0-Validation.tsv", validation)
    rows = [(caption, url, *_labels(name)) for name, _ in _LABELS for caption, url in train if f"/{name}." in url]
    _write_tsv(directory / "Image_Labels_Subset_Train_GCC-Labels-training.tsv", rows)
    return Counter(columns_swapped=1)


def _labels(name: str) -> tuple[str, str, str]:
    names, mids, confidences = zip(*dict(_LABELS)[name], strict=True)
    return ",".join(names), ",".join(mids), ",".join(map(str, confidences))


def _write_cc12m(directory: Path, base_url: str) -> Counter[str]:
    """Write the pairs, with a swapped row, one without caption, one without address, and the hashes of the pictures."""
    spoiled = [
        ("A flag with stars and stripes", f"{base_url}/cc12m/flag.jpg"),
        (f"{base_url}/cc12m/crater.jpg", ""),
        ("not-an-address", "The moon over a field of grass"),
        (f"{base_url}/cc12m/clover.jpg",),
    ]
    _write_tsv(directory / "cc12m.tsv", [*_pairs("cc12m", base_url), *spoiled])
    served = pictures()
    hashes = [
        _hashes(picture_url(picture, base_url), served[picture.address]) for picture in _of("cc12m") if not picture.twin
    ]
    _write_tsv(directory / "cc12m_hashes.tsv", hashes)
    return Counter(columns_swapped=1, empty_caption=1, bad_url=1, bad_columns=1)


def _hashes(url: str, content: Path | bytes) -> tuple[str, str, str]:
    data = content.read_bytes() if isinstance(content, Path) else content
    return url, hashlib.sha256(data).hexdigest(), hashlib.md5(data, usedforsecurity=False).hexdigest()


# ------------------------------------------------------------------------------------------------------------- writing


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _write_tsv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
