"""Two steps on one file that ran without a break, and who may come between them.

A coroutine, and a helper that it calls, have the event loop to themselves: what they
read is still so when they write it back, and what they saw is still there when they
remove it. With an `await` in between, or in two threads at once, it need not be.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from asyncfix import Context, Doubt, Level, value
from asyncfix_codemods import _stops
from asyncfix_codemods._rounds import own

_KINDS = frozenset(("file", "fs-meta", "archive", "serialize"))
# Calls about a file by their last name: what looks at its content, what changes it.
_READS = re.compile(r"^_*(?:read|load)(?:_\w+)?$")
_WRITES = re.compile(r"^_*(?:atomic_)?(?:write|save|store|dump|delete)(?:_\w+)?$")
# `load_settings()` and `save_settings(...)` mean one file, which neither names.
_OF_ONE = re.compile(r"^_*(?:load|read|save|write|store|dump)_(\w+)$")
_OF_OS = re.compile(
    r"^(?:remove|unlink|rmdir|mkdir|makedirs|rename|replace|truncate|rmtree|move|copy\w*)$"
)
_CHANGING_PATHS = frozenset(("mkdir", "rmdir", "touch", "unlink"))
_OF_PATHS = frozenset(
    ("open", "read_text", "read_bytes", "write_text", "write_bytes")
) | _CHANGING_PATHS  # fmt: skip
_CHECKS = frozenset(("exists", "is_dir", "is_file", "is_symlink"))
_CHECKS_OF_OS = frozenset(("exists", "isdir", "isfile", "islink", "lexists"))
# Nothing happens where it is so already: nobody is in the way of nobody.
_EITHER_WAY = frozenset(("exist_ok", "ignore_errors", "missing_ok"))
_PATHS = (
    ast.Attribute, ast.BinOp, ast.Call, ast.JoinedStr, ast.Name, ast.Subscript
)  # fmt: skip


class _Step(NamedTuple):
    line: int
    node: ast.Call
    paths: frozenset[str]
    reads: bool
    writes: bool
    checks: bool


def doubts(context: Context, moved: ast.AST) -> Iterator[Doubt]:
    """Doubt what stands in the coroutine, and what the functions do that go along.

    In tests a file has one user.
    """
    if context.in_tests():
        return
    chain = context.site.chain
    assert chain is not None
    if chain.entry.kind in _KINDS:
        yield from _in_coroutine(context, moved)
    yield from _in_helpers(context)


def _in_coroutine(context: Context, moved: ast.AST) -> Iterator[Doubt]:
    inside = set(ast.walk(moved))
    nodes = list(own(context.function.body))
    pauses = [node.lineno for node in nodes if isinstance(node, ast.Await)]
    steps = list(_steps(nodes))
    for mine in steps:
        for other in steps:
            first, second = sorted((mine, other), key=lambda each: each.line)
            if (mine.node in inside) == (other.node in inside):
                continue
            if mine.node not in inside or first.paths.isdisjoint(second.paths):
                continue
            path = min(first.paths & second.paths)
            if first.line < second.line and first.reads and second.writes:
                words = (
                    f"lines {first.line} and {second.line} read and write {path}: what "
                    "another task writes in between would be lost"
                )
            elif first.checks and second.writes and _ruled_by(nodes, first, second):
                if any(first.line < line < second.line for line in pauses):
                    continue  # there somebody may come between as it is
                words = (
                    f"line {first.line} looks whether {path} is there, and line "
                    f"{second.line} goes by it: another task may change that in between"
                )
            else:
                continue
            yield Doubt(
                "thread-file",
                Level.UNSAFE,
                words,
                "put both steps into one function and hand that to a thread, "
                "or hold an asyncio.Lock",
            )
            return


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
        nodes = list(own(read[1].body))
        steps = sorted(_steps(nodes), key=lambda each: each.line)
        for number, first in enumerate(steps):
            for second in steps[number:]:
                both = first.paths & second.paths
                if not both or not second.writes or _is_locked(nodes, first, second):
                    continue
                what = f"{model.reach.shown((path, scope))} ({path}:{second.line})"
                if first.reads and first is not second:
                    words = f"{what} reads {min(both)} and writes it back"
                elif first.checks and _ruled_by(nodes, first, second):
                    words = f"{what} changes {min(both)} by what line {first.line} saw"
                else:
                    continue
                yield Doubt(
                    "thread-file",
                    Level.UNSAFE,
                    f"{words}: two threads may do that at once, and one would undo what "
                    "the other did",
                    "hold an asyncio.Lock around it, or a threading.Lock in it",
                )
                return


def _ruled_by(nodes: Iterable[ast.AST], check: _Step, act: _Step) -> bool:
    """Tell whether an `if` asks the check, and the act is done by its answer."""
    nodes = list(nodes)
    answers = {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign) and check.node in set(ast.walk(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        if not isinstance(node, ast.If):
            continue
        asked = list(ast.walk(node.test))
        if check.node not in asked and not any(
            getattr(each, "id", "") in answers for each in asked
        ):
            continue
        below = {each for part in (*node.body, *node.orelse) for each in ast.walk(part)}
        leaves = isinstance(node.body[-1], (ast.Return, ast.Raise, ast.Continue))
        if act.node in below or (leaves and act.line > check.line):
            return True
    return False


def _is_locked(nodes: Iterable[ast.AST], first: _Step, second: _Step) -> bool:
    """Tell whether both steps stand under a lock, by its name."""
    for node in nodes:
        if isinstance(node, ast.With):
            held = " ".join(ast.unparse(each.context_expr) for each in node.items)
            if "lock" in held.lower():
                inside = set(ast.walk(node))
                if first.node in inside and second.node in inside:
                    return True
    return False


def _steps(nodes: Iterable[ast.AST]) -> Iterator[_Step]:
    nodes = list(nodes)
    # One name for two open files says nothing of the files.
    opened = {
        ast.unparse(node.optional_vars)
        for node in nodes
        if isinstance(node, ast.withitem) and node.optional_vars is not None
    }
    for node in nodes:
        if isinstance(node, ast.Call):
            step = _step(node)
            if step.reads or step.writes or step.checks:
                yield step._replace(paths=step.paths - opened)


def _step(call: ast.Call) -> _Step:
    """Give the paths that a call is about, and whether it looks at or changes them."""
    function = call.func
    last = getattr(function, "attr", "") or getattr(function, "id", "")
    paths = {
        ast.unparse(each)
        for each in (*call.args, *(word.value for word in call.keywords))
        if isinstance(each, _PATHS)
    }
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    if owner and last in _OF_PATHS | _CHECKS:
        paths.add(owner)
    if named := _OF_ONE.match(last):
        paths.add(f"{owner}.{named[1]}" if owner else named[1])
    if last == "open":
        given = call.args[0 if owner not in ("", "io", "os") else 1 :][:1]
        given += [word.value for word in call.keywords if word.arg == "mode"]
        mode = str(getattr(given[0], "value", "r+") if given else "r")
        reads, writes = "r" in mode or "+" in mode, mode.strip("bt") != "r"
        return _Step(call.lineno, call, frozenset(paths), reads, writes, False)
    writes = bool(_WRITES.match(last)) or last in _CHANGING_PATHS
    checks = last in _CHECKS and bool(owner)
    if owner in ("os", "shutil"):
        writes = bool(_OF_OS.match(last))
    elif owner in ("os.path", "path"):
        checks = last in _CHECKS_OF_OS
    if any(
        word.arg in _EITHER_WAY and getattr(word.value, "value", False)
        for word in call.keywords
    ):
        writes = False
    reads = bool(_READS.match(last))
    return _Step(call.lineno, call, frozenset(paths), reads, writes, checks)
