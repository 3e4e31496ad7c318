"""Words for people and for programs: findings, problems, the summary."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence

from asyncfix.model import Finding, Level, Problem, Result
from asyncfix.paint import styled

_COLOURS = {
    Level.SAFE: "green",
    Level.INTENT: "green",
    Level.UNSAFE: "yellow",
    Level.MANUAL: "red",
}
# Control characters of a hostile file name or source line stay visible text.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


def clean(text: str) -> str:
    """Give text that cannot steer a terminal."""
    printable = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", printable)


def one_line(text: str) -> str:
    """Give text that cannot steer a terminal and stays on its line."""
    return clean(text).replace("\n", "\\x0a").replace("\t", "\\x09")


def finding(found: Finding, verb: str = "") -> str:
    """Give a finding as text: where, what, the source line, what to do."""
    guard = f" {found.guard}" if found.guard else ""
    level = styled(f"[{found.level.value}{guard}]", _COLOURS[found.level])
    where = styled(f"{one_line(found.path)}:{found.line}:{found.col}", bold=True)
    head = f"{where}: {verb}{found.codemod} {level} {one_line(found.message)}"
    lines = [head, f"    {clean(found.source)}"]
    if found.advice:
        advice = clean(found.advice).replace("\n", "\n       ")
        lines.append(f"    -> {advice}")
    return "\n".join(lines)


def problem(found: Problem) -> str:
    """Give a problem as text: where, what, and what to do."""
    where = styled(f"{one_line(found.path)}:{found.line}", bold=True)
    text = f"{where}: {styled('error', 'red')}: {one_line(found.message)}"
    return f"{text}\n    -> {one_line(found.hint)}" if found.hint else text


def newer_syntax(unseen: Sequence[Problem]) -> str:
    """Say in one note how many files hold syntax that this Python cannot parse."""
    mine = ".".join(map(str, sys.version_info[:2]))
    first = unseen[0]
    return (
        f"{number(len(unseen), 'file')} with statements newer than Python {mine}, "
        f"which asyncfix runs on, the first at {one_line(first.path)}:{first.line}: "
        "those statements were not looked at, the rest was; run asyncfix on a "
        "newer Python"
    )


def summary(result: Result, written: bool, diff: bool) -> str:
    """Give the closing lines: every gathered file in one count, and what next.

    `written` tells that the changes have been made, `diff` that they were shown.
    """
    levels = Counter(each.level for each in result.findings)
    parts = [f"{levels[level]} {level.value}" for level in Level if levels[level]]
    skipped = [f"{count} {reason}" for reason, count in result.skipped.items()]
    changed = len(result.changes)
    fixed = sum(len(change.findings) for change in result.changes)
    lines = [
        f"{number(result.gathered, 'file')}: "
        f"{changed} {'changed' if written else 'to change'}, "
        f"{result.unchanged} unchanged, "
        f"{sum(result.skipped.values())} skipped{_listed(skipped)}, "
        f"{len(result.failed)} failed",
        f"{number(len(result.findings), 'finding')}{_listed(parts)}"
        + (f", {fixed} fixed" if written else "")
        + (f", {result.suppressed} silenced by comments" if result.suppressed else ""),
    ]
    if changed and not written:
        shows = "" if diff else "`--diff` shows the changes, "
        lines.append(f"{shows}`--apply` makes {'these changes' if diff else 'them'}.")
    return "\n".join(lines)


def as_json(result: Result, version: str) -> str:
    """Give findings, problems and counts as one JSON document."""
    document = {
        "version": version,
        "findings": [each._asdict() for each in result.findings],
        "problems": [each._asdict() for each in (*result.problems, *result.unseen)],
        "files": {
            "changed": len(result.changes),
            "unchanged": result.unchanged,
            "skipped": dict(result.skipped),
            "failed": len(result.failed),
        },
    }
    import json  # 2 ms, for those who ask for it

    return json.dumps(document, indent=2)


def number(count: int, word: str) -> str:
    """Give a number with its word."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _listed(parts: list[str]) -> str:
    return f" ({', '.join(parts)})" if parts else ""
