"""What speaks against awaiting a coroutine that nobody awaits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import partial

from asyncfix import Context, Doubt, Level, Model, Place, dotted, value
from asyncfix_codemods import _coroutines, _fates

# Blocks of tests whose code is to fail.
_TO_FAIL = frozenset(
    ("assertRaises", "assertRaisesRegex", "assertWarns", "assertWarnsRegex",
     "catch_warnings", "deprecated_call", "raises", "warns")
)  # fmt: skip
# Operators, with the methods that make them; those of `_OWN_MEANING` build graphs,
# pipelines and queries in many libraries.
_OPERATORS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Add: ("add", "radd"), ast.Sub: ("sub", "rsub"), ast.Mult: ("mul", "rmul"),
    ast.Div: ("truediv", "rtruediv"), ast.FloorDiv: ("floordiv", "rfloordiv"),
    ast.Mod: ("mod", "rmod"), ast.Pow: ("pow", "rpow"),
    ast.LShift: ("lshift", "rlshift"), ast.RShift: ("rshift", "rrshift"),
    ast.BitOr: ("or", "ror"), ast.BitAnd: ("and", "rand"), ast.BitXor: ("xor", "rxor"),
    ast.MatMult: ("matmul", "rmatmul"), ast.Subscript: ("getitem", "setitem"),
    ast.Eq: ("eq",), ast.NotEq: ("ne", "eq"), ast.Lt: ("lt", "gt"),
    ast.LtE: ("le", "ge"), ast.Gt: ("gt", "lt"), ast.GtE: ("ge", "le"),
    ast.In: ("contains",), ast.NotIn: ("contains",),
}  # fmt: skip
_OWN_MEANING = frozenset(
    (ast.LShift, ast.RShift, ast.BitOr, ast.BitAnd, ast.BitXor, ast.MatMult)
)
_CAUGHT = frozenset(("AttributeError", "BaseException", "Exception", "TypeError"))
# Names of what is sent off, and nobody waits for.
_SENT_OFF = re.compile(
    r"(?:^|_)(?:log|notify|send|emit|publish|report|track|audit|ping|announce)(?:_|$)"
)
_CALLABLE = (value.CLASS, value.FUNCTION, value.OUTSIDE, value.PARTIAL, value.TYPE)
_DEEPEST = 3


def is_meant(context: Context) -> bool:
    """Tell whether somebody says that a coroutine is not to be awaited, or tests that."""
    tree = context.tree
    line = tree.lines.line(context.call.end_lineno or context.call.lineno)
    comment = line.partition(b"#")[2]
    if b"unused-coroutine" in comment or b"reportUnusedCoroutine" in comment:
        return True
    for above, below in tree.ancestors(context.node):
        if isinstance(above, (ast.With, ast.AsyncWith)) and below in above.body:
            for item in above.items:
                call = item.context_expr
                function = call.func if isinstance(call, ast.Call) else call
                name = str(dotted(function) or getattr(function, "attr", ""))
                last = name.rpartition(".")[2]
                if last in _TO_FAIL:
                    return True
                if last == "suppress" and any(
                    getattr(each, "id", "") == "TypeError"
                    for each in getattr(call, "args", ())
                ):
                    return True  # for what the call itself raises
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            start, end = tree.span(above)
            if b"never awaited" in tree.lines.text[start:end]:
                return True
    return False


def doubts(
    context: Context, found: _coroutines.Given, fate: _fates.Fate
) -> Iterator[Doubt]:
    """Find what the await could break, besides the guards."""
    yield from _caught(context, fate)
    yield from _assumed(context, found, fate)
    if found.place is None:
        return
    model, function = context.model, context.function
    path, scope = context.site.path, context.site.function
    if found.place == (path, scope):
        yield Doubt(
            "await-itself",
            Level.MANUAL,
            f"{found.name} calls itself here: awaited, each round would stand on the "
            "one before, until RecursionError",
            "write a loop",
        )
        return
    yield from _held(context, found)
    if fate.shape == "statement" and _SENT_OFF.search(found.name.rpartition(".")[2]):
        if _is_last(context, function):
            text = context.tree.text(context.call)
            yield Doubt(
                "await-or-task",
                Level.MANUAL,
                f"{found.name} seems to be sent off, and nothing here waits for it",
                f"`await {text}` to wait for it, or keep a task: "
                f"asyncio.create_task({text})",
            )
    if model.reader.function(*found.place) is None:
        yield _unknown(found)


def _unknown(found: _coroutines.Given) -> Doubt:
    reason = f"the code of {found.name} cannot be read"
    return Doubt("await-unsure", Level.UNSAFE, reason, "look at it")


def _assumed(
    context: Context, found: _coroutines.Given, fate: _fates.Fate
) -> Iterator[Doubt]:
    """Find what is taken to be so, and cannot be proven."""
    if fate.shape in ("statement", "unused") and (found.place or found.future):
        text = context.tree.text(context.call)
        kept = "it in a name" if found.future else f"asyncio.create_task({text})"
        yield Doubt(
            "await-alone",
            Level.UNSAFE,
            "nothing here asks for its result, so it may be meant to go on alone",
            f"`await {text}` to wait for it, or keep {kept} and await that later",
        )
    if found.place is not None:
        path, index = found.place
        if not context.project.files[path].scopes[index].is_async:
            yield Doubt(
                "await-annotation",
                Level.UNSAFE,
                f"only its annotation tells that {found.name} gives a coroutine",
                f"await {context.tree.text(context.call)}",
            )
    if fate.shape == "called" and not _gives_callable(context):
        yield Doubt(
            "await-called",
            Level.UNSAFE,
            f"nothing tells that what {found.name} gives can be called",
            "await the coroutine instead of calling it, if that is what it is for",
        )
    taker = _may_take_it(context) if fate.direct and not fate.raises else None
    if taker is not None:
        yield Doubt(
            "await-operator",
            Level.UNSAFE,
            f"{context.tree.text(taker)} may be there to take a coroutine",
            f"await {context.tree.text(context.call)}, if it is not",
        )
    if fate.shape == "declared":
        yield Doubt(
            "await-annotation",
            Level.UNSAFE,
            "only the annotation tells that no coroutine is meant",
            f"await {context.tree.text(context.call)}",
        )
    if not fate.lost:
        yield Doubt(
            "await-kept",
            Level.UNSAFE,
            "the name is passed on as well, where it may be awaited",
            f"await {context.tree.text(context.call)}",
        )


def _may_take_it(context: Context) -> ast.expr | None:
    """Give the other side of an operator that may be made for coroutines.

    An object of a class of the project that defines the operator, and what is not
    known where the operator is one that libraries give a meaning of their own.
    """
    node: ast.AST = context.call
    for above, below in context.tree.ancestors(node):
        if isinstance(above, ast.BinOp):
            other = above.left if below is above.right else above.right
            plain = type(above.op) not in _OWN_MEANING
            return other if _defines(context, other, above.op, plain) else None
        if isinstance(above, ast.Subscript) and below is above.slice:
            taken = _defines(context, above.value, above, True)
            return above.value if taken else None
        if isinstance(above, ast.Compare):
            sides = [above.left, *above.comparators]
            for each in sides:
                if each is not below and _defines(context, each, above.ops[0], True):
                    return each
            return None
        if not isinstance(above, (ast.NamedExpr, ast.BoolOp, ast.IfExp)):
            return None
    return None


def _defines(context: Context, node: ast.expr, op: ast.AST, plain: bool) -> bool:
    """Tell whether an object has an operator of its own; `plain`: else it has none."""
    if isinstance(node, (ast.Constant, ast.JoinedStr, ast.List, ast.Dict, ast.Tuple)):
        return False
    found = context.value(node)
    if found is None or found.kind != value.OBJECT:
        return found is None and not plain
    names = _OPERATORS.get(type(op), ())
    values = context.model.values
    return any(values.attribute(found, f"__{each}__") is not None for each in names)


def _gives_callable(context: Context) -> bool:
    """Tell whether a coroutine surely gives a function, a class, or alike."""
    model, path, use = context.model, context.site.path, context.site.use
    given = model.values.of(path, use.scope, f"{use.name}()!")
    if given is not None and given.kind == value.OBJECT:
        return model.values.attribute(given, "__call__") is not None
    return given is not None and given.kind in _CALLABLE


def _caught(context: Context, fate: _fates.Fate) -> Iterator[Doubt]:
    """Find a handler that lives on the error which there is today."""
    if not fate.raises:
        return
    for above, below in context.within():
        body = getattr(above, "body", None)
        if not isinstance(body, list) or below not in body:
            continue
        kinds: list[ast.expr | None] = [
            each.type for each in getattr(above, "handlers", ())
        ]
        for item in getattr(above, "items", ()):
            name = dotted(getattr(item.context_expr, "func", None)) or ""
            if name.rpartition(".")[2] == "suppress":
                kinds += item.context_expr.args
        if any(kind is None or _names_error(kind) for kind in kinds):
            yield Doubt(
                "await-caught",
                Level.UNSAFE,
                f"the error that it raises today is caught at line {above.lineno}",  # type: ignore[attr-defined]  # a statement has one
                "see whether the handler is still wanted",
            )
            return


def _names_error(kind: ast.expr) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id in _CAUGHT for each in ast.walk(kind)
    )


def _is_last(context: Context, function: ast.AsyncFunctionDef) -> bool:
    """Tell whether nothing of the coroutine comes after the site but a `return`."""
    for above, below in context.within():
        if isinstance(below, ast.stmt):
            for each in context.tree.after(below):
                if not isinstance(each, (ast.Pass, ast.Return)):
                    return False
                if isinstance(each, ast.Return) and not (
                    each.value is None or isinstance(each.value, ast.Constant)
                ):
                    return False
        if above is function:
            return True
        if isinstance(above, (ast.For, ast.AsyncFor, ast.While)):
            return False
    return True


# -- locks -----------------------------------------------------------------------


def _held(context: Context, found: _coroutines.Given) -> Iterator[Doubt]:
    """Find an asyncio lock that is held here and waited for in what would run."""
    for above, below in context.within():
        if not isinstance(above, ast.AsyncWith) or below not in above.body:
            continue
        for item in above.items:
            held = dotted(item.context_expr)
            if held is None:
                continue  # made here: nobody else can wait for it
            assert found.place is not None
            last = held.rpartition(".")[2]
            if last in _waited_for(context.model, found.place, 0):
                yield Doubt(
                    "await-lock",
                    Level.MANUAL,
                    f"{held} is held here (line {above.lineno}), and {found.name} "
                    "waits for it: neither would ever go on",
                    "call it after the block",
                )
                return


def _waited_for(model: Model, place: Place, depth: int) -> frozenset[str]:
    """Give the last names of what a function enters or acquires, and those it calls."""
    key = "waited for", place, depth
    return model.once(key, partial(_look_for_locks, model, place, depth))


def _look_for_locks(model: Model, place: Place, depth: int) -> frozenset[str]:
    read = model.reader.function(*place)
    if read is None:
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(read[1]):
        said: str | None = None
        if isinstance(node, ast.withitem):
            said = dotted(node.context_expr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "acquire":
                said = dotted(node.func.value)
        if said:
            found.add(said.rpartition(".")[2])
    if depth < _DEEPEST:
        path, scope = place
        for use in model.project.files[path].calls_in((scope,)):
            meant = model.values.of(path, use.scope, use.name)
            if meant is not None and meant.is_function and meant.scope >= 0:
                inner = meant.path, meant.scope
                if inner != place:
                    found |= _waited_for(model, inner, depth + 1)
    return frozenset(found)
