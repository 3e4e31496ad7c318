"""Coroutines that an event loop of Temporal's runs: no thread, no clock of its own.

A workflow is run again from its history, so its loop offers neither executor nor
subprocess, and a sleep is a timer that is written down.
https://github.com/temporalio/sdk-python#asyncio-and-determinism
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from asyncfix import facts as f
from asyncfix.context import Context, Model
from asyncfix.model import Doubt, Level

_DEFINE = "temporalio.workflow.defn"
Where = tuple[str, int]


def runs_in_one(context: Context) -> Doubt | None:
    """Doubt a method of a workflow, and what workflows call in the project."""
    found = context.model.once("workflows", partial(_run_by, context.model))
    scopes, index = context.facts.scopes, context.site.function
    while index >= 0:
        where = found.get((context.site.path, index))
        if where is not None:
            return Doubt(
                "E1",
                Level.MANUAL,
                f"a Temporal workflow runs it ({where[0]}:{where[1]}), whose event loop "
                "has no threads, and whose steps are kept",
                "do it in an activity: await workflow.execute_activity(...)",
            )
        index = scopes[index].parent
    return None


def _run_by(model: Model) -> dict[Where, tuple[str, int]]:
    """Give the functions that workflows run, each with where a workflow begins."""
    found: dict[Where, tuple[str, int]] = {}
    for place, line in _methods(model):
        found[place] = place[0], line
    for place, where in (todo := list(found.items())):  # grows
        for use in model.project.files[place[0]].calls_in((place[1],)):
            value = model.values.of(place[0], use.scope, use.name)
            if value is None or not value.is_function:
                continue
            called = value.path, value.scope
            if called not in found:
                found[called] = where
                todo.append((called, where))
    return found


def _methods(model: Model) -> Iterator[tuple[Where, int]]:
    for path in model.project.files.holding(("temporalio",)):
        scopes = model.project.files[path].scopes
        for index, scope in enumerate(scopes):
            owner = scopes[scope.parent] if scope.parent >= 0 else None
            if scope.kind == f.FUNCTION and owner is not None and owner.is_class:
                names = (each.partition("(")[0] for each in owner.decorators)
                if any(
                    model.project.qualified_name(path, owner.parent, name) == _DEFINE
                    for name in names
                ):
                    yield (path, index), owner.line
