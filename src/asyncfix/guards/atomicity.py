"""A guards: what was one step for other tasks is two with an `await` in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import partial

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.effects_tree import span
from asyncfix.guards.asked import Asked, asks
from asyncfix.guards.flow import Conflict, torn_updates
from asyncfix.guards.gone_through import gone_through, only_grows
from asyncfix.guards.half import half_set
from asyncfix.guards.locks import is_lock
from asyncfix.guards.places import Places
from asyncfix.guards.position import earlier
from asyncfix.guards.put import put_through
from asyncfix.guards.setters import TRANSACTION, set_round
from asyncfix.model import Doubt, Level
from asyncfix.nodes import descend
from asyncfix.tree import Tree, dotted, walk_function

# Context managers that keep nothing other tasks could see or trip over.
_PRIVATE = frozenset(
    (
        "builtins.open", "io.open", "gzip.open", "bz2.open", "lzma.open",
        "tarfile.open", "zipfile.ZipFile", "contextlib.suppress",
        "contextlib.closing", "contextlib.nullcontext", "decimal.localcontext",
        "pytest.raises",
        # Made for awaits: they cancel, or shield, those of their own task.
        "anyio.CancelScope", "anyio.fail_after", "anyio.move_on_after",
        "trio.CancelScope", "trio.fail_after", "trio.fail_at", "trio.move_on_after",
        "trio.move_on_at",
    )
)  # fmt: skip
_EXIT_STACK = "contextlib.ExitStack"
_FILE_LOCKS = re.compile(r"^(?:fcntl\.(?:flock|lockf)|msvcrt\.locking)$")
_THREAD_TYPES = re.compile(
    r"^(?:threading|multiprocessing|multiprocessing\.\w+)\."
    r"(?:Lock|RLock|Semaphore|BoundedSemaphore|Condition)$"
)


def _withs(context: Context) -> Iterator[tuple[ast.With, list[ast.withitem]]]:
    """Give the sync `with` statements that are entered at the site."""
    for above, below in context.within():
        if above is context.function:
            return
        if isinstance(above, ast.With):
            if isinstance(below, ast.withitem):
                yield above, above.items[: above.items.index(below)]
            else:
                yield above, above.items


def no_lock_held(context: Context) -> Doubt | None:
    """A1: no thread or file lock is held at the site."""
    for node, items in _withs(context):
        for item in items:
            if is_lock(item.context_expr) or _is_thread_lock(
                context, item.context_expr
            ):
                return _held(node.lineno)
        for entered in _entered(node):
            if is_lock(entered) or _is_thread_lock(context, entered):
                return _held(entered.lineno)
    line = _acquired(context)
    return _held(line) if line else None


def _held(line: int) -> Doubt:
    return Doubt(
        "A1",
        Level.MANUAL,
        f"a thread lock is held here (line {line}): with an await inside, "
        "a second task deadlocks (Lock) or walks in (RLock)",
        "use asyncio.Lock with `async with`, or wait after the lock is released",
    )


def _is_thread_lock(context: Context, expression: ast.expr) -> bool:
    """Tell by the value given to a name or attribute in this file."""
    if isinstance(expression, ast.Call):
        return bool(_THREAD_TYPES.match(context.qualified_name(expression.func) or ""))
    name = dotted(expression)
    if name is None:
        return False
    return name in context.tree.once(("locks",), partial(_lock_names, context))


def _lock_names(context: Context) -> frozenset[str]:
    """Give the names and attributes that are given a thread lock in this file."""
    found: set[str] = set()
    for node in ast.walk(context.tree.module):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            made = context.qualified_name(node.value.func) or ""
            if _THREAD_TYPES.match(made):
                found.update(dotted(target) or "" for target in node.targets)
    return frozenset(found - {""})


def _acquired(context: Context) -> int:
    """Give the line of an acquire that is not released before the site."""
    held: dict[str, int] = {}
    at = context.node.lineno, context.node.col_offset
    function = context.function
    calls = context.tree.once(("locking", function), partial(_locking, function))
    for call in calls:
        if (call.lineno, call.col_offset) >= at:
            break
        if _FILE_LOCKS.match(context.qualified_name(call.func) or ""):
            name = context.tree.text(call.args[0]) if call.args else "file"
            unlocks = any("LOCK_UN" in context.tree.text(each) for each in call.args)
            _take(held, name, call.lineno, not unlocks)
        elif isinstance(call.func, ast.Attribute):
            above = context.tree.parent(call)
            verb, owner = call.func.attr, call.func.value
            if isinstance(above, (ast.Await, ast.Call, ast.Starred)):
                continue  # asyncio's own: awaited, or handed to wait_for
            name = context.tree.text(owner)
            known = is_lock(owner) or _is_thread_lock(context, owner)
            if verb == "acquire" and (known or _is_released(context, calls, name)):
                _take(held, name, call.lineno, True)
            elif verb == "release" and not _on_the_way_out(context, call):
                _take(held, name, call.lineno, False)
    return min(held.values(), default=0)


def _locking(function: ast.AsyncFunctionDef) -> list[ast.Call]:
    """Give a function's calls that may take or release a lock, in their order."""
    names = ("acquire", "release", "flock", "lockf", "locking")
    calls = [
        node
        for node in walk_function(function)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in names
    ]
    return sorted(calls, key=lambda node: (node.lineno, node.col_offset))


def _is_released(context: Context, calls: list[ast.Call], name: str) -> bool:
    """Tell whether something is acquired and released, whatever it is called."""
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "release"
        and context.tree.text(call.func.value) == name
        for call in calls
    )


def _on_the_way_out(context: Context, call: ast.Call) -> bool:
    """Tell whether a release stands in a branch that leaves before the site."""
    block = context.tree.block(context.tree.statement(call))
    around = {below for _, below in context.within()}
    leaves = isinstance(block[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))
    return leaves and not any(each in around for each in block)


def _take(held: dict[str, int], name: str, line: int, taken: bool) -> None:
    if taken:
        held[name] = line
    else:
        held.pop(name, None)


def no_block_others_would_see(context: Context) -> Doubt | None:
    """A2: no sync `with` round the site, nothing set and set back, is seen by others."""
    found = set_round(context)
    if found is not None:
        first, second = found
        is_own = first.what.startswith(TRANSACTION)  # if the connection is
        return Doubt(
            "A2",
            Level.UNSAFE if is_own else Level.MANUAL,
            f"other tasks would run with {first.shown()} as line {first.line} sets it, "
            f"until line {second.line} sets it again",
            "hand the call what it needs (`cwd=`, `env=`, a timeout), or set it in the "
            "function that blocks",
        )
    for node, items in _withs(context):
        for item in items:
            if not _is_private(context, item.context_expr, node):
                what = context.tree.text(item.context_expr)
                return Doubt(
                    "A2",
                    Level.UNSAFE,
                    f"other tasks would run inside this block (line {node.lineno}) "
                    f"and see its {what}",
                    "wait outside of the block, if you can",
                )
    return None


def _is_private(context: Context, expression: ast.expr, node: ast.With) -> bool:
    if not isinstance(expression, ast.Call):
        return False
    name = context.qualified_name(expression.func) or ""
    if name in _PRIVATE or name.startswith("tempfile."):
        return True
    if name == _EXIT_STACK:
        return all(_is_private(context, each, node) for each in _entered(node))
    return False


def _entered(node: ast.With) -> Iterator[ast.expr]:
    """Give what an exit stack in a `with` statement enters or will call."""
    for call in walk_function(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            if call.func.attr in ("enter_context", "push", "callback") and call.args:
                yield call.args[0]


def no_update_torn_apart(context: Context) -> Doubt | None:
    """A3: no value read before the site decides a write to its place after it."""
    return torn_by_itself(context) or torn_by_calls(context)


def torn_by_calls(context: Context) -> Doubt | None:
    """A3 for what functions read and write that the coroutine calls."""
    key = "torn by calls", context.site.path, span(context.node), context.ahead
    return context.model.once(key, partial(_torn_by_calls, context))


def _torn_by_calls(context: Context) -> Doubt | None:
    if asks(context):
        tree, function, node = context.tree, context.function, context.node
        ahead = context.ahead or only_grows(context)
        every = torn_updates(tree, function, node, ahead, Asked(context))
        found = [each for each in every if not _is_imported(context, each)]
        return _torn(found[0], Level.UNSAFE) if found else None
    return None


def torn_by_itself(context: Context) -> Doubt | None:
    """A3 without what is read and written by functions that the coroutine calls."""
    tree, function, node = context.tree, context.function, context.node
    ahead = context.ahead or only_grows(context)
    found = [
        each
        for each in torn_updates(tree, function, node, ahead)
        if not _is_imported(context, each)
    ]
    torn = next((each for each in found if each.how == "written"), None)
    if torn is not None:
        return _torn(torn, Level.MANUAL)
    half = half_set(tree, function, node)
    if half is not None:
        return Doubt(
            "A3",
            Level.MANUAL,
            f"{half.place}, which line {half.tested} looks at, is set at line "
            f"{half.written}, and {half.other} only at line {half.later}: other tasks "
            "would run in between and find the one without the other",
            f"set {half.place} last, or hold an asyncio.Lock over the whole",
        )
    put = put_through(context)
    if put is not None:
        return Doubt(
            "A3",
            Level.UNSAFE,
            f"{put.place} is set at line {put.line} and read at line {put.read}: another "
            "task may set it in between",
            "hand it on as an argument, or hold an asyncio.Lock over both",
        )
    gone = gone_through(context)
    if gone is not None:
        return Doubt(
            "A3",
            Level.UNSAFE,
            f"line {gone.line} goes through {gone.place}, which other tasks would change "
            f"meanwhile at {gone.changed}",
            f"go through a copy: list({gone.place})",
        )
    return _torn(found[0], Level.UNSAFE) if found else None


def _is_imported(context: Context, found: Conflict) -> bool:
    """Tell a module, of which `os.remove(name)` changes nothing."""
    site = context.site
    bound = context.project.visible(site.path, site.function, found.place)
    return found.how != "written" and any(each.kind == f.IMPORT for each in bound)


def _torn(found: Conflict, level: Level) -> Doubt:
    advice = "read it again after the await, or hold an asyncio.Lock over both"
    if found.how != "written":
        advice = (
            "take it and set it before the await, or hold an asyncio.Lock over both"
        )
    return Doubt(
        "A3",
        level,
        f"{found.place} is read at line {found.read} and {found.how} at line "
        f"{found.written}: other tasks would run in between and their change "
        "would be lost",
        advice,
    )


def nothing_read_before(context: Context) -> Doubt | None:
    """A4: the expression has read no shared place before the site is reached."""
    if context.ahead:
        return None
    function = context.function
    places = context.tree.once(("places", function), partial(Places, function))
    rebound = context.tree.once(("globals",), partial(_rebound, context.tree))
    for above, below in context.within():
        if isinstance(above, ast.stmt):
            if isinstance(above, ast.AugAssign) and places.place(above.target):
                return _read_first(context.tree.text(above.target))
            break
        for part in earlier(above, below):
            for place, _ in places.reads(part):
                # A module's name that nobody rebinds has the same value later.
                if not place.isidentifier() or place in rebound:
                    return _read_first(place)
    return None


def _rebound(tree: Tree) -> frozenset[str]:
    """Give the module's names that some function declares global."""
    if b"global" not in tree.lines.text:
        return frozenset()
    return frozenset(
        name
        for node in descend(tree.module)
        if isinstance(node, ast.Global)
        for name in node.names
    )


def _read_first(place: str) -> Doubt:
    return Doubt(
        "A4",
        Level.MANUAL,
        f"{place} is read before the await of the same statement",
        "await into a variable on a line of its own first",
    )
