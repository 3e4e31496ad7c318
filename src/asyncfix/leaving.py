"""Imports that the fixes of a pass leave without a use, and the edits that drop them.

An import is dropped only where nobody else can see it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.edits import Edit
from asyncfix.link import Project
from asyncfix.nodes import descend
from asyncfix.tree import Tree

_LOOK_UP = frozenset(("eval", "exec", "globals", "locals", "vars"))


class Leaving(NamedTuple):
    """A name whose uses, or some of them, go away with the fixes of a pass."""

    name: str
    scope: int
    nodes: frozenset[ast.AST]


def removals(
    tree: Tree,
    project: Project,
    path: str,
    leaving: Iterable[Leaving],
    added: set[int],
) -> list[Edit]:
    """Give the edits that drop imports which the fixes leave without a use.

    `added` holds the places where imports are put in. An import stays where it
    is used, exported, seen by another module, commented, the only statement of
    a block, or of a module of the project, which may do something when it is
    imported.
    """
    drops: dict[ast.stmt, list[ast.alias]] = {}
    for each in leaving:
        found = _import_of(tree, project, path, each)
        if found is not None:
            drops.setdefault(found[0], []).append(found[1])
    edits: list[Edit] = []
    for node, aliases in drops.items():
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if len(aliases) == len(node.names):
            edits += _drop(tree, node, added)
        else:
            edits += _drop_aliases(tree, node, aliases)
    return edits


def _import_of(
    tree: Tree, project: Project, path: str, leaving: Leaving
) -> tuple[ast.stmt, ast.alias] | None:
    """Give the import that nobody needs any more, None if there is none."""
    name = leaving.name
    bindings = project.visible(path, leaving.scope, name)
    if len(bindings) != 1 or bindings[0].flags:
        return None
    binding = bindings[0]
    module = binding.target.partition(":")[0]
    if binding.kind == f.ALIAS or project.resolve(path, module):
        return None
    facts = project.files[path]
    if name in facts.exported or any(name in each.words for each in facts.opaque):
        return None
    if _used(tree, name, leaving.nodes) or (
        binding.scope == 0 and _seen_outside(project, path, name)
    ):
        return None
    for node in descend(tree.module):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                if bound == name and node.lineno == binding.line:
                    return node, alias
    return None


def _used(tree: Tree, name: str, fixed: frozenset[ast.AST]) -> bool:
    gone: set[ast.AST] = set()
    for node in fixed:
        gone.update(descend(node))
    word = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
    for node in descend(tree.module):
        if isinstance(node, ast.Name) and node.id == name and node not in gone:
            return True
        if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            return True
        if isinstance(node, ast.Name) and node.id in _LOOK_UP:
            return True
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # Annotations, doctests, cast("time.struct_time", x), and the like.
            if re.search(rf"(?<![\w.]){re.escape(name)}\.\w", node.value):
                return True
        if isinstance(node, ast.alias) and node.asname == node.name == name:
            return True  # `import x as x`: meant for others
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if annotation is not None:
            for each in descend(annotation):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    if word.search(each.value):
                        return True
    # In two steps, for `type:.*name` takes the square of a line's length.
    comment = re.compile(rb"#[ \t]*type:(.*)")
    named = re.compile(rb"\b" + name.encode() + rb"\b")
    return any(named.search(found[1]) for found in comment.finditer(tree.lines.text))


def _seen_outside(project: Project, path: str, name: str) -> bool:
    """Tell whether another module takes the imported name from this one."""
    own = {f"{module}.{name}" for module in project.module_names(path)}
    importers = project.importers(path)
    for other in sorted({*project.replacing(), *importers}):
        for patch in project.files[other].patches:
            if any(
                patch.target == each or patch.target.startswith(each + ".")
                for each in own
            ):
                return True
    for other in sorted(importers):
        facts = project.files[other]
        for binding in facts.bindings:
            if binding.kind == f.STAR and not project.files[path].exported:
                return True
            if binding.kind == f.FROM and binding.target.endswith(f":{name}"):
                return True
        for use in (*facts.calls, *facts.references):
            if f".{name}" in use.name:
                parts = use.name.split(".")
                for size in range(2, len(parts) + 1):
                    if parts[size - 1] != name:
                        continue
                    owner = ".".join(parts[: size - 1])
                    owners = project.answers(other, use.scope, owner)
                    if any(f"{each.name}.{name}" in own for each in owners):
                        return True
    return False


def _drop(tree: Tree, node: ast.Import | ast.ImportFrom, added: set[int]) -> list[Edit]:
    lines = tree.lines
    end_line = node.end_lineno or node.lineno
    start, end = tree.span(node)
    whole = lines.span(node.lineno, end_line)
    around = lines.text[whole[0] : start] + lines.text[end : whole[1]]
    if around.strip() or b"#" in lines.text[start:end]:
        return []
    block = _block_of(tree, node)
    if len(block) < 2:
        return []
    last = whole[1]
    before = lines.line(node.lineno - 1).strip() if node.lineno > 1 else b""
    opens = block[0] is node and block is not tree.module.body
    replaced = not added.isdisjoint(whole)
    if (opens or not before) and not replaced and end_line < len(lines.starts):
        # Else a blank line too many would be left; at the file's start, any.
        at_most = 1 if node.lineno > 1 else len(lines.starts)
        for number in range(
            end_line + 1, min(end_line + at_most, len(lines.starts)) + 1
        ):
            following = lines.span(number, number)
            if following[1] == following[0] or lines.line(number).strip():
                break
            last = following[1]
    return [Edit(whole[0], last, b"")]


def _block_of(tree: Tree, node: ast.stmt) -> list[ast.stmt]:
    """Give the list of statements that a statement stands in."""
    for parent in descend(tree.module):
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and any(each is node for each in value):
                return value
    return []


def _drop_aliases(
    tree: Tree, node: ast.Import | ast.ImportFrom, aliases: Sequence[ast.alias]
) -> list[Edit]:
    """Drop some names of an import, each with the comma that goes with it."""
    spans = [_alias_span(tree, alias) for alias in node.names]
    gone = [any(alias is each for each in aliases) for alias in node.names]
    edits = []
    for position, (start, end) in enumerate(spans):
        if not gone[position]:
            continue
        if not all(gone[position:]):
            end = spans[position + 1][0]
        else:
            start = spans[position - 1][1]
        edits.append(Edit(start, end, b""))
    if any(b"#" in tree.lines.text[edit.start : edit.end] for edit in edits):
        return []
    return edits


def _alias_span(tree: Tree, alias: ast.alias) -> tuple[int, int]:
    return (
        tree.lines.offset(alias.lineno, alias.col_offset),
        tree.lines.offset(alias.end_lineno or alias.lineno, alias.end_col_offset or 0),
    )
