"""`dataengine plan|fetch|annotate|bake|report`, and the body of the jobs that run them all."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from dataengine.cli.options import FetchFlags, NumCpus, PlanFlags, Replan, Root, RootOption, split_names, spread
from dataengine.errors import ConfigError

if TYPE_CHECKING:
    from dataengine.fetch import FetchOptions
    from dataengine.planning import PlanOptions
    from dataengine.runner import RayRunner


@spread
def plan_command(root: Root, plan: PlanFlags, replan: Replan = False, num_cpus: NumCpus = None) -> None:
    """Read the annotation files, filter and parse the captions, and write ROOT/records and ROOT/plan.json."""
    run_stages(root, ("plan",), plan_options=plan.to_options(), replan=replan, num_cpus=num_cpus)


@spread
def fetch_command(root: Root, fetch: FetchFlags, num_cpus: NumCpus = None) -> None:
    """Download the planned pictures, one shard a Ray task, into ROOT/images."""
    run_stages(root, ("fetch",), fetch_options=fetch.to_options(), num_cpus=num_cpus)


def annotate_command(root: Root, num_cpus: NumCpus = None) -> None:
    """Run the registered annotators over the fetched pictures (while there are none, it says so)."""
    from dataengine.annotators import ANNOTATORS

    if not len(ANNOTATORS):
        _say("no annotator is registered: there is nothing to annotate (parsing belongs to `plan`)")
        return
    run_stages(root, ("annotate",), num_cpus=num_cpus)


def bake_command(root: Root, num_cpus: NumCpus = None) -> None:
    """Join pictures, records and annotations into ROOT/shards, with a manifest."""
    run_stages(root, ("bake",), num_cpus=num_cpus)


def report_command(root: Root) -> None:
    """Write ROOT/report/index.html: one static page that shows what the shards hold."""
    from dataengine.build import BuildOptions, run_report
    from dataengine.ray_job import check_path

    _say(f"report: {run_report(BuildOptions(root=check_path('ROOT', root), stages=('report',)))}")


def create_job(name: str, sources: str) -> typer.Typer:
    """Return the command line of a job that runs all stages over `sources`, unless --sources names others."""

    @spread
    def run_job(
        root: RootOption,
        plan: PlanFlags,
        fetch: FetchFlags,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan, print the table, write nothing.")] = False,
        stages: Annotated[
            str | None,
            typer.Option("--stages", help="Comma-separated: plan, fetch, annotate, bake, report.", show_default=False),
        ] = None,
        replan: Replan = False,
        teacher: Annotated[
            str | None, typer.Option("--teacher", help="Checkpoint of a teacher model.", show_default=False)
        ] = None,
        teacher_threshold: Annotated[
            float | None, typer.Option("--teacher-threshold", help="One threshold for all tags.", show_default=False)
        ] = None,
        num_cpus: NumCpus = None,
    ) -> None:
        from dataengine.ray_job import check_path

        _announce_ray_job()
        _refuse_teacher(teacher, teacher_threshold)
        root = check_path("--root", root)
        names = _stage_names(stages)
        plan_options = plan.to_options() if "plan" in names else None
        if dry_run:
            _dry_run(plan_options)
        else:
            fetch_options = fetch.to_options()
            run_stages(
                root, names, plan_options=plan_options, replan=replan, fetch_options=fetch_options, num_cpus=num_cpus
            )

    job = typer.Typer(name=name, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    help_text = f"Build training shards from {sources}: plan, fetch, bake, report."
    job.command(help=help_text)(_with_default(run_job, "sources", sources))
    return job


def run_stages(
    root: str,
    stages: tuple[str, ...],
    *,
    plan_options: PlanOptions | None = None,
    replan: bool = False,
    fetch_options: FetchOptions | None = None,
    num_cpus: int | None = None,
) -> None:
    """Run `stages` over `root` on Ray and print what came of each."""
    from dataengine.build import BuildOptions, build
    from dataengine.cli.summary import print_answers
    from dataengine.ray_job import check_path

    options = BuildOptions(root=check_path("--root", root), stages=stages, plan=plan_options, replan=replan)
    if fetch_options is not None:
        options = dataclasses.replace(options, fetch=fetch_options)
    _check_sources(plan_options)
    try:
        with _runner(num_cpus) as runner:
            runner.check_root(options.root)
            answers = build(options, runner)
    except (KeyboardInterrupt, SystemExit):
        _say("interrupted: finished shards are kept; relaunch the same command to go on")
        raise
    print_answers(answers, options.root)


def _with_default(command: Any, name: str, value: Any) -> Any:
    """Return `command` with another default for one of its parameters."""
    signature = command.__signature__
    parameters = [
        parameter.replace(default=value) if parameter.name == name else parameter
        for parameter in signature.parameters.values()
    ]
    command.__signature__ = signature.replace(parameters=parameters)
    return command


def _stage_names(stages: str | None) -> tuple[str, ...]:
    from dataengine.build import default_stages

    return default_stages() if stages is None else split_names(stages)


def _refuse_teacher(teacher: str | None, threshold: float | None) -> None:
    if teacher is not None or threshold is not None:
        raise ConfigError(
            f"--teacher {teacher or ''}: this version has no teacher model yet, so no picture can be relabelled; "
            "leave --teacher and --teacher-threshold out: shards can be relabelled later without a new download"
        )


def _check_sources(plan_options: PlanOptions | None) -> None:
    """Find missing annotation files before Ray is started."""
    if plan_options is not None:
        from dataengine.plan import create_sources

        create_sources(plan_options)


def _dry_run(plan_options: PlanOptions | None) -> None:
    """Plan into a throw-away folder, in this process: a cluster's workers would not see the folder."""
    from dataengine.cli.summary import print_plan
    from dataengine.plan import plan
    from dataengine.stage import run_in_process

    if plan_options is None:
        raise ConfigError("--dry-run shows the plan; leave --stages out, or have it name plan")
    _check_sources(plan_options)
    with tempfile.TemporaryDirectory(prefix="dataengine-dry-run-") as folder:
        print_plan(plan(folder, plan_options, run_in_process))
    _say("dry run: nothing was written")


@contextmanager
def _runner(num_cpus: int | None) -> Iterator[RayRunner]:
    from dataengine.cli.progress import TerminalProgress
    from dataengine.runner import RayRunner

    with RayRunner(TerminalProgress(), num_cpus) as runner:
        yield runner


def _announce_ray_job() -> None:
    from dataengine.ray_job import submission_id

    identifier = submission_id()
    if identifier is not None:
        _say(f"Ray job {identifier}; to stop it: ray job stop {identifier} (Ctrl-C on the client does not)")


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)
