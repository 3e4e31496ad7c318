"""Stage 3, scan: the bytes of a file -> its facts, by one walk of its `ast`."""

from __future__ import annotations

import re

from asyncfix import facts as f
from asyncfix.expressions import chain
from asyncfix.keywords import as_written, lines_of
from asyncfix.model import Problem
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
    walk = Walk()
    walk.run(tree)
    for statement in opaque:
        for name in statement.names:
            walk.bind(0, name, f.ASSIGNED, "", statement.line, 0)
    return (
        f.Facts(shown, source.digest, _pack(walk, source, opaque, lines_of(text))),
        source,
    )


def _pack(
    walk: Walk, source: Source, opaque: tuple[f.Opaque, ...], old: tuple[int, ...]
) -> bytes:
    """Give what a walk has learnt, in the order of the file, as bytes."""
    walk.patches += [
        (line, -1, walk.texts[name])
        for name, line in walk.named_targets
        if name in walk.texts
    ]
    if old:
        # Modules have their files, whatever the parser takes for a name.
        walk.bindings = [_imported(each) for each in walk.bindings]
    scopes = walk.scopes
    for index in walk.suspending | walk.yielding:
        scope = scopes[index]
        flags = index in walk.suspending, index in walk.yielding
        scopes[index] = (*scope[:7], *flags, *scope[9:])
    head = f.Head(
        *_imports(walk),
        any(scope[4] for scope in scopes),
        tuple(statement.line for statement in opaque),
        bool(_GENERATED.search(source.text[:1024])),
        source.text.count(b"\n") + 1,
        tuple(sorted({s[1] for s in scopes if s[0] == f.FUNCTION and not s[4]})),
        bool(walk.frozen) or any(scope < 0 for _, scope, _ in walk.patches),
        _lazy(walk),
        old,
    )
    settled = _settled(walk)
    attributes = [each for each in settled if each[3] == f.ATTRIBUTE]
    settled = [each for each in settled if each[3] != f.ATTRIBUTE]
    # Other files ask for what modules and classes bind, hardly ever for the rest.
    outer = {i for i, s in enumerate(scopes) if s[0] in (f.MODULE, f.CLASS)}
    return f.pack(
        head,
        (
            scopes,
            [each for each in settled if each[0] in outer],
            sorted(walk.calls),
            _references(walk),
            sorted(walk.patches),
            tuple(sorted(walk.frozen)),
            sorted(walk.driven),
            tuple(sorted(set(walk.exported))),
            list(map(tuple, opaque)),
            attributes,
            [each for each in settled if each[0] not in outer],
        ),
    )


def _lazy(walk: Walk) -> tuple[str, ...]:
    """Give the names of functions that are async, or are declared to give coroutines."""
    said = {"Coroutine", "CoroutineType"}
    said |= {
        name
        for _, name, _, _, target, _ in walk.bindings
        if target[:1] == "=" and _owner(target[1:]) in said
    }
    return tuple(
        sorted(
            {
                s[1]
                for s in walk.scopes
                if s[0] == f.FUNCTION and (s[4] or (s[9] and _owner(s[9][1:]) in said))
            }
        )
    )


def _owner(annotation: str) -> str:
    """Give the last name of a type without its parameters."""
    return annotation.partition("[")[0].rpartition(".")[2]


def _imported(
    binding: tuple[int, str, int, int, str, int],
) -> tuple[int, str, int, int, str, int]:
    scope, name, line, kind, target, flags = binding
    if kind in (f.IMPORT, f.FROM, f.STAR):
        target = as_written(target.encode()).decode()
    return scope, name, line, kind, target, flags


def _imports(walk: Walk) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the targets of all imports, and the names that get another name."""
    imported: dict[str, None] = {}
    renames: dict[str, None] = {}
    for _, name, _, kind, target, _ in walk.bindings:
        if kind == f.STAR:
            imported[f"{target}:*"] = None
        elif kind in (f.IMPORT, f.FROM):
            imported[target] = None
        if kind in (f.FROM, f.ALIAS):
            last = target.rpartition(":")[2].rpartition(".")[2]
            if last != name:
                renames[f"{last} {name}"] = None
    return tuple(imported), tuple(renames)


def _references(walk: Walk) -> list[tuple[int, int, int, int, int, str, int]]:
    """Give the reads that can lead out of their scope: imports, definitions, self."""
    kinds = frozenset((f.IMPORT, f.FROM, f.DEF, f.CLASSDEF, f.ALIAS))
    known = {each[1] for each in walk.bindings if each[3] in kinds}
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
    data = {each[1] for each in walk.bindings if each[3] == f.ATTRIBUTE}
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
