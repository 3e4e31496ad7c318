"""Whether what a call gives is used as only a generator can be."""

from __future__ import annotations

import ast

from asyncfix import Tree, dotted

_STEPS = frozenset(("send", "throw", "gi_frame", "gi_running", "gi_code", "__next__"))
_ITERATES = frozenset(
    ("list", "tuple", "set", "next", "iter", "sum", "enumerate", "zip", "map",
     "filter", "sorted", "dict", "max", "min", "any", "all")
)  # fmt: skip


def is_stepped(tree: Tree, node: ast.AST) -> bool:
    """Tell whether a value is gone through, stepped by hand, or waited for twice."""
    return _is_stepped(tree, node) or _is_stepped_later(tree, node)


def _is_stepped(tree: Tree, node: ast.AST) -> bool:
    """Tell whether an expression's value is used as only a generator can be."""
    above = tree.parent(node)
    if isinstance(above, (ast.For, ast.comprehension)):
        return above.iter is node
    if isinstance(above, ast.Starred):
        return True
    if isinstance(above, ast.Attribute):
        return above.attr in _STEPS
    if isinstance(above, ast.Call) and node in above.args:
        return dotted(above.func) in _ITERATES
    return False


def _is_stepped_later(tree: Tree, node: ast.AST) -> bool:
    """Tell whether the local that gets a value is used as only a generator can be."""
    above = tree.parent(node)
    if not isinstance(above, ast.Assign) or not isinstance(above.targets[0], ast.Name):
        return False
    name = above.targets[0].id
    where: ast.AST = tree.module
    for outer, _ in tree.ancestors(node):
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)):
            where = outer
            break
    waits = 0
    for each in ast.walk(where):
        if isinstance(each, ast.Name) and each.id == name:
            if isinstance(each.ctx, ast.Load):
                end = (each.end_lineno or 0, each.end_col_offset or 0)
                tree.find(ast.Name, (each.lineno, each.col_offset), end)
                waits += isinstance(tree.parent(each), (ast.YieldFrom, ast.Await))
                if _is_stepped(tree, each):
                    return True
            elif each is not above.targets[0]:
                return False  # more than one thing
    return waits > 1
