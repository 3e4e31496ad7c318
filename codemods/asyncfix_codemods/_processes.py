"""Work that holds the GIL goes to a process, where the project names a pool for it.

    scores = rank(names, wanted)

    scores = await ...run_in_executor(pools.cpu_pool, rank, names, wanted)

In a thread it would stop the event loop nearly as much. In a process there are copies:
of the arguments, of the module with all that it holds, of the result.
https://docs.python.org/3/library/concurrent.futures.html#processpoolexecutor
https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from asyncfix import GUARDS, Context, Doubt, Level, Names, Place, Plan, Slice, dotted
from asyncfix_codemods import _ahead, _offload

if TYPE_CHECKING:
    import libcst as cst

_PLAIN = frozenset(
    ("bool", "bytes", "bytearray", "complex", "float", "int", "str", "None")
)
_HOLDERS = frozenset(("dict", "frozenset", "list", "set", "tuple", "Optional", "Union"))
_MAKERS = frozenset(("bool", "bytes", "float", "int", "len", "repr", "round", "str"))
# Functions of libraries that do much for the texts they are given, and give texts.
_SENDS_LITTLE = frozenset(
    ("difflib.get_close_matches", "re.findall", "re.split", "re.sub", "re.subn")
)
_FLAGS = re.compile(r"re\.[A-Z]+$")
_RUNNERS = ("asyncio.run", "uvicorn.run", "aiohttp.web.run_app")


def plan(context: Context, message: str, severity: Sequence[Doubt]) -> Plan | None:
    """Give the fix, or why it is refused; None for what no process is asked about.

    Without a pool in the settings, the refusal shows the code to write.
    """
    chain = context.site.chain
    assert chain is not None
    entry = chain.entry
    pool = context.settings.process_executor
    call = context.call
    doubt = next(_doubts(context), None)
    if doubt is None and not pool:
        doubt = (
            "nothing says which ProcessPoolExecutor the program has",
            'make one where the program starts, and name it: process-executor = "app.'
            'pools:cpu_pool"',
        )
    gil = f"{entry.name} holds the GIL: in a thread it would stop the event loop nearly as much"
    name = pool.rpartition(":")[2] or "cpu_pool"
    arguments = _offload.arguments(context, call)
    job = ", ".join(filter(None, (context.tree.text(call.func), arguments)))
    if call.keywords:
        job = f"functools.partial({job})"
    by_hand = f"await asyncio.get_running_loop().run_in_executor({name}, {job})"
    if doubt is not None:
        reason, advice = doubt
        found = Doubt(
            "thread-gil", Level.MANUAL, f"{gil}; for a process: {reason}", advice
        )
        return Plan(message, by_hand, doubts=(found,))

    def make(slice_: Slice, names: Names) -> cst.BaseExpression:
        import libcst as cst

        twin = cst.ensure_type(slice_.find(call), cst.Call)
        return _offload.offloaded(context, names, twin, pool)

    of_library = len(chain.steps) == 1
    needs = ["asyncio", *_offload.module_of(context, pool)]
    if call.keywords:
        needs.append("functools")
    return Plan(
        message,
        by_hand=by_hand,
        level=Level.UNSAFE,
        change=f"in a process of {pool}, which imports its module and gets copies of the "
        "arguments; an error that cannot be pickled becomes another one",
        needs=tuple(needs),
        doubts=tuple(severity),
        # A function of a library is sent by its name, what stands in its place is not.
        guards=("N1", "N2", "E2") if of_library else (),
        parts=_ahead.parts(context, call, make),
    )


def _doubts(context: Context) -> Iterator[tuple[str, str]]:
    """Say why no process can do it, and what to do; the first decides."""
    chain = context.site.chain
    assert chain is not None
    site, users = context.site, context.model.users
    place = users.meant(site.path, site.use.scope, site.use.name)
    by_hand = "make it a function of a module, with arguments that can be pickled"
    if place is None and len(chain.steps) == 1:
        yield from _of_library(context, chain.entry.name, by_hand)
        return
    if place is None:
        yield "it is no function of the project", by_hand
        return
    yield from _runs_on(context)
    function = users.scope(place)
    name = function.name
    if function.parent != 0 or function.decorators or function.yields:
        yield f"{name} is no plain function of a module, which is sent by its name", by_hand
        return
    if len(context.project.names(place[0], 0).get(name)) != 1:
        yield f"{name} is given a value twice", by_hand
    yield from _arguments(context)
    node = context.effects.function(place)
    returns = getattr(node, "returns", None)
    if returns is None or not _is_plain_type(returns):
        yield (
            f"what {name} gives is not said to be something that can be pickled",
            "annotate it",
        )
        return
    yield from _touches(context, name)
    yield from _imports(context, place)


def _of_library(context: Context, name: str, by_hand: str) -> Iterator[tuple[str, str]]:
    """Say why no process can do a call of a library, or would be of no use."""
    if context.qualified_name(context.call.func) != name or name.count(".") != 1:
        yield "it is no function of a module, which is sent by its name", by_hand
        return
    if name not in _SENDS_LITTLE:
        # json.loads of 5 MB held the loop for 145 ms, in a process for 120 ms; ast.parse
        # for 465 ms, in a process for 780 ms (CPython 3.11): its result is unpickled here.
        yield (
            "what it takes or gives would be pickled and unpickled here, which holds the "
            "GIL about as long",
            "make a function of a module of it and what is done with the result, which "
            "gives little",
        )
        return
    yield from _runs_on(context)
    yield from _arguments(context)
    yield from _starts_again(context)


def _runs_on(context: Context) -> Iterator[tuple[str, str]]:
    if GUARDS["E1"](context) is None and context.framework != "asyncio":
        yield f"the code runs on {context.framework}", "use anyio.to_process.run_sync"


def _arguments(context: Context) -> Iterator[tuple[str, str]]:
    for each in (*context.call.args, *(k.value for k in context.call.keywords)):
        if not _is_plain(context, each, 0):
            yield (
                f"{context.tree.text(each)} is not seen to be something that can be pickled",
                "annotate it, or pass numbers, texts, and lists of them",
            )
            return


def _touches(context: Context, name: str) -> Iterator[tuple[str, str]]:
    """Find what a copy of the program would keep for itself."""
    site, use = context.site, context.site.use
    where = site.path, site.function
    found = context.effects.at(where, use.line, use.col, use.end_line, use.end_col)
    for touch in found.writes:
        at = f"{touch.path}:{touch.line}"
        yield (
            f"{name} changes {touch.place.shown()} ({at}), which would be a copy",
            "return the new value instead",
        )
        return
    for touch in found.reads:
        kinds, place = context.effects.kinds, touch.place
        changed = kinds.changed_global(place.name)
        if place.field is not None:
            changed = changed or kinds.changed(place.field)
        if changed:
            yield (
                f"{name} reads {touch.place.shown()}, which is changed at "
                f"{changed[0].path}:{changed[0].line}: the process would not know",
                "pass it as an argument",
            )
            return


def _imports(context: Context, place: Place) -> Iterator[tuple[str, str]]:
    """Find code that each new process would run again when it imports the function."""
    quiet = 'put it under `if __name__ == "__main__":`'
    for statement in context.model.tree(place[0]).module.body:
        if isinstance(statement, ast.Expr) and not isinstance(
            statement.value, ast.Constant
        ):
            where = f"{place[0]}:{statement.lineno}"
            yield f"each process would run {where} again", quiet
            return
        if isinstance(statement, (ast.For, ast.While, ast.With, ast.AugAssign)):
            where = f"{place[0]}:{statement.lineno}"
            yield f"each process would run {where} again", quiet
            return
    yield from _starts_again(context)


def _starts_again(context: Context) -> Iterator[tuple[str, str]]:
    """Find a main module that starts its program when a process imports it."""
    project, reader = context.project, context.model.reader
    quiet = 'put it under `if __name__ == "__main__":`'
    for path in project.files:
        for use in project.files[path].calls_in((0,)):
            if use.name.rpartition(".")[2] in ("run", "run_app"):
                if project.qualified_name(path, 0, use.name) in _RUNNERS:
                    if use.line < reader.script_starts(path):
                        yield f"each process would run {path}:{use.line} again", quiet
                        return


# -- what can be pickled ----------------------------------------------------------


def _is_plain(context: Context, node: ast.expr, depth: int) -> bool:
    """Tell whether the value of an expression surely can be pickled."""
    if depth > 8:
        return False
    inner: list[ast.expr | None] = []
    if isinstance(node, (ast.Constant, ast.JoinedStr, ast.Compare)):
        return True
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        inner += node.elts
    elif isinstance(node, ast.Dict):
        inner += [*node.keys, *node.values]
    elif isinstance(node, ast.BinOp):
        inner += [node.left, node.right]
    elif isinstance(node, ast.UnaryOp):
        inner.append(node.operand)
    elif isinstance(node, ast.IfExp):
        inner += [node.body, node.orelse]
    elif isinstance(node, ast.Call):
        name = (context.qualified_name(node.func) or "").removeprefix("builtins.")
        return name in _MAKERS
    elif isinstance(node, ast.Attribute):
        return bool(_FLAGS.match(context.qualified_name(node) or ""))
    elif isinstance(node, ast.Name):
        return _is_plain_name(context, node.id, depth)
    else:
        return False
    return all(
        each is not None and _is_plain(context, each, depth + 1) for each in inner
    )


def _is_plain_name(context: Context, name: str, depth: int) -> bool:
    """Tell whether a local name of the coroutine surely holds what can be pickled."""
    arguments = context.function.args
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if each.arg == name and (
            each.annotation is None or not _is_plain_type(each.annotation)
        ):
            return False
    found = any(
        each.arg == name
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    )
    for node in ast.walk(context.function):
        if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            return False
        if not isinstance(node, ast.Name) or node.id != name:
            continue
        if isinstance(node.ctx, ast.Load):
            continue
        above = context.tree.parent(node)
        if (isinstance(above, ast.AnnAssign) and _is_plain_type(above.annotation)) or (
            isinstance(above, ast.Assign)
            and above.targets == [node]
            and _is_plain(context, above.value, depth + 1)
        ):
            found = True
        else:
            return False
    return found


def _is_plain_type(node: ast.expr) -> bool:
    """Tell whether an annotation says numbers, texts, and what holds such."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            try:
                return _is_plain_type(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                return False
        return node.value is None or node.value is Ellipsis
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _is_plain_type(node.left) and _is_plain_type(node.right)
    last = (dotted(node) or "").rpartition(".")[2]
    if isinstance(node, ast.Subscript):
        holder = (dotted(node.value) or "").rpartition(".")[2]
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return holder.lower() in {each.lower() for each in _HOLDERS} and all(
            map(_is_plain_type, inner)
        )
    return last in _PLAIN
