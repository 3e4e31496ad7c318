"""The parts of a shared session: the loop, the function, those between, the owner."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from asyncfix import Context, Names, Part, Slice
from asyncfix_codemods import _session_rewrite as write
from asyncfix_codemods._session_arguments import Split
from asyncfix_codemods._session_block import Block
from asyncfix_codemods._session_owner import Link, Owner

if TYPE_CHECKING:
    import libcst as cst


@dataclass(frozen=True, slots=True)
class Parameter:
    """The new parameter of a function, and how it is annotated there."""

    name: str
    spelled: str
    """The class as it can be written there; empty for no annotation."""
    as_text: bool
    """The annotation must be a string: Python 3.9 would evaluate it."""


def above_loop(block: Block, args: Split, loop: ast.stmt) -> Part:
    """Give the part that moves a session above a loop."""

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        (call,) = write.twins(slice_, [block.context.call])
        held = write.holder(slice_.nodes, call)
        if write.has_footer(held):
            raise ValueError("a comment stands at the end of the session's block")

        def open_up(
            node: cst.CSTNode,
        ) -> cst.CSTNode | cst.FlattenSentinel[cst.CSTNode]:
            with_ = cst.ensure_type(node, cst.With)
            place = next(i for i, each in enumerate(held.items) if each.item is call)
            items = [*with_.items[:place], *with_.items[place + 1 :]]
            if items:
                items[-1] = items[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
                return with_.with_changes(items=items)
            return cst.FlattenSentinel(write.opened(with_))

        changes: dict[cst.CSTNode, write.Change] = {held: open_up}
        changes |= _requests(slice_, block, args, call)
        new = write.changed(slice_.nodes, changes)
        made = write.without_arguments(call, _named(args.moved))
        return [write.entering(made, block.name, new, slice_.indent)]

    # It is opened once now, whatever decides how often the loop runs.
    return Part((loop,), make, free=(block.item,))


def _named(keywords: Sequence[ast.keyword]) -> frozenset[str]:
    return frozenset(each.arg for each in keywords if each.arg)


def _requests(
    slice_: Slice, block: Block, args: Split, call: cst.Call
) -> dict[cst.CSTNode, write.Change]:
    """Give the changes that hand arguments of the session to its requests."""
    if not args.moved:
        return {}
    given = write.taken(call, _named(args.moved))
    changes: dict[cst.CSTNode, write.Change] = {}
    for twin in write.twins(slice_, block.requests):
        changes[twin] = partial(_with_keywords, given)
    return changes


def _with_keywords(added: Sequence[cst.Arg], node: cst.CSTNode) -> cst.CSTNode:
    return write.with_arguments(cast("cst.Call", node), added)


def in_function(block: Block, args: Split, parameter: Parameter, stack: str) -> Part:
    """Give the part that makes a function take a session, and open one without it.

    `stack` names an AsyncExitStack for Python 3.9, where `nullcontext` cannot be
    entered in a coroutine; it is empty for newer ones.
    """

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        (call,) = write.twins(slice_, [block.context.call])
        held = write.holder(slice_.nodes, call)
        changes = _requests(slice_, block, args, call)
        name = parameter.name

        def either(node: cst.CSTNode) -> cst.CSTNode:
            own = write.without_arguments(cst.ensure_type(node, cst.Call), moved)
            if stack:
                return own
            given = cst.Call(
                write.dotted(names["contextlib"] + ".nullcontext"),
                [cst.Arg(cst.Name(name))],
            )
            return cst.IfExp(write.is_none(name, True), given, own)

        moved = _named(args.moved)
        changes[call] = either
        if stack:
            changes[held] = partial(
                _stacked, block, parameter, names, stack, held, call, slice_.indent
            )
        (function,) = write.changed(slice_.nodes, changes)
        return [_with_parameter(cst.ensure_type(function, cst.FunctionDef), parameter)]

    # The session is opened here or by whoever hands it in.
    return Part((block.context.function,), make, free=(block.item,))


def _stacked(
    block: Block,
    parameter: Parameter,
    names: Names,
    stack: str,
    held: cst.With,
    call: cst.Call,
    indent: str,
    node: cst.CSTNode,
) -> cst.CSTNode:
    """Give the block of a session that is entered on a stack, unless it was given."""
    import libcst as cst

    with_ = cst.ensure_type(node, cst.With)
    place = next(i for i, each in enumerate(held.items) if each.item is call)
    own = with_.items[place]
    enter = cst.Await(
        cst.Call(
            cst.Attribute(cst.Name(stack), cst.Name("enter_async_context")),
            [cst.Arg(own.item)],
        )
    )
    name = parameter.name
    body: list[cst.BaseStatement] = []
    if block.name == name:
        assign = cst.Assign([cst.AssignTarget(cst.Name(name))], enter)
        block_ = cst.IndentedBlock([cst.SimpleStatementLine([assign])], indent=indent)
        body.append(cst.If(write.is_none(name, False), block_))
    else:
        value = cst.IfExp(write.is_none(name, True), cst.Name(name), enter)
        target = cst.AssignTarget(cst.Name(block.name))
        body.append(cst.SimpleStatementLine([cst.Assign([target], value)]))
    rest = with_.items[place + 1 :]
    inner = with_.with_changes(leading_lines=())
    body += [inner.with_changes(items=rest)] if rest else write.opened(inner)
    items = [*with_.items[:place], write.stack(names, stack)]
    own_indent = getattr(with_.body, "indent", None) or indent
    outer = with_.with_changes(
        items=items, body=cst.IndentedBlock(body, indent=own_indent)
    )
    if len(items) == 1:
        outer = outer.with_changes(
            lpar=cst.MaybeSentinel.DEFAULT, rpar=cst.MaybeSentinel.DEFAULT
        )
    return outer


def _with_parameter(function: cst.FunctionDef, parameter: Parameter) -> cst.FunctionDef:
    spelled = parameter.spelled
    annotation = write.optional(spelled, parameter.as_text) if spelled else None
    return write.with_parameter(function, parameter.name, annotation)


def in_link(
    link: Link, parameter: Parameter, passed_as: str, needs: tuple[str, ...]
) -> Part:
    """Give the part that makes a function take a session and pass it on."""

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        spelled = parameter.spelled
        for need in needs:
            spelled = names[need] + "." + spelled
        here = Parameter(parameter.name, spelled, parameter.as_text)
        changes = _passing(slice_, link.calls, passed_as, parameter.name)
        (function,) = write.changed(slice_.nodes, changes)
        return [_with_parameter(cst.ensure_type(function, cst.FunctionDef), here)]

    node = link.context.function
    return Part((node,), make, link.context, guards=("N3",), needs=needs)


def _passing(
    slice_: Slice, calls: Sequence[ast.Call], keyword: str, name: str
) -> dict[cst.CSTNode, write.Change]:
    import libcst as cst

    argument = write.keyword(keyword, cst.Name(name))
    return {
        twin: partial(_with_keywords, [argument]) for twin in write.twins(slice_, calls)
    }


@dataclass(frozen=True, slots=True)
class Opening:
    """How an owner opens the session it shares."""

    name: str
    spelled: str
    """The class as the owner's file can write it; without its module, see `needs`."""
    kept: tuple[ast.keyword, ...]
    limit: str
    """The argument that lifts the limit of connections; empty where it stays."""
    module: str
    needs: tuple[str, ...]


def in_owner(owner: Owner, opening: Opening, passed_as: str) -> Part:
    """Give the part that opens a session round the calls of an owner."""

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        changes = _passing(slice_, owner.calls, passed_as, opening.name)
        new = write.changed(slice_.nodes, changes)
        if owner.open_as:
            return new
        spelled = opening.spelled
        if opening.module in names.local:
            spelled = names[opening.module] + "." + spelled.rpartition(".")[2]
        arguments = [
            write.keyword(each.arg or "", cst.parse_expression(ast.unparse(each.value)))
            for each in opening.kept
        ]
        if opening.limit:
            arguments.append(_limit(opening, names))
        call = write.with_arguments(cst.Call(write.dotted(spelled)), arguments)
        return [write.entering(call, opening.name, new, slice_.indent)]

    context: Context = owner.context
    return Part(owner.statements, make, context, guards=("N3",), needs=opening.needs)


def _limit(opening: Opening, names: Names) -> cst.Arg:
    """Give the argument that lifts the limit, with the module's name as it is here."""
    import libcst as cst

    name, _, value = opening.limit.partition("=")
    call = cst.ensure_type(cst.parse_expression(value), cst.Call)
    func = cst.ensure_type(call.func, cst.Attribute)
    module = opening.spelled.rpartition(".")[0]
    if opening.module in names.local:
        module = names[opening.module]
    local = func.with_changes(value=write.dotted(module))
    return write.keyword(name, call.with_changes(func=local))
