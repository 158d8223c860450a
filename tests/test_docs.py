"""The documentation is true: links lead somewhere, commands and options exist, the README's answer is the answer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import dataengine
from dataengine.cli.app import app
from dataengine.cli.build import create_job

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]

_LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
_FENCE = re.compile(r"^```(?:sh)?\n(.*?)^```", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"(?:dataengine|python jobs/build_(?:14m|4m)\.py)\s.*")


def find_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield (page, words) of every command in the code blocks of all pages."""
    for page in PAGES:
        for block in _FENCE.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                if found := _COMMAND.search(line.partition("  #")[0].partition(" | head")[0]):
                    yield str(page.relative_to(REPOSITORY)), shlex.split(found[0], comments=True)


COMMANDS = list(find_commands())


def options_of(words: list[str]) -> set[str]:
    """Return the options of the command that `words` call. Raises KeyError where there is no such command."""
    if words[0] == "python":
        command: Any = typer.main.get_command(create_job("job", "cc3m"))
    else:
        command = typer.main.get_command(app)
        for word in words[1:]:
            if not hasattr(command, "commands"):
                break
            command = command.commands[word]
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_commands_and_options_exist(page: str, words: list[str]) -> None:
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given - options_of(words) == set()


def test_there_are_commands_in_the_pages() -> None:
    assert len(COMMANDS) > 20


def test_the_readme_shows_the_parsers_answer() -> None:
    shown = re.search(
        r"parsed = (dataengine\.parse\(.*\))\nparsed\.tags, parsed\.tag_ids  # (.*)", PAGES[0].read_text()
    )
    assert shown is not None
    parsed = eval(shown[1], {"dataengine": dataengine})
    assert (parsed.tags, parsed.tag_ids) == eval(shown[2])
