"""What a codemod is made of: the public door's classes.

A codemod declares what it looks for and which guards its rewrite needs, says
what it has found, and turns one LibCST node into another. The engine finds
the site, asks the guards, edits imports, puts the node in, proves and writes.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from asyncfix.facts import Facts, Use
from asyncfix.link import Answer, Project
from asyncfix.model import AsyncfixError, Doubt, Level, Settings
from asyncfix.reach import Chain, Reach
from asyncfix.reader import Reader
from asyncfix.source import Source
from asyncfix.tree import Tree, dotted
from asyncfix.value import FUNCTION, Value

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix.catalog import Catalog
    from asyncfix.confirm import Confirm
    from asyncfix.effects import Effects
    from asyncfix.slices import Slice

Result = TypeVar("Result")


class SiteError(Exception):
    """A site that cannot be judged or rewritten; costs its file, not the run."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Site(NamedTuple):
    """One place that the facts point at.

    `kind` is `call`, `value` or `blocking`, which is a call, too; `wanted` is the qualified name the
    codemod asked for, or of what blocks; `function` is the scope of the
    `async def` around the place; `chain` is how a blocking call gets there.
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
        guards: what must hold where the part stands, if it has a context of its own.
    """

    nodes: tuple[ast.AST, ...]
    make: Make
    context: Context | None = None
    prelude: str = ""
    guards: tuple[str, ...] = ()


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
        parts: what the fix replaces, where that is not the site's own call alone.
        key: fixes of one key are one and the same fix, made once; it cures all
            findings that have it. Empty for a fix of its own.
        stands: where the new await will stand, if not at the site: guards are
            asked at the first node, A3 at the others as well.
        moves: the statement that goes to a thread as a whole, if one does.
        keeps: the target in it that is assigned in the coroutine all the same.
    """

    message: str
    by_hand: str
    level: Level = Level.SAFE
    change: str = ""
    needs: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    parts: tuple[Part, ...] = ()
    key: str = ""
    stands: tuple[ast.expr | ast.stmt, ...] = ()
    moves: ast.stmt | None = None
    keeps: ast.expr | None = None


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
    ) -> None:
        """Read files as they were scanned, or as `source` gives them."""
        self.project = project
        self.catalog = catalog
        self.settings = settings
        self.reader = Reader(project, source)
        self._held: dict[str, Tree] = {}
        self._kept: set[str] = set()

    def tree(self, path: str) -> Tree:
        """Give a file's tree, the same until it is released.

        Raises LookupError if the file is not what it was.
        """
        tree = self._held.get(path)
        if tree is None:
            tree = self._held[path] = self.reader.tree(path)
        return tree

    def release(self) -> None:
        """Let go of the trees of which no fix holds a node."""
        self._held = {path: self._held[path] for path in self._kept}

    def keep(self, path: str) -> None:
        """Keep a file's tree: a fix holds nodes of it."""
        self._kept.add(path)

    @cached_property
    def reach(self) -> Reach:
        """Give who blocks through whom."""
        severity = self.settings.severity
        return Reach(self.project, self.catalog, severity, whole=False)

    @cached_property
    def confirm(self) -> Confirm:
        """Give what tells ways that hold from those that do not."""
        from asyncfix.confirm import Confirm

        return Confirm(self.reach, self.reader)

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

        values = self.reach.values
        return Effects(self.project, values, self.catalog, self.reader, awaits)


class Context:
    """Everything that a guard or a codemod may ask about one site."""

    def __init__(self, model: Model, site: Site) -> None:
        self.model = model
        self.project = project = model.project
        self.settings = model.settings
        self.site = site
        self.tree = tree = model.tree(site.path)
        self.facts: Facts = project.files[site.path]
        use = site.use
        start, end = (use.line, use.col), (use.end_line, use.end_col)
        self.node: ast.expr | ast.stmt
        if site.kind != "value":
            self.node = tree.find(ast.Call, start, end)
        else:
            self.node = tree.find(ast.expr, start, end)
        self.function = self._coroutine()
        self.needs: tuple[str, ...] = ()
        """The modules that the new code names; guard N3 asks for each."""
        self.framework = "asyncio"
        """The library whose event loop runs this code; guard E1 sets it."""
        self.ahead = False
        """The new await stands in a statement of its own, before the site's."""
        self.moved: ast.stmt | None = None
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

    def _coroutine(self) -> ast.AsyncFunctionDef:
        node: ast.AST = self.node
        for above, below in self.tree.ancestors(self.node):
            if isinstance(above, ast.AsyncFunctionDef) and below in above.body:
                return above
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

    def use_of(self, call: ast.Call) -> Use | None:
        """Give what the facts say of a call of this file, its scope among it."""
        known: dict[tuple[int, ...], Use] = self.tree.once(
            ("uses",), lambda: {tuple(use[1:5]): use for use in self.facts.calls}
        )
        place = call.lineno, call.col_offset, call.end_lineno, call.end_col_offset
        return known.get(place)  # type: ignore[arg-type]  # ends are always known

    def value_of(self, call: ast.Call, steps: str = "()") -> Value | None:
        """Give what a call gives, over the whole project; None if not sure.

        Other `steps` lead to something else: "" to what is called, "()!" to what
        awaiting the call gives.
        """
        use = self.use_of(call)
        if use is None:
            return None
        return self.model.reach.values.of(self.site.path, use.scope, use.name + steps)

    def coroutine_function(self, call: ast.Call) -> tuple[str, int] | None:
        """Give file and scope of the project's `async def` that a call surely calls."""
        return self._coroutine_of(self.value_of(call, ""))

    def is_coroutine_function(self, node: ast.expr) -> bool:
        """Tell whether a name or attribute surely is an `async def` of the project."""
        said = dotted(node)
        if said is None:
            return False
        path, scope = self.site.path, self.site.use.scope
        found = self.model.reach.values.of(path, scope, said)
        return self._coroutine_of(found) is not None

    def _coroutine_of(self, value: Value | None) -> tuple[str, int] | None:
        if value is None or value.kind != FUNCTION:
            return None
        scope = self.project.files[value.path].scopes[value.scope]
        functions = self.model.reach.values.functions
        kept = functions.made_by_decorators(value) in ("same", "coroutine")
        if not scope.is_async or scope.yields or not kept:
            return None
        return value.path, value.scope

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
    blocking: ClassVar[bool] = False
    """Every call in a coroutine that blocks, itself or through others, is a site."""
    awaited: ClassVar[bool] = False
    """Every awaited call of a coroutine that stands below the head of a `for` is a site."""
    guards: ClassVar[tuple[str, ...]] = ()
    """Ids of the guards that must hold, asked in this order."""
    noqa: ClassVar[tuple[str, ...]] = ()
    """Codes of other linters whose `# noqa: CODE` silences this codemod."""

    def judge(self, context: Context) -> Plan | None:
        """Say what to do about a site; None if it is no finding at all."""
        raise NotImplementedError(f"{type(self).__name__}.judge")

    def rewrite(self, node: cst.Call, names: Names) -> cst.BaseExpression:
        """Give the LibCST node that takes the place of the site's node."""
        raise NotImplementedError(f"{type(self).__name__}.rewrite")

    def page(self) -> str:
        """Give the codemod's page: its docstring without the indentation."""
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
