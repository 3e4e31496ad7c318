"""Stage 3, scan: the bytes of a file -> its facts, by one walk of its `ast`."""

from __future__ import annotations

import re

from asyncfix import facts as f
from asyncfix.model import Problem
from asyncfix.parsing import parse
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
    tree, _, opaque = parsed
    walk = Walk()
    walk.run(tree)
    for statement in opaque:
        for name in statement.names:
            walk.bind(0, name, f.ASSIGNED, "", statement.line, 0)
    return _facts(walk, shown, source, opaque), source


def _facts(
    walk: Walk, shown: str, source: Source, opaque: tuple[f.Opaque, ...]
) -> f.Facts:
    """Give what a walk has learnt, in the order of the file."""
    kinds = (f.IMPORT, f.FROM, f.DEF, f.CLASSDEF, f.ALIAS)
    known = {b.name for b in walk.bindings if b.kind in kinds}
    walk.patches += [
        f.Patch(-1, walk.texts[name], line)
        for name, line in walk.named_targets
        if name in walk.texts
    ]
    references = [
        use
        for use in walk.reads
        if use.name.partition(".")[0] in known or use.name.startswith("self.")
    ]
    return f.Facts(
        shown,
        source.digest,
        tuple(
            scope._replace(suspends=True) if index in walk.suspending else scope
            for index, scope in enumerate(walk.scopes)
        ),
        tuple(_settled(walk)),
        tuple(sorted(walk.calls, key=_place)),
        tuple(sorted(references, key=_place)),
        tuple(sorted(walk.patches, key=lambda patch: patch.line)),
        tuple(sorted(walk.frozen)),
        tuple(sorted(walk.driven, key=_place)),
        tuple(sorted(set(walk.exported))),
        opaque,
        bool(_GENERATED.search(source.text[:1024])),
        source.text.count(b"\n") + 1,
    )


def _place(use: f.Use) -> tuple[int, int, int, int, int]:
    return use.line, use.col, use.end_line, use.end_col, use.scope


def _settled(walk: Walk) -> list[f.Binding]:
    """Give each binding its owner, now that every declaration is known.

    A `global` may stand after the walk of a block that binds the name.
    """
    declared = walk.declared
    return sorted(
        (
            each._replace(scope=declared.get((each.scope, each.name), each.scope))
            for each in walk.bindings
        ),
        key=lambda each: (each.line, each.scope, each.name),
    )
