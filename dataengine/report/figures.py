"""The page's figures as inline SVG: matplotlib draws the geometry, the page's style sheet gives type and colour.

Colours are placeholders that become CSS variables, so that one figure serves the light and the dark page; text stays text.
No pyplot, no global state, no time stamp: equal numbers give equal bytes.
"""

from __future__ import annotations

import io as bytesio
import re
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from dataengine.report.tags import TagSummary

_INK, _MUTED, _RULE, _ACCENT, _WARM = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _RULE: "--rule", _ACCENT: "--accent", _WARM: "--warm"}
_WIDTH, _HEIGHT = 6.4, 3.6
"""Inches at 72 dots: 461 x 259 pixels, so that 12-pixel type is legible where the page is 360 pixels wide."""
_TYPE = 12.0
_SIDES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
"""Ticks of the axis of image sides, in pixels."""
_UNUSED = re.compile(r"\s*<metadata>.*?</metadata>|\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
"""Licence boiler-plate, and a style that would leak into the page."""
_SIZE = re.compile(r'width="[\d.]+pt" height="[\d.]+pt"')
_IDS = re.compile(r'(id="|url\(#|href="#)')


def draw_tag_curve(tags: TagSummary) -> str:
    """Return the tag frequency curve: images a tag over the tag's rank, both logarithmic, never-seen tags as a tail."""
    axes = _new_axes()
    counts = [count.num_images for count in tags.ranked]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.plot(range(1, len(counts) + 1), counts, color=_ACCENT, linewidth=2, solid_capstyle="round")
    last = max(tags.num_tags or 0, len(counts), 2)
    if tags.num_never_seen:
        axes.axvspan(len(counts) + 0.5, last, color=_WARM, alpha=0.14, linewidth=0)
        axes.axvline(len(counts) + 0.5, color=_WARM, linewidth=1)
        axes.set_title(f"{tags.num_never_seen:,} never seen", fontsize=_TYPE, color=_WARM, loc="right")
    axes.set_xlim(1, last)
    axes.set_ylim(0.8, max(counts, default=1) * 1.6)
    _log_ticks(axes)
    _name_axes(axes, "tags, by rank", "images")
    return _to_svg(axes, "tag-curve", f"Images a tag by rank: {len(counts):,} tags seen, {tags.num_never_seen:,} never")


def draw_tags_per_image(histogram: Sequence[tuple[int, int]]) -> str:
    """Return the histogram of tags an image, given as (tags, images)."""
    axes = _new_axes()
    axes.bar(
        [tags for tags, _ in histogram], [images for _, images in histogram], width=0.82, color=_ACCENT, linewidth=0
    )
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    axes.set_xlim(-0.7, max((tags for tags, _ in histogram), default=1) + 0.7)
    _name_axes(axes, "tags an image", "images")
    return _to_svg(axes, "tags-per-image", "Histogram of tags an image")


def draw_failures(causes: Sequence[tuple[str, int]]) -> str:
    """Return a bar a cause of failure, the most frequent on top, with its number of images."""
    axes = _new_axes(height=0.55 + 0.3 * max(len(causes), 1))
    positions = range(len(causes))
    most = max((images for _, images in causes), default=1)
    axes.barh(positions, [images for _, images in causes], height=0.62, color=_WARM, linewidth=0)
    for position, (_, images) in enumerate(causes):
        axes.text(images + most * 0.015, position, f"{images:,}", va="center", color=_INK, fontsize=_TYPE)
    axes.set_yticks(positions, [cause for cause, _ in causes])
    for label in axes.get_yticklabels():
        label.set(parse_math=False, color=_INK)
    axes.invert_yaxis()
    axes.set_xlim(0, most * 1.18)
    axes.grid(visible=False)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    return _to_svg(axes, "failures", "Images that could not be had, by cause")


def draw_sides(original: Sequence[tuple[int, int]], stored: Sequence[tuple[int, int]]) -> str:
    """Return two outlines over the shorter side in pixels (logarithmic): pictures as served, and as stored."""
    axes = _new_axes()
    edges = [2 ** (exponent / 4) for exponent in range(16, 60)]
    for sides, colour, name in ((original, _MUTED, "as served"), (stored, _ACCENT, "as stored")):
        axes.stairs(_bin(sides, edges), edges, color=colour, linewidth=1.8, label=name)
    occupied = [side for side, _ in (*original, *stored)] or [256]
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(occupied) / 1.4, max(occupied) * 1.4)
    axes.xaxis.set_major_locator(FixedLocator(_SIDES))
    axes.xaxis.set_major_formatter(FixedFormatter([str(side) for side in _SIDES]))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    axes.set_ylim(bottom=0)
    legend = axes.legend(frameon=False, fontsize=_TYPE, labelcolor="linecolor", handlelength=1.2)
    legend.set_zorder(5)
    _name_axes(axes, "shorter side, pixels", "images")
    return _to_svg(axes, "sides", "Images by the length of their shorter side, as served and as stored")


# ------------------------------------------------------------------------------------------------------------- style


def _new_axes(height: float = _HEIGHT) -> Axes:
    figure = Figure(figsize=(_WIDTH, height), dpi=72, layout="constrained", facecolor="none")
    axes = figure.add_subplot(facecolor="none")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)
    axes.grid(axis="y", color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0, labelsize=_TYPE, labelcolor=_MUTED, color=_RULE, pad=5)
    return axes


def _name_axes(axes: Axes, horizontal: str, vertical: str) -> None:
    axes.set_xlabel(horizontal, fontsize=_TYPE, color=_MUTED, loc="right")
    axes.set_title(vertical, fontsize=_TYPE, color=_MUTED, loc="left", x=0.0)


def _log_ticks(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(numticks=8))
        axis.set_major_formatter(FuncFormatter(_short))
        axis.set_minor_formatter(NullFormatter())


def _short(number: float, _: object = None) -> str:
    """Return 1200 as 1.2k, 3000000 as 3M."""
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= bound:
            return f"{number / bound:g}{unit}"
    return f"{number:g}"


def _bin(sides: Sequence[tuple[int, int]], edges: Sequence[float]) -> list[int]:
    """Return images a bin; what lies beyond the first or last edge counts in the first or last bin."""
    bins = [0] * (len(edges) - 1)
    for side, images in sides:
        index = sum(edge <= side for edge in edges) - 1
        bins[min(max(index, 0), len(bins) - 1)] += images
    return bins


def _to_svg(axes: Axes, name: str, description: str) -> str:
    """Return the figure that holds `axes` as an <svg> element whose ids begin with `name`, described for who can't see it."""
    sink = bytesio.StringIO()
    figure = axes.get_figure(root=True)
    assert figure is not None
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(sink, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    svg = _UNUSED.sub("", text[text.index("<svg") :].strip())
    svg = _IDS.sub(lambda match: f"{match[1]}{name}-", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return _SIZE.sub(f'role="img" aria-label="{description}"', svg, count=1)
