"""What a small function of the project surely answers when it is called so.

`def in_loop()` with `asyncio.get_running_loop()` in a `try` says True to whoever
runs on a loop, and `def known(name)` that returns what it was given, unless that is
one of some words, gives `name` back. All `return`s that are reached have to agree.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

from asyncfix import facts as f
from asyncfix.before import before, comes_to_end
from asyncfix.conditions import (
    NO_ANSWER,
    Function,
    Keys,
    arguments,
    literal,
    paired,
)
from asyncfix.loopless import finds_the_loop
from asyncfix.reach import Place, Reach
from asyncfix.says import said_as
from asyncfix.stands import Asks, State, nothing
from asyncfix.tree import Tree, dotted, text_of, walk_function
from asyncfix.value import FUNCTION

_MOST_LINES = 60
_MOST_RETURNS = 8
_DEEPEST = 1
_PLAIN = (ast.Name, ast.Constant, ast.Tuple, ast.expr_context)

Known = dict[str, object]
Constant = Callable[[Place, str], "ast.expr | None"]
Functions = Callable[[Place], "tuple[Tree, Function] | None"]


class Answers:
    """Answers are kept.

    `functions` reads a function, `constant` gives what a constant stands for. What
    is called in a function that is asked about has answers, too, but what that calls
    has none.
    """

    def __init__(self, reach: Reach, functions: Functions, constant: Constant) -> None:
        self.reach = reach
        self.functions = functions
        self.constant = constant
        self._known: dict[object, ast.expr | None] = {}

    def of(
        self, place: Place, call: ast.Call, state: State, depth: int = 0
    ) -> ast.expr | None:
        """Give what a call gives, in the words of the caller; None if not known."""
        name = dotted(call.func)
        if name is None or "%" in name:
            return None
        value = self.reach.values.of(*place, name)
        if value is None or value.kind != FUNCTION:
            return None
        target = value.path, value.scope
        if not self._is_plain(target):
            return None
        read = self.functions(target)
        if read is None:
            return None
        function = read[1]
        call = ast.Call(
            call.func,
            [state.told(each) for each in call.args],
            [ast.keyword(each.arg, state.told(each.value)) for each in call.keywords],
        )
        known = arguments(function, call, {}, state.known, False)
        kinds = tuple(type(each) for each in known.values())
        key = target, tuple(sorted(known.items(), key=_name)), kinds, depth
        if key not in self._known:
            self._known[key] = self._answer(target, read, known, depth)
        answer = self._known[key]
        return None if answer is None else _in_words(answer, function, call, known)

    def _is_plain(self, target: Place) -> bool:
        """Tell a short function without a class, that runs where it is called."""
        scopes = self.reach.project.files[target[0]].scopes
        scope = scopes[target[1]]
        return not (
            scope.is_async
            or scope.yields
            or scope.decorators
            or scope.end_line - scope.line > _MOST_LINES
            or scopes[scope.parent].kind in (f.CLASS, f.TYPE)
        )

    def _answer(
        self, target: Place, read: tuple[Tree, Function], known: Known, depth: int
    ) -> ast.expr | None:
        """Give what all returns agree on, in words of the function's start."""
        tree, function = read
        returns = [
            node for node in walk_function(function) if isinstance(node, ast.Return)
        ]
        if not 0 < len(returns) <= _MOST_RETURNS:
            return None
        tree.lead_to(function.lineno)
        inner = partial(self.of, target, depth=depth + 1)
        answer = nothing if depth == _DEEPEST else inner
        asks = Asks(partial(self.constant, target), answer, nothing)
        found: dict[str, ast.expr] = {}
        for node in returns:
            state = before(tree, function, node, known, asks)
            if state is None:
                continue
            said = _meant(node.value, state)
            if said is None:
                return None
            found[text_of(said)] = said
            if len(found) > 1:
                return None
        if not found or comes_to_end(tree, function, known, asks):
            return None
        return next(iter(found.values()))


def _meant(value: ast.expr | None, state: State) -> ast.expr | None:
    """Give what is returned: a literal, the running loop, or what was handed over."""
    if value is None:
        return ast.Constant(None)
    said = state.chosen(value)
    known = literal(said, state.known)
    if known is not NO_ANSWER and not isinstance(known, (tuple, list)):
        return ast.Constant(known)  # type: ignore[arg-type]  # a literal's value
    return said


def _in_words(
    answer: ast.expr, function: Function, call: ast.Call, known: Known
) -> ast.expr | None:
    """Give an answer in the words of the call; None if it speaks of something else."""
    if finds_the_loop(answer):
        return answer
    names: dict[str, ast.expr] = dict(paired(function, call, False))
    for name, value in known.items():
        if not isinstance(value, (tuple, Keys)):  # a default
            names.setdefault(name, ast.Constant(value))  # type: ignore[arg-type]  # a literal
    for node in ast.walk(answer):
        if not isinstance(node, _PLAIN):
            return None
        if isinstance(node, ast.Name) and node.id not in names:
            return None
    return said_as(answer, names)


def _name(item: tuple[str, object]) -> str:
    return item[0]
