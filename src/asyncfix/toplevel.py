"""Statements that fixes add to a module's top level, below its imports."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from asyncfix.edits import Edit
from asyncfix.tree import Tree


def additions(
    tree: Tree, statements: Sequence[str], imports: Sequence[Edit] = ()
) -> list[Edit]:
    """Give the edits that add statements below the imports.

    A statement that the module has at its top level already is left out. All go
    below the imports of what they name; `imports` are the edits that add some.
    """
    wanted = {each: ast.parse(each).body[0] for each in statements}
    kinds = {type(each) for each in wanted.values()}
    have = {ast.unparse(each) for each in tree.module.body if type(each) in kinds}
    missing = [each for each in statements if ast.unparse(wanted[each]) not in have]
    if not missing:
        return []
    lines = tree.lines
    last = _last_of_needed(tree, missing, imports)
    newline = lines.newline(last or 1)
    # Two empty lines round a definition, as black has it.
    gap = newline * (2 if any("\n" in each for each in missing) else 0)
    between = newline + gap
    body = between.join(each.encode().replace(b"\n", newline) for each in missing)
    if not last:
        first = tree.module.body[0]
        line = min(
            [first.lineno]
            + [each.lineno for each in getattr(first, "decorator_list", ())]
        )
        start = lines.span(line, line)[0]
        return [Edit(start, start, body + newline * 3, True)]
    start = lines.span(last, last)[1]
    wide = gap or _ends_in_definition(tree, last)
    text = newline + (newline if wide else b"") + body + newline
    if lines.text[start - 1 : start] not in (b"\n", b"\r"):
        text = newline + text
    if last < len(lines.starts) and lines.line(last + 1).strip():
        text += newline
    return [Edit(start, start, text, True)]


def _last_of_needed(
    tree: Tree, statements: Sequence[str], imports: Sequence[Edit]
) -> int:
    """Give the last line of the imports at the top, and of those that are needed.

    Others may stand further down, as behind `sys.path.insert(...)`.
    """
    named = {
        node.id
        for each in statements
        for node in ast.walk(ast.parse(each))
        if isinstance(node, ast.Name)
    }
    last = _last_of_head(tree)
    if any(edit.new for edit in imports):
        lowest = max(edit.start for edit in imports if edit.new)
        last = max(last, tree.lines.line_of(lowest) - 1)
    for statement in tree.module.body:
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        names = {each.asname or each.name.partition(".")[0] for each in statement.names}
        # A run of imports is not parted.
        if statement.lineno > last and (
            names & named or (last and statement.lineno == last + 1)
        ):
            last = statement.end_lineno or statement.lineno
    return last


def _last_of_head(tree: Tree) -> int:
    """Give the last line of the docstring and the imports at the top, 0 for none."""
    last = 0
    for statement in tree.module.body:
        is_text = isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        )
        if (
            isinstance(statement, (ast.Import, ast.ImportFrom))
            or (is_text and not last)
            or (isinstance(statement, (ast.If, ast.Try)) and _imports(statement))
        ):
            last = statement.end_lineno or statement.lineno
        elif not (isinstance(statement, ast.Expr) or _is_dunder(statement)):
            break  # below `os.environ.setdefault(...)` there may be more
    return last


def _is_dunder(statement: ast.stmt) -> bool:
    """Tell `__all__ = [...]` and the like, which may stand above imports (PEP 8)."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return bool(names) and all(
        name.startswith("__") and name.endswith("__") for name in names
    )


def _ends_in_definition(tree: Tree, line: int) -> bool:
    """Tell whether what ends at a line ends with a function or a class, inside."""
    for statement in tree.module.body:
        if line == statement.end_lineno and isinstance(statement, (ast.If, ast.Try)):
            return any(
                node.end_lineno == line
                for node in ast.walk(statement)
                if isinstance(
                    node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
                )
            )
    return False


def _imports(statement: ast.stmt) -> bool:
    """Tell whether a compound statement is there for imports."""
    return any(
        isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(statement)
    )
