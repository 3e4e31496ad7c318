"""The walk over a module's `ast` that collects its facts.

It keeps a stack of nodes instead of recursing, so that no depth of nesting
can break it, and knows for each node type which fields hold children. A scope
is walked to its end before the scopes inside it. This is the hottest code of
a run: what is common is short, and handled before what is rare.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from asyncfix import facts as f
from asyncfix.blocks import Blocks
from asyncfix.expressions import annotation, chain, describe, is_dotted
from asyncfix.nodes import (
    CHILDREN,
    MAY_WAIT,
    SPECIAL,
    decorator,
    is_told_not_to_wait,
    parameters,
)

_PLAIN = (ast.Name, ast.Constant)
_NOTED = MAY_WAIT | SPECIAL


class Walk(Blocks):
    """One walk over one module."""

    def run(self, tree: ast.Module) -> None:
        """Walk the module and every scope inside it."""
        self.open(f.MODULE, "", -1, tree)
        self.work.append((0, 0, tree.body))
        handlers, children = _HANDLERS, CHILDREN
        name_, load, constant, attribute = (
            ast.Name,
            ast.Load,
            ast.Constant,
            ast.Attribute,
        )
        while self.blocks or self.work:
            # The blocks of a scope first, then the scopes inside it.
            todo = self.blocks or self.work
            scope, self.flags, nodes = todo.pop()
            self.scope = scope
            self.stack = stack = nodes[::-1]
            reads: list[Any] = []
            chains: list[tuple[str, Any]] = []
            self.reads.append((scope, reads, chains))
            while stack:
                node = stack.pop()
                kind = type(node)
                if kind is name_:
                    if type(node.ctx) is load:
                        reads.append(node)
                    else:
                        self.stored(node)
                    continue
                if kind is constant:
                    continue
                if kind is attribute and type(node.ctx) is load:
                    root = node.value
                    while type(root) is attribute:
                        root = root.value
                    if type(root) is name_:
                        chains.append((root.id, node))
                    else:
                        stack.append(root)
                    continue
                handler = handlers.get(kind)
                if handler is not None:
                    handler(self, node)
                    continue
                for name in children[kind]:
                    child = getattr(node, name, None)
                    if child is None:
                        continue
                    if type(child) is list:
                        stack += child
                    else:
                        stack.append(child)

    # -- expressions --------------------------------------------------------

    def attribute(self, node: ast.Attribute) -> None:
        """See an attribute that is set or deleted; `run` sees those that are read."""
        name = chain(node, self.stack)
        if name.startswith(("self.", "cls.")):
            if type(node.ctx) is ast.Store:
                self.member(name, node.lineno, "")
        elif is_dotted(name):
            # `time.sleep = fake`: somebody else's attribute is replaced.
            self.patches.append((node.lineno, self.scope, name))

    def call(self, node: ast.Call, role: int = 0) -> None:
        stack = self.stack
        function = node.func
        kind = type(function)
        if kind is ast.Name:
            name = last = function.id  # type: ignore[attr-defined]  # by its type, asked before
        elif kind is ast.Attribute:
            last = function.attr  # type: ignore[attr-defined]  # by its type, asked before
            root = function.value  # type: ignore[attr-defined]  # by its type, asked before
            if type(root) is ast.Name:
                name = f"{root.id}.{last}"
            else:
                name = chain(function, stack)
        else:
            name, last = chain(function, stack), ""
        self.called.add(last or name.rpartition(".")[2])
        if self.roles:
            role = self.roles.pop(node, role)
        if last in _NOTED:
            if last in MAY_WAIT and is_told_not_to_wait(node):
                role = f.AT_ONCE
            if last in SPECIAL:
                self.special(self.scope, last, node)
        self.calls.append(
            (
                self.scope,
                node.lineno,
                node.col_offset,
                node.end_lineno,  # type: ignore[arg-type]  # ends are always known
                node.end_col_offset,
                name,
                role,
            )
        )
        for argument in node.args:
            kind = type(argument)
            if kind is not ast.Constant:
                if kind is ast.Call:
                    self.roles[argument] = f.ARGUMENT
                stack.append(argument)
        for keyword in node.keywords:
            value = keyword.value
            kind = type(value)
            if kind is not ast.Constant:
                if kind is ast.Call:
                    self.roles[value] = f.ARGUMENT
                stack.append(value)

    def statement(self, node: ast.Expr) -> None:
        value = node.value
        kind = type(value)
        if kind is ast.Call:
            self.call(value, f.STATEMENT)  # type: ignore[arg-type]  # by its type, asked before
        elif kind is not ast.Constant:
            self.stack.append(value)

    def awaited(self, node: ast.Await) -> None:
        self.suspending.add(self.function_above(self.scope))
        value = node.value
        if type(value) is ast.Call:
            self.call(value, f.AWAITED)
            return
        if type(value) in (ast.List, ast.Tuple):
            calls = [each for each in value.elts if type(each) is ast.Call]  # type: ignore[attr-defined]  # by its type, asked before
            self.roles.update(dict.fromkeys(calls, f.AWAITED_WITHIN))
        self.stack.append(value)

    def yielded(self, node: ast.Yield | ast.YieldFrom) -> None:
        self.yielding.add(self.function_above(self.scope))
        if node.value is not None:
            if type(node) is ast.YieldFrom:
                self.roles[node.value] = f.FOR
            elif type(node.value) is ast.Call:
                self.roles[node.value] = f.HANDED_BACK
            self.stack.append(node.value)

    def dictionary(self, node: ast.Dict) -> None:
        self.stack += [each for each in node.keys if each is not None]
        self.stack += node.values

    def subscript(self, node: ast.Subscript) -> None:
        self.stack.append(node.value)
        if type(node.slice) is not ast.Constant:
            self.stack.append(node.slice)

    def several(self, node: ast.Tuple | ast.List | ast.Set) -> None:
        self.stack += node.elts

    # -- definitions --------------------------------------------------------

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        name, line, arguments = node.name, node.lineno, node.args
        self.bindings.append((self.scope, name, line, f.DEF, "", self.flags))
        stack = self.stack
        decorators: tuple[str, ...] = ()
        if node.decorator_list:
            stack += node.decorator_list
            decorators = tuple([decorator(each) for each in node.decorator_list])
        self._signature(arguments)
        returns, said = node.returns, ""
        if returns is not None:
            said = annotation(returns)
            if type(returns) not in _PLAIN:
                stack.append(returns)
        positional = arguments.posonlyargs or arguments.args
        parent = self._type_parameters(node)
        inner = len(self.scopes)
        self.scopes.append(
            (
                f.FUNCTION,
                name,
                parent,
                line,
                type(node) is ast.AsyncFunctionDef,
                decorators,
                (),
                False,
                False,
                said,
                positional[0].arg if positional else "",
                node.end_lineno,
            )
        )
        self._parameters(arguments, inner)
        if name.startswith("test"):
            # The fixture of pytest-freezer, which freezes the clock.
            frozen = (a.lineno for a in parameters(arguments) if a.arg == "freezer")
            self.frozen.extend(frozen)
        self.work.append((inner, 0, node.body))

    def klass(self, node: ast.ClassDef) -> None:
        self.bind(self.scope, node.name, f.CLASSDEF, "", node.lineno, self.flags)
        self.stack += node.decorator_list
        self.stack += node.bases
        self.stack += [keyword.value for keyword in node.keywords]
        inner = self.open(
            f.CLASS,
            node.name,
            self._type_parameters(node),
            node,
            decorators=tuple(map(decorator, node.decorator_list)),
            bases=tuple(map(_base, node.bases)),
        )
        self.work.append((inner, 0, node.body))

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
        if type(node.body) is ast.Call:
            self.roles[node.body] = f.HANDED_BACK
        self.work.append((inner, 0, [node.body]))

    def _signature(self, arguments: ast.arguments) -> None:
        """Walk what belongs to the scope around: defaults and annotations."""
        if arguments.defaults:
            self.stack += arguments.defaults
        if arguments.kwonlyargs:
            self.stack += [each for each in arguments.kw_defaults if each is not None]

    def _parameters(self, arguments: ast.arguments, scope: int) -> None:
        """Bind the parameters in their function, and walk their annotations."""
        bindings, stack = self.bindings, self.stack
        every = arguments.args
        if arguments.kwonlyargs or arguments.posonlyargs:
            every = [*arguments.posonlyargs, *every, *arguments.kwonlyargs]
        for argument in every:
            note, said = argument.annotation, ""
            if note is not None:
                kind = type(note)
                # A plain name as an annotation is neither a call nor a value.
                if kind is ast.Name:
                    said = f":{note.id}"  # type: ignore[attr-defined]  # by its type, asked before
                else:
                    said = annotation(note)
                    if kind is not ast.Constant:
                        stack.append(note)
            bindings.append(
                (scope, argument.arg, argument.lineno, f.PARAMETER, said, 0)
            )
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                self.bind(scope, rest.arg, f.PARAMETER, "", rest.lineno, 0)
                if rest.annotation is not None:
                    stack.append(rest.annotation)

    def returned(self, node: ast.Return) -> None:
        value = node.value
        if value is None:
            return
        if type(value) is ast.Call:
            self.call(value, f.HANDED_BACK)
        else:
            self.stack.append(value)
        if not self.scopes[self.scope][9]:
            said = describe(value)
            self.bind(self.scope, "", f.RETURNED, said, node.lineno, self.flags)

    def nothing(self, node: ast.AST) -> None:
        """A leaf."""


def _base(node: ast.expr) -> str:
    """Give a base class; of `Base[int]` the base."""
    return chain(node.value if isinstance(node, ast.Subscript) else node, [])


_HANDLERS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Attribute: Walk.attribute,
    ast.Call: Walk.call,
    ast.Expr: Walk.statement,
    ast.Return: Walk.returned,
    ast.Dict: Walk.dictionary,
    ast.Subscript: Walk.subscript,
    ast.Tuple: Walk.several,
    ast.List: Walk.several,
    ast.Set: Walk.several,
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
    ast.Await: Walk.awaited,
    ast.Yield: Walk.yielded,
    ast.YieldFrom: Walk.yielded,
    ast.AsyncFor: Walk.loop,
    ast.AsyncWith: Walk.context,
    ast.If: Walk.branch,
    ast.For: Walk.loop,
    ast.While: Walk.block,
    ast.With: Walk.context,
    ast.Try: Walk.block,
    ast.Match: Walk.block,
    ast.ExceptHandler: Walk.handler,
    ast.MatchAs: Walk.capture,
    ast.MatchSingleton: Walk.nothing,
    ast.MatchStar: Walk.capture,
    ast.MatchMapping: Walk.capture,
    ast.Global: Walk.declaration,
    ast.Nonlocal: Walk.declaration,
}
for _name, _handler in (("TryStar", Walk.block), ("TypeAlias", Walk.type_alias)):
    if hasattr(ast, _name):
        _HANDLERS[getattr(ast, _name)] = _handler
