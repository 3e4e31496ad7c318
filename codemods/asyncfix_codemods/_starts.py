"""Coroutines made where no `await` can stand: in sync functions, in the script itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from asyncfix import (
    GUARDS,
    Context,
    Doubt,
    Level,
    Names,
    Part,
    Plan,
    Slice,
    facts,
)
from asyncfix_codemods import _coroutines, _fates, _shapes

if TYPE_CHECKING:
    import libcst as cst

_LOOPS = frozenset(
    ("Runner", "get_event_loop", "new_event_loop", "run", "run_forever",
     "run_until_complete", "set_event_loop")
)  # fmt: skip


def by_hand(
    context: Context,
    found: _coroutines.Given,
    fate: _fates.Fate,
    unsure: Sequence[Doubt],
) -> Plan:
    """Tell of a coroutine in sync code, and the ways to run it."""
    tree, call = context.tree, context.call
    text, where = tree.text(call), _shapes.owner(tree, call)
    message = _fates.message(found.name, fate, found.future)
    if isinstance(where, ast.FunctionDef):
        task = (
            ""
            if found.future
            else (
                f"; or, where no event loop runs, asyncio.run({text}); or, where one runs, "
                f"keep a task: asyncio.create_task({text})"
            )
        )
        choices = f"make {where.name} async and await it there and in its callers{task}"
    elif isinstance(where, ast.Lambda):
        choices = f"make it a coroutine function that does `await {text}`"
    else:
        choices = (
            f"call it in a coroutine, or under the main guard: asyncio.run({text})"
        )
    return Plan(
        message, by_hand=choices, level=Level.MANUAL, doubts=tuple(_decisive(unsure))
    )


def _decisive(unsure: Sequence[Doubt]) -> Sequence[Doubt]:
    return [each for each in unsure if each.level is Level.MANUAL]


def plan(
    context: Context,
    found: _coroutines.Given,
    fate: _fates.Fate,
    unsure: Sequence[Doubt],
) -> Plan:
    """Give `asyncio.run(...)` to a coroutine right under the main guard."""
    call = context.call
    text = context.tree.text(call)
    exits = isinstance(context.tree.parent(call), ast.Call)
    if (
        found.future
        or fate.shape not in ("statement", "printed")
        or (fate.shape == "printed" and not exits)
    ):
        return by_hand(context, found, fate, unsure)

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        runner = cst.Attribute(cst.Name(names["asyncio"]), cst.Name("run"))
        given = cst.ensure_type(slice_.nodes[0], cst.Call)
        return [cst.Call(runner, [cst.Arg(given)])]

    return Plan(
        _fates.message(found.name, fate),
        by_hand=f"asyncio.run({text})",
        level=Level.SAFE if fate.shape == "statement" else Level.INTENT,
        needs=("asyncio",),
        doubts=(*unsure, *_refusals(context)),
        guards=("N3", "E3"),
        parts=(Part((call,), make),),
    )


def _refusals(context: Context) -> Iterator[Doubt]:
    """Find what else runs a loop there: `asyncio.run` makes one of its own."""
    foreign = GUARDS["E1"](context)
    if foreign is not None:
        yield foreign
    elif context.framework != "asyncio":
        name = context.tree.text(context.call.func)
        framework, context.framework = context.framework, "asyncio"
        yield Doubt(
            "E1",
            Level.MANUAL,
            f"this module runs on {framework}",
            f"write `{framework}.run({name})`",
        )
    path, own = context.site.path, context.site.use
    for use in context.facts.calls:
        if use == own or context.facts.scopes[use.scope].kind != facts.MODULE:
            continue
        other = use.name.rpartition(".")[2] in _LOOPS
        if other and "." not in use.name:
            meant = context.model.values.of(path, use.scope, use.name)
            other = meant is not None and meant.name.startswith("asyncio.")
        if not other and use.role in (facts.STATEMENT, facts.ARGUMENT):
            again = _coroutines.given(context.model, path, use)
            other = again is not None and not again.future
        if other:
            yield Doubt(
                "loop-reused",
                Level.MANUAL,
                f"line {use.line} runs a loop, too: asyncio.run would start another "
                "one, and cancel what is left over",
                "write one `async def main()` that awaits all of it, and run that",
            )
            return
