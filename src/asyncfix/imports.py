"""Imports: under which name a module can be used at a site, and the edits.

An import is added in the block of imports where it belongs, under the name
the file already uses. `leaving` drops what the fixes leave unused.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.edits import Edit
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
        if binding.scope == 0 and _in_a_function(context, binding):
            continue
        here = binding.scope == 0 or binding.line < inside.get(binding.scope, 0)
        if here and project.qualified_name(path, scope, binding.name) == module:
            return Name(binding.name, False)
    for candidate in (module, _SHORT.get(module, f"{module}_"), f"_{module}"):
        if _is_free(context, candidate, module):
            return Name(candidate, True)
    return None


def _in_a_function(context: Context, binding: f.Binding) -> bool:
    """Tell whether a name of the module is imported when a function is called."""
    return any(
        scope.kind == f.FUNCTION and scope.line < binding.line <= scope.end_line
        for scope in context.facts.scopes
    )


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
