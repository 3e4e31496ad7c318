"""The forms of sharing a session: above a loop, and through the callers."""

from __future__ import annotations

import ast
from typing import NamedTuple

from asyncfix import Doubt, Level, Part, Place, Plan
from asyncfix_codemods import _session_connector as connector
from asyncfix_codemods import _session_parts as parts
from asyncfix_codemods._session_arguments import Split, split
from asyncfix_codemods._session_block import Block, logs_in
from asyncfix_codemods._session_kinds import (
    CONNECTOR,
    SHARES_CONNECTIONS,
    STALE,
    Shared,
)
from asyncfix_codemods._session_names import SharedNames
from asyncfix_codemods._session_owner import Owners, Search
from asyncfix_codemods._session_refusals import refusal
from asyncfix_codemods._session_signature import signature_is_free, uses_allow

_NOTHING = Split((), ())
# Reasons against one session for all that are none against one connector.
_OF_SESSIONS = ("session-args", "session-state")


def above_loop(block: Block, loop: ast.stmt) -> Plan:
    """Plan to move a session, or its connector alone, above the loop round it."""
    context, kind = block.context, block.kind
    message = (
        f"opens a new {kind.name} in every round of the loop at line {loop.lineno}: "
        "its connections are thrown away"
    )
    by_hand = f"async with {ast.unparse(context.call)} as {block.name}: above the loop"
    args = block.state or split(block, loop)
    doubt: Doubt | None = args if isinstance(args, Doubt) else None
    if doubt is None and block.bound_at:
        doubt = refusal(
            "session-name",
            f"{block.name} is another thing, too (line {block.bound_at})",
            "give the session a name of its own",
        )
    part = None
    if doubt is None and isinstance(args, Split):
        part = parts.above_loop(block, args, loop)
    elif doubt is not None and shares_connections(block, doubt):
        by_hand = "one aiohttp.TCPConnector above the loop, for all its sessions"
        name = SharedNames(block, Owners((), ()), CONNECTOR).name
        if name:
            part = connector.above_loop(block, loop, name)
    for node in ast.walk(loop):
        if part is not None and isinstance(node, (ast.Yield, ast.YieldFrom)):
            part = None
            doubt = refusal(
                "session-lifetime",
                f"the loop yields at line {node.lineno}: the session would stay open "
                "for as long as the caller likes",
                "open the session in the caller, and pass it in",
            )
    if part is None:
        assert doubt is not None
        return Plan(message, by_hand, Level.UNSAFE, doubts=(doubt,))
    change = shares(block, CONNECTOR if doubt else kind.session)
    needs = (kind.module,) if doubt else ()
    return Plan(message, by_hand, Level.UNSAFE, change, needs, parts=(part,))


def shares(block: Block, shared: Shared) -> str:
    """Say what changes when calls share a session, or its connector."""
    said = block.kind.shares if shared.is_session else SHARES_CONNECTIONS
    return said + (f"; {STALE}" if block.writes else "")


def shares_connections(block: Block, doubt: Doubt) -> bool:
    """Tell whether calls that may not share the session may share its connections."""
    return (
        doubt.guard in _OF_SESSIONS
        and block.kind.module == "aiohttp"
        and all(
            each.arg not in (None, "connector", "connector_owner", "loop")
            for each in block.context.call.keywords
        )
        and not any(isinstance(each, ast.Starred) for each in block.context.call.args)
    )


class Sharing(NamedTuple):
    """The parts of a plan, and what it changes; `needs` are its first part's."""

    change: str
    parts: tuple[Part, ...]
    needs: tuple[str, ...]


def through_callers(block: Block, place: Place) -> Sharing | Doubt:
    """Say how the callers of a function share its session, else its connections."""
    args = block.state or split(block, None)
    found = args if isinstance(args, Doubt) else _through(block, place, args)
    if isinstance(found, Doubt) and shares_connections(block, found):
        other = _through(block, place, None)
        if isinstance(other, Sharing):
            return other
    return found


def _through(block: Block, place: Place, args: Split | None) -> Sharing | Doubt:
    """Share what `args` are the arguments of: without, connections alone."""
    context = block.context
    shared = CONNECTOR if args is None else block.kind.session
    search = Search(context, shared)
    doubt = signature_is_free(context, place)
    owners = search.owners(place) if doubt is None else None
    if doubt is None and (owners is not None or not search.users.calls(place)):
        doubt = uses_allow(context, place)
    if owners is None or doubt is not None:
        return doubt or _nobody(search, place)
    for link in owners.links:
        if shared.is_session:
            doubt = doubt or logs_in(link.context)
    if doubt is not None:
        return doubt
    if args is not None and args.kept:
        # A session that is open there was built without what this one needs.
        closed = (each._replace(open_as="") for each in owners.owners)
        owners = owners._replace(owners=tuple(closed))
    names = SharedNames(block, owners, shared)
    if names.doubt is not None:
        return names.doubt
    parameter = names.parameter(context)
    first, needs = in_function(
        block, args, parts.Given(parameter.name, parameter), names
    )
    made = [first]
    for link in owners.links:
        made.append(names.link(link))
    for owner in owners.owners:
        made.append(names.owner(owner, args or _NOTHING))
    where = ", ".join(
        sorted(
            f"{each.context.site.path}:{each.calls[0].lineno}" for each in owners.owners
        )
    )
    change = f"{where} opens one for all its calls; {shares(block, shared)}"
    if args is None:
        change = (
            f"{where} opens one {CONNECTOR.opened} for all; {shares(block, shared)}"
        )
    if any(each.together and not each.tolerant for each in owners.owners):
        change += "; if one call fails, those still running lose their session"
    return Sharing(change, tuple(made), needs)


def in_function(
    block: Block, args: Split | None, given: parts.Given, names: SharedNames
) -> tuple[Part, tuple[str, ...]]:
    """Give the part of the session's own function, and the modules that it needs."""
    again = names.passed_again()
    if args is not None:
        part = parts.in_function(block, args, given, names.stack, again)
        return part, ("contextlib",)
    needs = given.parameter.needs if given.parameter else ()
    return connector.in_function(block, given, again), needs


def _nobody(search: Search, place: Place) -> Doubt:
    """Say why none of the callers can own the session."""
    if search.doubts:
        return search.doubts[0]
    name = search.context.function.name
    calls = search.users.calls(place)
    if not calls:
        reason = f"nothing in this project calls {name} by a name that is known"
    else:
        first = f"{calls[0].path}:{calls[0].use.line}"
        reason = f"no caller near by makes many calls of {name} (the first: {first})"
    return refusal(
        "session-callers", reason, "let what lives as long as the program own it"
    )
