"""What a function touches, noted in its own words, and what it calls put into these."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.effects_names import Code
from asyncfix.effects_tree import Around
from asyncfix.touches import (
    ARGUMENT,
    GLOBAL,
    LOCAL,
    OUTER,
    PLAIN,
    READ,
    RESULT,
    SOMETHING,
    TEXT,
    WRITTEN,
    Gathered,
    Item,
    Origin,
    Place,
    Places,
    Step,
    Summary,
    Touch,
    handed,
    in_order,
)
from asyncfix.value import CLASS

if TYPE_CHECKING:
    from asyncfix.effects import Where

# `lru_cache`, `cachetools.cached`, `cached_property`, `diskcache.Cache.memoize`.
_CACHES = re.compile(r"cache|memo|singleton|^once$")


class Words(Code):
    """Notes of one function."""

    def returned(
        self,
        summary: Summary,
        target: Where,
        given: dict[str, Origin] | None,
        receiver: ast.expr | None,
    ) -> Origin:
        """Say what a called function returns in the words of this one."""
        scope = self.scopes_of(target[0])[target[1]]
        if receiver is not None and given is not None:
            given = {scope.first: self.origins.of(receiver), **given}
        made = summary.returns
        places = {p for each in made.places for p in self.here(each, target, given)}
        inside = {p for each in made.inside for p in self.here(each, target, given)}
        if made.plain != PLAIN:
            places |= self._kept(scope, receiver)
        return Origin(frozenset(places), frozenset(inside), made.plain)

    def _kept(self, scope: f.Scope, receiver: ast.expr | None) -> Places:
        """Give where a decorator keeps what a function gave: the next caller gets it."""
        for each in scope.decorators:
            last = each.partition("(")[0].rpartition(".")[2].lower()
            if not _CACHES.search(last):
                continue
            if "property" in last and receiver is not None:
                return self.origins.of(receiver).then(f".{scope.name}").places
            return frozenset((Place(RESULT, f"{scope.name}(...)"),))
        return frozenset()

    def here(
        self, place: Place, target: Where, given: dict[str, Origin] | None
    ) -> list[Place]:
        """Say a place of a called function in the words of this one."""
        if place.root == OUTER:
            owner, _, name = place.name.partition(":")
            if (self.path, self.scope) == (target[0], int(owner)):
                origin = self.origins.names.get(name, SOMETHING)
                said = Place(0, name, place.steps, place.field)
                found = list(handed(said, {name: origin}))
                if self.first and not (origin.places and place.steps):
                    # Others that hold the same variable may run meanwhile.
                    found.append(said._replace(root=LOCAL))
                return found
            return [place]
        found = list(handed(place, given))
        if place.root == ARGUMENT and len(place.steps) > 1:
            if all(each.root == LOCAL for each in found):
                found += self._of_class(place)
        return found

    def _of_class(self, place: Place) -> list[Place]:
        """Say what is in an attribute of a new object that only its class has."""
        field = place.field
        if field is None or place.steps[0] != f".{field[2]}":
            return []
        path, scope, name = field
        classes, known = self.values.classes, self.scopes_of(path)[scope]
        line = classes.line(path, scope)
        if (
            name not in self.effects.project.names(path, scope)
            or name in classes.set_on_self(path, scope)
            or known.decorators  # of a dataclass, each object has its own
            or any(each is None or each.kind != CLASS for each in line)
        ):
            return []
        return [Place(GLOBAL, f"{path}:{known.name}", place.steps, field)]

    def _touched(self, origin: Origin, how: int, node: ast.AST) -> None:
        for place in in_order(origin.places):
            if how != READ or place.steps or place.root in (GLOBAL, OUTER):
                line = getattr(node, "lineno", 0)
                self.gathered.touch(Touch(place, how, self.path, line))

    def changed(self, origin: Origin, node: ast.AST, how: int = WRITTEN) -> None:
        """Note that what an object holds is changed, or gone through."""
        inside = frozenset(inner(each) for each in origin.places)
        self._touched(Origin(inside), how, node)

    def used(self, kind: str, what: str, origin: Origin, node: ast.AST) -> None:
        """Note that an object is used which matters only if it was made elsewhere."""
        line = getattr(node, "lineno", 0)
        for place in in_order(origin.places):
            self.gathered.add(kind, Item(what, self.path, line, (), 0, inner(place)))

    def note(self, kind: str, what: str, node: ast.AST, up: int = 0) -> None:
        """Note something that the function does itself."""
        line = getattr(node, "lineno", 0)
        self.gathered.add(kind, Item(what, self.path, line, (), up))

    def take(self, summary: Summary, around: Around) -> None:
        """Note what a call does, but for what this function keeps to itself."""
        for touch in (*summary.reads, *summary.writes):
            self.gathered.touch(touch)
        for kind in (
            "loop",
            "contexts",
            "context_reads",
            "threads",
            "drivers",
            "unknown",
            "frames",
        ):
            for item in getattr(summary, kind):
                self.gathered.add(kind, item)
        if not around.handles:
            for item in summary.exceptions:
                self.gathered.add("exceptions", item)
        if not around.stops and not self.scopes[self.scope].yields:
            for item in summary.stops:
                self.gathered.add("stops", item)

    def placed(
        self,
        summary: Summary,
        node: ast.AST,
        target: Where,
        given: dict[str, Origin] | None,
        receiver: ast.expr | None = None,
    ) -> Summary:
        """Say what a called function touches in the words of this one."""
        if receiver is not None and given is not None:
            first = self.scopes_of(target[0])[target[1]].first
            given = {first: self.origins.of(receiver), **given}
        step = Step(self.effects.shown(target), self.path, getattr(node, "lineno", 0))
        gathered = Gathered()
        said: dict[Place, list[Place]] = {}
        for old, how, path, line, via in (*summary.reads, *summary.writes):
            variable = old.root in (GLOBAL, OUTER)
            found = said.get(old)
            if found is None:
                found = said[old] = self.here(old, target, given)
            for place in found:
                if how != READ or place.steps or variable:
                    gathered.touch(Touch(place, how, path, line, (step, *via)))
        for kind in (
            "loop",
            "contexts",
            "context_reads",
            "exceptions",
            "stops",
            "threads",
            "drivers",
            "unknown",
            "frames",
        ):
            for item in getattr(summary, kind):
                what, path, line, via, up, _ = item
                further = Item(what, path, line, (step, *via), up)
                if item.place is None:
                    gathered.add(kind, further)
                    continue
                places = self.here(item.place, target, given)
                for place in places:
                    gathered.add(kind, further._replace(place=place))
                if not places and kind in ("loop", "unknown"):
                    # Done with an object of this function's own: done all the same.
                    gathered.add(kind, further)
        return gathered.summary(summary.generator, TEXT)


def inner(place: Place) -> Place:
    """Give the place of what an object holds, of whichever part."""
    return place.then(("[*]",), place.field)
