"""What a codemod is made of: the public door's classes.

A codemod declares what it looks for and which guards its rewrite needs, says
what it has found, and turns one LibCST node into another. The engine finds
the site, asks the guards, edits imports, puts the node in, proves and writes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from asyncfix.facts import Use
from asyncfix.model import AsyncfixError, Doubt, Level, Settings
from asyncfix.reach import Chain

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix.context import Context, Model
    from asyncfix.slices import Slice

Result = TypeVar("Result")


class SiteError(Exception):
    """A site that cannot be judged or rewritten; costs its file, not the run."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Site(NamedTuple):
    """One place that the facts point at.

    `kind` is `call`, `value`, `statement`, or one of two more kinds of call: `method`,
    found by the type of its receiver, and `blocking`. `wanted` is the qualified name the
    codemod asked for, or of what blocks; `function` is the scope of the
    `async def` around the place, or the place's own scope where there is none;
    `chain` is how a blocking call gets there.
    """

    path: str
    use: Use
    kind: str
    wanted: str
    function: int
    chain: Chain | None = None


class Names:
    """The names that a rewrite may use at its site.

    `names["asyncio"]` is the local name of asyncio, or of anyio in code that
    runs on anyio; `framework` tells which of the two it is.
    """

    __slots__ = ("framework", "local")

    def __init__(self, local: Mapping[str, str], framework: str = "asyncio") -> None:
        self.local = local
        self.framework = framework

    def __getitem__(self, module: str) -> str:
        return self.local[module]


Make = Callable[["Slice", Names], "Sequence[cst.CSTNode]"]
"""Gives the nodes that take the place of a part's nodes."""


class Part(NamedTuple):
    """One run of code that a fix replaces; all parts of a fix land, or none.

    Args:
        nodes: one expression, or statements that follow each other in one block.
            Empty for statements that are only added, see `prelude`.
        make: gives the new nodes; it gets the old ones as a `Slice`.
        context: where the part stands, if that is not the site itself; its names
            are looked up there, and it may be in another file.
        prelude: source of one statement for the module's top level, below the
            imports; added once per file, left out where it stands there already.
            Where it names a module, it is made of the names of the part.
        guards: what must hold where the part stands, if it has a context of its own.
        needs: the modules that its code names, if they are not the plan's.
        free: nodes of the old code that the new code may hold not at all, or more
            than once. All else has to be found again, but for the mended function.
        early: nodes of the old code that the new code has at an earlier place.
        gone: names besides the call's own that the new code does not say any more;
            their import goes where nothing else needs it.
    """

    nodes: tuple[ast.AST, ...]
    make: Make
    context: Context | None = None
    prelude: str | Callable[[Names], str] = ""
    guards: tuple[str, ...] = ()
    needs: tuple[str, ...] | None = None
    free: tuple[ast.AST, ...] = ()
    early: tuple[ast.AST, ...] = ()
    gone: tuple[str, ...] = ()


class Plan(NamedTuple):
    """A codemod's wish for a site, before any guard has spoken.

    Args:
        message: what is wrong, in one sentence.
        by_hand: the code to write where the fix is not made.
        level: the level of the fix where every guard holds.
        change: what the fix changes besides the wished-for, if anything.
        needs: the modules the new code names; the engine sees to the imports.
        doubts: what the codemod itself found to hold the fix back.
        guards: ids of guards that this fix needs besides those of its codemod.
        parts: what the fix replaces, where that is not the site's own call alone.
        key: fixes of one key are one and the same fix, made once; it cures all
            findings that have it. Empty for a fix of its own.
        stands: where the new await will stand, if not at the site: guards are
            asked at the first node, A3 at the others as well.
        moves: the statement or expression that goes to a thread as a whole, if any.
        keeps: the target in it that is assigned in the coroutine all the same.
    """

    message: str
    by_hand: str
    level: Level = Level.SAFE
    change: str = ""
    needs: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    guards: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    key: str = ""
    stands: tuple[ast.expr | ast.stmt, ...] = ()
    moves: ast.stmt | ast.expr | None = None
    keeps: ast.expr | None = None
    without: tuple[str, ...] = ()
    """Ids of guards of its codemod that this fix does not need."""


class Codemod:
    """One anti-pattern and its cure. Subclass it in a module of a pack.

    The docstring is the codemod's page: a first line, then `Before:`,
    `After:` and `Safety:`; the example is run as a test.
    """

    name: ClassVar[str]
    """The anti-pattern in kebab-case, as in `blocking-sleep`."""
    calls: ClassVar[tuple[str, ...]] = ()
    """Qualified names of callables; a call of one in a coroutine is a site."""
    methods: ClassVar[tuple[str, ...]] = ()
    """Qualified names of methods, as in `asyncio.AbstractEventLoop.run_in_executor`;
    a call in a coroutine on an object of the class, or of one below it, is a site."""
    blocking: ClassVar[bool] = False
    """Every call in a coroutine that blocks, itself or through others, is a site."""
    guards: ClassVar[tuple[str, ...]] = ()
    """Ids of the guards that must hold, asked in this order."""
    restructures: ClassVar[bool] = False
    """Its fixes turn code round, so that old and new are not compared (see `kept`):
    only its cases, and runs before and after, say that nothing is lost."""
    noqa: ClassVar[tuple[str, ...]] = ()
    """Codes and names of other linters' rules whose comments silence this codemod."""

    def search(self, model: Model, path: str) -> Iterable[Site]:
        """Give sites of a file that `calls` and `blocking` cannot tell.

        Asked for every file: it goes by facts, and rules most files out by
        `facts.holds(word)`. What it says of a file may depend on that file
        and on those that it imports, on no others.
        """
        return ()

    def rules_for(self, site: Site) -> Iterable[str]:
        """Give those of `noqa` that mean this site.

        Asked where a comment speaks of more than a line: what it names is not all
        that the codemod finds there.
        """
        return self.noqa

    def judge(self, context: Context) -> Plan | None:
        """Say what to do about a site; None if it is no finding at all.

        What is worked out for other sites, too, goes through `model.once`: after an
        edit it must be known whose answers went by what.
        """
        raise NotImplementedError(f"{type(self).__name__}.judge")

    def rewrite(self, node: cst.Call, names: Names) -> cst.BaseExpression:
        """Give the LibCST node that takes the place of the site's node."""
        raise NotImplementedError(f"{type(self).__name__}.rewrite")

    def page(self) -> str:
        """Give the codemod's page: its docstring without the indentation."""
        import inspect  # 10 ms, which a run that shows no page saves

        return inspect.cleandoc(type(self).__doc__ or "")

    def summary(self) -> str:
        """Give the first line of the page."""
        return self.page().partition("\n")[0]


def by_names(codemods: Iterable[Codemod], settings: Settings) -> tuple[Codemod, ...]:
    """Give the codemods that the settings select.

    Raises AsyncfixError for a name that no codemod has.
    """
    every = {codemod.name: codemod for codemod in codemods}
    for name in (*settings.select, *settings.ignore):
        if name not in every:
            known = ", ".join(sorted(every)) or "none"
            raise AsyncfixError(f"no codemod is called {name!r} (there is: {known})")
    chosen = settings.select or tuple(every)
    return tuple(every[n] for n in sorted(chosen) if n not in settings.ignore)


def attempt(
    codemod: Codemod, line: int, work: Callable[[], Result], what: str
) -> Result:
    """Let a codemod work on one site.

    Raises SiteError, which names the codemod, for anything that goes wrong in
    it: a pack of somebody else must not be able to end the run.
    """
    try:
        return work()
    except SiteError:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise SiteError(
            line, f"{codemod.name} failed to {what} this site: {kind}: {error}"
        ) from error
