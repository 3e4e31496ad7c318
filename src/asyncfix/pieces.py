"""The text of single functions and constants, and what tells it from another."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from asyncfix import facts as f
from asyncfix.changes import as_text, changes_in
from asyncfix.facts import Facts, Scope
from asyncfix.model import Problem
from asyncfix.names import around, qualified
from asyncfix.parsing import parse
from asyncfix.source import Lines
from asyncfix.trace import digest

# A constant that is longer is not read.
_MOST_LINES = 20
_CHANGES = "= "


def function_span(lines: Lines, scope: Scope) -> tuple[int, int]:
    """Give the offsets of the lines of a function."""
    return lines.span(scope.line, min(scope.end_line, len(lines.starts)))


def constant(lines: Lines, line: int) -> tuple[bytes, ast.stmt | None]:
    """Give the text that was read for a constant, and the statement that it is.

    None where what begins on the line is not one statement, or a very long one.
    """
    code = b""
    for number in range(line, min(line + _MOST_LINES, len(lines.starts) + 1)):
        code += lines.line(number) + b"\n"
        try:
            body = ast.parse(code.decode("utf-8", "replace").lstrip()).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # it goes on in the next line, or never ends
        return code, body[0] if len(body) == 1 else None
    return code, None


def function_name(scopes: Sequence[Scope], scope: int) -> str:
    """Give what the text of a function is called."""
    return f"def {qualified(scopes, scope)}"


def constant_name(scopes: Sequence[Scope], line: int, name: str) -> str:
    """Give what the text of a constant is called that stands on a line."""
    return f"{qualified(scopes, around(scopes, line))} {name}"


def changes_name(name: str) -> str:
    """Give what all changes of attributes and globals of a name are called."""
    return f"{_CHANGES}{name}"


def digests(facts: Facts, lines: Lines, wanted: Iterable[str]) -> dict[str, bytes]:
    """Give the digests of what is called so; not of what there is twice, or not at all.

    Nothing is noted as asked.
    """
    found: dict[str, list[bytes]] = {name: [] for name in wanted}
    scopes = [Scope(*row) for row in facts.rows(0)]
    for index, scope in enumerate(scopes):
        name = function_name(scopes, index)
        if scope.kind == f.FUNCTION and name in found:
            start, end = function_span(lines, scope)
            found[name].append(digest(lines.text[start:end]))
    last = {name.rpartition(" ")[2] for name in found}
    for place in (1, 9, 10):  # outer, attributes, inner
        for _, said, line, *_ in facts.rows(place):
            if said in last:
                name = constant_name(scopes, line, said)
                if name in found:
                    found[name].append(digest(constant(lines, line)[0]))
    asked = [name for name in found if name.startswith(_CHANGES)]
    parsed = parse(facts.path, lines.text) if asked else None
    if parsed is not None and not isinstance(parsed, Problem):
        changes = changes_in(facts.path, parsed[0], lines.text)
        for name in asked:
            said = as_text(changes, name.removeprefix(_CHANGES), scopes)
            found[name] = [digest(said)]
    return {name: each[0] for name, each in found.items() if len(each) == 1}
