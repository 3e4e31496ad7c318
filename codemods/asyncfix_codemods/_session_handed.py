"""A function that is handed to another one of the project: is it only called there?"""

from __future__ import annotations

import ast

from asyncfix import Context, Place, Reference


def is_only_called(context: Context, use: Reference) -> bool:
    """Tell whether a project's function that is given another one only calls it.

    Then nobody looks at its parameters, and it is called as it was.
    """
    tree = context.model.tree(use.path)
    for node in ast.walk(tree.module):
        if isinstance(node, ast.Call):
            handed = [*node.args, *(each.value for each in node.keywords)]
            for each in handed:
                if (each.lineno, each.col_offset) == (use.line, use.col):
                    return _only_calls(context, use, node, each)
    return False


def _only_calls(
    context: Context, use: Reference, call: ast.Call, handed: ast.expr
) -> bool:
    place = _callee(context, use, call)
    function = _definition(context, place) if place is not None else None
    if place is None or function is None:
        return False
    name = _parameter(function, call, handed)
    tree = context.model.tree(place[0])
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name:
            start = node.lineno, node.col_offset
            tree.find(ast.expr, start, (node.end_lineno or 0, node.end_col_offset or 0))
            above = tree.parent(node)
            if not isinstance(above, ast.Call) or above.func is not node:
                return False
        elif isinstance(node, ast.Call):
            last = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if last in ("locals", "vars", "currentframe"):
                return False
    return bool(name)


def _callee(context: Context, use: Reference, call: ast.Call) -> Place | None:
    users = context.model.users
    for known in context.project.files[use.path].calls:
        start, end = (known.line, known.col), (known.end_line, known.end_col)
        if (start, end) == (
            (call.lineno, call.col_offset),
            (call.end_lineno, call.end_col_offset),
        ):
            place = users.meant(use.path, known.scope, known.name)
            return place if place and users.bases(place) is None else None
    return None


def _definition(
    context: Context, place: Place
) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    known = context.model.users.scope(place)
    for node in ast.walk(context.model.tree(place[0]).module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if (node.lineno, node.name) == (known.line, known.name):
                return None if node.decorator_list else node
    return None


def _parameter(
    function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, handed: ast.expr
) -> str:
    """Give the parameter that gets what is handed on; empty where that is not plain."""
    plain = [*function.args.posonlyargs, *function.args.args]
    for keyword in call.keywords:
        if keyword.value is handed:
            every = [*function.args.args, *function.args.kwonlyargs]
            return next((each.arg for each in every if each.arg == keyword.arg), "")
    index = call.args.index(handed)
    if any(isinstance(each, ast.Starred) for each in call.args[: index + 1]):
        return ""
    return plain[index].arg if index < len(plain) else ""
