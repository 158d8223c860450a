"""`dataengine parse`: one caption for a person or a program, or a file of captions."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dataengine.errors import ConfigError
from dataengine.torch_guard import keep_torch_out

if TYPE_CHECKING:
    from rich.console import Console

    from dataengine.parsers import ParsedCaption, Parser
    from dataengine.parsers.parsed_files import FileReport
    from dataengine.records import SceneGraph


def parse_command(
    caption: Annotated[str | None, typer.Argument(help="The caption to parse.", show_default=False)] = None,
    input: Annotated[
        str | None,
        typer.Option("--input", help="A file of captions: jsonl, csv, tsv, parquet, txt; - for standard input."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", help="With --input: the file to write, jsonl or parquet; - for standard output.")
    ] = "-",
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    tags_only: Annotated[
        bool, typer.Option("--tags-only", help="Leave out the scene graph: no model, much faster.")
    ] = False,
    source: Annotated[
        str | None, typer.Option(help="Where captions come from: plain, coco, vg, sbu, cc3m, cc12m, alt (laion: alt).")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what gave each tag, and what was dropped and why.")
    ] = False,
    vocabulary: Annotated[
        str | None, typer.Option(help="A tag list of your own, one tag a line, in place of the 4,585.", metavar="FILE")
    ] = None,
    synonyms: Annotated[
        str | None, typer.Option(help="Further surface forms: form, tab, tag name a line.", metavar="FILE")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="With --input: processes that parse; the output stays the same.")
    ] = 1,
) -> None:
    """Parse a caption into tags and a scene graph."""
    keep_torch_out()
    # Before numpy is there: spaCy's matrices are small, and threads that wait for one another cost more than they give.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if (caption is None) == (input is None):
        raise ConfigError('give either a caption or --input: dataengine parse "a dog on a couch"')
    if caption is not None and output != "-":
        raise ConfigError("--output goes with --input; one caption is printed")
    if explain and (json_output or input is not None):
        raise ConfigError("--explain is for one caption and for people: leave out --json and --input")
    parser = _make_parser(vocabulary, synonyms, graph=not tags_only)
    if input is not None:
        _parse_file(parser, input, output, source, workers)
    elif caption is not None:
        _parse_caption(parser, caption, source, json_output=json_output, explain=explain)


def _make_parser(vocabulary: str | None, synonyms: str | None, *, graph: bool) -> Parser:
    from dataengine.parsers import Parser
    from dataengine.vocab import Vocabulary

    return Parser(Vocabulary.load(vocabulary, synonyms), graph=graph)


# ------------------------------------------------------------------------------------------------------------ files


def _parse_file(parser: Parser, input_url: str, output_url: str, source: str | None, num_workers: int) -> None:
    from dataengine.parsers.parsed_files import parse_file

    try:
        report = parse_file(parser, input_url, output_url, source, num_workers)
    except BrokenPipeError:
        # The reader of a pipe (head) has left: nothing is wrong, and nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    _print_report(report)


def _print_report(report: FileReport) -> None:
    typer.echo(f"{report.num_parsed:,} captions parsed", err=True)
    if report.rejected:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.rejected.most_common())
        where = f"; see {report.rejected_url}" if report.rejected_url else ""
        typer.echo(f"warning: {report.rejected.total():,} rows rejected ({reasons}){where}", err=True)
    if report.num_unknown_sources:
        names = ", ".join(map(repr, report.unknown_sources))
        typer.echo(f"warning: {report.num_unknown_sources:,} rows of unknown source ({names}) read as plain", err=True)


# ------------------------------------------------------------------------------------------------------ one caption


def _parse_caption(parser: Parser, caption: str, source: str | None, *, json_output: bool, explain: bool) -> None:
    parsed = parser.parse(caption, source)
    if json_output:
        from dataengine.parsers.json_form import dump, to_json_object

        typer.echo(dump(to_json_object(parsed, "0")))
        return
    from rich.console import Console

    console = Console(highlight=False, emoji=False, markup=False, soft_wrap=True)
    _print_tags(console, parsed, with_spans=explain)
    if explain:
        _print_dropped(console, parser, caption, source)
        _print_implied(console, parser, parsed)
    if parsed.graph is not None:
        _print_graph(console, parsed.graph)


def _print_tags(console: Console, parsed: ParsedCaption, *, with_spans: bool) -> None:
    """Print each tag with its id, and the words that gave it; with their place and rule on request."""
    console.print("tags", style="bold")
    if not parsed.tags:
        console.print("  none")
    width = max(map(len, parsed.tags), default=0)
    for tag_id, tag in zip(parsed.tag_ids, parsed.tags, strict=True):
        mentions = [mention for mention in parsed.evidence if mention.tag_id == tag_id]
        words = [_quote(parsed.caption, mention.span) for mention in mentions]
        if with_spans:
            words = [
                f"{word} {mention.span[0]}-{mention.span[1]} {mention.rule}"
                for word, mention in zip(words, mentions, strict=True)
            ]
        console.print(f"  {tag:<{width}}  {tag_id:>4}  {', '.join(dict.fromkeys(words))}")


def _print_dropped(console: Console, parser: Parser, caption: str, source: str | None) -> None:
    from dataengine.parsers.tagger import DROP_REASONS

    console.print("dropped", style="bold")
    dropped = parser.tagger.tag(caption, source).dropped
    if not dropped:
        console.print("  nothing")
    for item in dropped:
        tag = "" if item.tag_id is None else f" ({parser.vocab[item.tag_id].name})"
        console.print(
            f"  {_quote(caption, item.span)}{tag} {item.span[0]}-{item.span[1]} {item.reason}: {DROP_REASONS[item.reason]}"
        )


def _print_implied(console: Console, parser: Parser, parsed: ParsedCaption) -> None:
    console.print("implied", style="bold")
    console.print("  " + (", ".join(parser.vocab[tag_id].name for tag_id in parsed.implied_ids) or "nothing"))


def _print_graph(console: Console, graph: SceneGraph) -> None:
    console.print("scene graph", style="bold")
    if not graph.entities:
        console.print("  empty")
    for entity in graph.entities:
        modifiers = ", ".join(modifier.text for modifier in entity.modifiers)
        console.print(f"  {entity.head}" + (f" ({modifiers})" if modifiers else ""))
    for relation in graph.relations:
        words = [graph.entities[relation.subject].head, relation.predicate]
        if relation.object is not None:
            words.append(graph.entities[relation.object].head)
        console.print(f"  {' -- '.join(words)}")


def _quote(caption: str, span: tuple[int, int]) -> str:
    return f'"{caption[span[0] : span[1]]}"'
