"""What a codemod is made of: the public door's classes.

A codemod declares what it looks for and which guards its rewrite needs, says
what it has found, and turns one LibCST node into another. The engine finds
the site, asks the guards, edits imports, puts the node in, proves and writes.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from asyncfix.facts import Facts, Use
from asyncfix.link import Answer, Project
from asyncfix.model import AsyncfixError, Doubt, Level, Settings
from asyncfix.reach import Chain
from asyncfix.tree import Tree, dotted

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix.effects import Effects

Result = TypeVar("Result")


class SiteError(Exception):
    """A site that cannot be judged or rewritten; costs its file, not the run."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Site(NamedTuple):
    """One place that the facts point at.

    `kind` is `call`, `value` or `blocking`; `wanted` is the qualified name the
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
    """

    message: str
    by_hand: str
    level: Level = Level.SAFE
    change: str = ""
    needs: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()


class Context:
    """Everything that a guard or a codemod may ask about one site."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        site: Site,
        trees: Callable[[str], Tree],
        effects: Effects | None = None,
    ) -> None:
        self.project = project
        self.settings = settings
        self.site = site
        self.trees = trees
        self.effects = effects
        """What functions touch; only a codemod of blocking calls needs it."""
        self.tree = tree = trees(site.path)
        self.facts: Facts = project.files[site.path]
        use = site.use
        start, end = (use.line, use.col), (use.end_line, use.end_col)
        self.node: ast.expr
        if site.kind == "call":
            self.node = tree.find(ast.Call, start, end)
        else:
            self.node = tree.find(ast.expr, start, end)
        self.function = self._coroutine()
        self.needs: tuple[str, ...] = ()
        """The modules that the new code names; guard N3 asks for each."""
        self.framework = "asyncio"
        """The library whose event loop runs this code; guard E1 sets it."""

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
    guards: ClassVar[tuple[str, ...]] = ()
    """Ids of the guards that must hold, asked in this order."""
    noqa: ClassVar[tuple[str, ...]] = ()
    """Codes of other linters whose `# noqa: CODE` silences this codemod."""

    def judge(self, context: Context) -> Plan | None:
        """Say what to do about a site; None if it is no finding at all."""
        raise NotImplementedError(f"{type(self).__name__}.judge")

    def report(self, site: Site) -> Plan | None:
        """Say what to do about a `blocking` site; None if it is no finding."""
        raise NotImplementedError(f"{type(self).__name__}.report")

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
