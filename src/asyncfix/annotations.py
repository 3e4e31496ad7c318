"""What an annotation says of an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.steps import Type, parse_annotation
from asyncfix.value import (
    CLASS,
    NONE,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
    TYPE,
    Value,
    generic,
    same,
)

if TYPE_CHECKING:
    from asyncfix.values import Values

_WRAPPERS = {
    "typing.Optional": 0,
    "typing.Annotated": 0,
    "typing.Final": 0,
    "typing.ClassVar": 0,
    "typing.Required": 0,
    "typing.NotRequired": 0,
    "typing.ReadOnly": 0,
    "dataclasses.InitVar": 0,
}
# Where the types come from whose parameters say something.
_OF_GENERICS = frozenset(
    ("typing", "typing_extensions", "builtins", "collections", "asyncio", "contextlib")
)
# What these say is what an object can do, not which class does it.
_ABSTRACT = ("typing.", "typing_extensions.", "collections.abc.", "contextlib.Abstract")


class Annotations:
    """The annotations of a project; asks `Values` what their names mean."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def object_of(self, path: str, scope: int, said: Type) -> Value | None:
        """Give an object of the type that an annotation names."""
        name, parts = said
        inner: list[Type] = list(parts)  # type: ignore[arg-type]  # a Type holds Types, which its own type cannot say
        if name == "|":
            return same(self.object_of(path, scope, each) for each in inner)
        if name == "None":
            return NONE
        if name in ("?", ""):
            return None
        value = self.values.of(path, scope, name)
        if value is None:
            return None
        if value.kind == CLASS:
            return Value(OBJECT, path=value.path, scope=value.scope)
        if value.kind == TYPE:
            # Asked for by its text, so that an alias of itself is seen.
            return self.values.of(value.path, value.scope, ":" + value.name)
        if value.kind in (OBJECT, OUTSIDE_OBJECT):
            return None
        if value.kind != OUTSIDE:
            return None
        full, last = value.name, value.name.rpartition(".")[2]
        if full in _WRAPPERS or full == "typing_extensions." + last:
            if last == "Self":
                return self._self(path, scope)
            return self.object_of(path, scope, inner[0]) if inner else None
        if full == "typing.Self":
            return self._self(path, scope)
        if full == "typing.Union":
            return same(self.object_of(path, scope, each) for each in inner)
        if full == "typing.Type" or full == "builtins.type":
            return self.values.of(path, scope, inner[0][0]) if inner else None
        if full.partition(".")[0] in _OF_GENERICS:
            made = [self.object_of(path, scope, each) for each in inner]
            container = generic(last, made)
            if container is not None:
                return container
            if full.startswith(_ABSTRACT):
                return None  # Any, Protocol, Callable, Mapping: anybody's class
        return Value(OUTSIDE_OBJECT, self.values.backend.canonical(full))

    def alias(self, path: str, scope: int, said: str) -> Value | None:
        """Give what a name for a type stands for: a class, or a type to look into."""
        name = parse_annotation(said)[0]
        if name == "|":
            return Value(TYPE, said, path, scope)
        value = self.values.of(path, scope, name)
        if value is not None and value.kind == OUTSIDE and said != name:
            if value.name.partition(".")[0] in _OF_GENERICS:
                return Value(TYPE, said, path, scope)
        return value

    def _self(self, path: str, scope: int) -> Value | None:
        owner = self.values.project.enclosing(path, scope, (f.CLASS,))
        return Value(OBJECT, path=path, scope=owner) if owner >= 0 else None
