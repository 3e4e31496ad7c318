"""Who holds the event loop at this line? The answer for one line of a project.

A line stands for the calls on it; the line of a `def` for the whole function.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.known import gap, shown, spoken
from asyncfix.model import AsyncfixError
from asyncfix.reach import SEVERITIES, Chain, Edge, Place, Reach, Step
from asyncfix.survey import Survey
from asyncfix.value import FUNCTION, OUTSIDE, OUTSIDE_OBJECT, PARTIAL, Value
from asyncfix.ways import Ways

BLOCKS, SMALL, ELSEWHERE, UNKNOWN, NOTHING = range(5)
"""What becomes of a call, the worst first."""

_SAID = {
    "context-manager": "its body runs where a `with` enters what it gives",
    "async-context-manager": "its body runs where a `with` enters what it gives",
    "elsewhere": "its decorator runs it somewhere else",
}
_KINDS = {
    f.MODULE: "module",
    f.CLASS: "class",
    f.FUNCTION: "function",
    f.LAMBDA: "lambda",
}


class Call(NamedTuple):
    """One call and what becomes of it; `words` say it unless it blocks."""

    use: f.Use
    name: str
    outcome: int
    words: str
    chain: Chain | None = None
    more: int = 0
    """How many other blocking calls lie behind it."""


class Caller(NamedTuple):
    """A coroutine that leads to the function, and the calls on the way."""

    place: Place
    steps: tuple[Step, ...]


class Answer(NamedTuple):
    """What is known of a line, as far as it stands in one function.

    `kind` is coroutine, function, lambda, class or module. `handed` tells where
    the function is given to a thread or executor instead of being called.
    """

    place: Place
    kind: str
    whole: bool
    calls: tuple[Call, ...]
    callers: tuple[Caller, ...] = ()
    handed: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Tell whether a call of it holds the loop."""
        return any(call.outcome == BLOCKS for call in self.calls)


def explain(survey: Survey, path: str, line: int, severity: str) -> list[Answer]:
    """Answer for one line of a file that was read; empty if there is no call.

    Raises AsyncfixError, with file and line, where there is no such line.
    """
    facts = survey.project.files[path]
    _check(facts, line)
    return _Line(survey, path, severity).answers(line)


def around(survey: Survey, path: str, line: int) -> Place | None:
    """Give the function whose `def` is the last before a line, if any."""
    scopes = survey.project.files[path].scopes
    found = [
        (scope.line, index)
        for index, scope in enumerate(scopes)
        if scope.kind == f.FUNCTION and scope.line < line
    ]
    return (path, max(found)[1]) if found else None


def _check(facts: f.Facts, line: int) -> None:
    last = max(facts.head.lines, *(scope.line for scope in facts.scopes))
    if not 1 <= line <= last:
        raise AsyncfixError(
            f"{facts.path}:{line}: there is no such line, the file has {last}"
        )
    for statement in facts.opaque:
        if statement.line <= line <= statement.end_line:
            mine = ".".join(map(str, sys.version_info[:2]))
            raise AsyncfixError(
                f"{facts.path}:{line}: this statement is newer than Python {mine}, "
                "which asyncfix runs on; run asyncfix on a newer Python"
            )


class _Line:
    """The questions about one file, with what they share."""

    def __init__(self, survey: Survey, path: str, severity: str) -> None:
        self.survey = survey
        self.reach: Reach = survey.reach
        self.path = path
        self.facts = survey.project.files[path]
        self.least = SEVERITIES.index(severity)
        self.severity = severity
        self.ways = Ways(self.reach, (), "low")

    def answers(self, line: int) -> list[Answer]:
        whole = [
            index
            for index, scope in enumerate(self.facts.scopes)
            if scope.kind == f.FUNCTION and scope.line == line
        ]
        if whole:
            wanted = {index: self._of(index, self.facts.calls) for index in whole}
        else:
            wanted = {}
            for use in on_line(self.facts.calls, line):
                wanted.setdefault(self._owner(use.scope), []).append(use)
        kinds = {index: self._kind(index) for index in wanted}
        origins = [(self.path, index) for index in wanted]
        if "function" in kinds.values():
            # Who reaches it can only be told by following everybody.
            origins += [
                (path, scope)
                for path, facts in self.survey.project.files.items()
                if facts.head.coroutines
                for scope in self.reach.coroutines(path)
            ]
        self.ways = Ways(self.reach, origins, "low")
        return [
            self._answer(index, kinds[index], bool(whole), wanted[index])
            for index in sorted(wanted)
        ]

    def _owner(self, scope: int) -> int:
        """Give the scope whose code this is: not a comprehension."""
        scopes = self.facts.scopes
        while scopes[scope].kind in (f.COMPREHENSION, f.GENERATOR, f.TYPE):
            scope = scopes[scope].parent
        return scope

    def _of(self, owner: int, uses: Iterable[f.Use]) -> list[f.Use]:
        return [use for use in uses if self._owner(use.scope) == owner]

    def _kind(self, index: int) -> str:
        scope = self.facts.scopes[index]
        return "coroutine" if scope.is_async else _KINDS[scope.kind]

    def _answer(
        self, index: int, kind: str, whole: bool, uses: Sequence[f.Use]
    ) -> Answer:
        place = self.path, index
        calls = [self._call(place, use) for use in sorted(set(uses), key=_position)]
        callers: tuple[Caller, ...] = ()
        handed: tuple[str, ...] = ()
        if kind == "function":
            callers = tuple(self._callers(place))
            handed = tuple(self._handed(place))
        elif kind == "lambda" and uses:
            handed = tuple(self._handed_lambda(index, uses[0]))
        if handed and not callers:
            calls = [
                (
                    call._replace(outcome=ELSEWHERE, words=self._off(call))
                    if call.outcome in (BLOCKS, SMALL)
                    else call
                )
                for call in calls
            ]
        return Answer(place, kind, whole, tuple(calls), callers, handed)

    def _off(self, call: Call) -> str:
        if call.chain is None:
            return "runs off the event loop"
        return f"reaches {call.chain.steps[-1].name}, off the event loop"

    # -- one call -----------------------------------------------------------

    def _call(self, place: Place, use: f.Use) -> Call:
        """Say what becomes of a call."""
        edges = [edge for edge in self.reach.edges(place) if edge.use == use]
        chains = [(self.ways.chain(self.path, edge), edge) for edge in edges]
        found = [(chain, edge) for chain, edge in chains if chain is not None]
        name = spoken(use.name)
        if not found:
            return Call(use, name, *self._harmless(use, edges))
        chain, edge = max(found, key=_badness)
        entry = chain.entry
        more = self._more(edge)
        if SEVERITIES.index(entry.severity) >= self.least:
            return Call(use, name, BLOCKS, "", chain, more)
        words = (
            f"blocks for little: {chain.steps[-1].name} ({entry.kind}, "
            f"{entry.severity}); --severity {entry.severity} tells more"
        )
        return Call(use, name, SMALL, words, chain, more)

    def _more(self, edge: Edge) -> int:
        if edge.target is None:
            return 0
        counted = self.ways.counted(edge.target, "severity")
        return sum(counted.get(word, 0) for word in SEVERITIES[self.least :]) - 1

    def _harmless(self, use: f.Use, edges: Sequence[Edge]) -> tuple[int, str]:
        """Say of a call that is not known to block what it is."""
        value = self.reach.values.of(self.path, use.scope, use.name)
        while value is not None and value.kind == PARTIAL:
            (value,) = value.inner
        if value is None:
            words = gap(self.reach, self.path, use.scope, use.name)
            awaited = use.role in (f.AWAITED, f.ASYNC_WITH, f.ASYNC_FOR)
            return UNKNOWN, f"{words}; it is awaited" if awaited else words
        if value.kind == OUTSIDE:
            return self._outside(use, value.name)
        if value.kind == FUNCTION and not edges:
            return self._not_followed(value)
        what = shown(self.reach, value)
        if edges:
            return NOTHING, f"{what} was followed: nothing in it is known to block"
        if value.kind == OUTSIDE_OBJECT:
            return UNKNOWN, f"{what} is called, of which the catalog says nothing"
        return NOTHING, f"{what}: calling it runs nothing that is known to block"

    def _outside(self, use: f.Use, name: str) -> tuple[int, str]:
        catalog = self.reach.catalog
        if catalog.offload(name) is not None:
            given = self._given(use)
            return ELSEWHERE, f"{name} runs {given} in a thread or process"
        if catalog.registers(name) is not None:
            given = self._given(use)
            return ELSEWHERE, f"{name} only keeps {given}, to be called by others"
        if use.role == f.AT_ONCE:
            return NOTHING, f"{name} is told not to wait"
        if use.role in (f.AWAITED, f.ASYNC_WITH, f.ASYNC_FOR):
            return NOTHING, f"{name} is awaited: the loop runs on while it waits"
        owner, _, last = name.rpartition(".")
        entry = catalog.entry(name) or (catalog.method(owner, last) if owner else None)
        if entry is not None:
            why = f": {entry.why}" if entry.why else ""
            return NOTHING, f"{entry.name} does not block{why}"
        top = name.partition(".")[0]
        if catalog.knows(top) or top in sys.stdlib_module_names:
            return NOTHING, f"the catalog does not list {name} among what blocks"
        return UNKNOWN, f"{name} is of a library that the catalog does not know"

    def _not_followed(self, value: Value) -> tuple[int, str]:
        """Say why a function of the project was not followed."""
        what = shown(self.reach, value)
        made = self.reach.values.functions.made_by_decorators(value)
        scope = self.survey.project.files[value.path].scopes[value.scope]
        if made in _SAID:
            outcome = ELSEWHERE if made == "elsewhere" else NOTHING
            return outcome, f"{what}: {_SAID[made]}"
        if made not in ("same", "property"):
            return UNKNOWN, f"{what}: what its decorators make of it is not known"
        if scope.yields:
            return NOTHING, f"{what} makes a generator: its body runs when iterated"
        return UNKNOWN, f"{what} is abstract: what overrides it is not known"

    def _given(self, use: f.Use) -> str:
        """Name what a call is given that is defined or imported: `requests.get`."""
        start, end = (use.line, use.col), (use.end_line, use.end_col)
        names = {
            spoken(each.name): None
            for each in self.facts.references
            if start < (each.line, each.col) < end and each.scope == use.scope
        }
        inner = {self._owner(each.scope) for each in self.facts.calls
                 if start < (each.line, each.col) < end}  # fmt: skip
        if any(self.facts.scopes[index].kind == f.LAMBDA for index in inner):
            names["the lambda"] = None
        callee = spoken(use.name)
        return ", ".join(name for name in names if name != callee) or "what it is given"

    # -- who gets here ------------------------------------------------------

    def _callers(self, place: Place) -> Iterable[Caller]:
        """Give the coroutines that lead to a function, the shortest ways first."""
        down: dict[Place, tuple[Step, ...]] = {place: ()}
        todo = deque([place])
        while todo:
            here = todo.popleft()
            for caller, edge in self.ways.callers.get(here, ()):
                if caller in down:
                    continue
                use = edge.use
                step = Step(caller[0], use.line, use.col, self.ways.name(here))
                down[caller] = (step, *down[here])
                if self.ways.is_coroutine(caller):
                    yield Caller(caller, down[caller])
                else:
                    todo.append(caller)

    def _handed(self, place: Place) -> Iterable[str]:
        """Say where a function is given to what runs it off the loop."""
        path, index = place
        project, values = self.survey.project, self.reach.values
        name = project.files[path].scopes[index].name
        for other in sorted(project.files):
            facts = project.files[other]
            if not facts.holds(name):
                continue
            for use in facts.references:
                if use.name.rpartition(".")[2] != name:
                    continue
                value = values.of(other, use.scope, use.name)
                if value is None or (value.path, value.scope) != place:
                    continue
                runner = self._runner(other, use)
                if runner:
                    yield f"{other}:{use.line}: {runner} runs it in a thread or process"

    def _handed_lambda(self, index: int, use: f.Use) -> Iterable[str]:
        outside = self._owner(self.facts.scopes[index].parent)
        runner = self._runner(self.path, use, outside)
        if runner:
            line = self.facts.scopes[index].line
            yield f"{self.path}:{line}: {runner} runs it in a thread or process"

    def _runner(self, path: str, inner: f.Use, owner: int | None = None) -> str:
        """Give the call that a thing is given to, if that runs it off the loop."""
        spot = inner.line, inner.col
        around = [
            use
            for use in self.survey.project.files[path].calls
            if (use.line, use.col) < spot < (use.end_line, use.end_col)
            and owner in (None, self._owner(use.scope))
        ]
        for use in sorted(around, key=_inward):
            value = self.reach.values.of(path, use.scope, use.name)
            name = value.name if value is not None and value.kind == OUTSIDE else ""
            if self.reach.catalog.offload(name) is not None:
                return name
            if name not in ("functools.partial", "functools.partialmethod"):
                break
        return ""


def on_line(uses: Iterable[f.Use], line: int) -> list[f.Use]:
    """Give the calls that begin or end on a line, else the innermost around it."""
    uses = list(uses)
    found = [use for use in uses if line in (use.line, use.end_line)]
    if not found:
        wider = [use for use in uses if use.line < line < use.end_line]
        found = sorted(wider, key=lambda use: use.end_line - use.line)[:1]
    return found


def _position(use: f.Use) -> tuple[int, int, int, int]:
    return use.line, use.col, use.end_line, use.end_col


def _inward(use: f.Use) -> tuple[int, int, int, int]:
    """Order calls around a place, the innermost first."""
    return -use.line, -use.col, use.end_line, use.end_col


def _badness(found: tuple[Chain, Edge]) -> tuple[int, int]:
    chain, _ = found
    return SEVERITIES.index(chain.entry.severity), -len(chain.steps)
