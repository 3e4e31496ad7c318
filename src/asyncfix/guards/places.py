"""Shared places: what a coroutine reads and writes outside its own locals.

A place is written `self.n`, `CACHE[*]`, `row['id']`: a chain from a name that
other tasks can reach. Objects that the function makes itself are not shared.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from asyncfix.tree import dotted, walk_function

MUTATORS = frozenset(
    ("append", "appendleft", "extend", "extendleft", "insert", "remove", "pop",
     "popleft", "popitem", "clear", "update", "setdefault", "add", "discard")
)  # fmt: skip
_FRESH = (
    ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp, ast.Constant, ast.JoinedStr,
)  # fmt: skip
_MAKERS = frozenset(
    ("dict", "list", "set", "bytearray", "defaultdict", "deque", "sorted", "tuple")
)


# Calls that read, and that set, the attribute of their first argument that they name.
_ASKING = frozenset(("getattr", "hasattr"))
_SETTING = frozenset(("delattr", "setattr"))
_BY_NAME = _ASKING | _SETTING
# What asks whether a future is done, and what may only be called while it is not:
# https://docs.python.org/3/library/asyncio-future.html#asyncio.Future.set_result
_DONE = frozenset(("cancelled", "done"))
_SETS = frozenset(("set_exception", "set_result"))
_LOGS = frozenset(
    ("critical", "debug", "error", "exception", "info", "log", "print", "warning")
)


_Asides = tuple[frozenset[tuple[str, int]], tuple[tuple[str, int], ...]]


class Said(NamedTuple):
    """What one statement or expression reads, writes, names and assigns."""

    reads: tuple[tuple[str, int], ...]
    writes: tuple[tuple[str, int], ...]
    names: tuple[str, ...]
    walruses: tuple[ast.NamedExpr, ...]
    leaving: tuple[ast.AST, ...]
    """The tests, and the tried blocks, under which something leaves for good."""


class Places:
    """The shared places of one function; what a node says is worked out once."""

    def __init__(self, function: ast.AsyncFunctionDef | ast.FunctionDef) -> None:
        self._said: dict[ast.AST, Said] = {}
        self._asides: dict[ast.AST, _Asides] = {}
        self.declared: set[str] = set()
        stores: Counter[str] = Counter()
        given: dict[str, list[ast.expr]] = defaultdict(list)
        bound: set[str] = set()
        for node in walk_function(function):
            targets: list[ast.expr] = []
            if isinstance(node, (ast.Global, ast.Nonlocal)):
                self.declared.update(node.names)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                stores[node.id] += 1
            elif name := _bound_otherwise(node):
                bound.add(name)
            elif isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
                targets = [node.target]
            value = getattr(node, "value", None)
            for target in targets:
                if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                    given[target.id].append(value)
        parameters = {
            each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)
        }
        self.locals = (set(stores) | parameters | bound) - self.declared
        self.made: set[str] = set()
        kept = function.args.kwarg
        if kept is not None and not stores[kept.arg]:
            self.made.add(kept.arg)  # a dictionary of this call's own
        self.aliases: dict[str, ast.expr] = {}
        for name, values in given.items():
            if (
                name not in self.locals - parameters - bound
                or len(values) != stores[name]
            ):
                continue
            if all(_is_fresh(value) for value in values):
                self.made.add(name)
            elif len(values) == 1 and isinstance(values[0], (ast.Attribute, ast.Name)):
                self.aliases[name] = values[0]

        self.has_writes = any(
            True for node in walk_function(function) for _ in self.writes(node)
        )

    def said(self, node: ast.AST) -> Said:
        """Give what a node says, without the functions nested in it."""
        found = self._said.get(node)
        if found is None:
            inside = list(walk_function(node, own=False))
            found = self._said[node] = Said(
                tuple(self.reads(node)),
                tuple(self.writes(node)),
                tuple({each.id for each in inside if isinstance(each, ast.Name)}),
                tuple(each for each in inside if isinstance(each, ast.NamedExpr)),
                tuple(_leaving(inside)),
            )
        return found

    def asides(self, statement: ast.AST) -> _Asides:
        """Give the reads that only go into a log, and the places that are made empty."""
        found = self._asides.get(statement)
        if found is None:
            told = frozenset(self.told(statement))
            found = self._asides[statement] = told, tuple(self.empties(statement))
        return found

    def empties(self, statement: ast.AST) -> Iterator[tuple[str, int]]:
        """Give the places that a statement makes empty, with their lines."""
        if isinstance(statement, ast.Assign) and _is_empty(statement.value):
            for target in statement.targets:
                if isinstance(getattr(target, "slice", None), ast.Slice):
                    continue
                if place := self.place(target):
                    yield place, target.lineno
        elif isinstance(statement, ast.Delete):
            for target in statement.targets:
                if isinstance(target, ast.Subscript) and isinstance(
                    target.slice, ast.Slice
                ):
                    if place := self.place(target.value):
                        yield place, target.lineno
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            function = statement.value.func
            if isinstance(function, ast.Attribute) and function.attr == "clear":
                owner = function.value
                if place := self.place(owner) or self._container(owner):
                    yield place, owner.lineno

    def told(self, statement: ast.AST) -> Iterator[tuple[str, int]]:
        """Give the reads of a statement that only go into a log, or set an event."""
        for node in walk_function(statement, own=False):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in _LOGS or (name == "set" and not node.args):
                    yield from self.reads(node)

    def place(self, node: ast.AST, depth: int = 0) -> str | None:
        """Give the shared place an expression stands for, or None."""
        if isinstance(node, ast.Attribute):
            base = self._root(node.value, depth)
            return f"{base}.{node.attr}" if base else None
        if isinstance(node, ast.Subscript):
            base = self._root(node.value, depth)
            return f"{base}[{_key(node.slice)}]" if base else None
        if isinstance(node, ast.Call) and dotted(node.func) in _BY_NAME:
            named = node.args[1] if len(node.args) > 1 else None
            if isinstance(named, ast.Constant) and isinstance(named.value, str):
                base = self._root(node.args[0], depth)
                return f"{base}.{named.value}" if base else None
            return None
        if isinstance(node, ast.Name) and node.id in self.declared:
            return node.id
        if isinstance(node, ast.Name) and node.id in self.aliases and depth < 8:
            return self.place(self.aliases[node.id], depth + 1)
        return None

    def _root(self, node: ast.AST, depth: int) -> str | None:
        if isinstance(node, ast.Name):
            if node.id in self.made:
                return None
            if node.id in self.aliases and depth < 8:
                return self._root(self.aliases[node.id], depth + 1)
            return node.id
        if isinstance(node, ast.Call) and dotted(node.func) == "type":
            base = self._root(node.args[0], depth) if len(node.args) == 1 else None
            return f"{base}.__class__" if base else None
        return self.place(node, depth)

    def reads(self, expression: ast.AST) -> Iterator[tuple[str, int]]:
        """Give the places an expression reads, with their lines."""
        callees = set()
        for node in walk_function(expression, own=False):
            if isinstance(node, ast.Call):
                callees.add(node.func)
                if dotted(node.func) in _ASKING and (place := self.place(node)):
                    yield place, node.lineno
                elif future := self._future(node, _DONE):
                    yield future, node.lineno
            context = getattr(node, "ctx", None)
            if not isinstance(context, ast.Load):
                continue
            if node in callees:
                # `self.cache.get(k)` reads the cache; the method is no value.
                node = node.value if isinstance(node, ast.Attribute) else node
                if not isinstance(node, (ast.Attribute, ast.Subscript)) and not (
                    self._is_container(node)
                ):
                    continue
            if isinstance(node, (ast.Attribute, ast.Subscript, ast.Name)):
                place = self.place(node) or self._container(node)
                if place:
                    yield place, node.lineno

    def _future(self, node: ast.Call, methods: Collection[str]) -> str | None:
        """Give whether a future is done, where a method of these names is called."""
        function = node.func
        if not isinstance(function, ast.Attribute) or function.attr not in methods:
            return None
        base = self._root(function.value, 0)
        return f"{base}.done()" if base else None

    def _is_container(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id not in self.made

    def _container(self, node: ast.AST) -> str | None:
        """Give a name that is read whole, as in `k in cache`, if it is shared."""
        if isinstance(node, ast.Name) and self._is_container(node):
            return node.id
        return None

    def writes(self, statement: ast.AST) -> Iterator[tuple[str, int]]:
        """Give the places one statement writes by itself, with their lines."""
        targets: list[ast.expr] = []
        if isinstance(statement, (ast.Assign, ast.Delete)):
            targets = list(statement.targets)
        elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
            targets = [statement.target]
        while targets:
            target = targets.pop()
            if isinstance(target, (ast.Tuple, ast.List)):
                targets.extend(target.elts)
            elif isinstance(target, ast.Starred):
                targets.append(target.value)
            elif place := self.place(target):
                if not isinstance(target, ast.Name) or target.id in self.declared:
                    yield place, target.lineno
        waited_for: set[ast.AST] = set()
        for node in walk_function(statement, own=False):
            if node.__class__ is ast.Await:  # asked of every node: no call
                waited_for.update(_chain(node.value))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in _SETTING and (place := self.place(node)):
                    yield place, node.lineno
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if future := self._future(node, _SETS):
                    yield future, node.lineno
                if node.func.attr in MUTATORS and node not in waited_for:
                    owner = node.func.value
                    place = self.place(owner) or self._container(owner)
                    if place is None and isinstance(owner, ast.Name):
                        place = self._root(owner, 0)
                    if place:
                        yield place, node.lineno


def _chain(node: ast.AST) -> Iterator[ast.AST]:
    """Give the calls that lead to what is awaited: `await Band.update(...).run()`.

    No container has such a method, and others may run before it does anything.
    """
    while isinstance(node, (ast.Call, ast.Attribute)):
        yield node
        node = node.func if isinstance(node, ast.Call) else node.value


def conflict(read: str, written: str) -> bool:
    """Tell whether writing one place can change what was read from another."""
    read_base, read_key = _split(read)
    written_base, written_key = _split(written)
    if read_base == written_base:
        return "*" in (read_key, written_key) or read_key == written_key
    if read_base == written:
        return True
    return read_base.startswith((written + ".", written + "["))


def _split(place: str) -> tuple[str, str]:
    if place.endswith("]"):
        base, _, key = place.rpartition("[")
        return base, key[:-1]
    return place, "*"


def _key(node: ast.expr) -> str:
    """Give a key as the code writes it, if it is always the same."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"-{_key(node.operand)}".replace("-*", "*")
    return repr(node.value) if isinstance(node, ast.Constant) else "*"


def _leaving(nodes: list[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        if isinstance(node, ast.Assert) or (
            isinstance(node, (ast.If, ast.While)) and _has_exit(node)
        ):
            yield node.test
        elif isinstance(node, ast.Match) and _has_exit(node):
            yield node.subject
        elif type(node).__name__ in ("Try", "TryStar"):
            yield from (each for each in getattr(node, "body", ()) if _has_exit(each))


def _has_exit(node: ast.AST) -> bool:
    return any(
        isinstance(each, (ast.Return, ast.Raise, ast.Break, ast.Continue))
        or (
            isinstance(each, ast.Call)
            and dotted(each.func) in ("sys.exit", "exit", "os._exit")
        )
        for each in walk_function(node, own=False)
    )


def _bound_otherwise(node: ast.AST) -> str | None:
    """Give the local name that a definition, import, handler or pattern binds."""
    if isinstance(node, ast.alias):
        return node.asname or node.name.partition(".")[0]
    kinds = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.ExceptHandler,
        ast.MatchAs,
        ast.MatchStar,
    )
    if isinstance(node, kinds):
        return node.name
    return node.rest if isinstance(node, ast.MatchMapping) else None


def _is_empty(value: ast.expr) -> bool:
    """Tell `[]`, `{}`, `""`, `0`, `set()`: nothing of what was there is kept."""
    if isinstance(value, ast.Constant):
        return not isinstance(value.value, bool) and value.value in ("", b"", 0)
    if isinstance(value, (ast.List, ast.Tuple)):
        return not value.elts
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.Call) and not value.args and not value.keywords:
        return (dotted(value.func) or "").rpartition(".")[2] in _MAKERS
    return False


def _is_fresh(value: ast.expr) -> bool:
    if isinstance(value, _FRESH):
        return True
    if isinstance(value, ast.Call):
        name = (dotted(value.func) or "").rpartition(".")[2]
        return name in _MAKERS or name[:1].isupper()
    return False
