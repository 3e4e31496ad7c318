"""What the commands do: each prints its answer and gives the exit code.

`cli` says which options there are and imports this only when a command runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asyncfix import __version__, config, registry
from asyncfix.gather import MARKERS, find_root, gather, is_project, shown
from asyncfix.model import AsyncfixError, Problem, Result, Settings
from asyncfix.report import newer_syntax, one_line, problem

if TYPE_CHECKING:
    from asyncfix.survey import Survey

Progress = Callable[[str, int, int], None]


def settings(paths: tuple[Path, ...], options: dict[str, Any]) -> Settings:
    """Give what the person asked for, from options and configuration.

    An option that a command does not have is missing in `options`. Raises
    AsyncfixError for what is wrong.
    """
    root = find_root(paths)
    project = _configured_root(paths, root)
    found = config.load(project)
    unsafe, safe_only = bool(options.get("unsafe")), bool(options.get("safe_only"))
    if unsafe and safe_only:
        raise AsyncfixError("--unsafe and --safe-only exclude each other")
    target = found.target or (3, 9)
    if options.get("target_version"):
        target = config.version(options["target_version"], "--target-version")
    default = _configured_paths(found.paths, project, root) or (Path(),)
    return Settings(
        paths=paths or default,
        root=root,
        unsafe=unsafe or (found.unsafe and not safe_only),
        safe_only=safe_only or (found.safe_only and not unsafe),
        select=_names(options.get("select")) or found.select,
        ignore=_names(options.get("ignore")) or found.ignore,
        exclude=(*found.exclude, *options.get("exclude", ())),
        include_generated=(
            bool(options.get("include_generated")) or found.include_generated
        ),
        target=target,
        line_length=found.line_length,
        jobs=options.get("jobs") or os.cpu_count() or 1,
        catalog=found.catalog,
        severity=options.get("severity") or found.severity,
        concurrency_limit=_given(options, "concurrency_limit", found.concurrency_limit),
        task_style=found.task_style,
        min_severity=_least(options, found),
        offload=found.offload,
        executor=found.executor,
        process_executor=found.process_executor,
        offload_drivers=found.offload_drivers,
        prefer=config.preferred(
            (*_names(options.get("prefer")), *found.prefer), "--prefer"
        ),
        max_file_size=found.max_file_size,
        max_file_time=found.max_file_time,
    )


def _least(options: Mapping[str, Any], found: config.Configuration) -> str:
    """Give the least severity that is rewritten.

    Who selects codemods by name wants what they report: medium counts, too.
    """
    selected = "medium" if options.get("select") else "high"
    return options.get("min_severity") or found.min_severity or selected


def _configured_root(paths: tuple[Path, ...], root: Path) -> Path:
    """Give the nearest folder with a pyproject.toml, not above the root."""
    first = Path(os.path.abspath(paths[0] if paths else Path()))
    for folder in [first, *first.parents]:
        if (folder / "pyproject.toml").is_file():
            return folder
        if folder == root:
            break
    return root


def _given(options: dict[str, Any], key: str, otherwise: int) -> int:
    value = options.get(key)
    return otherwise if value is None else int(value)


def _configured_paths(
    named: Iterable[str], project: Path, root: Path
) -> tuple[Path, ...]:
    """Give the paths that the configuration names.

    Raises AsyncfixError for one outside of the project: a repository must not
    lead its reader elsewhere.
    """
    above = os.path.realpath(root)
    for each in named:
        real = os.path.realpath(project / each)
        if os.path.relpath(real, above).split(os.sep)[0] == os.pardir:
            where = project / "pyproject.toml"
            raise AsyncfixError(f"{where}: paths: {each!r} leads out of the project")
    return tuple(project / each for each in named)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _tell(notes: Iterable[str], problems: Iterable[Problem], asked: Survey) -> int:
    """Print what went wrong while reading; give the exit code."""
    for note in notes:
        click.echo(f"note: {one_line(note)}", err=True)
    told = 0
    for each in problems:
        click.echo(problem(each), err=True)
        told = 2
    if asked.unseen:
        click.echo(f"error: {newer_syntax(asked.unseen)}", err=True)
        told = 2
    return told


def check(
    paths: tuple[Path, ...],
    options: dict[str, Any],
    progress: Progress,
    known: Mapping[str, os.stat_result],
) -> tuple[Result, Settings]:
    """Find what blocks; writes and prints nothing.

    Raises AsyncfixError for settings that cannot be followed, or where a run
    that is to write would find the work of an interrupted one.
    """
    from asyncfix import engine

    wanted = settings(paths, options)
    if options["write"]:
        from asyncfix import settle

        if words := settle.notice(os.fspath(wanted.root)):
            raise AsyncfixError(f"{words}; nothing was written")
    return engine.run(wanted, registry.installed(), progress, known), wanted


# -- why --------------------------------------------------------------------


def why(
    place: str, paths: tuple[Path, ...], options: dict[str, Any], progress: Progress
) -> int:
    """Say who holds the loop at FILE:LINE; 1 if something does, 0 if not.

    Raises AsyncfixError where there is no answer.
    """
    from asyncfix import tell
    from asyncfix.survey import survey
    from asyncfix.why import around, explain

    file, line = _file_and_line(place)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "there is no such file"
        raise AsyncfixError(f"{file}:{line}: {what}; name one file and a line of it")
    wanted = settings(paths or (file,), options)
    if not paths:
        root = _package_root(wanted.root)
        wanted = wanted._replace(root=root, paths=(root, file))
    wanted = wanted._replace(include_generated=True)
    with survey(wanted, progress, around=False) as asked:
        path = _in_project(asked, file, line, paths)
        problems = asked.problems if paths else []
        others = [] if paths else asked.problems
        notes = _alone(wanted, paths) + [
            f"{p.path}:{p.line}: {p.message}; it was not looked at" for p in others
        ]
        answers = explain(asked, path, line, wanted.severity)
        for answer in answers:
            click.echo(tell.why(asked, answer))
        if not answers:
            words = f"{path}:{line}: there is no call on this line, so nothing blocks"
            near = around(asked, path, line)
            hint = (
                f"; the function above it is {tell.place(asked, near)}" if near else ""
            )
            click.echo(one_line(words + hint))
        elif not any(answer.blocks for answer in answers):
            click.echo("nothing here is known to block")
        asked.unseen.clear()  # whose line is asked for is told by `explain`
        if failed := _tell(notes, problems, asked):
            return failed
    return 1 if any(answer.blocks for answer in answers) else 0


def _file_and_line(place: str) -> tuple[Path, int]:
    """Take `FILE:LINE` apart; a column behind it, as in findings, is left out."""
    file, _, last = place.rpartition(":")
    head, _, line = file.rpartition(":")
    if head and line.isdecimal() and (last.isdecimal() or not last):
        file, last = head, line
    if not file or not last.isdecimal():
        raise AsyncfixError(f"{place}: give a file and a line, such as app/api.py:12")
    return Path(file), int(last)


def _alone(wanted: Settings, paths: tuple[Path, ...]) -> list[str]:
    """Say what was read where nothing tells how far the project goes."""
    if paths or is_project(wanted.root):
        return []
    return [
        f"no .git or {MARKERS[0]} is above the file: only what is in "
        f"{shown(wanted.root)} was read; name the folders of the project behind it"
    ]


def _package_root(root: Path) -> Path:
    """Go up to where the package is imported from, outside of any repository."""
    if not is_project(root):
        while (root / "__init__.py").is_file():
            root = root.parent
    return root


def _in_project(asked: Survey, file: Path, line: int, paths: tuple[Path, ...]) -> str:
    """Give the path of a file as the project knows it; raises AsyncfixError."""
    files = asked.project.files
    path = shown(file)
    if path in files:
        return path
    for each in asked.problems:
        if os.path.realpath(each.path) == os.path.realpath(file):
            hint = f"; {each.hint}" if each.hint else ""
            raise AsyncfixError(f"{each.path}:{each.line}: {each.message}{hint}")
    real = os.path.realpath(file)
    for each_path in files:
        if os.path.realpath(each_path) == real:
            return each_path
    alone = gather(asked.settings._replace(paths=(file,)))
    for reason in alone.skipped:
        raise AsyncfixError(f"{path}:{line}: the file is left out ({reason})")
    said = ", ".join(map(str, paths))
    raise AsyncfixError(
        f"{path}:{line}: the file is not in what was read ({said}); name a folder "
        "that holds it, or no folder at all"
    )


# -- graph and hot ----------------------------------------------------------


def graph(paths: tuple[Path, ...], options: dict[str, Any], progress: Progress) -> int:
    """Print who holds the loop as a graph."""
    from asyncfix import graph as graphs
    from asyncfix.hot import entries, ways_of
    from asyncfix.survey import survey

    wanted = settings(paths, options)
    with survey(wanted, progress) as asked:
        ways = ways_of(asked, wanted.severity, options["tests"])
        targets = frozenset(asked.targets)
        places = [
            place
            for place in ways.blocking()
            if place[0] in targets and ways.is_coroutine(place)
        ]
        if options["limit"]:
            found = entries(asked, ways)
            places = [entry.place for entry in found[: options["limit"]]]
        made = graphs.build(ways, places)
    notes = list(asked.notes)
    if options["style"] == "json":
        problems = [*asked.problems, *asked.unseen]
        text = graphs.as_json(made, __version__, wanted.severity, problems)
    elif options["style"] == "dot":
        text = graphs.as_dot(made)
    else:
        text = graphs.as_mermaid(made)
        if len(made.edges) > graphs.MOST_OF_MERMAID:
            notes.append(
                f"{len(made.edges)} edges; Mermaid draws {graphs.MOST_OF_MERMAID} "
                "unless its maxEdges says more: --limit or --severity makes it smaller"
            )
    click.echo(text)
    return _tell(notes, asked.problems, asked)


def hot(paths: tuple[Path, ...], options: dict[str, Any], progress: Progress) -> int:
    """Print the async entry points, those that hold the loop worst first."""
    from asyncfix import tell
    from asyncfix.hot import entries, ways_of
    from asyncfix.survey import survey

    wanted = settings(paths, options)
    with survey(wanted, progress) as asked:
        found = entries(asked, ways_of(asked, wanted.severity, options["tests"]))
    best = found[: options["limit"]]
    if options["style"] == "json":
        problems = [*asked.problems, *asked.unseen]
        text = tell.hot_json(best, len(found), __version__, wanted.severity, problems)
        click.echo(text)
    else:
        for rank, entry in enumerate(best, 1):
            click.echo(tell.hot(entry, rank))
        words = "no entry point is known to block" if not found else ""
        if len(best) < len(found):
            words = f"and {len(found) - len(best)} more (--limit)"
        if words:
            click.echo(words, err=True)
    return _tell(asked.notes, asked.problems, asked)


# -- codemods and catalog ---------------------------------------------------


def explain(name: str) -> int:
    """Print the page of one codemod."""
    pages = {each.name: each.page() for each in registry.installed()}
    if name not in pages:
        raise AsyncfixError(
            f"no codemod is called {name!r} (there is: {', '.join(pages)})"
        )
    click.echo(f"{name}\n\n{pages[name]}")
    return 0


def rules() -> int:
    """List the codemods, one line each."""
    for codemod in registry.installed():
        click.echo(f"{codemod.name}: {codemod.summary()}")
    return 0


def catalog(library: str | None) -> int:
    """List the catalog, or of it one library, one line for each entry.

    Raises AsyncfixError for a library that it does not know.
    """
    from asyncfix.tell import catalog_line

    entries = registry.catalog(settings((), {})).entries()
    if library:
        roots = {entry.name.partition(".")[0] for entry in entries}
        known = roots | {entry.library for entry in entries}
        if library not in known:
            close = _close(library, sorted(known))
            raise AsyncfixError(f"the catalog lists no call of {library!r}{close}")
        entries = [
            entry
            for entry in entries
            if library in (entry.library, entry.name.partition(".")[0])
        ]
    for entry in entries:
        click.echo(catalog_line(entry))
    return 0


def _close(name: str, known: Sequence[str]) -> str:
    import difflib  # 1 ms, for an error

    close = difflib.get_close_matches(name, known, 3, 0.6)
    return f" (is it {' or '.join(map(repr, close))}?)" if close else ""
