"""Two blocking calls in one expression go to a thread together, in a nested function.

    text = urlopen(url).read()               def load_response():
                                                 return urlopen(url).read()

                                             text = await ...run_in_executor(None, load_response)

To hand over the first call alone would leave the second one on the event loop. What
the expression names is read in the thread, while the coroutine waits for it; what a
comprehension names is handed over. The function stands in front of the statement, so
that a condition or the head of a loop can call it as often as it did.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from asyncfix import Context, Doubt, Entry, Level, Names, Part, Plan, Slice, goes_ahead
from asyncfix_codemods import _blocks, _hazards, _offload, _threads
from asyncfix_codemods._ahead import free_name
from asyncfix_codemods._shapes import stands_alone

if TYPE_CHECKING:
    import libcst as cst

# A function can stand in front of them, and what they say at their head runs after it.
_STATEMENTS = (
    ast.Assert, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.AsyncFor, ast.AsyncWith,
    ast.Delete, ast.Expr, ast.For, ast.If, ast.Raise, ast.Return, ast.While, ast.With,
)  # fmt: skip
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (
    *_COMPREHENSIONS, ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip
_OUT = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
# Not the names of `_blocks`: both may come to stand in one function.
_VERBS = {"write": "save", "writelines": "save", "communicate": "run", "wait": "run"}
_NOUNS = {
    "http": "response", "file": "file", "archive": "archive", "subprocess": "process",
}  # fmt: skip


Severity = Callable[[Context], Iterable[Doubt]]
# With these doubts a thread is no way to do it by hand either.
_NO_THREAD = frozenset(("driver", "thread-affinity", "thread-kind"))


class Chain(NamedTuple):
    """The outermost of the calls, and what is known of each that blocks."""

    call: ast.Call
    contexts: tuple[Context, ...]
    """Of the calls that block, the outermost first."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Give what is known of each call that blocks."""
        chains = (each.site.chain for each in self.contexts)
        return tuple(each.entry for each in chains if each is not None)


def chain(context: Context) -> Chain | None:
    """Give the calls of an expression that block one after another; None for one."""
    call = context.call
    tree = context.tree
    while True:
        above = tree.parent(call)
        after = tree.parent(above) if isinstance(above, ast.Attribute) else None
        if not isinstance(after, ast.Call) or after.func is not above:
            break
        if _threads.entry_of(context, after) is None:
            break
        call = after
    outer = call
    contexts = []
    inner: ast.expr = outer
    while isinstance(inner, ast.Call):
        there = _threads.alone(context, inner)
        if there is not None:
            contexts.append(there)
        inner = (
            inner.func.value if isinstance(inner.func, ast.Attribute) else inner.func
        )
    if len(contexts) < 2 or _threads.entry_of(context, outer) is None:
        return None
    return Chain(outer, tuple(contexts))


def plan(context: Context, message: str, severity: Severity) -> Plan | None:
    """Give the fix of an expression in which two calls block; None where there is one."""
    found = chain(context)
    if found is None:
        return None
    call = found.call
    statement = _statement(context, call)
    doubts = [*_doubts(context, found, statement)]
    name = free_name(context, (_name(found),), _before(context, found))
    by_hand = _by_hand(context, name, found)
    if doubts:
        if doubts[-1].guard in _NO_THREAD:
            by_hand = ""
        return Plan(message, by_hand, doubts=tuple(doubts))
    ahead = goes_ahead(at := context.at(call))
    context.ahead = at.ahead
    value = free_name(context, ("value", "result", "outcome")) if ahead else ""

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        return _moved(context, names, slice_, found, name, value)

    key = f"chain {context.site.path} {call.lineno} {call.col_offset} {call.end_col_offset}"
    return Plan(
        message,
        by_hand=by_hand,
        needs=_offload.needs(context, None),
        doubts=tuple(dict.fromkeys(_of_each(found, severity))),
        parts=(Part((statement,), make, free=_free(statement, call)),),
        key=key,
        stands=(call,),
        moves=call,
    )


def _free(statement: ast.stmt, call: ast.Call) -> tuple[ast.AST, ...]:
    """Give what need not be found again: of a block, all but its statements.

    What hands functions to threads in it already, as the new code does, may be more.
    """
    if not hasattr(statement, "body"):
        return (statement,)
    hands = [
        each.func
        for each in ast.walk(statement)
        if isinstance(each, ast.Call)
        and getattr(each.func, "attr", "") in _offload.CALLED
    ]
    return (call, *hands)


def _of_each(found: Chain, severity: Severity) -> Iterator[Doubt]:
    """Doubt what any of the calls gives reason to; one severe call is enough."""
    small = [[*severity(each)] for each in found.contexts]
    if all(small):
        yield from small[0]
    for each in found.contexts:
        yield from _threads.surroundings(each)
        yield from _hazards.doubts(each, found.call)


def _doubts(context: Context, found: Chain, statement: ast.stmt) -> Iterator[Doubt]:
    """Say what keeps the calls from being moved; the first decides."""
    call = found.call
    own = context.site.chain
    assert own is not None
    for entry in (own.entry, *found.entries):
        doubt = _threads.kind(context, entry)
        if doubt is not None:
            yield doubt
            return
    if _gives_bit_by_bit(found):
        reason = f"{found.entries[0].name} gives its result bit by bit"
        yield _no(reason)._replace(guard="thread-lazy")
        return
    for node in ast.walk(call):
        if isinstance(node, _OUT):
            yield _no("the expression awaits, yields or gives a name a value")
            return
        if isinstance(node, ast.Name) and node.id in _blocks.OF_THE_FUNCTION:
            yield _no(f"{node.id} means the function around it")
            return
    changed = {
        name
        for node in ast.walk(context.function)
        if isinstance(node, ast.Nonlocal)
        for name in node.names
    }
    for node in ast.walk(call):
        if isinstance(node, ast.Name) and node.id in changed:
            yield _no(f"{node.id} may be another one by the time the thread reads it")
            return
    name = _without_value(context, call)
    if name:
        yield _no(f"{name} may have no value yet, which is another error in a function")
        return
    if not isinstance(statement, _STATEMENTS) or not stands_alone(
        context.tree, statement
    ):
        yield _no("a function would have to stand in front of its statement")


def _gives_bit_by_bit(found: Chain) -> bool:
    entry = found.entries[0]
    return entry.form == "async-for" or _threads.is_lazy(entry, found.call)


def _without_value(context: Context, call: ast.Call) -> str:
    """Give a local name that the coroutine gives a value only further down."""
    given = {
        each.arg
        for each in ast.walk(context.function.args)
        if isinstance(each, ast.arg)
    }
    given.update(_parameters(context, call))
    first: dict[str, int] = {}
    for node in ast.walk(context.function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            first[node.id] = min(node.lineno, first.get(node.id, node.lineno))
    for node in ast.walk(call):
        if isinstance(node, ast.Name) and node.id not in given:
            if first.get(node.id, 0) >= call.lineno:
                return node.id
    return ""


def _no(reason: str) -> Doubt:
    return Doubt(
        "thread-chain",
        Level.MANUAL,
        f"two calls of one expression block, and {reason}",
        "put both calls into a function, and hand that to a thread",
    )


def _name(found: Chain) -> str:
    verb = _VERBS.get(getattr(found.call.func, "attr", ""), "load")
    return f"{verb}_{_NOUNS.get(found.entries[-1].kind, 'result')}"


def _before(context: Context, found: Chain) -> int:
    """Count the expressions of the same name that stand before it in the coroutine."""
    seen: set[ast.Call] = set()
    for node in ast.walk(context.function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            there = chain(context.at(node))
            if there is not None and _name(there) == _name(found):
                seen.add(there.call)
    place = found.call.lineno, found.call.col_offset
    return sum((each.lineno, each.col_offset) < place for each in seen)


def _by_hand(context: Context, name: str, found: Chain) -> str:
    """Give the code to write; what a comprehension or a lambda gives is a parameter."""
    call = found.call
    text = ast.unparse(call)
    if _gives_bit_by_bit(found):
        text = f"list({text})"
    parameters = ", ".join(_parameters(context, call))
    run = _offload.by_hand(context, name, parameters)
    return f"def {name}({parameters}):\n    return {text}\n\n{run}"


def _statement(context: Context, call: ast.Call) -> ast.stmt:
    """Give the statement that the function can stand in front of.

    That of an `elif` is the whole of its `if`.
    """
    tree = context.tree
    statement = tree.statement(call)
    while isinstance(statement, ast.If):
        above = tree.parent(statement)
        start = tree.span(statement)[0]
        is_elif = tree.lines.text[start : start + 4] == b"elif"
        if not is_elif or not isinstance(above, ast.If):
            break
        statement = above
    return statement


def _parameters(context: Context, call: ast.Call) -> tuple[str, ...]:
    """Give the names in a call that a comprehension or a lambda round it gives a value."""
    own: set[str] = set()
    for above, _ in context.tree.ancestors(call):
        if isinstance(above, ast.stmt):
            break
        if isinstance(above, _SCOPES):
            own.update(_bound(above))
    read = [each.id for each in ast.walk(call) if isinstance(each, ast.Name)]
    return tuple(dict.fromkeys(each for each in read if each in own))


def _bound(scope: ast.AST) -> Iterator[str]:
    for each in ast.walk(scope):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id
        elif isinstance(each, ast.arg):
            yield each.arg


def _moved(
    context: Context,
    names: Names,
    slice_: Slice,
    found: Chain,
    name: str,
    value: str,
) -> Sequence[cst.CSTNode]:
    """Give the nested function with the calls, and the statement that runs it."""
    import libcst as cst

    call = found.call
    twin = cst.ensure_type(slice_.find(call), cst.Call)
    given = _parameters(context, call)
    job = cst.Call(cst.Name(name), [cst.Arg(cst.Name(each)) for each in given])
    run = _offload.offloaded(context, names, job)
    # All statements that can be here have lines above them.
    line = cast("cst.SimpleStatementLine", slice_.nodes[0])
    lpar, rpar = [], []
    start, end = context.tree.span(call)
    if b"\n" in context.tree.lines.text[start:end].replace(b"\r", b"\n"):
        lpar, rpar = [cst.LeftParen()], [cst.RightParen()]
    bare = twin.with_changes(lpar=lpar, rpar=rpar)
    body = cst.IndentedBlock(
        [cst.SimpleStatementLine([cst.Return(bare)])], indent=slice_.indent
    )
    parameters = cst.Parameters([cst.Param(cst.Name(each)) for each in given])
    function = cst.FunctionDef(cst.Name(name), parameters, body)
    tight = context.tree.parent(call)
    awaited: cst.BaseExpression = run
    if isinstance(tight, (ast.Attribute, ast.Subscript)) and tight.value is call:
        awaited = run.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    empty = [cst.EmptyLine(indent=False)]
    if value:
        first = cst.SimpleStatementLine(
            [cst.Assign([cst.AssignTarget(cst.Name(value))], run)], leading_lines=empty
        )
        rest = cast("cst.CSTNode", line.deep_replace(twin, cst.Name(value)))
        return [function, first, rest]
    bare_line: cst.CSTNode = line.with_changes(leading_lines=empty)
    last: cst.CSTNode = bare_line.deep_replace(twin, awaited)
    return [function, last]
