"""`dataengine verify|inspect|export`: what a person does with baked shards."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from dataengine.errors import ConfigError

if TYPE_CHECKING:
    from dataengine.records import Sample
    from dataengine.verify import ShardCheck, VerifyReport
    from dataengine.vocab import Vocabulary

Root: TypeAlias = Annotated[
    str, typer.Argument(help="ROOT of a job, or a folder with shards and their manifest.", show_default=False)
]
VocabularyFile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--vocabulary", help="Text file of the shards' vocabulary, if it is not the packaged one.", show_default=False
    ),
]

_NO_ARRAYS = ("key", "image", "json", "__url__")
_MAX_PROBLEMS = 5


def verify_command(
    root: Root,
    vocabulary: VocabularyFile = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Shards checked at the same time.")] = 2,
) -> None:
    """Check every byte against the manifest, decode every member, and hold every sample against the schema.

    Exits with 1 where anything is wrong, after all shards are checked.
    """
    from dataengine.addresses import shards_dir
    from dataengine.shards import read_manifest
    from dataengine.verify import VerifyReport, check_totals, iter_checks

    directory = shards_dir(root)
    manifest = read_manifest(directory)
    vocab = _find_vocabulary(vocabulary, manifest["vocabulary"]["sha256"], directory)
    report = VerifyReport(url=directory, problems=check_totals(manifest))
    with _progress() as progress:
        task = progress.add_task("verify", total=len(manifest["shards"]))
        for check in iter_checks(directory, vocab=vocab, num_workers=workers):
            report.shards.append(check)
            progress.advance(task)
    _print_report(report, vocab)
    if not report.ok:
        raise typer.Exit(1)


def inspect_command(
    shard: Annotated[
        str, typer.Argument(help="A .tar, a folder or ROOT, or a pattern; a path or an address.", show_default=False)
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Samples to print.")] = 5,
    json_lines: Annotated[bool, typer.Option("--json", help="Print each sample's JSON object on a line.")] = False,
    vocabulary: VocabularyFile = None,
) -> None:
    """Print samples of a shard: picture, texts, tags by name, and who claims each tag."""
    from dataengine.shards import dump_json, open_shards

    console = Console(soft_wrap=json_lines)
    for sample in islice(open_shards(shard), limit):
        if json_lines:
            typer.echo(dump_json(sample["json"]).decode())
        else:
            console.print(_describe_sample(sample, vocabulary), highlight=False)


def export_command(
    root: Annotated[
        str, typer.Argument(help="ROOT of a job, a folder of shards, a .tar or a pattern.", show_default=False)
    ],
    output: Annotated[str, typer.Option("--output", help="File to write.", show_default=False)],
    format: Annotated[str, typer.Option("--format", help="ram-json: the RAM authors' list.")] = "ram-json",
    images: Annotated[
        str | None, typer.Option("--images", help="Folder to write the pictures to as well.", show_default=False)
    ] = None,
    twins: Annotated[
        bool,
        typer.Option("--twins", help="List a tag's twins with it, so that their trainer takes none for a negative."),
    ] = False,
    vocabulary: VocabularyFile = None,
) -> None:
    """Write the shards in another trainer's format."""
    from dataengine.export import export_ram_json

    if format != "ram-json":
        raise ConfigError(f"no export format named {format!r}; known: ram-json")
    twins_of = _vocabulary_of(root, vocabulary) if twins else None
    stats = export_ram_json(root, output, images_dir=images, twins_of=twins_of)
    line = f"{output}: {stats.num_images:,} images with {stats.num_texts:,} texts"
    if stats.num_without_text:
        line += f"; left out for want of a text: {stats.num_without_text:,}"
    if stats.num_without_tag:
        line += f"; without any tag: {stats.num_without_tag:,}"
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


def _vocabulary_of(root: str, path: str | None) -> Vocabulary:
    """Return the vocabulary of the first sample at `root`. Raises ConfigError where only its hash is known."""
    from dataengine.addresses import list_shards
    from dataengine.shards import open_shards

    url = list_shards(root)[0]
    facts = next(open_shards(url))["json"]["vocab"]
    vocab = _find_vocabulary(path, facts["sha256"], _folder(url))
    if vocab is None:
        raise ConfigError(
            f"{url} has tags of {facts['name']!r}, and no vocabulary.txt stands beside it; give it with --vocabulary"
        )
    return vocab


def _folder(url: str) -> str:
    return url.rpartition("/")[0] or "."


def _find_vocabulary(path: str | None, sha256: str, directory: str) -> Vocabulary | None:
    """Return the vocabulary whose hash is `sha256`; None where only its hash is known. Raises ConfigError on another."""
    from dataengine.shard_vocabulary import find_vocabulary
    from dataengine.vocab import Vocabulary

    if path is None:
        return find_vocabulary(directory, sha256)
    vocab = Vocabulary.load(path)
    if vocab.sha256 != sha256:
        raise ConfigError(f"{path} is not the vocabulary of these shards: its hash is {vocab.sha256}, theirs {sha256}")
    return vocab


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _print_report(report: VerifyReport, vocab: Vocabulary | None) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for problem in report.problems:
        console.print(Text(_printable(problem), style="red"))
    for check in report.shards:
        _print_check(check, console)
    summary = f"{report.url}: {len(report.shards):,} shards, {report.num_samples:,} samples"
    summary += ", no error" if report.ok else f", {report.num_errors:,} errors"
    console.print(Text(summary, style="bold green" if report.ok else "bold red"))
    if not report.ok:
        console.print(
            "to mend a job's shards: remove the files named here and run `dataengine bake ROOT`", markup=False
        )
    if vocab is None:
        console.print(
            "tag ids were not checked: no vocabulary.txt stands beside the shards; give theirs with --vocabulary"
        )


def _print_check(check: ShardCheck, console: Console) -> None:
    for error in check.errors:
        console.print(Text.assemble((check.name, "bold"), " ", (_printable(error), "red")))
    if check.num_errors > len(check.errors):
        console.print(f"{check.name} and {check.num_errors - len(check.errors):,} errors more", markup=False)


def _describe_sample(sample: Sample, vocabulary: str | None) -> Group:
    """Return a sample as a person reads it. What a stranger's shard holds is stripped of terminal codes."""
    from dataengine.triplet import validate

    triplet, picture = sample["json"], sample["image"]
    title = Rule(Text(_printable(sample["key"]), style="bold"), align="left")
    size = f"{picture.width}x{picture.height}"
    if problems := validate(triplet):
        return Group(
            title, Text(size), *(Text(_printable(problem), style="red") for problem in problems[:_MAX_PROBLEMS])
        )
    vocab = _find_vocabulary(vocabulary, triplet["vocab"]["sha256"], _folder(sample["__url__"]))
    source = triplet["source"]
    facts = [size, source["dataset"], source["split"], *([f"licence {source['license']}"] if source["license"] else [])]
    facts += [f"{name} {list(sample[name].shape)}" for name in sample if name not in _NO_ARRAYS]
    address = Text(_printable(source["url"] or source["id"] or ""), style="dim", overflow="fold")
    return Group(title, Text(_printable(", ".join(facts))), address, _texts_table(triplet), _tags_table(triplet, vocab))


def _texts_table(triplet: dict[str, Any]) -> Table:
    table = _grid("", "kind", "by", "text", "")
    for index, text in enumerate(triplet["texts"]):
        region = "" if text["region"] is None else f"region {text['region']}"
        cells = [f"{index}", text["kind"], text["by"], text["text"]]
        table.add_row(*(Text(_printable(cell)) for cell in cells), Text(region, style="dim"))
    return table


def _tags_table(triplet: dict[str, Any], vocab: Vocabulary | None) -> Table:
    table = _grid("tag", "id", "claimed by", "score")
    for tag in triplet["tags"]:
        name = vocab[tag["id"]].name if vocab is not None and tag["id"] < len(vocab) else "?"
        sign = "not " if tag["state"] == -1 else ""
        score = "" if tag["score"] is None else f"{tag['score']:.2f}"
        cells = [sign + name, f"{tag['id']}", ", ".join(tag["by"]), score]
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    return table


def _grid(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _printable(text: str) -> str:
    """Return `text` with what could steer a terminal written out as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
