"""May this call be handed to a thread? What its place, its kind and its arguments say.

What the code does that runs in the thread is asked by the engine's thread guards.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncfix import Chain, Context, Doubt, Entry, Level, Site, Step
from asyncfix_codemods import _lazy, _limits, _offload

# Where a call waits for another thread, a person or a device, or is bound to the
# thread it is made in: a thread would only hide it, or break it.
_KINDS = {
    "lock": (
        "a lock that is taken in a thread is not held by the coroutine",
        "use asyncio.Lock",
    ),
    "queue": (
        "a cancel would lose the item that the thread is waiting for",
        "use asyncio.Queue",
    ),
    "input": (
        "asyncio.run waits for the thread: the program could not end before Enter",
        "read it in a thread of its own, or before the event loop starts",
    ),
    "loop": (
        "it runs an event loop, or waits for one",
        "await the coroutine itself",
    ),
    "thread": (
        "it waits for another thread, and holds a thread of the pool all the while",
        "await asyncio.wrap_future(...) or asyncio.to_thread where you start the work",
    ),
    "mp": (
        "it waits for another process, and holds a thread of the pool all the while",
        "use loop.run_in_executor with a ProcessPoolExecutor",
    ),
    "browser": ("a browser is driven from one thread", "use its asyncio interface"),
    "device": ("a device is used from one thread", "give it a thread of its own"),
    "socket": (
        "a socket of the event loop is not for a thread",
        "use asyncio's streams, or loop.sock_recv and the like",
    ),
    "tls": (
        "a connection of the event loop is not for a thread",
        "use asyncio's streams with ssl=",
    ),
    "log": (
        "a handler may be bound to its thread",
        "use logging.handlers.QueueHandler",
    ),
}
# https://docs.python.org/3/library/os.html#os.fork
_FORKED = (
    "a process that is forked from a thread may find locks that nobody lets go",
    "start it before the event loop, or by the method spawn",
)
# Connections with a state of their own: databases, caches, brokers, mailboxes.
_DRIVERS = frozenset(("db", "cache", "mq"))
# Objects without a state that a second thread could see half-way.
_VALUES = ("pathlib.", "cryptography.", "argon2.", "passlib.")
# Clients that their makers call safe to use from several threads.
# https://github.com/openai/openai-python (httpx.Client), anthropic-sdk-python, groq-python;
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html#multithreading-or-multiprocessing-with-clients
_SHARED_CLIENTS = ("openai.", "anthropic.", "groq.", "botocore.client.BaseClient.")
_LAZY = ("async-for",)
_HOLDS_GIL = re.compile(r"(?i)GIL held|holds (?:the )?GIL")
# Calls that are not to be made twice, by their last name.
_ACTS = re.compile(
    r"^(?:post|put|patch|delete|request|send\w*|publish|insert\w*|run|call|check_\w+"
    r"|system|Popen|move)$"
)
_MATERIALISE = frozenset(("list", "tuple", "set", "sorted", "frozenset"))


def kind(context: Context, entry: Entry) -> Doubt | None:
    """Doubt what a thread is no cure for, wherever it is called."""
    if entry.kind in _KINDS and not (
        entry.kind == "tls" and entry.strategy == "offload"
    ):
        reason, advice = _KINDS[entry.kind]
        if entry.name.endswith(".Process.start"):
            reason, advice = _FORKED
        elif entry.use and not entry.use.startswith("asyncio.to_thread"):
            advice = entry.use
        return _no("thread-kind", f"{entry.name}: {reason}", advice)
    if holds_gil(entry):
        return _no(
            "thread-gil",
            f"{entry.name} holds the GIL: in a thread it would stop the event loop "
            "nearly as much",
            "run it in a ProcessPoolExecutor, as a function of a module with "
            "arguments that can be pickled",
        )
    if entry.kind in _DRIVERS and not context.settings.offload_drivers:
        return _no(
            "driver",
            f"{entry.name} belongs to a connection, whose whole use has to move",
            (
                f"use {entry.use}"
                if entry.use
                else "use a driver for asyncio; offload-drivers = true allows threads"
            ),
        )
    return None


def holds_gil(entry: Entry) -> bool:
    """Tell whether a call works without letting other threads go on."""
    if entry.form == "process":
        return True
    return (
        entry.strategy == "report"
        and entry.kind != "file"
        and _HOLDS_GIL.search(entry.why) is not None
    )


def strategy(context: Context) -> Iterator[Doubt]:
    """Doubt what a thread is no cure for, by the kind of what blocks."""
    chain = context.site.chain
    assert chain is not None
    entry = chain.entry
    direct = len(chain.steps) == 1
    doubt = kind(context, entry)
    if doubt is not None:
        yield doubt
    elif entry.strategy == "report" and direct:
        yield _no(
            "report", entry.why or "there is no better form known", "move it away"
        )
    elif direct and (opened := opened_here(context)):
        yield _no(
            "thread-chain",
            f"{context.tree.text(opened)} is called in the same expression and blocks, too",
            "put both calls into a function, and hand that to a thread",
        )
    elif direct and not _is_stateless(context):
        owner = entry.name.rpartition(".")[0]
        owner = "open file" if owner.startswith("io.") else owner
        article = "an" if owner[0] in "aeiou" else "a"
        yield _no(
            "thread-affinity",
            f"what {article} {owner} does in a thread, other tasks may see half-way",
            (
                f"use {entry.use}"
                if entry.use and entry.strategy in ("native", "migrate")
                else "move the whole unit, its opening included, into one function"
            ),
        )


def _is_stateless(context: Context) -> bool:
    """Tell whether a direct call is a function's, or of an object that may be shared."""
    name = context.site.wanted
    if name.startswith((*_VALUES, *_SHARED_CLIENTS)):
        return True
    owner = name.rpartition(".")[0]
    return not context.model.catalog.is_class(owner)


def role(context: Context) -> Iterator[Doubt]:
    """Doubt what cannot be handed over alone: blocks, lazy results, chains."""
    chain = context.site.chain
    assert chain is not None
    entry = chain.entry
    above = context.tree.parent(context.node)
    if whole(context) is not context.call:
        return
    if isinstance(above, ast.withitem):
        yield _no(
            "thread-block",
            "only the start of the block would move: what it holds blocks, too",
            "move the whole block into a function, and hand that to a thread",
        )
    elif isinstance(above, (ast.For, ast.comprehension)) and (
        entry.form in _LAZY or _is_lazy(context)
    ):
        yield _no(
            "thread-lazy",
            "each step of the loop blocks, not the call",
            "make a list of it in the thread, or move the loop into a function",
        )
    elif len(chain.steps) == 1 and (entry.form in _LAZY or _is_lazy(context)):
        yield _no(
            "thread-lazy",
            f"{entry.name} gives its result bit by bit, whoever reads it blocks",
            "read all of it in the thread",
        )
    elif _is_file(entry.name) and len(chain.steps) == 1:
        yield _no(
            "thread-block",
            "every later read and write of the file blocks, too",
            "move the whole use of the file into a function, and hand that to a thread",
        )
    elif len(chain.steps) > 1 and (leaf := _given_lazily(context)):
        where = f"{leaf.site.path}:{leaf.node.lineno}"
        yield _no(
            "thread-lazy",
            f"{context.spelled} only hands out what {entry.name} ({where}) gives bit by "
            "bit: whoever reads it blocks",
            "let it read all of it, and give a list",
        )
    elif isinstance(above, ast.Attribute) and _blocks_further(context, above):
        yield _no(
            "thread-chain",
            f"what {context.tree.text(above)} does with the result blocks, too",
            "put both calls into a function, and hand that to a thread",
        )


def _given_lazily(context: Context) -> Context | None:
    """Give the call at the end of a chain, if its result is read by who gets it."""
    chain = context.site.chain
    assert chain is not None
    entry = chain.entry
    leaf = _lazy.handed_out(context)
    if leaf is None:
        return None
    lazy = entry.form in _LAZY or is_lazy(entry, leaf.call) or _is_file(entry.name)
    return leaf if lazy else None


def whole(context: Context) -> ast.Call:
    """Give the call to hand over: the site's, or what makes a list of its result."""
    call = context.call
    chain = context.site.chain
    assert chain is not None
    above = context.tree.parent(call)
    if (
        isinstance(above, ast.Call)
        and above.args == [call]
        and not above.keywords
        and len(chain.steps) == 1
        and (chain.entry.form in _LAZY or _is_lazy(context))
        and (context.qualified_name(above.func) or "").removeprefix("builtins.")
        in _MATERIALISE
    ):
        return above
    return call


def by_hand(context: Context, doubt: Doubt) -> str:
    """Give the code to write where a call was refused for a doubt of this module."""
    text = context.tree.text(context.node)
    if doubt.guard == "severity":
        call = context.call
        words = ", ".join(
            context.tree.text(each) for each in (*call.args, *call.keywords)
        )
        return _offload.by_hand(context, context.tree.text(call.func), words)
    if doubt.guard == "thread-lazy":
        return _offload.by_hand(context, "list", text)
    return ""


def _is_file(name: str) -> bool:
    return name in ("builtins.open", "io.open", "pathlib.Path.open", "os.fdopen")


def _is_lazy(context: Context) -> bool:
    chain = context.site.chain
    assert chain is not None
    return is_lazy(chain.entry, context.call)


def is_lazy(entry: Entry, call: ast.Call) -> bool:
    """Tell whether the result is read later, `stream=True` being one way to ask so."""
    for keyword in call.keywords:
        if keyword.arg == "stream":
            value = keyword.value
            return not (isinstance(value, ast.Constant) and value.value is False)
    words = entry.why.lower()
    return words.startswith("lazy") or "generator" in words


def opened_here(context: Context) -> ast.Call | None:
    """Give the call whose result the site's call is a method of, if it blocks, too."""
    function = context.call.func
    owner = function.value if isinstance(function, ast.Attribute) else None
    return owner if isinstance(owner, ast.Call) and _blocks(context, owner) else None


def _blocks_further(context: Context, attribute: ast.Attribute) -> bool:
    """Tell whether a method of the result is called that blocks as well."""
    above = context.tree.parent(attribute)
    return (
        isinstance(above, ast.Call)
        and above.func is attribute
        and _blocks(context, above)
    )


def _blocks(context: Context, call: ast.Call) -> bool:
    return entry_of(context, call) is not None


def entry_of(context: Context, call: ast.Call) -> Entry | None:
    """Give what is known of a call of the site's coroutine that blocks by itself."""
    there = alone(context, call)
    return None if there is None or there.site.chain is None else there.site.chain.entry


def alone(context: Context, call: ast.Call) -> Context | None:
    """Give the context of a call of the site's coroutine that blocks by itself."""
    path, function = context.site.path, context.site.function
    start, end = (call.lineno, call.col_offset), (call.end_lineno, call.end_col_offset)
    for edge in context.model.reach.edges((path, function)):
        use, entry = edge.use, edge.entry
        if (use.line, use.col) == start and (use.end_line, use.end_col) == end:
            if entry is not None:
                chain = Chain((Step(path, use.line, use.col, entry.name),), entry)
                site = Site(path, use, "blocking", entry.name, function, chain)
                return Context(context.model, site, context.coloured)
    return None


def surroundings(context: Context) -> Iterator[Doubt]:
    """Doubt what would be lost in a thread, or done twice because of one."""
    if _offload.form(context) == "run_in_executor" and context.framework != "anyio":
        if _offload.uses_context(context):
            yield Doubt(
                "thread-context",
                Level.UNSAFE,
                "the project keeps something in context variables (or in decimal's "
                "context), which run_in_executor does not hand on",
                'set offload = "to_thread", or see to it that nothing of them is read',
            )
    chain = context.site.chain
    assert chain is not None
    if not _ACTS.search(chain.entry.name.rpartition(".")[2]):
        return
    where = _limits.found(context)
    if where:
        yield Doubt(
            "thread-twice",
            Level.UNSAFE,
            f"{where} may give up waiting while the thread goes on: a second try "
            "would do it twice",
            "let the call have its own timeout, and take the limit away",
        )


def arguments(context: Context) -> Iterator[Doubt]:
    """Doubt arguments that would be evaluated in the thread, bit by bit."""
    for each in (*context.call.args, *(k.value for k in context.call.keywords)):
        if isinstance(each, ast.GeneratorExp):
            yield _no(
                "thread-argument",
                f"the generator expression at line {each.lineno} would run in the "
                "thread",
                "make it a list first",
            )
        elif isinstance(each, ast.Call):
            name = context.qualified_name(each.func) or ""
            if name in ("builtins.map", "builtins.filter", "builtins.iter"):
                yield _no(
                    "thread-argument",
                    f"what {context.tree.text(each.func)} gives at line {each.lineno} "
                    "would be worked out in the thread",
                    "make it a list first",
                )


def _no(guard: str, reason: str, advice: str) -> Doubt:
    return Doubt(guard, Level.MANUAL, reason, advice)
