"""What was measured, as Markdown: a table of costs, and one of the project's bounds."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from measure import Contest, ratios

PEERS = ("ruff", "flake8-async", "fixit")
HEAD = ("on", "tool", "runs", "CPU s", "wall s", "peak MiB", "MiB per MB", "CPU")


@dataclass(frozen=True)
class Bound:
    """What one contest may cost, in units of another: (on, name) of both."""

    told: str
    above: tuple[str, str]
    below: tuple[str, str]
    limit: float
    at_least: bool = False


BOUNDS = (
    Bound("cold, --jobs 1", ("cold", "asyncfix --jobs 1"), ("cold", "ruff"), 12),
    Bound("cold, default jobs", ("cold", "asyncfix"), ("cold", "ruff"), 12),
    Bound(
        "flake8-async by asyncfix, sample",
        ("sample", "flake8-async"),
        ("sample", "asyncfix"),
        100,
        at_least=True,
    ),
    Bound(
        "fixit by asyncfix, sample",
        ("sample", "fixit"),
        ("sample", "asyncfix"),
        60,
        at_least=True,
    ),
    Bound("warm, nothing changed", ("warm", "asyncfix"), ("warm", "ruff"), 1),
    Bound("after a comment in a leaf", ("comment leaf", "asyncfix"), ("comment leaf", "ruff"), 2),
    Bound("after a comment in the core", ("comment core", "asyncfix"), ("comment core", "ruff"), 2),
    Bound("after an edit of a leaf", ("edit leaf", "asyncfix"), ("edit leaf", "ruff"), 2),
    Bound("after an edit of the core", ("edit core", "asyncfix"), ("edit core", "ruff"), 2),
    Bound("--help", ("start-up", "asyncfix --help"), ("start-up", "python -c pass"), 5),
    Bound("twice the tree", ("2 x tree", "asyncfix --jobs 1"), ("1 x tree", "asyncfix --jobs 1"), 2.2),
)  # fmt: skip
MIB_PER_MB = 4.0
MEMORY_ON = ("cold", "warm")


def number(value: float) -> str:
    """In: a ratio. Out: with three digits that count."""
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def compared(contest: Contest) -> str:
    """In: a measured contest. Out: its CPU by its rival's, empty without one."""
    rival = contest.rival
    if rival is None or not rival.counts or rival.stopped:
        return ""
    least = "> " if contest.stopped else ""
    named = contest.rival_name or rival.name
    return f"{least}{number(ratios(contest, rival)[0])} x {named}"


def rows(lines: Iterable[Iterable[str]]) -> str:
    """In: cells, line by line. Out: Markdown."""
    safe = ([cell.replace("|", "/") for cell in line] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in safe)


def table(contests: list[Contest]) -> str:
    """In: contests that were run. Out: a table of medians and ratios."""
    lines: list[Iterable[str]] = [HEAD, ["---"] * len(HEAD)]
    for contest in contests:
        cells = [contest.on, contest.name]
        if not contest.counts:
            why = " ".join((contest.trouble or "not installed").split())
            lines.append([*cells, why, *[""] * (len(HEAD) - 3)])
            continue
        least = "> " if contest.stopped else ""
        cells += [str(len(contest.runs)), f"{least}{contest.median('cpu'):.3f}"]
        cells += [f"{least}{contest.median('wall'):.3f}", f"{contest.peak_mib:.0f}"]
        cells += [f"{per_mb(contest):.2f}" if contest.size else "", compared(contest)]
        lines.append(cells)
    return rows(lines)


def per_mb(contest: Contest) -> float:
    """In: a measured contest on a tree. Out: its peak, by a million bytes of source."""
    return contest.peak_mib / max(contest.size / 1e6, 0.001)


def bounds(contests: list[Contest]) -> str:
    """In: all contests. Out: each bound of the project, what is, and yes or no."""
    head = ["bound", "limit", "measured", "per round", "holds"]
    lines: list[Iterable[str]] = [head, ["---"] * len(head)]
    by_name = {(each.on, each.name): each for each in contests if each.counts}
    for bound in BOUNDS:
        sign = ">=" if bound.at_least else "<="
        cells = [bound.told, f"{sign} {bound.limit:g}"]
        above, below = by_name.get(bound.above), by_name.get(bound.below)
        if above is None or below is None:
            lines.append([*cells, "not measured", "", ""])
            continue
        value, low, high = ratios(above, below)
        holds = value >= bound.limit if bound.at_least else value <= bound.limit
        cells += [number(value), f"{number(low)} to {number(high)}"]
        lines.append([*cells, "yes" if holds else "no"])
    for on in MEMORY_ON:
        held = [per_mb(each) for each in by_name.values() if each.on == on and
                each.size and each.name.startswith("asyncfix")]  # fmt: skip
        cells = [f"MiB per MB of source, {on}", f"<= {MIB_PER_MB:g}"]
        cells += [number(max(held)) if held else "not measured", ""]
        holds = max(held, default=0) <= MIB_PER_MB
        lines.append([*cells, ("yes" if holds else "no") if held else ""])
    return rows(lines)


def load() -> str:
    """Out: how busy the machine is."""
    return ", ".join(f"{each:.2f}" for each in os.getloadavg())


def versions(venv: Path | None) -> str:
    """In: the peers' environment. Out: what was compared, in one line."""
    script = (
        "import sys; from importlib.metadata import version, PackageNotFoundError\n"
    )
    script += "for name in sys.argv[1:]:\n"
    script += "    try: print(name, version(name))\n"
    script += "    except PackageNotFoundError: pass"
    told = []
    for python, names in (
        (sys.executable, ["asyncfix-codemod"]),
        (str(venv / "bin" / "python") if venv else sys.executable, PEERS),
    ):
        command = [python, "-c", script, *names]
        done = subprocess.run(command, capture_output=True, text=True)
        told += done.stdout.splitlines()
    told += [f"{platform.python_implementation()} {platform.python_version()}"]
    return ", ".join([*told, f"{platform.system()} with {os.cpu_count()} CPUs"])
