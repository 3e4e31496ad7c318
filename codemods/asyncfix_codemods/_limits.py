"""Who gives up waiting for a coroutine, or tries it again? In its file and in others."""

from __future__ import annotations

import ast
import re

from asyncfix import Context, Tree
from asyncfix_codemods import _callers

# What gives up waiting, or tries again.
_LIMITS = re.compile(r"(?i)wait_for|timeout|move_on_after|fail_after|retry|backoff")
# So many callers of callers are asked.
_FARTHEST = 4
_MOST_CALLS = 100
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def found(context: Context) -> str:
    """Give where a time limit or a retry stands round the site, nothing for nowhere."""
    line = _around(context.tree, context.node) or _named(context)
    if line:
        return f"line {line}"
    return _callers.first(context, _around, _FARTHEST, _MOST_CALLS)


def _around(tree: Tree, node: ast.AST) -> int:
    """Give the line of a limit that stands round a node in its function, or above that."""
    for above, below in tree.ancestors(node):
        if isinstance(above, ast.AsyncWith) and below in above.body:
            for item in above.items:
                if _limits(tree, item.context_expr):
                    return above.lineno
        elif isinstance(above, ast.Call) and below is not above.func:
            if _limits(tree, above):
                return above.lineno
        elif isinstance(above, _FUNCTIONS) and below in above.body:
            for decorator in above.decorator_list:
                if _LIMITS.search(tree.text(decorator)):
                    return decorator.lineno
            return 0
    return 0


def _limits(tree: Tree, node: ast.expr) -> bool:
    name = tree.text(getattr(node, "func", node))
    return _LIMITS.search(name.rpartition(".")[2]) is not None


def _named(context: Context) -> int:
    """Give the line where the file puts a call of the coroutine's name under a limit."""
    name = getattr(context.function, "name", "")
    for use in context.facts.calls:
        if not _LIMITS.search(use.name.rpartition(".")[2]):
            continue
        start, end = context.tree.lines.span(use.line, use.end_line)
        text = context.tree.lines.text[start:end].decode("utf-8", "replace")
        if re.search(rf"\b{re.escape(name)}\(", text):
            return use.line
    return 0
