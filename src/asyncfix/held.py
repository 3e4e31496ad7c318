"""Conditions that hold where a call stands, in the words of what is called.

`if self.content: self.load()` says to `load` that `self.content` holds, and
`if found(key): fetch(key)` says to `fetch(name)` that `found(name)` does. Where
the called function asks the same, in the same words, its answer is known.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable, Iterator, Mapping

from asyncfix.tree import Tree

Function = ast.FunctionDef | ast.AsyncFunctionDef
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_ASKED = "? "
_ID = re.compile(r"\bid='(\w+)'")


def key(condition: ast.expr) -> str:
    """Give the name under which it is known whether a condition holds."""
    return _ASKED + ast.dump(condition)


def speaks_of(known: str, names: Iterable[str]) -> bool:
    """Tell whether what `key` gave is of a condition on one of some names."""
    return known.startswith(_ASKED) and any(f"id='{each}'" in known for each in names)


def handed(
    tree: Tree,
    caller: Function,
    call: ast.Call,
    called: Function,
    bound: bool,
    known: Mapping[str, object],
) -> dict[str, object]:
    """Give what is known of conditions in a function that is called here.

    `bound` tells that its first parameter is the object; `known` are conditions
    that the caller was handed itself, and hands on. Conditions on locals that
    are not handed over are left out.
    """
    names = _names(call, called, bound)
    own = {node.arg for node in ast.walk(caller.args) if isinstance(node, ast.arg)}
    own |= _bound(caller)
    theirs = {node.arg for node in ast.walk(called.args) if isinstance(node, ast.arg)}
    theirs |= _bound(called)
    found: dict[str, object] = {}
    for asked, holds in known.items():
        if asked.startswith(_ASKED):
            ids = set(_ID.findall(asked))
            if all(each in names or each not in own | theirs for each in ids):
                found[_ID.sub(lambda m: f"id='{names.get(m[1], m[1])}'", asked)] = holds
    for condition, holds in _held(tree, caller, call):
        renamed = _renamed(condition, names, own, theirs)
        if renamed is not None:
            found[key(renamed)] = holds
    return found


def _names(call: ast.Call, called: Function, bound: bool) -> dict[str, str]:
    """Give the called function's name for each name that is handed over as it is."""
    parameters = [each.arg for each in (*called.args.posonlyargs, *called.args.args)]
    names: dict[str, str] = {}
    if bound and parameters:
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(receiver, ast.Name):
            names[receiver.id] = parameters[0]
        parameters = parameters[1:]
    if any(isinstance(each, ast.Starred) for each in call.args):
        return names
    pairs = [*zip(parameters, call.args, strict=False)]
    pairs += [(each.arg, each.value) for each in call.keywords if each.arg]
    for parameter, value in pairs:
        if isinstance(value, ast.Name):
            names.setdefault(value.id, parameter)
    return names


def _renamed(
    condition: ast.expr, names: dict[str, str], own: set[str], theirs: set[str]
) -> ast.expr | None:
    renamed = copy.deepcopy(condition)
    for node in ast.walk(renamed):
        if isinstance(node, (ast.Await, ast.NamedExpr, ast.Lambda, ast.Yield)):
            return None
        if isinstance(node, ast.Name):
            if node.id in names:
                node.id = names[node.id]
            elif node.id in own or node.id in theirs:
                return None
    return renamed


def _bound(function: Function) -> set[str]:
    return {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }


def _held(
    tree: Tree, function: Function, call: ast.AST
) -> Iterator[tuple[ast.expr, bool]]:
    """Give the conditions that decide that a call is reached, and how they stand."""
    for above, below in tree.ancestors(call):
        if isinstance(above, (ast.If, ast.IfExp, ast.While)):
            body, orelse = above.body, above.orelse
            if _stands_in(below, body):
                yield from _split(above.test, True)
            elif _stands_in(below, orelse) and not isinstance(above, ast.While):
                yield from _split(above.test, False)
        elif isinstance(above, ast.BoolOp):
            for value in above.values:
                if value is below:
                    break
                yield from _split(value, isinstance(above.op, ast.And))
        for name in ("body", "orelse", "finalbody"):
            block = getattr(above, name, None)
            if isinstance(block, list) and _stands_in(below, block):
                yield from _left(block, below)
        if above is function:
            return


def _left(block: list[ast.stmt], below: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """Give the conditions under which the block would have been left before."""
    for statement in block:
        if statement is below:
            return
        if isinstance(statement, ast.If) and not statement.orelse:
            if isinstance(statement.body[-1], _ENDS):
                yield from _split(statement.test, False)


def _split(test: ast.expr, holds: bool) -> Iterator[tuple[ast.expr, bool]]:
    """Give the parts of a condition that surely stand as they must."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _split(test.operand, not holds)
    elif isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) == holds:
        for value in test.values:
            yield from _split(value, holds)
    else:
        yield test, holds


def _stands_in(node: ast.AST, body: object) -> bool:
    if isinstance(body, list):
        return any(each is node for each in body)
    return body is node
