"""A session that is opened for each request."""

from __future__ import annotations

import ast

from asyncfix import Codemod, Context, Doubt, Level, Place, Plan
from asyncfix_codemods import (
    _session_block,
    _session_fan,
    _session_kinds,
    _session_refusals,
)
from asyncfix_codemods import _session_forms as forms
from asyncfix_codemods import _session_frameworks as frameworks
from asyncfix_codemods import _session_holders as holders
from asyncfix_codemods import _session_pools as pools

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
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
    one did not. The first of these forms that is proven is written:

    1. In a loop of the same function the session moves above the loop.
    2. The function gets an optional keyword parameter, and the caller that makes
       many calls, or the first of a recursion, opens the session; up to three
       functions between pass it on, in every module or in none. Whoever calls it
       without the parameter gets a session of its own, as before.
    3. Where calls may not share a session of aiohttp (it logs in, makes several
       requests, has cookies or arguments of its own), they share its connector, in
       the same ways: each keeps its session, and its cookies.
    4. An object with `__aenter__` and `__aexit__` of its own keeps the session while
       it is open, and so does a bot or cog of discord.py (`setup_hook` and `close`,
       `cog_load` and `cog_unload`). Handlers of aiohttp.web, FastAPI and Starlette
       take what the project's `cleanup_ctx` or `lifespan` has opened: of aiohttp the
       connector, as an app has many users. Outside of that time each call opens one
       of its own, as before.
    5. Else the code for that very framework is shown.

    A session that is closed by hand becomes an `async with` on the way. Arguments that
    a request takes as well (`timeout=`, `headers=`) go to the request, constants stay
    with the session. Refused where the session or an unread response leaves its
    block, where others decide the function's parameters (an override, a fake in a
    test, `**kwargs`), and where a call may outlive its owner. Other clients that hold
    a pool (AsyncOpenAI, redis.asyncio, aiobotocore: see `asyncfix rules --catalog`)
    are reported where each call makes its own.
    """

    name = "session-per-request"
    restructures = True
    calls = (*_session_kinds.KINDS, *pools.CLASSES)
    methods = pools.METHODS
    guards = ("N1", "N2", "N3")

    def judge(self, context: Context) -> Plan | None:
        """Say who could own the session of one function, and what holds that back."""
        if context.site.kind == "value":
            return None
        place = context.site.path, context.site.function
        if context.site.wanted not in _session_kinds.KINDS:
            return None if _runs_once(context, place) else pools.report(context)
        block = _session_block.read(context)
        if block is None or _is_test_of_state(context, block):
            return None
        if isinstance(block, Doubt):
            if _loop(context) is None and _runs_once(context, place):
                return None
            return _refused(context, block)
        doubt = _nested(block) or _patched(context, block.kind)
        if doubt is not None:
            return _refused(context, doubt)
        loop = _loop(context)
        if loop is not None:
            return forms.above_loop(block, loop)
        if _runs_once(context, place):
            return None
        return _shared(block, place)


def _is_test_of_state(context: Context, block: _session_block.Block | Doubt) -> bool:
    """Tell whether a test keeps its own session, which is as it should be."""
    return (
        (isinstance(block, Doubt) or block.state is not None)
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
        isinstance(each, ast.Name) and _session_fan.RETRY.search(each.id) is not None
        for each in ast.walk(target)
    )


def _nested(block: _session_block.Block) -> Doubt | None:
    context = block.context
    for above, _ in context.within():
        if isinstance(above, ast.AsyncWith) and above not in block.region.statements:
            for item in above.items:
                made = item.context_expr
                if isinstance(made, ast.Call):
                    if context.qualified_name(made.func) in _session_kinds.KINDS:
                        return _session_refusals.refusal(
                            "session-nested",
                            f"a session is open here already (line {above.lineno})",
                            "use that one, if it may know what this one does",
                        )
    return None


def _patched(context: Context, kind: _session_kinds.Kind) -> Doubt | None:
    """Find tests that replace the class: where it is opened decides what they catch."""
    module = context.project.module_name(context.site.path)
    users = context.model.users
    for path, line in users.stand_ins(context.site.path, kind.short):
        return _session_refusals.refusal(
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


def _shared(block: _session_block.Block, place: Place) -> Plan:
    """Say who can share the session of a function."""
    context = block.context
    found = forms.through_callers(block, place)
    if isinstance(found, Doubt):
        found = holders.kept_open(block, place) or found
    if isinstance(found, Doubt):
        return _refused(context, _of_framework(context, place, found))
    return Plan(
        _message(context, block.kind),
        _by_hand(context, block.kind),
        Level.UNSAFE,
        change=found.change,
        needs=found.needs,
        parts=found.parts,
    )


def _of_framework(context: Context, place: Place, doubt: Doubt) -> Doubt:
    """Say who calls a function that nothing in the project calls."""
    if doubt.guard != "session-callers" or context.model.users.calls(place):
        return doubt
    if not frameworks.framework(context, place):
        return doubt
    return _session_refusals.refusal(
        "session-owned",
        f"a framework calls {context.function.name}",
        "keep one session where that starts and stops",
    )


# -- words --------------------------------------------------------------------------


def _message(context: Context, kind: _session_kinds.Kind) -> str:
    name = context.function.name
    return (
        f"opens a new {kind.name} for every call of {name}: its connections are "
        "thrown away"
    )


def _refused(context: Context, doubt: Doubt) -> Plan:
    kind = _session_kinds.KINDS[context.site.wanted]
    by_hand = _by_hand(context, kind)
    if doubt.guard == "session-faked":
        by_hand = "one session for all calls, passed in as an optional parameter"
    return Plan(_message(context, kind), by_hand, Level.UNSAFE, doubts=(doubt,))


def _by_hand(context: Context, kind: _session_kinds.Kind) -> str:
    """Give the code to write where the fix is not made."""
    place = context.site.path, context.site.function
    function = context.function.name
    own = replaceable(context)
    made = ast.unparse(own)
    name = frameworks.framework(context, place)
    if name:
        return frameworks.text(name, kind, own, function)
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
