"""The parts of a shared session: the loop, the function, those between, the owner."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from asyncfix import Context, Names, Part, Slice
from asyncfix_codemods import _session_rewrite as write
from asyncfix_codemods._session_arguments import Split
from asyncfix_codemods._session_block import Block
from asyncfix_codemods._session_owner import Link, Owner

if TYPE_CHECKING:
    import libcst as cst


class Parameter(NamedTuple):
    """The new parameter of a function, and how it is annotated there."""

    name: str
    spelled: str
    """The class as it can be written there; empty for no annotation."""
    as_text: bool
    """The annotation must be a string: Python 3.9 would evaluate it."""
    needs: tuple[str, ...] = ()
    """The module to import for it; `spelled` is the class alone then."""


def above_loop(block: Block, args: Split, loop: ast.stmt) -> Part:
    """Give the part that moves a session above a loop."""

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        (call,) = write.twins(slice_, [block.context.call])

        def open_up(with_: cst.With, place: int) -> list[cst.BaseStatement]:
            items = [*with_.items[:place], *with_.items[place + 1 :]]
            if items:
                items[-1] = items[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
                return [with_.with_changes(items=items)]
            return write.opened(with_)

        changes = write.in_place(slice_, call, block.region, open_up)
        changes |= _requests(slice_, block, args, call)
        new = write.changed(slice_.nodes, changes)
        made = write.without_arguments(call, _named(args.moved))
        return [write.entering(made, block.name, new, slice_.indent)]

    # It is opened once now, whatever decides how often the loop runs.
    return Part((loop,), make, free=block.own)


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


class Given(NamedTuple):
    """What a function uses in place of a session of its own, where it is not None."""

    expression: str
    parameter: Parameter | None = None
    """Where it is a new parameter of the function."""
    ahead: str = ""
    """A statement that gives it its value, above the session's block."""


def in_function(
    block: Block, args: Split, given: Given, stack: str, again: Mapping[ast.Call, str]
) -> Part:
    """Give the part that makes a function use a given session, or open its own.

    `again` has the calls that come back to it, with what they pass on. `stack` names an AsyncExitStack for Python 3.9, where `nullcontext` cannot be
    entered in a coroutine; it is empty for newer ones.
    """

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        (call,) = write.twins(slice_, [block.context.call])
        changes = _requests(slice_, block, args, call)
        changes |= passing_again(slice_, given, again)
        said = given.expression

        def either(node: cst.CSTNode) -> cst.CSTNode:
            own = write.without_arguments(cst.ensure_type(node, cst.Call), moved)
            if stack:
                return own
            shared = cst.Call(
                write.dotted(names["contextlib"] + ".nullcontext"),
                [cst.Arg(write.dotted(said))],
            )
            return cst.IfExp(write.is_none(said, True), shared, own)

        moved = _named(args.moved)
        changes[call] = either

        def held(with_: cst.With, place: int) -> list[cst.BaseStatement]:
            if stack:
                with_ = _stacked(block, said, names, stack, slice_.indent, with_, place)
            return write.behind(given.ahead, with_)

        changes |= write.in_place(slice_, call, block.region, held)
        new = write.changed(slice_.nodes, changes)
        if given.parameter is None:
            return new
        function = cst.ensure_type(new[0], cst.FunctionDef)
        return [with_parameter(function, given.parameter, names)]

    # The session is opened here or by whoever hands it in.
    return Part((block.context.function,), make, free=block.own)


def _stacked(
    block: Block,
    given: str,
    names: Names,
    stack: str,
    indent: str,
    with_: cst.With,
    place: int,
) -> cst.With:
    """Give the block of a session that is entered on a stack, unless it was given."""
    import libcst as cst

    own = with_.items[place]
    enter = cst.Await(
        cst.Call(
            cst.Attribute(cst.Name(stack), cst.Name("enter_async_context")),
            [cst.Arg(own.item)],
        )
    )
    body: list[cst.BaseStatement] = []
    if block.name == given:
        assign = cst.Assign([cst.AssignTarget(cst.Name(given))], enter)
        block_ = cst.IndentedBlock([cst.SimpleStatementLine([assign])], indent=indent)
        body.append(cst.If(write.is_none(given, False), block_))
    else:
        value = cst.IfExp(write.is_none(given, True), write.dotted(given), enter)
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


def with_parameter(
    function: cst.FunctionDef, parameter: Parameter, names: Names
) -> cst.FunctionDef:
    """Give a function with the parameter, annotated as its file can."""
    spelled = parameter.spelled
    for need in parameter.needs:
        spelled = f"{names[need]}.{spelled}"
    annotation = write.optional(spelled, parameter.as_text) if spelled else None
    return write.with_parameter(function, parameter.name, annotation)


def in_link(link: Link, parameter: Parameter, passed_as: str) -> Part:
    """Give the part that makes a function take a session and pass it on."""

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        changes = _passing(slice_, link.calls, passed_as, parameter.name)
        (function,) = write.changed(slice_.nodes, changes)
        return [
            with_parameter(cst.ensure_type(function, cst.FunctionDef), parameter, names)
        ]

    node = link.context.function
    return Part((node,), make, link.context, guards=("N3",), needs=parameter.needs)


def _passing(
    slice_: Slice, calls: Sequence[ast.Call], keyword: str, name: str
) -> dict[cst.CSTNode, write.Change]:
    import libcst as cst

    argument = write.keyword(keyword, cst.Name(name))
    return {
        twin: partial(_with_keywords, [argument]) for twin in write.twins(slice_, calls)
    }


def passing_again(
    slice_: Slice, given: Given, again: Mapping[ast.Call, str]
) -> dict[cst.CSTNode, write.Change]:
    """Give the changes of calls in a function that come back to it."""
    changes: dict[cst.CSTNode, write.Change] = {}
    for call, name in again.items():
        if given.parameter is not None:
            changes |= _passing(slice_, [call], given.parameter.name, name)
    return changes


class Opening(NamedTuple):
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
        changes = _passing(slice_, owner.calls, passed_as, opening.name)
        new = write.changed(slice_.nodes, changes)
        if owner.open_as:
            return new
        call = opened(opening, names)
        return [write.entering(call, opening.name, new, slice_.indent)]

    context: Context = owner.context
    return Part(owner.statements, make, context, guards=("N3",), needs=opening.needs)


def opened(opening: Opening, names: Names) -> cst.Call:
    """Give the call that makes what is shared, in the names of its file."""
    import libcst as cst

    spelled = opening.spelled
    if opening.module in names.local:
        spelled = names[opening.module] + "." + spelled.rpartition(".")[2]
    arguments = [
        write.keyword(each.arg or "", _moved(each.value, spelled))
        for each in opening.kept
    ]
    if opening.limit:
        arguments.append(_limit(opening, names))
    return write.with_arguments(cst.Call(write.dotted(spelled)), arguments)


def _moved(value: ast.expr, spelled: str) -> cst.BaseExpression:
    """Give an argument in another file, a class of its library named as there."""
    import libcst as cst

    made = cst.parse_expression(ast.unparse(value))
    if isinstance(made, cst.Call) and isinstance(value, ast.Call):
        root = spelled.rpartition(".")[0]
        last = ast.unparse(value.func).rpartition(".")[2]
        return made.with_changes(func=write.dotted(f"{root}.{last}"))
    return made


def _limit(opening: Opening, names: Names) -> cst.Arg:
    """Give the argument that lifts the limit, with the module's name as it is here."""
    import libcst as cst

    name, _, value = opening.limit.partition("=")
    if value.isdigit():
        return write.keyword(name, cst.Integer(value))
    call = cst.ensure_type(cst.parse_expression(value), cst.Call)
    func = cst.ensure_type(call.func, cst.Attribute)
    module = opening.spelled.rpartition(".")[0]
    if opening.module in names.local:
        module = names[opening.module]
    local = func.with_changes(value=write.dotted(module))
    return write.keyword(name, call.with_changes(func=local))
