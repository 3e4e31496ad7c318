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
from asyncfix_codemods._file_steps import (
    Step,
    known_outside,
    may_be_a_step,
    shared_by,
    steps,
)
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
        if path != where[0]:
            continue  # its `self`, and its globals, are others
        key = "own steps of", path, scope
        for said, read, written in model.once(key, partial(_own, model, (path, scope))):
            reads, writes = found.get(said, (False, False))
            found[said] = reads or read, writes or written
    return tuple((said, *both) for said, both in found.items())


def _own(model: Model, where: _stops.Where) -> list[Said]:
    """Give what a function itself does to files that others know by the same words."""
    names = (use.name.rpartition(".")[2] for use in _stops.calls(model, where))
    if not any(map(may_be_a_step, names)):
        return []
    read = model.reader.function(*where)
    if read is None:
        return []
    own_names = shared_by(read[1])
    return [
        (said, step.reads, step.writes)
        for step in steps(own(read[1].body))
        for said in known_outside(step.paths, own_names)
    ]


def _in_words_of(call: ast.Call, said: str, is_here: bool) -> str:
    """Give a helper's file in the words of who calls it; nothing if it has none."""
    first, dot, rest = said.partition(".")
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if first in _FIRST and dot:
        return f"{ast.unparse(owner)}.{rest}" if owner is not None else ""
    return said if is_here else ""
