"""What a thread changes besides the wait: whether the call was meant to run at once,
what a cancel leaves behind, and who may come between two steps on one file.

Each of these was found in published code, where the direct call was right.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncfix import Context, Doubt, Level
from asyncfix_codemods import _steps_on_files, _stops
from asyncfix_codemods._file_steps import steps
from asyncfix_codemods._rounds import own

# Names of what takes something that must be given back: a lock file, a lease.
_TAKES = re.compile(r"(?i)(?:^|_)(?:acquire|lock|claim|lease)(?:_|$)")

# What is read from a pipe or a terminal cannot be read again.
_CONSUMES = frozenset(("os.read", "os.readv"))
# A number, which means another file once somebody has closed this one.
_BY_NUMBER = frozenset(
    ("os.fdatasync", "os.fsync", "os.ftruncate", "os.pwrite", "os.pwritev",
     "os.sendfile", "os.write", "os.writev")
)  # fmt: skip


def doubts(
    context: Context, moved: ast.expr | ast.stmt | None = None
) -> Iterator[Doubt]:
    """Doubt what the guards do not know of; `moved` goes to the thread, or the call."""
    yield from _meant_to_run_here(context)
    yield from _leaves_behind(context)
    yield from _steps_on_files.doubts(context, moved or context.node)


# -- meant to run here ---------------------------------------------------------


def _meant_to_run_here(context: Context) -> Iterator[Doubt]:
    """Doubt a call that the same coroutine hands to a thread in another place.

    Small data at once and large data in a thread, or an address that needs no look-up
    before one that does: whoever wrote that has weighed it.
    """
    for above, below in context.within():
        if isinstance(above, ast.If) and _is_for_old_pythons(above, below):
            yield Doubt(
                "thread-deliberate",
                Level.MANUAL,
                f"line {above.lineno} leads here only where asyncio has no to_thread",
                "leave it",
            )
            return
    call = context.node
    if not isinstance(call, ast.Call) or not call.args:
        return
    what, given = ast.unparse(call.func), ast.unparse(call.args[0])
    last = what.rpartition(".")[2]
    for node in own(context.function.body):
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


def _is_for_old_pythons(branch: ast.If, below: ast.AST) -> bool:
    """Tell the branch in which `hasattr(asyncio, "to_thread")` is wrong.

    Or `sys.version_info >= (3, 9)`, which came with it.
    """
    test, holds = branch.test, below in branch.body
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, holds = test.operand, not holds
    if below is branch.test:
        return False
    said = ast.unparse(test)
    if said in ("hasattr(asyncio, 'to_thread')", "sys.version_info >= (3, 9)"):
        return not holds
    return said == "sys.version_info < (3, 9)" and holds


# -- what a cancel leaves behind -----------------------------------------------


def _writes_what_is_kept(context: Context) -> bool:
    """Tell whether a helper makes a file, and an attribute is to remember what it gave.

    Whoever removes the file later asks the attribute.
    """
    call, model = context.node, context.model
    above = context.tree.parent(call)
    if not isinstance(above, ast.Assign) or not isinstance(call, ast.Call):
        return False
    if not isinstance(above.targets[0], ast.Attribute):
        return False
    found = context.value(call.func)
    if found is None or not found.is_function:
        return False
    for path, scope in _stops.reached(model, (found.path, found.scope)):
        read = model.reader.function(path, scope)
        if read and any(step.writes for step in steps(own(read[1].body))):
            return True
    return False


def _is_number(context: Context) -> bool:
    """Tell whether the call itself gets a file by its number, from somebody else."""
    call = context.node
    if not isinstance(call, ast.Call) or not call.args:
        return False
    return isinstance(call.args[0], (ast.Attribute, ast.Name, ast.Subscript)) and (
        context.qualified_name(call.func) in _BY_NUMBER
    )


def _leaves_behind(context: Context) -> Iterator[Doubt]:
    """Doubt what nobody would give back if the wait is cancelled while it is taken."""
    chain = context.site.chain
    assert chain is not None
    names = [step.name.rpartition(".")[2] for step in chain.steps]
    if chain.entry.name == "subprocess.Popen":
        what = "the process would run on, and nobody could end it"
        advice = "use asyncio.create_subprocess_exec"
    elif chain.entry.name in _CONSUMES:
        what = "what it reads would be gone"
        advice = "use loop.add_reader, or loop.connect_read_pipe"
    elif chain.entry.name in _BY_NUMBER and _is_number(context):
        what = (
            "it may write to what the number means once somebody has closed this file"
        )
        advice = (
            "use loop.connect_write_pipe, or open and close it in the function, too"
        )
    elif _writes_what_is_kept(context):
        what = "its file would stay, and nobody would know of it"
        advice = "store the path before the file is made, or shield the wait"
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
