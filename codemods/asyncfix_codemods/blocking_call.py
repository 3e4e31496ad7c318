"""Calls that hold the event loop, where they stand and through whom."""

from __future__ import annotations

from asyncfix import Codemod, Context, Level, Plan, Step

# What other codemods of this pack mend where it stands in a coroutine itself.
_MENDED = frozenset(("time.sleep",))
_ADVICE = {
    "native": "write {use}",
    "offload": "run it in a thread: await asyncio.to_thread({call}, ...)",
    "migrate": "use {use}, or a thread: await asyncio.to_thread({call}, ...)",
    "report": "move it out of the coroutine",
}


class BlockingCall(Codemod):
    """A call in a coroutine that holds the event loop, itself or through helpers.

    Before:

        import requests

        def load(url):
            return requests.get(url).json()

        async def handler(url):
            return load(url)

    After:

        import requests

        def load(url):
            return requests.get(url).json()

        async def handler(url):
            return load(url)

    Safety: manual, it is only reported: the finding names each step from the
    coroutine to the call that blocks. Receivers are followed by their type,
    helpers through all modules of the project. What is handed to a thread, an
    executor or a process is left out, and so is what the catalog calls low
    (`severity = "low"` in the configuration shows it).
    """

    name = "blocking-call"
    blocking = True
    noqa = (
        "ASYNC210", "ASYNC212", "ASYNC220", "ASYNC221", "ASYNC222", "ASYNC230",
        "ASYNC240", "ASYNC250", "ASYNC251", "ASYNC100", "ASYNC101", "ASYNC102",
    )  # fmt: skip

    def judge(self, context: Context) -> Plan | None:
        """Say who holds the loop, for how bad, and what there is instead."""
        site = context.site
        chain = site.chain
        if chain is None or (len(chain.steps) == 1 and site.wanted in _MENDED):
            return None
        entry = chain.entry
        what = f"{entry.name} ({entry.kind}, {entry.severity})"
        if len(chain.steps) == 1:
            message = f"holds the event loop: {what}"
        else:
            way = " -> ".join(_shown(step) for step in chain.steps[1:])
            message = f"{chain.steps[0].name} holds the event loop: {way} ({entry.kind}, {entry.severity})"
        call = chain.steps[0].name if len(chain.steps) > 1 else site.use.name
        strategy = entry.strategy
        if strategy in ("native", "migrate") and not entry.use:
            strategy = "report"
        if len(chain.steps) > 1 and strategy == "native":
            strategy = "migrate"
        advice = _ADVICE[strategy].format(use=entry.use, call=call)
        return Plan(message, by_hand=advice, level=Level.MANUAL)


def _shown(step: Step) -> str:
    return f"{step.name} ({step.path}:{step.line})"
