"""What a name is bound to: definitions, imports, parameters, stars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.modules import join
from asyncfix.stars import in_star
from asyncfix.value import (
    CLASS,
    FUNCTION,
    MODULE,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
    Value,
    same,
)

if TYPE_CHECKING:
    from asyncfix.link import Project
    from asyncfix.values import Values


class Bindings:
    """The bindings of a project's names; asks `Values` for what stands in them."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.project: Project = values.project

    def of(self, path: str, scope: int, name: str) -> Value | None:
        """Give the value of a plain name, as it is read in a scope."""
        project = self.project
        found = project.visible(path, scope, name)
        if not found:
            return self._unbound(path, scope, name)
        if found[0].scope == 0 and self._starred(path, name, found):
            return None
        return self.bound(path, found)

    def bound(self, path: str, found: list[f.Binding]) -> Value | None:
        """Give the one value that all bindings of a name agree on."""
        if len(found) == 1:
            return self._binding(path, found[0])
        declared = [each for each in found if each.target[:1] == ":"]
        if declared:
            # What is declared holds, whatever is assigned.
            value = same(self._binding(path, each) for each in declared)
            return None if self._replaced(path, value, found) else value
        definitions = [each for each in found if each.kind == f.DEF]
        if len(definitions) == len(found):
            return self._overloaded(path, found)
        return same(self._binding(path, each) for each in found)

    def _replaced(self, path: str, value: Value | None, found: list[f.Binding]) -> bool:
        """Tell whether a parameter surely becomes something else than declared."""
        objects = OBJECT, OUTSIDE_OBJECT
        if found[0].kind != f.PARAMETER or value is None or value.kind not in objects:
            return False
        others = [self._binding(path, each) for each in found if each.target[:1] != ":"]
        return any(o and o.kind in objects and o != value for o in others)

    def _overloaded(self, path: str, found: list[f.Binding]) -> Value | None:
        """Give the function of several definitions: overloads, property setters."""
        scopes = self.project.files[path].scopes
        real = []
        for binding in found:
            scope = self.defined(path, binding)
            last = {name.rpartition(".")[2] for name in scopes[scope].decorators}
            if not last & {"overload", "setter", "deleter", "register"}:
                real.append(binding)
        return self._binding(path, real[0]) if len(real) == 1 else None

    def _starred(self, path: str, name: str, found: list[f.Binding]) -> bool:
        """Tell whether a later `import *` may have replaced a module's name."""
        stars = self.project.names(path, 0).get("*")
        return bool(stars) and any(
            star.line > found[-1].line and in_star(self.project, path, star, name) != []
            for star in stars
        )

    def _unbound(self, path: str, scope: int, name: str) -> Value | None:
        is_builtin = self.project.is_builtin(name)
        for star in reversed(self.project.names(path, 0).get("*")):
            inside = in_star(self.project, path, star, name)
            if inside:
                return same(self.values.of(module, 0, name) for module in inside)
            if inside is None and not is_builtin:
                return None  # a library's star may bring it
        return Value(OUTSIDE, f"builtins.{name}") if is_builtin else None

    def _binding(self, path: str, binding: f.Binding) -> Value | None:
        kind = binding.kind
        if kind == f.IMPORT:
            return self._module(path, binding.target)
        if kind == f.FROM:
            module, _, name = binding.target.partition(":")
            return self._member(path, module, name)
        if kind == f.DEF:
            return Value(FUNCTION, path=path, scope=self.defined(path, binding))
        if kind == f.CLASSDEF:
            return Value(CLASS, path=path, scope=self.defined(path, binding))
        if kind == f.PARAMETER and not binding.target:
            return self.receiver(path, binding)
        return self.values.of(path, binding.scope, binding.target)

    def defined(self, path: str, binding: f.Binding) -> int:
        """Give the scope that a definition opens."""
        memo = self.project.files[path].memo
        known: dict[tuple[int, str], int] | None = memo.get("defined")
        if known is None:
            known = memo["defined"] = {
                (scope.line, scope.name): index
                for index, scope in enumerate(self.project.files[path].scopes)
                if scope.kind in (f.FUNCTION, f.CLASS)
            }
        return known.get((binding.line, binding.name), -1)

    def receiver(self, path: str, binding: f.Binding) -> Value | None:
        """Give what `self` and `cls` are, in a method of a class."""
        scopes = self.project.files[path].scopes
        function = scopes[binding.scope]
        owner = function.parent
        if owner >= 0 and scopes[owner].kind == f.TYPE:
            owner = scopes[owner].parent
        if (
            function.kind != f.FUNCTION
            or function.first != binding.name
            or owner < 0
            or scopes[owner].kind != f.CLASS
            or "staticmethod" in function.decorators
        ):
            return None
        whole = "classmethod" in function.decorators or function.name in (
            "__new__",
            "__init_subclass__",
            "__class_getitem__",
        )
        return Value(CLASS if whole else OBJECT, path=path, scope=owner)

    def _module(self, path: str, name: str) -> Value | None:
        paths = self.project.imported(path, name)
        if len(paths) > 1:
            return None
        return Value(MODULE, name, paths[0]) if paths else Value(OUTSIDE, name)

    def _member(self, path: str, module: str, name: str) -> Value | None:
        """Follow `from module import name`."""
        project = self.project
        packages = project.resolve(path, module)
        if len(packages) > 1:
            return None
        submodules = project.resolve(path, join(module, name))
        if packages:
            names = project.names(packages[0], 0)
            # A package that imports its own module: the name is this import.
            own = packages[0] == path and submodules
            if not own and (name in names or "*" in names):
                found = self.values.of(packages[0], 0, name)
                if found is not None or name in names:
                    return found
        if len(submodules) == 1:
            return Value(MODULE, f"{module}.{name}", submodules[0])
        if packages or submodules or module.startswith("."):
            return None
        return Value(OUTSIDE, f"{module}.{name}")
