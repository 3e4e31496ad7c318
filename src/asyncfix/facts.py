"""Facts: what one file says by itself, small enough to send and to keep.

Plain tuples of strings and numbers, so that they cross process borders and
can be stored without running anybody's code when they are read back. Names
are kept as written (`t.sleep`); what they mean is the link stage's answer.

Lines count from 1 and columns are UTF-8 byte offsets from 0, as in CPython's
`ast` (https://docs.python.org/3/library/ast.html#ast.AST.col_offset).
"""

from __future__ import annotations

import marshal
from typing import Any, NamedTuple

# Kinds of scope. TYPE is the scope of PEP 695 type parameters.
MODULE, CLASS, FUNCTION, LAMBDA, COMPREHENSION, GENERATOR, TYPE = range(7)

# Kinds of binding.
IMPORT, FROM, STAR, DEF, CLASSDEF, PARAMETER, ALIAS, ASSIGNED, CAPTURE = range(9)

# Flags of a binding: where in its scope it stands.
CONDITIONAL, TYPE_CHECKING = 1, 2


class Scope(NamedTuple):
    """A scope, its place in the tree of scopes, and its decorators."""

    kind: int
    name: str
    parent: int
    line: int
    is_async: bool
    decorators: tuple[str, ...]
    bases: tuple[str, ...]
    suspends: bool
    """The function itself holds an `await`, `async for` or `async with`."""


class Binding(NamedTuple):
    """One way a name gets its value in a scope.

    `target` is the module for IMPORT (`os.path`), module and name for FROM
    (`.compat:sleep`, dots for relative imports), the module for STAR, and the
    dotted expression for ALIAS (`nap = time.sleep`).
    """

    scope: int
    name: str
    kind: int
    target: str
    line: int
    flags: int


class Use(NamedTuple):
    """A dotted name that is called (a call), or read (a reference).

    A step that is not a name is written `?`: `?.json` for `get(u).json()`.
    """

    scope: int
    name: str
    line: int
    col: int
    end_line: int
    end_col: int


class Patch(NamedTuple):
    """A place that replaces something by name: tests, mostly.

    `target` is the dotted string, or, where `scope` is not -1, a dotted
    expression of that scope (`monkeypatch.setattr(time, "sleep", ...)`). Of a
    string that is put together only the end may be known: `*.time.sleep`.
    """

    scope: int
    target: str
    line: int


class Opaque(NamedTuple):
    """A top-level statement that the running interpreter cannot parse.

    `names` are the names that it may bind, `words` all names in it.
    """

    line: int
    end_line: int
    names: tuple[str, ...]
    words: tuple[str, ...]


class Facts(NamedTuple):
    """All that the scan of one file has learnt."""

    path: str
    digest: bytes
    scopes: tuple[Scope, ...]
    bindings: tuple[Binding, ...]
    calls: tuple[Use, ...]
    references: tuple[Use, ...]
    patches: tuple[Patch, ...]
    frozen: tuple[int, ...]
    """Lines of `freeze_time(...)` without `real_asyncio=True`."""
    driven: tuple[Use, ...]
    """Calls whose coroutine is stepped by hand: `f().send(None)`."""
    exported: tuple[str, ...]
    """The strings of `__all__`."""
    opaque: tuple[Opaque, ...]
    generated: bool
    lines: int


_PARTS: dict[str, Any] = {
    "scopes": Scope,
    "bindings": Binding,
    "calls": Use,
    "references": Use,
    "patches": Patch,
    "driven": Use,
    "opaque": Opaque,
}


def pack(facts: Facts) -> bytes:
    """Give facts as bytes that hold plain data only, much faster than pickle."""
    plain = facts._asdict()
    for name in _PARTS:
        plain[name] = tuple(map(tuple, plain[name]))
    return marshal.dumps(plain)


def unpack(data: bytes) -> Facts:
    """Give the facts that `pack` made bytes of, on the same Python."""
    plain: dict[str, Any] = marshal.loads(data)
    for name, kind in _PARTS.items():
        plain[name] = tuple(map(kind._make, plain[name]))
    return Facts(**plain)
