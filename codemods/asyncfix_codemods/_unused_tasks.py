"""Locals that get a task and do nothing with it: they keep it no longer than the call."""

from __future__ import annotations

import ast

from asyncfix import Context
from asyncfix_codemods import _rounds, _shapes

_RUNNERS = frozenset(("run", "run_until_complete"))


def unused(
    context: Context, statement: ast.stmt, where: _shapes.Owner
) -> ast.Name | None:
    """Give the local that gets the task, if nothing is done with it but callbacks."""
    tree = context.tree
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None
    if not isinstance(target, ast.Name) or statement.value is not context.call:
        return None
    if not isinstance(where, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None  # a name of the module keeps it
    if not _shapes.is_own_local(context, where, target.id):
        return None
    for each in _shapes.loads(where, target.id):
        method = tree.parent(each)
        call = tree.parent(method)
        if not (
            isinstance(method, ast.Attribute)
            and method.attr == "add_done_callback"
            and isinstance(call, ast.Call)
            and call.func is method
            and isinstance(tree.parent(call), ast.Expr)
        ):
            return None
    if _is_the_program(tree.module, where) or _runs_after(context, statement, where):
        return None
    return target


def _runs_after(
    context: Context, statement: ast.stmt, where: ast.FunctionDef | ast.AsyncFunctionDef
) -> bool:
    """Tell whether the function runs the loop itself: its frame holds the task.

    Not so where each round makes another one.
    """
    if isinstance(where, ast.AsyncFunctionDef):
        return False
    for above, _ in context.tree.ancestors(statement):
        if above is where:
            break
        if isinstance(above, (ast.For, ast.While)):
            return False
    return any(
        isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") in ("run_forever", "run_until_complete")
        and node.lineno > statement.lineno
        for node in _rounds.own(where.body)
    )


def _is_the_program(module: ast.Module, function: ast.AST) -> bool:
    """Tell whether a function is what the loop is run for: its frame lives as long."""
    if not isinstance(function, ast.AsyncFunctionDef):
        return False
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.args:
            runner = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
            given = node.args[0]
            if runner in _RUNNERS and isinstance(given, ast.Call):
                if isinstance(given.func, ast.Name) and given.func.id == function.name:
                    return True
    return False


def keeps(target: ast.Name | None) -> bool:
    """Tell whether a local's name is good enough to go on with."""
    return target is not None and target.id.strip("_") != ""
