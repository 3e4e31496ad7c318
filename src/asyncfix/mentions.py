"""What else may mean a function? For fixes that change what a call of it gives.

`Users` finds what surely means a function. A missed call of a function that became
a coroutine function is silent (`if load():` is always true), so a fix that makes one
has to know of every place that may mean it: a name with two answers, an attribute of
an object that is not known, a name put together in a string, a module handed on.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.expressions import describe
from asyncfix.gather import MARKERS
from asyncfix.nodes import descend
from asyncfix.reach import Place
from asyncfix.reader import Reader, stub_of
from asyncfix.tree import Tree, dotted
from asyncfix.users import Users
from asyncfix.value import CLASS, MODULE, OBJECT

_TAKES_MODULES = re.compile(
    rb"\b(?:import_module|__import__|import_string|import_object)\s*\(|\bsys\.modules\b"
)


class Mention(NamedTuple):
    """A place that may mean a function; `how` says in which way."""

    path: str
    line: int
    how: str


class Mentions:
    """The places of a project that may mean a function, besides those that surely do."""

    def __init__(
        self, users: Users, reader: Reader, trees: Callable[[str], Tree]
    ) -> None:
        """Look nothing up yet."""
        self.users = users
        self.project = users.project
        self.values = users.values
        self.reader = reader
        self.trees = trees

    def of(self, place: Place) -> Mention | None:
        """Give the first place that may mean a function.

        Raises LookupError where a file is not what it was.
        """
        path, scope = place
        project = self.project
        function = project.files[path].scopes[scope]
        own = project.files[path].scopes[function.parent]
        spelled = project.spellings([function.name]) or frozenset((function.name,))
        local = own.kind not in (f.MODULE, f.CLASS)
        words = re.compile(rb"\b(?:%s)\b" % b"|".join(_escaped(spelled)))
        for other in [path] if local else sorted(project.files):
            text = self.reader.lines(other).text
            if not words.search(text):
                continue
            found = self._in_text(other, text, place) or self._in_code(
                other, place, spelled
            )
            if found is not None:
                return found
        return None if local else self._module_handed_on(path)

    # -- in the code ----------------------------------------------------------

    def _in_code(
        self, path: str, place: Place, spelled: frozenset[str]
    ) -> Mention | None:
        tree = self.trees(path)
        for node in descend(tree.module):
            if isinstance(node, ast.Attribute) and node.attr in spelled:
                how = self._attribute(path, tree, node, place)
            elif isinstance(node, ast.Name) and node.id in spelled:
                how = self._name(path, tree, node, place)
            else:
                continue
            if how:
                return Mention(path, node.lineno, how)
        return None

    def _name(self, path: str, tree: Tree, node: ast.Name, place: Place) -> str:
        if not isinstance(node.ctx, ast.Load):
            return ""  # then the name has two answers where it is read
        scope = self._scope(path, tree, node)
        if self.users.meant(path, scope, node.id) is not None:
            return ""
        return "may mean it" if self._is_one_answer(path, scope, node.id, place) else ""

    def _attribute(
        self, path: str, tree: Tree, node: ast.Attribute, place: Place
    ) -> str:
        scope = self._scope(path, tree, node)
        owner = self.values.of(path, scope, describe(node.value))
        method = self._class(place)
        if not isinstance(node.ctx, ast.Load):
            if owner is None:
                return "may set it to something else" if method else ""
            mine = owner.path == place[0] and owner.kind in (MODULE, CLASS, OBJECT)
            return "sets it to something else" if mine else ""
        if owner is not None and owner.name.startswith("sys.modules"):
            return "may be a call of it, through its module"
        said = describe(node)
        value = self.values.of(path, scope, said)
        if value is not None:
            return self._of_protocol(value.path, value.scope, method)
        name = dotted(node)
        if name and self._is_one_answer(path, scope, name, place):
            return "may mean it"
        if method is None:
            unknown = owner is None or owner.name.endswith("ModuleType")
            taken = unknown and self._takes_modules
            return "may be a call of it, through its module" if taken else ""
        if owner is not None and owner.kind != OBJECT and not owner.path:
            return ""  # a library's object, or a module of one
        return "may be a call of it" if owner is None or owner.path == place[0] else ""

    @cached_property
    def _takes_modules(self) -> bool:
        """Tell whether some code takes a module by its name, whatever name."""
        return any(
            _TAKES_MODULES.search(self.reader.lines(path).text)
            for path in self.project.files
        )

    def _of_protocol(self, path: str, scope: int, method: f.Scope | None) -> str:
        """Tell whether a method stands in a class that others are taken for."""
        if method is None or not path:
            return ""
        scopes = self.project.files[path].scopes
        owner = scopes[scopes[scope].parent]
        if any(base.rpartition(".")[2].startswith("Protocol") for base in owner.bases):
            return "may be a call of it, through a protocol"
        return ""

    def _class(self, place: Place) -> f.Scope | None:
        scopes = self.project.files[place[0]].scopes
        owner = scopes[scopes[place[1]].parent]
        return owner if owner.kind == f.CLASS else None

    def _is_one_answer(self, path: str, scope: int, name: str, place: Place) -> bool:
        scopes = self.project.files[place[0]].scopes
        function = scopes[place[1]]
        wanted = self.project.qualify(place[0], function.parent, function.name)
        answers = self.project.answers(path, scope, name)
        return any(each.name == wanted for each in answers)

    def _scope(self, path: str, tree: Tree, node: ast.expr) -> int:
        end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
        tree.find(ast.expr, (node.lineno, node.col_offset), end)  # maps the way up
        scopes = self.project.files[path].scopes
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        for above, below in tree.ancestors(node):
            if isinstance(above, kinds) and below in above.body:
                for index, scope in enumerate(scopes):
                    if (scope.line, scope.name) == (above.lineno, above.name):
                        return index
        return 0

    # -- in strings -------------------------------------------------------------

    def _in_text(self, path: str, text: bytes, place: Place) -> Mention | None:
        """Find strings that name it: `getattr(x, "load")`, `"app.jobs:load"`."""
        function = self.project.files[place[0]].scopes[place[1]]
        name = re.escape(function.name.encode())
        owner = self._class(place)
        module = next(iter(sorted(self.project.module_names(place[0]))), "")
        above = owner.name if owner else module.rpartition(".")[2]
        patterns = [
            rb"(?:attr|attrgetter|methodcaller|object)\s*\([^()\n]*[\"']%s[\"']" % name,
            rb"\b(?:eval|exec)\s*\([^)\n]*\b%s\b" % name,
            rb">>>[^\n]*\b%s\(" % name,
            rb"(?:globals|locals|vars)\(\w*\)\s*\[\s*[\"']%s[\"']" % name,
        ]
        if above:
            last = re.escape(above.encode())
            patterns.append(rb"[\"'](?:[\w.]+[.:])?%s[.:]%s\b" % (last, name))
        for pattern in patterns:
            found = re.search(pattern, text)
            if found is not None:
                line = text.count(b"\n", 0, found.start()) + 1
                return Mention(path, line, "may name it in a string")
        return None

    def at_run_time(self, place: Place) -> Mention | None:
        """Give where an attribute is taken by a name that is not written there.

        Asked of methods; of functions, who takes them so has their module.
        """
        if self._class(place) is None and not self._takes_modules:
            return None
        name = self.users.scope(place).name
        for path in sorted(self.project.files):
            if b"getattr" not in self.reader.lines(path).text:
                continue
            tree = self.trees(path)
            for node in descend(tree.module):
                if (
                    isinstance(node, ast.Call)
                    and dotted(node.func) == "getattr"
                    and len(node.args) > 1
                    and _may_say(node.args[1], name)
                ):
                    scope = self._scope(path, tree, node)
                    owner = self.values.of(path, scope, describe(node.args[0]))
                    if owner is None or owner.path:
                        how = "takes an attribute by a name that may be its"
                        return Mention(path, node.lineno, how)
        return None

    def _module_handed_on(self, path: str) -> Mention | None:
        """Find who gets the module as a value, and may take anything from it."""
        names = {
            each.rpartition(".")[2] for each in self.project.module_names(path)
        } - {""}
        spelled = self.project.spellings(names) or frozenset(names)
        for other in self.project.files.holding(spelled):
            for use in self.project.files[other].references:
                if use.name.rpartition(".")[2] in spelled:
                    value = self.values.of(other, use.scope, use.name)
                    if value is not None and value.kind == MODULE:
                        if value.path == path:
                            return Mention(other, use.line, "hands its module on")
        return None

    # -- outside of the project ---------------------------------------------------

    def is_public(self, place: Place) -> bool:
        """Tell whether others than the project may use a function.

        They may where the project is built as a package, and no part of the
        function's name begins with an underscore.
        """
        path, scope = place
        scopes = self.project.files[path].scopes
        names = []
        while scope > 0:
            if scopes[scope].kind == f.FUNCTION and scope != place[1]:
                return False  # inside another function
            names.append(scopes[scope].name)
            scope = scopes[scope].parent
        for module in self.project.module_names(path):
            names += module.split(".")
        if any(name.startswith("_") and name != "__init__" for name in names):
            return False
        return self._is_built()

    def _is_built(self) -> bool:
        return any(
            True for _ in self._declared(r"^\[build-system\]|^\[metadata\]|setup\(")
        )

    def starts_with(self, place: Place) -> str:
        """Give the packaging file that names a function as something to start."""
        function = self.project.files[place[0]].scopes[place[1]]
        last = {each.rpartition(".")[2] for each in self.project.module_names(place[0])}
        for module in last:
            for file in self._declared(rf"\b{module}:{function.name}\b"):
                return file
        return ""

    def stub(self, place: Place) -> Mention | None:
        """Give where a stub file says that it is a plain function."""
        path, scope = place
        name = re.escape(self.project.files[path].scopes[scope].name)
        text = self.reader.stub(path)
        found = re.search(rf"^[ \t]*def[ \t]+{name}\b", text, re.MULTILINE)
        if found is None:
            return None
        line = text.count("\n", 0, found.start()) + 1
        return Mention(stub_of(path), line, "says that it is a plain function")

    def _declared(self, pattern: str) -> Iterator[str]:
        for file in MARKERS:
            text = self.reader.beside(file)
            if re.search(pattern, text, re.MULTILINE):
                yield file


def _escaped(names: frozenset[str]) -> list[bytes]:
    return [re.escape(each.encode()) for each in sorted(names)]


def _may_say(node: ast.expr, name: str) -> bool:
    """Tell whether an expression may give a name, by how it begins and ends."""
    if isinstance(node, ast.Constant):
        return node.value == name
    parts: list[ast.expr] = [node]
    if isinstance(node, ast.JoinedStr):
        parts = node.values
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    first, last = parts[0], parts[-1]
    begins = first.value if isinstance(first, ast.Constant) else ""
    ends = last.value if isinstance(last, ast.Constant) else ""
    return name.startswith(str(begins)) and name.endswith(str(ends))
