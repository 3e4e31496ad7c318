"""Stage 1, ask: speak with the person. stdout holds results, stderr the rest.

Exit codes, all in one place:

    0  nothing to report; or the diff was printed, or everything was applied
    1  findings remain (with --diff: only if --check asks for it)
    2  wrong usage or configuration, or a file that could not be read, parsed,
       proven or written

`why` gives 1 if something blocks; the other commands answer with 0, or with 2.

Everything heavy is imported where it is used: `--help` costs little.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asyncfix import __version__
from asyncfix.ending import ends

if TYPE_CHECKING:
    from collections.abc import Callable


_SEVERITIES = ("high", "medium", "low")


class _Door(click.Group):
    """A group whose main job needs no name: `asyncfix --diff src/`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "--help", "-h", "--version"):
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        main_job = self.commands["check"]
        formatter.write_usage("asyncfix", "[OPTIONS] [PATHS]...")
        main_job.format_help_text(ctx, formatter)
        main_job.format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(70))
                    for name, command in sorted(self.commands.items())
                    if not command.hidden
                ]
            )
        formatter.write_paragraph()
        formatter.write_text(
            "Exit codes: 0 nothing to report, diff printed or all applied; "
            "1 findings remain; 2 wrong usage, or a file that could not be "
            "read, parsed, proven or written."
        )


@click.group(cls=_Door, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="asyncfix")
def main() -> None:
    """Find what blocks a Python program's event loop, and rewrite it."""


def _severity(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option --severity."""
    return click.option(
        "--severity",
        type=click.Choice(_SEVERITIES),
        help="The least severity that counts (default: as configured, else medium).",
    )(command)


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every command that reads a project."""
    for option in (
        click.option(
            "--jobs", "-j", type=click.IntRange(min=1), help="Worker processes."
        ),
        click.option(
            "--exclude", metavar="GLOB", multiple=True, help="Leave these files out."
        ),
        _severity,
    ):
        command = option(command)
    return command


def _tests(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of what tells of coroutines: tests and generated files."""
    for option in (
        click.option(
            "--include-generated", is_flag=True, help="Also files marked generated."
        ),
        click.option("--tests", is_flag=True, help="Also the coroutines of tests."),
    ):
        command = option(command)
    return command


@main.command("check", hidden=True)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--diff", is_flag=True, help="Print a diff of the fixes; write nothing.")
@click.option("--apply", "write", is_flag=True, help="Write the fixes to the files.")
@click.option("--unsafe", is_flag=True, help="Make fixes that are not proven, too.")
@click.option("--safe-only", is_flag=True, help="Leave out fixes of level intent.")
@click.option("--select", metavar="NAMES", help="Only these codemods, with commas.")
@click.option("--ignore", metavar="NAMES", help="Not these codemods, with commas.")
@click.option("--exclude", metavar="GLOB", multiple=True, help="Leave these files out.")
@_severity
@click.option(
    "--min-severity",
    type=click.Choice(_SEVERITIES),
    help="The least severity that is rewritten (default: as configured, else high).",
)
@click.option(
    "--prefer", metavar="WAY", help="The way to take first: native, offload or colour."
)
@click.option("--include-generated", is_flag=True, help="Also files marked generated.")
@click.option(
    "--target-version",
    metavar="3.X",
    help="Oldest Python the code must run on (default: requires-python, else 3.9).",
)
@click.option(
    "--concurrency-limit", type=click.IntRange(min=0), metavar="N",
    help="Let at most N calls run at once where a fix makes them concurrent.",
)  # fmt: skip
@click.option(
    "--check", is_flag=True, help="With --diff: exit with 1 if anything is found."
)
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text",
    help="How findings are printed.",
)  # fmt: skip
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Worker processes.")
@click.option(
    "--plan", metavar="FILE", help="With --diff: write a plan for `asyncfix apply`."
)
@click.option(
    "--allow-dirty", is_flag=True, help="With --apply: also over uncommitted changes."
)
@click.option("--quiet", "-q", is_flag=True, help="No summary, no notes.")
def check(paths: tuple[Path, ...], **options: Any) -> None:
    """Find what blocks the event loop of Python programs, and rewrite it.

    Lists the findings in PATHS (files and folders; default: the configured
    paths, else the current folder). --diff shows the fixes, --apply makes them.
    """
    if options["plan"] and (options["write"] or not options["diff"]):
        raise click.UsageError("--plan is for --diff, without --apply")
    with _ends("; nothing was written"):
        from asyncfix import commands, outcome, replay

        remembered = replay.current
        known = remembered.statuses if remembered else {}
        with _progress(options["quiet"]) as progress:
            result, settings = commands.check(paths, options, progress, known)
    doing = options["write"] or options["plan"]
    with _ends("; nothing was written"):
        if remembered is None or not remembered.wanted or doing:
            sys.exit(outcome.deliver(result, settings, options))
        sys.exit(outcome.keep(remembered, result, settings, options))


@main.command()
@click.argument("place", metavar="FILE:LINE")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@_shared
def why(place: str, paths: tuple[Path, ...], **options: Any) -> None:
    """Say who holds the event loop at a line of code.

    For each call on the line, or for the whole function if it is the line of a
    `def`: the steps down to what blocks, and what there is instead. PATHS are
    the files and folders that are read (default: the project around FILE).

    Exit codes: 1 something blocks; 0 nothing is known to; 2 no answer.
    """
    with _ends():
        from asyncfix import commands

        with _progress() as progress:
            code = commands.why(place, paths, options, progress)
    sys.exit(code)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format", "style", type=click.Choice(["dot", "mermaid", "json"]), default="dot",
    help="Graphviz (the default), Mermaid, or JSON for programs.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N",
    help="Only the N worst entry points and what they lead to.",
)  # fmt: skip
@_tests
@_shared
def graph(paths: tuple[Path, ...], **options: Any) -> None:
    """Draw who holds the event loop: coroutines, functions, blocking calls.

    Exit codes: 0 drawn; 2 wrong usage, or a file that could not be read.
    """
    with _ends():
        from asyncfix import commands

        with _progress() as progress:
            code = commands.graph(paths, options, progress)
    sys.exit(code)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text",
    help="How they are printed.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", default=10, show_default=True,
    help="How many.",
)  # fmt: skip
@_tests
@_shared
def hot(paths: tuple[Path, ...], **options: Any) -> None:
    """Rank the async entry points by what they block on.

    An entry point is a coroutine that no other one calls, or that a framework
    was given. Counted is every blocking call in it, in the functions it calls
    and in the coroutines it awaits.

    Exit codes: 0 told; 2 wrong usage, or a file that could not be read.
    """
    with _ends():
        from asyncfix import commands

        with _progress() as progress:
            code = commands.hot(paths, options, progress)
    sys.exit(code)


@main.command()
@click.argument("name")
def explain(name: str) -> None:
    """Print the page of one codemod."""
    with _ends():
        from asyncfix import commands

        sys.exit(commands.explain(name))


@main.command()
@click.option("--catalog", is_flag=True, help="List what is known of libraries.")
@click.option("--library", metavar="NAME", help="Of the catalog only this library.")
def rules(catalog: bool, library: str | None) -> None:
    """List the codemods, one line each; or the catalog of calls."""
    if library and not catalog:
        raise click.UsageError("--library is for --catalog")
    with _ends():
        from asyncfix import commands

        sys.exit(commands.catalog(library) if catalog else commands.rules())


@main.command()
@click.argument("file")
@click.option("--allow-dirty", is_flag=True, help="Also over uncommitted changes.")
def apply(file: str, **options: Any) -> None:
    """Write what a plan says; `--diff --plan FILE` makes one.

    Nothing is written where a file has changed that the plan went by, or a new one
    has come. Exit codes: 0 all written; 2 not all.
    """
    with _ends("; nothing was written"):
        from asyncfix import restore

        sys.exit(restore.apply(file, options))


@main.command()
@click.argument("run", default="")
@click.option("--merge", is_flag=True, help="Keep later edits, where that can be.")
@click.option("--list", "listed", is_flag=True, help="List the runs; write nothing.")
def undo(run: str, **options: Any) -> None:
    """Take back what --apply wrote: the last run, or the one named.

    Files that were edited since stay as they are, except with --merge. Exit
    codes: 0 all taken back; 2 not all.
    """
    with _ends("; nothing was written"):
        from asyncfix import restore

        sys.exit(restore.undo(run, options))


@main.command()
@click.option("--back", is_flag=True, help="Take it back, where it could be finished.")
def recover(**options: Any) -> None:
    """Finish a run that was interrupted while it wrote, or take it back.

    Exit codes: 0 done, or there is none; 2 a file could not be seen to.
    """
    with _ends():
        from asyncfix import restore

        sys.exit(restore.recover(options))


class _ends(ends):
    def __enter__(self) -> None:
        if os.environ.get("NO_COLOR"):  # https://no-color.org
            click.get_current_context().color = False
        super().__enter__()


class _progress:
    """A progress bar on stderr, on a terminal only; else nothing at all."""

    def __init__(self, quiet: bool = False) -> None:
        self.shown = sys.stderr.isatty() and not quiet
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Callable[[str, int, int], None]:
        if not self.shown:
            return lambda stage, done, total: None
        from rich.console import Console
        from rich.progress import Progress

        self.bar = Progress(console=Console(stderr=True), transient=True)
        self.bar.__enter__()
        self.task = self.bar.add_task("reading")
        return self._show

    def _show(self, stage: str, done: int, total: int) -> None:
        self.bar.update(self.task, description=stage, completed=done, total=total)

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.__exit__(*error)
