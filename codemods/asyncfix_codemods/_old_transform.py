"""The LibCST transformer behind `_old_rewrite`: it imports LibCST at once."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import libcst as cst

from asyncfix import Names, Slice

if TYPE_CHECKING:
    from asyncfix_codemods._old_rewrite import Change

_PRIMARY = (
    cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.List, cst.Dict, cst.Set,
    cst.ListComp, cst.DictComp, cst.SetComp, cst.SimpleString, cst.FormattedString,
    cst.Integer,
)  # fmt: skip


class NeedsParentheses(Exception):
    """Without the parentheses round it, an `await` would be something else."""


def changed(
    change: Change, old: Slice, names: Names, *, drops: bool
) -> Sequence[cst.CSTNode]:
    """Give the slice's nodes changed.

    Raises NeedsParentheses where parentheses that `drops` leaves out are needed.
    """
    work = _Await(change, old, names, drops=drops)
    try:
        nodes = [cast("cst.CSTNode", each.visit(work)) for each in old.nodes]
        code = old.code(nodes)
        ast.parse(code if code[:1] not in " \t" else f"if 1:\n{code}")
    except (cst.CSTValidationError, SyntaxError) as error:
        raise NeedsParentheses from error
    return nodes


class _Await(cst.CSTTransformer):
    def __init__(
        self, change: Change, old: Slice, names: Names, *, drops: bool
    ) -> None:
        super().__init__()
        # The slice's own node needs no search, which would cost half of the work.
        twins = {
            each: old.nodes[0] if each is old.old[0] else old.find(each)
            for each in change.functions
        }
        self.functions = {id(twin) for twin in twins.values()}
        self.plain = {id(twins[each]) for each in change.plain}
        self.locks = {id(old.find(each)) for each in change.locks}
        self.returns = {id(old.find(each)) for each in change.returns}
        self.asked = {id(old.find(each)): name for each, name in change.asked.items()}
        self.names = names
        self.decorators = change.decorators
        self.drops = drops
        self.inside = [False]
        """Whether each function, outermost first, becomes a coroutine."""

    # -- where one stands ------------------------------------------------------

    def visit_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        self.inside.append(id(node) in self.functions)

    def leave_FunctionDef_body(self, node: cst.FunctionDef) -> None:
        self.inside.pop()

    def visit_Lambda_body(self, node: cst.Lambda) -> None:
        self.inside.append(False)

    def leave_Lambda_body(self, node: cst.Lambda) -> None:
        self.inside.pop()

    # -- the function ------------------------------------------------------------

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        if id(original_node) not in self.functions:
            return updated_node
        kept: list[cst.Decorator] = []
        lines: list[cst.EmptyLine] = []
        for each in updated_node.decorators:
            lines += each.leading_lines
            code = cst.Module([]).code_for_node(each.decorator)
            if code not in self.decorators:
                kept.append(each.with_changes(leading_lines=lines))
                lines = []
            elif each.trailing_whitespace.comment is not None:
                lines.append(cst.EmptyLine(comment=each.trailing_whitespace.comment))
        after = [*lines, *updated_node.lines_after_decorators]
        above = list(updated_node.leading_lines)
        if not kept:
            above, after = [*above, *after], []
        if id(original_node) in self.plain:
            asynchronous, returns = None, updated_node.returns
        else:
            asynchronous, returns = cst.Asynchronous(), _given(updated_node.returns)
        return updated_node.with_changes(
            decorators=kept,
            leading_lines=above,
            lines_after_decorators=after,
            asynchronous=asynchronous,
            returns=returns,
        )

    # -- what it waits for -----------------------------------------------------

    def leave_Yield(
        self, original_node: cst.Yield, updated_node: cst.Yield
    ) -> cst.BaseExpression:
        given = updated_node.value
        if not self.inside[-1] or not isinstance(given, cst.From):
            return updated_node
        made = cst.Await(
            _primary(_stepped_through(given.item)),
            whitespace_after_await=given.whitespace_after_from,
        )
        lpar, rpar = updated_node.lpar, updated_node.rpar
        if self.drops and lpar and _is_plain(lpar[-1], rpar[0]):
            if _is_whole(made):
                lpar, rpar = lpar[:-1], rpar[1:]
        return made.with_changes(lpar=lpar, rpar=rpar)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.Attribute:
        return updated_node.with_changes(value=_bound(updated_node.value))

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.Subscript:
        return updated_node.with_changes(value=_bound(updated_node.value))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        return updated_node.with_changes(func=_bound(updated_node.func))

    def leave_Await(
        self, original_node: cst.Await, updated_node: cst.Await
    ) -> cst.Await:
        return updated_node.with_changes(expression=_bound(updated_node.expression))

    def leave_Return(
        self, original_node: cst.Return, updated_node: cst.Return
    ) -> cst.Return:
        value = updated_node.value
        name = self.asked.get(id(original_node))
        if value is None or not (name or id(original_node) in self.returns):
            return updated_node
        space = updated_node.whitespace_after_return
        if isinstance(space, cst.SimpleWhitespace) and not space.value:
            updated_node = updated_node.with_changes(
                whitespace_after_return=cst.SimpleWhitespace(" ")
            )
        if not name:
            return updated_node.with_changes(value=cst.Await(_primary(value)))
        given: cst.BaseExpression = cst.Name(name)
        if not isinstance(value, cst.Name):
            value = cst.NamedExpr(cst.Name(name), value)
        ask = cst.Attribute(cst.Name(self.names["inspect"]), cst.Name("isawaitable"))
        test = cst.Call(ask, [cst.Arg(value)])
        return updated_node.with_changes(value=cst.IfExp(test, cst.Await(given), given))

    def leave_With(self, original_node: cst.With, updated_node: cst.With) -> cst.With:
        if id(original_node) not in self.locks:
            return updated_node
        items = []
        for each in updated_node.items:
            waiting = cst.ensure_type(each.item, cst.Await)
            items.append(each.with_changes(item=waiting.expression))
        space = updated_node.whitespace_after_with
        if not space.value:
            space = cst.SimpleWhitespace(" ")
        return updated_node.with_changes(
            items=items, asynchronous=cst.Asynchronous(), whitespace_after_with=space
        )


def _stepped_through(node: cst.BaseExpression) -> cst.BaseExpression:
    """Give `x` for `x.__await__()`, whose steps `await x` goes through."""
    if isinstance(node, cst.Call) and not node.args and not node.lpar:
        method = node.func
        if isinstance(method, cst.Attribute) and method.attr.value == "__await__":
            return method.value
    return node


def _given(returns: cst.Annotation | None) -> cst.Annotation | None:
    """Give the annotation of a coroutine for that of a generator: its last part."""
    said = returns.annotation if returns is not None else None
    if returns is None or not isinstance(said, cst.Subscript) or len(said.slice) != 3:
        return returns
    kind = said.value
    if isinstance(kind, cst.Attribute):
        kind = kind.attr
    last = said.slice[2].slice
    if not isinstance(kind, cst.Name) or kind.value != "Generator":
        return returns
    if not isinstance(last, cst.Index):
        return returns
    return returns.with_changes(annotation=last.value)


def _is_plain(left: cst.LeftParen, right: cst.RightParen) -> bool:
    """Tell whether parentheses hold no line break or comment of their own."""
    spaces = left.whitespace_after, right.whitespace_before
    return all(isinstance(each, cst.SimpleWhitespace) for each in spaces)


def _is_whole(made: cst.Await) -> bool:
    """Tell whether an expression stays one without parentheses round it."""
    code = cst.Module([]).code_for_node(made)
    if "\n" in code or "\r" in code:
        try:
            ast.parse(f"async def _():\n    {code}")
        except SyntaxError:
            return False
    return True


def _primary(node: cst.BaseExpression) -> cst.BaseExpression:
    """Give an expression as `await` can take it."""
    if isinstance(node, _PRIMARY) or node.lpar:
        return node
    return cast("cst.BaseExpression", _in_parentheses(node))


def _bound(node: cst.BaseExpression) -> cst.BaseExpression:
    """Give an expression whose attribute, item or call is taken."""
    if isinstance(node, cst.Await) and not node.lpar:
        return cast("cst.BaseExpression", _in_parentheses(node))
    return node


def _in_parentheses(node: cst.BaseExpression) -> cst.CSTNode:
    return cast(
        "cst.CSTNode",
        node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]),
    )
