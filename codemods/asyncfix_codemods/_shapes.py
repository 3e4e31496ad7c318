"""How code stands in a file: shared by the codemods of this pack."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Context, Tree

Owner = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.Module
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_VERSIONS = frozenset(("version_info", "hexversion", "PY_VERSION"))


def owner(tree: Tree, node: ast.AST) -> Owner:
    """Give the function, lambda, class or module whose own code a node is."""
    for above, below in tree.ancestors(node):
        if isinstance(above, (*_FUNCTIONS, ast.ClassDef)) and below in above.body:
            return above
        if isinstance(above, ast.Lambda) and below is above.body:
            return above
    return tree.module


def loop_around(tree: Tree, node: ast.AST) -> ast.AST | None:
    """Give the innermost loop of the same function that runs a node again and again."""
    for above, below in tree.ancestors(node):
        if isinstance(above, (ast.For, ast.AsyncFor, ast.While)):
            if below in above.body or below is getattr(above, "test", None):
                return above
        if isinstance(above, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            return None
    return None


def stands_alone(tree: Tree, statement: ast.stmt) -> bool:
    """Tell whether a statement has its lines for itself, comments behind it aside."""
    start, end = tree.span(statement)
    lines = tree.lines
    last = statement.end_lineno or statement.lineno
    first, stop = lines.span(statement.lineno, last)
    behind = lines.text[end:stop].strip()
    return not lines.text[first:start].strip() and behind[:1] in (b"", b"#")


def words(tree: Tree, node: ast.AST) -> frozenset[str]:
    """Give every name that a node's code binds, reads or declares, attributes aside."""
    return tree.once(("words", node), lambda: frozenset(_words(node)))


def _words(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, (ast.Attribute, ast.Constant, ast.keyword)):
            continue
        for _, value in ast.iter_fields(each):
            if isinstance(value, str):
                yield value.partition(".")[0]
            elif isinstance(value, list):
                yield from (item for item in value if isinstance(item, str))


def loads(node: ast.AST, name: str) -> list[ast.Name]:
    """Give the places in a node's code where a name is read or deleted."""
    return [
        each
        for each in ast.walk(node)
        if isinstance(each, ast.Name)
        and each.id == name
        and not isinstance(each.ctx, ast.Store)
    ]


def is_own_local(
    context: Context, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> bool:
    """Tell whether the site's function has a name for itself, as far as can be seen."""
    bound = context.project.names(context.site.path, context.site.use.scope)
    if name not in bound or looks_up_names(context.tree, function):
        return False
    return not any(
        isinstance(each, (ast.Global, ast.Nonlocal)) and name in each.names
        for each in ast.walk(function)
    )


def looks_up_names(tree: Tree, node: ast.AST) -> bool:
    """Tell whether code may reach names in other ways: `locals()`, `exec(...)`."""
    return not words(tree, node).isdisjoint(("locals", "exec", "eval", "vars"))


def is_under_main(tree: Tree, node: ast.AST) -> bool:
    """Tell whether code runs right under `if __name__ == "__main__":`."""
    if not isinstance(owner(tree, node), ast.Module):
        return False
    for above, below in tree.ancestors(node):
        if isinstance(above, ast.If) and below in above.body and _asks_name(above.test):
            return True
    return False


def _asks_name(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq)
    )


def is_for_some_versions(tree: Tree, node: ast.AST) -> bool:
    """Tell whether code runs on some versions of Python only.

    It stands under a question about the version, or in a `try` that is there for
    what some version does not have.
    """
    for above, below in tree.ancestors(node):
        if isinstance(above, (ast.If, ast.IfExp)) and below is not above.test:
            for each in ast.walk(above.test):
                name = getattr(each, "attr", "") or getattr(each, "id", "")
                if name in _VERSIONS:
                    return True
        if isinstance(above, ast.Try) and below not in above.finalbody:
            if any(map(_is_for_absence, above.handlers)):
                return True
        if isinstance(above, _FUNCTIONS) and below in above.body:
            # A question that ends the function early: `if ...: return`.
            for statement in above.body[: above.body.index(below)]:
                if isinstance(statement, ast.If) and any(
                    getattr(each, "attr", "") in _VERSIONS
                    for each in ast.walk(statement.test)
                ):
                    return True
    return False


def _is_for_absence(handler: ast.ExceptHandler) -> bool:
    return handler.type is not None and any(
        isinstance(each, ast.Name)
        and each.id in ("AttributeError", "ImportError", "TypeError", "NameError")
        for each in ast.walk(handler.type)
    )
