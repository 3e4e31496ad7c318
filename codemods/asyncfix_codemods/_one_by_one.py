"""Tasks that are kept in a list and awaited one by one: they run together already."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from asyncfix import Context, Level, Names, Part, Plan, Slice
from asyncfix_codemods._rounds import Rounds, collecting

if TYPE_CHECKING:
    import libcst as cst


def plan_for_list(context: Context) -> Plan | None:
    """Give the plan that awaits all tasks of a list in one step, if that is all.

    A loop that does anything with a task but collecting its result stays.
    """
    found = _list_of(context)
    rounds = _loop_over(context, found[0], found[1]) if found else None
    if found is None or rounds is None:
        return None
    name = found[0]
    text = f"await asyncio.gather(*{name})"
    message = (
        f"the tasks in {name} are awaited one by one: when one fails, or this coroutine "
        "is cancelled, the others go on, and nobody waits for them"
    )
    if _reacts(context, rounds.loop):
        return Plan(message, by_hand=text, level=Level.MANUAL)
    nodes: tuple[ast.AST, ...] = (rounds.loop,)
    if rounds.made is not None:
        nodes = (rounds.made, rounds.loop)
    return Plan(
        message,
        by_hand=text,
        level=Level.UNSAFE,
        change=(
            "of several errors the first in time is raised, not the first in the list; "
            "when this coroutine is cancelled, so are all of the tasks"
        ),
        needs=("asyncio",),
        parts=(Part(nodes, partial(_gathered, name, rounds)),),
    )


def _list_of(context: Context) -> tuple[str, list[ast.Name]] | None:
    """Give the list that a new task goes into, and all uses of its name.

    None for one that is used in any other way than filled and gone through, and
    for all of its tasks but the first.
    """
    tree, creating = context.tree, context.call
    above = tree.parent(creating)
    if isinstance(above, ast.ListComp) and above.elt is creating:
        holder = tree.parent(above)
        target = (
            getattr(holder, "target", None) or getattr(holder, "targets", [None])[0]
        )
        if not isinstance(holder, (ast.Assign, ast.AnnAssign)):
            return None
        name = getattr(target, "id", "")
    elif _appended(above) and isinstance(above, ast.Call):
        assert isinstance(above.func, ast.Attribute)
        name = getattr(above.func.value, "id", "")
    else:
        return None
    uses = [
        node
        for node in ast.walk(context.function)
        if isinstance(node, ast.Name) and node.id == name
    ]
    loads, made, first = [], 0, True
    for node in uses:
        over = tree.parent(node)
        if isinstance(node.ctx, ast.Store):
            value = getattr(over, "value", None)
            if value is above or (isinstance(value, ast.List) and not value.elts):
                made += 1
            else:
                return None
        elif isinstance(over, ast.Attribute) and _appended(tree.parent(over)):
            call = tree.parent(over)
            assert isinstance(call, ast.Call)
            if not _makes_task(context, call.args[0]):
                return None
            first = first and _place(call.args[0]) >= _place(creating)
        else:
            loads.append(node)
    if not name or made != 1 or len(loads) != 1 or not first or _is_held(context, name):
        return None
    return name, loads


def _appended(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "append"
        and len(node.args) == 1
        and not node.keywords
    )


def _makes_task(context: Context, node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    last = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return last in ("create_task", "ensure_future")


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _is_held(context: Context, name: str) -> bool:
    """Tell whether a function inside, or the module, knows the list, too."""
    for node in ast.walk(context.function):
        if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            return True
        inner = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if inner and node is not context.function:
            if any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node)):
                return True
    return False


def _loop_over(context: Context, name: str, loads: list[ast.Name]) -> Rounds | None:
    """Give the loop that awaits each task of a list and only collects the results."""
    tree = context.tree
    above = tree.parent(loads[0])
    if isinstance(above, ast.comprehension) and above.iter is loads[0]:
        over = tree.parent(above)
        if not isinstance(over, (ast.ListComp, ast.SetComp)):
            return None
        target, awaited = above.target, over.elt
        if len(over.generators) > 1 or above.ifs or above.is_async:
            return None
        if not isinstance(target, ast.Name) or not _awaits(awaited, target.id):
            return None
        kind = "list" if isinstance(over, ast.ListComp) else "set"
        return Rounds(
            over, target, above.iter, context.call, target, None, collects=kind
        )
    if not isinstance(above, ast.For) or above.iter is not loads[0] or above.orelse:
        return None
    target = above.target
    if not isinstance(target, ast.Name):
        return None
    uses = [
        node
        for node in ast.walk(context.function)
        if isinstance(node, ast.Name) and node.id == target.id and node is not target
    ]
    inside = {id(node) for node in ast.walk(above)}
    if len(uses) != 1 or id(uses[0]) not in inside:
        return None
    waiting = tree.parent(uses[0])
    if not isinstance(waiting, ast.Await):
        return None
    rounds = Rounds(
        above,
        target,
        above.iter,
        context.call,
        uses[0],
        tree.statement(waiting),
        names=frozenset((target.id,)),
    )
    found = collecting(context, rounds, waiting)
    if found.collects in ("drop", "list", "set"):
        return found
    return None


def _awaits(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Await) and getattr(node.value, "id", "") == name


def _reacts(context: Context, loop: ast.AST) -> bool:
    """Tell whether something in the coroutine stands round the loop."""
    blocks = ("Try", "TryStar", "With", "AsyncWith")
    for above, _ in context.tree.ancestors(loop):
        if above is context.function:
            return False
        if type(above).__name__ in blocks:
            return True
    return False


def _gathered(
    name: str, rounds: Rounds, slice_: Slice, names: Names
) -> Sequence[cst.CSTNode]:
    """Give `results = await gather(*tasks)` in the place of the loop."""
    import libcst as cst

    gather = cst.Attribute(cst.Name(names["asyncio"]), cst.Name("gather"))
    awaited: cst.BaseExpression = cst.Await(
        cst.Call(gather, [cst.Arg(cst.Name(name), star="*")])
    )
    if rounds.collects == "set":
        awaited = cst.Call(cst.Name("set"), [cst.Arg(awaited)])
    if not isinstance(rounds.loop, ast.For):
        return [awaited]
    last = slice_.nodes[-1]
    assert isinstance(last, cst.For)
    lines = list(last.leading_lines)
    statement = cst.SimpleStatementLine([cst.Expr(awaited)])
    if rounds.made is not None:
        made = slice_.nodes[0]
        assert isinstance(made, cst.SimpleStatementLine)
        statement = made.with_changes(body=[made.body[0].with_changes(value=awaited)])
        lines = [*made.leading_lines, *(each for each in lines if each.comment)]
    return [statement.with_changes(leading_lines=lines)]
