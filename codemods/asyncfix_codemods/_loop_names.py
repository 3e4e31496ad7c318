"""Names that a newer Python removes, or has under another name.

Source of the versions: "What's new in Python" 3.11, 3.12, 3.14 and the pages of
asyncio, https://docs.python.org/3/library/asyncio-policy.html among them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import asyncfix
from asyncfix import Context, Level, Names, Part, Plan, dotted
from asyncfix_codemods import _shapes

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix import Slice

Rule = Callable[[Context], "Plan | None"]

_WATCHERS = (
    "get_child_watcher", "set_child_watcher", "AbstractChildWatcher",
    "SafeChildWatcher", "FastChildWatcher", "MultiLoopChildWatcher",
    "ThreadedChildWatcher", "PidfdChildWatcher",
)  # fmt: skip
_POLICIES = (
    "get_event_loop_policy", "set_event_loop_policy", "AbstractEventLoopPolicy",
    "DefaultEventLoopPolicy", "WindowsSelectorEventLoopPolicy",
    "WindowsProactorEventLoopPolicy",
)  # fmt: skip


def timeout_error(context: Context) -> Plan | None:
    """`asyncio.TimeoutError`, which is the built-in one since 3.11."""
    node, tree = context.node, context.tree
    if context.settings.target < (3, 11) or not isinstance(node, ast.Attribute):
        return None
    path, scope = context.site.path, context.site.use.scope
    builtin = context.project.qualified_name(path, scope, "TimeoutError")
    if builtin != "builtins.TimeoutError":
        return None
    nodes = [each for each in _same(context, node) if not _has_twin(context, each)]
    if not nodes or _shapes.is_for_some_versions(tree, node):
        return None
    found = [
        doubt for each in ("N1", "N2") if (doubt := asyncfix.GUARDS[each](context))
    ]
    more = f" ({len(nodes)} times here)" if len(nodes) > 1 else ""
    return Plan(
        f"asyncio.TimeoutError is TimeoutError itself since Python 3.11{more}",
        by_hand="TimeoutError",
        doubts=tuple(found),
        parts=tuple(Part((each,), _builtin) for each in nodes),
    )


def _same(context: Context, node: ast.Attribute) -> list[ast.expr]:
    """Give the uses of a name that its site stands for.

    Outside of coroutines that is all of them in the scope: facts hold the first.
    """
    tree = context.tree
    where = _shapes.owner(tree, node)
    if any(
        isinstance(above, ast.AsyncFunctionDef) for above, _ in tree.ancestors(node)
    ):
        return [node]
    found: list[ast.expr] = []
    said = dotted(node)
    for each in ast.walk(where):
        if isinstance(each, ast.Attribute) and dotted(each) == said:
            place = (each.lineno, each.col_offset)
            end = (each.end_lineno or each.lineno, each.end_col_offset or 0)
            tree.find(ast.expr, place, end)  # maps the way up
            if _shapes.owner(tree, each) is where:
                found.append(each)
    return found


def _has_twin(context: Context, node: ast.expr) -> bool:
    """Tell whether `TimeoutError` stands beside it: `except (A, asyncio.A)`."""
    above = context.tree.parent(node)
    return isinstance(above, ast.Tuple) and any(
        isinstance(each, ast.Name) and each.id == "TimeoutError" for each in above.elts
    )


def _builtin(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    return [cst.Name("TimeoutError")]


def _told(message: str, by_hand: str, context: Context) -> Plan | None:
    """Report a name once for the statement it stands in."""
    tree, node = context.tree, context.node
    if _shapes.is_for_some_versions(tree, node):
        return None
    for above, below in tree.ancestors(node):
        if isinstance(above, ast.stmt):
            break
        # `set_event_loop_policy(WindowsSelectorEventLoopPolicy())` is one finding.
        said = dotted(above.func) if isinstance(above, ast.Call) else None
        if said and below is not getattr(above, "func", None):
            path, scope = context.site.path, context.site.use.scope
            if (context.project.qualified_name(path, scope, said) or "") in VALUES:
                return None
    name = context.site.wanted
    return Plan(message.format(name=name), by_hand=by_hand, level=Level.MANUAL)


_is_coroutine_function = partial(
    _told,
    "{name} is deprecated since Python 3.14 and gone in 3.16",
    "inspect.iscoroutinefunction(...), which does not know asyncio's old markers",
)
_watcher = partial(
    _told,
    "{name} is gone in Python 3.14; 3.12 warns",
    "leave it out: since Python 3.8 subprocesses need no watcher of their own",
)
_policy = partial(
    _told,
    "{name} is deprecated since Python 3.14 and gone in 3.16",
    "asyncio.run(..., loop_factory=...) (Python 3.12), or asyncio.Runner (3.11)",
)

RULES: dict[str, Rule] = {
    "asyncio.iscoroutinefunction": _is_coroutine_function,
    **{f"asyncio.{name}": _watcher for name in _WATCHERS},
    **{f"asyncio.{name}": _policy for name in _POLICIES},
}
VALUES: dict[str, Rule] = {
    **RULES,
    "asyncio.TimeoutError": timeout_error,
    "asyncio.exceptions.TimeoutError": timeout_error,
}
LAST = frozenset(name.rpartition(".")[2] for name in VALUES)
