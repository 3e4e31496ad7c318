"""Pieces of the new code of rounds that run together."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from asyncfix import Names, Slice
from asyncfix_codemods._forms import Form

if TYPE_CHECKING:
    import libcst as cst


def of(module: str, name: str) -> cst.Attribute:
    """Give `module.name`."""
    import libcst as cst

    return cst.Attribute(cst.Name(module), cst.Name(name))


def call(function: cst.BaseExpression, *args: cst.Arg) -> cst.Call:
    """Give `function(*args)`."""
    import libcst as cst

    return cst.Call(function, list(args))


def twin(slice_: Slice, node: ast.AST) -> cst.BaseExpression:
    """Give the LibCST node of an expression."""
    import libcst as cst

    found = slice_.find(node)
    assert isinstance(found, cst.BaseExpression)
    return found


def in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    """Give an expression in parentheses, with its own if it has them."""
    import libcst as cst

    if node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


class Loop(NamedTuple):
    """The head of a loop: `for target in items if test`."""

    target: cst.BaseAssignTargetExpression
    items: cst.BaseExpression
    tests: Sequence[cst.CompIf]

    def over(self, element: cst.BaseExpression) -> cst.CompFor:
        import libcst as cst

        items = self.items
        if isinstance(items, (cst.Tuple, cst.IfExp, cst.Lambda)):
            items = in_parentheses(items)
        return cst.CompFor(target=self.target, iter=items, ifs=list(self.tests))

    def generator(self, element: cst.BaseExpression) -> cst.GeneratorExp:
        import libcst as cst

        return cst.GeneratorExp(
            elt=element,
            for_in=self.over(element),
            lpar=[cst.LeftParen()],
            rpar=[cst.RightParen()],
        )

    def list(self, element: cst.BaseExpression) -> cst.ListComp:
        import libcst as cst

        return cst.ListComp(elt=element, for_in=self.over(element))


def head(slice_: Slice, form: Form) -> Loop:
    """Give the head of the loop or comprehension that goes."""
    import libcst as cst

    if isinstance(form.rounds.loop, ast.For):
        loop = slice_.nodes[-1]
        assert isinstance(loop, cst.For)
        return Loop(loop.target, loop.iter, ())
    inner = comprehension(slice_, form).for_in
    return Loop(inner.target, inner.iter, inner.ifs)


def comprehension(
    slice_: Slice, form: Form
) -> cst.ListComp | cst.SetComp | cst.DictComp:
    """Give the comprehension that goes."""
    import libcst as cst

    found = slice_.find(form.rounds.loop)
    assert isinstance(found, (cst.ListComp, cst.SetComp, cst.DictComp))
    return found


def limited(call: cst.BaseExpression, form: Form) -> cst.Call:
    """Give `limited(limit, f, x)` for `f(x)`."""
    import libcst as cst

    assert isinstance(call, cst.Call)
    first = [cst.Arg(cst.Name(form.bound)), cst.Arg(call.func)]
    return cst.Call(cst.Name("limited"), [*first, *call.args])


def semaphore(form: Form, names: Names) -> list[cst.BaseStatement]:
    """Give `limit = asyncio.Semaphore(N)`, where the form needs it."""
    import libcst as cst

    if form.helper != "limited":
        return []
    made = call(
        of(names["asyncio"], "Semaphore"), cst.Arg(cst.Integer(str(form.limit)))
    )
    return [assign(form.bound, made)]


def assign(name: str, value: cst.BaseExpression) -> cst.SimpleStatementLine:
    """Give `name = value`."""
    import libcst as cst

    target = cst.AssignTarget(cst.Name(name))
    return cst.SimpleStatementLine([cst.Assign([target], value)])


def comments(slice_: Slice, form: Form) -> list[cst.EmptyLine]:
    """Give the comments that stand above and in statements that go away."""
    import libcst as cst

    found: list[cst.EmptyLine] = []

    def keep(node: cst.CSTNode) -> None:
        for line in getattr(node, "leading_lines", ()):
            if line.comment is not None or not found:
                found.append(line)
        for each in (
            getattr(node, "trailing_whitespace", None),
            getattr(getattr(node, "body", None), "header", None),
        ):
            comment = getattr(each, "comment", None)
            if comment is not None:
                found.append(cst.EmptyLine(comment=comment))
        body = getattr(node, "body", None)
        if isinstance(body, cst.IndentedBlock):
            for each in body.body:
                keep(each)
            found.extend(line for line in body.footer if line.comment is not None)

    for node in slice_.nodes:
        keep(node)
    return found


def under(
    statement: cst.BaseStatement, lines: Sequence[cst.EmptyLine]
) -> cst.BaseStatement:
    """Give a statement with these comments and blank lines above it."""
    return statement.with_changes(leading_lines=list(lines))
