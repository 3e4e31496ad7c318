"""Which classes derive from a class, and what do they find in its members' place?

A method is overridden by a class below its own, or by another base of such a class:
`class Both(Plain, Async)` finds the method of `Plain` where `Async` says `self.load`.
"""

from __future__ import annotations

from asyncfix import facts as f
from asyncfix.reach import Place
from asyncfix.value import CLASS, Value
from asyncfix.values import Values

# Names of so many letters are found in the bytes of most files, by chance.
_SHORT = 2


class Below:
    """The classes below others, looked up when they are asked for."""

    def __init__(self, values: Values) -> None:
        """Look nothing up yet."""
        self.values = values
        self.project = values.project
        self._classes: dict[Place, tuple[Place, ...]] = {}

    def classes(self, klass: Place) -> tuple[Place, ...]:
        """Give the project's classes that have one among their bases, near or far."""
        if klass not in self._classes:
            found: dict[Place, None] = {}
            todo = [klass]
            for above in todo:
                fresh = [each for each in self._next(above) if each not in found]
                found.update(dict.fromkeys(fresh))
                todo += fresh
            found.pop(klass, None)
            self._classes[klass] = tuple(found)
        return self._classes[klass]

    def _next(self, above: Place) -> list[Place]:
        """Give the classes that name one as a base of theirs."""
        path, index = above
        name = self.project.files[path].scopes[index].name
        spelled = self.project.spellings((name,)) or frozenset((name,))
        wanted = Value(CLASS, path=path, scope=index)
        # Who derives from it imports it, at least by way of others.
        files = sorted({path, *self.project.reached_by(path)})
        if min(map(len, spelled)) > _SHORT:
            files = self.project.files.holding(spelled, files)
        return [
            (other, number)
            for other in files
            for number, scope in enumerate(self.project.files[other].scopes)
            if scope.kind == f.CLASS
            and any(base.rpartition(".")[2] in spelled for base in scope.bases)
            and wanted in self.values.classes.line(other, number)[1:]
        ]

    def instead(self, klass: Place, name: str) -> list[tuple[str, f.Binding]]:
        """Give what classes below find under a name in the place of a class's own.

        Each with the file that it stands in.
        """
        own = Value(CLASS, path=klass[0], scope=klass[1])
        found: dict[tuple[str, f.Binding], None] = {}
        for place in self.classes(klass):
            for each in self.values.classes.line(*place):
                if each == own:
                    break
                if each is None or not each.path:
                    continue
                path, scope = each.path, each.scope
                bindings = [
                    *self.project.names(path, scope).get(name),
                    *self.values.classes.set_on_self(path, scope).get(name, ()),
                ]
                if bindings:
                    found.update(dict.fromkeys((path, b) for b in bindings))
                    break
        return list(found)
