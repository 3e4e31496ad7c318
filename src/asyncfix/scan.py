"""Stage 3, scan: the bytes of a file -> its facts, by one walk of its `ast`."""

from __future__ import annotations

import marshal
import re
from bisect import bisect_left
from typing import Any

from asyncfix import facts as f
from asyncfix.expressions import chain
from asyncfix.keywords import lines_of
from asyncfix.model import Problem
from asyncfix.packing import joined, packed, packed_columns
from asyncfix.parsing import parse
from asyncfix.record import use
from asyncfix.source import Source, decode
from asyncfix.walk import Walk

_Binding = tuple[int, str, int, int, str, int]
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
        coroutines=any(scope[4] for scope in functions),
        unseen=tuple(statement.line for statement in opaque),
        generated=_is_generated(source.text[:1024]),
        lines=source.text.count(b"\n") + 1,
        replaces=bool(walk.frozen) or any(scope < 0 for _, scope, _ in walk.patches),
        old_names=old,
        imports=joined(walk.imports),
        renaming=joined(walk.renames),
        functions=joined(plain),
        waiting=joined(lazy),
    )
    outer, inner = _parted(walk)
    return f.pack(
        head,
        (
            _scopes(walk),
            packed(outer),
            packed(walk.calls, in_order=True),
            packed(_references(walk), in_order=True),
            packed(walk.patches, in_order=True),
            marshal.dumps(tuple(sorted(walk.frozen))),
            packed(walk.driven, in_order=True),
            marshal.dumps(tuple(sorted(set(walk.exported)))),
            packed(opaque),
            packed(walk.members, in_order=True),
            packed(inner),
            marshal.dumps(joined(sorted(walk.called))),
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


def _lazy(walk: Walk, functions: list[tuple[Any, ...]]) -> tuple[list[str], list[str]]:
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
    return sorted(lazy), sorted(plain)


def _owner(annotation: str) -> str:
    """Give the last name of a type without its parameters."""
    return annotation.partition("[")[0].rpartition(".")[2]


def _references(walk: Walk) -> list[tuple[int, int, int, int, int, str, int]]:
    """Give the reads that can lead out of their scope: imports, definitions, self."""
    known = {each[1] for each in walk.bindings if each[3] in _LEADING}
    roots = known | {"self"}
    # What is assigned to `self` in this file is no method.
    data = {each[1] for each in walk.members}
    inside = _in_coroutines(walk)
    found = []
    seen: dict[int, set[str]] = {}
    for scope, reads, chains in walk.reads:
        if scope in inside:
            found += [use(scope, each.id, each) for each in reads if each.id in known]
            found += [
                use(scope, chain(each, []), each)
                for root, each in chains
                if root in roots
            ]
            continue
        # Outside of coroutines it is enough to know that a name is read in a scope,
        # and constants are no functions.
        here = seen.get(scope)
        if here is None:
            here = seen[scope] = set()
        for node in reads:
            name = node.id
            if name in known and name not in here:
                here.add(name)
                if not name.isupper():
                    found.append(use(scope, name, node))
        for root, node in chains:
            if root in roots:
                name = chain(node, [])
                if name not in here and name not in data:
                    here.add(name)
                    found.append(use(scope, name, node))
    return found


_LEADING = frozenset((f.IMPORT, f.FROM, f.DEF, f.CLASSDEF, f.ALIAS))


def _in_coroutines(walk: Walk) -> set[int]:
    """Give the scopes that stand in an `async def`, those inside them included."""
    inside: set[int] = set()
    for index, scope in enumerate(walk.scopes):
        if scope[4] or scope[2] in inside:
            inside.add(index)
    return inside


def _parted(walk: Walk) -> tuple[list[_Binding], list[_Binding]]:
    """Give what modules and classes bind, and what all other scopes do, by scope.

    Other files ask for the former, hardly ever for the latter.
    """
    settled = _settled(walk)
    outer: list[_Binding] = []
    inner: list[_Binding] = []
    end = 0
    for index, scope in enumerate(walk.scopes):
        if scope[0] in (f.MODULE, f.CLASS):
            start = bisect_left(settled, (index,), end)
            inner += settled[end:start]
            end = bisect_left(settled, (index + 1,), start)
            outer += settled[start:end]
    return outer, inner + settled[end:]


def _settled(walk: Walk) -> list[_Binding]:
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
