"""Tasks that are made and awaited one at a time."""

from __future__ import annotations

import ast

from asyncfix import Codemod, Context, Level, Plan
from asyncfix_codemods import _concurrent, _independence, _one_by_one, _rounds


class SerialTasks(Codemod):
    """A loop makes a task and awaits it at once: the rounds wait for one another.

    Before:

        import asyncio

        async def fetch(url):
            await asyncio.sleep(0.1)
            return len(url)

        async def main(urls: list[str]):
            pages = []
            for url in urls:
                pages.append(await asyncio.create_task(fetch(url)))
            return pages

    After:

        import asyncio

        async def fetch(url):
            await asyncio.sleep(0.1)
            return len(url)

        async def main(urls: list[str]):
            pages = await asyncio.gather(*(fetch(url) for url in urls))
            return pages

    Safety: intent where the rounds are proven to be independent, through all that
    the called function calls in the project; unsafe where something in it cannot be
    followed. Later rounds start although an earlier one fails, what the calls do
    happens in another order, and with `gather` the first error in time is raised.
    Where the body goes on after the await, or a `try` or `with` stands around, the
    body stays as it is, the first error in the order of the items is raised, and
    the tasks that are left are cancelled and awaited. Refused with the line that
    makes the rounds depend on each other. `--concurrency-limit N` bounds how many
    run at once; `task-style = "taskgroup"` uses `asyncio.TaskGroup`. Tasks that are
    made first and awaited one by one run together already: these are awaited in one
    step, unsafe, where the loop only collects their results.
    """

    name = "serial-tasks"
    restructures = True
    calls = ("asyncio.create_task", "asyncio.ensure_future")
    methods = ("asyncio.AbstractEventLoop.create_task",)
    guards = ("N1", "N2", "N3", "E2")

    def judge(self, context: Context) -> Plan | None:
        """Say what to do about one task that is awaited where it is made."""
        if context.site.kind == "value" or not context.call.args:
            return None
        creating = context.call
        call = creating.args[0]
        if not isinstance(call, ast.Call):
            return None
        rounds = _rounds.find(context, call, creating)
        callee = context.tree.text(call.func)
        if rounds == "alone":
            return _alone(context, call)
        if rounds == "":
            return _one_by_one.plan_for_list(context)
        message = (
            f"the calls of {callee} run one after the other: each task is awaited "
            "before the next one is made"
        )
        if isinstance(rounds, str):
            by_hand = f"await {context.tree.text(call)}, if they are meant to"
            return Plan(
                message, by_hand, doubts=(_independence.refuse("gather-shape", rounds),)
            )
        plan = _concurrent.plan_for(context, rounds, creating, message)
        if any(each.arg in ("context", None) for each in creating.keywords):
            doubt = _independence.refuse(
                "gather-shared",
                "the task is given a context: rounds in one context see what the "
                "others set in it",
            )
            plan = plan._replace(doubts=(doubt, *plan.doubts))
        return plan


def _alone(context: Context, call: ast.Call) -> Plan | None:
    """A task that is awaited at once, and no loop: it only costs a round of the loop.

    It runs in a context of its own, which tests may want, and code that says so.
    """
    if (
        context.in_tests()
        or context.call.keywords
        or not isinstance(context.tree.parent(context.call), ast.Await)
    ):
        return None
    text = context.tree.text(call)
    return Plan(
        "a task that is awaited where it is made runs as a plain await does, but in "
        "a context of its own",
        f"await {text}, if nothing goes by the context or the current task",
        level=Level.MANUAL,
    )
