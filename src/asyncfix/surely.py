"""Which calls surely came to their end before another one, or whenever a function does.

Asked of the syntax alone: branches, loops and what may be cut short do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain

from asyncfix.conditions import Function
from asyncfix.says import COMPREHENSIONS
from asyncfix.tree import Tree, walk_function

LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_WITH_VALUE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)


def surely_before(tree: Tree, function: Function, call: ast.AST) -> Iterator[ast.Call]:
    """Give the calls that surely came to their end where a call is made."""
    for above, below in tree.ancestors(call):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(above, name, None)
            if isinstance(block, list) and any(each is below for each in block):
                for statement in block:
                    if statement is below:
                        break
                    yield from _of_statement(statement, LEAVES)
                if isinstance(above, ast.Try) and name == "orelse":
                    yield from chain.from_iterable(
                        _of_statement(each, LEAVES) for each in above.body
                    )
                elif above is not function:
                    yield from _of_head(above)
        if isinstance(above, ast.IfExp) and below is not above.test:
            yield from _surely(above.test)
        elif isinstance(above, (ast.BinOp, ast.Compare)) and below is not above.left:
            yield from _surely(above.left)
        elif isinstance(above, (ast.Call, ast.BoolOp, ast.Tuple, ast.List)):
            for each in ast.iter_child_nodes(above):
                if each is below:
                    break
                yield from _surely(each)
        if above is function:
            return


def in_any_case(body: list[ast.stmt]) -> Iterator[ast.Call]:
    """Give the calls that surely come to their end where a function does."""
    for statement in body:
        yield from _of_statement(statement, (ast.Raise,))
        if any(
            isinstance(each, ast.Return) for each in walk_function(statement, own=False)
        ):
            return


def _of_statement(
    statement: ast.stmt, leaves: tuple[type[ast.stmt], ...]
) -> Iterator[ast.Call]:
    if isinstance(statement, ast.Try):
        if all(isinstance(each.body[-1], leaves) for each in statement.handlers):
            for each in statement.body:
                yield from _of_statement(each, leaves)
                if any(isinstance(n, LEAVES) for n in walk_function(each, own=False)):
                    return
    elif isinstance(statement, _WITH_VALUE):
        if statement.value is not None:
            yield from _surely(statement.value)
    else:
        yield from _of_head(statement)


def _of_head(statement: ast.AST) -> Iterator[ast.Call]:
    if isinstance(statement, (ast.If, ast.While)):
        yield from _surely(statement.test)
    elif isinstance(statement, (ast.For, ast.AsyncFor)):
        yield from _surely(statement.iter)
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        for item in statement.items:
            yield from _surely(item.context_expr)


def _surely(node: ast.AST) -> Iterator[ast.Call]:
    """Give the calls in an expression that are made whenever it is worked out."""
    todo: list[ast.AST] = [node]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Call):
            yield node
        if isinstance(node, ast.IfExp):
            todo.append(node.test)
        elif isinstance(node, ast.BoolOp):
            todo.append(node.values[0])
        elif isinstance(node, ast.Compare):
            todo += [node.left, node.comparators[0]]
        elif isinstance(node, COMPREHENSIONS):
            todo.append(node.generators[0].iter)
        elif not isinstance(node, ast.Lambda):
            todo += ast.iter_child_nodes(node)
