"""The text of single functions and constants, and what tells it from another."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from asyncfix import facts as f
from asyncfix.facts import Facts, Scope
from asyncfix.names import qualified
from asyncfix.source import Lines
from asyncfix.trace import digest

# A constant that is longer is not read.
_MOST_LINES = 20
_NAMED = (f.FUNCTION, f.CLASS)


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
    around = 0
    for index, scope in enumerate(scopes):
        if scope.kind in _NAMED and scope.line <= line <= scope.end_line:
            around = index
    return f"{qualified(scopes, around)} {name}"


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
    for place in (1, 9):  # outer, attributes
        for _, said, line, *_ in facts.rows(place):
            if said in last:
                name = constant_name(scopes, line, said)
                if name in found:
                    found[name].append(digest(constant(lines, line)[0]))
    return {name: each[0] for name, each in found.items() if len(each) == 1}
