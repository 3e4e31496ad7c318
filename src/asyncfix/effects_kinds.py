"""Who changes what a class or module keeps, and what it is by its literals.

Read from the file that defines it, whole; other files are asked by their facts
whether they set such an attribute.
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from asyncfix.link import Project
from asyncfix.nodes import CHILDREN
from asyncfix.origins import is_text, plainness
from asyncfix.reader import Reader
from asyncfix.touches import CONTAINER, PLAIN, UNKNOWN, Field
from asyncfix.tree import dotted
from asyncfix.value import CLASS, Value
from asyncfix.values import Values

# Methods of Python's own containers that change them.
MUTATORS = frozenset(
    ("add", "append", "appendleft", "clear", "difference_update", "discard", "extend",
     "extendleft", "insert", "intersection_update", "move_to_end", "pop", "popitem",
     "popleft", "remove", "reverse", "rotate", "setdefault", "sort", "subtract",
     "symmetric_difference_update", "update", "put", "put_nowait")
)  # fmt: skip
# What follows a name in code that may change what it stands for.
_CHANGING = (
    rb"(?:\s*[-+*/%%&|^@<>]{0,2}=(?!=)|\s*:\s|\[[^\]\n]*\n|\s*,[^()\n]*=(?!=)"
    rb"|\[[^\n]*\]\s*[-+*/%%&|^@]{0,2}=(?!=)|\s*\.\s*(?:%s)\s*\()"
    % "|".join(sorted(MUTATORS)).encode()
)
_MAKING = frozenset(
    ("__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__")
)
_DISPLAYS = (ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)
_MAKERS = frozenset(
    ("dict", "list", "set", "tuple", "frozenset", "defaultdict", "deque", "OrderedDict")
)


class Change(NamedTuple):
    """A line that gives an attribute or name a new value, or changes the old one."""

    name: str
    path: str
    line: int
    function: str
    """The function that does it; empty for the module or class itself."""
    inside: bool
    """The object stays and is changed: an element set, a method such as append."""
    value: ast.AST | None
    annotation: ast.AST | None


class Kinds:
    """The changes of attributes and module names, file by file."""

    def __init__(self, project: Project, values: Values, reader: Reader) -> None:
        self.project = project
        self.values = values
        self.reader = reader
        self._changed: dict[str, list[Change]] = {}
        self._changes: dict[
            str, tuple[dict[str, list[Change]], dict[str, list[Change]]]
        ] = {}

    def owner(self, value: Value, name: str) -> Field:
        """Give the class of the line of an object that has an attribute, as a field."""
        for each in self.values.classes.line(value.path, value.scope):
            if each is None or each.kind != CLASS:
                continue
            if self.values.classes.sets(each, name):
                return each.path, each.scope, name
        return value.path, value.scope, name

    def plain_field(self, field: Field) -> int:
        """Tell by all that an attribute is given whether it is a container or text."""
        attributes, _ = self.changes(field[0])
        scopes = self.project.files[field[0]].scopes
        first, last = scopes[field[1]].line, scopes[field[1]].end_line
        return _plain(
            [
                each
                for each in attributes.get(field[2], ())
                if first <= each.line <= last
            ]
        )

    def plain_global(self, full: str) -> int:
        """Tell the same of a module's name, given as `path:NAME`."""
        path, _, name = full.rpartition(":")
        if path not in self.project.files:
            return UNKNOWN
        _, names = self.changes(path)
        return _plain(names.get(name, []))

    def changed(self, field: Field) -> list[Change]:
        """Give where an attribute is changed after its object was made."""
        path, _, name = field
        key = f"{path}.{name}"
        if key not in self._changed:
            self._changed[key] = [
                each
                for other in (path, *self._others(path, name))
                for each in self.changes(other)[0].get(name, ())
                if each.function.rpartition(".")[2] not in _MAKING and each.function
            ]
        return self._changed[key]

    def _others(self, path: str, name: str) -> list[str]:
        """Give the files that import a file and seem to change something of a name."""
        word = name.encode()
        start = rb"(?:\.|^[ \t]*|;[ \t]*)%s\b%s|\bdel\b[^\n]*\b%s\b"
        changing = re.compile(start % (word, _CHANGING, word), re.MULTILINE)
        return [
            other
            for other in sorted(self.project.importers(path))
            if self.project.files[other].holds(name)
            and changing.search(self.reader.lines(other).text)
        ]

    def changed_global(self, full: str) -> list[Change]:
        """Give where a module's name is changed after its module was imported."""
        path, _, name = full.rpartition(":")
        if path not in self.project.files:
            return []
        if full not in self._changed:
            found = [
                each for each in self.changes(path)[1].get(name, ()) if each.function
            ]
            for other in self._others(path, name):
                attributes, names = self.changes(other)
                found += [
                    each
                    for each in names.get(name, ())
                    if each.inside and each.function
                ]
                found += [each for each in attributes.get(name, ()) if each.function]
            self._changed[full] = found
        return self._changed[full]

    def changes(
        self, path: str
    ) -> tuple[dict[str, list[Change]], dict[str, list[Change]]]:
        """Give the changes in a file by the name of the attribute, and of the global."""
        known = self._changes.get(path)
        if known is None:
            tree = self.reader.tree(path)
            has_globals = b"global " in tree.lines.text
            known = self._changes[path] = _Scan(path, tree.module, has_globals).found
        return known


class _Scan:
    """Walks one module for what changes attributes and globals."""

    def __init__(self, path: str, module: ast.Module, has_globals: bool) -> None:
        self.path = path
        self.found: tuple[dict[str, list[Change]], dict[str, list[Change]]] = ({}, {})
        todo: list[tuple[ast.AST, str, dict[str, ast.AST | None], frozenset[str]]]
        todo = [(module, "", {}, frozenset())]
        while todo:
            node, function, given, declared = todo.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for each in [*node.decorator_list, *node.args.defaults]:
                    todo.append((each, function, given, declared))
                function = f"{function}.{node.name}" if function else node.name
                arguments = [n for n in ast.walk(node.args) if isinstance(n, ast.arg)]
                given = {each.arg: each.annotation for each in arguments}
                if has_globals:
                    names = [
                        n.names for n in ast.walk(node) if isinstance(n, ast.Global)
                    ]
                    declared = frozenset(name for each in names for name in each)
                todo += [(inner, function, given, declared) for inner in node.body]
                continue
            self._node(node, function, given, declared)
            for name in CHILDREN[type(node)]:
                child = getattr(node, name, None)
                if isinstance(child, list):
                    todo += [
                        (each, function, given, declared) for each in child if each
                    ]
                elif isinstance(child, ast.AST):
                    todo.append((child, function, given, declared))

    def _node(
        self,
        node: ast.AST,
        function: str,
        given: dict[str, ast.AST | None],
        declared: frozenset[str],
    ) -> None:
        value: ast.AST | None = getattr(node, "value", None)
        targets: list[ast.AST] = []
        annotation: ast.AST | None = None
        if isinstance(node, (ast.Assign, ast.Delete)):
            targets = list(node.targets)
        elif isinstance(node, ast.AnnAssign):
            targets, annotation = [node.target], node.annotation
        elif isinstance(node, (ast.AugAssign, ast.For, ast.AsyncFor)):
            targets, value = [node.target], None
        elif isinstance(node, ast.withitem):
            targets, value = [n for n in [node.optional_vars] if n], None
        elif isinstance(node, ast.NamedExpr):
            targets = [node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in MUTATORS:
                self._inside(node.func.value, node.lineno, function)
            return
        if isinstance(value, ast.Name) and value.id in given:
            annotation = annotation or given[value.id]
        while targets:
            target = targets.pop()
            if isinstance(target, (ast.Tuple, ast.List)):
                targets += target.elts
                value = None
            elif isinstance(target, ast.Starred):
                targets.append(target.value)
            elif isinstance(target, ast.Subscript):
                self._inside(target.value, target.lineno, function)
            elif isinstance(target, ast.Attribute):
                self._add(
                    0, target.attr, target.lineno, function, False, value, annotation
                )
            elif isinstance(target, ast.Name):
                if not function or target.id in declared:
                    self._add(
                        1, target.id, target.lineno, function, False, value, annotation
                    )
                    if not function:
                        self._add(
                            0,
                            target.id,
                            target.lineno,
                            function,
                            False,
                            value,
                            annotation,
                        )

    def _inside(self, node: ast.AST, line: int, function: str) -> None:
        while isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Attribute):
            self._add(0, node.attr, line, function, True, None, None)
        elif isinstance(node, ast.Name):
            self._add(1, node.id, line, function, True, None, None)

    def _add(
        self,
        kind: int,
        name: str,
        line: int,
        function: str,
        inside: bool,
        value: ast.AST | None,
        annotation: ast.AST | None,
    ) -> None:
        change = Change(name, self.path, line, function, inside, value, annotation)
        self.found[kind].setdefault(name, []).append(change)


def _plain(changes: list[Change]) -> int:
    """Tell what a name is by the values that it is given; unknown if one is."""
    given = [each for each in changes if not each.inside]
    annotated = [plainness(each.annotation) for each in given if each.annotation]
    most = max(annotated, default=0)
    if most:
        return most
    kinds = [_of(each) for each in given]
    known = [each for each in kinds if each is not None]
    return min(known) if known and len(known) == len(kinds) else UNKNOWN


def _of(change: Change) -> int | None:
    value = change.value
    if change.annotation is not None:
        return PLAIN if is_text(change.annotation) else plainness(change.annotation)
    if isinstance(value, (ast.Constant, ast.JoinedStr, ast.Compare)):
        return PLAIN
    if isinstance(value, _DISPLAYS):
        return CONTAINER
    if isinstance(value, ast.Call):
        name = (dotted(value.func) or "").rpartition(".")[2]
        if name in _MAKERS:
            return CONTAINER
        if name in ("str", "int", "float", "bool", "len", "getenv"):
            return PLAIN
    if isinstance(value, ast.BoolOp):
        return min(_of(change._replace(value=each)) or UNKNOWN for each in value.values)
    return UNKNOWN
