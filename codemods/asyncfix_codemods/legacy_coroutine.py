"""Coroutines as they were written before Python 3.5: generators."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import partial

from asyncfix import (
    Codemod,
    Context,
    Doubt,
    Level,
    Model,
    Part,
    Place,
    Plan,
    Site,
    Tree,
    calls_named,
    facts,
    site_of,
)
from asyncfix_codemods import (
    _old_code,
    _old_doubts,
    _old_groups,
    _old_imports,
    _old_kinds,
    _old_locks,
    _old_names,
    _old_operands,
    _old_rewrite,
)

_SPELLED = frozenset(("coroutine",))
_CHANGE = (
    "calling it gives a coroutine, which can be awaited once, and not be gone through"
)
_MESSAGES = {
    "asyncio": "@{said} is gone since Python 3.11",
    "types": "@{said} makes a coroutine of a generator, as `async def` does itself",
    "bare": "{name} is a generator that serves as a coroutine: since Python 3.12 the "
    "event loop takes none",
}


class LegacyCoroutine(Codemod):
    """A generator that serves as a coroutine, as before Python 3.5.

    Before:

        import asyncio

        @asyncio.coroutine
        def fetch(lock, reader):
            with (yield from lock):
                return (yield from reader.readline()).decode()

        @asyncio.coroutine
        def main():
            lock = asyncio.Lock()
            reader, _ = yield from asyncio.open_connection("example.org", 80)
            print((yield from fetch(lock, reader)))

    After:

        import asyncio

        async def fetch(lock, reader):
            async with lock:
                return (await reader.readline()).decode()

        async def main():
            lock = asyncio.Lock()
            reader, _ = await asyncio.open_connection("example.org", 80)
            print(await fetch(lock, reader))

    Safety: unsafe: what such a function gives can be awaited once, and not be gone
    through as a generator. `@asyncio.coroutine` is gone since Python 3.11, plain
    generators are no coroutines since 3.12. Each function changes alone, so that a tree
    with both kinds works on; generators without a decorator, which could not wait for
    a coroutine of an `async def`, change together with what they wait for, in all
    files or in none. Refused where a function yields values itself, where it waits for
    what is no coroutine, where somebody goes through it with `for` or `next`, and where
    it returns without `yield` what the decorator would await; from Python 3.11 on a
    generator among these gets `@types.coroutine`, and works with both kinds. Safe: `asyncio.async`, which
    no Python since 3.7 can read, becomes `asyncio.ensure_future`; any other use of
    `async` or `await` as a name, that of a module too, is reported.
    """

    name = "legacy-coroutine"
    restructures = True
    guards = ("N3",)

    def search(self, model: Model, path: str) -> Iterator[Site]:
        """Give the functions that are coroutines of older days."""
        known = model.project.files[path]
        if known.head.old_names:
            yield from _old_names.sites(model, path)
        decorated = _is_spelled(model, path)
        loops = known.holds("asyncio")
        if not decorated and not loops:
            return
        kinds = _old_kinds.kinds(model)
        found: list[Place] = []
        waiting = _waiting(model, path) if loops else set[int]()
        for index, scope in enumerate(known.scopes):
            if scope.kind != facts.FUNCTION or scope.is_async:
                continue
            if decorated and kinds.decorator((path, index)):
                found.append((path, index))
            elif scope.yields and index in waiting:
                if kinds.kind((path, index)) == "bare":
                    found.append((path, index))
        if decorated:
            yield from _calls_of_decorator(model, path)
            yield from _old_imports.sites(model, path)
        if not found:
            return
        tree = model.reader.tree(path)
        for place in found:
            site = _site(model, tree, place)
            if site is not None:
                yield site

    def judge(self, context: Context) -> Plan | None:
        """Say whether a function can be an `async def`, and what goes with it."""
        if context.site.wanted in (_old_names.NAME, _old_names.FUTURE):
            return _old_names.judge(context)
        if context.site.wanted == _old_imports.NAME:
            return _old_imports.judge(context)
        if context.site.kind == "call":
            return Plan(
                f"{context.spelled} is gone since Python 3.11",
                by_hand="an `async def` that awaits what the function gives",
                level=Level.MANUAL,
            )
        model, path = context.model, context.site.path
        kinds = _old_kinds.kinds(model)
        place = path, context.site.function
        kind, scope = kinds.kind(place), kinds.scope(place)
        code = kinds.code(place)
        if code is None or not kinds.is_old(place):
            return None
        groups = _old_groups.groups(model)
        group = groups.of(place)
        if group.refusal is not None:
            if kind == "types":
                return None  # it is right as it is
            if kinds.asks and kind == "asyncio" and scope.yields:
                return _kept(context, group.refusal)
        doubts = [group.refusal] if group.refusal else group.doubts
        parts: tuple[Part, ...] = ()
        key = ""
        if group.refusal is None:
            fix = groups.fix(place)
            key = fix.key
            parts = model.once(("legacy parts", key), partial(_parts, model, fix))
        said = kinds.decorator(place)
        others = [kinds.shown(each) for each in group.members if each != place]
        more = f"; with it changes {', '.join(sorted(others)[:3])}" if others else ""
        return Plan(
            _MESSAGES[kind].format(said=said, name=scope.name),
            by_hand=f"async def {scope.name}, with `await` for `yield from`",
            level=Level.UNSAFE,
            change=_CHANGE + more,
            doubts=tuple(doubts),
            parts=parts,
            key=key,
        )


def _kept(context: Context, refusal: Doubt) -> Plan:
    """Keep a generator what it is, under the decorator that all Pythons have."""
    left = ("N1", "coroutine-off", "coroutine-decorated", "coroutine-code")
    return Plan(
        f"{_MESSAGES['asyncio'].format(said=context.spelled)}; it stays a generator, as "
        f"{refusal.reason}",
        by_hand="@types.coroutine",
        level=Level.UNSAFE,
        change="asyncio.iscoroutinefunction no more says yes to it",
        needs=("types",),
        doubts=(refusal,) if refusal.guard in left else (),
        parts=(Part((context.node,), _old_rewrite.kept),),
    )


# -- where they are ------------------------------------------------------------------


def _is_spelled(model: Model, path: str) -> bool:
    known = model.project.files[path]
    names = model.project.spellings(_SPELLED) or _SPELLED
    return any(map(known.holds, names))


def _calls_of_decorator(model: Model, path: str) -> Iterator[Site]:
    """Give the calls of `asyncio.coroutine(...)` that decorate nothing."""
    for use in calls_named(model.project, path, _SPELLED):
        meant = {a.name for a in model.project.answers(path, use.scope, use.name)}
        if meant and meant <= _old_kinds.DECORATORS - {"types.coroutine"}:
            yield site_of(model.project, path, use, "call", "asyncio.coroutine")


def _waiting(model: Model, path: str) -> set[int]:
    """Give the generators that wait for something of asyncio's or of the project's."""
    known = model.project.files[path]
    waited_for = known.calls_by(None, (facts.FOR,))
    return {use.scope for use in waited_for if known.scopes[use.scope].yields}


def _site(model: Model, tree: Tree, place: Place) -> Site | None:
    """Give the site of a function: its decorator, or the first thing it waits for."""
    path, index = place
    scope = model.project.files[path].scopes[index]
    function = _old_code.functions(tree).get((scope.line, scope.name))
    if function is None:
        return None
    said = _old_kinds.kinds(model).decorator(place)
    node: ast.expr | None = None
    if said:
        at = scope.decorators.index(said)
        node = function.decorator_list[at]
    else:
        node = next(iter(_old_code.waits(function)), None)
    if node is None:
        return None
    use = facts.Use(
        scope.parent if said else index,
        node.lineno,
        node.col_offset,
        node.end_lineno or node.lineno,
        node.end_col_offset or 0,
        said or scope.name,
        facts.VALUE,
    )
    return Site(path, use, "value", "asyncio.coroutine", index)


# -- the parts of a fix --------------------------------------------------------------


def _parts(model: Model, fix: _old_groups.Fix) -> tuple[Part, ...]:
    """Give the parts of a fix."""
    kinds = _old_kinds.kinds(model)
    parts: list[Part] = []
    for path in sorted({each[0] for each in fix.members}):
        tree = model.tree(path)
        known = _old_code.functions(tree)
        members = {
            known[kinds.scope(each).line, kinds.scope(each).name]: each
            for each in fix.members
            if each[0] == path
        }
        for function, place in members.items():
            site = _site(model, tree, place)
            if site is None:
                continue
            context = Context(model, site)  # maps the ways up
            if any(above in members for above, _ in tree.ancestors(function)):
                continue  # changed with the one round it
            inside = set(ast.walk(function))
            change = _change(kinds, {n: p for n, p in members.items() if n in inside})
            needs = ("inspect",) if change.asked else ()
            make = partial(_old_rewrite.changed, change)
            guards = ("N3",) if needs else ()
            parts.append(
                Part(
                    (function,),
                    make,
                    context,
                    guards=guards,
                    needs=needs,
                    gone=_annotated(change.functions),
                )
            )
    for place in fix.steps:
        parts += _steps(model, place, fix.members)
    return tuple(parts)


def _annotated(functions: Iterable[ast.AST]) -> tuple[str, ...]:
    """Give the names of what functions say that they return: of a generator, less."""
    said = (getattr(each, "returns", None) for each in functions)
    names = (ast.walk(each) for each in said if each is not None)
    found = {n.id for each in names for n in each if isinstance(n, ast.Name)}
    return tuple(sorted(found))


def _change(
    kinds: _old_kinds.Kinds, members: dict[_old_code.Function, Place]
) -> _old_rewrite.Change:
    """Give what changes in some functions of which one holds all others."""
    locks: list[ast.With] = []
    returns: list[ast.Return] = []
    asked: dict[ast.Return, str] = {}
    for function, place in members.items():
        lines = _old_locks.of_locks(kinds, place)
        for node in _old_code.own(function):
            if isinstance(node, ast.With) and node.lineno in lines:
                locks.append(node)
            elif isinstance(node, ast.Return) and not kinds.scope(place).yields:
                level = _returned(kinds, place, node)
                if level == _old_operands.AWAITABLE:
                    returns.append(node)
                elif level == _old_operands.UNKNOWN:
                    asked[node] = _free_name(function, node)
    said = frozenset(kinds.decorator(each) for each in members.values())
    plain = frozenset(
        node
        for node, place in members.items()
        if _old_doubts.is_aiter(kinds.scope(place))
    )
    return _old_rewrite.Change(
        tuple(members), plain, tuple(locks), tuple(returns), asked, said
    )


def _returned(kinds: _old_kinds.Kinds, place: Place, node: ast.Return) -> int:
    """Tell whether the decorator awaits what a function without `yield` returns."""
    code = kinds.code(place)
    given = next(
        (
            (g for g in code.returns if node.value and g.line == node.value.lineno)
            if code
            else iter(())
        ),
        None,
    )
    return kinds.awaited.returned(place, given).level if given else _old_operands.PLAIN


def _free_name(function: _old_code.Function, node: ast.Return) -> str:
    """Give a name for what is returned: its own, or one that the function has not."""
    if isinstance(node.value, ast.Name):
        return node.value.id
    taken = {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
    taken |= {each.arg for each in ast.walk(function) if isinstance(each, ast.arg)}
    name = "result"
    while name in taken:
        name += "_"
    return name


def _steps(model: Model, place: Place, members: Iterable[Place]) -> Iterator[Part]:
    """Give the parts of an `__await__` that steps through a changed function."""
    kinds = _old_kinds.kinds(model)
    path, index = place
    tree = model.tree(path)
    scope = kinds.scope(place)
    function = _old_code.functions(tree)[scope.line, scope.name]
    for node, operand in zip(
        _old_code.waits(function), kinds.operands(place), strict=True
    ):
        if not _old_doubts.is_open(operand):
            if not set(operand.places) & set(members):
                continue
        use = facts.Use(
            index,
            node.lineno,
            node.col_offset,
            node.end_lineno or node.lineno,
            node.end_col_offset or 0,
            scope.name,
            facts.VALUE,
        )
        site = Site(path, use, "value", "asyncio.coroutine", index)
        yield Part((node,), _old_rewrite.stepped, Context(model, site))
