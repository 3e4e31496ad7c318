"""`async` and `await` as names: keywords since Python 3.7, so that nothing parses.

The tree has stand-ins for them, `ASYNC` and `AWAIT`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from asyncfix import (
    ASYNC,
    AWAIT,
    Context,
    Level,
    Model,
    Names,
    Part,
    Plan,
    Site,
    Slice,
    Tree,
    dotted,
    facts,
)
from asyncfix_codemods import _shapes

if TYPE_CHECKING:
    import libcst as cst

FUTURE = "asyncio.async"
"""What `asyncio.ensure_future` was called until Python 3.4.3."""
NAME = "async"
# trollius stood in for asyncio on Python 2, behind `except ImportError`.
_MEANT = frozenset((FUTURE, f"asyncio.{ASYNC}", f"trollius.{ASYNC}"))
_GONE = "asyncio.async is no name any more: Python 3.7 made `async` a keyword"
_WORDS = {ASYNC: "async", AWAIT: "await"}


def sites(model: Model, path: str) -> Iterator[Site]:
    """Give the sites of a file that uses one of the two words as a name."""
    tree = model.reader.tree(path)
    calls = {
        (use.line, use.col, use.end_line, use.end_col): use
        for use in model.project.files[path].calls
    }
    told: set[tuple[int, int]] = set()
    for statement, node in _named(tree):
        place = (statement.lineno, statement.col_offset)
        if isinstance(node, ast.Call):
            use = calls.get(_span(node))
            if use is not None and _is_future(model, path, use.scope, node.func):
                yield Site(path, use, "call", FUTURE, use.scope)
                continue
        elif isinstance(node, ast.Attribute) and dotted(node) == f"asyncio.{ASYNC}":
            if _is_future(model, path, 0, node):
                use = facts.Use(0, *_span(node), f"asyncio.{ASYNC}", facts.VALUE)
                yield Site(path, use, "value", FUTURE, 0)
                continue
        if place not in told:
            told.add(place)
            use = facts.Use(0, *_span(statement), NAME, facts.VALUE)
            yield Site(path, use, "statement", NAME, 0)


def _span(node: ast.expr | ast.stmt) -> tuple[int, int, int, int]:
    end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
    return node.lineno, node.col_offset, end_line, end


def _is_future(model: Model, path: str, scope: int, node: ast.expr) -> bool:
    name = dotted(node)
    meant = {a.name for a in model.project.answers(path, scope, name or "")}
    return bool(meant) and meant <= _MEANT


def _named(tree: Tree) -> Iterator[tuple[ast.stmt, ast.AST]]:
    """Give what uses such a name, with the innermost statement round it.

    Of `asyncio.async(...)` that is the call.
    """
    todo: list[tuple[ast.AST, ast.stmt | None]] = [(tree.module, None)]
    while todo:
        node, statement = todo.pop()
        if isinstance(node, ast.stmt):
            statement = node
        func = node.func if isinstance(node, ast.Call) else None
        if statement is not None and (_is_one(node) or _is_one(func)):
            yield statement, node
        todo += [
            (child, statement)
            for child in reversed(list(ast.iter_child_nodes(node)))
            if child is not func or not _is_one(func)
        ]


def _is_one(node: ast.AST | None) -> bool:
    """Tell whether a node itself has such a name."""
    if node is None or isinstance(node, ast.Constant):
        return False
    for _, value in ast.iter_fields(node):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and not _WORDS.keys().isdisjoint(each.split(".")):
                return True
    return False


def judge(context: Context) -> Plan:
    """Say what to write instead of such a name."""
    node = context.node
    imported = _imported(context)
    if imported:
        return Plan(_GONE, by_hand="ensure_future", parts=imported, key=_key(context))
    if context.site.kind == "call" and not isinstance(context.call.func, ast.Name):
        part = Part((node,), _ensured)
        by_hand = "asyncio.ensure_future(...)"
        return Plan(_GONE, by_hand=by_hand, parts=(part,))
    if context.site.kind == "value":
        part = Part((node,), _asked)
        by_hand = 'getattr(asyncio, "async")'
        return Plan(_GONE, by_hand=by_hand, needs=("asyncio",), parts=(part,))
    found = _word(node)
    return Plan(
        f"`{found}` is a keyword since Python 3.7, and a name here: no Python of today "
        "reads this file",
        by_hand=_renamed(node),
        level=Level.MANUAL,
    )


def _key(context: Context) -> str:
    return f"{context.site.path}: async"


def _imported(context: Context) -> tuple[Part, ...]:
    """Give the parts that import `ensure_future` instead, and call it by that name.

    None where the site is not about such an import, or the file has that name already.
    """
    tree, node = context.tree, context.node
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name):
            return ()
    elif not isinstance(node, ast.ImportFrom):
        return ()
    imports = [
        each
        for each in ast.walk(tree.module)
        if isinstance(each, ast.ImportFrom)
        and each.module == "asyncio"
        and any(alias.name == ASYNC for alias in each.names)
    ]
    if len(imports) != 1 or not _shapes.stands_alone(tree, imports[0]):
        return ()
    if isinstance(node, ast.ImportFrom) and node is not imports[0]:
        return ()
    parts = [Part((imports[0],), _imports)]
    if any(alias.asname is None for alias in imports[0].names if alias.name == ASYNC):
        words = _shapes.words(tree, tree.module)
        uses = _shapes.loads(tree.module, ASYNC)
        stored = sum(_is_one(each) for each in ast.walk(tree.module))
        stored -= sum(
            isinstance(each, ast.Attribute) and _is_one(each)
            for each in ast.walk(tree.module)
        )
        if "ensure_future" in words or stored != len(uses) + 1:
            return ()
        parts += [Part((each,), _ensured_name) for each in uses]
    return tuple(parts)


def _word(node: ast.AST) -> str:
    text = ast.dump(node)
    return _WORDS[ASYNC] if ASYNC in text else _WORDS[AWAIT]


def _renamed(node: ast.AST) -> str:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        module = node.module if isinstance(node, ast.ImportFrom) else ""
        if module == "asyncio":
            return "import ensure_future, which Python has since 3.4.4"
        return "rename the module, or what is imported, and all its uses"
    return "another name, here and wherever it is used"


def _ensured(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    call = cst.ensure_type(old.nodes[0], cst.Call)
    func = cst.ensure_type(call.func, cst.Attribute)
    func = func.with_changes(attr=cst.Name("ensure_future"))
    return [call.with_changes(func=func)]


def _ensured_name(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    return [cst.Name("ensure_future")]


def _imports(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    line = cst.ensure_type(old.nodes[0], cst.SimpleStatementLine)
    statement = cst.ensure_type(line.body[0], cst.ImportFrom)
    assert not isinstance(statement.names, cst.ImportStar)
    aliases = [
        (
            each.with_changes(name=cst.Name("ensure_future"))
            if each.name.value == ASYNC
            else each
        )
        for each in statement.names
    ]
    return [line.with_changes(body=[statement.with_changes(names=aliases)])]


def _asked(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    # By a string, which all Pythons can read, and those that have it understand.
    arguments = [
        cst.Arg(cst.Name(names["asyncio"])),
        cst.Arg(cst.SimpleString('"async"')),
    ]
    return [cst.Call(cst.Name("getattr"), arguments)]
