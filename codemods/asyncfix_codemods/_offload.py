"""The code that hands a call to a thread: shared help of the codemods.

    asyncio.get_running_loop().run_in_executor(None, f, a)
    asyncio.get_running_loop().run_in_executor(None, functools.partial(f, a, k=v))
    asyncio.to_thread(f, a, k=v)
    anyio.to_thread.run_sync(functools.partial(f, a, k=v))

The function and its arguments are evaluated on the event loop, now and in the
order they are written, as in the direct call. Never a lambda: it would evaluate
them later, in the thread.
https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.run_in_executor
"""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from asyncfix import GUARDS, Context, Names

if TYPE_CHECKING:
    import libcst as cst

# Where one of these is imported, context variables carry something that code in
# the thread may read: a trace, a request, a logger's fields.
_CARRIERS = (
    "contextvars", "ddtrace", "decimal", "opentelemetry", "sentry_sdk", "starlette_context",
    "structlog", "asgiref", "flask", "elasticapm", "newrelic",
)  # fmt: skip

# The last names of what the new code calls, from the inside to the outside.
CALLED = frozenset(
    ("get_running_loop", "partial", "run_in_executor", "run_sync", "to_thread")
)


def form(context: Context) -> str:
    """Give the form to use at a site: `run_in_executor` or `to_thread`.

    Only `to_thread` runs the function in a copy of the context.
    https://docs.python.org/3/library/asyncio-task.html#asyncio.to_thread
    """
    wanted = context.settings.offload
    if context.settings.executor:
        return "run_in_executor"
    if wanted == "auto":
        return "to_thread" if uses_context(context) else "run_in_executor"
    return wanted


def uses_context(context: Context) -> bool:
    """Tell whether the project imports what keeps something in context variables.

    decimal does: the thread would work with the default precision.
    """
    return context.model.once("context variables", partial(_imports_carrier, context))


def _imports_carrier(context: Context) -> bool:
    files = context.project.files
    for path in files:
        if any(map(files[path].holds, _CARRIERS)):
            libraries = context.project.libraries(path)
            if any(name.partition(".")[0] in _CARRIERS for name in libraries):
                return True
    return False


def needs(context: Context, call: ast.Call | None) -> tuple[str, ...]:
    """Give the modules that the new code names."""
    found = ["asyncio"]
    if call is not None and call.keywords:
        if form(context) != "to_thread" or _is_anyio(context):
            found.append("functools")
    found += module_of(context, context.settings.executor)
    return tuple(found)


def module_of(context: Context, executor: str) -> list[str]:
    """Give the module of an executor, if it is another one than the site's."""
    module = executor.partition(":")[0]
    return [] if not module or _is_own(context, module) else [module]


def _is_own(context: Context, module: str) -> bool:
    return module in context.project.module_names(context.site.path)


def _is_anyio(context: Context) -> bool:
    GUARDS["E1"](context)  # says whose event loop it is
    return context.framework == "anyio"


def offloaded(
    context: Context, names: Names, call: cst.Call, executor: str = ""
) -> cst.Await:
    """Give `await ...` of a call that runs in a thread; its arguments stay as written.

    With `executor`, in that one: `package.module:name`.
    """
    import libcst as cst

    keywords = any(each.keyword or each.star == "**" for each in call.args)
    way = "run_in_executor" if executor else form(context)
    before: list[cst.Arg] = []
    if names.framework == "anyio":
        runner = _dotted(names["asyncio"], "to_thread", "run_sync")
    elif way == "to_thread":
        runner, keywords = _dotted(names["asyncio"], "to_thread"), False
    else:
        loop = cst.Call(_dotted(names["asyncio"], "get_running_loop"))
        runner = cst.Attribute(loop, cst.Name("run_in_executor"))
        before = [_first(_executor(context, names, executor))]
    function = _first(call.func) if call.args else cst.Arg(call.func)
    if keywords:
        job = call.with_changes(
            func=_dotted(names["functools"], "partial"),
            args=[function, *call.args],
            lpar=[],
            rpar=[],
        )
        return cst.Await(cst.Call(runner, [*before, cst.Arg(job)]))
    return cst.Await(
        call.with_changes(
            func=runner, args=[*before, function, *call.args], lpar=[], rpar=[]
        )
    )


def _executor(context: Context, names: Names, executor: str) -> cst.BaseExpression:
    import libcst as cst

    module, _, name = (executor or context.settings.executor).partition(":")
    if module and _is_own(context, module):
        return cst.Name(name)
    return _dotted(*names[module].split("."), name) if module else cst.Name("None")


def _first(value: cst.BaseExpression) -> cst.Arg:
    """Give an argument that others follow."""
    import libcst as cst

    space = cst.SimpleWhitespace(" ")
    return cst.Arg(value, comma=cst.Comma(whitespace_after=space))


def _dotted(first: str, *rest: str) -> cst.BaseExpression:
    import libcst as cst

    made: cst.BaseExpression
    head, *middle = first.split(".")
    made = cst.Name(head)
    for name in (*middle, *rest):
        made = cst.Attribute(made, cst.Name(name))
    return made


def by_hand(context: Context, function: str, arguments: str) -> str:
    """Give the code to write, for a message."""
    job = f"{function}, {arguments}" if arguments else function
    if form(context) == "to_thread":
        return f"await asyncio.to_thread({job})"
    if "=" in arguments:
        job = f"functools.partial({job})"
    executor = context.settings.executor.rpartition(":")[2] or "None"
    return f"await asyncio.get_running_loop().run_in_executor({executor}, {job})"


def arguments(context: Context, call: ast.Call) -> str:
    """Give a call's arguments for a message, shortened where they are many."""
    words = [context.tree.text(each) for each in call.args]
    for keyword in call.keywords:
        value = context.tree.text(keyword.value)
        words.append(f"{keyword.arg}={value}" if keyword.arg else f"**{value}")
    text = ", ".join(words)
    return text if len(text) <= 80 else "..."
