"""Which form rounds that are run together take, and the names that it needs.

`gather` where results are only collected; `ordered`, which starts all tasks, keeps
the body as it is, and cancels and awaits the rest on the way out; `taskgroup` by
configuration. Each has a bounded form.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from asyncfix import Context
from asyncfix_codemods._rounds import Rounds, names_in, own

# Workers take the items one by one: 10,000 of them cost less than a megabyte.
MAP_BOUNDED = """\
async def map_bounded(function, items, limit):
    results, queue = {}, iter(enumerate(items))

    async def worker():
        for index, item in queue:
            results[index] = await function(item)

    workers = [asyncio.create_task(worker()) for _ in range(limit)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[index] for index in sorted(results)]
"""
LIMITED = """\
async def limited(limit, function, *args, **kwargs):
    async with limit:
        return await function(*args, **kwargs)
"""
HELPERS = {"map_bounded": MAP_BOUNDED.strip(), "limited": LIMITED.strip()}


class Form(NamedTuple):
    """How rounds are to run together.

    Args:
        kind: `gather`, `ordered` or `taskgroup`.
        creating: `create_task(f(x))`, where the code has it.
        limit: how many may run at once; 0 for any number.
        holder: the statement round a comprehension, where a form needs it.
        tasks, task, group, bound: names that are free in the function.
    """

    kind: str
    rounds: Rounds
    creating: ast.Call | None
    limit: int
    holder: ast.stmt | None
    tasks: str
    task: str
    group: str
    bound: str

    @property
    def helper(self) -> str:
        """Give the name of the function that the form adds to the module."""
        if not self.limit:
            return ""
        return "map_bounded" if self.kind == "gather" and self._mapped else "limited"

    @property
    def _mapped(self) -> bool:
        return isinstance(self.rounds.target, ast.Name)

    @property
    def pairs(self) -> bool:
        """Tell whether the items are gone through a second time, beside the tasks."""
        rounds = self.rounds
        if isinstance(rounds.loop, ast.DictComp) or rounds.collects == "dict":
            return self.kind != "ordered" or isinstance(rounds.loop, ast.DictComp)
        return False if self.kind != "ordered" else self._names_target()

    def _names_target(self) -> bool:
        """Tell whether the body uses the item beside the call."""
        rounds = self.rounds
        call = {id(n) for n in ast.walk(self.creating or rounds.call)}
        body: Iterable[ast.AST] = own(rounds.body)
        if isinstance(rounds.loop, (ast.ListComp, ast.SetComp)):
            body = ast.walk(rounds.loop.elt)
        return any(
            isinstance(node, ast.Name)
            and node.id in rounds.names
            and id(node) not in call
            for node in body
        )


def free(context: Context, *wanted: str) -> tuple[str, ...]:
    """Give names that nothing in the function, or of the module, has."""
    taken = set(names_in(context.function))
    taken |= {a.arg for a in ast.walk(context.function) if isinstance(a, ast.arg)}
    taken |= {
        each.name
        for each in ast.walk(context.function)
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    taken |= {each.name for each in context.facts.outer if each.scope == 0}
    found = []
    for name in wanted:
        choices = (name, f"{name}_", *(f"{name}_{number}" for number in range(2, 100)))
        found.append(next(each for each in choices if each not in taken))
        taken.add(found[-1])
    return tuple(found)
