"""The options that several commands share: each group is a dataclass, declared once and spread into a command's signature."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_type_hints

import typer

from dataengine.errors import ConfigError

if TYPE_CHECKING:
    from dataengine.fetch import FetchOptions
    from dataengine.planning import PlanOptions

Root: TypeAlias = Annotated[
    str, typer.Argument(help="Folder or s3:// address that the job works in.", show_default=False)
]
RootOption: TypeAlias = Annotated[
    str, typer.Option("--root", help="Folder or s3:// address that the job works in.", show_default=False)
]
NumCpus: TypeAlias = Annotated[
    int | None, typer.Option("--num-cpus", min=1, help="Cores of an embedded Ray; all by default.", show_default=False)
]
Replan: TypeAlias = Annotated[bool, typer.Option("--replan", help="Plan again though files and options are the same.")]


def _flag(name: str, text: str, *, show_default: bool = True) -> Any:
    return typer.Option(name, help=text, show_default=show_default)


@dataclass(kw_only=True)
class PlanFlags:
    """The options of the plan."""

    annotations: Annotated[
        str | None, _flag("--annotations", "Folder where the official annotation files lie.", show_default=False)
    ] = None
    sources: Annotated[
        str,
        _flag("--sources", "Comma-separated: coco, vg, sbu, cc3m, cc12m, url_list, webdataset, folder, ram_json."),
    ] = "coco,vg,sbu,cc3m,cc12m"
    limit: Annotated[
        int | None, _flag("--limit", "Take the first so many images of each source.", show_default=False)
    ] = None
    parser: Annotated[
        str, _flag("--parser", "fast: tags. graph: the same tags, and each text's scene graph in the records.")
    ] = "fast"
    shard_size: Annotated[int, _flag("--shard-size", "Images a shard; pinned by the first plan.")] = 1000
    person: Annotated[
        str, _flag("--person", "The tag that only <PERSON> gives: drop, keep, or teacher (dropped until one agrees).")
    ] = "drop"
    filter: Annotated[
        list[str] | None, _flag("--filter", "Switch a filter on (repeatable): language.", show_default=False)
    ] = None
    no_filter: Annotated[
        list[str] | None,
        _flag(
            "--no-filter",
            "Switch a filter off (repeatable): empty, words, letters, repeated_words, repeated_caption, side, aspect, "
            "no_text, no_tag.",
            show_default=False,
        ),
    ] = None
    images: Annotated[
        list[str] | None,
        _flag("--images", "SOURCE=PATH (repeatable): a source's pictures in a zip, tar or folder.", show_default=False),
    ] = None
    allow_leaks: Annotated[
        bool, _flag("--allow-leaks", "Take COCO pictures that may be in Karpathy's val and test.")
    ] = False
    vg_regions: Annotated[
        bool, _flag("--vg-regions", "Read Visual Genome's region_descriptions instead of vg_caption.json.")
    ] = False
    vg_min_area: Annotated[float, _flag("--vg-min-area", "Least share of the picture that a region's box covers.")] = (
        0.0
    )
    url_list: Annotated[
        str | None, _flag("--url-list", "File of the url_list source: parquet, csv, tsv, jsonl.", show_default=False)
    ] = None
    shards: Annotated[
        str | None, _flag("--shards", "Folder or pattern of the webdataset source.", show_default=False)
    ] = None
    folder: Annotated[str | None, _flag("--folder", "Folder or zip of the folder source.", show_default=False)] = None
    ram_json: Annotated[str | None, _flag("--ram-json", "File of the ram_json source.", show_default=False)] = None
    join: Annotated[str, _flag("--join", "The source whose rows ram_json is joined to.")] = "cc3m"
    vocabulary: Annotated[
        str | None, _flag("--vocabulary", "A tag list of your own, one tag a line.", show_default=False)
    ] = None
    synonyms: Annotated[str | None, _flag("--synonyms", "Surface forms for your own tag list.", show_default=False)] = (
        None
    )

    def to_options(self) -> PlanOptions:
        """Return the plan that the flags ask for. Raises ConfigError, UnknownComponentError."""
        from dataengine.filters import filter_states
        from dataengine.planning import PlanOptions
        from dataengine.tagging import PersonPolicy

        return PlanOptions(
            sources=split_names(self.sources),
            source_options=self._source_options(),
            limit=self.limit,
            shard_size=self.shard_size,
            parser=_one_of("--parser", self.parser, ("fast", "graph")),
            person_policy=PersonPolicy(
                _one_of("--person", self.person, tuple(policy.value for policy in PersonPolicy))
            ),
            filters=filter_states(on=self.filter or (), off=self.no_filter or ()),
            vocabulary=_checked("--vocabulary", self.vocabulary),
            synonyms=_checked("--synonyms", self.synonyms),
        )

    def _source_options(self) -> Any:
        from dataengine.sources import SourceOptions

        return SourceOptions(
            annotations_dir=_checked("--annotations", self.annotations) or str(Path.cwd()),
            images=split_images(self.images),
            allow_leaks=self.allow_leaks,
            vg_regions=self.vg_regions,
            vg_min_area=self.vg_min_area,
            url_list=_checked("--url-list", self.url_list),
            shards=_checked("--shards", self.shards),
            folder=_checked("--folder", self.folder),
            ram_json=_checked("--ram-json", self.ram_json),
            join=self.join,
        )


@dataclass(kw_only=True)
class FetchFlags:
    """The options of the download."""

    image_size: Annotated[int, _flag("--image-size", "Pixels of the shorter side of a stored picture.")] = 384
    quality: Annotated[int, _flag("--quality", "JPEG quality of a stored picture.")] = 90
    timeout: Annotated[float, _flag("--timeout", "Seconds without an answer before a URL is given up.")] = 10.0
    deadline: Annotated[float, _flag("--deadline", "Seconds that one URL may take in all.")] = 30.0
    threads: Annotated[int, _flag("--threads", "Downloads at a time in each task.")] = 32
    contact: Annotated[
        str | None,
        _flag(
            "--contact",
            "Mail or web address that servers can turn to; it goes into the User-Agent.",
            show_default=False,
        ),
    ] = None
    user_agent: Annotated[
        str | None, _flag("--user-agent", "The whole User-Agent, in place of ours.", show_default=False)
    ] = None
    mirror: Annotated[
        list[str] | None,
        _flag("--mirror", "PREFIX=REPLACEMENT (repeatable): ask for matching URLs elsewhere.", show_default=False),
    ] = None

    def to_options(self) -> FetchOptions:
        """Return the fetch that the flags ask for. Raises ConfigError."""
        from dataengine.fetch import FetchOptions

        return FetchOptions(
            image_size=self.image_size,
            encode_quality=self.quality,
            timeout_s=self.timeout,
            deadline_s=self.deadline,
            thread_count=self.threads,
            contact=self.contact,
            user_agent=self.user_agent,
            mirrors=split_mirrors(self.mirror),
        )


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with each dataclass parameter spread into its fields, so that typer sees every option."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if isinstance(kind, type) and kind in (PlanFlags, FetchFlags)}
    parameters = [p.replace(annotation=hints[p.name]) for p in inspect.signature(command).parameters.values()]
    own = [parameter for parameter in parameters if parameter.name not in groups]
    spread_out = [parameter for kind in groups.values() for parameter in _parameters(kind)]

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        packed = {
            name: kind(**{field.name: values.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**values, **packed)

    by_default = [*own, *spread_out]
    wrapper.__signature__ = inspect.Signature(by_default)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in by_default}
    return wrapper


def _parameters(kind: type) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [
        inspect.Parameter(field.name, keyword, default=field.default, annotation=hints[field.name])
        for field in fields(kind)
    ]


def split_names(value: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list, in order, without repeats."""
    return tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))


def split_images(values: list[str] | None) -> dict[str, str]:
    """Return source -> path from SOURCE=PATH options. Raises ConfigError."""
    pairs: dict[str, str] = {}
    for value in values or ():
        name, equals, path = value.partition("=")
        if not equals or not name or not path:
            raise ConfigError(f"--images {value!r} is not SOURCE=PATH, as in --images coco=/data/train2014.zip")
        if name in pairs:
            raise ConfigError(f"--images names {name} twice; give one folder that holds {pairs[name]} and {path}")
        if not Path(path).exists():
            raise ConfigError(f"--images {value!r}: there is nothing at {path}")
        pairs[name] = str(_checked("--images", path))
    return pairs


def split_mirrors(values: list[str] | None) -> tuple[tuple[str, str], ...]:
    """Return (prefix, replacement) pairs from PREFIX=REPLACEMENT options. Raises ConfigError."""
    pairs = []
    for value in values or ():
        prefix, equals, replacement = value.partition("=")
        if not equals or not prefix or not replacement.startswith(("http://", "https://")):
            example = "--mirror http://static.flickr.com/=https://live.staticflickr.com/"
            raise ConfigError(
                f"--mirror {value!r} is not PREFIX=REPLACEMENT with an http(s) replacement, as in {example}"
            )
        pairs.append((prefix, replacement))
    return tuple(pairs)


def _checked(option: str, value: str | None) -> Any:
    from dataengine.ray_job import check_path

    return None if value is None else check_path(option, value)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise ConfigError(f"{option} is {value!r}; it must be one of {', '.join(known)}")
    return value
