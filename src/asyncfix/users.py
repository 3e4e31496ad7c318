"""Who calls a function, and what else is done with it? For fixes that change it.

Calls are looked up in the facts alone; of the files only those are read whose
facts hold the function's name. A call through an object that is not known is not
found: a fix must leave such a call as good as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.catalog import Catalog
from asyncfix.link import MOST_AWAKE, Project
from asyncfix.modules import join
from asyncfix.reach import Place
from asyncfix.references import Reference, References
from asyncfix.tree import Tree
from asyncfix.value import CLASS, FUNCTION, Value
from asyncfix.values import Values

# A name that more files hold is everybody's: its uses are not told apart.
_MOST_FILES = 300
_MOST_IMPORTS = 400


class Call(NamedTuple):
    """A call that surely means a function. `coroutine` is -1 outside of any."""

    path: str
    use: f.Use
    coroutine: int


class Users:
    """The users of a project's functions, worked out when they are asked for."""

    def __init__(
        self,
        project: Project,
        values: Values,
        catalog: Catalog,
        trees: Callable[[str], Tree],
        is_test: Callable[[str], bool],
    ) -> None:
        """Look nothing up yet; `is_test` tells test code by its path."""
        self.project = project
        self.values = values
        self._is_test = is_test
        self._references = References(values, catalog, trees)
        self._calls: dict[Place, tuple[Call, ...]] = {}
        self._by_name: dict[frozenset[str], list[tuple[str, f.Use, Place]]] = {}
        self._holding: dict[str, list[str]] = {}
        self._others: dict[Place, tuple[Reference, ...] | None] = {}
        self._replaced: dict[Place, list[Reference]] = {}
        self._instead: dict[Place, list[tuple[str, f.Binding]]] = {}

    def scope(self, place: Place) -> f.Scope:
        """Give what the facts say of a function."""
        return self.project.files[place[0]].scopes[place[1]]

    def meant(self, path: str, scope: int, said: str) -> Place | None:
        """Give the project's function that a name with steps means in a scope."""
        value = self.values.of(path, scope, said)
        if value is None or value.kind != FUNCTION or value.scope < 0:
            return None
        return value.path, value.scope

    def outside(self, path: str, scope: int, said: str) -> str:
        """Give the qualified name of what is no part of the project, else nothing."""
        value = self.values.of(path, scope, said)
        return value.name if value is not None and not value.path else ""

    def calls(self, place: Place) -> tuple[Call, ...]:
        """Give every call of a function that is known, by file and line."""
        if place not in self._calls:
            with self.project.files.trace.shared():
                self._calls[place] = tuple(sorted(self._find(place)))
        return self._calls[place]

    def _find(self, place: Place) -> Iterator[Call]:
        spelled = self._spelled(self.scope(place).name)
        only = self._only(place)
        if only:
            found = list(self._meanings(only, spelled))
        elif spelled in self._by_name:
            found = self._by_name[spelled]
        else:
            paths = self.project.files.calling(spelled)
            found = self._by_name[spelled] = list(self._meanings(paths, spelled))
        for path, use, meant in found:
            if meant == place:
                yield Call(path, use, self.project.coroutine_around(path, use.scope))

    def _meanings(
        self, paths: Iterable[str], spelled: frozenset[str]
    ) -> Iterator[tuple[str, f.Use, Place]]:
        """Give the calls by these last names that mean a function, and which one."""
        for path in paths:
            for use in self.project.files[path].calls_by(spelled):
                meant = self.meant(path, use.scope, use.name)
                if meant is not None:
                    yield path, use, meant
            self.project.rest(MOST_AWAKE)

    def _spelled(self, name: str) -> frozenset[str]:
        return self.project.spellings([name]) or frozenset((name,))

    def _files(self, name: str) -> list[str]:
        found = self._holding.get(name)
        if found is None:
            found = self.project.files.holding(self._spelled(name))
            self._holding[name] = found
        return found

    def _only(self, place: Place) -> list[str]:
        """Give the one file that may use a function inside another, else none."""
        path, _ = place
        parent = self.scope(place).parent
        around = self.project.enclosing(path, parent, (f.FUNCTION, f.LAMBDA))
        return [path] if around >= 0 else []

    def others(self, place: Place) -> tuple[Reference, ...] | None:
        """Give every use that is no call: passed, registered, patched, overridden.

        None where too many files use the name. Raises LookupError where a file
        is not what it was.
        """
        if place not in self._others:
            with self.project.files.trace.shared():
                self._others[place] = self._looked_for(place)
        return self._others[place]

    def _looked_for(self, place: Place) -> tuple[Reference, ...] | None:
        files = self._only(place) or self._files(self.scope(place).name)
        if len(files) > _MOST_FILES:
            spelled = self._spelled(self.scope(place).name)
            files = [path for path in files if self._uses(path, spelled)]
        if len(files) > _MOST_FILES:
            return None
        return tuple(
            each
            for each in self._references.of(place, files)
            if each.kind not in ("called", "awaited")
        )

    def replaced(self, place: Place, by_tests: bool = True) -> Reference | None:
        """Give where something else is first put in a function's place, by its name.

        What tests put there counts only with `by_tests`.
        """
        if place not in self._replaced:
            with self.project.files.trace.shared():
                self._replaced[place] = self._references.replacements(place)
        found = self._replaced[place]
        if not by_tests:
            found = [each for each in found if not self._is_test(each.path)]
        return min(found, default=None)

    def instead(self, place: Place) -> list[tuple[str, f.Binding]]:
        """Give what classes below a method's own find in its place, with its file."""
        path, _ = place
        function = self.scope(place)
        if self.project.files[path].scopes[function.parent].kind != f.CLASS:
            return []
        if place not in self._instead:
            klass, below = (path, function.parent), self._references.below
            with self.project.files.trace.shared():
                self._instead[place] = below.instead(klass, function.name)
        return self._instead[place]

    def _uses(self, path: str, spelled: frozenset[str]) -> bool:
        """Tell whether a file says one of these names, alone or as the last one."""
        facts = self.project.files[path]
        said = [*facts.calls, *facts.references]
        names = [use.name for use in said] + [each.target for each in facts.patches]
        names += [scope.name for scope in facts.scopes]
        names += [each.target.replace(":", ".") for each in facts.outer]
        return any(name.rpartition(".")[2] in spelled for name in names)

    def stand_ins(self, path: str, name: str) -> Iterator[tuple[str, int]]:
        """Give what tests put in the place of a file's things of a name: (file, line).

        Asked are the files that lead to this one, and what the tests among them import.

        By the name alone: fakes of a class, patches in strings, assignments. A name
        of a class counts where something of it is replaced, too.
        """
        mine = path
        near = {path, *self.project.reached_by(path)}
        for each in sorted(near):
            if self._is_test(each):
                near |= self.project.imports(each)
        for path in self._files(name):
            if path not in near and not path.endswith("conftest.py"):
                continue
            facts = self.project.files[path]
            in_test = self._is_test(path)
            for patch in facts.patches:
                parts = patch.target.lstrip("*").split(".")
                if in_test or patch.scope < 0:
                    if name == parts[-1] or (name[:1].isupper() and name in parts):
                        yield path, patch.line
            if in_test and not self._is_test(mine):
                for scope in facts.scopes:
                    if scope.name == name:
                        yield path, scope.line

    def bases(self, place: Place) -> tuple[Value | None, ...] | None:
        """Give the classes above a method's own, None for a plain function.

        Of these, None is a base that is not known, and one without a path is a
        library's.
        """
        path, _ = place
        owner = self.scope(place).parent
        if self.project.files[path].scopes[owner].kind != f.CLASS:
            return None
        return self.values.classes.line(path, owner)[1:]

    def inherits(self, place: Place) -> tuple[str, int] | None:
        """Give a base class of the project that has a method of the same name."""
        name = self.scope(place).name
        for base in self.bases(place) or ():
            if base is not None and base.kind == CLASS and base.path:
                for binding in self.project.names(base.path, base.scope).get(name):
                    return base.path, binding.line
        return None

    def imports_first(self, path: str, module: str) -> bool:
        """Tell whether importing a file surely imports a library's module, too.

        By its own imports at the top level, or by those of the project's files that
        it imports there. What stands under a condition counts for nothing.
        """
        seen, todo = {path}, [path]
        while todo and len(seen) < _MOST_IMPORTS:
            here = todo.pop(0)
            for binding in self.project.files[here].outer:
                if binding.kind > f.STAR or binding.scope or binding.flags:
                    continue
                target, _, name = binding.target.partition(":")
                if target == module or target.startswith(f"{module}."):
                    return True
                for said in (target, join(target, name) if name else target):
                    fresh = set(self.project.resolve(here, said)) - seen
                    seen |= fresh
                    todo += sorted(fresh)
        return False
