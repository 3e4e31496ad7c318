"""What lives as long as the application and owns the session: an object, an app.

Where its open and close stand in the project, they open and close the session; the
function uses that one while it is open, and a session of its own before and after.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from asyncfix import Context, Doubt, Place, Site
from asyncfix_codemods import _session_apps as apps
from asyncfix_codemods import _session_objects as objects
from asyncfix_codemods._session_arguments import Split, split
from asyncfix_codemods._session_block import Block
from asyncfix_codemods._session_fan import fan
from asyncfix_codemods._session_forms import (
    Sharing,
    in_function,
    shares,
    shares_connections,
)
from asyncfix_codemods._session_kinds import (
    CONNECTOR,
    OWN_SESSIONS,
    SHARES_CONNECTIONS,
)
from asyncfix_codemods._session_lifetimes import Holder
from asyncfix_codemods._session_names import SharedNames
from asyncfix_codemods._session_owner import Owners
from asyncfix_codemods._session_refusals import refusal

_RUNNERS = frozenset(("run", "run_until_complete", "run_coroutine_threadsafe"))
_STARTERS = ("create_task", "ensure_future")


def kept_open(block: Block, place: Place) -> Sharing | Doubt | None:
    """Say how an object or an app of the project can own a function's session.

    None where there is neither. A doubt says what holds back the one there is.
    """
    if block.context.in_tests():
        return None
    args: Split | None = None
    found = block.state or split(block, None)
    if isinstance(found, Split):
        args = found
    elif not shares_connections(block, found):
        return None
    made = _kept(block, place, args, objects.holder)
    if made is None and block.kind.module == "aiohttp":
        # An app serves many: each keeps its own cookies.
        args = None if _may_connect(block) else args
    return made or _kept(block, place, args, apps.holder)


def _may_connect(block: Block) -> bool:
    return shares_connections(block, refusal("session-state", "", ""))


def _kept(
    block: Block,
    place: Place,
    args: Split | None,
    find: Callable[
        [Block, Place, SharedNames, tuple[ast.keyword, ...]], Holder | Doubt | None
    ],
) -> Sharing | Doubt | None:
    shared = CONNECTOR if args is None else block.kind.session
    names = SharedNames(block, Owners((), ()), shared)
    if names.doubt is not None:
        return None
    holder = find(block, place, names, args.kept if args else ())
    if holder is None or isinstance(holder, Doubt):
        return holder
    outlives = _outlives(block.context, place)
    if outlives is not None:
        return outlives
    first, needs = in_function(block, args, holder.given, names)
    what = "one" if shared.is_session else f"one {shared.opened}"
    said = shares(block, shared)
    if holder.endless:
        said = said.replace(SHARES_CONNECTIONS, OWN_SESSIONS)
    change = f"{holder.where} opens {what} for all calls; {said}"
    change += "; calls still running when it closes lose it"
    return Sharing(change, (first, *holder.parts), needs)


def _outlives(context: Context, place: Place) -> Doubt | None:
    """Find a call that the session might be closed under, or that another loop runs."""
    model = context.model
    for call in model.users.calls(place):
        site = Site(call.path, call.use, "call", context.site.wanted, call.coroutine)
        there = Context(model, site)
        above = there.tree.parent(there.node)
        if not isinstance(above, ast.Call):
            continue
        where = f"{call.path}:{call.use.line}"
        if _RUNNERS & {_last(each) for each in (above.func, *above.args)}:
            return refusal(
                "session-lifetime",
                f"{where} runs it in an event loop of its own, where a session of "
                "another one does not work",
                "open one session in each loop",
            )
        if call.coroutine < 0 or _last(above.func) not in _STARTERS:
            continue
        if fan(there, alone=True) is None:
            return refusal(
                "session-lifetime",
                f"nobody waits for the task of {where}: the session would be closed "
                "under it",
                "keep the task, and wait for it before the session is closed",
            )
    return None


def _last(node: ast.AST) -> str:
    name = getattr(node, "attr", getattr(node, "id", ""))
    return name if isinstance(name, str) else ""
