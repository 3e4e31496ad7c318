"""The new code of a shared session, as LibCST nodes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from asyncfix import Names, Slice
from asyncfix_codemods._session_region import Region

if TYPE_CHECKING:
    import libcst as cst

Make = Callable[["cst.With", int], "list[cst.BaseStatement]"]
Change = Callable[["cst.CSTNode"], "cst.CSTNode | cst.FlattenSentinel[cst.CSTNode]"]


def changed(
    nodes: Sequence[cst.CSTNode], changes: Mapping[cst.CSTNode, Change]
) -> list[cst.CSTNode]:
    """Give nodes with some of their parts replaced, the inner ones first."""
    import libcst as cst

    class Replace(cst.CSTTransformer):
        def on_leave(
            self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
        ) -> cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]:
            change = changes.get(original_node)
            if change is None:
                return updated_node
            # A change keeps the kind of its node, or gives statements for one.
            return cast("cst.CSTNodeT", change(updated_node))

    replace = Replace()
    return [cast("cst.CSTNode", each.visit(replace)) for each in nodes]


def dotted(name: str) -> cst.Name | cst.Attribute:
    """Give the nodes of a dotted name."""
    import libcst as cst

    first, *rest = name.split(".")
    node: cst.Name | cst.Attribute = cst.Name(first)
    for part in rest:
        node = cst.Attribute(node, cst.Name(part))
    return node


def keyword(name: str, value: cst.BaseExpression) -> cst.Arg:
    """Give `name=value` as an argument."""
    import libcst as cst

    bare = cst.SimpleWhitespace("")
    return cst.Arg(value, cst.Name(name), cst.AssignEqual(bare, bare))


def with_arguments(call: cst.Call, added: Sequence[cst.Arg]) -> cst.Call:
    """Give a call with more arguments behind its own, laid out like them."""
    import libcst as cst

    if not added:
        return call
    end = cst.SimpleWhitespace("")
    own = [*call.args]
    gap: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace(" ")
    trailing: cst.Comma | cst.MaybeSentinel = cst.MaybeSentinel.DEFAULT
    if own:
        if len(own) > 1 and isinstance(own[0].comma, cst.Comma):
            gap = own[0].comma.whitespace_after
        elif isinstance(own[-1].comma, cst.Comma):
            gap = call.whitespace_before_args
        trailing, last = own[-1].comma, own[-1]
        closing: cst.BaseParenthesizableWhitespace = last.whitespace_after_arg
        own[-1] = last.with_changes(
            comma=cst.Comma(whitespace_after=gap), whitespace_after_arg=end
        )
    else:
        closing = end
    new = [
        each.with_changes(
            comma=cst.Comma(whitespace_after=gap), whitespace_after_arg=end
        )
        for each in added
    ]
    new[-1] = new[-1].with_changes(comma=trailing, whitespace_after_arg=closing)
    return call.with_changes(args=[*own, *new])


def without_arguments(call: cst.Call, names: frozenset[str]) -> cst.Call:
    """Give a call without some of its keyword arguments."""
    import libcst as cst

    kept = [
        each
        for each in call.args
        if each.keyword is None or each.keyword.value not in names
    ]
    if len(kept) == len(call.args):
        return call
    bare = cst.SimpleWhitespace("")
    if not kept:
        return call.with_changes(args=(), whitespace_before_args=bare)
    last = call.args[-1]
    kept[-1] = kept[-1].with_changes(
        comma=last.comma, whitespace_after_arg=last.whitespace_after_arg
    )
    return call.with_changes(args=kept)


def taken(call: cst.Call, names: frozenset[str]) -> list[cst.Arg]:
    """Give some keyword arguments of a call, in its order."""
    return [
        each
        for each in call.args
        if each.keyword is not None and each.keyword.value in names
    ]


def with_parameter(
    function: cst.FunctionDef, name: str, annotation: cst.BaseExpression | None
) -> cst.FunctionDef:
    """Give a function with one more parameter: keyword-only, None by default."""
    import libcst as cst

    params = function.params
    gap: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace(" ")
    own = [*params.posonly_params, *params.params]
    if isinstance(params.star_arg, cst.Param):
        own.append(params.star_arg)
    own += params.kwonly_params
    trailing: cst.Comma | cst.MaybeSentinel = cst.MaybeSentinel.DEFAULT
    closing: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace("")
    if own:
        last = own[-1]
        if len(own) > 1 and isinstance(own[0].comma, cst.Comma):
            gap = own[0].comma.whitespace_after
        elif isinstance(last.comma, cst.Comma):
            gap = function.whitespace_before_params
        trailing, closing = last.comma, last.whitespace_after_param
        new_last = last.with_changes(
            comma=cst.Comma(whitespace_after=gap),
            whitespace_after_param=cst.SimpleWhitespace(""),
        )
        params = cast(
            "cst.Parameters", changed([params], {last: lambda _: new_last})[0]
        )
    bare = cst.SimpleWhitespace("")
    more = cst.Param(
        cst.Name(name),
        annotation=None if annotation is None else cst.Annotation(annotation),
        default=cst.Name("None"),
        equal=(
            cst.AssignEqual(bare, bare) if annotation is None else cst.AssignEqual()
        ),
        comma=trailing,
        whitespace_after_param=closing,
    )
    changes: dict[str, object] = {"kwonly_params": [*params.kwonly_params, more]}
    if not params.kwonly_params and not isinstance(params.star_arg, cst.Param):
        changes["star_arg"] = cst.ParamStar(cst.Comma(whitespace_after=gap))
    return function.with_changes(params=params.with_changes(**changes))


def optional(spelled: str, as_text: bool) -> cst.BaseExpression:
    """Give the annotation `spelled | None`."""
    import libcst as cst

    made = cst.BinaryOperation(dotted(spelled), cst.BitOr(), cst.Name("None"))
    if not as_text:
        return made
    return cst.SimpleString('"' + cst.Module([]).code_for_node(made) + '"')


def is_none(name: str, negated: bool) -> cst.Comparison:
    """Give `name is None`, or `name is not None`."""
    import libcst as cst

    operator = cst.IsNot() if negated else cst.Is()
    target = cst.ComparisonTarget(operator, cst.Name("None"))
    return cst.Comparison(dotted(name), [target])


def holder(nodes: Sequence[cst.CSTNode], call: cst.CSTNode) -> cst.With:
    """Give the `with` that a call is an item of. Raises LookupError without one."""
    import libcst as cst

    todo = [*nodes]
    while todo:
        node = todo.pop()
        if isinstance(node, cst.With) and any(each.item is call for each in node.items):
            return node
        todo += node.children
    raise LookupError("the session's `async with` is not in this code")


def entering(
    call: cst.BaseExpression, name: str, body: Sequence[cst.CSTNode], indent: str
) -> cst.With:
    """Give `async with call as name:` round statements, a step of indentation deeper."""
    import libcst as cst

    first, *rest = body
    item = cst.WithItem(
        call,
        cst.AsName(
            cst.Name(name), cst.SimpleWhitespace(" "), cst.SimpleWhitespace(" ")
        ),
    )
    # All statements have lines above them; what stands there stays above.
    lines = cast("cst.SimpleStatementLine", first).leading_lines
    bare = first.with_changes(leading_lines=())
    return cst.With(
        [item],
        cst.IndentedBlock(
            [cast("cst.BaseStatement", each) for each in (bare, *rest)], indent=indent
        ),
        cst.Asynchronous(),
        lines,
    )


def opened(block: cst.With) -> list[cst.BaseStatement]:
    """Give the statements of a `with` without it, its comments above the first."""
    import libcst as cst

    if not isinstance(block.body, cst.IndentedBlock):
        # `async with x: a; b` on one line.
        line = cst.SimpleStatementLine(
            cst.ensure_type(block.body, cst.SimpleStatementSuite).body,
            block.leading_lines,
        )
        return [line]
    first, *rest = block.body.body
    above = [*block.leading_lines]
    if block.body.header.comment is not None:
        above.append(cst.EmptyLine(comment=block.body.header.comment))
    own = cast("cst.SimpleStatementLine", first).leading_lines
    return [first.with_changes(leading_lines=[*above, *own]), *rest]


def has_footer(block: cst.With) -> bool:
    """Tell whether comments stand below the last statement of a `with`."""
    return any(each.comment is not None for each in getattr(block.body, "footer", ()))


def twins(slice_: Slice, nodes: Sequence[ast.AST]) -> list[cst.Call]:
    """Give the LibCST twins of calls."""
    return [cast("cst.Call", slice_.find(each)) for each in nodes]


def stack(names: Names, local: str) -> cst.WithItem:
    """Give `contextlib.AsyncExitStack() as local`, an item of a `with`."""
    import libcst as cst

    made = cst.Call(dotted(names["contextlib"] + ".AsyncExitStack"))
    return cst.WithItem(
        made,
        cst.AsName(
            cst.Name(local), cst.SimpleWhitespace(" "), cst.SimpleWhitespace(" ")
        ),
    )


def behind(ahead: str, with_: cst.With) -> list[cst.BaseStatement]:
    """Give a block with a statement above it; without, where that is empty."""
    import libcst as cst

    if not ahead:
        return [with_]
    first = cst.ensure_type(cst.parse_statement(ahead), cst.SimpleStatementLine)
    above = first.with_changes(leading_lines=with_.leading_lines)
    return [above, with_.with_changes(leading_lines=())]


def in_place(
    slice_: Slice, call: cst.CSTNode, region: Region, make: Make
) -> dict[cst.CSTNode, Change]:
    """Give the change that puts statements in the place of a session's region.

    `make` gets the region as `async with ...:`, whatever it was, and the place of the
    session among its items. Raises ValueError where a comment would be lost.
    """
    import libcst as cst

    if region.shape == "with":
        held = holder(slice_.nodes, call)
        if has_footer(held):
            raise ValueError("a comment stands at the end of the session's block")
        place = next(i for i, each in enumerate(held.items) if each.item is call)
        return {
            held: lambda node: cst.FlattenSentinel(
                make(cst.ensure_type(node, cst.With), place)
            )
        }
    block, first = _block_of(slice_.nodes, call)
    end = first + len(region.statements)

    def put(node: cst.CSTNode) -> cst.CSTNode:
        updated = cst.ensure_type(node, cst.IndentedBlock)
        body = [*updated.body]
        body[first:end] = make(_as_with(body[first:end], region, slice_.indent), 0)
        return updated.with_changes(body=body)

    return {block: put}


def _block_of(
    nodes: Sequence[cst.CSTNode], call: cst.CSTNode
) -> tuple[cst.IndentedBlock, int]:
    """Give the block that assigns a call, and where. Raises LookupError without one."""
    import libcst as cst

    todo = [*nodes]
    while todo:
        node = todo.pop()
        if isinstance(node, cst.IndentedBlock):
            for place, line in enumerate(node.body):
                if isinstance(line, cst.SimpleStatementLine):
                    if getattr(line.body[0], "value", None) is call:
                        return node, place
        todo += node.children
    raise LookupError("the session's assignment is not in this code")


def _as_with(
    lines: Sequence[cst.BaseStatement], region: Region, indent: str
) -> cst.With:
    """Give the statements of a session closed by hand as an `async with`."""
    import libcst as cst

    first = cst.ensure_type(lines[0], cst.SimpleStatementLine)
    assign = cst.ensure_type(first.body[0], cst.Assign)
    inner: Sequence[cst.BaseStatement] = lines[1:-1]
    block: cst.BaseSuite | None = None
    if region.shape == "try":
        tried = cst.ensure_type(lines[1], cst.Try)
        block = tried.body
        if tried.handlers or tried.orelse:
            block, inner = None, [tried.with_changes(finalbody=None)]
    elif region.shape == "block":
        block = cst.ensure_type(lines[1], cst.With).body
    space = cst.SimpleWhitespace(" ")
    name = cst.ensure_type(assign.targets[0].target, cst.Name)
    item = cst.WithItem(assign.value, cst.AsName(name, space, space))
    return cst.With(
        [item],
        block if block is not None else cst.IndentedBlock(inner, indent=indent),
        cst.Asynchronous(),
        first.leading_lines,
    )
