"""Where a file gives attributes and names of modules other values, or changes theirs."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from asyncfix.names import around, qualified
from asyncfix.nodes import CHILDREN, descend, parameters
from asyncfix.rows import Scope

# Methods of Python's own containers that change them.
MUTATORS = frozenset(
    ("add", "append", "appendleft", "clear", "difference_update", "discard", "extend",
     "extendleft", "insert", "intersection_update", "move_to_end", "pop", "popitem",
     "popleft", "remove", "reverse", "rotate", "setdefault", "sort", "subtract",
     "symmetric_difference_update", "update", "put", "put_nowait")
)  # fmt: skip

_CHANGING = frozenset(
    (ast.Assign, ast.Delete, ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor,
     ast.withitem, ast.NamedExpr, ast.Call)
)  # fmt: skip


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
    grows: bool = False
    """Something is put behind the rest."""


Changes = tuple[dict[str, list[Change]], dict[str, list[Change]]]
"""By the name of the attribute, and of what a module calls so."""


def changes_in(path: str, module: ast.Module, text: bytes) -> Changes:
    """Give the changes in a file; `text` is its source."""
    return _Scan(path, module, b"global " in text).found


def as_text(found: Changes, name: str, scopes: Sequence[Scope]) -> bytes:
    """Give all that the changes of one name say, wherever in the file they stand."""
    said = [
        (
            qualified(scopes, around(scopes, each.line)),
            each.function,
            each.inside,
            each.value and ast.dump(each.value),
            each.annotation and ast.dump(each.annotation),
            each.grows,
        )
        for changes in found
        for each in changes.get(name, ())
    ]
    return repr(said).encode("utf-8", "surrogatepass")


class _Scan:
    """Walks one module for what changes attributes and globals."""

    def __init__(self, path: str, module: ast.Module, has_globals: bool) -> None:
        self.path = path
        self.found: Changes = ({}, {})
        todo: list[tuple[ast.AST, str, dict[str, ast.AST | None], frozenset[str]]]
        todo = [(module, "", {}, frozenset())]
        while todo:
            node, function, given, declared = todo.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for each in [*node.decorator_list, *node.args.defaults]:
                    todo.append((each, function, given, declared))
                function = f"{function}.{node.name}" if function else node.name
                given = {each.arg: each.annotation for each in parameters(node.args)}
                if has_globals:
                    names = [
                        n.names for n in descend(node) if isinstance(n, ast.Global)
                    ]
                    declared = frozenset(name for each in names for name in each)
                todo += [(inner, function, given, declared) for inner in node.body]
                continue
            if type(node) in _CHANGING:
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
                grows = node.func.attr in ("append", "extend")
                self._inside(node.func.value, node.lineno, function, grows)
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

    def _inside(
        self, node: ast.AST, line: int, function: str, grows: bool = False
    ) -> None:
        while isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Attribute):
            self._add(0, node.attr, line, function, True, None, None, grows)
        elif isinstance(node, ast.Name):
            self._add(1, node.id, line, function, True, None, None, grows)

    def _add(
        self,
        kind: int,
        name: str,
        line: int,
        function: str,
        inside: bool,
        value: ast.AST | None,
        annotation: ast.AST | None,
        grows: bool = False,
    ) -> None:
        change = Change(
            name, self.path, line, function, inside, value, annotation, grows
        )
        self.found[kind].setdefault(name, []).append(change)
