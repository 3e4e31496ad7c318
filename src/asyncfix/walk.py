"""The walk over a module's `ast` that collects its facts.

It keeps a stack of nodes instead of recursing, so that no depth of nesting
can break it, and knows for each node type which fields hold children. A scope
is walked to its end before the scopes inside it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from asyncfix import facts as f
from asyncfix.nodes import (
    CHILDREN,
    PATCHERS,
    chain,
    decorator,
    is_true,
    parameters,
    replaced,
    text,
)

# A walk still to do: a scope, the flags of its place, and its nodes.
_Work = tuple[int, int, list[ast.AST]]


class Walk:
    """One walk over one module."""

    def __init__(self) -> None:
        self.scopes: list[f.Scope] = []
        self.suspending: set[int] = set()
        self.bindings: list[f.Binding] = []
        self.calls: list[f.Use] = []
        self.reads: list[f.Use] = []
        self.patches: list[f.Patch] = []
        self.frozen: list[int] = []
        # `patch(NAME)`, and the strings that names of the module stand for.
        self.named_targets: list[tuple[str, int]] = []
        self.texts: dict[str, str] = {}
        self.driven: list[f.Use] = []
        self.exported: list[str] = []
        self.declared: dict[tuple[int, str], int] = {}
        self.work: list[_Work] = []
        self.blocks: list[_Work] = []
        # The walk that is under way: its scope, flags and nodes still to see.
        self.scope = 0
        self.flags = 0
        self.stack: list[ast.AST] = []

    # -- scopes and names ---------------------------------------------------

    def open(
        self, kind: int, name: str, parent: int, node: ast.AST, **more: Any
    ) -> int:
        """Open a scope and give its index."""
        self.scopes.append(
            f.Scope(
                kind,
                name,
                parent,
                getattr(node, "lineno", 1),
                more.get("is_async", False),
                more.get("decorators", ()),
                more.get("bases", ()),
                False,
            )
        )
        return len(self.scopes) - 1

    def bind(
        self, scope: int, name: str, kind: int, target: str, line: int, flags: int
    ) -> None:
        """Record that a name gets its value here."""
        owner = self.declared.get((scope, name), scope)
        self.bindings.append(f.Binding(owner, name, kind, target, line, flags))

    def _function_above(self, scope: int) -> int:
        while self.scopes[scope].kind in (f.COMPREHENSION, f.GENERATOR):
            scope = self.scopes[scope].parent
        return scope

    # -- the walk -----------------------------------------------------------

    def run(self, tree: ast.Module) -> None:
        """Walk the module and every scope inside it."""
        self.open(f.MODULE, "", -1, tree)
        self.work.append((0, 0, list(tree.body)))
        while self.blocks or self.work:
            # The blocks of a scope first, then the scopes inside it.
            todo = self.blocks or self.work
            self.scope, self.flags, self.stack = todo.pop()
            stack = self.stack
            stack.reverse()
            while stack:
                node = stack.pop()
                handler = _HANDLERS.get(type(node))
                if handler is not None:
                    handler(self, node)
                    continue
                for name in CHILDREN[type(node)]:
                    child = getattr(node, name, None)
                    if child is None:
                        continue
                    if isinstance(child, list):
                        stack.extend(item for item in child if item is not None)
                    elif isinstance(child, ast.AST):
                        stack.append(child)

    def name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.reads.append(_use(self.scope, node.id, node))
        else:
            self.bind(self.scope, node.id, f.ASSIGNED, "", node.lineno, self.flags)

    def attribute(self, node: ast.Attribute) -> None:
        name = chain(node, self.stack)
        if isinstance(node.ctx, ast.Load):
            self.reads.append(_use(self.scope, name, node))
        elif not name.startswith(("self.", "cls.", "?")):
            # `time.sleep = fake`: somebody else's attribute is replaced.
            self.patches.append(f.Patch(self.scope, name, node.lineno))

    def call(self, node: ast.Call) -> None:
        name = chain(node.func, self.stack)
        use = _use(self.scope, name, node)
        self.calls.append(use)
        last = name.rpartition(".")[2]
        if last in PATCHERS:
            self._patch(node)
        elif last in ("freeze_time", "freezegun"):
            if not any(is_true(keyword, "real_asyncio") for keyword in node.keywords):
                self.frozen.append(node.lineno)
        elif (
            last == "send"
            and len(node.args) == 1
            and isinstance(node.func, ast.Attribute)
        ):
            driver = node.func.value
            if isinstance(node.args[0], ast.Constant) and node.args[0].value is None:
                driven = driver.func if isinstance(driver, ast.Call) else driver
                self.driven.append(_use(self.scope, chain(driven, []), node))
        elif name == "__all__.extend" or name == "__all__.append":
            self._export(node.args)
        self.stack.extend(node.args)
        self.stack.extend(keyword.value for keyword in node.keywords)

    def _patch(self, node: ast.Call) -> None:
        for absolute, target in replaced(node):
            self.patches.append(
                f.Patch(-1 if absolute else self.scope, target, node.lineno)
            )
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Name) and len(node.args) == 1:
            self.named_targets.append((first.id, node.lineno))

    def _export(self, values: Iterable[ast.AST]) -> None:
        for value in values:
            for node in ast.walk(value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    self.exported.append(node.value)

    def assign(self, node: ast.Assign) -> None:
        self.stack.append(node.value)
        target = node.targets[0]
        if isinstance(target, ast.Name) and len(node.targets) == 1:
            if target.id == "__all__" and self.scope == 0:
                self._export([node.value])
            value = text(node.value)
            if value is not None:
                self.texts[target.id] = value
            alias = isinstance(node.value, (ast.Name, ast.Attribute))
            name = chain(node.value, []) if alias else ""
            kind = f.ALIAS if name and not name.startswith("?") else f.ASSIGNED
            self.bind(self.scope, target.id, kind, name, node.lineno, self.flags)
        else:
            self.stack.extend(node.targets)
            if isinstance(target, ast.Subscript):
                key = text(target.slice)
                if key and chain(target.value, []) == "sys.modules":
                    self.patches.append(f.Patch(-1, key, node.lineno))

    def annotated(self, node: ast.AnnAssign) -> None:
        self.stack.append(node.annotation)
        if node.value is not None:
            self.stack.append(node.value)
            if isinstance(node.target, ast.Name) and node.target.id == "__all__":
                self._export([node.value])
        self.stack.append(node.target)

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name) and node.target.id == "__all__":
            self._export([node.value])
        self.stack.append(node.value)
        self.stack.append(node.target)

    def walrus(self, node: ast.NamedExpr) -> None:
        owner = self._function_above(self.scope)
        self.bind(owner, node.target.id, f.ASSIGNED, "", node.lineno, self.flags)
        self.stack.append(node.value)

    def imported(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            target = alias.name if alias.asname else name
            self.bind(self.scope, name, f.IMPORT, target, node.lineno, self.flags)
            if not alias.asname and "." in alias.name:
                # The submodule is imported too, for who imports whom.
                self.bind(self.scope, "", f.IMPORT, alias.name, node.lineno, self.flags)

    def imported_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.bind(self.scope, "*", f.STAR, module, node.lineno, self.flags)
            else:
                target = f"{module}:{alias.name}"
                name = alias.asname or alias.name
                self.bind(self.scope, name, f.FROM, target, node.lineno, self.flags)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.bind(self.scope, node.name, f.DEF, "", node.lineno, self.flags)
        self.stack.extend(node.decorator_list)
        self._signature(node.args)
        if node.returns is not None:
            self.stack.append(node.returns)
        inner = self.open(
            f.FUNCTION,
            node.name,
            self._type_parameters(node),
            node,
            is_async=isinstance(node, ast.AsyncFunctionDef),
            decorators=tuple(decorator(each) for each in node.decorator_list),
        )
        self._parameters(node.args, inner)
        if node.name.startswith("test"):
            # The fixture of pytest-freezer, which freezes the clock.
            frozen = (a.lineno for a in parameters(node.args) if a.arg == "freezer")
            self.frozen.extend(frozen)
        self.work.append((inner, 0, list(node.body)))

    def klass(self, node: ast.ClassDef) -> None:
        self.bind(self.scope, node.name, f.CLASSDEF, "", node.lineno, self.flags)
        self.stack.extend(node.decorator_list)
        self.stack.extend(node.bases)
        self.stack.extend(keyword.value for keyword in node.keywords)
        inner = self.open(
            f.CLASS,
            node.name,
            self._type_parameters(node),
            node,
            decorators=tuple(decorator(each) for each in node.decorator_list),
            bases=tuple(chain(base, []) for base in node.bases),
        )
        self.work.append((inner, 0, list(node.body)))

    def _type_parameters(self, node: Any) -> int:
        """Give the scope around a definition: one more if it has parameters."""
        parameters = getattr(node, "type_params", ())
        if not parameters:
            return self.scope
        inner = self.open(f.TYPE, "", self.scope, node)
        for parameter in parameters:
            self.bind(inner, parameter.name, f.PARAMETER, "", parameter.lineno, 0)
        return inner

    def lambda_(self, node: ast.Lambda) -> None:
        self._signature(node.args)
        inner = self.open(f.LAMBDA, "", self.scope, node)
        self._parameters(node.args, inner)
        self.work.append((inner, 0, [node.body]))

    def _signature(self, arguments: ast.arguments) -> None:
        """Walk what belongs to the scope around: defaults and annotations."""
        self.stack.extend(arguments.defaults)
        self.stack.extend(each for each in arguments.kw_defaults if each is not None)
        for argument in parameters(arguments):
            if argument.annotation is not None:
                self.stack.append(argument.annotation)

    def _parameters(self, arguments: ast.arguments, scope: int) -> None:
        for argument in parameters(arguments):
            self.bind(scope, argument.arg, f.PARAMETER, "", argument.lineno, 0)

    def comprehension(self, node: Any) -> None:
        self.stack.append(node.generators[0].iter)
        kind = f.GENERATOR if isinstance(node, ast.GeneratorExp) else f.COMPREHENSION
        inner = self.open(kind, "", self.scope, node)
        nodes: list[ast.AST] = []
        for position, generator in enumerate(node.generators):
            if position:
                nodes.append(generator.iter)
            nodes.extend(generator.ifs)
            for target in ast.walk(generator.target):
                if isinstance(target, ast.Name):
                    self.bind(inner, target.id, f.ASSIGNED, "", target.lineno, 0)
                elif not isinstance(target, (ast.Tuple, ast.List, ast.Starred)):
                    nodes.append(target)
                    break
            if generator.is_async:
                self.suspending.add(self._function_above(self.scope))
        if isinstance(node, ast.DictComp):
            nodes += [node.key, node.value]
        else:
            nodes.append(node.elt)
        self.work.append((inner, self.flags, nodes))

    def suspension(self, node: ast.AST) -> None:
        self.suspending.add(self._function_above(self.scope))
        if isinstance(node, (ast.AsyncFor, ast.AsyncWith)):
            self.block(node)
        elif isinstance(node, ast.Await):
            self.stack.append(node.value)

    def branch(self, node: ast.If) -> None:
        self.stack.append(node.test)
        typing_only = chain(node.test, []).rpartition(".")[2] == "TYPE_CHECKING"
        inner = f.TYPE_CHECKING | f.CONDITIONAL if typing_only else f.CONDITIONAL
        self.blocks.append((self.scope, self.flags | inner, list(node.body)))
        if node.orelse:
            self.blocks.append(
                (self.scope, self.flags | f.CONDITIONAL, list(node.orelse))
            )

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

    def handler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(self.scope, node.name, f.ASSIGNED, "", node.lineno, self.flags)
        if node.type is not None:
            self.stack.append(node.type)
        self.stack.extend(node.body)

    def capture(self, node: Any) -> None:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name:
            self.bind(self.scope, name, f.CAPTURE, "", node.lineno, self.flags)
        for field in ("pattern", "keys", "patterns"):
            child = getattr(node, field, None)
            if isinstance(child, list):
                self.stack.extend(child)
            elif child is not None:
                self.stack.append(child)

    def declaration(self, node: ast.Global | ast.Nonlocal) -> None:
        for name in node.names:
            owner = 0
            if isinstance(node, ast.Nonlocal):
                owner = self.scopes[self.scope].parent
                bound = {(b.scope, b.name) for b in self.bindings}
                while owner and (
                    self.scopes[owner].kind == f.CLASS or (owner, name) not in bound
                ):
                    owner = self.scopes[owner].parent
            self.declared[self.scope, name] = owner

    def type_alias(self, node: Any) -> None:
        self.bind(self.scope, node.name.id, f.ASSIGNED, "", node.lineno, self.flags)
        inner = self.open(f.TYPE, "", self.scope, node)
        self.work.append((inner, self.flags, [node.value]))


def _use(scope: int, name: str, node: Any) -> f.Use:
    return f.Use(
        scope, name, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
    )


_HANDLERS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Name: Walk.name,
    ast.Attribute: Walk.attribute,
    ast.Call: Walk.call,
    ast.Assign: Walk.assign,
    ast.AnnAssign: Walk.annotated,
    ast.AugAssign: Walk.augmented,
    ast.NamedExpr: Walk.walrus,
    ast.Import: Walk.imported,
    ast.ImportFrom: Walk.imported_from,
    ast.FunctionDef: Walk.function,
    ast.AsyncFunctionDef: Walk.function,
    ast.ClassDef: Walk.klass,
    ast.Lambda: Walk.lambda_,
    ast.ListComp: Walk.comprehension,
    ast.SetComp: Walk.comprehension,
    ast.DictComp: Walk.comprehension,
    ast.GeneratorExp: Walk.comprehension,
    ast.Await: Walk.suspension,
    ast.AsyncFor: Walk.suspension,
    ast.AsyncWith: Walk.suspension,
    ast.If: Walk.branch,
    ast.For: Walk.block,
    ast.While: Walk.block,
    ast.With: Walk.block,
    ast.Try: Walk.block,
    ast.Match: Walk.block,
    ast.ExceptHandler: Walk.handler,
    ast.MatchAs: Walk.capture,
    ast.MatchStar: Walk.capture,
    ast.MatchMapping: Walk.capture,
    ast.Global: Walk.declaration,
    ast.Nonlocal: Walk.declaration,
}
for _name, _handler in (("TryStar", Walk.block), ("TypeAlias", Walk.type_alias)):
    if hasattr(ast, _name):
        _HANDLERS[getattr(ast, _name)] = _handler
