"""What the sites of a run share, and what a codemod is asked of one of them with."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from asyncfix.expressions import describe
from asyncfix.facts import Facts
from asyncfix.link import Answer, Project
from asyncfix.model import Settings
from asyncfix.reach import Reach
from asyncfix.reader import Reader
from asyncfix.source import Source
from asyncfix.tree import Tree, dotted
from asyncfix.value import Value
from asyncfix.values import Values

if TYPE_CHECKING:
    from asyncfix.catalog import Catalog
    from asyncfix.codemod import Site
    from asyncfix.confirm import Confirm
    from asyncfix.effects import Effects
    from asyncfix.mentions import Mentions
    from asyncfix.users import Users

# What a model makes for itself.
_PARTS = (
    "awaited_effects", "confirm", "effects", "mentions", "reach", "reader", "users",
    "values",
)  # fmt: skip
Result = TypeVar("Result")


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
        self._once: dict[object, tuple[Any, str]] = {}

    def may_write(self, path: str) -> bool:
        """Tell whether a file is one of those that were named, and not left out."""
        return self._named is None or path in self._named

    def tree(self, path: str) -> Tree:
        """Give a file's tree, the same until it is released.

        Raises LookupError if the file is not what it was.
        """
        self.project.files.trace.saw(path)
        return self._tree(path)

    def tree_of(self, site: Site) -> Tree:
        """Give the tree that a site stands in, as `tree` does."""
        trace = self.project.files.trace
        trace.saw(site.path, own=site.path == trace.judging)
        return self._tree(site.path)

    def _tree(self, path: str) -> Tree:
        tree = self._held.get(path)
        if tree is None:
            tree = self._held[path] = self.reader.parsed(path)
        return tree

    def once(self, key: object, work: Callable[[], Result]) -> Result:
        """Give what `work` gives, worked out the first time for this project."""
        trace = self.project.files.trace
        if key not in self._once:
            judging = trace.judging
            with trace.shared():
                self._once[key] = work(), judging
        found: tuple[Result, str] = self._once[key]
        if found[1] and found[1] != trace.judging:
            trace.saw(found[1])  # the tree of the site that it was worked out for
        return found[0]

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
        self.tree = tree = model.tree_of(site)
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


def is_test(path: str) -> bool:
    """Tell whether a file is test code, by the names of its path."""
    *folders, file = path.replace("\\", "/").split("/")
    return (
        file.startswith("test_")
        or file.endswith("_test.py")
        or file == "conftest.py"
        or any(folder in ("tests", "test", "testing") for folder in folders)
    )
