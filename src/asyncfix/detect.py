"""Stage 5, detect: project and codemods -> sites. Opens no syntax tree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from asyncfix import facts as f
from asyncfix.catalog import Entry
from asyncfix.codemod import Codemod, Site
from asyncfix.context import Model
from asyncfix.link import MOST_AWAKE, Project
from asyncfix.reach import SEVERITIES, Chain, Edge, Place, Reach, Step
from asyncfix.value import OUTSIDE
from asyncfix.values import Values

_Named = dict[str, list[Codemod]]


def sites(
    project: Project, path: str, codemods: Iterable[Codemod], values: Values
) -> Iterator[tuple[Codemod, Site]]:
    """Give the sites of one file, in its order.

    A use is a site if the wanted name is one of the things it may mean: that
    it is the only one is a guard's question. A method is a site if its receiver
    surely is of the class.
    """
    facts = project.files[path]
    if not facts.head.coroutines:
        return
    wanted, methods, names, last = _by_names(tuple(codemods))
    if not (wanted or methods):
        return
    spelled = project.spellings(names) if names else names
    if spelled is None:
        calls, values_ = facts.calls, facts.references
    else:
        calls = tuple(facts.calls_by(spelled | last))
        values_ = facts.references if facts.reads(spelled) else ()
    around: dict[int, int] = {}
    for kind, uses in (("call", calls), ("value", values_)):
        for use in sorted(uses, key=_place):
            named = use.name.rpartition(".")[2]
            called = kind == "call" and named in last
            if spelled is not None and named not in spelled and not called:
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
            else:
                method = called and _method(values, path, use, methods)
                if method:
                    site = Site(path, use, "method", method, coroutine)
                    yield from ((codemod, site) for codemod in methods[method])


@lru_cache(maxsize=1)
def _by_names(
    codemods: tuple[Codemod, ...],
) -> tuple[_Named, _Named, frozenset[str], frozenset[str]]:
    """Give who wants a name and who a method, and the last names of both."""
    wanted: _Named = {}
    methods: _Named = {}
    for codemod in codemods:
        for name in codemod.calls:
            wanted.setdefault(name, []).append(codemod)
        for name in codemod.methods:
            methods.setdefault(name, []).append(codemod)
    names, last = (
        frozenset(name.rpartition(".")[2] for name in each)
        for each in (wanted, methods)
    )
    return wanted, methods, names, last


def _method(values: Values, path: str, use: f.Use, wanted: Iterable[str]) -> str:
    """Give the wanted method that a call means, by the type of its receiver."""
    value = values.of(path, use.scope, use.name)
    if value is None or value.kind != OUTSIDE:
        return ""
    owner, _, last = value.name.rpartition(".")
    backend, todo = values.backend, [owner]
    for cls in todo:  # grows: the class, then its bases
        cls = backend.canonical(cls)
        if f"{cls}.{last}" in wanted:
            return f"{cls}.{last}"
        todo += [base for base in backend.bases(cls) if base not in todo]
    return ""


def found(
    model: Model, path: str, codemods: Sequence[Codemod]
) -> Iterator[tuple[Codemod, Site]]:
    """Give the sites of one file, those that codemods search for themselves as well.

    Left out are those that block: `blocking_sites` has them.
    """
    yield from sites(model.project, path, codemods, model.values)
    for codemod in codemods:
        for site in codemod.search(model, path):
            yield codemod, site


def calls_named(
    project: Project,
    path: str,
    names: frozenset[str],
    more: Collection[int] | None = None,
) -> Iterator[f.Use]:
    """Give a file's calls whose last name is one of these, in its order.

    Names that the file itself gives them count, too. With `more`, only calls
    whose value is used in one of these ways are given.
    """
    yield from sorted(calls_used(project, path, names, more), key=_place)


def calls_used(
    project: Project,
    path: str,
    names: Collection[str] | None,
    roles: Collection[int] | None,
) -> list[f.Use]:
    """Give a file's calls by one of many last names that are used in these ways.

    None stands for all names, and for all ways.
    """
    facts = project.files[path]
    if names is None:
        return facts.calls_by(None, roles)
    found = facts.calls_by(names, roles)
    if isinstance(names, frozenset) and project.spellings(names) is names:
        return found  # no file gives them other names
    renamed = {
        new
        for old, _, new in (each.partition(" ") for each in facts.head.renames)
        if old in names and new not in names
    }
    return found + facts.calls_by(renamed, roles) if renamed else found


def site_of(project: Project, path: str, use: f.Use, kind: str, wanted: str) -> Site:
    """Give the site of a use, in a coroutine or not."""
    around = _coroutine(project, path, use.scope)
    return Site(path, use, kind, wanted, use.scope if around < 0 else around)


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
        reach.project.rest(MOST_AWAKE)
    return found


def plain_found(pairs: Iterable[tuple[Codemod, Site]]) -> tuple[Any, ...]:
    """Give what `found` gives as plain data, to be kept."""
    return tuple(
        (codemod.name, site.kind, tuple(site.use), site.wanted, site.function)
        for codemod, site in pairs
    )


def from_plain_found(
    path: str, kept: Iterable[Sequence[Any]], codemods: Iterable[Codemod]
) -> list[tuple[Codemod, Site]]:
    """Give them back; raises LookupError, TypeError or ValueError for what are none."""
    named = {codemod.name: codemod for codemod in codemods}
    return [
        (named[name], Site(path, f.Use(*use), kind, wanted, function))
        for name, kind, use, wanted, function in kept
    ]


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
