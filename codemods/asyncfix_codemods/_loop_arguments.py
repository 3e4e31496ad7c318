"""The `loop` argument that most of asyncio has lost in Python 3.10.

Tried on CPython 3.9 to 3.13: every call of `TAKERS` raises TypeError for it from
3.10 on; `ensure_future`, `Future`, `StreamReader` and `run_coroutine_threadsafe`
still take one.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

import asyncfix
from asyncfix import Context, Doubt, Level, Names, Part, Plan, dotted
from asyncfix_codemods import _shapes

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix import Slice

TAKERS = frozenset(
    f"asyncio.{name}"
    for name in (
        "sleep", "gather", "wait", "wait_for", "shield", "as_completed",
        "Lock", "Event", "Condition", "Semaphore", "BoundedSemaphore",
        "Queue", "PriorityQueue", "LifoQueue",
        "open_connection", "open_unix_connection", "start_server", "start_unix_server",
        "create_subprocess_exec", "create_subprocess_shell",
    )
)  # fmt: skip
_GONE = (3, 10)


def dropped(context: Context) -> Plan | None:
    """A call with `loop=...`, which it does not take any more."""
    call, tree = context.call, context.tree
    keyword = next((each for each in call.keywords if each.arg == "loop"), None)
    if keyword is None or _shapes.is_for_some_versions(tree, call):
        return None
    found = [
        doubt for each in ("N1", "N2") if (doubt := asyncfix.GUARDS[each](context))
    ]
    inside = isinstance(_shapes.owner(tree, call), ast.AsyncFunctionDef)
    if not inside and context.settings.target < _GONE:
        found.append(
            _doubt(
                "without it, on Python 3.9, it belongs to the loop that is current "
                "at this line",
                "make it in a coroutine; or set requires-python to >=3.10",
            )
        )
    made = _made_at(tree.module, dotted(keyword.value) or "")
    if inside and made and context.settings.target < _GONE:
        found.append(
            _doubt(
                f"{tree.text(keyword.value)} may be another loop than the one that "
                f"runs here (line {made}): on Python 3.9 it belongs to that",
                "make it in a coroutine of that loop; or set requires-python to >=3.10",
            )
        )
    if not _is_plain(context, keyword.value):
        found.append(
            _doubt(
                f"{tree.text(keyword.value)} would not be evaluated any more",
                "give the loop a name first",
            )
        )
    start, end = tree.span(call)
    if b"#" in tree.lines.text[start:end]:
        found.append(_doubt("a comment in the call would be lost", "move the comment"))
    name = context.site.wanted
    return Plan(
        f"{name} takes no `loop` since Python 3.10: TypeError",
        by_hand="leave `loop=` out",
        doubts=tuple(found),
        parts=(Part((call,), _without),),
    )


def _doubt(reason: str, advice: str) -> Doubt:
    return Doubt("loop-argument", Level.MANUAL, reason, advice)


def _made_at(module: ast.Module, name: str) -> int:
    """Give the line where a name, or an attribute, is given a loop that is made there.

    0 where that is not to be seen.
    """
    for node in ast.walk(module):
        if not isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if name and any(dotted(each) == name for each in targets):
            for each in ast.walk(node.value) if node.value else ():
                made = isinstance(each, ast.Call) and dotted(each.func)
                last = made.rpartition(".")[2] if made else ""
                if last == "new_event_loop" or last.endswith("EventLoop"):
                    return node.lineno
    return 0


def _is_plain(context: Context, given: ast.expr) -> bool:
    """Tell whether leaving an expression out changes nothing else."""
    if isinstance(given, ast.Constant) or dotted(given):
        return True
    if isinstance(given, ast.Call) and not given.args and not given.keywords:
        said = dotted(given.func) or ""
        path, scope = context.site.path, context.site.use.scope
        name = context.project.qualified_name(path, scope, said) or ""
        return name in ("asyncio.get_event_loop", "asyncio.get_running_loop")
    return False


def _without(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    call = cst.ensure_type(old.nodes[0], cst.Call)
    kept = [each for each in call.args if not _is_loop(each)]
    last = call.args[-1]
    if kept and _is_loop(last):
        # The layout in front of the bracket is the new last argument's now.
        kept[-1] = kept[-1].with_changes(
            comma=last.comma, whitespace_after_arg=last.whitespace_after_arg
        )
    changes: dict[str, object] = {"args": kept}
    if not kept:
        changes["whitespace_before_args"] = cst.SimpleWhitespace("")
    return [call.with_changes(**changes)]


def _is_loop(argument: cst.Arg) -> bool:
    return argument.keyword is not None and argument.keyword.value == "loop"
