"""Stage 3, scan: the bytes of a file -> its facts, by one walk of its `ast`."""

from __future__ import annotations

import marshal
import re
from typing import Any

from asyncfix import facts as f
from asyncfix.expressions import chain
from asyncfix.keywords import lines_of
from asyncfix.model import Problem
from asyncfix.packing import packed, packed_columns
from asyncfix.parsing import parse
from asyncfix.record import use
from asyncfix.source import Source, decode
from asyncfix.walk import Walk

_GENERATED = re.compile(rb"(?m)^\s*#.*(?:@generated\b|\bDO NOT (?:EDIT|MODIFY)\b)")


def scan(shown: str, data: bytes) -> tuple[f.Facts, Source] | Problem:
    """Scan one file's bytes. Never raises: what is wrong is a Problem."""
    source = decode(shown, data)
    if isinstance(source, Problem):
        return source
    parsed = parse(shown, source.text)
    if isinstance(parsed, Problem):
        return parsed
    tree, text, opaque = parsed
    old: tuple[int, ...] = () if text is source.text else lines_of(text)
    walk = Walk(mended=bool(old))
    walk.run(tree)
    for statement in opaque:
        for name in statement.names:
            walk.bind(0, name, f.ASSIGNED, "", statement.line, 0)
    return f.Facts(shown, source.digest, _pack(walk, source, opaque, old)), source


def _pack(
    walk: Walk, source: Source, opaque: tuple[f.Opaque, ...], old: tuple[int, ...]
) -> bytes:
    """Give what a walk has learnt, in the order of the file, as bytes."""
    walk.patches += [
        (line, -1, walk.texts[name])
        for name, line in walk.named_targets
        if name in walk.texts
    ]
    scopes = walk.scopes
    functions = [scope for scope in scopes if scope[0] == f.FUNCTION]
    lazy, plain = _lazy(walk, functions)
    head = f.Head(
        tuple(walk.imports),
        tuple(walk.renames),
        any(scope[4] for scope in functions),
        tuple(statement.line for statement in opaque),
        _is_generated(source.text[:1024]),
        source.text.count(b"\n") + 1,
        plain,
        bool(walk.frozen) or any(scope < 0 for _, scope, _ in walk.patches),
        lazy,
        old,
    )
    settled = _settled(walk)
    # Other files ask for what modules and classes bind, hardly ever for the rest.
    outer = {i for i, s in enumerate(scopes) if s[0] in (f.MODULE, f.CLASS)}
    return f.pack(
        head,
        (
            _scopes(walk),
            packed([each for each in settled if each[0] in outer]),
            packed(sorted(walk.calls)),
            packed(_references(walk)),
            packed(sorted(walk.patches)),
            marshal.dumps(tuple(sorted(walk.frozen))),
            packed(sorted(walk.driven)),
            marshal.dumps(tuple(sorted(set(walk.exported)))),
            packed(opaque),
            packed(sorted(walk.members)),
            packed([each for each in settled if each[0] not in outer]),
        ),
    )


def _is_generated(start: bytes) -> bool:
    # Two plain searches are thirty times quicker than the pattern's.
    said = b"@generated" in start or b"DO NOT " in start
    return said and bool(_GENERATED.search(start))


def _scopes(walk: Walk) -> bytes:
    """Give the scopes; which of them suspend or yield is known after the walk."""
    columns = list(zip(*walk.scopes, strict=True))
    every = range(len(walk.scopes))
    columns[7] = tuple(map(walk.suspending.__contains__, every))
    columns[8] = tuple(map(walk.yielding.__contains__, every))
    return packed_columns(columns)


def _lazy(
    walk: Walk, functions: list[tuple[Any, ...]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the names of functions that are async, or are declared to give coroutines.

    And those of all that are not async.
    """
    said = {"Coroutine", "CoroutineType"}
    said |= {
        each[1]
        for each in walk.bindings
        if each[4][:1] == "=" and _owner(each[4][1:]) in said
    }
    lazy, plain = set(), set()
    for scope in functions:
        if scope[4]:
            lazy.add(scope[1])
        else:
            plain.add(scope[1])
            if scope[9] and _owner(scope[9][1:]) in said:
                lazy.add(scope[1])
    return tuple(sorted(lazy)), tuple(sorted(plain))


def _owner(annotation: str) -> str:
    """Give the last name of a type without its parameters."""
    return annotation.partition("[")[0].rpartition(".")[2]


def _references(walk: Walk) -> list[tuple[int, int, int, int, int, str, int]]:
    """Give the reads that can lead out of their scope: imports, definitions, self."""
    known = {each[1] for each in walk.bindings if each[3] in _LEADING}
    # Outside of coroutines it is enough to know that a name is read in a scope,
    # and constants are no functions.
    inside = _in_coroutines(walk)
    found = []
    once = set()
    for scope, nodes in walk.names:
        all_count = scope in inside
        for node in nodes:
            name = node.id
            if name not in known:
                continue
            if not all_count:
                if name.isupper() or (scope, name) in once:
                    continue
                once.add((scope, name))
            found.append(use(scope, name, node))
    data = {each[1] for each in walk.members}
    for scope, root, node in walk.attributes:
        if root in known or root == "self":
            name = chain(node, [])
            if scope not in inside:
                # What is assigned to `self` in this file is no method.
                if name in data or (scope, name) in once:
                    continue
                once.add((scope, name))
            found.append(use(scope, name, node))
    found.sort()
    return found


_LEADING = frozenset((f.IMPORT, f.FROM, f.DEF, f.CLASSDEF, f.ALIAS))


def _in_coroutines(walk: Walk) -> set[int]:
    """Give the scopes that stand in an `async def`, those inside them included."""
    inside: set[int] = set()
    for index, scope in enumerate(walk.scopes):
        if scope[4] or scope[2] in inside:
            inside.add(index)
    return inside


def _settled(walk: Walk) -> list[tuple[int, str, int, int, str, int]]:
    """Give each binding its owner, now that every declaration is known.

    A `global` may stand after the walk of a block that binds the name.
    """
    bindings = walk.bindings
    declared = walk.declared
    if declared:
        bindings = [
            (declared.get((each[0], each[1]), each[0]), *each[1:]) for each in bindings
        ]
    return sorted(bindings)
