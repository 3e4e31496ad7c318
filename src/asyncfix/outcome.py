"""Stage 1 again, at the end: a result -> what is printed, written, and the exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from asyncfix import __version__, registry, report, state
from asyncfix.copied import Copy
from asyncfix.model import Finding, Level, Result, Settings
from asyncfix.paint import say, styled
from asyncfix.replay import Replay


def deliver(result: Result, settings: Settings, options: dict[str, Any]) -> int:
    """Print and write what was asked for; give the exit code.

    Raises AsyncfixError where nothing may be written.
    """
    if options["write"] and not options["allow_dirty"] and result.changes:
        from asyncfix import gate

        gate.check(change.path for change in result.changes)
    if options["diff"]:
        _print_diff(result, settings)
    written, interrupted = False, False
    if options["write"] and result.changes:
        result, written, interrupted = _written(result, settings)
    elif os.path.lexists(state.marker(settings.root)):
        from asyncfix import undo

        if words := undo.notice(settings.root):
            say(f"note: {words}", err=True)
    if options["plan"]:
        _plan(result, settings, options)
    fixed = {found for change in result.changes for found in change.findings}
    remaining = [found for found in result.findings if found not in fixed]
    _print_findings(result, remaining, options)
    for found in result.problems:
        say(report.problem(found), err=True)
    if result.unseen:
        say(f"error: {report.newer_syntax(result.unseen)}", err=True)
    if not options["quiet"]:
        _print_summary(result, options)
        if written:
            say("`asyncfix undo` takes this back.", err=True)
    if interrupted:
        return 130
    if result.problems or result.unseen:
        return 2
    if options["diff"] and not options["write"]:
        return 1 if options["check"] and result.findings else 0
    return 1 if (remaining if options["write"] else result.findings) else 0


def keep(
    remembered: Replay,
    result: Result,
    settings: Settings,
    options: dict[str, Any],
    taken_up: bool = False,
) -> int:
    """Do as `deliver`, and remember what was said for the same command.

    `taken_up` tells that only the edited files are other than before.
    """
    with Copy() as copy:
        code = deliver(result, settings, options)
    said = code, bytes(copy.out), bytes(copy.err)
    if taken_up:
        remembered.keep_edited(said, result.read, result.base)
        return code
    listed = [os.fspath(each) for each in settings.paths if each.is_dir()]
    if result.looked_around:
        listed.append(os.fspath(settings.root))
    remembered.keep(
        said,
        result.read,
        listed,
        map(os.fspath, settings.paths),
        registry.code(),
        [state.marker(settings.root)],
        result.base,
        begun(result, settings, options),
    )
    return code


def begun(
    result: Result, settings: Settings, options: dict[str, Any]
) -> tuple[int, Any]:
    """Give how a run began as plain data, and how many sources it may have read.

    None where it cannot be taken up (`again`).
    """
    opening = result.opening
    if opening is None:
        return 0, None
    said = settings._replace(
        paths=tuple(map(os.fspath, settings.paths)),  # type: ignore[arg-type]
        root=os.fspath(settings.root),  # type: ignore[arg-type]
        catalog=dict(settings.catalog),
    )
    names = opening.files, opening.around
    rest = opening.listed, dict(opening.skipped), opening.notes, opening.question
    kept = tuple(said), dict(options), tuple(map(len, names)), rest
    return sum(map(len, names)), kept


def _written(result: Result, settings: Settings) -> tuple[Result, bool, bool]:
    """Write the changes.

    Gives the result with only those that were written, whether there are any,
    and whether the person wants to stop. Raises AsyncfixError, and
    KeyboardInterrupt where that came before anything was written.
    """
    from asyncfix.deliver import write

    command = "--apply " + " ".join(map(os.fspath, settings.paths))
    done = write(result.changes, settings.root, command, result.read)
    if done.interrupted and not done.written:
        raise KeyboardInterrupt
    written = {each.shown for each in done.written}
    kept = result._replace(
        changes=tuple(each for each in result.changes if each.shown in written),
        problems=(*result.problems, *done.problems),
        failed=result.failed | {problem.path for problem in done.problems},
    )
    return kept, bool(done.written), done.interrupted


def _plan(result: Result, settings: Settings, options: dict[str, Any]) -> None:
    from asyncfix import plan

    file = options["plan"]
    whole = result.looked_around
    count = plan.write(file, settings.root, result.changes, result.read, whole)
    if not options["quiet"]:
        said = (
            f"the plan for {report.number(count, 'file')} is in {report.one_line(file)}"
        )
        say(f"{said}: `asyncfix apply` makes it.", err=True)


def _print_diff(result: Result, settings: Settings) -> None:
    from asyncfix.diff import unified

    for change in result.changes:
        text = unified(change, _patch_name(change.path, settings.root))
        if sys.stdout.isatty():
            for line in text.decode("utf-8", "replace").split("\n")[:-1]:
                colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
                # A terminal is not `git apply`: it must not do what a file says.
                say(styled(report.clean(line.removesuffix("\r")), colour))
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
    if options["style"] == "json":
        if not options["diff"]:
            say(report.as_json(result, __version__))
        return
    if options["diff"]:
        # stdout is the diff; what it does not mend, and what has to be checked in it,
        # is said beside it.
        for change in result.changes:
            for found in change.findings:
                if found.level is not Level.SAFE:
                    say(report.finding(found, "would fix "), err=True)
        for found in remaining:
            say(report.finding(found), err=True)
        return
    if options["write"]:
        for change in result.changes:
            for found in change.findings:
                say(report.finding(found, "fixed "))
    for found in remaining if options["write"] else result.findings:
        say(report.finding(found))


def _print_summary(result: Result, options: dict[str, Any]) -> None:
    for note in result.notes:
        say(f"note: {report.one_line(note)}", err=True)
    say(report.summary(result, options["write"], options["diff"]), err=True)
