"""Which coroutines of older days must change together, and which must not at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from asyncfix import Doubt, Level, Model, Place, dotted, facts
from asyncfix_codemods import _old_doubts, _old_kinds, _old_operands

_STEPPERS = ("__await__", "__iter__")
_MOST_TOLD = 3


class Group(NamedTuple):
    """What one function takes along when it changes."""

    members: tuple[Place, ...]
    steps: tuple[Place, ...]
    """`__await__` and `__iter__` that step through one of them."""
    refusal: Doubt | None
    doubts: tuple[Doubt, ...]


class Fix(NamedTuple):
    """Functions that change together, as their groups or their statements overlap."""

    members: tuple[Place, ...]
    steps: tuple[Place, ...]

    @property
    def key(self) -> str:
        """Give what tells the fix from all others."""
        return "{}:{}".format(*self.members[0])


class Waiter(NamedTuple):
    """A generator without a decorator, and the last names of what it waits for."""

    place: Place
    names: frozenset[str]


class Groups:
    """The groups of a project, worked out when they are asked for."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.kinds = _old_kinds.kinds(model)
        self._groups: dict[Place, Group] = {}
        self._refusals: dict[Place, Doubt | None] = {}
        self._waiters: list[Waiter] | None = None
        self._fixes: dict[Place, Fix] | None = None
        self._open: tuple[Place, ...] | None = None
        self._decorated: dict[str, list[Place]] = {}

    def of(self, place: Place) -> Group:
        """Give the group of a function that is a coroutine of older days."""
        if place not in self._groups:
            self._groups[place] = self._group(place)
        return self._groups[place]

    def _group(self, start: Place) -> Group:
        members, steps, doubts = [start], list[Place](), list[Doubt]()
        refusal: Doubt | None = None
        for place in members:  # grows
            if place not in self._refusals:
                self._refusals[place] = next(
                    _old_doubts.refused(self.kinds, place), None
                )
            found = self._refusals[place]
            for other, blocked in self._users(place):
                kind = self.kinds.kind(other)
                if blocked.level is Level.UNSAFE:
                    doubts.append(blocked)
                elif kind == "bare":
                    members += [other] if other not in members else []
                elif self.kinds.scope(other).name in _STEPPERS:
                    steps += [other] if other not in steps else []
                else:
                    found = found or blocked
            steps += [each for each in self._opened(place) if each not in steps]
            if refusal is None and found is not None:
                refusal = self._at(found, place, start)
            for operand in self.kinds.operands(place):
                for other in operand.places:
                    if self.kinds.kind(other) == "bare" and other not in members:
                        members.append(other)
            doubts += _old_doubts.doubts(self.kinds, place)
        for step in steps:
            doubts += _old_doubts.of_steps(self.kinds, step)
        return Group(tuple(members), tuple(steps), refusal, tuple(doubts[:_MOST_TOLD]))

    def _at(self, doubt: Doubt, place: Place, start: Place) -> Doubt:
        if place == start:
            return doubt
        name = self.kinds.shown(place)
        return doubt._replace(reason=f"{name} has to change with it: {doubt.reason}")

    # -- one fix for what overlaps -----------------------------------------------

    def fix(self, place: Place) -> Fix:
        """Give the fix that a function is part of; its group is not refused."""
        if self._fixes is None:
            self._fixes = self._all_fixes()
        return self._fixes[place]

    def _all_fixes(self) -> dict[Place, Fix]:
        groups = {
            place: group
            for place in self._places()
            if (group := self.of(place)).refusal is None
        }
        up: dict[Place, Place] = {}

        def top(place: Place) -> Place:
            while (above := up.get(place, place)) != place:
                place = above
            return place

        for place, group in groups.items():
            around = self._around(place, groups)
            for other in (*group.members, *group.steps, *around):
                one, two = sorted((top(place), top(other)))
                up[two] = one
        together: dict[Place, list[Place]] = {}
        for place in groups:
            together.setdefault(top(place), []).append(place)
        return {
            place: fix
            for members in together.values()
            for fix in [
                Fix(
                    tuple(sorted(members)),
                    tuple(sorted({s for m in members for s in groups[m].steps})),
                )
            ]
            for place in members
        }

    def _places(self) -> Iterator[Place]:
        """Give the coroutines of older days of the whole project."""
        names = self.model.project.spellings(["coroutine"]) or {"coroutine"}
        for path, known in self.model.project.files.items():
            if any(map(known.holds, names)):
                for index, scope in enumerate(known.scopes):
                    if scope.decorators and self.kinds.is_old((path, index)):
                        yield path, index
        for place, _ in self._all_waiters():
            if self.kinds.is_old(place):
                yield place

    def _around(self, place: Place, groups: dict[Place, Group]) -> Iterator[Place]:
        """Give the functions round one that change, too: their statement holds its."""
        path, index = place
        scopes = self.model.project.files[path].scopes
        while index > 0:
            index = scopes[index].parent
            if (path, index) in groups:
                yield path, index

    # -- who waits for it ------------------------------------------------------

    def _all_waiters(self) -> list[Waiter]:
        if self._waiters is None:
            self._waiters = []
            files = self.model.project.files
            with files.trace.shared():
                for path, known in files.items():
                    self._waiters += self._waiters_of(path, known)
        return self._waiters

    def _waiters_of(self, path: str, known: facts.Facts) -> Iterator[Waiter]:
        generators = {
            index
            for index, scope in enumerate(known.scopes)
            if scope.yields and not scope.is_async
            if scope.kind in (facts.FUNCTION, facts.LAMBDA)
        }
        names: dict[int, set[str]] = {}
        for use in known.calls if generators else ():
            if use.scope in generators and use.role == facts.FOR:
                names.setdefault(use.scope, set()).add(use.name.rpartition(".")[2])
        for index, said in names.items():
            if not self.kinds.is_marked((path, index)):
                yield Waiter((path, index), frozenset(said))

    def _users(self, place: Place) -> Iterator[tuple[Place, Doubt]]:
        """Give the generators without a decorator that may wait for a function.

        `yield from` of a coroutine is a TypeError there.
        """
        for each in (place, *self._made_of(place)):
            yield from self._users_of(each, place)

    def _made_of(self, place: Place) -> Iterator[Place]:
        """Give the functions in whose place a decorator puts one that stands in it."""
        path, index = place
        scopes = self.model.project.files[path].scopes
        above = self.model.project.enclosing(
            path, scopes[index].parent, (facts.FUNCTION,)
        )
        while above > 0:
            yield from self._decorated_by((path, above))
            above = self.model.project.enclosing(
                path, scopes[above].parent, (facts.FUNCTION,)
            )

    def _decorated_by(self, decorator: Place) -> list[Place]:
        name = self.kinds.scope(decorator).name
        if name not in self._decorated:
            spelled = self.model.project.spellings([name]) or {name}
            self._decorated[name] = [
                (path, index)
                for path, known in self.model.project.files.items()
                if any(known.holds(each) for each in spelled)
                for index, scope in enumerate(known.scopes)
                if scope.kind == facts.FUNCTION
                and any(
                    said.partition("(")[0].rpartition(".")[2] in spelled
                    for said in scope.decorators
                )
            ]
        return self._decorated[name]

    def _users_of(self, place: Place, changed: Place) -> Iterator[tuple[Place, Doubt]]:
        name = self.kinds.scope(place).name
        spelled = self.model.project.spellings([name]) or frozenset((name,))
        for other, names in self._all_waiters():
            if other == changed or not names & spelled:
                continue
            scope = self.kinds.scope(other)
            if scope.kind == facts.LAMBDA:
                yield other, self._blocked(other[0], scope.line, name)
                continue
            for operand in self.kinds.operands(other):
                if place in operand.places:
                    # Of some, by the name alone, what yields itself waits for another.
                    code = self.kinds.code(other)
                    yields = code is not None and code.yields > 0
                    sure = operand.level != _old_operands.UNKNOWN or not yields
                    yield other, self._blocked(other[0], operand.given.line, name, sure)
                    break

    def _blocked(self, path: str, line: int, name: str, sure: bool = True) -> Doubt:
        return Doubt(
            "coroutine-user",
            Level.MANUAL if sure else Level.UNSAFE,
            f"{path}:{line} {'yields' if sure else 'may yield'} from {name} in a generator that is no coroutine: "
            "TypeError with an `async def`",
            "make that generator a coroutine first",
        )

    def _opened(self, place: Place) -> tuple[Place, ...]:
        """Give the `__await__` and `__iter__` that step through what they were given.

        Of a function whose result is handed on, that may be it.
        """
        for _, tree, node in _old_doubts.calls(self.kinds, place):
            above = tree.parent(node)
            if isinstance(above, ast.keyword):
                above = tree.parent(above)
            by_name = dotted(above.func) if isinstance(above, ast.Call) else ""
            if isinstance(above, (ast.Call, ast.Return)) or (
                isinstance(above, ast.Assign)
                and isinstance(above.targets[0], ast.Attribute)
            ):
                if not (by_name or "").startswith("asyncio."):
                    return self._openers()
        return ()

    def _openers(self) -> tuple[Place, ...]:
        """Give them for the whole project: methods of classes that can be awaited."""
        if self._open is None:
            project = self.model.project
            self._open = tuple(
                (path, index)
                for path, known in project.files.items()
                if known.holds("__await__")
                for index, scope in enumerate(known.scopes)
                if scope.name in _STEPPERS
                and scope.yields
                and not (scope.is_async or scope.decorators)
                and "__await__" in project.names(path, scope.parent)
                and any(map(_old_doubts.is_open, self.kinds.operands((path, index))))
            )
        return self._open


def groups(model: Model) -> Groups:
    """Give the groups of a project, the same for all its sites."""
    return model.once("legacy groups", partial(Groups, model))
