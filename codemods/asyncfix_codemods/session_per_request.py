"""A session that is opened for each request."""

from __future__ import annotations

import ast
import re

from asyncfix import Codemod, Context, Doubt, Level, Place, Plan
from asyncfix_codemods import _session_frameworks as frameworks
from asyncfix_codemods import _session_parts as parts
from asyncfix_codemods._session_arguments import split
from asyncfix_codemods._session_block import Block, logs_in, read, refusal
from asyncfix_codemods._session_kinds import KINDS, STALE, Kind
from asyncfix_codemods._session_names import SharedNames
from asyncfix_codemods._session_owner import Search
from asyncfix_codemods._session_signature import signature_is_free, uses_allow

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_RETRY = re.compile(r"attempt|retr|tries", re.IGNORECASE)
_RUNNERS = frozenset(("run", "run_until_complete"))


class SessionPerRequest(Codemod):
    """An HTTP session opened for each request throws its connections away.

    Before:

        import aiohttp

        async def pages(urls):
            texts = []
            for url in urls:
                async with aiohttp.ClientSession() as session:
                    async with session.get(url) as response:
                        texts.append(await response.text())
            return texts

    After:

        import aiohttp

        async def pages(urls):
            texts = []
            async with aiohttp.ClientSession() as session:
                for url in urls:
                    async with session.get(url) as response:
                        texts.append(await response.text())
            return texts

    Safety: unsafe, for `aiohttp.ClientSession` and `httpx.AsyncClient`. Cookies are
    kept from one call to the next, at most 100 connections are open at a time, and a
    POST over a connection that the server has closed meanwhile fails where a fresh
    one did not. In a loop of the same function the session moves above the loop.
    Else the function gets an optional keyword parameter, the caller that makes many
    calls opens the session, and up to three functions between pass it on, in every
    module or in none; whoever calls it without the parameter gets a session of its
    own, as before. Arguments that a request takes as well (`timeout=`, `headers=`)
    go to the request. Refused where the session keeps state, where it or an unread
    response leaves its block, where others decide the function's parameters (a
    framework: then its own code is shown; an override, a fake in a test), and where
    a call may outlive its owner.
    """

    name = "session-per-request"
    calls = tuple(KINDS)
    guards = ("N1", "N2", "N3")

    def judge(self, context: Context) -> Plan | None:
        """Say who could own the session of one function, and what holds that back."""
        if context.site.kind == "value":
            return None
        block = read(context)
        place = context.site.path, context.site.function
        if block is None or _is_test_of_state(context, block):
            return None
        if isinstance(block, Doubt):
            if _loop(context) is None and _runs_once(context, place):
                return None
            return _refused(context, block)
        doubt = _nested(block) or _patched(context, block.kind) or logs_in(context)
        if doubt is not None:
            return _refused(context, doubt)
        loop = _loop(context)
        if loop is not None:
            return _above_loop(block, loop)
        if _runs_once(context, place):
            return None
        return _shared(block, place)


def _is_test_of_state(context: Context, block: Block | Doubt) -> bool:
    """Tell whether a test keeps its own session, which is as it should be."""
    return (
        isinstance(block, Doubt)
        and context.in_tests()
        and context.function.name.startswith("test")
    )


# -- in a loop of the same function -----------------------------------------------


def _loop(context: Context) -> ast.stmt | None:
    """Give the outermost loop of the coroutine that opens the session in each round.

    The loop of a retry is none: it makes the request once, if all goes well.
    """
    found: ast.stmt | None = None
    for above, below in context.within():
        if isinstance(above, _LOOPS) and below in above.body and not _retries(above):
            found = above
    return found


def _retries(loop: ast.stmt) -> bool:
    target = getattr(loop, "target", None) or getattr(loop, "test", None)
    return isinstance(target, ast.AST) and any(
        isinstance(each, ast.Name) and _RETRY.search(each.id) is not None
        for each in ast.walk(target)
    )


def _above_loop(block: Block, loop: ast.stmt) -> Plan:
    context, kind = block.context, block.kind
    message = (
        f"opens a new {kind.name} in every round of the loop at line {loop.lineno}: "
        "its connections are thrown away"
    )
    by_hand = f"async with {ast.unparse(context.call)} as {block.name}: above the loop"
    args = split(block, loop)
    doubt: Doubt | None = args if isinstance(args, Doubt) else None
    if doubt is None and block.bound_at:
        doubt = refusal(
            "session-name",
            f"{block.name} is another thing, too (line {block.bound_at})",
            "give the session a name of its own",
        )
    for node in ast.walk(loop):
        if doubt is None and isinstance(node, (ast.Yield, ast.YieldFrom)):
            doubt = refusal(
                "session-lifetime",
                f"the loop yields at line {node.lineno}: the session would stay open "
                "for as long as the caller likes",
                "open the session in the caller, and pass it in",
            )
    if isinstance(args, Doubt) or doubt is not None:
        assert doubt is not None
        return Plan(message, by_hand, Level.UNSAFE, doubts=(doubt,))
    return Plan(
        message,
        by_hand,
        Level.UNSAFE,
        change=_shares(block),
        parts=(parts.above_loop(block, args, loop),),
    )


def _shares(block: Block) -> str:
    return block.kind.shares + (f"; {STALE}" if block.writes else "")


def _nested(block: Block) -> Doubt | None:
    context = block.context
    for above, _ in context.within():
        if isinstance(above, ast.AsyncWith) and above is not block.statement:
            for item in above.items:
                made = item.context_expr
                if isinstance(made, ast.Call):
                    if context.qualified_name(made.func) in KINDS:
                        return refusal(
                            "session-nested",
                            f"a session is open here already (line {above.lineno})",
                            "use that one, if it may know what this one does",
                        )
    return None


def _patched(context: Context, kind: Kind) -> Doubt | None:
    """Find tests that replace the class: where it is opened decides what they catch."""
    module = context.project.module_name(context.site.path)
    users = context.model.users
    for path, line in users.stand_ins(context.site.path, kind.short):
        return refusal(
            "session-faked",
            f"{path}:{line} puts a stand-in in the place of {kind.short}",
            f"see that it still meets the session that {module} would share",
        )
    return None


# -- through the callers ------------------------------------------------------------


def _runs_once(context: Context, place: Place, depth: int = 0) -> bool:
    """Tell whether a coroutine is run once for each event loop."""
    users = context.model.users
    calls = users.calls(place)
    if len(calls) != 1 or depth > 4:
        return False
    (call,) = calls
    tree = context.model.tree(call.path)
    use = call.use
    node = tree.find(ast.Call, (use.line, use.col), (use.end_line, use.end_col))
    above = tree.parent(node)
    if call.coroutine < 0:
        name = getattr(above, "func", None)
        last = getattr(name, "attr", getattr(name, "id", ""))
        return isinstance(above, ast.Call) and last in _RUNNERS
    if not isinstance(above, ast.Await):
        return False
    for outer, _ in tree.ancestors(node):
        if isinstance(outer, (ast.AsyncFunctionDef, ast.FunctionDef)):
            break
        if isinstance(outer, (*_LOOPS, ast.ListComp, ast.SetComp, ast.DictComp)):
            return False
    return _runs_once(context, (call.path, call.coroutine), depth + 1)


def _shared(block: Block, place: Place) -> Plan:
    """Say how the callers of a function can share one session."""
    context, kind = block.context, block.kind
    args = split(block, None)
    if isinstance(args, Doubt):
        return _refused(context, args)
    search = Search(context)
    doubt = signature_is_free(context, place)
    owners = search.owners(place) if doubt is None else None
    if doubt is None and (owners is not None or not search.users.calls(place)):
        doubt = uses_allow(context, place)
    if owners is None or doubt is not None:
        return _refused(context, doubt or _nobody(search, place))
    for link in owners.links:
        doubt = doubt or logs_in(link.context)
    if doubt is not None:
        return _refused(context, doubt)
    names = SharedNames(block, owners)
    if names.doubt is not None:
        return _refused(context, names.doubt)
    made = [parts.in_function(block, args, names.parameter(context), names.stack)]
    for link in owners.links:
        made.append(names.link(link))
    for owner in owners.owners:
        made.append(names.owner(owner, args))
    where = ", ".join(
        sorted(
            f"{each.context.site.path}:{each.calls[0].lineno}" for each in owners.owners
        )
    )
    change = f"{where} opens one for all its calls; {_shares(block)}"
    if any(each.together and not each.tolerant for each in owners.owners):
        change += "; if one call fails, those still running lose their session"
    return Plan(
        _message(context, kind),
        _by_hand(context, kind),
        Level.UNSAFE,
        change=change,
        needs=("contextlib",),
        parts=tuple(made),
    )


def _nobody(search: Search, place: Place) -> Doubt:
    """Say why none of the callers can own the session."""
    context = search.context
    if search.doubts:
        return search.doubts[0]
    name = context.function.name
    calls = search.users.calls(place)
    if frameworks.framework(context, place) and not calls:
        return refusal(
            "session-owned",
            f"a framework calls {name}",
            "keep one session where that starts and stops",
        )
    if not calls:
        reason = f"nothing in this project calls {name} by a name that is known"
    else:
        first = f"{calls[0].path}:{calls[0].use.line}"
        reason = f"no caller near by makes many calls of {name} (the first: {first})"
    return refusal(
        "session-callers", reason, "let what lives as long as the program own it"
    )


# -- words --------------------------------------------------------------------------


def _message(context: Context, kind: Kind) -> str:
    name = context.function.name
    return (
        f"opens a new {kind.name} for every call of {name}: its connections are "
        "thrown away"
    )


def _refused(context: Context, doubt: Doubt) -> Plan:
    kind = KINDS[context.site.wanted]
    by_hand = _by_hand(context, kind)
    if doubt.guard == "session-faked":
        by_hand = "one session for all calls, passed in as an optional parameter"
    return Plan(_message(context, kind), by_hand, Level.UNSAFE, doubts=(doubt,))


def _by_hand(context: Context, kind: Kind) -> str:
    """Give the code to write where the fix is not made."""
    place = context.site.path, context.site.function
    function = context.function.name
    made = ast.unparse(replaceable(context))
    name = frameworks.framework(context, place)
    if name:
        return frameworks.text(name, kind, context.spelled, made, function)
    owner = context.facts.scopes[context.facts.scopes[place[1]].parent]
    if context.model.users.bases(place) is not None:
        return frameworks.in_class(kind, made, owner.name)
    target = getattr(context.tree.parent(context.node), "optional_vars", None)
    local = target.id if isinstance(target, ast.Name) else "session"
    return frameworks.as_parameter(made, context.spelled, function, local)


def replaceable(context: Context) -> ast.Call:
    """Give the session's call with what can be written elsewhere: constants."""
    call = context.call
    kept = [each for each in call.keywords if isinstance(each.value, ast.Constant)]
    return ast.Call(call.func, [], kept)
