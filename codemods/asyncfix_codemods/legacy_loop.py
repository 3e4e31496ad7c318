"""asyncio as it was written before Python 3.7: loops that are handed around."""

from __future__ import annotations

from collections.abc import Iterator

from asyncfix import Codemod, Context, Model, Plan, Site, calls_named, facts, site_of
from asyncfix_codemods import (
    _loop_arguments,
    _loop_calls,
    _loop_names,
    _loop_runs,
    _loop_waits,
)

_CALLS = {
    **_loop_calls.RULES,
    **_loop_names.RULES,
    **dict.fromkeys(_loop_arguments.TAKERS, _loop_arguments.dropped),
}
_LAST = frozenset(name.rpartition(".")[2] for name in (*_CALLS, _loop_calls.OF_LOOP))
_ARGUMENTS = _loop_arguments.TAKERS - {"asyncio.wait"}
_OF_LOOP = "asyncio.AbstractEventLoop."
_RUNS = frozenset(("run_until_complete", "run_forever"))


class LegacyLoop(Codemod):
    """Calls of asyncio's older days: explicit loops, and what newer Pythons removed.

    Before:

        import asyncio

        async def work():
            loop = asyncio.get_event_loop()
            started = loop.time()
            await asyncio.sleep(1, loop=loop)
            return loop.time() - started

    After:

        import asyncio

        async def work():
            loop = asyncio.get_running_loop()
            started = loop.time()
            await asyncio.sleep(1)
            return loop.time() - started

    Safety: safe in coroutines: `get_event_loop()` becomes `get_running_loop()`,
    `ensure_future(coro())` and `loop.create_task(coro())` become
    `asyncio.create_task(...)`, `loop=` goes from calls that have no such argument
    since Python 3.10, and the coroutines that `asyncio.wait` is given become tasks.
    Safe from the Python on that `requires-python` or `target-version` names:
    `asyncio.TimeoutError` and `async_timeout.timeout` (3.11), and `asyncio.run` in
    place of `run_until_complete` under the main guard (3.10), where nothing else of
    the program may hold the old loop; else unsafe. `asyncio.Task.all_tasks` is
    unsafe: tasks that are done are no longer among them. Only reported, with the
    version that ends it: `get_event_loop` outside of coroutines, child watchers,
    policies, `asyncio.iscoroutinefunction`; and `run_forever` at the top level. No
    finding in code for some versions only, and none for `wait_for`, which is not old.
    """

    name = "legacy-loop"
    restructures = True
    guards = ("N3", "E3")
    noqa = ("UP041", "timeout-error-alias")

    def search(self, model: Model, path: str) -> Iterator[Site]:
        """Give the calls and names of older days."""
        project = model.project
        known = project.files[path]
        for use in calls_named(project, path, _LAST):
            meant = {a.name for a in project.answers(path, use.scope, use.name)}
            for name in sorted(meant & _CALLS.keys()):
                if name not in _ARGUMENTS or b"loop" in model.reader.text(path, use):
                    yield site_of(project, path, use, "call", name)
                    break
            else:
                receiver, _, last = use.name.rpartition(".")
                if last == "create_task" and receiver and known.holds("_loop"):
                    yield site_of(project, path, use, "call", _loop_calls.OF_LOOP)
        for use in calls_named(project, path, _RUNS):
            if use.scope == 0:
                wanted = _OF_LOOP + use.name.rpartition(".")[2]
                yield site_of(project, path, use, "call", wanted)
        if not known.reads(_loop_names.LAST):
            return
        for use in sorted(known.references, key=_place):
            meant = {a.name for a in project.answers(path, use.scope, use.name)}
            for name in sorted(meant & _loop_names.VALUES.keys()):
                yield site_of(project, path, use, "value", name)
                break

    def judge(self, context: Context) -> Plan | None:
        """Say what there is instead, and since when."""
        wanted = context.site.wanted
        if wanted == f"{_OF_LOOP}run_forever":
            return _loop_runs.run_forever(context)
        if wanted == f"{_OF_LOOP}run_until_complete":
            return _loop_runs.run(context)
        if wanted == "asyncio.wait":
            return _loop_waits.waited(context)
        if wanted == _loop_calls.OF_LOOP:
            return _loop_calls.task_of_loop(context)
        if context.site.kind == "value":
            return _loop_names.VALUES[wanted](context)
        return _CALLS[wanted](context)


def _place(use: facts.Use) -> tuple[int, int]:
    return use.line, use.col
