"""Rounds: what a loop or a comprehension does once for each item, and awaits.

Finds the shape only. Whether the rounds depend on one another is asked in
`_independence`; the new code is made in `_together`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from asyncfix import Context

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
# An operand of these is evaluated whenever the whole is.
_ALWAYS = (
    ast.Call, ast.keyword, ast.Attribute, ast.Subscript, ast.BinOp, ast.UnaryOp,
    ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred, ast.FormattedValue,
    ast.JoinedStr, ast.NamedExpr, ast.Await, ast.Slice, ast.Yield,
)  # fmt: skip


_NOTHING_DONE = (
    ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.keyword, ast.BinOp,
    ast.UnaryOp, ast.Slice, ast.JoinedStr, ast.FormattedValue, ast.expr_context,
    ast.operator, ast.unaryop, ast.Compare, ast.cmpop,
)  # fmt: skip
_LOOKERS = frozenset(
    f"builtins.{name}"
    for name in ("len", "round", "int", "float", "str", "bool", "abs", "sum", "tuple",
                 "list", "set", "sorted", "dict", "repr", "min", "max", "bytes")
)  # fmt: skip


class Rounds(NamedTuple):
    """A loop whose rounds each await one call."""

    loop: ast.For | Comprehension
    target: ast.expr
    items: ast.expr
    call: ast.Call
    """What each round is to run: `f(x)`."""
    waiting: ast.expr
    """What is awaited: `create_task(f(x))`, or the call itself, or the name of the task."""
    statement: ast.stmt | None
    """Of a loop: the statement of its body that awaits."""
    before: tuple[ast.stmt, ...] = ()
    """What the body does before it."""
    started: ast.Assign | None = None
    """`task = create_task(f(x))`, where it stands apart."""
    collects: str = ""
    """What a loop does with the result, and nothing else: `drop`, `list`, `dict`, `set`."""
    made: ast.stmt | None = None
    """`out = []`, right before a loop that collects."""
    key: ast.expr | None = None
    """Of a dict: the key of each item."""
    names: frozenset[str] = frozenset()
    """The names that the loop gives a value for each round."""

    @property
    def body(self) -> list[ast.stmt]:
        """Give the statements of a loop's body; none of a comprehension."""
        return self.loop.body if isinstance(self.loop, ast.For) else []

    @property
    def last_line(self) -> int:
        return self.loop.end_lineno or self.loop.lineno


def names_in(node: ast.AST) -> frozenset[str]:
    """Give all names of an expression or a statement."""
    return frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def own(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    """Walk statements without the functions and classes defined in them."""
    todo: list[ast.AST] = [*nodes]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, _DEFINITIONS):
            todo.extend(ast.iter_child_nodes(node))


def stored(nodes: list[ast.stmt]) -> frozenset[str]:
    """Give the names that statements give a value, delete, define or import."""
    found: set[str] = set()
    for node in own(nodes):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.MatchMapping):
            found.add(node.rest or "")
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            found.add(node.name or "")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
    return frozenset(found - {""})


def find(context: Context, call: ast.Call, waiting: ast.Call) -> Rounds | str:
    """Give the rounds of the innermost loop that awaits `waiting` once in each.

    `waiting` is `call` itself or what makes a task of it. A text says why there
    are none: `alone` where no loop is around, else what stands in the way.
    """
    tree = context.tree
    above = tree.parent(waiting)
    if isinstance(above, ast.Assign):
        return _apart(context, call, waiting, above)
    if not isinstance(above, ast.Await):
        return ""
    for over, _ in tree.ancestors(above):
        if isinstance(over, (ast.ListComp, ast.SetComp, ast.DictComp)):
            return _comprehension(context, over, call, waiting, above)
        if isinstance(over, (ast.comprehension, ast.GeneratorExp, ast.stmt)):
            break
        if isinstance(over, ast.Lambda):
            return ""
    return _loop(context, call, above, waiting)


def _comprehension(
    context: Context,
    over: Comprehension,
    call: ast.Call,
    waiting: ast.expr,
    awaited: ast.Await,
) -> Rounds | str:
    generators = over.generators
    element = over.value if isinstance(over, ast.DictComp) else over.elt
    if element is not awaited:
        # `[(x, await f(x)) for x in xs]`: awaited first, once for each item?
        for above, below in context.tree.ancestors(awaited):
            if below is element:
                break
            if above is over:
                return "the key of each item is what is awaited"
            if said := _conditional(above, below, None):
                return said
        if not _is_plain_beside(context, element, awaited):
            return "each round does something else, too, in the same expression"
    if len(generators) > 1:
        return "it goes through more than one loop"
    if generators[0].is_async:
        return "the items come one by one, too"
    kinds = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}
    bare = element is awaited
    return Rounds(
        over,
        generators[0].target,
        generators[0].iter,
        call,
        waiting,
        None,
        collects=kinds[type(over)] if bare else "",
        key=over.key if isinstance(over, ast.DictComp) else None,
        names=names_in(generators[0].target),
    )


def _is_plain_beside(context: Context, element: ast.expr, awaited: ast.Await) -> bool:
    """Tell whether an element holds, besides what is awaited, only names and the like.

    What is done to the result, an attribute or a builtin that only looks at it, may
    be there, too.
    """
    todo: list[ast.AST] = [element]
    while todo:
        node = todo.pop()
        if node is awaited:
            continue
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            if not any(each is awaited for each in ast.walk(node.value)):
                return False
        elif isinstance(node, ast.Call):
            if context.qualified_name(node.func) not in _LOOKERS:
                return False
            todo.extend([*node.args, *node.keywords])
            continue
        elif not isinstance(node, _NOTHING_DONE):
            return False
        todo.extend(ast.iter_child_nodes(node))
    return True


def _apart(
    context: Context, call: ast.Call, waiting: ast.Call, assign: ast.Assign
) -> Rounds | str:
    """Find `task = create_task(f(x))` and the one await of it in the next statement."""
    target = assign.targets[0]
    if len(assign.targets) != 1 or not isinstance(target, ast.Name):
        return ""
    following = context.tree.after(assign)[:1]
    uses = [
        node
        for node in ast.walk(context.function)
        if isinstance(node, ast.Name) and node.id == target.id and node is not target
    ]
    if not following or len(uses) != 1:
        return ""
    above = context.tree.parent(uses[0])
    within = following[0] in [a for a, _ in context.tree.ancestors(uses[0])]
    if not isinstance(above, ast.Await) or not within:
        return ""
    return _loop(context, call, above, uses[0], assign)


def _loop(
    context: Context,
    call: ast.Call,
    awaited: ast.Await,
    waiting: ast.expr,
    started: ast.Assign | None = None,
) -> Rounds | str:
    """Find the loop whose body awaits, once in each round, before all else."""
    tree = context.tree
    statement: ast.stmt | None = None
    loop: ast.For | None = None
    blocked = ""
    for above, below in tree.ancestors(awaited):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            break
        if isinstance(above, (ast.While, ast.AsyncFor)) and below in above.body:
            return f"how often {_kind(above)} goes round is not known beforehand"
        if isinstance(above, ast.For):
            if below is above.iter:
                continue
            if below in above.orelse:
                continue
            loop, statement = above, below if isinstance(below, ast.stmt) else None
            break
        blocked = blocked or _conditional(above, below, started)
    if loop is None or statement is None:
        return "alone"
    if blocked:
        return blocked
    at = loop.body.index(statement)
    before = [each for each in loop.body[:at] if each is not started]
    if started is not None and started not in loop.body:
        return "the task is made in a place that is not reached in each round"
    names = names_in(loop.target)
    rounds = Rounds(
        loop,
        loop.target,
        loop.iter,
        call,
        waiting,
        statement,
        before=tuple(before),
        started=started,
        names=names,
    )
    return collecting(context, rounds, awaited)


def _kind(loop: ast.While | ast.AsyncFor) -> str:
    word = "while" if isinstance(loop, ast.While) else "async for"
    return f"the `{word}` loop at line {loop.lineno}"


def _conditional(above: ast.AST, below: ast.AST, started: ast.Assign | None) -> str:
    """Say why a node is not reached in each round, or not first; nothing if it is."""
    line = getattr(above, "lineno", getattr(below, "lineno", 0))
    if isinstance(above, ast.Try) and below in above.body:
        if above.body[0] in (below, started):
            return ""
    elif isinstance(above, _ALWAYS):
        return ""
    elif isinstance(above, ast.Compare):
        if below is above.left or below is above.comparators[0]:
            return ""
    elif isinstance(above, (ast.BoolOp, ast.IfExp)):
        if below is (above.test if isinstance(above, ast.IfExp) else above.values[0]):
            return ""
    elif isinstance(above, (ast.If, ast.Match)):
        if below is (above.test if isinstance(above, ast.If) else above.subject):
            return ""
    elif isinstance(above, (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)):
        return ""
    elif isinstance(above, (ast.Return, ast.Raise)):
        return ""  # the loop is left there: `_independence` says so
    if isinstance(above, (ast.With, ast.AsyncWith)):
        return f"the block at line {line} is entered and left in each round"
    return f"it is not awaited in each round (line {line})"


def collecting(context: Context, rounds: Rounds, awaited: ast.Await) -> Rounds:
    """Tell what a loop does with the result, if that is all that it does."""
    body = [each for each in rounds.body if each is not rounds.started]
    statement = rounds.statement
    if rounds.before or statement not in body or getattr(rounds.loop, "orelse", None):
        return rounds
    value: ast.expr = awaited
    if len(body) == 2 and isinstance(statement, ast.Assign):
        # `page = await ...`, then `pages.append(page)`.
        target = statement.targets[0]
        if statement.value is not awaited or not isinstance(target, ast.Name):
            return rounds
        uses = [
            node
            for node in ast.walk(context.function)
            if isinstance(node, ast.Name) and node.id == target.id
        ]
        if len(statement.targets) != 1 or len(uses) != 2:
            return rounds
        statement = body[1]
        value = next(node for node in uses if node is not target)
    elif len(body) != 1:
        return rounds
    if isinstance(statement, ast.Expr) and statement.value is value:
        return rounds._replace(collects="drop")
    made, name, kind, key = None, "", "", None
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        function = call.func
        if (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and call.args == [value]
            and not call.keywords
        ):
            name = function.value.id
            kind = {"append": "list", "add": "set"}.get(function.attr, "")
    elif isinstance(statement, ast.Assign) and statement.value is value:
        target = statement.targets[0]
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            if len(statement.targets) == 1:
                name, kind, key = target.value.id, "dict", target.slice
    if kind:
        made = _made_before(context, rounds.loop, name, kind)
    if made is None:
        return rounds
    return rounds._replace(collects=kind, made=made, key=key)


_EMPTY = {"list": ast.List, "dict": ast.Dict}


def _made_before(
    context: Context, loop: ast.AST, name: str, kind: str
) -> ast.stmt | None:
    """Give `name = []` where it is the statement right before the loop."""
    assert isinstance(loop, ast.For)
    block = context.tree.block(loop)
    at = block.index(loop)
    made = block[at - 1] if at else None
    if isinstance(made, ast.Assign):
        targets, value = made.targets, made.value
    elif isinstance(made, ast.AnnAssign) and made.value is not None:
        targets, value = [made.target], made.value
    else:
        return None
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        return None
    if targets[0].id != name or name in names_in(loop.target):
        return None
    if isinstance(value, ast.Call):
        called = context.qualified_name(value.func)
        empty = called == f"builtins.{kind}" and not value.args and not value.keywords
    else:
        wanted = _EMPTY.get(kind)
        empty = wanted is not None and isinstance(value, wanted)
        empty = empty and not getattr(value, "elts", getattr(value, "keys", None))
    return made if empty else None
