"""T guards for what stands round the site: locks, and what is closed on a cancel."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix.context import Context
from asyncfix.guards.locks import is_lock
from asyncfix.guards.threads import touched
from asyncfix.model import Doubt, Level
from asyncfix.touches import ARGUMENT, LOCAL
from asyncfix.tree import dotted, walk_function

_BASES = frozenset(("BaseException", "CancelledError"))
_ASYNC_LOCKS = frozenset(
    f"{library}.{kind}"
    for library in ("asyncio", "anyio", "asyncio.locks")
    for kind in (
        "Lock",
        "Semaphore",
        "BoundedSemaphore",
        "Condition",
        "CapacityLimiter",
    )
)


def no_lock_let_go(context: Context) -> Doubt | None:
    """thread-lock: no `async with` round the site lets a lock go on a cancel."""
    for above, below in context.within():
        if not isinstance(above, ast.AsyncWith) or below not in above.body:
            continue
        for item in above.items:
            if is_lock(item.context_expr) or _is_async_lock(context, item.context_expr):
                return Doubt(
                    "thread-lock",
                    Level.MANUAL,
                    f"on a cancel, the lock of line {above.lineno} is let go while the "
                    "thread still runs: another task walks in",
                    "shield the call, and wait for it before the lock is let go",
                )
    return None


def _is_async_lock(context: Context, node: ast.expr) -> bool:
    name = dotted(node)
    if name is None:
        return False
    value = context.effects.values.of(context.site.path, context.site.function, name)
    return value is not None and value.name in _ASYNC_LOCKS


def nothing_closed_under_it(context: Context) -> Doubt | None:
    """thread-cleanup: nothing that the call uses is closed round it on a cancel."""
    used = _uses(context)
    said = set(_names_in(context.moved or context.node))
    for above, below in context.within():
        if isinstance(above, (ast.With, ast.AsyncWith)) and below in above.body:
            for item in above.items:
                held = _held(item)
                shared = sorted(each for each in held if _overlaps(each, used))
                if shared:
                    what = f"line {above.lineno} closes {shared[0]}"
                    return _closed(f"{what} while the thread still uses it")
        elif type(above).__name__ in ("Try", "TryStar"):
            body = [*getattr(above, "body", []), *getattr(above, "orelse", [])]
            if below not in body and not isinstance(below, ast.ExceptHandler):
                continue
            ends: list[ast.AST] = list(getattr(above, "finalbody", []))
            if below in body:
                handlers: list[ast.ExceptHandler] = getattr(above, "handlers", [])
                ends += [each for each in handlers if _catches_a_cancel(each)]
            for end in ends:
                closed = [each for each in _names_in(end) if _overlaps(each, used)]
                closed += [
                    each for each in _objects_in(context, end) if _overlaps(each, said)
                ]
                if closed:
                    line = getattr(end, "lineno", 0)
                    called = context.spelled
                    name = min(closed, key=lambda each: (each == called, each))
                    return _closed(
                        f"the cleanup of line {line} uses {name} while the thread "
                        "still does"
                    )
    return None


def _closed(what: str) -> Doubt:
    return Doubt(
        "thread-cleanup",
        Level.MANUAL,
        f"on a cancel, {what}",
        "move the whole block into one function",
    )


def _held(item: ast.withitem) -> set[str]:
    """Give the names of what a `with` item gives, and of what it is made of."""
    held = set()
    if item.optional_vars is not None:
        held |= {
            each.id
            for each in ast.walk(item.optional_vars)
            if isinstance(each, ast.Name)
        }
    node = item.context_expr
    while isinstance(node, ast.Call):
        node = node.func
        node = node.value if isinstance(node, ast.Attribute) else node
    if isinstance(node, ast.Attribute):
        held.add(dotted(node) or "")
    elif isinstance(node, ast.Name) and not isinstance(item.context_expr, ast.Call):
        held.add(node.id)
    return held - {""}


def _uses(context: Context) -> set[str]:
    """Give the dotted names that the call uses, through locals made of others, too."""
    used = set(_names_in(context.moved or context.node))
    for touch in (*touched(context).reads, *touched(context).writes):
        place = touch.place
        if place.root in (ARGUMENT, LOCAL):
            steps = [step for step in place.steps if step[0] == "."]
            used.add("".join([place.name, *steps]))
    made: dict[str, set[str]] = {}
    for node in walk_function(context.function):
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for each in ast.walk(target):
                    if isinstance(each, ast.Name):
                        made.setdefault(each.id, set()).update(_names_in(node.value))
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            for each in ast.walk(node.target):
                if isinstance(each, ast.Name):
                    made.setdefault(each.id, set()).update(_names_in(node.iter))
    todo = list(used)
    while todo:
        fresh = made.get(todo.pop().partition(".")[0], set()) - used
        used |= fresh
        todo += fresh
    return used


def _names_in(node: ast.AST) -> Iterator[str]:
    """Give the dotted names in some code, the longest of each."""
    todo = [node]
    while todo:
        each = todo.pop()
        name = dotted(each)
        if name is not None:
            yield name
        else:
            todo.extend(ast.iter_child_nodes(each))


def _objects_in(context: Context, node: ast.AST) -> Iterator[str]:
    """Give the objects of which some code calls methods: `file.close()`."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            name = dotted(each.func.value)
            if name is not None and context.qualified_name(each.func) is None:
                yield name


def _overlaps(name: str, used: set[str]) -> bool:
    """Tell whether one name is another, or a part of what it holds; `self` is not."""
    if name in ("self", "cls"):
        return False
    return any(
        each == name or each.startswith(f"{name}.") or name.startswith(f"{each}.")
        for each in used
        if each not in ("self", "cls")
    )


def _catches_a_cancel(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any((dotted(each) or "").rpartition(".")[2] in _BASES for each in kinds)
