"""`loop.run_until_complete(main())` at a program's top level."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from asyncfix import (
    Context,
    Doubt,
    Level,
    Names,
    Part,
    Plan,
    Slice,
    Tree,
    dotted,
    facts,
)
from asyncfix_codemods import _shapes, _unstarted

if TYPE_CHECKING:
    import libcst as cst

_LOOPS = frozenset(
    ("run_until_complete", "run_forever", "get_event_loop", "new_event_loop",
     "set_event_loop")
)  # fmt: skip
# What makes tasks that may live on: `gather` where one of them fails.
_TASKS = frozenset(
    ("create_task", "ensure_future", "gather", "wait", "as_completed", "start_server",
     "start_unix_server", "create_server", "create_datagram_endpoint", "TaskGroup")
)  # fmt: skip
_BOUND = (3, 10)
_MESSAGE = "asyncio.run makes the loop, and clears up after it"
_CHANGE = (
    "tasks that are left over are cancelled, asynchronous generators closed, and "
    "Ctrl-C lets main() clean up"
)


class _Shape(NamedTuple):
    """The statements that make the loop, run it and close it."""

    statements: tuple[ast.stmt, ...]
    running: int
    """Which of them is the run."""
    name: str


def run(context: Context) -> Plan | None:
    """A coroutine that is run on the current loop when the program starts."""
    call, tree = context.call, context.tree
    if not isinstance(_shapes.owner(tree, call), ast.Module):
        return None
    func = call.func
    if not isinstance(func, ast.Attribute) or len(call.args) != 1 or call.keywords:
        return None
    if _shapes.is_for_some_versions(tree, call):
        return None
    shape: _Shape | None = None
    if isinstance(func.value, ast.Name):
        shape = _shape(context, func.value.id)
        if shape is None:
            return _otherwise(context, func.value)
        part = Part(shape.statements, partial(_as_one, call, shape.running))
    elif _is_maker(context, func.value):
        part = Part((call,), _run)
    else:
        return None
    return Plan(
        _MESSAGE,
        by_hand="asyncio.run(main())",
        change=_CHANGE,
        needs=("asyncio",),
        doubts=tuple(_doubts(context, shape)),
        parts=(part,),
    )


def _otherwise(context: Context, loop: ast.Name) -> Plan | None:
    """Report a run of a loop that is used in other ways as well."""
    if not _is_loop(context, loop.id):
        return None
    other = next(
        each
        for each in ast.walk(context.tree.module)
        if isinstance(each, ast.Name) and each.id == loop.id and each is not loop
    )
    uses = [
        each.lineno
        for each in ast.walk(context.tree.module)
        if isinstance(each, ast.Name)
        and each.id == loop.id
        and each is not loop
        and isinstance(each.ctx, ast.Load)
    ]
    doubt = _reused(
        "the loop is used otherwise", uses[0] if uses else other.lineno, manual=True
    )
    return Plan(_MESSAGE, by_hand="asyncio.run(main())", doubts=(doubt,))


def run_forever(context: Context) -> Plan | None:
    """A loop that a program's top level runs until somebody stops it."""
    func = context.call.func
    if not isinstance(func, ast.Attribute) or context.call.args:
        return None
    if isinstance(func.value, ast.Name):
        if not _is_loop(context, func.value.id):
            return None
    elif not _is_maker(context, func.value):
        return None
    return Plan(
        "run_forever leaves it to the program to cancel its tasks and close the loop",
        by_hand="await asyncio.Event().wait() at the end of main(), and "
        "asyncio.run(main())",
        level=Level.MANUAL,
    )


def _is_loop(context: Context, name: str) -> bool:
    return any(
        isinstance(each, ast.Assign)
        and _is_maker(context, each.value)
        and any(isinstance(to, ast.Name) and to.id == name for to in each.targets)
        for each in ast.walk(context.tree.module)
    )


def _is_maker(context: Context, node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or node.args or node.keywords:
        return False
    said = dotted(node.func) or ""
    path, scope = context.site.path, context.site.use.scope
    name = context.project.qualified_name(path, scope, said) or ""
    return name in ("asyncio.get_event_loop", "asyncio.new_event_loop")


def _shape(context: Context, name: str) -> _Shape | None:
    """Give the statements in a row that speak of the loop, the run among them."""
    tree = context.tree
    run_ = tree.statement(context.call)
    block = tree.block(run_)
    closing = _in_try(tree, run_, name)
    if closing is not None:
        block = tree.block(closing)
        run_ = closing
    at = next(i for i, each in enumerate(block) if each is run_)
    first = at - 1
    if first >= 0 and _is_call(block[first], "set_event_loop", name):
        first -= 1
    made = block[first] if first >= 0 else None
    if (
        not isinstance(made, ast.Assign)
        or len(made.targets) != 1
        or not isinstance(made.targets[0], ast.Name)
        or made.targets[0].id != name
        or not _is_maker(context, made.value)
    ):
        return None
    last = at
    if closing is None and at + 1 < len(block) and _is_close(block[at + 1], name):
        last += 1
    return _Shape(tuple(block[first : last + 1]), at - first, name)


def _in_try(tree: Tree, run_: ast.stmt, name: str) -> ast.Try | None:
    """Give the `try:` of nothing but the run, with `finally: loop.close()`."""
    above = tree.parent(run_)
    if (
        isinstance(above, ast.Try)
        and len(above.body) == 1
        and len(above.finalbody) == 1
        and not above.handlers
        and not above.orelse
        and _is_close(above.finalbody[0], name)
    ):
        return above
    return None


def _is_call(statement: ast.stmt, last: str, given: str) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and (dotted(call.func) or "").rpartition(".")[2] == last
        and len(call.args) == 1
        and isinstance(call.args[0], ast.Name)
        and call.args[0].id == given
    )


def _is_close(statement: ast.stmt, name: str) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and dotted(call.func) == f"{name}.close"


# -- may nothing else hold the old loop? ---------------------------------------


def _doubts(context: Context, shape: _Shape | None) -> Iterator[Doubt]:
    tree, call = context.tree, context.call
    given = call.args[0]
    known = _unstarted.called(context, given) if isinstance(given, ast.Call) else None
    if known is None or known.doubt or known.place is None:
        yield Doubt(
            "run-argument",
            Level.MANUAL,
            (known and known.doubt) or "asyncio.run takes a coroutine and nothing else",
            "wrap it: async def main(): await ...",
        )
    inside = {
        node
        for statement in (shape.statements if shape else (tree.statement(call),))
        for node in ast.walk(statement)
    }
    if shape is not None:
        for each in shape.statements:
            whole = tree.lines.span(each.lineno, each.end_lineno or each.lineno)
            text = tree.lines.text[whole[0] : whole[1]]
            alone = each is tree.statement(call)
            if not alone and b"#" in text:
                yield _reused("a comment would be lost", each.lineno, manual=True)
            if not _shapes.stands_alone(tree, each):
                yield _reused(
                    "another statement is beside it", each.lineno, manual=True
                )
    for node in ast.walk(tree.module):
        if node in inside or not isinstance(node, (ast.Name, ast.Call)):
            continue
        if isinstance(node, ast.Name) and shape and node.id == shape.name:
            yield _reused("the same loop is used again", node.lineno, manual=True)
            return
        if isinstance(node, ast.Call):
            last = (dotted(node.func) or "").rpartition(".")[2]
            last = last or getattr(node.func, "attr", "")
            if last in _LOOPS or dotted(node.func) == "asyncio.run":
                if not _in_coroutine(context, node):
                    yield _reused("a loop is asked for, too", node.lineno, manual=True)
                    return
    if not _shapes.is_under_main(tree, call):
        yield _reused("the module runs it when it is imported", call.lineno)
    if context.settings.target < _BOUND:
        yield _reused(
            "before Python 3.10, locks and queues made earlier belong to the old loop",
            call.lineno,
        )
    other = _held_elsewhere(context) or _left_over(context)
    if other is not None:
        yield other


def _in_coroutine(context: Context, node: ast.Call) -> bool:
    place = (node.lineno, node.col_offset)
    end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    found = context.tree.find(ast.Call, place, end)
    return isinstance(_shapes.owner(context.tree, found), ast.AsyncFunctionDef)


def _reused(reason: str, line: int, *, manual: bool = False) -> Doubt:
    return Doubt(
        "loop-reused",
        Level.MANUAL if manual else Level.UNSAFE,
        f"{reason} (line {line})",
        "asyncio.run starts a loop of its own, and cancels what is left over",
    )


def _held_elsewhere(context: Context) -> Doubt | None:
    """Find what is made before the run and may hold the loop that was current.

    Calls at the top level of this module and of those of the project that it
    imports, but for the standard library's without asyncio, and `get_event_loop`
    in their functions.
    """
    project, start = context.project, context.site.path
    for path in sorted(_imported(context)):
        known = project.files[path]
        for use in known.calls:
            last = use.name.rpartition(".")[2]
            kind = known.scopes[use.scope].kind
            at_top = kind in (facts.MODULE, facts.CLASS)
            if path == start and use.scope == 0 and use.line >= context.call.lineno:
                continue
            if at_top and _is_harmless(context, path, use):
                continue
            if path == start and last in _LOOPS:
                continue  # asked about above
            asks = last == "get_event_loop" and not known.scopes[use.scope].is_async
            if at_top or asks:
                return Doubt(
                    "loop-reused",
                    Level.UNSAFE,
                    f"{use.name} ({path}:{use.line}) may hold the old loop",
                    "make it inside the coroutine that runs",
                )
    return None


def _left_over(context: Context) -> Doubt | None:
    """Find what makes tasks: those that are left over are cancelled, and may tell."""
    project, start = context.project, context.site.path
    for path in sorted({start, *_imported(context)}):
        for use in project.files[path].calls:
            if use.name.rpartition(".")[2] in _TASKS:
                return Doubt(
                    "loop-reused",
                    Level.UNSAFE,
                    f"a task of {use.name} ({path}:{use.line}) may be left over when "
                    "main() ends, and would be cancelled then",
                    "see that all tasks are awaited",
                )
    return None


def _imported(context: Context) -> set[str]:
    """Give the files of the project that a module imports, directly or through others."""
    todo, seen = [context.site.path], {context.site.path}
    while todo:
        more = context.project.imports(todo.pop()) - seen
        seen |= more
        todo += more
    return seen


def _is_harmless(context: Context, path: str, use: facts.Use) -> bool:
    name = context.project.qualified_name(path, use.scope, use.name)
    if name is None:
        # `"".join(...)`, `logging.getLogger().info(...)`
        name = context.project.qualified_name(
            path, use.scope, use.name.partition("(")[0].partition("[")[0]
        )
    root = (name or "").partition(".")[0]
    return root == "builtins" or (root in sys.stdlib_module_names and root != "asyncio")


# -- the new code --------------------------------------------------------------


def _run(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    call = cst.ensure_type(old.nodes[0], cst.Call)
    func = cst.Attribute(cst.Name(names["asyncio"]), cst.Name("run"))
    return [call.with_changes(func=func)]


def _as_one(
    call: ast.Call, running: int, old: Slice, names: Names
) -> Sequence[cst.CSTNode]:
    import libcst as cst

    twin = cst.ensure_type(old.find(call), cst.Call)
    func = cst.Attribute(cst.Name(names["asyncio"]), cst.Name("run"))
    first = cast("cst.SimpleStatementLine", old.nodes[0])
    code = old.nodes[running]
    if isinstance(code, cst.Try):
        code = code.body.body[0]
    line = code.deep_replace(twin, twin.with_changes(func=func))
    line = cst.ensure_type(line, cst.SimpleStatementLine)
    return [line.with_changes(leading_lines=first.leading_lines)]
