"""Two steps on one file that ran without a break, and who may come between them.

A coroutine, and a helper that it calls, have the event loop to themselves: what they
read is still so when they write it back, and what they saw is still there when they
remove it. With an `await` in between, or in two threads at once, it need not be.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from asyncfix import Context, Doubt, Level, Model, value
from asyncfix_codemods import _stops
from asyncfix_codemods._file_steps import (
    Function,
    Step,
    in_order,
    known_outside,
    shared_by,
    steps,
)
from asyncfix_codemods._rounds import own
from asyncfix_codemods._steps_of_helpers import steps_of_helpers

_NAMED = (ast.Name, ast.Attribute, ast.Subscript)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_LEAVES = (ast.Return, ast.Raise, ast.Continue)
_STARTED, _BACK, _CHANGED, _REMOVED, _EMPTIED, _LISTED, _MOVED, _USED = range(8)
_UNDONE = "two threads may do that at once, and one would undo what the other did"
# Of the first step, the second, and the clash between them.
_IN_COROUTINE = {
    _STARTED: "line {0.line} looks whether {2.path} is there, and line {1.line} starts a "
    "process by that: another task may look meanwhile, and start it, too",
    _BACK: "lines {0.line} and {1.line} read and write {2.path}: what another task "
    "writes in between would be lost",
    _CHANGED: "line {0.line} looks whether {2.path} is there, and line {1.line} goes by "
    "it: another task may change that in between",
    _REMOVED: "line {0.line} looks whether {2.path} is there, and line {1.line} reads "
    "it: line {2.line} may remove it in between",
    _EMPTIED: "line {0.line} empties {2.path}, and line {1.line} fills it again: another "
    "task may do the same in between",
    _LISTED: "line {0.line} looks what is there, and line {1.line} removes it: another "
    "task may have done so in between",
    _MOVED: "line {0.line} writes {2.path}, and line {1.line} moves it away: another task "
    "may write the same in between",
    _USED: "line {0.line} writes {2.path}, and line {1.line} uses it: another task may "
    "write it in between",
}
_IN_THREADS = {
    _STARTED: "starts a process by what line {0.line} saw: two threads may do that at "
    "once",
    _BACK: "reads {2.path} and writes it back: " + _UNDONE,
    _CHANGED: "changes {2.path} by what line {0.line} saw: " + _UNDONE,
    _REMOVED: "reads {2.path}, which line {0.line} saw: line {2.line} may remove it in "
    "between",
    _EMPTIED: "empties {2.path} and fills it again: " + _UNDONE,
    _LISTED: "removes what line {0.line} found there: two threads may do that at once, "
    "and one would not find it any more",
    _MOVED: "writes {2.path} and moves it away: two threads may write it at once",
    _USED: "writes {2.path} and uses it: two threads may write it at once",
}
_BOTH = (
    "put both steps into one function and hand that to a thread, or hold an "
    "asyncio.Lock"
)


class _Clash(NamedTuple):
    kind: int
    path: str
    line: int = 0
    """Where somebody else removes files."""


def doubts(context: Context, moved: ast.expr | ast.stmt) -> Iterator[Doubt]:
    """Doubt what stands in the coroutine, and what the functions do that go along.

    In tests a file has one user.
    """
    if context.in_tests():
        return
    yield from _in_coroutine(context, moved)
    yield from _in_helpers(context)


def _doubt(words: str, advice: str = _BOTH) -> Doubt:
    return Doubt("thread-file", Level.UNSAFE, words, advice)


def _in_coroutine(context: Context, moved: ast.expr | ast.stmt) -> Iterator[Doubt]:
    inside = set(ast.walk(moved))
    function, model = context.function, context.model
    place = context.site.path, context.site.function
    taken, helped, pauses, clashes = context.tree.once(
        ("steps on files", function), partial(_looked_through, model, place, function)
    )
    start, end = moved.lineno, moved.end_lineno or moved.lineno
    for first, second, clash in clashes:
        within = (first.node in inside) + (second.node in inside)
        if within == 2 or (not within and not first.line < start <= end < second.line):
            continue
        if clash.kind == _BACK and first.line == second.line:
            continue
        halted = any(first.line < at < second.line for at in pauses)
        open_now = first.checks or first.empties or second.moves or not within
        if halted and (open_now or clash.kind == _USED or {first, second} & helped):
            continue  # there somebody may come between as it is
        yield _doubt(_IN_COROUTINE[clash.kind].format(first, second, clash))
        return
    path = context.site.path
    mine_only = [each for each in taken if each.node in inside and each not in helped]
    for each in mine_only:
        if each.updates and each.paths:
            said = _shortest(each.paths)
            yield _doubt(f"line {each.line} reads {said} and writes it back: {_UNDONE}")
            return
    yield from _beside(model, path, function, mine_only)


def _looked_through(
    model: Model, place: _stops.Where, function: Function
) -> tuple[list[Step], set[Step], list[int], list[tuple[Step, Step, _Clash]]]:
    """Give a coroutine's steps, those of its helpers, its awaits, and what clashes."""
    nodes = list(own(function.body))
    helped = set(steps_of_helpers(model, place, nodes))
    taken = sorted((*in_order(nodes), *helped), key=lambda each: each.line)
    clashes = []
    for number, first in enumerate(taken):
        for second in taken[number + 1 :]:
            clash = _clash(model, place[0], function, nodes, first, second)
            if clash is not None:
                clashes.append((first, second, clash))
    pauses = [node.lineno for node in nodes if isinstance(node, ast.Await)]
    return taken, helped, pauses, clashes


def _in_helpers(context: Context) -> Iterator[Doubt]:
    """Doubt helpers that take two steps: two threads may run them at once."""
    call, model = context.node, context.model
    found = context.value(call.func) if isinstance(call, ast.Call) else None
    if found is not None and found.kind == value.CLASS:
        made = found._replace(kind=value.OBJECT)
        found = model.values.attribute(made, "__init__")
    if found is None or not found.is_function:
        return
    for path, scope in _stops.reached(model, (found.path, found.scope)):
        read = model.reader.function(path, scope)
        if read is None or isinstance(read[1], ast.AsyncFunctionDef):
            continue
        function = read[1]
        nodes = list(own(function.body))
        helped = steps_of_helpers(model, (path, scope), nodes)
        mine = in_order(nodes)
        taken = sorted((*mine, *helped), key=lambda each: each.line)
        for number, first in enumerate(taken):
            for second in taken[number:]:
                if _is_locked(nodes, first, second):
                    continue
                clash = _clash(model, path, function, nodes, first, second)
                if clash is not None:
                    name = model.reach.shown((path, scope))
                    words = _IN_THREADS[clash.kind].format(first, second, clash)
                    yield _doubt(
                        f"{name} ({path}:{second.line}) {words}",
                        "hold an asyncio.Lock around it, or a threading.Lock in it",
                    )
                    return
        unlocked = [each for each in mine if not _is_locked(nodes, each, each)]
        for doubt in _beside(model, path, function, unlocked):
            yield doubt
            return


def _clash(
    model: Model,
    path: str,
    function: Function,
    nodes: Sequence[ast.AST],
    first: Step,
    second: Step,
) -> _Clash | None:
    """Say what goes wrong where somebody comes between two steps, if anything does."""
    if first.checks and second.starts and _is_made_by(nodes, first, second):
        return _Clash(_STARTED, min(first.paths, default="a file"))
    if first.checks and second.writes and (second.drops or second.empties):
        if _is_found_by(nodes, first, second):
            return _Clash(_LISTED, "")
    if first.writes and not first.drops and second.moves in first.paths:
        return _Clash(_MOVED, second.moves)
    both = first.paths & second.paths
    if not both:
        return None
    if first.reads and second.writes and (first is not second or first.updates):
        return _Clash(_BACK, _shortest(both))
    if first.empties and second.writes and not (second.empties or second.drops):
        return (
            _Clash(_EMPTIED, _shortest(both))
            if _goes_on(function, first, second)
            else None
        )
    if first.writes and not first.drops and (second.reads or second.starts):
        for said in known_outside(both, shared_by(function)):
            return _Clash(_USED, said) if first is not second else None
    if not first.checks or not _ruled_by(nodes, first, second):
        return None
    if second.writes:
        return _Clash(_CHANGED, _shortest(both))
    removed = _removed(model, path, function) if second.reads else 0
    return _Clash(_REMOVED, _shortest(both), removed) if removed else None


def _shortest(paths: frozenset[str]) -> str:
    """Give the path as it is called, if it is said in full as well."""
    return min(paths, key=lambda path: (len(path), path))


# -- what others do meanwhile ------------------------------------------------------


def _beside(
    model: Model, path: str, function: Function, mine: Iterable[Step]
) -> Iterator[Doubt]:
    """Doubt a file that other functions of the module read and write as well.

    The event loop let only one of them; who reads while another writes sees a half.
    """
    names = shared_by(function)
    for step in mine:
        if not (step.reads or step.writes):
            continue
        for said in known_outside(step.paths, names):
            for line, reads, writes in _elsewhere(model, path).get(said, ()):
                if function.lineno <= line <= (function.end_lineno or line):
                    continue
                if (step.reads and writes) or (step.writes and reads):
                    verb = "writes" if step.reads and writes else "reads"
                    yield _doubt(
                        f"{path}:{line} {verb} {said}, too: in a thread, one would come "
                        "while the other is half done",
                        "hold an asyncio.Lock in both, or write another file and "
                        "rename it",
                    )
                    return


def _elsewhere(model: Model, path: str) -> dict[str, list[tuple[int, bool, bool]]]:
    """Give the files that several functions of a module may know: (line, reads, writes)."""
    return model.once(("files of", path), partial(_files_of, model, path))


def _files_of(model: Model, path: str) -> dict[str, list[tuple[int, bool, bool]]]:
    found: dict[str, list[tuple[int, bool, bool]]] = {}
    for function in _functions(model, path):
        names = shared_by(function)
        for step in steps(own(function.body)):
            if step.reads or step.writes:
                for said in known_outside(step.paths, names):
                    row = step.line, step.reads, step.writes
                    found.setdefault(said, []).append(row)
    return found


def _removed(model: Model, path: str, function: Function) -> int:
    """Give the line of another function of the module that removes files, or 0."""
    lines = model.once(("removed in", path), partial(_removing, model, path))
    start, end = function.lineno, function.end_lineno or function.lineno
    return next((line for line in lines if not start <= line <= end), 0)


def _removing(model: Model, path: str) -> list[int]:
    found = [
        step.line
        for function in _functions(model, path)
        for step in steps(own(function.body))
        if step.removes
    ]
    return sorted(found)


def _functions(model: Model, path: str) -> Iterator[Function]:
    todo: list[ast.AST] = [model.reader.tree(path).module]
    for node in todo:  # grows
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        for name in _BLOCKS:
            block = getattr(node, name, None)
            if isinstance(block, list):
                todo += block


# -- how two steps hang together ---------------------------------------------------


def _is_made_by(nodes: Sequence[ast.AST], check: Step, start: Step) -> bool:
    """Tell whether a process is started where a file is not there, to make it."""
    for node in nodes:
        if isinstance(node, ast.If) and check.node in set(ast.walk(node.test)):
            below = {each for part in node.body for each in ast.walk(part)}
            if start.node in below:
                return True
    return False


def _ruled_by(nodes: Sequence[ast.AST], check: Step, act: Step) -> bool:
    """Tell whether an `if` asks the check, and the act is done by its answer.

    A `while` that asks for a free name rules all that comes after it.
    """
    answers = _answers(nodes, check)
    for node in nodes:
        if not isinstance(node, (ast.If, ast.While, ast.IfExp)):
            continue
        asked = list(ast.walk(node.test))
        if check.node not in asked and not any(
            ast.unparse(each) in answers for each in asked if isinstance(each, _NAMED)
        ):
            continue
        if isinstance(node, ast.IfExp):
            if act.node in set(ast.walk(node)):
                return True
            continue
        below = {each for part in (*node.body, *node.orelse) for each in ast.walk(part)}
        leaves = isinstance(node.body[-1], _LEAVES) or isinstance(node, ast.While)
        if act.node in below or (leaves and act.line > check.line):
            return True
    return False


def _is_found_by(nodes: Sequence[ast.AST], check: Step, act: Step) -> bool:
    """Tell whether a loop goes through what a folder holds, and the act is about each."""
    answers = _answers(nodes, check)
    for node in nodes:
        if not isinstance(node, ast.For) or act.node not in set(ast.walk(node)):
            continue
        over = list(ast.walk(node.iter))
        if check.node in over or any(
            ast.unparse(each) in answers for each in over if isinstance(each, _NAMED)
        ):
            each = {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
            return any(
                isinstance(name, ast.Name) and name.id in each
                for name in ast.walk(act.node)
            )
    return False


def _answers(nodes: Sequence[ast.AST], check: Step) -> set[str]:
    """Give the names of what a check is the answer of."""
    return {
        ast.unparse(target)
        for node in nodes
        if isinstance(node, ast.Assign) and check.node in set(ast.walk(node.value))
        for target in node.targets
    }


def _goes_on(function: Function, first: Step, second: Step) -> bool:
    """Tell whether the second step may follow the first: not from another branch."""
    for node in ast.walk(function):
        blocks = [getattr(node, name, None) for name in ("body", "orelse", "finalbody")]
        for block in blocks:
            if not isinstance(block, list) or not _holds(block, first):
                continue
            if _holds(block, second):
                continue
            if isinstance(block[-1], _LEAVES):
                return False
            if isinstance(node, ast.If) and any(
                isinstance(other, list) and _holds(other, second) for other in blocks
            ):
                return False
    return True


def _holds(block: Sequence[ast.AST], step: Step) -> bool:
    return any(step.node in set(ast.walk(each)) for each in block)


def _is_locked(nodes: Iterable[ast.AST], first: Step, second: Step) -> bool:
    """Tell whether both steps stand under a lock, by its name."""
    for node in nodes:
        if isinstance(node, ast.With):
            held = " ".join(ast.unparse(each.context_expr) for each in node.items)
            if "lock" in held.lower():
                inside = set(ast.walk(node))
                if first.node in inside and second.node in inside:
                    return True
    return False
