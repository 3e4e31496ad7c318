"""Imports: under which name a module can be used at a site, and the edits.

An import is added in the block of imports where it belongs, under the name
the file already uses; it is dropped only where the fixes left it unused and
nobody else can see it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.edits import Edit
from asyncfix.link import Project
from asyncfix.nodes import descend
from asyncfix.tree import Tree

_LOOK_UP = frozenset(("eval", "exec", "globals", "locals", "vars"))
_SHORT = {"asyncio": "aio"}


class Name(NamedTuple):
    """A usable local name of a module, and whether an import must be added."""

    local: str
    missing: bool


def name_for(context: Context, module: str) -> Name | None:
    """Give the name under which a module can be used at the site.

    None where every name that we would give it is taken.
    """
    project, path, scope = context.project, context.site.path, context.site.use.scope
    inside = _first_lines(context)
    for binding in project.files[path].bindings:
        if binding.kind != f.IMPORT or binding.target != module or binding.flags:
            continue
        here = binding.scope == 0 or binding.line < inside.get(binding.scope, 0)
        if here and project.qualified_name(path, scope, binding.name) == module:
            return Name(binding.name, False)
    for candidate in (module, _SHORT.get(module, f"{module}_"), f"_{module}"):
        if _is_free(context, candidate, module):
            return Name(candidate, True)
    return None


def _first_lines(context: Context) -> dict[int, int]:
    """Give the functions round the site, each with the line before which it imports.

    A function nested in one is made, and called, below what stands above it.
    """
    scopes, index = context.facts.scopes, context.site.function
    found, line = {}, context.site.use.line
    while index >= 0:
        if scopes[index].kind == f.FUNCTION:
            found[index] = line
            line = scopes[index].line
        index = scopes[index].parent
    return found


def _is_free(context: Context, name: str, module: str) -> bool:
    project, path, scope = context.project, context.site.path, context.site.use.scope
    seen = project.visible(path, scope, name)
    if any(b.kind != f.IMPORT or b.target != module or b.scope for b in seen):
        return False
    meant = project.answers(path, 0, name)
    if any(a.name != module or a.source != "import" for a in meant):
        return False
    if not seen and name != module:
        # A name of our own making must not be anybody's word.
        word = re.compile(rb"(?<!\w)" + name.encode() + rb"(?!\w)")
        return not word.search(context.tree.lines.text)
    return True


def addition(tree: Tree, module: str, local: str, near: str | None) -> Edit:
    """Give the edit that adds `import module` at the module's top.

    `near` names a module of the same kind (standard library or not) whose
    block of imports is the right one.
    """
    words = f"import {module}" if local == module else f"import {module} as {local}"
    blocks = _blocks(tree)
    block = _choose(blocks, module, near)
    # A single import may be one that goes away with the fix.
    if block is None and blocks and len(blocks[0]) > 1 and not _is_standard(module):
        return _next_block(tree, words, blocks[0])
    if block is None:
        return _first_import(tree, words, blocks)
    before = _before(block, module)
    if before is not None:
        line = before.lineno
        start = tree.lines.span(line, line)[0]
        return Edit(start, start, words.encode() + tree.lines.newline(line))
    last = block[-1].end_lineno or block[-1].lineno
    return _after_line(tree, last, words)


def merged(edits: Sequence[Edit]) -> list[Edit]:
    """Give additions with those at one place made into one, sorted by their text."""
    places: dict[int, list[bytes]] = {}
    for edit in edits:
        places.setdefault(edit.start, []).append(edit.new)
    result = []
    for start, texts in places.items():
        text = texts[0]
        if len(texts) > 1:
            words = sorted({each.strip(b"\r\n") for each in texts})
            newline = b"\r\n" if b"\r\n" in text else text.strip(b" ")[-1:]
            if newline not in (b"\r", b"\r\n"):
                newline = b"\n"
            before, _, after = text.partition(text.strip(b"\r\n"))
            text = before + newline.join(words) + after
        result.append(Edit(start, start, text))
    return result


def _after_line(tree: Tree, line: int, words: str) -> Edit:
    end = tree.lines.span(line, line)[1]
    newline = tree.lines.newline(line)
    if tree.lines.text[end - 1 : end] in (b"\n", b"\r"):
        return Edit(end, end, words.encode() + newline)
    return Edit(end, end, newline + words.encode())


def _blocks(tree: Tree) -> list[list[ast.Import | ast.ImportFrom]]:
    """Give the runs of top-level imports that no blank line or code parts."""
    blocks: list[list[ast.Import | ast.ImportFrom]] = []
    previous_end = -1
    for statement in tree.module.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            if getattr(statement, "module", None) == "__future__":
                previous_end = -1
                continue
            if statement.col_offset == 0:
                if blocks and statement.lineno == previous_end + 1:
                    blocks[-1].append(statement)
                else:
                    blocks.append([statement])
            previous_end = statement.end_lineno or statement.lineno
        elif blocks and not isinstance(statement, (ast.If, ast.Try)):
            break
    return blocks


def _name(statement: ast.Import | ast.ImportFrom) -> str:
    if isinstance(statement, ast.Import):
        return statement.names[0].name
    return statement.module or ""


def _top(statement: ast.Import | ast.ImportFrom) -> str:
    if isinstance(statement, ast.Import):
        return statement.names[0].name.partition(".")[0]
    if statement.level:
        return "."
    return (statement.module or "").partition(".")[0]


def _choose(
    blocks: list[list[ast.Import | ast.ImportFrom]], module: str, near: str | None
) -> list[ast.Import | ast.ImportFrom] | None:
    top = module.partition(".")[0]
    standard = top in sys.stdlib_module_names
    if (near in sys.stdlib_module_names) != standard:
        near = None
    for wanted in (top, near):
        for block in blocks:
            if any(_top(statement) == wanted for statement in block):
                return block
    for block in blocks:
        if all((_top(each) in sys.stdlib_module_names) == standard for each in block):
            if _top(block[0]) != ".":
                return block
    for block in blocks:  # one where both kinds are mixed
        if any((_top(each) in sys.stdlib_module_names) == standard for each in block):
            return block
    return None


def _before(
    block: list[ast.Import | ast.ImportFrom], module: str
) -> ast.Import | ast.ImportFrom | None:
    """Give the import that the new one stands before, None for the end.

    Follows the block's own order: plain imports first, or all by module name.
    """
    kinds = [isinstance(each, ast.Import) for each in block]
    mixed = False in kinds and any(kinds[kinds.index(False) :])
    for statement in block:
        plain = isinstance(statement, ast.Import)
        if plain or mixed:
            name = _name(statement)
            if name.lower() > module:
                return statement
        elif not plain:
            return statement
    return None


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _next_block(
    tree: Tree, words: str, block: list[ast.Import | ast.ImportFrom]
) -> Edit:
    """Add an import of another kind below the block of the standard library."""
    last = block[-1].end_lineno or block[-1].lineno
    newline = tree.lines.newline(last)
    below = last < len(tree.lines.starts) and tree.lines.line(last + 1).strip()
    start = tree.lines.span(last, last)[1]
    if tree.lines.text[start - 1 : start] not in (b"\n", b"\r"):
        return Edit(start, start, newline * 2 + words.encode())
    gap = newline if below else b""
    return Edit(start, start, newline + words.encode() + newline + gap)


def _first_import(
    tree: Tree, words: str, blocks: list[list[ast.Import | ast.ImportFrom]]
) -> Edit:
    """Add an import where the file has no block for it."""
    newline = tree.lines.newline(1)
    body = tree.module.body
    head = 0
    for statement in body:
        docstring = (
            statement is body[0]
            and isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
        if docstring or getattr(statement, "module", None) == "__future__":
            head = statement.end_lineno or statement.lineno
        else:
            break
    if head:
        start = tree.lines.span(head, head)[1]
        blank = (
            tree.lines.line(head + 1).strip() if head < len(tree.lines.starts) else b"x"
        )
        text = newline + words.encode() + newline
        if blank:
            text += newline
        return Edit(start, start, text)
    first = body[0]
    line = min(
        [first.lineno, *(each.lineno for each in getattr(first, "decorator_list", ()))]
    )
    start = tree.lines.span(line, line)[0]
    if blocks and first is blocks[0][0]:
        gap = newline * 2  # another kind of import
    else:
        gap = newline * (3 if hasattr(first, "decorator_list") else 2)
    return Edit(start, start, words.encode() + gap)


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
