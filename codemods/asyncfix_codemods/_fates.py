"""What becomes of a coroutine that a call gives, where nobody can ever await it."""

from __future__ import annotations

import ast
from typing import NamedTuple

from asyncfix import Context, Value, value
from asyncfix_codemods import _declared, _shapes

# What a coroutine object has itself.
# https://docs.python.org/3/reference/datamodel.html#coroutine-objects
# and https://docs.python.org/3/library/inspect.html#types-and-members
_OWN = frozenset(("close", "send", "throw"))
# https://docs.python.org/3/library/asyncio-future.html#asyncio.Future and Task
_OF_FUTURE = frozenset(
    ("add_done_callback", "cancel", "cancelled", "cancelling", "done", "exception",
     "get_context", "get_coro", "get_loop", "get_name", "get_stack", "print_stack",
     "remove_done_callback", "result", "set_exception", "set_name", "set_result",
     "uncancel")
)  # fmt: skip
# Calls that run what they are given, or ask what it is.
_RUN = frozenset(
    ("as_completed", "create_task", "ensure_future", "gather", "next", "run",
     "run_coroutine_threadsafe", "run_until_complete", "shield", "wait", "wait_for")
)  # fmt: skip
# Built-in functions that raise TypeError for a coroutine at the first place.
_RAISE = frozenset(
    ("abs", "all", "any", "bin", "bytearray", "bytes", "chr", "dict", "divmod",
     "enumerate", "float", "frozenset", "hex", "int", "iter", "len", "list", "max",
     "min", "next", "oct", "open", "ord", "pow", "range", "reversed", "round", "set",
     "sorted", "sum", "tuple", "json.dump", "json.dumps", "json.loads")
)  # fmt: skip
_PRINT = frozenset(("ascii", "format", "print", "repr", "str", "sys.exit"))
_LOG = frozenset(
    ("critical", "debug", "error", "exception", "fatal", "info", "log", "warning")
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (
    *_FUNCTIONS, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar
)  # fmt: skip


class Fate(NamedTuple):
    """The end of a coroutine: `says` finishes the sentence "f() is not awaited: ...".

    `raises` tells that the code as it stands can only raise an error. `direct`
    tells that the call itself stands there, not a name that holds the coroutine;
    `lost` that no use of such a name could await it.
    """

    shape: str
    says: str
    raises: bool = False
    direct: bool = True
    lost: bool = True


def message(name: str, fate: Fate, future: bool = False) -> str:
    """Say in one sentence what is wrong."""
    alone = fate.shape in ("statement", "unused")
    says = "its errors are lost" if future and alone else fate.says
    return f"{name}() is not awaited: {says}"


def of(
    context: Context, node: ast.expr, future: bool = False, within: bool = False
) -> Fate | None:
    """Tell what becomes of the value of an expression; None if it may be awaited.

    A `future` may be compared, asked whether it is there, and kept by itself. With
    `within`, the value is a local's, which is not followed into others.
    """
    fate = _of(context, node, future, within)
    if fate is not None and future and not fate.raises:
        alone = fate.shape in ("statement", "unused")
        return fate if alone or not fate.direct else None
    return fate


def _of(context: Context, node: ast.expr, future: bool, within: bool) -> Fate | None:
    for above, below in context.tree.ancestors(node):
        if isinstance(above, ast.Expr):
            return Fate("statement", "it never runs")
        if isinstance(above, ast.NamedExpr):
            if within or _local(context, above, above.target.id, future) is None:
                return None
            continue
        if isinstance(above, ast.BoolOp):
            tested = isinstance(above.op, ast.And) and below is not above.values[-1]
            if tested:
                return _tested()
            continue
        if isinstance(above, ast.IfExp) and below is not above.test:
            continue
        if isinstance(above, (ast.ListComp, ast.SetComp)) and below is above.elt:
            if isinstance(context.tree.parent(above), ast.Expr):
                return Fate("statement", "it never runs")
            return None
        if isinstance(above, (ast.Assign, ast.AnnAssign)):
            return None if within else _assigned(context, above, below, future)
        if isinstance(above, ast.keyword):
            call = context.tree.parent(above)
            if isinstance(call, ast.Call) and above.arg is not None:
                return _taken(context, call, below, above.arg)
            return _iterated() if above.arg is None else None
        if isinstance(above, ast.Call):
            if below is above.func:
                return Fate("called", "a coroutine cannot be called", True)
            return _taken(context, above, below, "")
        return _ended(above, below, future)
    return None


def _tested() -> Fate:
    return Fate("tested", "a coroutine is always true")


def _iterated() -> Fate:
    return Fate("iterated", "a coroutine cannot be iterated over", True)


def _ended(above: ast.AST, below: ast.AST, future: bool) -> Fate | None:
    """Tell what becomes of a value that goes no further than the node round it."""
    if isinstance(above, (ast.If, ast.While, ast.Assert, ast.IfExp)):
        return _tested() if below is above.test else None
    if isinstance(above, ast.comprehension):
        return _tested() if below in above.ifs else _iterated()
    if isinstance(above, ast.UnaryOp):
        if isinstance(above.op, ast.Not):
            return _tested()
        return Fate("operand", "a coroutine is no operand", True)
    if isinstance(above, ast.Compare):
        inside = any(
            isinstance(op, (ast.In, ast.NotIn)) and below is right
            for op, right in zip(above.ops, above.comparators, strict=True)
        )
        return (
            _iterated()
            if inside
            else Fate("compared", "a coroutine equals nothing but itself")
        )
    if isinstance(above, ast.BinOp):
        return _operand(above, below)
    if isinstance(above, ast.AugAssign):
        return Fate("operand", "a coroutine is no operand")
    if isinstance(above, ast.FormattedValue):
        return _printed()
    if isinstance(above, ast.Attribute):
        own = _OF_FUTURE if future else _OWN
        if above.attr in own or above.attr.startswith(("_", "cr_")):
            return None
        what = "future" if future else "coroutine"
        return Fate("attribute", f"a {what} has no attribute {above.attr!r}", True)
    if isinstance(above, ast.Subscript):
        if below is above.value:
            return Fate("item", "a coroutine has no items", True)
        return Fate("key", "the coroutine itself is the key")
    if isinstance(above, (ast.For, ast.AsyncFor)):
        return _iterated() if below is above.iter else None
    if isinstance(above, ast.Starred):
        return _iterated()
    if isinstance(above, ast.withitem):
        return Fate("entered", "a coroutine is no context manager", True)
    if isinstance(above, ast.Raise):
        return Fate("raised", "a coroutine is no exception", True)
    if isinstance(above, ast.Match):
        return Fate("compared", "no pattern but a bare name fits a coroutine")
    if isinstance(above, ast.Dict):
        if not any(below is each for each in above.keys):
            below_double = any(
                key is None and below is item
                for key, item in zip(above.keys, above.values, strict=True)
            )
            return _iterated() if below_double else None
        return Fate("key", "the coroutine itself is the key")
    if isinstance(above, ast.DictComp):
        return (
            Fate("key", "the coroutine itself is the key")
            if (below is above.key)
            else None
        )
    return None


def _printed() -> Fate:
    return Fate("printed", "its text is used, not its result")


def _operand(above: ast.BinOp, below: ast.AST) -> Fate:
    """Tell what an operator does; another class may take a coroutine on its right."""
    other = above.left if below is above.right else above.right
    if isinstance(above.op, ast.Mod) and below is above.right:
        if isinstance(above.left, (ast.Constant, ast.JoinedStr)):
            return _printed()
    plain = isinstance(other, (ast.Constant, ast.JoinedStr, ast.List, ast.Dict))
    return Fate("operand", "a coroutine is no operand", plain)


# -- arguments -----------------------------------------------------------------


def _taken(context: Context, call: ast.Call, below: ast.AST, name: str) -> Fate | None:
    """Tell whether a call cannot do anything with a coroutine that it is given."""
    place = next((i for i, each in enumerate(call.args) if each is below), -1)
    said = context.tree.text(call.func)
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Constant):
        if isinstance(function.value.value, str):
            if function.attr == "format":
                return _printed()
            if function.attr == "join":
                return _iterated()
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        if function.attr in ("add", "append") and place == 0:
            return _collected(context, call, function.value.id)
    found = context.value(function)
    if found is not None and found.kind == value.CLASS:
        made = found._replace(kind=value.OBJECT)
        found = context.model.values.attribute(made, "__init__")
        if found is not None and found.is_function:
            return _of_declared(context, found, False, place, name)
    if found is None:
        return None
    if found.is_function:
        by_class = _is_class(context, function)
        return _of_declared(context, found, by_class, place, name)
    if not found.is_outside or name:
        return None
    full = found.name.removeprefix("builtins.")
    if full == "bool":
        return _tested()
    if full in _PRINT:
        return _printed()
    if full.startswith("logging.") and full.rpartition(".")[2] in _LOG:
        return _printed()
    if place == 0 and full in _RAISE:
        return Fate("argument", f"{said}() cannot take a coroutine", True)
    if place > 0 and full in ("filter", "map", "zip"):
        return _iterated()
    if full == "isinstance" and place == 0 and len(call.args) == 2:
        if _is_plain_type(context, call.args[1]):
            return Fate("compared", "a coroutine is of no such type")
    return None


def _collected(context: Context, call: ast.Call, name: str) -> Fate | None:
    """Tell whether a local list is only looked at as a whole: nobody takes from it."""
    where = _shapes.owner(context.tree, call)
    if not isinstance(where, _FUNCTIONS) or _bound(where, name) != 1:
        return None
    if not _shapes.is_own_local(context, where, name):
        return None
    looked_at = False
    for load in _shapes.loads(where, name):
        above = context.tree.parent(load)
        if isinstance(above, ast.Attribute) and above.attr in (
            "add",
            "append",
            "clear",
        ):
            continue
        if isinstance(above, ast.FormattedValue):
            looked_at = True
            continue
        if not isinstance(above, ast.Call) or load not in above.args:
            return None
        taker = above.func
        full = (context.qualified_name(taker) or "").removeprefix("builtins.")
        joined = (
            isinstance(taker, ast.Attribute)
            and taker.attr == "join"
            and isinstance(taker.value, ast.Constant)
        )
        if not joined and full not in ("json.dumps", "len", "print", "str", "sum"):
            return None
        looked_at = looked_at or full != "len"
    says = f"{name} gets the coroutine itself"
    return Fate("collected", says) if looked_at else None


def _is_plain_type(context: Context, node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return all(_is_plain_type(context, each) for each in node.elts)
    return (context.qualified_name(node) or "").removeprefix(
        "builtins."
    ) in _declared.PLAIN


def _of_declared(
    context: Context, found: Value, by_class: bool, place: int, name: str
) -> Fate | None:
    said = _declared.plain_parameter(context.model, found, by_class, place, name)
    return Fate("declared", f"{said}, which no coroutine is") if said else None


def _is_class(context: Context, function: ast.expr) -> bool:
    """Tell whether a method is called on its class: `Repo.save(repo, row)`."""
    if not isinstance(function, ast.Attribute):
        return False
    owner = context.value(function.value)
    return owner is None or owner.kind == value.CLASS


# -- names that hold it ----------------------------------------------------------


def _assigned(
    context: Context,
    statement: ast.Assign | ast.AnnAssign,
    below: ast.AST,
    future: bool,
) -> Fate | None:
    if below is not statement.value:
        return None
    targets = (
        statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    )
    if any(isinstance(each, (ast.List, ast.Tuple)) for each in targets):
        return Fate("unpacked", "a coroutine cannot be unpacked", True)
    (target,) = targets[:1]
    if len(targets) != 1 or not isinstance(target, ast.Name):
        return None
    return _local(context, statement, target.id, future)


def _local(context: Context, node: ast.AST, name: str, future: bool) -> Fate | None:
    """Tell what becomes of a coroutine or future that a local of a function holds."""
    where = _shapes.owner(context.tree, node)
    if not isinstance(where, _FUNCTIONS) or not _shapes.is_own_local(
        context, where, name
    ):
        return None
    loads = _shapes.loads(where, name)
    if not loads:
        return Fate("unused", f"nobody uses {name}, and it never runs", direct=False)
    fates = [of(context, each, future, within=True) for each in loads]
    known = [each for each in fates if each is not None]
    worst = next((each for each in known if each.raises), None)
    if worst is None and len(known) == len(fates) and not future:
        worst = known[0]
    if worst is None or any(_is_run(context, each) for each in loads):
        return None
    if _bound(where, name) > 1 and len(known) < len(fates):
        return None  # those uses may be of something else that it holds
    what = "future" if future else "coroutine"
    says = f"{name} holds the {what}: {worst.says}"
    return Fate(worst.shape, says, direct=False, lost=len(known) == len(fates))


def _is_run(context: Context, load: ast.expr) -> bool:
    """Tell whether somebody awaits or asks about what a name holds."""
    for above, below in context.tree.ancestors(load):
        if isinstance(above, ast.Call):
            called = above.func
            name = getattr(called, "attr", "") or getattr(called, "id", "")
            asks = name in _RUN or name.startswith(("is", "has", "wait"))
            return asks and below is not called
        if isinstance(above, (ast.Await, ast.YieldFrom)):
            return True
        if not isinstance(
            above, (ast.List, ast.Tuple, ast.Set, ast.Starred, ast.keyword, ast.IfExp)
        ):
            return False
    return False


def _bound(where: ast.AST, name: str) -> int:
    """Count the ways in which a name gets a value in a function."""
    count = 0
    for each in ast.walk(where):
        if isinstance(each, ast.Name) and each.id == name:
            count += isinstance(each.ctx, ast.Store)
        elif isinstance(each, ast.arg):
            count += each.arg == name
        elif isinstance(each, _NAMED):
            count += each.name == name
        elif isinstance(each, ast.alias):
            count += (each.asname or each.name) == name
    return count
