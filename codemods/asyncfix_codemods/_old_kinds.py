"""Which functions are coroutines of older days, and what can be awaited.

Source of facts: CPython 3.8's `asyncio/coroutines.py` and `types.py`. A generator
under `@asyncio.coroutine` can be awaited; a generator without it cannot, though the
event loop of Python 3.11 and older runs it all the same; and a coroutine of an
`async def` cannot be given to `yield from` in a generator without decorator.
"""

from __future__ import annotations

import ast
from functools import partial
from typing import NamedTuple

from asyncfix import Model, Place, facts, value
from asyncfix_codemods import _old_code

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
# Methods of event loops and streams that no other library has under these names.
_OF_LOOPS = frozenset(
    ("run_in_executor", "create_connection", "create_datagram_endpoint",
     "create_server", "create_task", "create_unix_connection", "create_unix_server",
     "getaddrinfo", "getnameinfo", "sock_accept", "sock_connect", "sock_recv",
     "sock_sendall", "subprocess_exec", "subprocess_shell", "connect_read_pipe",
     "connect_write_pipe", "wait_closed", "drain", "readexactly", "readuntil",
     "create_future", "async")
)  # fmt: skip
# How an operand was understood, the worst last.
_NEVER_AWAITED = (
    value.TUPLE, value.MAPPING, value.FUNCTION, value.CLASS, value.MODULE,
)  # fmt: skip
_OF_GENERATORS = frozenset(
    ("Generator", "GeneratorType", "isgenerator", "isgeneratorfunction", "next", "send")
)
_GUESSED = ("bare", "generator")
AWAITABLE, LIKELY, UNKNOWN, PLAIN = range(4)
_DEEPEST = 8


class Operand(NamedTuple):
    """What a `yield from` is given, as far as it is known."""

    given: _old_code.Given
    level: int
    places: tuple[Place, ...] = ()
    """The functions of the project whose result it may be."""


class Kinds:
    """The coroutines of older days in a project."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.project = model.project
        self.values = model.values
        self.asks = model.settings.target >= GONE
        """What is returned may be asked whether it can be awaited: the old form is no
        choice any more."""
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
                self.operand(place, each, code.made if code else {}) for each in waits
            )
            if self._assumed:
                return found
            self._operands[place] = found
        return self._operands[place]

    # -- what can be awaited ---------------------------------------------------

    def operand(
        self,
        place: Place,
        given: _old_code.Given,
        made: dict[str, _old_code.Given | None],
        depth: int = 0,
    ) -> Operand:
        """Tell whether a value in a function's code can be awaited."""
        path, scope = place
        if given.kind == "plain":
            return Operand(given, PLAIN)
        if given.kind == "name":
            known = made.get(given.said)
            if known is not None and depth < _DEEPEST:
                found = self.operand(place, known, made, depth + 1)
                return found._replace(given=given)
            what = self.values.of(path, scope, given.said)
            return Operand(given, self._of_object(what))
        if given.kind == "element":
            what = self.values.of(path, scope, given.said)
            of_tasks = what is not None and what.name == "asyncio.as_completed"
            return Operand(given, AWAITABLE if of_tasks else UNKNOWN)
        if given.kind != "call":
            return Operand(given, UNKNOWN)
        what = self.values.of(path, scope, given.said) if given.said else None
        if what is None:
            level = PLAIN if self._is_lambda(place, given.said) else UNKNOWN
            return self._by_name(given) if level == UNKNOWN else Operand(given, level)
        if what.kind == value.FUNCTION and what.scope >= 0:
            return self._of_function(given, (what.path, what.scope), depth)
        if what.kind == value.CLASS and what.path:
            return Operand(given, self._of_object(what._replace(kind=value.OBJECT)))
        if what.kind == value.OUTSIDE:
            root = what.name.partition(".")[0]
            if root == "asyncio":
                return Operand(given, AWAITABLE)
            if root in ("builtins", "itertools"):
                return Operand(given, PLAIN)
        return Operand(given, UNKNOWN)

    def _is_lambda(self, place: Place, said: str) -> bool:
        """Tell whether a name means a lambda that is a generator."""
        path, scope = place
        lines = {each.line for each in self.project.visible(path, scope, said)}
        return any(
            each.kind == facts.LAMBDA and each.yields and each.line in lines
            for each in self.project.files[path].scopes
        )

    def returned(self, place: Place, given: _old_code.Given, depth: int = 0) -> Operand:
        """Tell whether the decorator of a function without `yield` awaits a value.

        AWAITABLE: it does; PLAIN: it does not; LIKELY: an object of a class, by its
        name, which it hardly does; UNKNOWN.
        """
        path, scope = place
        if given.kind == "plain":
            return Operand(given, PLAIN)
        if given.kind == "name":
            code = self.code(place)
            known = code.made.get(given.said) if code else None
            if known is not None and depth < _DEEPEST:
                return self.returned(place, known, depth + 1)
            what = self.values.of(path, scope, given.said)
            return Operand(given, self._kept(what))
        if given.kind != "call":
            return Operand(given, UNKNOWN)
        what = self.values.of(path, scope, given.said) if given.said else None
        last = given.said.rpartition(".")[2]
        if what is not None and what.kind == value.FUNCTION and what.scope >= 0:
            return self._of_function(given, (what.path, what.scope), depth)
        if what is not None and what.kind == value.CLASS and what.path:
            return Operand(given, self._kept(what._replace(kind=value.OBJECT)))
        if last in _OF_LOOPS:
            return Operand(given, AWAITABLE)
        name = what.name if what is not None and what.kind == value.OUTSIDE else ""
        if name.startswith("builtins."):
            return Operand(given, PLAIN)
        if name.startswith("asyncio.") and (last[:1].islower() or last == "Future"):
            return Operand(given, AWAITABLE)
        return Operand(given, LIKELY if last[:1].isupper() else UNKNOWN)

    def _kept(self, what: value.Value | None) -> int:
        """Tell whether an object is given on as it is."""
        if what is not None and what.kind == value.OBJECT and what.path:
            klass = what._replace(kind=value.CLASS)
            if self.values.classes.member(klass, "__await__") is not None:
                return UNKNOWN
            lines = self.values.classes.line(what.path, what.scope)
            known = all(each and (each.path or _is_plain(each)) for each in lines)
            return PLAIN if known else LIKELY
        if what is not None and what.kind == value.OUTSIDE_OBJECT:
            if what.name in ("asyncio.Future", "asyncio.Task"):
                return AWAITABLE
            if what.name.startswith("builtins."):
                return PLAIN
        return PLAIN if what and what.kind in _NEVER_AWAITED else UNKNOWN

    def _of_object(self, what: value.Value | None) -> int:
        if what is None:
            return UNKNOWN
        if what.kind == value.COROUTINE:
            return AWAITABLE
        if what.kind == value.OUTSIDE_OBJECT and what.name.startswith("asyncio."):
            return AWAITABLE
        if what.kind in (value.TUPLE, value.MAPPING):
            return PLAIN
        if what.kind == value.OBJECT:
            klass = what._replace(kind=value.CLASS)
            lines = self.values.classes.line(what.path, what.scope)
            if self.values.classes.member(klass, "__await__") is not None:
                return AWAITABLE
            if None not in lines and all(each and each.path for each in lines):
                if self.values.classes.member(klass, "__iter__") is not None:
                    return PLAIN
        return UNKNOWN

    def _of_function(self, given: _old_code.Given, place: Place, depth: int) -> Operand:
        above = given.said.startswith("super()")
        every = [place, *(() if above else self.overriders(place))]
        code = self.code(place) if self.kind(place) == "sync" else None
        if code is not None and code.is_empty and len(every) > 1:
            every = every[1:]  # it is there to be replaced
        level, places = AWAITABLE, list[Place]()
        for each in every:
            found = self._result(given, each, depth)
            level = max(level, found.level)
            places += found.places
        return Operand(given, level, tuple(dict.fromkeys(places)))

    def _result(self, given: _old_code.Given, place: Place, depth: int) -> Operand:
        """Tell what calling a function gives."""
        kind = self.kind(place)
        if kind in ("asyncio", "types", "native", "bare"):
            return Operand(given, self.made(place), (place,))
        if kind == "generator":
            return Operand(given, PLAIN, (place,))
        code = self.code(place)
        if code is None or depth >= _DEEPEST or not code.returns:
            return Operand(given, UNKNOWN)
        level, places = AWAITABLE, list[Place]()
        for each in code.returns:
            found = self.operand(place, each, code.made, depth + 1)
            level = max(level, found.level)
            places += found.places
        return Operand(given, level, tuple(places))

    def _by_name(self, given: _old_code.Given) -> Operand:
        """Tell what calling a method of an object gives that is not known."""
        last = given.said.rpartition(".")[2]
        if last in _OF_LOOPS:
            return Operand(given, LIKELY)
        if not given.said or "." not in given.said:
            return Operand(given, UNKNOWN)
        # Nobody waits for what a plain function gives.
        places = tuple(e for e in self.named(last) if self.kind(e) != "sync")
        if not places or any(self.kind(each) == "generator" for each in places):
            return Operand(given, UNKNOWN, places)
        return Operand(given, LIKELY, places)

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
        path, _ = place
        scope = self.scope(place)
        if self.project.files[path].scopes[scope.parent].kind != facts.CLASS:
            return ()
        base = value.Value(value.CLASS, path=path, scope=scope.parent)
        return tuple(
            each
            for each in self.named(scope.name)
            if each != place
            and base in self.values.classes.line(each[0], self.scope(each).parent)
        )


def _is_plain(base: value.Value) -> bool:
    return base.name.startswith(("builtins.", "abc."))


def kinds(model: Model) -> Kinds:
    """Give the kinds of a project's functions, the same for all its sites."""
    return model.once("legacy kinds", partial(Kinds, model))
