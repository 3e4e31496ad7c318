"""The parts of a shared connector, under sessions that each call keeps for itself.

`ClientSession(connector=None, connector_owner=True)` is what `ClientSession()` says
(aiohttp 3.8 to 3.14), so a function without its caller's connector does as before.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from asyncfix import Names, Part, Slice
from asyncfix_codemods import _session_rewrite as write
from asyncfix_codemods._session_block import Block
from asyncfix_codemods._session_kinds import CONNECTOR
from asyncfix_codemods._session_parts import Given, passing_again, with_parameter

if TYPE_CHECKING:
    import libcst as cst


def above_loop(block: Block, loop: ast.stmt, name: str) -> Part:
    """Give the part that opens a connector above a loop, for the sessions in it."""
    module = block.kind.module

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        new = _connected(slice_, block, name, cst.Name("False"), {})
        opened = cst.Call(write.dotted(f"{names[module]}.{CONNECTOR.opened}"))
        return [write.entering(opened, name, new, slice_.indent)]

    return Part((loop,), make)


def in_function(block: Block, given: Given, again: Mapping[ast.Call, str]) -> Part:
    """Give the part that makes a function use a given connector in its own session.

    `again` has the calls that come back to it, with what they pass on.
    """

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        said = given.expression
        more = passing_again(slice_, given, again)
        if given.ahead:
            more |= write.in_place(
                slice_,
                write.twins(slice_, [block.context.call])[0],
                block.region,
                lambda with_, _: write.behind(given.ahead, with_),
            )
        new = _connected(slice_, block, said, write.is_none(said, False), more)
        if given.parameter is None:
            return new
        function = cst.ensure_type(new[0], cst.FunctionDef)
        return [with_parameter(function, given.parameter, names)]

    return Part((block.context.function,), make)


def _connected(
    slice_: Slice,
    block: Block,
    name: str,
    owned: cst.BaseExpression,
    more: Mapping[cst.CSTNode, write.Change],
) -> list[cst.CSTNode]:
    """Give the code with the session's connections taken from outside."""
    import libcst as cst

    added = [
        write.keyword("connector", write.dotted(name)),
        write.keyword("connector_owner", owned),
    ]
    (call,) = write.twins(slice_, [block.context.call])
    connected: dict[cst.CSTNode, write.Change] = {
        call: lambda node: write.with_arguments(cst.ensure_type(node, cst.Call), added)
    }
    return write.changed(slice_.nodes, {**connected, **more})
