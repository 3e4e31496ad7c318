"""Which keys a dictionary has at most, where each of them is written down.

`make(**options)` leaves all parameters at their defaults that are no key of `options`:
a display, the `**kwargs` of a call that names them, what `update` and `d["a"] = ...` add.
Whoever hands a dictionary on may have any key put into it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from asyncfix.conditions import (
    NO_ANSWER,
    Function,
    Keys,
    Known,
    defaults,
    literal,
    paired,
)
from asyncfix.held import GETS, VALUE, question
from asyncfix.nodes import descend
from asyncfix.reach import Place, Reach
from asyncfix.says import COMPREHENSIONS
from asyncfix.tree import Tree, dotted, text_of, walk_function
from asyncfix.value import FUNCTION

_READ = ("copy", "get", "items", "keys", "pop", "values")
_MOST_NAMES = 8
_AGAIN = (ast.For, ast.AsyncFor, ast.While, ast.comprehension, *COMPREHENSIONS)

Functions = Callable[[Place], "tuple[Tree, Function] | None"]


class Here(NamedTuple):
    """Where a dictionary is asked about."""

    place: Place
    tree: Tree
    function: Function
    known: Known
    call: ast.Call | None
    """The call that it is handed to."""


class KeySets:
    """Answers about dictionaries. `functions` reads a function."""

    def __init__(self, reach: Reach, functions: Functions) -> None:
        self.reach = reach
        self.functions = functions

    def handed(
        self, here: Here, target: Place, read: tuple[Tree, Function], bound: bool
    ) -> dict[str, object]:
        """Give what is known of parameters by the keys of what is handed over.

        `read` is the called function at `target`, `bound` tells that its first
        parameter is the object. A parameter that is no key of `**options` is left at
        its default, and what is got from `**options` by another key is none.
        """
        tree, called = read
        call = here.call
        assert call is not None
        spreads = tree.once(("spread", called), partial(spread, called))
        asked = tree.once(("got by keys", called), partial(_got, called))
        stars = [each.value for each in call.keywords if each.arg is None]
        if not spreads and not stars and not asked:
            return {}
        pairs = paired(called, call, bound)
        found: dict[str, object] = {}
        for name, value in pairs:
            keys = self.of(here, value) if name in spreads else None
            if keys is not None:
                found[name] = keys
        more = _all(self.of(here, each) for each in stars)
        if more is None or any(isinstance(each, ast.Starred) for each in call.args):
            return found
        if stars:
            given = {name for name, _ in pairs} | more
            found.update(
                (name, value)
                for name, value in defaults(called).items()
                if name not in given and value is not NO_ANSWER
            )
        kwarg = called.args.kwarg
        if kwarg and (asked or kwarg.arg in spreads):
            named = {each.arg for each in call.keywords if each.arg} | more
            plain = {each.arg for each in (*called.args.args, *called.args.kwonlyargs)}
            keys = Keys(named - plain)
            if kwarg.arg in spreads:
                found[kwarg.arg] = keys
            if asked:
                there = Here(target, tree, called, {kwarg.arg: keys}, None)
                every = self.of(there, ast.Name(kwarg.arg, ast.Load()))
                found.update(_missing(asked, every))
        return found

    def of(
        self, here: Here, node: ast.expr, names: tuple[str, ...] = ()
    ) -> Keys | None:
        """Give the keys of a dictionary, None where it may have others.

        `names` are those that are looked into at present: they add nothing new.
        """
        if isinstance(node, ast.Dict):
            return _all(
                (
                    self.of(here, value, names) if key is None else _word(key)
                    for key, value in zip(node.keys, node.values, strict=True)
                )
            )
        if isinstance(node, ast.DictComp):
            of = _gone_through(node)
            return None if of is None else self.of(here, of, names)
        if isinstance(node, ast.Name):
            if node.id in names:
                return Keys()
            if len(names) == _MOST_NAMES:
                return None
            return self._of_name(here, node.id, (*names, node.id))
        return self._of_call(node, here) if isinstance(node, ast.Call) else None

    def _of_call(self, node: ast.Call, here: Here) -> Keys | None:
        """Give the keys of what the one `return` of a function of the project gives."""
        name = dotted(node.func)
        value = self.reach.values.of(*here.place, name) if name else None
        if value is None or value.kind != FUNCTION:
            return None
        place = value.path, value.scope
        scope = self.reach.project.files[place[0]].scopes[place[1]]
        if scope.is_async or scope.yields or scope.decorators:
            return None
        read = self.functions(place)
        if read is None:
            return None
        returns = [
            each for each in walk_function(read[1]) if isinstance(each, ast.Return)
        ]
        if len(returns) != 1 or not isinstance(returns[0].value, ast.Dict):
            return None
        return self.of(Here(place, *read, {}, None), returns[0].value)

    def _of_name(self, here: Here, name: str, names: tuple[str, ...]) -> Keys | None:
        found: list[Keys | None] = []
        args = here.function.args
        every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg)
        if any(each and each.arg == name for each in (*every, args.kwarg)):
            given = here.known.get(name)
            found.append(given if isinstance(given, Keys) else None)
        elif not any(
            isinstance(each, ast.Name) and each.id == name and _is_set(each)
            for each in walk_function(here.function)
        ):
            return None  # it is somebody else's
        here.tree.lead_to(here.function.lineno)
        for node in descend(here.function):
            if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
                return None
            if isinstance(node, ast.Name) and node.id == name:
                found += self._added(here, node, names)
            if None in found:
                return None
        return _all(iter(found))

    def _added(
        self, here: Here, node: ast.Name, names: tuple[str, ...]
    ) -> Iterator[Keys | None]:
        """Give what a use of a name may add to the dictionary."""
        above = here.tree.parent(node)
        if isinstance(node.ctx, ast.Store):
            whole = isinstance(above, (ast.Assign, ast.AnnAssign))
            value = getattr(above, "value", None) if whole else None
            yield None if value is None else self.of(here, value, names)
        elif isinstance(above, ast.Attribute):
            yield from self._by_method(here, above, names)
        elif isinstance(above, ast.Subscript) and above.value is node:
            if isinstance(above.ctx, ast.Store):
                yield _word(above.slice)
        elif isinstance(above, ast.Call):
            into, _, method = (dotted(above.func) or "").rpartition(".")
            if into in names and method == "update":
                return  # it is read
            if above is not here.call or _is_again(here.tree, above):
                yield None
        elif isinstance(above, ast.keyword):
            call = here.tree.parent(above)
            if above.arg and (call is not here.call or _is_again(here.tree, call)):
                yield None
        elif not isinstance(above, (ast.Compare, ast.Dict, ast.Return)):
            yield None

    def _by_method(
        self, here: Here, method: ast.Attribute, names: tuple[str, ...]
    ) -> Iterator[Keys | None]:
        call = here.tree.parent(method)
        if not isinstance(call, ast.Call) or call.func is not method:
            yield None
        elif method.attr == "update":
            for each in call.args:
                yield self.of(here, each, names)
            yield from (
                Keys((each.arg,)) if each.arg else self.of(here, each.value, names)
                for each in call.keywords
            )
        elif method.attr == "setdefault":
            yield _word(call.args[0]) if call.args else None
        elif method.attr not in _READ:
            yield None


def spread(function: Function) -> frozenset[str]:
    """Give the names of dictionaries that a function hands on by their keys."""
    found: set[str] = set()
    for node in descend(function):
        value: ast.AST | None = None
        if isinstance(node, ast.keyword) and node.arg is None:
            value = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "items":
                value = node.func.value
            elif node.func.attr == "update" and node.args:
                value = node.args[0]
        if isinstance(value, ast.Name):
            found.add(value.id)
    return frozenset(found)


def _got(function: Function) -> tuple[tuple[str, ast.expr], ...]:
    """Give the keys that `**options` of a function is asked for, with the questions."""
    kwarg = function.args.kwarg
    if kwarg is None:
        return ()
    found: list[tuple[str, ast.expr]] = []
    for node in descend(function):
        key: ast.expr | None = None
        if isinstance(node, ast.Call):
            method = node.func
            if isinstance(method, ast.Attribute) and method.attr in GETS:
                of = isinstance(method.value, ast.Name) and method.value.id == kwarg.arg
                if of and 0 < len(node.args) < 3 and not node.keywords:
                    key = node.args[0]
        elif isinstance(node, ast.Compare) and dotted(node.comparators[0]) == kwarg.arg:
            if isinstance(node.ops[0], (ast.In, ast.NotIn)) and len(node.ops) == 1:
                key = node.left
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            assert isinstance(node, ast.expr)
            found.append((key.value, node))
    return tuple(found)


def _missing(
    asked: tuple[tuple[str, ast.expr], ...], keys: Keys | None
) -> Iterator[tuple[str, object]]:
    """Give what is got by keys that are not there; see `held`."""
    for key, node in asked:
        if keys is None or key in keys:
            continue
        if not isinstance(node, ast.Call):
            name, positive = question(node)
            yield name, not positive
        elif len(node.args) == 2:
            value = literal(node.args[1], {})
            if value is not NO_ANSWER and not isinstance(value, list):
                yield VALUE + text_of(node), value
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            yield VALUE + text_of(node), None


def _gone_through(node: ast.DictComp) -> ast.expr | None:
    """Give the dictionary of which `{k: ... for k, v in d.items()}` has keys."""
    loop = node.generators[0]
    items, target = loop.iter, loop.target
    if len(node.generators) > 1 or not isinstance(target, ast.Tuple):
        return None
    if not isinstance(items, ast.Call) or not isinstance(items.func, ast.Attribute):
        return None
    first = dotted(target.elts[0])
    same = first is not None and dotted(node.key) == first
    return items.func.value if same and items.func.attr == "items" else None


def _is_set(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _is_again(tree: Tree, call: ast.AST) -> bool:
    """Tell what may have been done before, with the same dictionary."""
    return any(isinstance(above, _AGAIN) for above, _ in tree.ancestors(call))


def _word(node: ast.expr) -> Keys | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return Keys((node.value,))
    return None


def _all(every: Iterator[Keys | None]) -> Keys | None:
    found: set[str] = set()
    for each in every:
        if each is None:
            return None
        found |= each
    return Keys(found)
