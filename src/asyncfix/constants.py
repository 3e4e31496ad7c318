"""What names stand for that are constants of a module, or members of an enum."""

from __future__ import annotations

import ast

from asyncfix import facts as f
from asyncfix.conditions import Member
from asyncfix.reach import Place, Reach
from asyncfix.reader import Reader
from asyncfix.value import CLASS, Value

_MOST_IMPORTS = 6
_ENUMS = ("Enum", "StrEnum", "IntEnum")
# With these as a base, a member is equal to its value.
_EQUAL = ("StrEnum", "IntEnum", "str", "int")


class Constants:
    """Answers are kept: the same few names are asked about again and again."""

    def __init__(self, reach: Reach, reader: Reader) -> None:
        self.reach = reach
        self.reader = reader
        self._known: dict[tuple[Place, str], ast.expr | None] = {}

    def of(self, place: Place, name: str) -> ast.expr | None:
        """Give what a dotted name in a function stands for, None if that is not sure.

        A member of an enum is a constant that is equal to itself only, or to its
        value if the enum is one of texts or numbers.
        """
        key = place, name
        if key not in self._known:
            member = self._member if "." in name else self._of_module
            self._known[key] = member(place, name)
        return self._known[key]

    def _of_module(self, place: Place, name: str) -> ast.expr | None:
        found = self.reach.project.visible(*place, name)
        path = place[0]
        for _ in range(_MOST_IMPORTS):
            if len(found) != 1 or found[0].kind != f.FROM:
                break
            module, _, name = found[0].target.partition(":")
            paths = self.reach.project.resolve(path, module)
            if len(paths) != 1:
                return None
            (path,) = paths
            found = self.reach.project.names(path, 0).get(name)
        if len(found) != 1 or found[0].scope or found[0].flags:
            return None
        return self.reader.constant(path, found[0].line, found[0].name)

    def _member(self, place: Place, said: str) -> ast.expr | None:
        name = said.removesuffix(".value")
        owner, _, last = name.rpartition(".")
        klass = self.reach.values.of(*place, owner) if owner else None
        if klass is None or klass.kind != CLASS:
            return None
        bases = self._bases(klass)
        if not any(base in _ENUMS for base in bases):
            return None
        found = self.reach.project.names(klass.path, klass.scope).get(last)
        if len(found) != 1 or found[0].flags:
            return None
        value = self.reader.constant(klass.path, found[0].line, last)
        if not isinstance(value, ast.Constant):
            return None
        if name != said or any(base in _EQUAL for base in bases):
            return value
        member = Member((klass.path, klass.scope, value.value))
        return ast.Constant(member)  # type: ignore[arg-type]  # it only has to compare

    def _bases(self, klass: Value) -> list[str]:
        scope = self.reach.project.files[klass.path].scopes[klass.scope]
        return [base.rpartition(".")[2] for base in scope.bases]
