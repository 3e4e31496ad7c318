"""Stage 6b, rewrite: the fixes of one file -> edits of its bytes.

The only stage that holds a LibCST tree, and only of a slice: the source of
the site's own node. Its bytes outside that node therefore cannot change.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from asyncfix import imports, style
from asyncfix.codemod import SiteError, attempt
from asyncfix.edits import Edit, apply
from asyncfix.judge import Judgement
from asyncfix.link import Project
from asyncfix.model import Finding
from asyncfix.tree import Tree

_DEEPEST = 200
# What an expression must not gain: it would change the function around it.
_STEALTHY = (ast.Yield, ast.YieldFrom, ast.NamedExpr)


class Rewritten(NamedTuple):
    """The edits of one pass over one file, sorted, and what they fix."""

    edits: tuple[Edit, ...]
    findings: tuple[Finding, ...]


def rewrite(
    project: Project,
    tree: Tree,
    path: str,
    chosen: Sequence[Judgement],
    line_length: int,
) -> Rewritten:
    """Turn fixes into edits; one that overlaps another waits for the next pass.

    A statement that grows beyond `line_length` columns is laid out by black.

    Raises SiteError where LibCST cannot parse a site or give it back.
    """
    edits: list[Edit] = []
    made: list[Judgement] = []
    end = -1
    order = sorted(chosen, key=lambda each: tree.span(each.context.node))
    for judgement in order:
        span = tree.span(judgement.context.node)
        if span[0] < end:
            continue
        end = span[1]
        edits.append(Edit(*span, _new_code(tree, judgement)))
        made.append(judgement)
    edits = _laid_out(tree, made, edits, line_length)
    edits += _imports(project, tree, path, made, edits)
    edits.sort(key=lambda edit: (edit.start, edit.end))
    return Rewritten(tuple(edits), tuple(each.finding for each in made))


def _new_code(tree: Tree, judgement: Judgement) -> bytes:
    import libcst as cst

    node = judgement.context.node
    start, end = tree.span(node)
    old = tree.lines.text[start:end].decode("utf-8")
    if _depth(node) > _DEEPEST:
        raise SiteError(node.lineno, "the call is nested too deeply for LibCST")
    newline = next((each for each in ("\r\n", "\n", "\r") if each in old), "\n")
    config = cst.PartialParserConfig(default_newline=newline)
    try:
        # In parentheses, so that line breaks inside stay what they are.
        slice_ = cst.parse_expression(f"({old})", config)
    except cst.ParserSyntaxError as error:
        raise SiteError(node.lineno, "LibCST cannot parse this call") from error
    bare = slice_.with_changes(lpar=slice_.lpar[1:], rpar=slice_.rpar[:-1])
    module = cst.Module([], default_newline=newline)
    if not isinstance(bare, cst.Call) or module.code_for_node(bare) != old:
        raise SiteError(node.lineno, "LibCST does not give this call back unchanged")

    def made() -> tuple[cst.BaseExpression, str]:
        new = judgement.codemod.rewrite(bare, judgement.names)
        code = module.code_for_node(new)
        parsed = ast.parse(f"({code})")
        if _count(parsed) > _count(node):
            raise ValueError("the new code yields or assigns")
        return new, code

    new, code = attempt(judgement.codemod, node.lineno, made, "rewrite")
    if isinstance(new, cst.Await) and _binds_tighter(tree, node):
        code = f"({code})"
    return code.encode("utf-8")


def _count(node: ast.AST) -> int:
    return sum(isinstance(each, _STEALTHY) for each in ast.walk(node))


def _laid_out(
    tree: Tree, made: Sequence[Judgement], edits: Sequence[Edit], line_length: int
) -> list[Edit]:
    """Give the edits, those of a statement that grew too long made into one."""
    groups: dict[ast.stmt, list[Edit]] = {}
    for judgement, edit in zip(made, edits, strict=True):
        statement = tree.statement(judgement.context.node)
        groups.setdefault(statement, []).append(edit)
    result: list[Edit] = []
    for statement, group in groups.items():
        start, end = tree.span(statement)
        lines = tree.lines
        indent = start - lines.span(statement.lineno, statement.lineno)[0]
        alone = not lines.text[start - indent : start].strip()
        if hasattr(statement, "body") or not alone:
            result += group
            continue
        old = lines.text[start:end]
        moved = [Edit(e.start - start, e.end - start, e.new) for e in group]
        newline = lines.newline(statement.lineno)
        new = style.laid_out(
            _with_lf(old, newline),
            _with_lf(apply(old, moved), newline),
            indent,
            line_length,
        )
        result += (
            group
            if new is None
            else [Edit(start, end, new.encode("utf-8").replace(b"\n", newline))]
        )
    return result


def _with_lf(text: bytes, newline: bytes) -> str:
    return text.replace(newline, b"\n").decode("utf-8")


def _binds_tighter(tree: Tree, node: ast.AST) -> bool:
    """Tell whether `await x` needs parentheses here: `(await x).y`, `(await x)[0]`."""
    above = tree.parent(node)
    if isinstance(above, (ast.Attribute, ast.Subscript)):
        tighter = above.value is node
    else:
        tighter = isinstance(above, ast.Call) and above.func is node
    after = tree.lines.text[tree.span(node)[1] :].lstrip()
    return tighter and not after.startswith(b")")


def _depth(node: ast.AST) -> int:
    deepest, todo = 0, [(node, 1)]
    while todo:
        each, depth = todo.pop()
        deepest = max(deepest, depth)
        todo.extend((child, depth + 1) for child in ast.iter_child_nodes(each))
    return deepest


def _imports(
    project: Project,
    tree: Tree,
    path: str,
    made: Sequence[Judgement],
    edits: Sequence[Edit],
) -> list[Edit]:
    """Give the edits of the imports that the fixes need and leave behind."""
    written = b" ".join(edit.new for edit in edits)
    added: dict[str, Edit] = {}
    by_name: dict[tuple[str, int], set[ast.AST]] = {}
    for judgement in made:
        site = judgement.context.site
        for need, module in judgement.context.modules().items():
            if module in judgement.missing:
                near = site.wanted.partition(".")[0]
                if need != module:
                    near = module  # a third-party library has its own block
                local = judgement.names[need]
                added[module] = imports.addition(tree, module, local, near)
        root = site.use.name.partition(".")[0]
        seen = project.visible(path, site.use.scope, root)
        if seen:
            key = root, seen[0].scope
            by_name.setdefault(key, set()).add(judgement.context.call.func)
    places = {edit.start for edit in added.values()}
    leaving = [
        imports.Leaving(name, scope, frozenset(nodes))
        for (name, scope), nodes in sorted(by_name.items(), key=lambda item: item[0])
        # The new code may use the name, too.
        if not re.search(rb"(?<![\w.])%s(?!\w)" % name.encode("utf-8"), written)
    ]
    dropped = imports.removals(tree, project, path, leaving, places)
    return [*added.values(), *dropped]
