"""Which functions are coroutines of older days, and what can be awaited.

Source of facts: CPython 3.8's `asyncio/coroutines.py` and `types.py`. A generator
under `@asyncio.coroutine` can be awaited; a generator without it cannot, though the
event loop of Python 3.11 and older runs it all the same; and a coroutine of an
`async def` cannot be given to `yield from` in a generator without decorator.
"""

from __future__ import annotations

import ast
from functools import partial

from asyncfix import Model, Place, facts, value
from asyncfix_codemods import _old_code
from asyncfix_codemods._old_operands import (
    AWAITABLE,
    LIKELY,
    PLAIN,
    UNKNOWN,
    Operand,
    Operands,
)

DECORATORS = frozenset(
    ("asyncio.coroutine", "asyncio.coroutines.coroutine", "types.coroutine")
)
GONE = (3, 11)
# What stood in for asyncio on Python 2, behind `except ImportError`.
STAND_INS = frozenset(("trollius.coroutine",))
_MARKS = (
    "pytest.mark.",
    "unittest.skip",
    "builtins.staticmethod",
    "builtins.classmethod",
)
_NEUTRAL = (*_MARKS, "builtins.property", "abc.", "functools.wraps", "typing.")
_FUNCTION = (facts.FUNCTION,)
_OF_GENERATORS = frozenset(
    ("Generator", "GeneratorType", "isgenerator", "isgeneratorfunction", "next", "send")
)
_GUESSED = ("bare", "generator")


class Kinds:
    """The coroutines of older days in a project."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.project = model.project
        self.values = model.values
        self.asks = model.settings.target >= GONE
        """What is returned may be asked whether it can be awaited: the old form is no
        choice any more."""
        self.awaited = Operands(self)
        self._kinds: dict[Place, str] = {}
        self._asked: list[Place] = []
        self._assumed: set[Place] = set()
        self._codes: dict[Place, _old_code.Code | None] = {}
        self._operands: dict[Place, tuple[Operand, ...]] = {}
        self._calls: dict[str, dict[tuple[int, ...], str]] = {}
        self._named: dict[str, tuple[Place, ...]] = {}

    def scope(self, place: Place) -> facts.Scope:
        """Give what the facts say of a function."""
        return self.project.files[place[0]].scopes[place[1]]

    def shown(self, place: Place) -> str:
        """Give a function's place and name for a message."""
        scope = self.scope(place)
        return f"{scope.name} ({place[0]}:{scope.line})"

    # -- one function --------------------------------------------------------

    def decorator(self, place: Place) -> str:
        """Give the decorator that makes a coroutine of a function, as it is written."""
        path, _ = place
        scope = self.scope(place)
        for said in scope.decorators:
            names = {a.name for a in self.project.answers(path, scope.parent, said)}
            if names & DECORATORS:
                return said
        return ""

    def is_decorated(self, place: Place) -> bool:
        """Tell whether a decorator makes a coroutine of a function."""
        return bool(self.decorator(place))

    def is_marked(self, place: Place) -> bool:
        """Tell whether a decorator makes a coroutine of the function itself.

        Not of what another decorator has put in its place: what `yield from` takes in
        the function goes by what it is itself.
        """
        said = self.decorator(place)
        if not said:
            return False
        path, _ = place
        scope = self.scope(place)
        below = scope.decorators[scope.decorators.index(said) + 1 :]
        found = [
            self.values.of(path, scope.parent, each.partition("(")[0]) for each in below
        ]
        return all(
            what is not None and not what.path and what.name.startswith(_NEUTRAL)
            for what in found
        )

    def is_old(self, place: Place) -> bool:
        """Tell whether a function is a coroutine that could be an `async def`.

        `@types.coroutine` may stand on a generator that is to stay one.
        """
        kind = self.kind(place)
        if kind != "types":
            return kind in ("asyncio", "bare")
        code = self.code(place)
        levels = {each.level for each in self.operands(place)}
        return bool(levels) and PLAIN not in levels and not (code and code.yields)

    def kind(self, place: Place) -> str:
        """Tell what a function is.

        `asyncio`, `types` (of these decorators), `native`, `bare` (a generator
        without a decorator that is used as a coroutine), `generator`, `sync`.
        """
        if place in self._kinds:
            return self._kinds[place]
        if place in self._asked:
            # It waits for itself, in the end: it may be `bare` if all else is right.
            self._assumed.add(place)
            return "bare"
        self._asked.append(place)
        found = self._kind(place)
        self._asked.pop()
        if place in self._assumed and found != "bare":
            # What was worked out meanwhile went by a wrong guess.
            self._assumed.discard(place)
            self._kinds = {k: v for k, v in self._kinds.items() if v not in _GUESSED}
            self._operands.clear()
        self._kinds[place] = found
        if not self._asked:
            self._assumed.clear()
        return found

    def _kind(self, place: Place) -> str:
        path, _ = place
        scope = self.scope(place)
        if scope.is_async:
            return "generator" if scope.yields else "native"
        said = self.decorator(place)
        if said:
            names = {a.name for a in self.project.answers(path, scope.parent, said)}
            return "types" if names == {"types.coroutine"} else "asyncio"
        if not scope.yields:
            return "sync"
        return "bare" if self._is_bare(place) else "generator"

    def _is_bare(self, place: Place) -> bool:
        scope = self.scope(place)
        if scope.name in ("__iter__", "__await__"):
            return False
        path, _ = place
        for said in scope.decorators:
            what = self.values.of(path, scope.parent, said.partition("(")[0])
            if what is None or not (what.path or what.name.startswith(_MARKS)):
                return False
            if what.path and what.is_function and self._steps_through(what):
                return False
        code = self.code(place)
        if code is None or code.yields:
            return False
        found = self.operands(place)
        levels = {each.level for each in found}
        # That it waits for itself is no sign of what it is.
        known = any(
            each.level in (AWAITABLE, LIKELY) and set(each.places) != {place}
            for each in found
        )
        return known and PLAIN not in levels

    def _steps_through(self, decorator: value.Value) -> bool:
        """Tell whether a decorator runs the generator itself, as tornado's does."""
        read = self.model.reader.function(decorator.path, decorator.scope)
        if read is None:
            return False
        said = {
            getattr(each, "attr", getattr(each, "id", "")) for each in ast.walk(read[1])
        }
        return not said.isdisjoint(_OF_GENERATORS)

    def code(self, place: Place) -> _old_code.Code | None:
        """Give what a function's code says; None where the tree does not hold it."""
        if place not in self._codes:
            path, _ = place
            scope = self.scope(place)
            tree = self.model.reader.tree(path)
            function = _old_code.functions(tree).get((scope.line, scope.name))
            self._codes[place] = (
                _old_code.read(tree, self._calls_of(path), function)
                if function
                else None
            )
        return self._codes[place]

    def _calls_of(self, path: str) -> dict[tuple[int, ...], str]:
        if path not in self._calls:
            self._calls[path] = {
                (use.line, use.col, use.end_line, use.end_col): use.name
                for use in self.project.files[path].calls
            }
        return self._calls[path]

    def operands(self, place: Place) -> tuple[Operand, ...]:
        """Give what a function's `yield from` are given."""
        if place not in self._operands:
            code = self.code(place)
            waits = code.waits if code else ()
            found = tuple(
                self.awaited.operand(place, each, code.made if code else {})
                for each in waits
            )
            if self._assumed:
                return found
            self._operands[place] = found
        return self._operands[place]

    def made(self, place: Place) -> int:
        """Tell whether what decorators make of a coroutine function gives one still.

        One of the project's own counts by the functions inside it: what it makes is
        one of them.
        """
        path, _ = place
        scope = self.scope(place)
        level = AWAITABLE
        for said in scope.decorators:
            if said == self.decorator(place):
                break
            what = self.values.of(path, scope.parent, said.partition("(")[0])
            if what is None:
                level = max(level, UNKNOWN)
            elif what.kind == value.FUNCTION and what.scope >= 0:
                inner = [
                    (what.path, index)
                    for index, each in enumerate(self.project.files[what.path].scopes)
                    if each.kind == facts.FUNCTION
                    and self.project.enclosing(what.path, each.parent, _FUNCTION)
                    == what.scope
                ]
                kinds = {self.kind(each) for each in inner}
                if "generator" in kinds or self._is_generator(inner):
                    level = PLAIN
                elif not kinds:
                    level = max(level, UNKNOWN)
            elif not what.name.startswith(_NEUTRAL):
                level = max(level, UNKNOWN)
        return level

    def _is_generator(self, places: list[Place]) -> bool:
        return any(
            self.scope(each).yields
            and not self.scope(each).is_async
            and not self.is_decorated(each)
            for each in places
        )

    # -- functions by name -----------------------------------------------------

    def named(self, name: str) -> tuple[Place, ...]:
        """Give the methods of the project of one name."""
        if name not in self._named:
            found = []
            for path, known in self.project.files.items():
                if not known.holds(name):
                    continue
                for index, scope in enumerate(known.scopes):
                    if scope.kind == facts.FUNCTION and scope.name == name:
                        if known.scopes[scope.parent].kind == facts.CLASS:
                            found.append((path, index))
            self._named[name] = tuple(found)
        return self._named[name]

    def overriders(self, place: Place) -> tuple[Place, ...]:
        """Give the methods of subclasses that take a method's place."""
        instead = self.model.users.instead(place)
        found = ((p, self.values.bindings.defined(p, each)) for p, each in instead)
        return tuple(each for each in found if each[1] >= 0)


def kinds(model: Model) -> Kinds:
    """Give the kinds of a project's functions, the same for all its sites."""
    return model.once("legacy kinds", partial(Kinds, model))
