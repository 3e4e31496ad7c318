"""Stage 5, detect: project and codemods -> sites. Opens no syntax tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from asyncfix import facts as f
from asyncfix.catalog import Entry
from asyncfix.codemod import Codemod, Site
from asyncfix.link import Project
from asyncfix.reach import SEVERITIES, Chain, Edge, Place, Reach, Step


def sites(
    project: Project, path: str, codemods: Sequence[Codemod]
) -> Iterator[tuple[Codemod, Site]]:
    """Give the sites of one file, in its order.

    A use is a site if the wanted name is one of the things it may mean: that
    it is the only one is a guard's question.
    """
    wanted: dict[str, list[Codemod]] = {}
    for codemod in codemods:
        for name in codemod.calls:
            wanted.setdefault(name, []).append(codemod)
    facts = project.files[path]
    if not facts.head.coroutines:
        return
    for codemod in codemods:
        if codemod.awaited:
            yield from ((codemod, site) for site in _in_loops(project, path))
    if not wanted:
        return
    spelled = project.spellings(wanted)
    if spelled and not any(name.encode() in facts.packed for name in spelled):
        return  # without unpacking: names stand in the packed bytes as they are
    around: dict[int, int] = {}
    for kind, uses in (("call", facts.calls), ("value", facts.references)):
        for use in sorted(uses, key=_place):
            if spelled and use.name.rpartition(".")[2] not in spelled:
                continue
            coroutine = around.get(use.scope, -2)
            if coroutine == -2:
                coroutine = around[use.scope] = _coroutine(project, path, use.scope)
            if coroutine < 0:
                continue
            for answer in project.answers(path, use.scope, use.name):
                if answer.name in wanted:
                    site = Site(path, use, kind, answer.name, coroutine)
                    yield from ((codemod, site) for codemod in wanted[answer.name])
                    break


def _in_loops(project: Project, path: str) -> Iterator[Site]:
    """Give the awaited calls of coroutines that may stand in a `for` or comprehension.

    Only the tree can tell for sure; the facts know where the head of a loop is.
    """
    facts = project.files[path]
    heads: dict[int, int] = {}
    for binding in facts.inner:
        if "*" in binding.target:
            first = heads.get(binding.scope, binding.line)
            heads[binding.scope] = min(first, binding.line)
    for use in facts.calls:
        if use.role != f.AWAITED or use.scope not in heads:
            continue
        if use.line < heads[use.scope] and facts.scopes[use.scope].kind == f.FUNCTION:
            continue
        coroutine = _coroutine(project, path, use.scope)
        if coroutine >= 0:
            yield Site(path, use, "call", use.name, coroutine)


def _place(use: f.Use) -> tuple[int, int]:
    return use.line, use.col


def blocking_sites(
    reach: Reach,
    paths: Sequence[str],
    chain: Callable[[Place, Edge], Chain | None],
) -> dict[str, list[Site]]:
    """Give the calls of files' coroutines that block, in the order of each file.

    `chain` gives the way from a call to what blocks, or says that there is none.
    """
    found: dict[str, list[Site]] = {}
    for path, edges in reach.blocking(paths).items():
        told: dict[tuple[Any, ...], Site] = {}
        for function, edge in edges:
            way = chain((path, function), edge)
            if way is None:
                continue
            use = edge.use
            before = told.get(use[1:5])
            # Of `with connect() as c`, which blocks twice, the worse is told.
            if before is None or _worse(way, before.chain):
                name = way.entry.name
                site = Site(path, use, "blocking", name, function, way)
                told[use[1:5]] = site
        if told:
            found[path] = list(told.values())
    return found


def plain(site: Site) -> tuple[Any, ...]:
    """Give a blocking site as plain data, to be kept."""
    chain = site.chain
    assert chain is not None
    steps = tuple(tuple(step) for step in chain.steps)
    return tuple(site.use), site.wanted, site.function, steps, tuple(chain.entry)


def from_plain(path: str, kept: Sequence[Any]) -> Site:
    """Give the site back; raises TypeError or ValueError for what is none."""
    use, wanted, function, steps, entry = kept
    chain = Chain(tuple(Step(*step) for step in steps), Entry(*entry))
    return Site(path, f.Use(*use), "blocking", wanted, function, chain)


def _worse(way: Chain, other: Chain | None) -> bool:
    if other is None:
        return True
    return SEVERITIES.index(way.entry.severity) > SEVERITIES.index(other.entry.severity)


def _coroutine(project: Project, path: str, scope: int) -> int:
    """Give the coroutine around a scope; a method of a class in it is not in it."""
    scopes = project.files[path].scopes
    below = -1
    while scope >= 0:
        here = scopes[scope]
        if here.kind == f.FUNCTION and here.is_async:
            return scope
        if here.kind == f.CLASS and below in (f.FUNCTION, f.LAMBDA):
            return -1
        below, scope = here.kind, here.parent
    return -1
