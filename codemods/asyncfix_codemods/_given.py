"""What calling a function gives, as far as a codemod has to know it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Context, Value

# What these calls give is never a function: text, bytes, answers, rows.
_PLAIN_KINDS = frozenset(
    ("compress", "crypto", "db", "dns", "file", "fs-meta", "http", "mail", "sleep",
     "socket", "subprocess")
)  # fmt: skip
_PLAIN_TYPES = frozenset(
    ("bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple")
)
_PLAIN_NODES = (
    ast.Constant, ast.Dict, ast.DictComp, ast.JoinedStr, ast.List, ast.ListComp,
    ast.Set, ast.SetComp, ast.Tuple, ast.Compare,
)  # fmt: skip
_HARMLESS = frozenset(("staticmethod", "classmethod", "override", "final"))
_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def is_coroutine_function(context: Context, value: Value) -> bool:
    """Tell whether a value is an `async def` that nothing is wrapped round."""
    if not value.is_function:
        return False
    scope = context.project.files[value.path].scopes[value.scope]
    last = {each.rpartition(".")[2] for each in scope.decorators}
    return scope.is_async and not scope.yields and last <= _HARMLESS


def by_call(context: Context, call: ast.Call) -> str:
    """Say what a call gives: `None`, `coroutine`, the name of a type, `something`.

    `something` is what a blocking call of a library gives; it is not a function.
    Empty where it is not known, or may be a function.
    """
    value = context.value(call.func)
    if value is None:
        return ""
    if value.is_outside:
        return "something" if _blocks(context, value.name) else ""
    if not value.is_function:
        return ""
    if is_coroutine_function(context, value):
        return "coroutine"
    scope = context.project.files[value.path].scopes[value.scope]
    if scope.is_async or scope.yields or scope.decorators:
        return ""
    found = context.model.reader.function(value.path, value.scope)
    if found is None or not isinstance(found[1], ast.FunctionDef):
        return ""
    function = found[1]
    returned = list(_returned(function))
    is_method = context.project.files[value.path].scopes[scope.parent].is_class
    if all(_is_none(each) for each in returned):
        # A class below may give a method another body.
        return "something" if is_method else "None"
    if all(isinstance(each, _PLAIN_NODES) for each in returned if each):
        return "something"
    declared = function.returns
    if isinstance(declared, ast.Subscript):
        declared = declared.value
    if isinstance(declared, ast.Name) and declared.id in _PLAIN_TYPES:
        return f"{'an' if declared.id == 'int' else 'a'} {declared.id}"
    return ""


def _blocks(context: Context, name: str) -> bool:
    catalog = context.model.catalog
    owner, _, last = name.rpartition(".")
    entry = catalog.entry(name) or catalog.method(owner, last)
    return (
        entry is not None
        and entry.blocks
        and entry.severity != "low"
        and entry.kind in _PLAIN_KINDS
    )


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _returned(function: ast.FunctionDef) -> Iterator[ast.expr | None]:
    """Give what the function's own `return` statements give."""
    todo: list[ast.AST] = [*function.body]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return):
            yield node.value
        elif not isinstance(node, _DEFS):
            todo.extend(ast.iter_child_nodes(node))
