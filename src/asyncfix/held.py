"""Conditions that hold where a call stands, in the words of what is called.

`if self.content: self.load()` says to `load` that `self.content` holds, and
`if found(key): fetch(key)` says to `fetch(name)` that `found(name)` does. Where
the called function asks the same, in the same words, its answer is known.

What is known has names: that of a parameter for its value, `= expression` for
the value of another one, `? condition` for whether it holds, and `@ name` for what
is found under a name, see `namesakes`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, MutableMapping

from asyncfix.nodes import descend
from asyncfix.tree import dotted, text_of

Function = ast.FunctionDef | ast.AsyncFunctionDef

ASKED, VALUE, NAMED = "? ", "= ", "@ "
GETS = ("get", "pop")
_MOST = 40
_UNDERSCORES = 2
_ID = re.compile("\x02([^\x03]+)\x03")
# What is the same everywhere, though it is not handed over.
_EVERYWHERE = ("sys", "os", "platform")
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.NotEq: ast.Eq,
    ast.IsNot: ast.Is,
    ast.NotIn: ast.In,
}
_OTHER_EVERY_TIME = (ast.Await, ast.NamedExpr, ast.Lambda, ast.Yield, ast.YieldFrom)


def question(test: ast.expr) -> tuple[str, bool]:
    """Give the name of a condition, and what answer to it means that it holds.

    A condition and its opposite have one name.
    """
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        opposite = _OPPOSITES.get(type(test.ops[0]))
        if opposite is not None:
            test = ast.Compare(test.left, [opposite()], test.comparators)
            return ASKED + text_of(test), False
    return ASKED + text_of(test), True


def assume(test: ast.expr, holds: bool, known: MutableMapping[str, object]) -> None:
    """Note that a condition holds, or that it does not, with what follows from it."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        assume(test.operand, not holds, known)
        return
    if isinstance(test, ast.BoolOp):
        if isinstance(test.op, ast.And) == holds:
            for value in test.values:
                assume(value, holds, known)
            return
    if any(isinstance(each, _OTHER_EVERY_TIME) for each in descend(test)):
        return
    name, positive = question(test)
    known[name] = holds is positive
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        _compared(test.left, test.ops[0], test.comparators[0], holds, known)
    elif isinstance(test, ast.Call) and holds and dotted(test.func) == "isinstance":
        known[question(is_none(test.args[0]))[0]] = False


def _compared(
    left: ast.expr,
    how: ast.cmpop,
    right: ast.expr,
    holds: bool,
    known: MutableMapping[str, object],
) -> None:
    if isinstance(how, (ast.NotEq, ast.IsNot, ast.NotIn)):
        holds = not holds
    if isinstance(how, (ast.In, ast.NotIn)):
        if not holds and isinstance(right, (ast.Tuple, ast.List, ast.Set)):
            for each in right.elts:
                known[question(ast.Compare(left, [ast.Eq()], [each]))[0]] = False
    elif isinstance(right, ast.Constant):
        if holds and isinstance(how, (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)):
            known[VALUE + text_of(left)] = right.value
        elif right.value is None and isinstance(how, (ast.Is, ast.IsNot)):
            # Strictly, it may be empty. Who asks for None has it, or has it not.
            known.setdefault(question(left)[0], True)


def is_telling(name: str) -> bool:
    """Tell a name of three words or more, which means the same wherever it stands."""
    return name.strip("_").count("_") >= _UNDERSCORES


def named(node: ast.expr) -> str:
    """Give the name that something has: `a.x`, `a["x"]`, or what `x` was set to."""
    if isinstance(node, ast.Name):
        return node.id.split("%")[-2] if "%" in node.id else ""
    if isinstance(node, ast.Attribute):
        return node.attr
    key: ast.expr | None = None
    if isinstance(node, ast.Subscript):
        key = node.slice
    elif isinstance(node, ast.Call) and node.args:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            key = node.args[0]
    said = key.value if isinstance(key, ast.Constant) else None
    return said if isinstance(said, str) else ""


def is_none(node: ast.expr) -> ast.expr:
    """Give the condition that something is None."""
    return ast.Compare(node, [ast.Is()], [ast.Constant(None)])


def handed(
    call: ast.Call,
    say: Mapping[int, ast.expr],
    receiver: ast.expr | None,
    functions: tuple[Function, Function],
    bound: bool,
    known: Mapping[str, object],
) -> dict[str, object]:
    """Give what is known, at a call, of conditions in the words of what is called.

    `say` gives for each argument, by `id`, what it stands for, `receiver` is the
    object that becomes the first parameter, `functions` are the caller and the
    called one; `bound` tells that the first parameter is not among the arguments.
    What speaks of things that are not handed over is left out.
    """
    caller, called = functions
    names = _names(call, say, receiver, functions, bound)
    own, theirs = _parameters(caller), _parameters(called)
    found: dict[str, object] = {}
    for asked, value in known.items():
        if asked[:2] not in (ASKED, VALUE):
            continue
        said = asked
        for text, parameter in names:
            if text in said:
                said = said.replace(text, f"\x02\0{parameter}\x03")
        ids = _ID.findall(said)
        if all(
            each[0] == "\0" or not ("%" in each or each in own or each in theirs)
            for each in ids
        ) and ("\0" in said or all(each in _EVERYWHERE for each in ids)):
            found[said.replace("\0", "")] = value
            if len(found) == _MOST:
                break
    return found


def _names(
    call: ast.Call,
    say: Mapping[int, ast.expr],
    receiver: ast.expr | None,
    functions: tuple[Function, Function],
    bound: bool,
) -> list[tuple[str, str]]:
    """Give what is handed over, the longest first, with the parameter it becomes."""
    mine, parameters = (
        [each.arg for each in (*one.args.posonlyargs, *one.args.args)]
        for one in functions
    )
    pairs: list[tuple[str, ast.expr]] = []
    if bound and parameters:
        if isinstance(receiver, ast.Call) and dotted(receiver.func) == "super" and mine:
            receiver = ast.Name(mine[0], ast.Load())
        if receiver is not None and not isinstance(receiver, ast.Call):
            pairs.append((parameters[0], receiver))
        parameters = parameters[1:]
    starred = [isinstance(each, ast.Starred) for each in call.args]
    until = starred.index(True) if True in starred else len(starred)
    pairs += zip(parameters, call.args[:until], strict=False)
    pairs += [(each.arg, each.value) for each in call.keywords if each.arg]
    found: dict[str, str] = {}
    for parameter, value in pairs:
        said = say.get(id(value), value)
        if not isinstance(said, ast.Constant):
            found.setdefault(text_of(said), parameter)
    return sorted(found.items(), key=lambda item: -len(item[0]))


def _parameters(function: Function) -> set[str]:
    return {node.arg for node in descend(function.args) if isinstance(node, ast.arg)}
