"""What the helpers that a function calls do to files that the function knows as well.

    data = self._read()
    data["tokens"] = tokens
    self._write(data)

names no file; but `_read` reads `self.path`, and `_write` writes it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial

from asyncfix import Model
from asyncfix_codemods import _stops
from asyncfix_codemods._file_steps import Step, known_outside, shared_by, steps
from asyncfix_codemods._rounds import own

_FIRST = ("self", "cls")
Said = tuple[str, bool, bool]


def steps_of_helpers(
    model: Model, place: _stops.Where, nodes: Sequence[ast.AST]
) -> Iterator[Step]:
    """Give the steps that a function's helpers take, as steps of the calls of them.

    A helper that reads a file and writes it, too, is left out: it need not go by what
    the function has read.
    """
    calls = {
        (node.lineno, node.col_offset): node
        for node in nodes
        if isinstance(node, ast.Call)
    }
    for use in _stops.calls(model, place):
        call = calls.get((use.line, use.col))
        value = model.values.of(place[0], use.scope, use.name)
        if call is None or value is None or not value.is_function:
            continue
        where = value.path, value.scope
        for said, reads, writes in model.once(
            ("steps of", where), partial(_steps_of, model, where)
        ):
            path = _in_words_of(call, said, value.path == place[0])
            if path and reads != writes:
                yield Step(call.lineno, call, frozenset((path,)), reads, writes)


def _steps_of(model: Model, where: _stops.Where) -> tuple[Said, ...]:
    """Give the files that a function and its callees read or write: (file, read, written)."""
    found: dict[str, tuple[bool, bool]] = {}
    for path, scope in _stops.reached(model, where):
        read = model.reader.function(path, scope) if path == where[0] else None
        if read is None:
            continue  # its `self`, and its globals, are others
        names = shared_by(read[1])
        for step in steps(own(read[1].body)):
            for said in known_outside(step.paths, names):
                reads, writes = found.get(said, (False, False))
                found[said] = reads or step.reads, writes or step.writes
    return tuple((said, *both) for said, both in found.items())


def _in_words_of(call: ast.Call, said: str, is_here: bool) -> str:
    """Give a helper's file in the words of who calls it; nothing if it has none."""
    first, dot, rest = said.partition(".")
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if first in _FIRST and dot:
        return f"{ast.unparse(owner)}.{rest}" if owner is not None else ""
    return said if is_here else ""
