"""The page itself: ROOT/report/index.html, one file that needs nothing beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

import jinja2
from markupsafe import Markup

from dataengine import __version__, io
from dataengine.report import figures
from dataengine.report.causes import explain_cause
from dataengine.report.documents import read_json, section
from dataengine.report.pictures import Gallery, choose_pictures
from dataengine.report.summary import ReportSummary, summarise
from dataengine.shard_vocabulary import find_vocabulary
from dataengine.vocab import Vocabulary

REPORT_FILE = "report/index.html"
_NONE = "–"


def write_report(root: str, vocab: Vocabulary | None = None) -> str:
    """Write the page about the data set at `root` and return its address. Equal inputs give equal bytes.

    `vocab` is the vocabulary of the plan; without it the packaged one or the one beside the shards is taken, whichever
    has the plan's hash, and tags are shown by id where none has. Stages that have not run yet are said so on the page.

    Raises:
        ConfigError: no stage has left anything at `root`.
        ShardError: a plan, ledger, manifest or commit record is broken.
        StorageError: the page can't be written.
    """
    vocab = _match_vocabulary(root, vocab)
    summary = summarise(root, vocab)
    gallery = choose_pictures(root, summary.bake.shards, vocab) if summary.bake else Gallery(())
    url = io.join(root, *REPORT_FILE.split("/"))
    io.commit_bytes(render_page(summary, gallery).encode(errors="replace"), url)  # a caption may hold half a surrogate
    return url


def render_page(summary: ReportSummary, gallery: Gallery) -> str:
    """Return the page as HTML; every text that comes from the data is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dataengine.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cause": explain_cause,
        "number": _format_number,
        "share": _format_share,
        "size": _format_bytes,
        "words": _join_words,
    }
    script = environment.loader.get_source(environment, "filter.js")[0] if environment.loader else ""
    return environment.get_template("index.html").render(
        summary=summary,
        plan=summary.plan,
        fetch=summary.fetch,
        bake=summary.bake,
        gallery=gallery,
        figures=_draw_figures(summary),
        script=Markup(script),  # the package's own file
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
    )


def _match_vocabulary(root: str, vocab: Vocabulary | None) -> Vocabulary | None:
    """Return the vocabulary that the plan names by its hash: `vocab`, the packaged one, or the one beside the shards."""
    plan = read_json(io.join(root, "plan.json")) or {}
    sha256 = section(plan, "vocabulary").get("sha256")
    if sha256 is None or (vocab is not None and vocab.sha256 == sha256):
        return vocab or Vocabulary.load()
    return find_vocabulary(io.join(root, "shards"), sha256)


def _draw_figures(summary: ReportSummary) -> dict[str, Markup]:
    """Return the figures that there are numbers for, by name. The SVG is ours; names in it are escaped as they are drawn."""
    drawn: dict[str, str] = {}
    if summary.fetch and summary.fetch.causes:
        drawn["failures"] = figures.draw_failures(summary.fetch.causes)
    if summary.fetch and summary.fetch.stored_sides:
        drawn["sides"] = figures.draw_sides(summary.fetch.original_sides, summary.fetch.stored_sides)
    if summary.bake and summary.bake.tags.ranked:
        drawn["tag_curve"] = figures.draw_tag_curve(summary.bake.tags)
    if summary.bake and summary.bake.tags_per_image:
        drawn["tags_per_image"] = figures.draw_tags_per_image(summary.bake.tags_per_image)
    return {name: Markup(svg) for name, svg in drawn.items()}


def _format_number(number: int | None) -> str:
    return _NONE if number is None else f"{number:,}"


def _format_share(part: int | None, whole: int | None) -> str:
    """Return 84.2 % for a part of a whole; < 0.1 % and > 99.9 % where 0 and 100 would be untrue."""
    if part is None or not whole:
        return _NONE
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.9 < share < 100:
        return "> 99.9 %"
    return f"{share:.1f}".removesuffix(".0") + " %"


def _format_bytes(number: int) -> str:
    """Return bytes in a decimal unit, with three digits."""
    for unit, bound in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= 0.9995 * bound:
            return f"{number / bound:,.0f} {unit}" if number >= 100 * bound else f"{number / bound:.3g} {unit}"
    return f"{number} B"


def _join_words(words: Iterable[str]) -> str:
    *first, last = [*words] or [_NONE]
    return f"{', '.join(first)} and {last}" if first else last
