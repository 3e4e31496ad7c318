"""Classes of the project: their bases, their members, what is set on `self`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.value import CLASS, FUNCTION, OBJECT, OUTSIDE, SUPER, Value

if TYPE_CHECKING:
    from asyncfix.values import Values

# A class with more above it is not known.
_DEEPEST = 40
# Bases that add nothing that could block or hide a member.
_HARMLESS = frozenset(
    (
        "builtins.object",
        "abc.ABC",
        "typing.Generic",
        "typing.Protocol",
        "typing_extensions.Protocol",
        "enum.Enum",
        "builtins.Exception",
    )
)


class Classes:
    """The classes of a project; asks `Values` for all that stands in them."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._depth = 0

    def line(self, path: str, scope: int) -> tuple[Value | None, ...]:
        """Give a project class and its bases as Python looks members up in them.

        None stands for a base that is not known.
        """
        memo = self.values.project.files[path].memo
        key = "line", scope
        if key not in memo:
            if self._depth > _DEEPEST:
                return (None,)
            memo[key] = (None,)  # a class that is its own base
            self._depth += 1
            found = tuple(self._line(path, scope))
            self._depth -= 1
            memo = self.values.project.files[path].memo
            memo[key] = found
        return memo[key]  # type: ignore[no-any-return]  # as it was put there

    def _line(self, path: str, scope: int) -> Iterable[Value | None]:
        yield Value(CLASS, path=path, scope=scope)
        klass = self.values.project.files[path].scopes[scope]
        bases: list[Value | None] = []
        for base in klass.bases:
            value = self._base(path, klass.parent, base)
            if value is None or value.kind == CLASS or value.name not in _HARMLESS:
                bases.append(value)
        lines = [
            (
                list(self.line(each.path, each.scope))
                if each is not None and each.kind == CLASS
                else [each]
            )
            for each in bases
        ]
        yield from _merged([*lines, bases])

    def above(self, path: str, scope: int) -> Value | None:
        """Give what `super()` is in a scope: its class without its own members."""
        project = self.values.project
        function = project.enclosing(path, scope, (f.FUNCTION,))
        if function < 0:
            return None
        here = project.files[path].scopes[function]
        for binding in project.names(path, function).get(here.first):
            if binding.kind == f.PARAMETER:
                value = self.values.bindings.receiver(path, binding)
                return value and value._replace(name=SUPER)
        return None

    def _base(self, path: str, scope: int, said: str) -> Value | None:
        value = self.values.of(path, scope, said)
        return value if value and value.kind in (CLASS, OUTSIDE) else None

    def member(self, value: Value, name: str) -> Value | None:
        """Give the value of a member of an object or class of the project."""
        memo = self.values.project.files[value.path].memo
        key = "any member", value.scope, value.kind, value.name, name
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]  # as it was put there
        circles = self.values.circles
        found = self._member(value, name)
        if circles == self.values.circles:
            self.values.project.files[value.path].memo[key] = found
        return found

    def _member(self, value: Value, name: str) -> Value | None:
        line = self.line(value.path, value.scope)
        for each in line[1:] if value.name == SUPER else line:
            if each is None:
                return None
            if each.kind == OUTSIDE:
                known = self._outside_member(each.name, name, value)
                if known is not None:
                    return known
                if not self.values.backend.is_class(each.name):
                    return None  # an unknown base may have it
                continue
            found = self._own_member(each, name, value.kind == OBJECT)
            if found is not None:
                return found[0]
        return None

    def _outside_member(self, cls: str, name: str, value: Value) -> Value | None:
        """Give what a library's base class says of a member, if it does."""
        full = f"{cls}.{name}"
        said = self.values.backend.attribute(full)
        if said:
            return value if said == "Self" else self.values.typed(said, cls)
        backend = self.values.backend
        if (
            backend.returns(full)
            or backend.method(cls, name)
            or backend.asynchronous(full)
        ):
            return Value(OUTSIDE, full)
        return None

    def _own_member(
        self, klass: Value, name: str, of_object: bool
    ) -> tuple[Value | None] | None:
        """Give the value of a class's own member in a tuple; None if it has none."""
        path, scope = klass.path, klass.scope
        found = list(self.values.project.names(path, scope).get(name))
        found += [
            each
            for each in self.set_on_self(path, scope).get(name, ())
            if of_object or self._is_of_class(path, each)
        ]
        return (self._member_value(path, found),) if found else None

    def _member_value(self, path: str, found: list[f.Binding]) -> Value | None:
        value = self.values.bindings.bound(path, found)
        if value is None or value.kind != FUNCTION:
            return value
        kind = self.values.functions.made_by_decorators(value)
        if kind == "property":
            return self.values.result(value)
        return value

    def sets(self, klass: Value, name: str) -> bool:
        """Tell whether a class itself has a member, or sets it on `self`."""
        path, scope = klass.path, klass.scope
        if name in self.values.project.names(path, scope):
            return True
        return name in self.set_on_self(path, scope)

    def set_on_self(self, path: str, scope: int) -> dict[str, list[f.Binding]]:
        """Give what the methods of a class assign to `self.x`, by x."""
        memo = self.values.project.files[path].memo
        known: dict[int, dict[str, list[f.Binding]]] | None = memo.get("self")
        if known is None:
            known = memo["self"] = {}
            facts = self.values.project.files[path]
            for binding in facts.attributes:
                first, _, name = binding.name.partition(".")
                owner = self._class_of(path, binding.scope, first)
                if owner >= 0 and "." not in name:
                    known.setdefault(owner, {}).setdefault(name, []).append(binding)
        return known.get(scope, {})

    def _is_of_class(self, path: str, binding: f.Binding) -> bool:
        """Tell whether `cls.x = ...` sets a member of the class itself."""
        first = binding.name.partition(".")[0]
        value = self.values.of(path, binding.scope, first)
        return value is None or value.kind == CLASS

    def _class_of(self, path: str, scope: int, first: str) -> int:
        """Give the class whose method a scope stands in, if `first` is its self."""
        scopes = self.values.project.files[path].scopes
        while scope > 0:
            here = scopes[scope]
            if here.kind == f.FUNCTION and here.first == first:
                parent = here.parent
                if scopes[parent].kind == f.TYPE:
                    parent = scopes[parent].parent
                return parent if scopes[parent].kind == f.CLASS else -1
            scope = here.parent
        return -1


def _merged(lines: list[list[Value | None]]) -> Iterator[Value | None]:
    """Merge the lines of bases: first come first, but no base before its own class.

    See https://docs.python.org/3/howto/mro.html; what that has no answer for
    is not known.
    """
    while lines := [line for line in lines if line]:
        for line in lines:
            first = line[0]
            if first is None or not any(first in other[1:] for other in lines):
                break
        else:
            yield None
            return
        yield first
        if first is None:
            line.pop(0)
            continue
        for line in lines:
            if line[0] == first:
                line.pop(0)
