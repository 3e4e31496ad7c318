"""What calls and names surely are: coroutines of the project, what awaiting gives."""

from __future__ import annotations

import ast

from asyncfix import Context, Model, Value, dotted, facts


def use_of(context: Context, call: ast.Call) -> facts.Use | None:
    """Give what the facts say of a call of this file, its scope among it."""
    known: dict[tuple[int, ...], facts.Use] = context.tree.once(
        ("uses",), lambda: {tuple(use[1:5]): use for use in context.facts.calls}
    )
    place = call.lineno, call.col_offset, call.end_lineno, call.end_col_offset
    return known.get(place)  # type: ignore[arg-type]  # ends are always known


def value_of(context: Context, call: ast.Call, steps: str = "()") -> Value | None:
    """Give what a call gives, over the whole project; None if not sure.

    Other `steps` lead to something else: "" to what is called, "()!" to what
    awaiting the call gives.
    """
    use = use_of(context, call)
    if use is None:
        return None
    return context.model.values.of(context.site.path, use.scope, use.name + steps)


def coroutine_function(context: Context, call: ast.Call) -> tuple[str, int] | None:
    """Give file and scope of the project's `async def` that a call surely calls."""
    return coroutine_of(context.model, value_of(context, call, ""))


def is_coroutine_function(context: Context, node: ast.expr) -> bool:
    """Tell whether a name or attribute surely is an `async def` of the project."""
    if dotted(node) is None:
        return False
    return coroutine_of(context.model, context.value(node)) is not None


def coroutine_of(model: Model, value: Value | None) -> tuple[str, int] | None:
    """Give file and scope of the project's `async def` that a value is."""
    if value is None or not value.is_function:
        return None
    scope = model.project.files[value.path].scopes[value.scope]
    made = model.values.functions.made_by_decorators(value)
    if not scope.is_async or scope.yields or made not in ("same", "coroutine"):
        return None
    return value.path, value.scope
