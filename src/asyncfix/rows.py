"""The words of facts: what a file says by itself, as plain tuples.

They cross process borders, and can be stored without running anybody's code when they
are read back. Names are kept as written (`t.sleep`); what they mean is the link stage's
answer.

Lines count from 1 and columns are UTF-8 byte offsets from 0, as in CPython's
`ast` (https://docs.python.org/3/library/ast.html#ast.AST.col_offset).

What is not a plain name is written as a name with steps behind it, read from
left to right, in `Use.name` and in `Binding.target` alike:

    a.b     an attribute            a()     what a call gives
    a!      what awaiting it gives  a[]     any element by subscript
    a@      `with a as x`           a@@     `async with a as x`
    a*      `for x in a`            a**     `async for x in a`
    a#1     the second of a tuple   a/      `a / ...`, as of paths
    a|b     one of the two          %p%a    `p(a, ...)` where p is some partial
    :T      annotated with T        =T      another name of the type T
    ?       anything else
"""

from __future__ import annotations

from typing import NamedTuple

from asyncfix import packing

# Kinds of scope. TYPE is the scope of PEP 695 type parameters.
MODULE, CLASS, FUNCTION, LAMBDA, COMPREHENSION, GENERATOR, TYPE = range(7)

# Kinds of binding. ATTRIBUTE is `self.x = ...`; RETURNED is what a `return` gives.
(
    IMPORT,
    FROM,
    STAR,
    DEF,
    CLASSDEF,
    PARAMETER,
    ALIAS,
    ASSIGNED,
    CAPTURE,
    ATTRIBUTE,
    RETURNED,
) = range(11)

# Flags of a binding: where in its scope it stands.
CONDITIONAL, TYPE_CHECKING = 1, 2

# How what a call gives is used.
VALUE, AWAITED, WITH, ASYNC_WITH, FOR, ASYNC_FOR, STATEMENT, ARGUMENT = range(8)
# A call told not to wait, such as `lock.acquire(blocking=False)`.
AT_ONCE = 8
# What it gives is what a `return`, a `yield` or a lambda gives.
HANDED_BACK = 9
# It stands in a list or a tuple that is awaited as such.
AWAITED_WITHIN = 10


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
    yields: bool
    """The function itself holds a `yield`: it is a generator."""
    returns: str
    """The return annotation, in the language of `Binding.target`."""
    first: str
    """The name of a function's first positional parameter."""
    end_line: int

    @property
    def is_class(self) -> bool:
        """Tell whether it is the body of a class."""
        return self.kind == CLASS


class Binding(NamedTuple):
    """One way a name gets its value in a scope.

    `target` is the module for IMPORT (`os.path`), module and name for FROM
    (`.compat:sleep`, dots for relative imports), the module for STAR, and
    otherwise what the name gets, as this module's docstring says: the dotted
    name for ALIAS (`nap = time.sleep`), an annotation for PARAMETER (`:Path`),
    `requests.Session()` for ASSIGNED; empty where nothing can be said.
    """

    scope: int
    name: str
    line: int
    kind: int
    target: str
    flags: int


class Use(NamedTuple):
    """A name with steps that is called (a call), or read (a reference)."""

    scope: int
    line: int
    col: int
    end_line: int
    end_col: int
    name: str
    role: int


class Patch(NamedTuple):
    """A place that replaces something by name: tests, mostly.

    `target` is the dotted string, or, where `scope` is not -1, a dotted
    expression of that scope (`monkeypatch.setattr(time, "sleep", ...)`). Of a
    string that is put together only the end may be known: `*.time.sleep`.
    """

    line: int
    scope: int
    target: str


class Opaque(NamedTuple):
    """A top-level statement that the running interpreter cannot parse.

    `names` are the names that it may bind, `words` all names in it.
    """

    line: int
    end_line: int
    names: tuple[str, ...]
    words: tuple[str, ...]


class Head(NamedTuple):
    """What is asked of every file, kept beside the parts; names joined (`packing`)."""

    coroutines: bool
    """There is an `async def`."""
    unseen: tuple[int, ...]
    """Lines of the statements that the running Python cannot parse."""
    generated: bool
    lines: int
    replaces: bool
    """Something is replaced by a name in a string, or the clock is frozen."""
    old_names: tuple[int, ...]
    """Lines where `async` or `await` is a name, as it could be until Python 3.6."""
    imports: str
    renaming: str
    functions: str
    waiting: str

    @property
    def imported(self) -> list[str]:
        """Give the targets of all imports: `os.path`, `.compat:sleep`, `.names:*`."""
        return packing.parted(self.imports)

    @property
    def renames(self) -> list[str]:
        """Give `old new` for each name that an import or an alias gives another name."""
        return packing.parted(self.renaming)

    @property
    def plain(self) -> list[str]:
        """Give the names of the functions that are no coroutines."""
        return packing.parted(self.functions)

    @property
    def lazy(self) -> list[str]:
        """Give the names of `async def`s, and of what is declared to give a coroutine."""
        return packing.parted(self.waiting)
