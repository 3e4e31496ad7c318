"""What can be awaited, of all that a coroutine of older days waits for or returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from asyncfix import Place, facts, value
from asyncfix_codemods import _old_code

if TYPE_CHECKING:
    from asyncfix_codemods._old_kinds import Kinds

# Methods of event loops and streams that no other library has under these names.
_OF_LOOPS = frozenset(
    ("run_in_executor", "create_connection", "create_datagram_endpoint",
     "create_server", "create_task", "create_unix_connection", "create_unix_server",
     "getaddrinfo", "getnameinfo", "sock_accept", "sock_connect", "sock_recv",
     "sock_sendall", "subprocess_exec", "subprocess_shell", "connect_read_pipe",
     "connect_write_pipe", "wait_closed", "drain", "readexactly", "readuntil",
     "create_future", "async")
)  # fmt: skip
_NEVER_AWAITED = (
    value.TUPLE, value.MAPPING, value.FUNCTION, value.CLASS, value.MODULE,
)  # fmt: skip
# How an operand was understood, the worst last.
AWAITABLE, LIKELY, UNKNOWN, PLAIN = range(4)
_DEEPEST = 8


class Operand(NamedTuple):
    """What a `yield from` is given, as far as it is known."""

    given: _old_code.Given
    level: int
    places: tuple[Place, ...] = ()
    """The functions of the project whose result it may be."""


class Operands:
    """What values are to an event loop; asks `Kinds` for what functions are."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.project = kinds.project
        self.values = kinds.values

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
            code = self.kinds.code(place)
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
        every = [place, *(() if above else self.kinds.overriders(place))]
        code = self.kinds.code(place) if self.kinds.kind(place) == "sync" else None
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
        kind = self.kinds.kind(place)
        if kind in ("asyncio", "types", "native", "bare"):
            return Operand(given, self.kinds.made(place), (place,))
        if kind == "generator":
            return Operand(given, PLAIN, (place,))
        code = self.kinds.code(place)
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
        places = tuple(
            e for e in self.kinds.named(last) if self.kinds.kind(e) != "sync"
        )
        if not places or any(self.kinds.kind(each) == "generator" for each in places):
            return Operand(given, UNKNOWN, places)
        return Operand(given, LIKELY, places)


def _is_plain(base: value.Value) -> bool:
    return base.name.startswith(("builtins.", "abc."))
