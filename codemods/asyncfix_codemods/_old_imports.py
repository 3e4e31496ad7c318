"""Imports of `asyncio.coroutine` that nobody uses any more, in all files at once.

A module that only hands the name on cannot be imported on Python 3.11; its importers
name it, too, and so all of them change together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from asyncfix import (
    Context,
    Doubt,
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

NAME = "import of asyncio.coroutine"
_GONE = frozenset(("asyncio.coroutine", "asyncio.coroutines.coroutine"))


class Imported(NamedTuple):
    """An import of the name at a file's top level, and what it is called there."""

    path: str
    line: int
    locals: tuple[str, ...]


class Known(NamedTuple):
    """All imports of the name in a project, and what stands against dropping them."""

    imports: tuple[Imported, ...]
    is_used: bool
    refusal: Doubt | None


def sites(model: Model, path: str) -> Iterator[Site]:
    """Give the imports of a file."""
    bindings = model.project.files[path].bindings
    names = {each.name for each in bindings if each.kind == facts.FROM}
    if not any(_is_meant(model, path, each) for each in sorted(names)):
        return
    tree = model.reader.tree(path)
    for node, _ in _imports(model, path, tree):
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        place = node.lineno, node.col_offset, end_line, end
        use = facts.Use(0, *place, NAME, facts.VALUE)
        yield Site(path, use, "statement", NAME, 0)


def judge(context: Context) -> Plan | None:
    """Say what goes; nothing as long as somebody uses it."""
    model = context.model
    known = model.once("legacy imports", partial(_known, model))
    if known.is_used:
        return None
    parts = model.once("legacy import parts", partial(_parts, model, known))
    places = {each.path for each in known.imports} - {context.site.path}
    more = f", nor in {', '.join(sorted(places)[:3])}" if places else ""
    return Plan(
        f"asyncio.coroutine is gone since Python 3.11, and not used here{more}",
        by_hand="leave it out of the import",
        level=Level.UNSAFE,
        change="who takes it from here, outside of this project, has it no more",
        doubts=(known.refusal,) if known.refusal else (),
        parts=parts,
        key=NAME,
    )


def _imports(
    model: Model, path: str, tree: Tree
) -> Iterator[tuple[ast.ImportFrom, tuple[str, ...]]]:
    for node in ast.walk(tree.module):
        if isinstance(node, ast.ImportFrom):
            names = [each.asname or each.name for each in node.names]
            found = tuple(each for each in names if _is_meant(model, path, each))
            if found:
                yield node, found


def _is_meant(model: Model, path: str, name: str) -> bool:
    meant = {each.name for each in model.project.answers(path, 0, name)}
    return bool(meant) and meant <= _GONE


def _known(model: Model) -> Known:
    imports: list[Imported] = []
    refusal: Doubt | None = None
    used = False
    for path, known in model.project.files.items():
        if not known.holds("coroutine"):
            continue
        tree = model.reader.tree(path)
        every = set[str]()
        for node, names in _imports(model, path, tree):
            imports.append(Imported(path, node.lineno, names))
            every |= set(names)
            refusal = refusal or _refused(model, path, tree, node, names)
        for each in ast.walk(tree.module):
            if isinstance(each, ast.Name):
                used = used or each.id in every
            elif isinstance(each, ast.Attribute) and each.attr == "coroutine":
                name = dotted(each) or ""
                if not name.startswith("asyncio.") and _is_meant(model, path, name):
                    used = True
    return Known(tuple(imports), used, refusal)


def _refused(
    model: Model, path: str, tree: Tree, node: ast.ImportFrom, names: Sequence[str]
) -> Doubt | None:
    reason = ""
    if set(names) & set(model.project.files[path].exported):
        reason = "__all__ names it"
    start, end = tree.span(node)
    if b"#" in tree.lines.text[start:end]:
        reason = "a comment in the import would be lost"
    if node not in tree.module.body or not _shapes.stands_alone(tree, node):
        reason = "the import is not a line of the module's top level"
    if not reason:
        return None
    return Doubt(
        "coroutine-import",
        Level.MANUAL,
        f"{path}:{node.lineno}: {reason}",
        "take the name out in all files",
    )


def _parts(model: Model, known: Known) -> tuple[Part, ...]:
    parts = []
    for path, line, names in known.imports:
        tree = model.tree(path)
        node = next(
            each
            for each in tree.module.body
            if isinstance(each, ast.ImportFrom) and each.lineno == line
        )
        use = facts.Use(0, line, node.col_offset, *_end(node), NAME, facts.VALUE)
        context = Context(model, Site(path, use, "statement", NAME, 0))
        parts.append(Part((node,), partial(_without, names), context))
    return tuple(parts)


def _end(node: ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _without(names: Sequence[str], old: Slice, new: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    line = cst.ensure_type(old.nodes[0], cst.SimpleStatementLine)
    statement = cst.ensure_type(line.body[0], cst.ImportFrom)
    assert not isinstance(statement.names, cst.ImportStar)
    kept = [each for each in statement.names if _local(each) not in names]
    if not kept:
        return ()
    kept[-1] = kept[-1].with_changes(comma=statement.names[-1].comma)
    return [line.with_changes(body=[statement.with_changes(names=kept)])]


def _local(alias: cst.ImportAlias) -> str:
    import libcst as cst

    name = alias.asname.name if alias.asname else alias.name
    return name.value if isinstance(name, cst.Name) else ""
