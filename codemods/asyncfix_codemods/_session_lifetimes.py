"""The parts that open and close a session with an object, or with an app."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from asyncfix import Context, Names, Part, Site, Slice, facts
from asyncfix_codemods import _session_parts as parts
from asyncfix_codemods import _session_rewrite as write

if TYPE_CHECKING:
    import libcst as cst


class Holder(NamedTuple):
    """Where the shared session is kept, and what opens and closes it."""

    given: parts.Given
    parts: tuple[Part, ...]
    """Empty where it is opened already."""
    where: str
    endless: bool = False
    """As many connections are open at a time as calls want."""


def inside(context: Context, path: str, scope: int, node: ast.AST) -> Context | None:
    """Give a context for the names of a function's scope; None without one."""
    tree = context.model.tree(path)
    for each in ast.walk(node):
        if isinstance(each, ast.expr):
            end = each.end_lineno or each.lineno, each.end_col_offset or 0
            use = facts.Use(scope, each.lineno, each.col_offset, *end, "", 0)
            tree.find(ast.expr, (each.lineno, each.col_offset), end)
            site = Site(path, use, "value", context.site.wanted, scope)
            return Context(context.model, site)
    return None


def function_of(context: Context, path: str, scope: int) -> ast.AsyncFunctionDef | None:
    """Give the syntax tree of a coroutine by its scope."""
    known = context.project.files[path].scopes[scope]
    for node in ast.walk(context.model.tree(path).module):
        if isinstance(node, ast.AsyncFunctionDef):
            if (node.lineno, node.name) == (known.line, known.name):
                return node
    return None


def stands_alone(context: Context, statement: ast.stmt) -> bool:
    """Tell whether a statement has its lines to itself, but for a comment."""
    lines = context.tree.lines
    start, end = context.tree.span(statement)
    first, last = lines.span(statement.lineno, statement.end_lineno or 0)
    decorators = getattr(statement, "decorator_list", ())
    before = b"" if decorators else lines.text[first:start].strip()
    behind = lines.text[end:last].strip()
    return not before and (not behind or behind.startswith(b"#"))


# -- an object -----------------------------------------------------------------


class Attribute(NamedTuple):
    """The attribute of an object that keeps the session while it is open."""

    name: str
    annotation: str
    as_text: bool
    needs: tuple[str, ...]
    """The module of the annotation's class, where it must be imported."""


def opens(
    context: Context,
    function: ast.AsyncFunctionDef,
    attribute: Attribute,
    opening: parts.Opening,
    declares: bool,
) -> Part:
    """Give the part that opens the session at the end of a method.

    What the method returns last is a plain name, so that nothing can fail once the
    session is open. With `declares`, the attribute is declared above the method.
    """

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        (node,) = slice_.nodes
        method = cst.ensure_type(node, cst.FunctionDef)
        first = function.args.args[0].arg
        made = cst.SimpleStatementLine(
            [
                cst.Assign(
                    [cst.AssignTarget(write.dotted(f"{first}.{attribute.name}"))],
                    parts.opened(opening, names),
                )
            ]
        )
        body = [*cst.ensure_type(method.body, cst.IndentedBlock).body]
        last = function.body[-1]
        if isinstance(last, ast.Return):
            comments = cast("cst.SimpleStatementLine", body[-1]).leading_lines
            body[-1] = body[-1].with_changes(leading_lines=())
            body.insert(-1, made.with_changes(leading_lines=comments))
        elif isinstance(last, ast.Pass) and len(body) == 1:
            body = [made]
        else:
            body.append(made)
        changed = method.with_changes(body=method.body.with_changes(body=body))
        return _declared(changed, attribute, names) if declares else [changed]

    return Part((function,), make, context, guards=("N3",), needs=opening.needs)


def declared(context: Context, first: ast.stmt, attribute: Attribute) -> Part:
    """Give the part that declares the attribute above a statement of its class.

    It is None of the class: so it is before the first opening.
    """

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        return _declared(slice_.nodes[0], attribute, names)

    return Part((first,), make, context, guards=("N3",), needs=attribute.needs)


def _declared(
    node: cst.CSTNode, attribute: Attribute, names: Names
) -> list[cst.CSTNode]:
    import libcst as cst

    spelled = attribute.annotation
    for need in attribute.needs:
        spelled = f"{names[need]}.{spelled}"
    none = cst.AnnAssign(
        cst.Name(attribute.name),
        cst.Annotation(write.optional(spelled, attribute.as_text)),
        cst.Name("None"),
    )
    statement = cast("cst.SimpleStatementLine", node)
    lines = [*statement.leading_lines]
    blank = 0
    while blank < len(lines) and lines[blank].comment is None:
        blank += 1
    kept = lines[blank:]
    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        kept = [cst.EmptyLine(indent=False), *kept]
    return [
        cst.SimpleStatementLine([none], leading_lines=lines[:blank]),
        statement.with_changes(leading_lines=kept),
    ]


def closes(
    context: Context,
    function: ast.AsyncFunctionDef,
    attribute: str,
    close: str,
    local: str,
) -> Part:
    """Give the part that closes the session at the end of a method, come what may."""

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        (node,) = slice_.nodes
        method = cst.ensure_type(node, cst.FunctionDef)
        block = cst.ensure_type(method.body, cst.IndentedBlock)
        kept = f"{function.args.args[0].arg}.{attribute}"
        taken = cst.parse_statement(f"{local}, {kept} = {kept}, None")
        ended = cst.parse_statement(
            f"if {local} is not None:\n    await {local}.{close}()"
        )
        ending = [taken, _indented(ended, slice_.indent)]
        body = [*block.body]
        head = body[:1] if ast.get_docstring(function) is not None else []
        rest = body[len(head) :]
        if all(isinstance(each, ast.Pass) for each in function.body[len(head) :]):
            new: list[cst.BaseStatement] = [*head, *ending]
        else:
            first = cast("cst.SimpleStatementLine", rest[0])
            inner = [first.with_changes(leading_lines=()), *rest[1:]]
            tried = cst.Try(
                cst.IndentedBlock(inner, indent=slice_.indent),
                finalbody=cst.Finally(cst.IndentedBlock(ending, indent=slice_.indent)),
                leading_lines=first.leading_lines,
            )
            new = [*head, tried]
        return [method.with_changes(body=block.with_changes(body=new))]

    return Part((function,), make, context, guards=("N3",), needs=())


def _indented(node: cst.CSTNode, indent: str) -> cst.If:
    import libcst as cst

    branch = cst.ensure_type(node, cst.If)
    return branch.with_changes(body=branch.body.with_changes(indent=indent))


# -- an app --------------------------------------------------------------------


def round_yield(
    context: Context,
    statement: ast.stmt,
    kept: str,
    opening: parts.Opening,
    ends: bool,
) -> Part:
    """Give the part that keeps the session open while a context is entered.

    `kept` is where the app keeps it; with `ends` it is None there again after it.
    """

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        (node,) = slice_.nodes
        line = cst.ensure_type(node, cst.SimpleStatementLine)
        bare: cst.BaseStatement = line.with_changes(leading_lines=())
        if ends:
            ending = cst.parse_statement(f"{kept} = None")
            bare = cst.Try(
                cst.IndentedBlock([bare], indent=slice_.indent),
                finalbody=cst.Finally(
                    cst.IndentedBlock([ending], indent=slice_.indent)
                ),
            )
        put = cst.ensure_type(
            cst.parse_statement(f"{kept} = {opening.name}"), cst.SimpleStatementLine
        )
        body = [put.with_changes(leading_lines=line.leading_lines), bare]
        call = parts.opened(opening, names)
        return [write.entering(call, opening.name, body, slice_.indent)]

    return Part((statement,), make, context, guards=("N3",), needs=opening.needs)
