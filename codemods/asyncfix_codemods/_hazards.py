"""What a thread changes besides the wait: whether the call was meant to run at once,
what a cancel leaves behind, and who may come between two steps on one file.

Each of these was found in published code, where the direct call was right.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncfix import Context, Doubt, Level

# Names of what takes something that must be given back: a lock file, a lease.
_TAKES = re.compile(r"(?i)(?:^|_)(?:acquire|lock|claim|lease)(?:_|$)")
_FILES = frozenset(("file", "fs-meta", "archive", "serialize"))
# Calls about a file by their last name: what looks at its content, what changes it.
_READS = re.compile(r"^_*(?:read|load)(?:_\w+)?$")
_WRITES = re.compile(r"^_*(?:atomic_)?(?:write|save|store|dump|delete)(?:_\w+)?$")
_OF_OS = re.compile(r"^(?:remove|rename|replace|truncate|rmtree|move|copy\w*)$")
_OF_PATHS = frozenset(
    ("open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "touch")
)


def doubts(context: Context, moved: ast.AST | None = None) -> Iterator[Doubt]:
    """Doubt what the guards do not know of; `moved` goes to the thread, or the call."""
    yield from _meant_to_run_here(context)
    yield from _leaves_behind(context)
    yield from _between_two_steps(context, moved or context.node)


def _no_nested(function: ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Walk the statements of a function, without the functions inside it."""
    todo: list[ast.AST] = [*function.body]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            todo += ast.iter_child_nodes(node)


# -- meant to run here ---------------------------------------------------------


def _meant_to_run_here(context: Context) -> Iterator[Doubt]:
    """Doubt a call that the same coroutine hands to a thread in another place.

    Small data at once and large data in a thread, or an address that needs no look-up
    before one that does: whoever wrote that has weighed it.
    """
    call = context.node
    if not isinstance(call, ast.Call) or not call.args:
        return
    what, given = ast.unparse(call.func), ast.unparse(call.args[0])
    last = what.rpartition(".")[2]
    for node in _no_nested(context.function):
        if not isinstance(node, ast.Await) or not isinstance(node.value, ast.Call):
            continue
        if node.value is call:
            continue  # what it gives is awaited, and that is not in a thread
        said = [ast.unparse(each) for each in node.value.args]
        other = ast.unparse(node.value.func)
        same_call = other != what and other.rpartition(".")[2] == last
        handed = what in said and given in said[said.index(what) :]
        if handed or (same_call and said[:1] == [given]):
            yield Doubt(
                "thread-deliberate",
                Level.MANUAL,
                f"line {node.lineno} awaits the same call: this one seems meant to run "
                "at once",
                "leave it, if it is known to be short",
            )
            return


# -- what a cancel leaves behind -----------------------------------------------


def _leaves_behind(context: Context) -> Iterator[Doubt]:
    """Doubt what nobody would give back if the wait is cancelled while it is taken."""
    chain = context.site.chain
    assert chain is not None
    names = [step.name.rpartition(".")[2] for step in chain.steps]
    if chain.entry.name == "subprocess.Popen":
        what = "the process would run on, and nobody could end it"
        advice = "use asyncio.create_subprocess_exec"
    elif any(map(_TAKES.search, names)):
        what = "what it takes would stay taken"
        advice = "take it before the event loop starts, or shield the wait and undo it"
    else:
        return
    yield Doubt(
        "thread-cancel",
        Level.UNSAFE,
        f"if this coroutine is cancelled while the thread works, {what}",
        advice,
    )


# -- two steps on one file -----------------------------------------------------


def _between_two_steps(context: Context, site: ast.AST) -> Iterator[Doubt]:
    """Doubt a step of read, change and write back of one file.

    Both ran without a break; with an await in between, another task's change of the
    file is lost. In tests a file has one user.
    """
    chain = context.site.chain
    assert chain is not None
    if chain.entry.kind not in _FILES or context.in_tests():
        return
    inside = set(ast.walk(site))
    nodes = [*_no_nested(context.function)]
    # One name for two open files says nothing of the files.
    opened = {
        ast.unparse(node.optional_vars)
        for node in nodes
        if isinstance(node, ast.withitem) and node.optional_vars is not None
    }
    steps = [
        (node.lineno, node in inside, paths - opened, reads, writes)
        for node in nodes
        if isinstance(node, ast.Call)
        for paths, reads, writes in [_step(node)]
        if reads or writes
    ]
    for line, own, paths, reads, writes in steps:
        for other, other_own, others, other_reads, other_writes in steps:
            if own == other_own or not own or paths.isdisjoint(others):
                continue
            if (writes and other_reads and other < line) or (
                reads and other_writes and other > line
            ):
                path = min(paths & others)
                yield Doubt(
                    "thread-file",
                    Level.UNSAFE,
                    f"lines {min(line, other)} and {max(line, other)} read and write "
                    f"{path}: what another task writes in between would be lost",
                    "put both steps into one function and hand that to a thread, "
                    "or hold an asyncio.Lock",
                )
                return


def _step(call: ast.Call) -> tuple[set[str], bool, bool]:
    """Give the paths that a call is about, and whether it reads or writes them."""
    function = call.func
    last = getattr(function, "attr", "") or getattr(function, "id", "")
    paths = {
        ast.unparse(each)
        for each in (*call.args, *(word.value for word in call.keywords))
        if isinstance(each, (ast.Name, ast.Attribute, ast.BinOp))
    }
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    if owner and last in _OF_PATHS:
        paths.add(owner)
    if last == "open":
        given = call.args[0 if owner not in ("", "io", "os") else 1 :][:1]
        given += [word.value for word in call.keywords if word.arg == "mode"]
        mode = str(getattr(given[0], "value", "r+") if given else "r")
        return paths, "r" in mode or "+" in mode, mode.strip("bt") != "r"
    writes = bool(_WRITES.match(last)) or last in ("unlink", "touch")
    if owner in ("os", "shutil"):
        writes = bool(_OF_OS.match(last))
    return paths, bool(_READS.match(last)), writes
