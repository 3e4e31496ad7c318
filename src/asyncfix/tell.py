"""Words for people: the answers of `why` and `hot`, and the lines of the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from asyncfix import catalog_file
from asyncfix.hot import Entry
from asyncfix.model import Problem
from asyncfix.reach import SEVERITIES, Chain, Place, Step
from asyncfix.report import one_line
from asyncfix.survey import Survey
from asyncfix.ways import named
from asyncfix.why import BLOCKS, ELSEWHERE, SMALL, UNKNOWN, Answer, Call

_MOST_CALLERS = 3
_MOST_UNKNOWN = 10
_COLOURS = {"high": "red", "medium": "yellow", "low": "white"}


def why(survey: Survey, answer: Answer) -> str:
    """Give what is known of a line, as far as it stands in one function."""
    path, index = answer.place
    name = named(survey.reach, answer.place)
    line = survey.project.files[path].scopes[index].line
    head = f"{answer.kind} {name} ({path}:{line})"
    lines = [click.style(one_line(head), bold=True)]
    if answer.kind in ("module", "class"):
        lines[0] += ": runs when the module is imported"
    shown = [c for c in answer.calls if not answer.whole or _listed(c)]
    for call in shown:
        lines += _call(answer, call)
    if answer.whole:
        lines += _whole(answer)
    if answer.kind == "function":
        lines += _callers(survey, answer)
    elif answer.kind == "lambda" and not answer.handed:
        lines.append("  a lambda runs where somebody calls it: that is not followed")
    lines += [f"  {one_line(each)}" for each in answer.handed]
    return "\n".join(lines)


def _listed(call: Call) -> bool:
    """Tell whether a call is told of where a whole function is asked for."""
    return call.outcome == BLOCKS or (
        call.outcome == ELSEWHERE and call.chain is not None
    )


def _call(answer: Answer, call: Call) -> Iterator[str]:
    path, _ = answer.place
    where = f"{path}:{call.use.line}"
    name = f"{call.name}()"
    if call.chain is None or call.outcome != BLOCKS:
        word = {UNKNOWN: "not known", ELSEWHERE: "runs elsewhere"}.get(call.outcome)
        said = f": {word}" if word else ""
        yield one_line(f"  {where}: {name}{said}: {call.words}")
        return
    entry = call.chain.entry
    colour = _COLOURS[entry.severity]
    verdict = click.style(f"blocks ({entry.kind}, {entry.severity})", fg=colour)
    yield f"  {one_line(where)}: {one_line(name)} {verdict}"
    yield from _steps(call.chain.steps)
    if entry.why:
        yield one_line(f"      why: {entry.why}")
    if entry.use:
        yield one_line(f"      instead: {entry.use}")
    if call.more > 0:
        calls = "call" if call.more == 1 else "calls"
        yield f"      and {call.more} more blocking {calls} behind it"


def _steps(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        yield one_line(f"      {step.path}:{step.line} -> {step.name}")


def _whole(answer: Answer) -> Iterator[str]:
    """Say what is left to say of a function whose calls are not listed."""
    if not any(_listed(call) for call in answer.calls):
        yield "  nothing in it is known to block"
    small = sum(call.outcome == SMALL for call in answer.calls)
    if small:
        yield f"  {_count(small, 'call')} of less severity (--severity low tells)"
    unknown = [call for call in answer.calls if call.outcome == UNKNOWN]
    if unknown:
        yield f"  not known: {len(unknown)} of {_count(len(answer.calls), 'call')}"
        for call in unknown[:_MOST_UNKNOWN]:
            yield one_line(f"      line {call.use.line}: {call.name}(): {call.words}")
        if len(unknown) > _MOST_UNKNOWN:
            yield f"      and {len(unknown) - _MOST_UNKNOWN} more"


def _callers(survey: Survey, answer: Answer) -> Iterator[str]:
    callers = answer.callers
    if not callers:
        yield "  no coroutine reaches it, as far as calls are known"
        return
    yield f"  reached from {_count(len(callers), 'coroutine')}"
    for caller in callers[:_MOST_CALLERS]:
        yield one_line(f"    {place(survey, caller.place)}")
        yield from _steps(caller.steps)
    if len(callers) > _MOST_CALLERS:
        yield f"    and {len(callers) - _MOST_CALLERS} more"


def place(survey: Survey, function: Place) -> str:
    """Give a function and where it is: `Api.load (api.py:3)`."""
    path, index = function
    line = survey.project.files[path].scopes[index].line
    return f"{named(survey.reach, function)} ({path}:{line})"


# -- hot --------------------------------------------------------------------


def hot(entry: Entry, rank: int) -> str:
    """Give an entry point: where, how many calls of which kinds, the worst chain."""
    path, _ = entry.place
    head = click.style(one_line(f"{path}:{entry.line}: {entry.name}"), bold=True)
    notes = [f"registered by {entry.registered}"] if entry.registered else []
    notes += ["in a circle of calls"] if entry.circle else []
    counts = [
        click.style(f"{entry.severities[word]} {word}", fg=_COLOURS[word])
        for word in reversed(SEVERITIES)
        if word in entry.severities
    ]
    kinds = ", ".join(
        f"{kind} {count}"
        for kind, count in sorted(entry.kinds.items(), key=lambda e: (-e[1], e[0]))
    )
    more = one_line(f" [{', '.join(notes)}]") if notes else ""
    lines = [f"{rank}. {head}{more}", f"    {', '.join(counts)} ({one_line(kinds)})"]
    lines.append(one_line(f"    worst: {_in_a_row(entry.chain)}"))
    return "\n".join(lines)


def _in_a_row(chain: Chain) -> str:
    way = " -> ".join(f"{s.name} ({s.path}:{s.line})" for s in chain.steps)
    return f"{way} [{chain.entry.kind}, {chain.entry.severity}]"


def hot_json(
    entries: Sequence[Entry],
    total: int,
    version: str,
    severity: str,
    problems: Sequence[Problem],
) -> str:
    """Give the entry points as one JSON document; `total` counts all there are."""
    document = {
        "version": version,
        "severity": severity,
        "total": total,
        "entries": [_entry(entry) for entry in entries],
        "problems": [each._asdict() for each in problems],
    }
    import json  # 2 ms, for those who ask for it

    return json.dumps(document, indent=2)


def _entry(entry: Entry) -> dict[str, Any]:
    counts = {word: entry.severities.get(word, 0) for word in reversed(SEVERITIES)}
    return {
        "name": entry.name,
        "file": entry.place[0],
        "line": entry.line,
        "registered": entry.registered or None,
        "circle": entry.circle,
        "severities": counts,
        "kinds": dict(entry.kinds),
        "worst": {
            "name": entry.chain.entry.name,
            "kind": entry.chain.entry.kind,
            "severity": entry.chain.entry.severity,
            "steps": [
                {"file": step.path, "line": step.line, "name": step.name}
                for step in entry.chain.steps
            ],
        },
    }


# -- the catalog ------------------------------------------------------------


def catalog_line(entry: catalog_file.Entry) -> str:
    """Give one entry of the catalog: name, kind, severity, strategy, counterpart."""
    severity = entry.severity if entry.blocks else "does not block"
    said = f"{entry.name}: {entry.kind}, {severity}, {entry.strategy}"
    return one_line(f"{said} -> {entry.use}" if entry.use else said)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
