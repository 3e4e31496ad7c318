"""Where a caller makes many calls, and where all of them have ended."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from asyncfix import Context

RETRY = re.compile(r"attempt|retr|tries", re.IGNORECASE)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LEAVES = (ast.Return, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom, ast.Raise)
_BRANCHES = (ast.If, ast.IfExp, ast.Match, ast.ExceptHandler, ast.BoolOp)
_TASKS = ("asyncio.create_task", "asyncio.ensure_future")


class Fan(NamedTuple):
    """Where a caller makes many calls, and the statements in which they all end."""

    call: ast.Call
    first: ast.stmt
    last: ast.stmt
    together: bool
    """The calls run at the same time."""
    tolerant: bool
    """Where one fails, all are waited for all the same."""


def fan(context: Context, alone: bool = False) -> Fan | None:
    """Tell where the calls that a site stands for have all ended.

    None where it is one call. With `alone`, one call counts, too: it is one of
    several in its coroutine.
    """
    tree, call = context.tree, context.call
    node: ast.AST = call
    many = together = False
    while True:
        above = tree.parent(node)
        if isinstance(above, ast.Await):
            node = above
            break
        if isinstance(above, (ast.GeneratorExp, ast.ListComp)) and above.elt is node:
            many = True
            if isinstance(above, ast.GeneratorExp) and not isinstance(
                tree.parent(above), ast.Starred
            ):
                return None
        elif isinstance(above, ast.Call) and above.func is not node:
            name = context.qualified_name(above.func)
            if name == "asyncio.gather" or name in _TASKS:
                together = True
            elif isinstance(above.func, ast.Attribute) and (
                above.func.attr == "create_task"
            ):
                return _in_group(context, above)
            elif isinstance(above.func, ast.Attribute) and above.func.attr == "append":
                return _collected(context, above.func.value, above)
            elif name != "asyncio.wait_for":
                return None
        elif isinstance(above, ast.Assign) and len(above.targets) == 1 and many:
            return _collected(context, above.targets[0], above)
        elif not isinstance(above, (ast.Starred, ast.List)):
            return None
        node = above
    tolerant = not together or _returns_exceptions(node)
    for above, below in tree.ancestors(node):
        if above is context.function:
            break
        if isinstance(above, (ast.ListComp, ast.SetComp, ast.DictComp)):
            # What the first `for` goes through is worked out once.
            many = many or below is not above.generators[0]
            many = many or not _is_in(node, above.generators[0].iter)
        elif isinstance(above, (ast.GeneratorExp, *_DEFS)):
            return None
    if _is_rare(context):
        return None
    statement = _outermost(context, tree.statement(node))
    in_loop = isinstance(statement, _LOOPS) and _turns(statement, node)
    if not (many or in_loop or alone):
        return None
    return Fan(call, statement, statement, together, tolerant)


def is_in_branch(context: Context) -> bool:
    return any(
        isinstance(above, (*_BRANCHES, ast.Try))
        and below is not getattr(above, "test", None)
        for above, below in context.within()
    )


def is_retry(context: Context) -> bool:
    """Tell whether a function calls itself to do the same once more.

    After an error, with the same arguments, or where some name says so.
    """
    call, args = context.call, context.function.args
    own = [each.arg for each in (*args.posonlyargs, *args.args)]
    given = [getattr(each, "id", "") for each in call.args]
    if given and not call.keywords and all(each in own for each in given):
        return True
    said: list[ast.AST] = [call]
    for above, below in context.within():
        if isinstance(above, ast.ExceptHandler):
            return True
        if isinstance(above, (ast.If, ast.IfExp)) and below is not above.test:
            said.append(above.test)
    names = (
        getattr(node, "id", getattr(node, "attr", getattr(node, "arg", ""))) or ""
        for each in said
        for node in ast.walk(each)
        if not isinstance(node, ast.arg) and node is not call.func
    )
    return any(RETRY.search(name) for name in names)


def _is_rare(context: Context) -> bool:
    """Tell whether a call is made in a branch of a branch, or after an error.

    A session that is opened for nothing costs; httpx loads certificates for it.
    """
    branches = 0
    for above, below in context.within():
        if isinstance(above, ast.ExceptHandler):
            return True
        branches += isinstance(above, _BRANCHES) and below is not getattr(
            above, "test", None
        )
    return branches > 1


def _turns(loop: ast.stmt, node: ast.AST) -> bool:
    """Tell whether a loop comes to a node more than once."""
    once = getattr(loop, "iter", None)
    return once is None or not _is_in(node, once)


def _is_in(node: ast.AST, outer: ast.AST) -> bool:
    return any(each is node for each in ast.walk(outer))


def _outermost(context: Context, statement: ast.stmt) -> ast.stmt:
    """Give the outermost loop of the coroutine round a statement, else itself."""
    found = statement
    for above, below in context.tree.ancestors(statement):
        if above is context.function:
            break
        if isinstance(above, _LOOPS) and below is not getattr(above, "iter", None):
            found = above
    return found


def _returns_exceptions(node: ast.AST) -> bool:
    call = getattr(node, "value", None)
    return isinstance(call, ast.Call) and any(
        each.arg == "return_exceptions"
        and isinstance(each.value, ast.Constant)
        and each.value.value is True
        for each in call.keywords
    )


def _in_group(context: Context, call: ast.Call) -> Fan | None:
    """Follow `group.create_task(f(x))` to the end of its `async with TaskGroup()`."""
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    for above, below in context.tree.ancestors(call):
        if above is context.function:
            return None
        if isinstance(above, _DEFS):
            return None
        if isinstance(above, ast.AsyncWith) and below in above.body:
            for item in above.items:
                made, target = item.context_expr, item.optional_vars
                if (
                    isinstance(made, ast.Call)
                    and isinstance(target, ast.Name)
                    and isinstance(receiver, ast.Name)
                    and receiver.id == target.id
                    and context.qualified_name(made.func) == "asyncio.TaskGroup"
                ):
                    statement = _outermost(context, above)
                    return Fan(context.call, statement, statement, True, True)
    return None


def _collected(context: Context, target: ast.expr, node: ast.AST) -> Fan | None:
    """Follow calls put in a list to the `gather(*list)` that waits for them."""
    if not isinstance(target, ast.Name):
        return None
    uses = [
        each
        for each in ast.walk(context.function)
        if isinstance(each, ast.Name) and each.id == target.id
    ]
    stores = [each for each in uses if not isinstance(each.ctx, ast.Load)]
    if len(stores) != 1:
        return None
    first = context.tree.statement(stores[0])
    after = context.tree.after(first)
    for position, statement in enumerate(after):
        waits = _gathers(context, statement, target.id)
        if waits is None:
            if any(isinstance(each, _LEAVES) for each in ast.walk(statement)):
                return None
            continue
        covered = [first, *after[: position + 1]]
        inside = {each for one in covered for each in ast.walk(one)}
        if node not in inside or any(each not in inside for each in uses):
            return None
        begin, end = first, statement
        outer = _outermost(context, first)
        if outer is not first:
            begin = end = outer
        return Fan(context.call, begin, end, True, _returns_exceptions(waits))
    return None


def _gathers(context: Context, statement: ast.stmt, name: str) -> ast.Await | None:
    """Give the `await gather(*name)` that a statement surely comes to."""
    value: ast.AST | None = getattr(statement, "value", None)
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        value = statement.iter
    if not isinstance(
        statement, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return, ast.For)
    ):
        return None
    for node in ast.walk(value) if value is not None else ():
        if isinstance(node, (ast.Lambda, ast.IfExp, ast.BoolOp, ast.GeneratorExp)):
            return None
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            call = node.value
            if context.qualified_name(call.func) == "asyncio.gather" and any(
                isinstance(each, ast.Starred)
                and isinstance(each.value, ast.Name)
                and each.value.id == name
                for each in call.args
            ):
                return node
    return None
