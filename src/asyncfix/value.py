"""What a thing is: the values that the project model speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from asyncfix.steps import Type

# Kinds of value.
(
    MODULE,
    CLASS,
    FUNCTION,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
    COROUTINE,
    ITERATOR,
    CONTEXT,
    TUPLE,
    MAPPING,
    PARTIAL,
    NOTHING,
    TYPE,
) = range(14)

_LISTS = frozenset(
    [
        "list",
        "set",
        "frozenset",
        "Iterable",
        "Iterator",
        "Sequence",
        "Collection",
        "List",
        "Set",
        "FrozenSet",
        "MutableSequence",
        "deque",
        "AsyncIterator",
        "AsyncIterable",
        "Generator",
        "AsyncGenerator",
        "AbstractSet",
    ]
)
_MAPPINGS = frozenset(
    [
        "dict",
        "Dict",
        "Mapping",
        "MutableMapping",
        "defaultdict",
        "DefaultDict",
        "OrderedDict",
    ]
)
_AWAITABLES = frozenset(["Awaitable", "Coroutine", "Future", "Task"])
_CONTEXTS = frozenset(
    [
        "ContextManager",
        "AbstractContextManager",
        "AsyncContextManager",
        "AbstractAsyncContextManager",
    ]
)

# The name of an object or class that stands for `super()` in it.
SUPER = "super"


class Value(NamedTuple):
    """What a thing is. `path` and `scope` are set for what the project defines.

    `name` is the qualified name of what is outside, or what an alias of a type
    says where `path` and `scope` are; `inner` holds the values
    of what a coroutine, an iterator, a context manager or a tuple gives.
    """

    kind: int
    name: str = ""
    path: str = ""
    scope: int = -1
    inner: tuple[Value | None, ...] = ()

    @property
    def is_awaitable(self) -> bool:
        """Tell whether it is a coroutine, a future or a task."""
        futures = ("asyncio.Future", "asyncio.Task")
        return self.kind == COROUTINE or self.name in futures

    @property
    def is_function(self) -> bool:
        """Tell whether it is a function of the project: see `path` and `scope`."""
        return self.kind == FUNCTION

    @property
    def is_outside(self) -> bool:
        """Tell whether it is something of a library: see `name`."""
        return self.kind == OUTSIDE

    @property
    def is_code(self) -> bool:
        """Tell whether it is a module, a class or a function."""
        return self.kind in (MODULE, CLASS, FUNCTION, OUTSIDE)


NONE = Value(NOTHING)


def same(values: Iterable[Value | None]) -> Value | None:
    """Give the one value that all agree on; `None` in the code adds nothing."""
    found: Value | None = NONE
    for value in values:
        if value is None:
            return None
        if value.kind == NOTHING:
            continue
        if found is not None and found.kind != NOTHING and found != value:
            return None
        found = value
    return found


def generic(last: str, made: list[Value | None]) -> Value | None:
    if last in _LISTS:
        return Value(ITERATOR, inner=(made[0] if made else None,))
    if last in _MAPPINGS:
        key, given = (*made, None, None)[:2]
        return Value(MAPPING, inner=(key, given))
    if last in _AWAITABLES:
        return Value(COROUTINE, inner=(made[-1] if made else None,))
    if last in _CONTEXTS:
        return Value(CONTEXT, inner=(made[0] if made else None,))
    if last in ("tuple", "Tuple"):
        return Value(TUPLE, inner=tuple(made))
    return None


def outside_type(said: Type, owner: str) -> Value | None:
    name, parts = said
    inner = [outside_type(each, owner) for each in parts]  # type: ignore[arg-type]  # a Type holds Types, which its own type cannot say
    container = generic(name, inner) if parts else None
    if container is not None:
        return container
    if name == "Self":
        return Value(OUTSIDE_OBJECT, owner)
    return Value(OUTSIDE_OBJECT, name) if "." in name else None
