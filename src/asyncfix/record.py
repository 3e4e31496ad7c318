"""What a walk over a module writes down: scopes, bindings and the like."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from asyncfix import facts as f
from asyncfix.expressions import chain
from asyncfix.nodes import is_true, replaced


class Record:
    """Plain tuples in the order of the fields of `facts`, not yet sorted."""

    def __init__(self) -> None:
        self.scopes: list[tuple[Any, ...]] = []
        self.suspending: set[int] = set()
        self.yielding: set[int] = set()
        self.bindings: list[tuple[int, str, int, int, str, int]] = []
        # `self.x = ...`: the bindings that no scope holds as a name.
        self.members: list[tuple[int, str, int, int, str, int]] = []
        # What is imported, and `old new` for what gets another name, in order.
        self.imports: dict[str, None] = {}
        self.renames: dict[str, None] = {}
        self.calls: list[tuple[int, int, int, int, int, str, int]] = []
        # The last names of calls.
        self.called: set[str] = set()
        # What is read, by piece of a scope, in the order of the walk: names, and
        # attributes with the names that they begin with.
        self.reads: list[tuple[int, list[Any], list[tuple[str, Any]]]] = []
        self.patches: list[tuple[int, int, str]] = []
        self.frozen: list[int] = []
        # `patch(NAME)`, and the strings that names of the module stand for.
        self.named_targets: list[tuple[str, int]] = []
        self.texts: dict[str, str] = {}
        self.driven: list[tuple[int, int, int, int, int, str, int]] = []
        self.exported: list[str] = []
        self.declared: dict[tuple[int, str], int] = {}

    def open(
        self,
        kind: int,
        name: str,
        parent: int,
        node: ast.AST,
        is_async: bool = False,
        decorators: tuple[str, ...] = (),
        bases: tuple[str, ...] = (),
        returns: str = "",
        first: str = "",
    ) -> int:
        """Open a scope and give its index; the order is that of `facts.Scope`."""
        line, end = getattr(node, "lineno", 1), getattr(node, "end_lineno", None) or 1
        scope = (kind, name, parent, line, is_async, decorators, bases)
        self.scopes.append((*scope, False, False, returns, first, end))
        return len(self.scopes) - 1

    def kind(self, scope: int) -> int:
        """Give a scope's kind."""
        return self.scopes[scope][0]  # type: ignore[no-any-return]  # rows are plain tuples

    def parent(self, scope: int) -> int:
        """Give the scope around a scope."""
        return self.scopes[scope][2]  # type: ignore[no-any-return]  # rows are plain tuples

    def function_above(self, scope: int) -> int:
        """Give the scope whose code a comprehension's scope runs in."""
        while self.kind(scope) in (f.COMPREHENSION, f.GENERATOR):
            scope = self.parent(scope)
        return scope

    def bind(
        self, scope: int, name: str, kind: int, target: str, line: int, flags: int
    ) -> None:
        """Record that a name gets its value here."""
        self.bindings.append((scope, name, line, kind, target, flags))

    def declare(self, scope: int, node: ast.Global | ast.Nonlocal) -> None:
        """Record that names of a scope belong to one around it."""
        for name in node.names:
            owner = 0
            if isinstance(node, ast.Nonlocal):
                owner = self.parent(scope)
                bound = {(each[0], each[1]) for each in self.bindings}
                while owner and (
                    self.kind(owner) == f.CLASS or (owner, name) not in bound
                ):
                    owner = self.parent(owner)
            self.declared[scope, name] = owner

    def export(self, values: Iterable[ast.AST]) -> None:
        """Record the strings that something adds to `__all__`."""
        for value in values:
            for node in ast.walk(value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    self.exported.append(node.value)

    def patch(self, scope: int, node: ast.Call) -> None:
        """Record what a call such as `patch("app.time.sleep")` replaces."""
        for absolute, target in replaced(node):
            self.patches.append((node.lineno, -1 if absolute else scope, target))
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Name) and len(node.args) == 1:
            self.named_targets.append((first.id, node.lineno))

    def special(self, scope: int, last: str, node: ast.Call) -> None:
        """Record what a call by one of a few names does to code elsewhere."""
        if last == "send":
            if len(node.args) != 1 or not isinstance(node.func, ast.Attribute):
                return
            driver = node.func.value
            if isinstance(node.args[0], ast.Constant) and node.args[0].value is None:
                driven = driver.func if isinstance(driver, ast.Call) else driver
                self.driven.append(use(scope, chain(driven, []), node))
        elif last in ("extend", "append"):
            if chain(node.func, []).partition(".")[0] == "__all__":
                self.export(node.args)
        elif last in ("freeze_time", "freezegun"):
            if not any(is_true(keyword, "real_asyncio") for keyword in node.keywords):
                self.frozen.append(node.lineno)
        else:
            self.patch(scope, node)


def use(
    scope: int, name: str, node: Any, role: int = 0
) -> tuple[int, int, int, int, int, str, int]:
    """Give a use of a name, in the order of `facts.Use`."""
    return (
        scope,
        node.lineno,
        node.col_offset,
        node.end_lineno,
        node.end_col_offset,
        name,
        role,
    )
