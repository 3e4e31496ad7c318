"""What a codemod is made of: the public door's classes.

A codemod declares what it looks for and which guards its rewrite needs, says
what it has found, and turns one LibCST node into another. The engine finds
the site, asks the guards, edits imports, puts the node in, proves and writes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, cast

from asyncfix.expressions import describe
from asyncfix.facts import Facts, Use
from asyncfix.link import Answer, Project
from asyncfix.model import AsyncfixError, Doubt, Level, Settings
from asyncfix.reach import Chain, Reach
from asyncfix.reader import Reader
from asyncfix.source import Source
from asyncfix.tree import Tree, dotted
from asyncfix.value import Value
from asyncfix.values import Values

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix.catalog import Catalog
    from asyncfix.confirm import Confirm
    from asyncfix.effects import Effects
    from asyncfix.mentions import Mentions
    from asyncfix.slices import Slice
    from asyncfix.users import Users

# What a model makes for itself.
_PARTS = (
    "awaited_effects", "confirm", "effects", "mentions", "reach", "reader", "users",
    "values",
)  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a rewrite may use at its site.

    `names["asyncio"]` is the local name of asyncio, or of anyio in code that
    runs on anyio; `framework` tells which of the two it is.
    """

    local: dict[str, str]
    framework: str = "asyncio"

    def __getitem__(self, module: str) -> str:
        return self.local[module]


Make = Callable[["Slice", Names], "Sequence[cst.CSTNode]"]
"""Gives the nodes that take the place of a part's nodes."""


@dataclass(frozen=True, slots=True)
class Part:
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
    """

    nodes: tuple[ast.AST, ...]
    make: Make
    context: Context | None = None
    prelude: str | Callable[[Names], str] = ""
    guards: tuple[str, ...] = ()
    needs: tuple[str, ...] | None = None
    free: tuple[ast.AST, ...] = ()
    early: tuple[ast.AST, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
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


class Model:
    """What all sites of a pass share: the project, and what is known through it.

    What costs something is made when it is first asked for.
    """

    def __init__(
        self,
        project: Project,
        catalog: Catalog,
        settings: Settings,
        source: Callable[[str], Source] | None = None,
        whole: bool = False,
        named: Collection[str] | None = None,
    ) -> None:
        """Read files as they were scanned, or as `source` gives them.

        `whole` tells that nearly all files will be asked about; `named` are the
        files that may be written, None for all.
        """
        self._named = named
        self.project = project
        self.whole = whole
        self.catalog = catalog
        self.settings = settings
        self.reader = Reader(project, source)
        self._held: dict[str, Tree] = {}
        self._kept: set[str] = set()
        self._once: dict[object, Any] = {}

    def may_write(self, path: str) -> bool:
        """Tell whether a file is one of those that were named, and not left out."""
        return self._named is None or path in self._named

    def tree(self, path: str) -> Tree:
        """Give a file's tree, the same until it is released.

        Raises LookupError if the file is not what it was.
        """
        tree = self._held.get(path)
        if tree is None:
            tree = self._held[path] = self.reader.tree(path)
        return tree

    def once(self, key: object, work: Callable[[], Result]) -> Result:
        """Give what `work` gives, worked out the first time for this project."""
        if key not in self._once:
            self._once[key] = work()
        found: Result = self._once[key]
        return found

    def release(self) -> None:
        """Let go of the trees of which no fix holds a node."""
        self._held = {path: self._held[path] for path in self._kept}

    def keep(self, path: str) -> None:
        """Keep a file's tree: a fix holds nodes of it."""
        self._kept.add(path)

    def rest(self) -> None:
        """Drop what can be read again; the trees that are kept stay."""
        self.reader.rest()
        for name in ("effects", "awaited_effects"):
            if name in vars(self):
                vars(self)[name].rest()

    def close(self) -> None:
        """Let go of all that was worked out; nothing may be asked any more.

        Its parts know each other, and a run collects no garbage.
        """
        self.rest()
        for name in _PARTS:
            part = vars(self).get(name)
            if part is not None:
                vars(part).clear()
        vars(self).clear()

    @cached_property
    def values(self) -> Values:
        """Give what expressions of the project are."""
        return Values(self.project, self.catalog)

    @cached_property
    def reach(self) -> Reach:
        """Give who blocks through whom."""
        return Reach(
            self.project,
            self.catalog,
            self.settings.severity,
            whole=self.whole,
            values=self.values,
        )

    @cached_property
    def confirm(self) -> Confirm:
        """Give what tells ways that hold from those that do not."""
        from asyncfix.confirm import Confirm

        return Confirm(self.reach, self.reader)

    @cached_property
    def users(self) -> Users:
        """Give who uses the functions of the project."""
        from asyncfix.users import Users

        values, trees = self.reach.values, self.tree
        return Users(self.project, values, self.catalog, trees, is_test)

    @cached_property
    def mentions(self) -> Mentions:
        """Give what else may mean the functions of the project."""
        from asyncfix.mentions import Mentions

        return Mentions(self.users, self.reader, self.tree)

    @cached_property
    def effects(self) -> Effects:
        """Give what functions touch; what they only make a coroutine of is left out."""
        return self._effects(awaits=False)

    @cached_property
    def awaited_effects(self) -> Effects:
        """Give what functions touch, the coroutines that they make included."""
        return self._effects(awaits=True)

    def _effects(self, awaits: bool) -> Effects:
        from asyncfix.effects import Effects

        return Effects(self.project, self.values, self.catalog, self.reader, awaits)


class Context:
    """Everything that a guard or a codemod may ask about one site."""

    def __init__(self, model: Model, site: Site, coloured: bool = False) -> None:
        """Find the site's node. With `coloured`, the function round it is a sync one
        that becomes a coroutine, and is taken for one."""
        self.model = model
        self.coloured = coloured
        self.project = project = model.project
        self.settings = model.settings
        self.site = site
        self.tree = tree = model.tree(site.path)
        self.facts: Facts = project.files[site.path]
        use = site.use
        start, end = (use.line, use.col), (use.end_line, use.end_col)
        self.node: ast.expr | ast.stmt
        if site.kind == "statement":
            self.node = tree.find(ast.stmt, start, end)
        elif site.kind != "value":
            self.node = tree.find(ast.Call, start, end)
        else:
            self.node = tree.find(ast.expr, start, end)
        self.needs: tuple[str, ...] = ()
        """The modules that the new code names; guard N3 asks for each."""
        self.framework = "asyncio"
        """The library whose event loop runs this code; guard E1 sets it."""
        self.ahead = False
        """The new await stands in a statement of its own, before the site's."""
        self.moved: ast.stmt | ast.expr | None = None
        """The statement that goes to a thread as a whole, where not just the call does."""
        self.kept: ast.expr | None = None
        """The target in it that is assigned in the coroutine all the same."""

    @property
    def effects(self) -> Effects:
        """Give what functions touch, worked out where somebody asks."""
        return self.model.effects

    def at(self, node: ast.expr | ast.stmt) -> Context:
        """Give the same context for another node of the same coroutine."""
        there = copy(self)
        there.node = node
        return there

    @cached_property
    def function(self) -> ast.AsyncFunctionDef:
        """Give the coroutine round the site; raises LookupError if there is none."""
        node: ast.AST = self.node
        for above, below in self.tree.ancestors(self.node):
            if isinstance(above, ast.AsyncFunctionDef) and below in above.body:
                return above
            if self.coloured and isinstance(above, ast.FunctionDef):
                if below in above.body:
                    # The two kinds have the same fields.
                    return cast("ast.AsyncFunctionDef", above)
            node = above
        raise LookupError(f"no coroutine round line {getattr(node, 'lineno', 0)}")

    @property
    def call(self) -> ast.Call:
        """Give the site's call; raises TypeError where the site is a value."""
        if not isinstance(self.node, ast.Call):
            raise TypeError("this site is not a call")
        return self.node

    @property
    def spelled(self) -> str:
        """Give the name of the site as the file writes it."""
        return self.site.use.name

    def answers(self, node: ast.AST) -> tuple[Answer, ...]:
        """Give all that a dotted expression of this coroutine may mean."""
        name = dotted(node)
        if name is None:
            return ()
        return self.project.answers(self.site.path, self.site.function, name)

    def qualified_name(self, node: ast.AST | None) -> str | None:
        """Give the one qualified name of an expression, None if not sure."""
        name = dotted(node)
        if name is None:
            return None
        return self.project.qualified_name(self.site.path, self.site.function, name)

    def value(self, node: ast.expr) -> Value | None:
        """Give what an expression in the site's scope is; None if not sure."""
        use = self.site.use
        values = self.model.reach.values
        return values.of(self.site.path, use.scope, describe(node))

    def modules(self) -> dict[str, str]:
        """Give the module meant by each need, anyio standing in for asyncio."""
        return {
            need: self.framework if need == "asyncio" else need for need in self.needs
        }

    def within(self) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Go up from the site to its coroutine: (parent, child) pairs."""
        for above, below in self.tree.ancestors(self.node):
            yield above, below
            if above is self.function:
                return

    def in_tests(self) -> bool:
        """Tell whether the site is test code, by the names of its path."""
        return is_test(self.site.path)


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
    """Codes of other linters whose `# noqa: CODE` silences this codemod."""

    def search(self, model: Model, path: str) -> Iterable[Site]:
        """Give sites of a file that `calls` and `blocking` cannot tell.

        Asked for every file: it goes by facts, and rules most files out by
        `facts.holds(word)`. What it says of a file may depend on that file
        and on those that it imports, on no others.
        """
        return ()

    def judge(self, context: Context) -> Plan | None:
        """Say what to do about a site; None if it is no finding at all."""
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


def is_test(path: str) -> bool:
    """Tell whether a file is test code, by the names of its path."""
    *folders, file = path.replace("\\", "/").split("/")
    return (
        file.startswith("test_")
        or file.endswith("_test.py")
        or file == "conftest.py"
        or any(folder in ("tests", "test", "testing") for folder in folders)
    )


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
