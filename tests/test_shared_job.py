"""The 14M job on 583 real photographs: real COCO rows, ImageNet pictures in CC12M's shape, real rows as dead links."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dataengine.demo.server import PictureServer
from dataengine.shards import open_shards
from dataengine.tables import read_table
from dataengine.verify import verify
from tests.ray_cluster import environment

pytestmark = [pytest.mark.shared, pytest.mark.ray, pytest.mark.slow]


def lay_out(realdata: Path, folder: Path) -> Path:
    """Put the rows under their official names. Nothing is rewritten: the pictures come from a mirror."""
    folder.mkdir()
    for name in ("captions_train2017.json", "captions_val2017.json"):
        shutil.copy(realdata / "coco" / name, folder)
    shutil.copy(realdata / "vg" / "region_descriptions.json", folder)
    shutil.copy(realdata / "vg" / "assembled" / "image_data_15_partial.json", folder / "image_data.json")
    sbu = [
        json.loads((realdata / "sbu" / name).read_text())
        for name in ("sbu-captions-all.json", "assembled/sbu-shape_from_coco_train80.json")
    ]
    merged = {key: sbu[0][key] + sbu[1][key] for key in ("image_urls", "captions")}
    merged["user_ids"] = [""] * len(merged["captions"])
    (folder / "sbu-captions-all.json").write_text(json.dumps(merged))
    shutil.copy(realdata / "cc3m" / "Image_Labels_Subset_Train_GCC-Labels-training.tsv", folder)
    for name, parts in {
        "Train_GCC-training.tsv": ("cc3m/Train_GCC-training.tsv", "cc3m/assembled/cc3m-shape_from_coco_train80.tsv"),
        "cc12m.tsv": ("cc12m/cc12m.tsv", "cc12m/assembled/cc12m-shape_from_imagenet_samples.tsv"),
    }.items():
        texts = [(realdata / part).read_text().rstrip("\n") for part in parts]
        (folder / name).write_text("\n".join(texts) + "\n")
    return folder


def real_pictures(realdata: Path) -> dict[str, Path | bytes]:
    """Return real URL -> photograph."""
    pictures: dict[str, Path | bytes] = {}
    for name in ("val", "train80", "imagenet"):
        urls = json.loads((realdata / f"url_to_image_{name}.json").read_text())
        pictures |= {url: realdata / file for url, file in urls.items()}
    return pictures


def test_the_job_on_real_pictures(shared_dir: Path, repository: Path, tmp_path: Path) -> None:
    realdata, root = shared_dir / "realdata", tmp_path / "root"
    annotations = lay_out(realdata, tmp_path / "annotations")
    with PictureServer(real_pictures(realdata)) as server:
        mirrors = [f"{scheme}://={server.base_url}/web/{scheme}/" for scheme in ("http", "https")]
        command = [
            sys.executable, str(repository / "jobs" / "build_14m.py"), "--root", str(root), "--allow-leaks",
            "--annotations", str(annotations), "--shard-size", "100", "--mirror", mirrors[0], "--mirror", mirrors[1],
        ]  # fmt: skip
        result = subprocess.run(
            command, cwd=repository, env=environment(), text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
        )  # fmt: skip
    assert result.returncode == 0, result.stdout
    check_plan(json.loads((root / "plan.json").read_text()))
    check_ledger(root)
    check_shards(root)


def check_plan(content: dict[str, object]) -> None:
    sources = content["sources"]
    assert isinstance(sources, dict)
    assert sources["coco"]["images_kept"] == 283
    assert sources["sbu"]["merged"] == {"coco": 80}
    assert sources["cc3m"]["merged"] == {"coco": 80}
    assert sources["vg"]["images_read"] == 15
    assert sources["cc12m"]["images_read"] == 339


def check_ledger(root: Path) -> None:
    """Assert that every URL has a row, and that the dead ones are the real rows of the web."""
    rows = [row for path in sorted((root / "images").glob("*.parquet")) for row in read_table(str(path)).to_pylist()]
    outcomes = Counter((row["dataset"], row["cause"] or "success") for row in rows)
    successes = {dataset: number for (dataset, cause), number in outcomes.items() if cause == "success"}
    assert successes == {"coco": 283, "cc12m": 300}
    dead = {dataset: number for (dataset, cause), number in outcomes.items() if cause != "success"}
    assert dead == {"vg": 15, "sbu": 5, "cc3m": 5, "cc12m": 39}
    assert {cause for _, cause in outcomes} == {"success", "http_404"}


def check_shards(root: Path) -> None:
    assert verify(str(root)).num_errors == 0
    samples = list(open_shards(str(root)))
    assert Counter(sample["json"]["source"]["dataset"] for sample in samples) == {"coco": 283, "cc12m": 300}
    assert all(sample["image"].width >= 64 for sample in samples)
    assert all(sample["json"]["tags"] for sample in samples)
