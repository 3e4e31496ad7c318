"""Does a class of the project give a new object at each call, or one that others have?

Three ways are known to give what was made before: `__new__`, `__call__` of a
metaclass, and a decorator that puts something else in the place of the class.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from asyncfix import facts as f
from asyncfix.conditions import Function
from asyncfix.link import Project
from asyncfix.reader import Reader
from asyncfix.source import Lines
from asyncfix.tree import walk_function
from asyncfix.value import CLASS, FUNCTION, OBJECT, Value
from asyncfix.values import Values

_METACLASS = re.compile(
    rb"class\s+[^\s\[(:]+\s*(?:\[[^\]]*\])?\s*\(.*?\bmetaclass\s*=\s*([\w.]+)"
)
_CACHES = frozenset(("functools.lru_cache", "functools.cache"))


class Singles:
    """Answers for classes, each worked out once."""

    def __init__(
        self,
        project: Project,
        values: Values,
        reader: Reader,
        function: Callable[[tuple[str, int]], Function | None],
    ) -> None:
        self.project = project
        self.values = values
        self.reader = reader
        self.function = function
        self._known: dict[Value, bool] = {}

    def may_give_another(self, klass: Value) -> bool:
        """Tell whether a call of a class may give an object that was there before."""
        if klass not in self._known:
            self._known[klass] = (
                self._is_wrapped(klass)
                or self._keeps(self._method(klass, "__new__"))
                or any(map(self._is_of_such_a_kind, self._line(klass)))
            )
        return self._known[klass]

    def _line(self, klass: Value) -> list[Value]:
        line = self.values.classes.line(klass.path, klass.scope)
        return [each for each in line if each is not None and each.kind == CLASS]

    def _method(self, klass: Value, name: str) -> Function | None:
        found = self.values.attribute(klass._replace(kind=OBJECT), name)
        if found is None or found.kind != FUNCTION:
            return None
        return self.function((found.path, found.scope))

    def _keeps(self, maker: Function | None) -> bool:
        """Tell whether a `__new__` or `__call__` gives anything but what it just made."""
        if maker is None:
            return False
        made: dict[str, bool] = {}
        for node in walk_function(maker):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        made[target.id] = made.get(target.id, True) and _makes(
                            node.value
                        )
        return any(
            isinstance(node, ast.Return)
            and node.value is not None
            and not _makes(node.value)
            and not (isinstance(node.value, ast.Name) and made.get(node.value.id))
            for node in walk_function(maker)
        )

    def _is_wrapped(self, klass: Value) -> bool:
        """Tell whether a decorator may put something else in the place of the class."""
        scope = self.project.files[klass.path].scopes[klass.scope]
        for each in scope.decorators:
            value = self.values.of(klass.path, scope.parent, each)
            if value is None:
                continue
            if value.kind == CLASS or value.name in _CACHES:
                return True
            if value.kind == FUNCTION:
                wrapper = self.function((value.path, value.scope))
                if wrapper is not None and not _gives_it_back(wrapper):
                    return True
        return False

    def _is_of_such_a_kind(self, klass: Value) -> bool:
        """Tell whether the metaclass of a class has a `__call__` that keeps objects."""
        kind = self.metaclass(klass)
        return kind is not None and self._keeps(self._method(kind, "__call__"))

    def kinds(self, klass: Value) -> tuple[tuple[str, int], ...]:
        """Give what the metaclasses of a class run where an object is made."""
        found = []
        for each in self._line(klass):
            kind = self.metaclass(each)
            if kind is not None:
                run = self.values.attribute(kind._replace(kind=OBJECT), "__call__")
                if run is not None and run.kind == FUNCTION:
                    found.append((run.path, run.scope))
        return tuple(found)

    def metaclass(self, klass: Value) -> Value | None:
        """Give the metaclass that a class of the project names, if it is one, too."""
        lines = self.reader.lines(klass.path)
        scope = self.project.files[klass.path].scopes[klass.scope]
        name = _metaclass(lines, scope.line)
        kind = self.values.of(klass.path, scope.parent, name) if name else None
        return kind if kind is not None and kind.kind == CLASS else None

    def wrappers(self, function: Value) -> tuple[tuple[str, int], ...]:
        """Give the functions that decorators of the project put round a function.

        Those whose variables are the same for all calls of it.
        """
        scope = self.project.files[function.path].scopes[function.scope]
        found: list[tuple[str, int]] = []
        for each in scope.decorators:
            made = self.values.of(function.path, scope.parent, each.partition("()")[0])
            if made is not None and made.kind == FUNCTION and made.scope >= 0:
                found += [(made.path, index) for index in self._inner(made)]
        return tuple(found)

    def _inner(self, decorator: Value) -> list[int]:
        """Give the functions inside a decorator that it gives, or that what it gives does."""
        facts = self.project.files[decorator.path]
        givers, found = {decorator.scope}, []
        for index in range(decorator.scope + 1, len(facts.scopes)):
            scope = facts.scopes[index]
            if scope.parent not in givers or scope.kind != f.FUNCTION:
                continue
            inside = {each.name for each in facts.scopes if each.parent == index}
            bound = facts.bindings_in([index])
            if inside & {each.target for each in bound if each.kind == f.RETURNED}:
                givers.add(index)
            elif not scope.is_async:
                found.append(index)
        return found


def _metaclass(lines: Lines, number: int) -> str:
    """Give what a class that begins on a line is given as its metaclass, as it is said."""
    if b"metaclass" not in lines.text:
        return ""
    header = []
    while number <= len(lines.starts):
        said = lines.line(number).partition(b"#")[0].strip()
        header.append(said)
        if said.endswith(b":"):
            break
        number += 1
    found = _METACLASS.match(b" ".join(header).partition(b"):")[0])
    return found[1].decode("utf-8", "replace") if found else ""


def _makes(node: ast.expr) -> bool:
    """Tell `super().__new__(cls)`, `object.__new__(cls)`, `super().__call__(...)`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("__new__", "__call__")
    )


def _gives_it_back(decorator: Function) -> bool:
    """Tell whether a decorator gives the class that it is given, or another class.

    One that takes arguments gives a function that does.
    """
    inner = {
        node.name: node
        for node in walk_function(decorator)
        if isinstance(node, ast.FunctionDef)
    }
    first = [each.arg for each in (*decorator.args.posonlyargs, *decorator.args.args)]
    for node in walk_function(decorator):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Name):
            given = node.value.id
            if given in inner and given not in first[:1]:
                if not _gives_its_first(inner[given]):
                    return False
    return True


def _gives_its_first(function: ast.FunctionDef) -> bool:
    first = [*function.args.posonlyargs, *function.args.args][:1]
    return any(
        isinstance(node, ast.Return)
        and isinstance(node.value, ast.Name)
        and node.value.id in {each.arg for each in first}
        for node in walk_function(function)
    )
