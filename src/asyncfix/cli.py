"""Stage 1, ask: speak with the person. stdout holds results, stderr the rest.

Exit codes, all in one place:

    0  nothing to report; or the diff was printed, or everything was applied
    1  findings remain (with --diff: only if --check asks for it)
    2  wrong usage or configuration, or a file that could not be read, parsed,
       proven or written

Everything heavy is imported where it is used: `--help` costs little.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asyncfix import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncfix.model import Finding, Result, Settings


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


@main.command("check", hidden=True)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--diff", is_flag=True, help="Print a diff of the fixes; write nothing.")
@click.option("--apply", "write", is_flag=True, help="Write the fixes to the files.")
@click.option("--unsafe", is_flag=True, help="Make fixes that are not proven, too.")
@click.option("--safe-only", is_flag=True, help="Leave out fixes of level intent.")
@click.option("--select", metavar="NAMES", help="Only these codemods, with commas.")
@click.option("--ignore", metavar="NAMES", help="Not these codemods, with commas.")
@click.option("--exclude", metavar="GLOB", multiple=True, help="Leave these files out.")
@click.option("--include-generated", is_flag=True, help="Also files marked generated.")
@click.option(
    "--target-version",
    metavar="3.X",
    help="Oldest Python the code must run on (default: requires-python, else 3.9).",
)
@click.option(
    "--check", is_flag=True, help="With --diff: exit with 1 if anything is found."
)
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text",
    help="How findings are printed.",
)  # fmt: skip
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Worker processes.")
@click.option("--quiet", "-q", is_flag=True, help="No summary, no notes.")
def check(paths: tuple[Path, ...], **options: Any) -> None:
    """Find what blocks the event loop of Python programs, and rewrite it.

    Lists the findings in PATHS (files and folders; default: the configured
    paths, else the current folder). --diff shows the fixes, --apply makes them.
    """
    from asyncfix.model import AsyncfixError

    for stream in (sys.stdout, sys.stderr):
        # A file name or a message that the terminal cannot show is no failure.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        settings = _settings(paths, options)
        from asyncfix import engine, registry

        with _progress(options["quiet"]) as progress:
            result = engine.run(settings, registry.installed(), progress)
    except AsyncfixError as error:
        from asyncfix.report import clean

        click.echo(f"asyncfix: error: {clean(str(error))}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("asyncfix: interrupted; nothing was written", err=True)
        sys.exit(130)
    sys.exit(_deliver(result, settings, options))


def _settings(paths: tuple[Path, ...], options: dict[str, Any]) -> Settings:
    from asyncfix import config
    from asyncfix.gather import find_root
    from asyncfix.model import AsyncfixError, Settings

    root = find_root(paths)
    project = _configured_root(paths, root)
    found = config.load(project)
    if options["unsafe"] and options["safe_only"]:
        raise AsyncfixError("--unsafe and --safe-only exclude each other")
    target = found.target or (3, 9)
    if options["target_version"]:
        target = config.version(options["target_version"], "--target-version")
    default = tuple(project / each for each in found.paths) or (Path(),)
    return Settings(
        paths=paths or default,
        root=root,
        unsafe=options["unsafe"] or (found.unsafe and not options["safe_only"]),
        safe_only=options["safe_only"] or (found.safe_only and not options["unsafe"]),
        select=_names(options["select"]) or found.select,
        ignore=_names(options["ignore"]) or found.ignore,
        exclude=(*found.exclude, *options["exclude"]),
        include_generated=options["include_generated"] or found.include_generated,
        target=target,
        line_length=found.line_length,
        jobs=options["jobs"] or os.cpu_count() or 1,
    )


def _configured_root(paths: tuple[Path, ...], root: Path) -> Path:
    """Give the nearest folder with a pyproject.toml, not above the root."""
    first = Path(os.path.abspath(paths[0] if paths else Path()))
    for folder in [first, *first.parents]:
        if (folder / "pyproject.toml").is_file():
            return folder
        if folder == root:
            break
    return root


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _deliver(result: Result, settings: Settings, options: dict[str, Any]) -> int:
    """Print and write what was asked for; give the exit code."""
    from asyncfix import report

    if options["diff"]:
        _print_diff(result, settings)
    if options["write"]:
        result = _written(result)
    fixed = {found for change in result.changes for found in change.findings}
    remaining = [found for found in result.findings if found not in fixed]
    _print_findings(result, remaining, options)
    for found in result.problems:
        click.echo(report.problem(found), err=True)
    if result.unseen:
        click.echo(f"error: {report.newer_syntax(result.unseen)}", err=True)
    if not options["quiet"]:
        _print_summary(result, options)
    if result.problems or result.unseen:
        return 2
    if options["diff"] and not options["write"]:
        return 1 if options["check"] and result.findings else 0
    return 1 if (remaining if options["write"] else result.findings) else 0


def _written(result: Result) -> Result:
    """Write the changes; gives the result with only those that were written."""
    from dataclasses import replace

    from asyncfix.deliver import write

    outcomes = [(change, write(change)) for change in result.changes]
    problems = [problem for _, problem in outcomes if problem is not None]
    return replace(
        result,
        changes=tuple(change for change, problem in outcomes if problem is None),
        problems=(*result.problems, *problems),
        failed=result.failed | {problem.path for problem in problems},
    )


def _print_diff(result: Result, settings: Settings) -> None:
    from asyncfix.diff import unified

    for change in result.changes:
        text = unified(change, _patch_name(change.path, settings.root))
        if sys.stdout.isatty():
            for line in text.decode("utf-8", "replace").splitlines():
                colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
                click.secho(line, fg=colour)
        else:
            sys.stdout.buffer.write(text)


def _patch_name(path: Path, root: Path) -> str:
    """Give a path as `git apply` wants it: from the repository's root, else here."""
    place = os.path.abspath(path)
    base = root if (root / ".git").exists() else Path.cwd()
    name = os.path.relpath(place, base)
    if name.startswith(".."):
        name = os.path.relpath(place, root)
    return name.replace(os.sep, "/")


def _print_findings(
    result: Result, remaining: list[Finding], options: dict[str, Any]
) -> None:
    from asyncfix import report

    if options["style"] == "json":
        if not options["diff"]:
            click.echo(report.as_json(result, __version__))
        return
    if options["diff"]:
        # stdout is the diff; what it does not mend is said beside it.
        for found in remaining:
            click.echo(report.finding(found), err=True)
        return
    if options["write"]:
        for change in result.changes:
            for found in change.findings:
                click.echo(report.finding(found, "fixed "))
    for found in remaining if options["write"] else result.findings:
        click.echo(report.finding(found))


def _print_summary(result: Result, options: dict[str, Any]) -> None:
    from asyncfix import report

    for note in result.notes:
        click.echo(f"note: {report.clean(note)}", err=True)
    click.echo(report.summary(result, options["write"], options["diff"]), err=True)


class _progress:
    """A progress bar on stderr, on a terminal only; else nothing at all."""

    def __init__(self, quiet: bool) -> None:
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


@main.command()
@click.argument("name")
def explain(name: str) -> None:
    """Print the page of one codemod."""
    from asyncfix import registry
    from asyncfix.model import AsyncfixError

    try:
        pages = {each.name: each.page() for each in registry.installed()}
    except AsyncfixError as error:
        raise click.ClickException(str(error)) from error
    if name not in pages:
        click.echo(
            f"asyncfix: error: no codemod is called {name!r} "
            f"(there is: {', '.join(pages)})",
            err=True,
        )
        sys.exit(2)
    click.echo(f"{name}\n\n{pages[name]}")


@main.command()
def rules() -> None:
    """List the codemods, one line each."""
    from asyncfix import registry
    from asyncfix.model import AsyncfixError

    try:
        for codemod in registry.installed():
            click.echo(f"{codemod.name}: {codemod.summary()}")
    except AsyncfixError as error:
        click.echo(f"asyncfix: error: {error}", err=True)
        sys.exit(2)
