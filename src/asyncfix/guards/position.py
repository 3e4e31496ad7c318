"""S guard: may an `await` stand at the site? (Language reference, 6.4, 6.2.8.)

https://docs.python.org/3/reference/expressions.html#await-expression
"""

from __future__ import annotations

import ast
import sys

from asyncfix.context import Context
from asyncfix.model import Doubt, Level
from asyncfix.tree import dotted

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Consumers that stop at the first item that decides.
_EARLY = frozenset(("any", "all", "next"))


def await_may_stand_here(context: Context) -> Doubt | None:
    """S1: the position can hold an `await` that belongs to the coroutine."""
    comprehensions = 0
    for above, below in context.within():
        if above is context.function:
            break
        if isinstance(above, ast.JoinedStr) and not _is_where_it_says(context):
            mine = ".".join(map(str, sys.version_info[:2]))
            return Doubt(
                "S1",
                Level.MANUAL,
                f"its place in the f-string is not exact on Python {mine}",
                "run asyncfix on Python 3.12 or newer, or await before the string",
            )
        if isinstance(above, ast.JoinedStr) and _prints_its_code(above, below):
            return Doubt(
                "S1",
                Level.MANUAL,
                "the f-string prints its own code (`=`), which would be another",
                "await before the string",
            )
        if isinstance(above, ast.GeneratorExp) and not _outside(above, below, context):
            return _refuse("a generator expression", _instead(above, context))
        if isinstance(above, _COMPREHENSIONS) and not _outside(above, below, context):
            comprehensions += 1
        if isinstance(above, ast.Lambda) and below is above.body:
            return _refuse("a lambda", "make it a coroutine function and await it")
        if isinstance(above, _DEFS):
            if below in above.body:
                return _refuse(
                    f"the nested def {above.name}",
                    f"make {above.name} `async def` and await its callers, "
                    "or run it in a thread",
                )
            if below is above.returns:
                return _annotation()
        if isinstance(above, ast.ClassDef) and below in above.body:
            return _refuse("a class body", "await before the class statement")
        if isinstance(above, ast.arg) or (
            isinstance(above, ast.AnnAssign) and below is above.annotation
        ):
            return _annotation()
        if type(above).__name__ in ("TypeAlias", "TypeVar"):
            return _annotation()
    if comprehensions > 1 and context.settings.target < (3, 11):
        return _refuse(
            "a comprehension inside another one before Python 3.11",
            "write the outer one as a loop, or set requires-python to >=3.11",
        )
    return None


def _prints_its_code(string: ast.JoinedStr, field: ast.AST) -> bool:
    """Tell whether a replacement field is of the form `{code=}`.

    CPython's parser puts the code and the `=` into the text before the field.
    """
    position = string.values.index(field) if isinstance(field, ast.expr) else 0
    before = string.values[position - 1] if position else None
    return (
        isinstance(before, ast.Constant)
        and isinstance(before.value, str)
        and isinstance(field, ast.FormattedValue)
        and before.value.rstrip().endswith("=")
        and ast.unparse(field.value).replace(" ", "")
        in before.value.replace(" ", "").replace('"', "'")
    )


def _is_where_it_says(context: Context) -> bool:
    """Tell whether the bytes at the site's place are the site's code.

    Before Python 3.12 the positions of code in f-strings were approximate:
    https://docs.python.org/3/whatsnew/3.12.html#pep-701-syntactic-formalization-of-f-strings
    """
    start, end = context.tree.span(context.node)
    text = context.tree.lines.text[start:end].decode("utf-8", "replace")
    try:
        found = ast.parse(f"({text})", mode="eval").body
    except SyntaxError:
        return False
    return ast.dump(found) == ast.dump(context.node)


def _outside(node: ast.AST, below: ast.AST, context: Context) -> bool:
    """Tell whether the site is in the first iterable, evaluated outside."""
    generators: list[ast.comprehension] = getattr(node, "generators", [])
    if below is not generators[0]:
        return False
    for above, child in context.within():
        if above is below:
            return child is generators[0].iter
    return False


def _instead(node: ast.GeneratorExp, context: Context) -> str:
    consumer = context.tree.parent(node)
    name = ""
    if isinstance(consumer, ast.Call):
        name = context.qualified_name(consumer.func) or ""
    if name.rpartition(".")[2] in _EARLY or isinstance(consumer, ast.Compare):
        return "write a loop with `await` that stops where this one stops"
    return "a list comprehension may hold `await`, if all of it is consumed"


def _annotation() -> Doubt:
    return _refuse("an annotation", "take the call out of the annotation")


def _refuse(place: str, advice: str) -> Doubt:
    return Doubt("S1", Level.MANUAL, f"no await is possible in {place}", advice)


def earlier(above: ast.AST, below: ast.AST) -> list[ast.AST]:
    """Give the parts of an expression whose values wait while `below` runs."""
    if isinstance(above, (ast.BoolOp, ast.IfExp)):
        return []  # a condition is used up before what it guards is run
    if isinstance(above, (ast.comprehension, *_COMPREHENSIONS, ast.GeneratorExp)):
        return []  # what is iterated comes first, whatever stands first
    children = list(ast.iter_child_nodes(above))
    if isinstance(above, ast.Dict):
        pairs = zip(above.keys, above.values, strict=True)
        children = [each for pair in pairs for each in pair if each is not None]
    elif isinstance(above, ast.arguments):
        children = [*above.defaults, *(each for each in above.kw_defaults if each)]
    if isinstance(above, ast.Call) and dotted(above.func):
        children.remove(above.func)  # a method is looked up, not a value
    position = next((i for i, each in enumerate(children) if each is below), 0)
    return children[:position]
