"""Stage 6b, rewrite: the fixes of one file -> edits of its bytes.

The only stage that holds LibCST trees, and only of slices: the code of the
nodes that a fix replaces. The bytes outside of them therefore cannot change.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from asyncfix import imports, kept, leaving, style, toplevel
from asyncfix.codemod import Names, Part, SiteError, attempt
from asyncfix.context import Context
from asyncfix.edits import Edit, apply
from asyncfix.judge import Judgement
from asyncfix.keywords import as_written
from asyncfix.link import Project
from asyncfix.slices import Slice, SliceError
from asyncfix.tree import Tree

_HEAD = re.compile(rb"@|(?:async\s+)?def\s|class\s")


class Made(NamedTuple):
    """The new code of one part of a fix."""

    context: Context
    part: Part
    names: Names
    missing: tuple[str, ...]
    edit: Edit


def made(judgement: Judgement) -> tuple[Made, ...]:
    """Give the new code of all parts of a fix.

    Raises SiteError where LibCST is not up to one of them, or something that stood
    there is not found again.
    """
    parts = tuple(
        Made(context, part, names, missing, _edit(judgement, context, part, names))
        for context, part, names, missing in judgement.parts
    )
    restructures = judgement.codemod.restructures
    if not restructures and (problem := _lost(judgement, parts)):
        line = judgement.context.node.lineno
        raise SiteError(line, f"{judgement.codemod.name}: {problem}")
    return parts


def _lost(judgement: Judgement, parts: Sequence[Made]) -> str:
    """Say what of the replaced code is not found again in the new code of a fix."""
    free = list(kept.spared(judgement.context.node))
    old: list[Sequence[ast.AST]] = []
    new: list[Sequence[ast.AST]] = []
    for each in parts:
        nodes = each.part.nodes
        if not nodes:
            continue
        is_expression = isinstance(nodes[0], ast.expr)
        code = kept.parsed(each.edit.new.decode("utf-8"), is_expression)
        if code is None:
            return ""
        old.append(nodes)
        new.append(code)
        free += each.part.free
        if is_expression:
            free += kept.spared(nodes[0])
    early = [node for each in parts for node in each.part.early]
    return kept.lost(old, new, free, early)


def _edit(judgement: Judgement, context: Context, part: Part, names: Names) -> Edit:
    if not part.nodes:
        return Edit(0, 0, b"")
    line = judgement.context.node.lineno
    try:
        old = Slice(context.tree, part.nodes)
    except SliceError as error:
        raise SiteError(line, str(error)) from error

    def work() -> str:
        return old.checked(part.make(old, names))

    code = attempt(judgement.codemod, line, work, "rewrite")
    if old.is_expression:
        if re.match(r"await\b", code) and _binds_tighter(context.tree, part.nodes[0]):
            code = f"({code})"
    start, end = old.span
    if not code and not old.is_expression:
        end = _with_blank_line(context.tree.lines.text, start, end)
    return Edit(start, end, code.encode("utf-8"), not old.is_expression)


def _with_blank_line(text: bytes, start: int, end: int) -> int:
    """Give the end of lines that go away: a blank one below them goes as well.

    Not where it parts two statements.
    """
    blank = re.compile(rb"[ \t]*(?:\r\n|\r|\n)")
    below = blank.match(text, end)
    above = text[:start].splitlines()[-1:]
    parts = not above or above[0].strip()[-1:] not in (b"", b":")
    return end if below is None or parts else below.end()


def rewrite(
    project: Project,
    tree: Tree,
    path: str,
    parts: Sequence[Made],
    line_length: int,
) -> tuple[Edit, ...]:
    """Give the edits of one file: the parts' own, laid out, and the imports'.

    A statement that grows beyond `line_length` columns is laid out by black.
    The parts do not overlap.
    """
    edits = _laid_out(tree, [each for each in parts if each.part.nodes], line_length)
    imported = _imports(project, tree, path, parts, edits)
    edits += imported
    preludes = dict.fromkeys(filter(None, map(_prelude, parts)))
    edits += toplevel.additions(tree, tuple(preludes), imported)
    edits = [edit._replace(new=as_written(edit.new)) for edit in edits]
    return tuple(sorted(edits, key=lambda edit: (edit.start, edit.end)))


def _prelude(made: Made) -> str:
    said = made.part.prelude
    return said if isinstance(said, str) else said(made.names)


def _laid_out(tree: Tree, parts: Sequence[Made], line_length: int) -> list[Edit]:
    """Give the edits, those of a statement that grew too long made into one."""
    groups: dict[ast.stmt, list[Edit]] = {}
    result: list[Edit] = []
    for each in parts:
        first = each.part.nodes[0]
        if isinstance(first, ast.stmt):
            result.append(_block(tree, each.edit, line_length))
        else:
            groups.setdefault(tree.statement(first), []).append(each.edit)
    for statement, group in groups.items():
        start, end = tree.span(statement)
        lines = tree.lines
        indent = start - lines.span(statement.lineno, statement.lineno)[0]
        alone = not lines.text[start - indent : start].strip(b" ")  # black has no tabs
        tail = b""
        if hasattr(statement, "body"):
            # Of a statement with a block only the head can have grown.
            end = _head_end(tree, statement)
            tail = lines.newline(statement.lineno) + b" " * (indent + 4) + b"pass"
        if not alone or group[-1].end > end:
            result += group
            continue
        old = lines.text[start:end]
        moved = [Edit(e.start - start, e.end - start, e.new) for e in group]
        newline = lines.newline(statement.lineno)
        new = style.laid_out(
            _with_lf(old + tail, newline),
            _with_lf(apply(old, moved) + tail, newline),
            indent,
            line_length,
            # Whoever broke the line did so for the code that was there.
            always=any(b"\n" in lines.text[e.start : e.end] for e in group),
        )
        if new is None:
            result += group
        else:
            code = new.encode("utf-8").replace(b"\n", newline)
            result.append(Edit(start, end, code.removesuffix(tail)))
    return result


def _head_end(tree: Tree, statement: ast.stmt) -> int:
    """Give where the head of a statement ends, after its colon; its start if unsure."""
    start = tree.span(statement)[0]
    first: ast.stmt | None = next(iter(getattr(statement, "body", ())), None)
    if first is None:
        return start
    decorators = getattr(first, "decorator_list", None)
    begin = tree.span(decorators[0] if decorators else first)[0]
    head = tree.lines.text[start:begin].rstrip(b" \t\r\n@")
    return start + len(head) if head.endswith(b":") else start


def _block(tree: Tree, edit: Edit, line_length: int) -> Edit:
    """Lay out new statements as black does, if the old ones were laid out so."""
    if not edit.new:
        return edit
    lines = tree.lines
    old = lines.text[edit.start : edit.end]
    newline = lines.newline(lines.line_of(edit.start))
    indent = len(old) - len(old.lstrip(b" \t"))
    end = len(old) - len(old.rstrip(b"\r\n"))
    new = None
    if b"\t" not in old[:indent]:  # black has no tabs
        new = style.laid_out(
            _with_lf(old.rstrip(b"\r\n"), newline).lstrip(),
            _with_lf(edit.new.rstrip(b"\r\n"), newline).lstrip(),
            indent,
            line_length,
            always=True,
        )
    text = edit.new
    if new is not None:
        text = old[:indent] + new.lstrip(" \n").encode("utf-8").replace(b"\n", newline)
        text += old[-end:] if end else b""
    above = lines.line(max(lines.line_of(edit.start) - 1, 1)).strip()
    if _HEAD.match(text.strip()) and above and not above.startswith(b"#"):
        if not _HEAD.match(above):
            text = newline + text
    return edit._replace(new=text)


def _with_lf(text: bytes, newline: bytes) -> str:
    return text.replace(newline, b"\n").decode("utf-8")


def _binds_tighter(tree: Tree, node: ast.AST) -> bool:
    """Tell whether `await x` needs parentheses here: `(await x).y`, `(await x)[0]`."""
    above = tree.parent(node)
    if isinstance(above, (ast.Attribute, ast.Subscript)):
        tighter = above.value is node
    elif isinstance(above, ast.Await):
        tighter = True
    else:
        tighter = isinstance(above, ast.Call) and above.func is node
    start, end = tree.span(node)
    text = tree.lines.text
    closed = text[end:].lstrip()[:1] == b")" and text[:start].rstrip()[-1:] == b"("
    return tighter and not closed


def _imports(
    project: Project,
    tree: Tree,
    path: str,
    parts: Sequence[Made],
    edits: Sequence[Edit],
) -> list[Edit]:
    """Give the edits of the imports that the fixes need and leave behind."""
    written = b" ".join(edit.new for edit in edits)
    added: dict[str, Edit] = {}
    by_name: dict[tuple[str, int], set[ast.AST]] = {}
    for context, part, names, missing, _ in parts:
        site = context.site
        for need, module in context.modules().items():
            if module in missing:
                near = site.wanted.partition(".")[0]
                if need != module:
                    near = module  # a third-party library has its own block
                local = names[need]
                added[module] = imports.addition(tree, module, local, near)
        for root in (site.use.name.partition(".")[0], *part.gone):
            seen = project.visible(path, site.use.scope, root)
            if seen and part.nodes:
                key = root, seen[0].scope
                by_name.setdefault(key, set()).update(part.nodes)
    places = {edit.start for edit in added.values()}
    unused = [
        leaving.Leaving(name, scope, frozenset(nodes))
        for (name, scope), nodes in sorted(by_name.items(), key=lambda item: item[0])
        # The new code may use the name, too.
        if not re.search(rb"(?<![\w.])%s(?!\w)" % name.encode("utf-8"), written)
    ]
    dropped = leaving.removals(tree, project, path, unused, places)
    leaves = {edit.start for edit in dropped}
    new = imports.merged(list(added.values()))
    for position, edit in enumerate(new):
        if edit.start in leaves:  # it stands in place of what goes
            text = re.sub(rb"(\r\n|\r|\n)\1\Z", rb"\1", edit.new)
            new[position] = edit._replace(new=text)
    return [*new, *dropped]
