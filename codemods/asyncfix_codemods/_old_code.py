"""What the code of one function of older days says, read from its tree.

Plain data, so that nothing holds on to a tree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple, TypeGuard

from asyncfix import Tree

Function = ast.FunctionDef | ast.AsyncFunctionDef
_NO_COROUTINE = (
    ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.JoinedStr, ast.Compare,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda, ast.BinOp,
)  # fmt: skip
_OFF = re.compile(rb"#.*?\basyncfix:\s*off\b")


class Given(NamedTuple):
    """What a `yield from` or a `return` is given.

    `kind` is `call`, `name`, `plain` (surely nothing that can be awaited) or `other`;
    `said` is the name with its steps, `text` what a message shows.
    """

    line: int
    kind: str
    said: str
    text: str
    hidden: bool = False
    """It stands in an annotation, where no `await` can stand."""


class Entered(NamedTuple):
    """A `with` that waits: for each item what it waits for, None if it does not."""

    line: int
    items: tuple[Given | None, ...]


class Code(NamedTuple):
    """What a function's own code does, nested functions left out."""

    waits: tuple[Given, ...]
    """What its `yield from` are given."""
    yields: int
    """The line of a `yield`, 0 if there is none."""
    returns: tuple[Given, ...]
    """What it returns, where that is something."""
    made: dict[str, Given | None]
    """What is assigned to its locals; None for more than one thing."""
    withs: tuple[Entered, ...]
    is_off: bool
    """A comment says that it is to stay as it is."""
    is_empty: bool
    """It only raises, or does nothing at all."""


def functions(tree: Tree) -> dict[tuple[int, str], Function]:
    """Give the functions of a file by their line and name."""

    def work() -> dict[tuple[int, str], Function]:
        return {
            (node.lineno, node.name): node
            for node in ast.walk(tree.module)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }

    return tree.once(("legacy functions",), work)


def own(function: Function) -> Iterator[ast.AST]:
    """Walk what a function itself runs: of nested ones decorators and defaults."""
    todo: list[ast.AST] = list(reversed(function.body))
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            todo += getattr(node, "decorator_list", [])
            todo += node.args.defaults
            todo += [each for each in node.args.kw_defaults if each]
        else:
            todo += reversed(list(ast.iter_child_nodes(node)))


def waits(function: Function) -> list[ast.YieldFrom]:
    """Give the `yield from` of a function's own code, in its order."""
    found = [each for each in own(function) if isinstance(each, ast.YieldFrom)]
    return sorted(found, key=lambda each: (each.lineno, each.col_offset))


def read(tree: Tree, calls: dict[tuple[int, ...], str], function: Function) -> Code:
    """Read a function; `calls` has the names of the file's calls by their places."""
    given = [_given(tree, calls, each.value) for each in waits(function)]
    returns = []
    yields = 0
    made: dict[str, Given | None] = {}
    for node in own(function):
        if isinstance(node, ast.Yield):
            yields = yields or node.lineno
        elif isinstance(node, ast.Return) and node.value is not None:
            returns.append(_given(tree, calls, node.value))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    what = _given(tree, calls, node.value)
                    made[target.id] = None if target.id in made else what
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            if isinstance(node.target, ast.Name):
                name = node.target.id
                what = _given(tree, calls, node.iter)
                what = what._replace(kind="element")
                made[name] = None if name in made else what
    hidden = {
        inner
        for node in own(function)
        for annotation in _annotations(node)
        for inner in ast.walk(annotation)
        if isinstance(inner, ast.YieldFrom)
    }
    lines = {each.lineno for each in hidden}
    given = [each._replace(hidden=each.line in lines) for each in given]
    entered = [_entered(tree, calls, each) for each in own(function) if _waits(each)]
    return Code(
        tuple(given),
        yields,
        tuple(returns),
        made,
        tuple(entered),
        _is_off(tree, function),
        _is_empty(function),
    )


def _waits(node: ast.AST) -> TypeGuard[ast.With]:
    return isinstance(node, ast.With) and any(
        isinstance(item.context_expr, ast.YieldFrom) for item in node.items
    )


def _entered(tree: Tree, calls: dict[tuple[int, ...], str], node: ast.With) -> Entered:
    items = [each.context_expr for each in node.items]
    return Entered(
        node.lineno,
        tuple(
            _given(tree, calls, each.value) if isinstance(each, ast.YieldFrom) else None
            for each in items
        ),
    )


def _is_off(tree: Tree, function: Function) -> bool:
    """Tell whether a comment above the body says that the function is to stay."""
    first = min([function.lineno, *(each.lineno for each in function.decorator_list)])
    start, stop = tree.lines.span(first, function.body[0].lineno)
    return _OFF.search(tree.lines.text[start:stop]) is not None


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.AnnAssign):
        yield node.annotation


def _is_empty(function: Function) -> bool:
    return all(
        isinstance(each, (ast.Raise, ast.Pass))
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in function.body
    )


def _given(tree: Tree, calls: dict[tuple[int, ...], str], node: ast.expr) -> Given:
    text = tree.text(node)
    if isinstance(node, ast.Call):
        place = node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
        said = calls.get(place, "")  # type: ignore[arg-type]  # ends are known
        if not said and isinstance(node.func, ast.Attribute):
            said = f"?.{node.func.attr}"
        return Given(node.lineno, "call", said, text)
    if isinstance(node, (ast.Name, ast.Attribute)):
        said = ast.unparse(node)
        return Given(node.lineno, "name", said, text)
    if isinstance(node, _NO_COROUTINE):
        return Given(node.lineno, "plain", "", text)
    return Given(node.lineno, "other", "", text)
