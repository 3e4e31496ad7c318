"""Who uses this function, and how? Every reference, told apart.

Looked up when it is asked for: only files whose facts hold the function's name
at all are parsed, and each use of the name is followed to what it means there.
A use through an object that is not known is not found; `Project.called_as`
gives those by their last name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.below import Below
from asyncfix.catalog import Catalog
from asyncfix.expressions import describe
from asyncfix.nodes import descend
from asyncfix.reach import Place
from asyncfix.tree import Tree, dotted
from asyncfix.value import CLASS, FUNCTION, MODULE, OUTSIDE, Value
from asyncfix.values import Values

KINDS = (
    "called", "awaited", "passed", "offloaded", "registered", "stored",
    "returned", "decorates", "decorated", "overridden", "exported", "patched",
    "other",
)  # fmt: skip
"""What a use can be. `decorates`: the function is used as a decorator itself;
`decorated`: something stands above its own `def`."""


class Reference(NamedTuple):
    """One use of a function. `line` counts from 1, `col` in bytes from 0."""

    path: str
    line: int
    col: int
    kind: str
    by: str
    """Who gets it, where somebody does: `asyncio.to_thread`, `app.get`."""


class References:
    """The references of a project. `trees` gives the syntax tree of a file."""

    def __init__(
        self, values: Values, catalog: Catalog, trees: Callable[[str], Tree]
    ) -> None:
        self.values = values
        self.project = values.project
        self.catalog = catalog
        self.trees = trees
        self.below = Below(values)

    def of(self, place: Place, files: Iterable[str] | None = None) -> list[Reference]:
        """Give every use of a function that is known, by file and line.

        Looked at are these files, or all of the project. Raises LookupError where a
        file is not what it was when it was scanned.
        """
        path, scope = place
        function = self.project.files[path].scopes[scope]
        spelled = self.project.spellings([function.name]) or {function.name}
        found = list(self._own(place, function))
        for other in self.project.files if files is None else files:
            facts = self.project.files[other]
            if not any(map(facts.holds, spelled)):
                continue
            found += self._in_file(other, place, spelled)
            found += self._replaced(other, place, function)
        found += self._overrides(place, function)
        return sorted(set(found))

    # -- the definition -----------------------------------------------------

    def _own(self, place: Place, function: f.Scope) -> Iterator[Reference]:
        """Give what stands above the `def`, and whether `__all__` names it."""
        path, _ = place
        facts = self.project.files[path]
        for decorator in function.decorators:
            value = self.values.of(path, function.parent, decorator)
            known = value.name if value and value.kind == OUTSIDE else ""
            registers = known and self.catalog.decorator(known) == "registers"
            kind = "registered" if registers else "decorated"
            yield Reference(path, function.line, 0, kind, decorator)
        if function.parent == 0 and function.name in facts.exported:
            yield Reference(path, function.line, 0, "exported", "__all__")

    # -- uses of its name ---------------------------------------------------

    def _in_file(
        self, path: str, place: Place, spelled: set[str] | frozenset[str]
    ) -> Iterator[Reference]:
        tree = self.trees(path)
        read = tree.once(("names read",), partial(_names_read, tree))
        nodes = [each for said in spelled for each in read.get(said, ())]
        for node in nodes:
            if self._means(path, tree, node, describe(node), place):
                kind, by = self._use(path, tree, node)
                yield Reference(path, node.lineno, node.col_offset, kind, by)

    def _means(
        self, path: str, tree: Tree, node: ast.expr, said: str, place: Place
    ) -> bool:
        scope = self._scope(path, tree, node)
        value = self.values.of(path, scope, said)
        return (
            value is not None
            and (value.path, value.scope) == place
            and (value.kind == FUNCTION)
        )

    def _scope(self, path: str, tree: Tree, node: ast.AST) -> int:
        """Give the scope that a node's names are looked up in."""
        tree.find(ast.expr, *_place(node))  # maps the way up
        scopes = self.project.files[path].scopes
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        for above, below in tree.ancestors(node):
            if isinstance(above, kinds) and below in above.body:
                for index, scope in enumerate(scopes):
                    if (scope.line, scope.name) == (above.lineno, above.name):
                        return index
        return 0

    def _use(self, path: str, tree: Tree, node: ast.expr) -> tuple[str, str]:
        """Tell how the value of an expression is used."""
        above = tree.parent(node)
        if isinstance(above, ast.Call):
            if above.func is node:
                awaited = isinstance(tree.parent(above), ast.Await)
                return ("awaited" if awaited else "called"), ""
            return self._handed(path, tree, above)
        if isinstance(above, ast.keyword):
            call = tree.parent(above)
            if isinstance(call, ast.Call):
                return self._handed(path, tree, call)
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node in above.decorator_list:
                return "decorates", above.name
        if isinstance(above, (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Dict)):
            return "stored", ""
        if isinstance(above, (ast.List, ast.Tuple, ast.Set)):
            return "stored", ""
        if isinstance(above, (ast.Return, ast.Yield)):
            return "returned", ""
        return "other", ""

    def _handed(self, path: str, tree: Tree, call: ast.Call) -> tuple[str, str]:
        """Tell what a call does with the function that it is given."""
        said = dotted(call.func) or "?"
        value = self.values.of(path, self._scope(path, tree, call), said)
        name = value.name if value is not None and value.kind == OUTSIDE else ""
        if name and self.catalog.offload(name) is not None:
            return "offloaded", name
        if name and self.catalog.registers(name) is not None:
            return "registered", name
        return "passed", name or said

    # -- other names for it -------------------------------------------------

    def _replaced(
        self, path: str, place: Place, function: f.Scope
    ) -> Iterator[Reference]:
        """Give the patches of tests that name it in a string."""
        owner, index = place
        parts = [function.name]
        scopes = self.project.files[owner].scopes
        parent = scopes[index].parent
        while parent > 0:
            if scopes[parent].name:
                parts.insert(0, scopes[parent].name)
            parent = scopes[parent].parent
        names = {
            ".".join([module, *parts]) for module in self.project.module_names(owner)
        }
        for patch in self.project.files[path].patches:
            above, _, last = patch.target.rpartition(".")
            if patch.scope < 0:
                hit = patch.target in names
            elif last != function.name:
                continue
            else:
                # Of its owner: what is patched is not what it was any more.
                value = self.values.of(path, patch.scope, above)
                hit = _owns(value, owner, function)
            if hit:
                yield Reference(path, patch.line, 0, "patched", patch.target)

    def _overrides(self, place: Place, function: f.Scope) -> Iterator[Reference]:
        """Give what classes below find in the place of a method."""
        path, _ = place
        if self.project.files[path].scopes[function.parent].kind == f.CLASS:
            klass = path, function.parent
            for other, binding in self.below.instead(klass, function.name):
                yield Reference(other, binding.line, 0, "overridden", "")

    def replacements(self, place: Place) -> list[Reference]:
        """Give where something else is put in a function's place, by its name.

        Asked are the files that lead to its own, and those that name it in a string.
        """
        path, scope = place
        function = self.project.files[path].scopes[scope]
        spelled = self.project.spellings((function.name,)) or {function.name}
        near = {path, *self.project.reached_by(path), *self.project.replacing()}
        return [
            each
            for other in self.project.files.holding(spelled, sorted(near))
            for each in self._replaced(other, place, function)
        ]


def _owns(value: Value | None, path: str, function: f.Scope) -> bool:
    """Tell whether a value is the module or class that a function stands in."""
    if value is None or value.path != path:
        return False
    if value.kind == MODULE:
        return function.parent == 0
    return value.kind == CLASS and value.scope == function.parent


def _place(node: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    assert isinstance(node, ast.expr)
    end_line = node.end_lineno or node.lineno
    return (node.lineno, node.col_offset), (end_line, node.end_col_offset or 0)


def _names_read(tree: Tree) -> dict[str, list[ast.expr]]:
    """Give the names and attributes that a file reads, by their last name."""
    found: dict[str, list[ast.expr]] = {}
    for node in descend(*tree.module.body):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.setdefault(node.id, []).append(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.setdefault(node.attr, []).append(node)
    return found
