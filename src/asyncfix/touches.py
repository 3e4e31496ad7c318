"""What a function touches: places, where expressions come from, summaries.

A place is somewhere that others can reach: what an argument holds, a module's
name, a variable of the function around. It is said in the words of one
function; `handed` says it in the words of who calls that function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

# Roots of places. RESULT is what a call gave of which nothing is known; LOCAL is
# an object that the function made itself, named only where its calls are asked for.
ARGUMENT, GLOBAL, OUTER, RESULT, LOCAL = range(5)
# How a place is touched. ITERATED: gone through, or handed to a library to read.
READ, ITERATED, WRITTEN = range(3)
# What is known of a value: nothing; a container of Python's own; an object that a
# harmless library made; a text, a number, a date, or a container of such only.
UNKNOWN, CONTAINER, LIBRARY, PLAIN = range(4)

_LONGEST = 5
_MOST_PLACES = 12
_MOST_TOUCHES = 400

Field = tuple[str, int, str]
"""An attribute of a class of the project: file, scope of the class, name."""


class Step(NamedTuple):
    """One call on the way to what is touched: who is called, and where."""

    name: str
    path: str
    line: int


class Place(NamedTuple):
    """A place: the name it starts from, and `.x` and `[k]` steps from there.

    `field` tells whose attribute the last `.x` is, where that is known.
    """

    root: int
    name: str
    steps: tuple[str, ...] = ()
    field: Field | None = None

    @property
    def is_result(self) -> bool:
        """Tell whether it is in something of which nothing is known."""
        return self.root == RESULT

    @property
    def is_outer(self) -> bool:
        """Tell whether it starts from a name of the module, or of a function around."""
        return self.root in (GLOBAL, OUTER)

    def shown(self) -> str:
        """Give the place as code would write it, or in words what has no name."""
        steps = "".join(self.steps)
        if steps[:1] == "." and " " in self.name:
            return f"{steps[1:]} of {self.name}"
        return self.name.rpartition(":")[2] + "".join(self.steps)

    def then(self, steps: tuple[str, ...], field: Field | None = None) -> Place:
        """Give what some steps lead to from here; too many are cut."""
        if not steps:
            return self
        every = (*self.steps, *steps)
        if len(every) > _LONGEST:
            every, field = every[:_LONGEST], None
        return Place(self.root, self.name, every, field)


Places = frozenset[Place]
_NO_PLACES: Places = frozenset()


class Origin(NamedTuple):
    """Where the value of an expression may come from.

    `places` are those that may hold the object itself: none for one that was
    made here. `inside` are those that what is in it may come from.
    """

    places: Places = _NO_PLACES
    inside: Places = _NO_PLACES
    plain: int = UNKNOWN

    def then(self, step: str, field: Field | None = None) -> Origin:
        """Give where an attribute or an element of it comes from."""
        # An element is of the attribute that holds it.
        places = {
            each.then((step,), each.field if step[0] == "[" else field)
            for each in self.places
        } | self.inside
        plain = PLAIN if self.plain == PLAIN else UNKNOWN
        return Origin(_few(places), self.inside, plain)


OWN = Origin()
TEXT = Origin(plain=PLAIN)
SOMETHING = Origin(frozenset((Place(RESULT, "what a call gives"),)))


def in_order(places: Places) -> Iterable[Place]:
    """Give places in the same order in every run, as sets of texts do not."""
    return sorted(places, key=_order) if len(places) > 1 else places


def _order(place: Place) -> tuple[str, int, str, str]:
    said = place.name.rpartition(":")[2] + "".join(place.steps)
    return said, place.root, place.name, repr(place.field)


def _few(places: Iterable[Place]) -> Places:
    """Keep the number of places small: of too many, their roots stand for them."""
    found = frozenset(places)
    if len(found) > _MOST_PLACES:
        found = frozenset(Place(each.root, each.name, ("[*]",)) for each in found)
    return found


def either(origins: Iterable[Origin]) -> Origin:
    """Give an origin that may be any of some; none of them: made here."""
    every = list(origins)
    if not every:
        return OWN
    return Origin(
        _few(place for each in every for place in each.places),
        _few(place for each in every for place in each.inside),
        min(each.plain for each in every),
    )


def holding(origins: Iterable[Origin], plain: int = UNKNOWN) -> Origin:
    """Give a new object that holds some others."""
    every = [each for each in origins if each.plain != PLAIN or each.places]
    inside = {place for each in every for place in each.places | each.inside}
    if plain == PLAIN and inside:
        plain = CONTAINER
    return Origin(inside=_few(inside), plain=plain)


class Touch(NamedTuple):
    """A place that is read or written, where, and through which calls."""

    place: Place
    how: int
    path: str
    line: int
    via: tuple[Step, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Tell whether the place is read, and what is in it is not gone through."""
        return self.how == READ

    @property
    def what(self) -> str:
        """Give the place as code would write it."""
        return self.place.shown()


class Item(NamedTuple):
    """Something that is done: what, where, and through which calls.

    `up` tells how many callers up are the frames that it looks at;
    `place` is where the object comes from that it is done with.
    """

    what: str
    path: str
    line: int
    via: tuple[Step, ...] = ()
    up: int = 0
    place: Place | None = None


class Summary(NamedTuple):
    """All that a call of a function touches, whatever it calls in turn.

    What is not listed is not touched: what cannot be followed is in `unknown`.
    """

    reads: tuple[Touch, ...] = ()
    writes: tuple[Touch, ...] = ()
    loop: tuple[Item, ...] = ()
    """Uses of asyncio's own objects and functions, and of anyio's."""
    contexts: tuple[Item, ...] = ()
    """Context variables that are set or reset."""
    context_reads: tuple[Item, ...] = ()
    exceptions: tuple[Item, ...] = ()
    """Looks at the exception that is being handled, outside of an own `except`."""
    frames: tuple[Item, ...] = ()
    """Looks at frames of callers that are not on the way."""
    stops: tuple[Item, ...] = ()
    """Where StopIteration may escape from."""
    threads: tuple[Item, ...] = ()
    """Uses of objects made elsewhere that belong to one thread; of signals and such."""
    drivers: tuple[Item, ...] = ()
    """Uses of connections made elsewhere: databases, caches, brokers."""
    unknown: tuple[Item, ...] = ()
    """Calls of which nothing is known."""
    generator: bool = False
    """The function is a generator: a call of it runs nothing yet."""
    returns: Origin = OWN


EMPTY = Summary()
_LISTS = tuple(each for each in Summary._fields if each not in ("generator", "returns"))


def handed(place: Place, given: Mapping[str, Origin] | None) -> Iterator[Place]:
    """Say a place of a called function in the words of its caller.

    `given` are the caller's arguments by the names of the parameters; None, or
    a parameter that is not in it: it may be anything.
    """
    if place.root != ARGUMENT:
        yield place
        return
    origin = None if given is None else given.get(place.name)
    if origin is None:
        yield Place(RESULT, place.name, place.steps, place.field)
        return
    for each in in_order(origin.places):
        # Elements only: whose attribute it is, the caller's place says.
        deeper = any(step[:1] == "." for step in place.steps)
        yield each.then(place.steps, place.field if deeper else each.field)
    if len(place.steps) > 1:
        field = place.field if len(place.steps) > 2 else None
        for each in in_order(origin.inside):
            yield each.then(place.steps[1:], field or place.field)


class Gathered:
    """Collects what one function touches; gives its `Summary`."""

    def __init__(self) -> None:
        self._found: dict[str, dict[object, Touch | Item]] = {
            name: {} for name in _LISTS
        }

    def add(self, kind: str, item: Item) -> None:
        """Note something that is done; the same twice counts once."""
        key = item.what, item.path, item.line, item.place
        self._put(self._found[kind], key, item)

    def _put(
        self, found: dict[object, Touch | Item], key: object, new: Touch | Item
    ) -> bool:
        """Keep the shortest way to each thing; tell whether there was room."""
        known = found.get(key)
        if known is None and len(found) >= _MOST_TOUCHES:
            return False
        if known is None or len(new.via) < len(known.via):
            found[key] = new
        return True

    def touch(self, touch: Touch) -> None:
        """Note a place that is touched; each place once for each way."""
        kind = "writes" if touch.how == WRITTEN else "reads"
        key = touch.place, touch.how
        if not self._put(self._found[kind], key, touch):
            self.add("unknown", Item("too much to follow", touch.path, touch.line))

    def summary(self, generator: bool, returns: Origin) -> Summary:
        """Give all that was noted."""
        lists = {name: tuple(found.values()) for name, found in self._found.items()}
        return Summary(**lists, generator=generator, returns=returns)  # type: ignore[arg-type]  # each field by its name


def merged(summaries: list[Summary]) -> Summary:
    """Give what any of some calls may touch."""
    if not summaries:
        return EMPTY
    if len(summaries) == 1:
        return summaries[0]
    gathered = Gathered()
    for summary in summaries:
        for touch in (*summary.reads, *summary.writes):
            gathered.touch(touch)
        for kind in (
            "loop", "contexts", "context_reads", "exceptions", "frames", "stops",
            "threads", "drivers", "unknown",
        ):  # fmt: skip
            for item in getattr(summary, kind):
                gathered.add(kind, item)
    return gathered.summary(any(each.generator for each in summaries), OWN)
