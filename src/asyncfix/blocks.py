"""The part of the walk that sees what holds blocks, and comprehensions."""

from __future__ import annotations

import ast
from typing import Any

from asyncfix import facts as f
from asyncfix.expressions import describe
from asyncfix.naming import Naming
from asyncfix.nodes import CHILDREN

# A walk still to do: a scope, the flags of its place, and its nodes.
_Work = tuple[int, int, list[Any]]


class Blocks(Naming):
    """Handlers that put off a part of the walk: a block, or a scope of its own."""

    def __init__(self, mended: bool = False) -> None:
        super().__init__(mended)
        self.work: list[_Work] = []
        self.blocks: list[_Work] = []
        # How what a call gives is used, for calls that are still to be seen.
        self.roles: dict[Any, int] = {}

    def branch(self, node: ast.If) -> None:
        self.stack.append(node.test)
        typing_only = _last_name(node.test) == "TYPE_CHECKING"
        inner = f.TYPE_CHECKING | f.CONDITIONAL if typing_only else f.CONDITIONAL
        self.blocks.append((self.scope, self.flags | inner, node.body))
        if node.orelse:
            self.blocks.append((self.scope, self.flags | f.CONDITIONAL, node.orelse))

    def block(self, node: Any) -> None:
        """Walk a compound statement whose parts may not run, or not first."""
        nodes: list[ast.AST] = []
        for name in CHILDREN[type(node)]:
            child = getattr(node, name, None)
            if isinstance(child, list):
                nodes.extend(child)
            elif isinstance(child, ast.AST):
                nodes.append(child)
        self.blocks.append((self.scope, self.flags | f.CONDITIONAL, nodes))

    def loop(self, node: ast.For | ast.AsyncFor) -> None:
        asynchronous = type(node) is ast.AsyncFor
        if asynchronous:
            self.suspending.add(self.function_above(self.scope))
        self.roles[node.iter] = f.ASYNC_FOR if asynchronous else f.FOR
        self.stack.append(node.iter)
        self._under(node.target, node.iter, "**" if asynchronous else "*")
        flags = self.flags | f.CONDITIONAL
        self.blocks.append((self.scope, flags, node.body + node.orelse))

    def context(self, node: ast.With | ast.AsyncWith) -> None:
        asynchronous = type(node) is ast.AsyncWith
        if asynchronous:
            self.suspending.add(self.function_above(self.scope))
        for item in node.items:
            manager = item.context_expr
            self.roles[manager] = f.ASYNC_WITH if asynchronous else f.WITH
            self.stack.append(manager)
            if item.optional_vars is not None:
                self._under(item.optional_vars, manager, "@@" if asynchronous else "@")
        flags = self.flags | f.CONDITIONAL
        self.blocks.append((self.scope, flags, node.body))

    def type_alias(self, node: Any) -> None:
        said = describe(node.value)
        name = node.name.id
        self.bind(self.scope, name, f.ASSIGNED, said, node.lineno, self.flags)
        inner = self.open(f.TYPE, "", self.scope, node)
        self.work.append((inner, self.flags, [node.value]))

    def comprehension(self, node: Any) -> None:
        generators = node.generators
        self.stack.append(generators[0].iter)
        kind = f.GENERATOR if isinstance(node, ast.GeneratorExp) else f.COMPREHENSION
        inner = self.open(kind, "", self.scope, node)
        nodes: list[ast.AST] = []
        for position, generator in enumerate(generators):
            steps = "**" if generator.is_async else "*"
            self.roles[generator.iter] = f.ASYNC_FOR if generator.is_async else f.FOR
            if position:
                nodes.append(generator.iter)
            nodes.extend(generator.ifs)
            if type(generator.target) is ast.Name:
                name = generator.target.id
                said = describe(generator.iter) + steps
                self.bind(inner, name, f.ASSIGNED, said, node.lineno, 0)
                said = ""
            else:
                for target in ast.walk(generator.target):
                    if isinstance(target, ast.Name):
                        self.bind(inner, target.id, f.ASSIGNED, "", target.lineno, 0)
                    elif not isinstance(target, (ast.Tuple, ast.List, ast.Starred)):
                        nodes.append(target)
                        break
            if generator.is_async:
                self.suspending.add(self.function_above(self.scope))
        if isinstance(node, ast.DictComp):
            nodes += [node.key, node.value]
        else:
            nodes.append(node.elt)
        self.work.append((inner, self.flags, nodes))


def _last_name(test: ast.expr) -> str:
    while isinstance(test, ast.NamedExpr):
        test = test.value
    return getattr(test, "attr", "") or getattr(test, "id", "")
