"""Stage 1 for what writes without looking: `apply`, `undo` and `recover`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from asyncfix import gate, journal, plan, transaction
from asyncfix import undo as undoing
from asyncfix.gather import find_root
from asyncfix.model import Problem
from asyncfix.report import number, one_line, problem
from asyncfix.transaction import Outcome


def apply(file: str, options: dict[str, Any]) -> int:
    """Write what a plan says; give the exit code. Raises AsyncfixError."""
    root = find_root(())
    planned = plan.read(file, root)
    if not options["allow_dirty"]:
        gate.check(each.path for each in planned.writes)
    above = str(plan.base(root))
    outcome = transaction.apply(above, planned.writes, f"apply {file}")
    for each in outcome.written:
        click.echo(f"{one_line(each.shown)}: changed")
    said = number(len(outcome.written), "file") + " changed"
    return _ended(outcome, planned.problems, said)


def undo(name: str, options: dict[str, Any]) -> int:
    """Take back a run; give the exit code. Raises AsyncfixError."""
    root = find_root(())
    if options["listed"]:
        return _list(root)
    done = undoing.undo(root, name, options["merge"])
    for each in done.outcome.written:
        click.echo(f"{one_line(each.shown)}: taken back")
    said = (
        f"run {done.run.name}: {number(len(done.outcome.written), 'file')} taken back"
    )
    if done.merged:
        said += f", {number(done.merged, 'file')} of them with later edits kept"
    if done.already:
        said += f", {number(done.already, 'file')} had the old bytes"
    return _ended(done.outcome, (), said, undoes=True)


def recover(options: dict[str, Any]) -> int:
    """See to interrupted runs; give the exit code. Raises AsyncfixError."""
    settled = undoing.recover(find_root(()), options["back"])
    if not settled:
        click.echo("no run was interrupted here", err=True)
    code = 0
    for each in settled:
        for entry in each.forward:
            click.echo(f"{one_line(entry.shown)}: changed")
        for entry in each.back:
            click.echo(f"{one_line(entry.shown)}: as it was")
        for entry in each.edited:
            words = "was edited since, and left alone"
            hint = f"its old and new bytes are in {each.run.folder}"
            click.echo(problem(Problem(entry.shown, 1, words, hint)), err=True)
            code = 2
        said = f"run {each.run.name}: {number(len(each.forward), 'file')} changed, "
        said += f"{len(each.back)} as before, {len(each.edited)} edited since"
        click.echo(said, err=True)
        if each.run.state == journal.DONE:
            click.echo("`asyncfix undo` takes it back.", err=True)
    return code


def _list(root: Path) -> int:
    """List the runs of the project, the newest first."""
    for run in journal.runs(str(root)):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
        files = number(len(run.landed), "file")
        click.echo(f"{run.name}: {when}, {files}, {run.state}: {one_line(run.command)}")
    return 0


def _ended(
    outcome: Outcome, problems: Iterable[Problem], said: str, undoes: bool = False
) -> int:
    all_problems = [*problems, *outcome.problems]
    for each in all_problems:
        click.echo(problem(each), err=True)
    if all_problems:
        said += f", {number(len({each.path for each in all_problems}), 'file')} failed"
    if outcome.interrupted and not outcome.written:
        raise KeyboardInterrupt
    click.echo(said, err=True)
    if outcome.run:
        name = f" {outcome.run}" if undoes else ""
        click.echo(f"`asyncfix undo{name}` takes this back.", err=True)
    if outcome.interrupted:
        return 130
    return 2 if all_problems else 0
