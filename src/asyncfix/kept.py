"""Stage 7, prove, before the layout: is what a fix replaces found again in the new code?

`prove` sees what changes outside of a fix. Inside it, a codemod may turn and wrap
code, but what stood there must still stand there: every name, attribute, constant,
keyword and operator, and every statement that decides what runs, each under the
same conditions as before; calls in the same order, and none more often. Free are the
function that is mended, and what a part says is (`Part.free`). It is not asked
of codemods that turn code round, and say so (`Codemod.restructures`).
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain

# What decides whether the code in it runs, and how often.
_CONDITIONS = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.ExceptHandler,
    ast.BoolOp, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
    ast.Match,
)  # fmt: skip
# What has no name, and matters all the same.
_KINDS = (
    *_CONDITIONS, ast.Raise, ast.Assert, ast.Break, ast.Continue, ast.Delete, ast.Yield,
    ast.YieldFrom, ast.Subscript, ast.Starred, ast.operator, ast.unaryop, ast.cmpop,
    ast.boolop, ast.Return,
)  # fmt: skip

_VALUE_FIRST = ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr


def lost(
    old: Sequence[Sequence[ast.AST]],
    new: Sequence[Sequence[ast.AST]],
    free: Sequence[ast.AST],
    early: Sequence[ast.AST] = (),
) -> str:
    """Say what of the old code is not in the new, or otherwise; "" where all is kept.

    Old and new code stand part by part; what one part loses, another may have.
    `free` are nodes of the old code for which none of it matters; those in `early`
    may come sooner than they did.
    """
    spared = {id(node) for top in free for node in ast.walk(top)}
    before = [list(_atoms(part, spared)) for part in old]
    after = [list(_atoms(part, set())) for part in new]
    gone = Counter(chain(*before)) - Counter(chain(*after))
    if gone:
        return f"the fix would lose {_words(gone)}"
    may = set(_calls(free, set(), set()))
    may |= {ast.unparse(each) for each in free if isinstance(each, ast.expr)}
    mended = may | {
        node.name
        for top in chain(*new)
        for node in ast.walk(top)
        if isinstance(node, ast.FunctionDef)
    }
    calls = Counter(_calls(chain(*old), spared, mended))
    more = Counter(_calls(chain(*new), set(), mended)) - calls
    if twice := {name: n for name, n in more.items() if name in calls.keys() - may}:
        return f"the fix would call {_words(twice)} once more"
    sooner = spared | {id(node) for top in early for node in ast.walk(top)}
    if not all(map(_in_order, [list(_atoms(p, sooner)) for p in old], after)):
        return "the fix would do things in another order"
    return ""


def _in_order(old: Sequence[str], new: Sequence[str]) -> bool:
    """Tell whether the old atoms stand in the new ones in their order.

    What is missing among the new ones has gone to another part.
    """
    gone = Counter(old) - Counter(new)
    left = iter(new)
    return all(atom in left for atom in old if atom not in gone)


def spared(node: ast.AST) -> Sequence[ast.AST]:
    """Give what of a mended call is its own: the way to the function, no arguments."""
    while isinstance(node, ast.Await):
        node = node.value
    if not isinstance(node, ast.Call):
        return ()
    inner = [each for each in ast.walk(node.func) if isinstance(each, ast.Call)]
    if any(each.args or each.keywords for each in inner):
        return ()
    return (node.func,)


def parsed(code: str, expression: bool) -> list[ast.AST] | None:
    """Give the nodes of new code; None where it is none, which `prove` will tell."""
    try:
        if expression:
            return [ast.parse(f"({code})", mode="eval").body]
        head = "async def _():\n" if code[:1] in (" ", "\t", "\x0c") else ""
        body = ast.parse(head + code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    inner = body[0] if body else None
    if head and isinstance(inner, ast.AsyncFunctionDef):
        return list(inner.body)
    return list(body)


def _walk(nodes: Iterable[ast.AST], spared: set[int]) -> Iterator[tuple[ast.AST, str]]:
    """Give all nodes, each with the conditions that it stands under."""
    todo = [(node, "") for node in nodes][::-1]
    while todo:
        node, under = todo.pop()
        if id(node) in spared:
            continue
        yield node, under
        inside: list[tuple[ast.AST, str]] = []
        fields = list(ast.iter_fields(node))
        if isinstance(node, _VALUE_FIRST):  # as it is done
            fields.sort(key=lambda field: field[0] != "value")
        for field, value in fields:
            inner = under
            if isinstance(node, _CONDITIONS):
                inner = f"{under}{type(node).__name__}.{field} "
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    inside.append((each, inner))
        todo += reversed(inside)


def _atoms(nodes: Iterable[ast.AST], spared: set[int]) -> Iterator[str]:
    for node, under in _walk(nodes, spared):
        for name in _named(node):
            yield f"{under}{name}"


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield f".{node.attr}"
    elif isinstance(node, ast.Constant):
        yield repr(node.value)
    elif isinstance(node, ast.keyword):
        yield f"{node.arg}=" if node.arg else "**"
    elif isinstance(node, ast.alias):
        yield f"import {node.name}"
    elif isinstance(node, _KINDS):
        yield f"`{type(node).__name__}`"


def _calls(
    nodes: Iterable[ast.AST], spared: set[int], mended: Set[str]
) -> Iterator[str]:
    """Give the functions that are called, but for what a mended one is handed to.

    That is of the fix: `to_thread(read)`, which may be an argument of a call of the
    same name.
    """
    own: set[int] = set()
    for node, _ in _walk(nodes, spared):
        if isinstance(node, ast.Call) and id(node.func) not in spared:
            if _hands_on(node, mended):
                own |= {id(each) for each in ast.walk(node.func)}
            elif id(node) not in own:
                yield ast.unparse(node.func)


def _hands_on(call: ast.Call, mended: Set[str]) -> bool:
    """Tell whether a call is given a mended function, as it is or in a `partial`."""
    for each in call.args:
        if isinstance(each, ast.Call) and ast.unparse(each.func).endswith("partial"):
            if _hands_on(each, mended):
                return True
        elif ast.unparse(each) in mended:
            return True
    return False


def _words(atoms: Mapping[str, int]) -> str:
    first, *more = sorted(atom.rpartition(" ")[2] for atom in atoms)
    return f"{first}, and more" if more else first
