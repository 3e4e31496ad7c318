"""Calls that hold the event loop, where they stand and through whom."""

from __future__ import annotations

from asyncfix import NEW_AWAIT, NEW_THREAD, Codemod, Context, Plan, Site, Step
from asyncfix_codemods import (
    _blocks,
    _colour_leaf,
    _colour_plan,
    _direct,
    _processes,
    _threads,
)

# What other codemods of this pack mend where it stands in a coroutine itself.
_MENDED = frozenset(("time.sleep",))
# A call that is only moved to a thread still is what a test replaces by name.
_GUARDS = tuple(each for each in NEW_AWAIT if each not in ("N1", "N2", "E2"))


# By what blocks: rules of ruff and of flake8-async, whose older codes were three.
_RULES = {
    "http": (
        "ASYNC210", "ASYNC212", "ASYNC100", "blocking-http-call-in-async-function",
        "blocking-http-call-httpx-in-async-function",
    ),
    "subprocess": (
        "ASYNC220", "ASYNC221", "ASYNC222", "ASYNC101", "ASYNC102",
        "create-subprocess-in-async-function", "run-process-in-async-function",
        "wait-for-process-in-async-function",
    ),
    "file": (
        "ASYNC230", "ASYNC240", "ASYNC101", "ASYNC102",
        "blocking-open-call-in-async-function", "blocking-path-method-in-async-function",
    ),
    "input": ("ASYNC250", "blocking-input-in-async-function"),
    "sleep": ("ASYNC251", "ASYNC101", "blocking-sleep-in-async-function"),
}  # fmt: skip


class BlockingCall(Codemod):
    """A call in a coroutine that holds the event loop, itself or through helpers.

    Before:

        import requests

        def load(url):
            return requests.get(url, timeout=5).json()

        async def handler(url):
            return load(url)

    After:

        import asyncio

        import requests

        def load(url):
            return requests.get(url, timeout=5).json()

        async def handler(url):
            return await asyncio.get_running_loop().run_in_executor(None, load, url)

    Safety: safe where every guard holds, for the call and for all that it runs in
    the thread. Of a chain of helpers the outermost call is handed over. Calls that
    asyncio has itself (`socket.getaddrinfo`) become those; a `with open(...)`
    block, and two blocking calls of one expression, move into a nested function as a
    whole. Where a thread would be wrong, helpers become coroutine functions with all
    that call them, at level intent, if what blocks in them has a form of asyncio's
    own. With `--prefer colour` they do before a thread is thought of, and what has no
    such form goes to a thread from inside them; where sync code calls them, too, a
    twin is shown. Work that holds the GIL goes to the process pool that the settings name,
    with `--unsafe`. Only calls of severity high are
    rewritten, `--min-severity medium` takes the others: a local file costs less
    than the way to a thread. Refused: what belongs to one thread, changes shared
    state, uses asyncio or the active exception, is read lazily, or is a driver with
    an asyncio counterpart (a database, a cache, a broker), which is named.
    """

    name = "blocking-call"
    blocking = True
    guards = (*_GUARDS, *NEW_THREAD)
    noqa = tuple(dict.fromkeys(rule for rules in _RULES.values() for rule in rules))

    def rules_for(self, site: Site) -> tuple[str, ...]:
        """Give the rules of other linters for what blocks here."""
        kind = site.chain.entry.kind if site.chain else ""
        return _RULES.get(kind, self.noqa)

    def judge(self, context: Context) -> Plan | None:
        """Say who holds the loop, and hand the call to a thread where that is right."""
        chain = context.site.chain
        if chain is None or (len(chain.steps) == 1 and context.site.wanted in _MENDED):
            return None
        message = _message(context)
        if _threads.holds_gil(chain.entry) and not _direct.is_in_block(context):
            severity = tuple(_direct.severity(context))
            in_process = _processes.plan(context, message, severity)
            if in_process is not None:
                return in_process
        together = _direct.together(context, message)
        if together is not None or len(chain.steps) == 1:
            return together or _direct.alone(context, message)
        if _colour_leaf.prefers(context):
            coloured = _colour_plan.plan(context, message)
            if coloured is not None:
                if _colour_plan.is_made(context, coloured, self.guards):
                    return coloured
            alone = _direct.alone(context, message)
            plans = [coloured, _colour_plan.noting(context, alone)]
        else:
            plan = _direct.alone(context, message)
            if _colour_plan.is_made(context, plan, self.guards):
                return plan
            plans = [plan, _colour_plan.plan(context, message)]
        return _colour_plan.better(context, plans, self.guards)


def _message(context: Context) -> str:
    chain = context.site.chain
    assert chain is not None
    entry = chain.entry
    severity = _blocks.severity(context)
    if len(chain.steps) == 1:
        return f"holds the event loop: {entry.name} ({entry.kind}, {severity})"
    way = " -> ".join(_shown(step) for step in chain.steps[1:])
    return (
        f"{chain.steps[0].name} holds the event loop: {way} ({entry.kind}, {severity})"
    )


def _shown(step: Step) -> str:
    return f"{step.name} ({step.path}:{step.line})"
