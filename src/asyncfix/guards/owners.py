"""O and V guards: may a function change its kind, from sync to async?

Needed by rewrites that colour a helper. The function is the nearest `def`
round the site, async or not.
"""

from __future__ import annotations

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.model import Doubt, Level

# Decorators that call an async function as they call a sync one, or that
# switch by themselves (tenacity, backoff: tried; lru_cache, retry: they break).
_NEUTRAL = frozenset(
    ("staticmethod", "classmethod", "override", "final", "tenacity.retry")
)
_NEUTRAL_STARTS = ("backoff.on_", "pytest.mark.", "typing.", "typing_extensions.")


def decorators_are_neutral(context: Context) -> Doubt | None:
    """O1: nothing that wraps the function cares whether it is async."""
    path, scope = _function(context)
    function = context.facts.scopes[scope]
    for decorator in function.decorators:
        if not _is_neutral(context, path, function.parent, decorator):
            return Doubt(
                "O1",
                Level.MANUAL,
                f"@{decorator} decides how {function.name} is called",
                f"check what @{decorator} does with a coroutine function",
            )
    return None


def _is_neutral(context: Context, path: str, scope: int, decorator: str) -> bool:
    project = context.project
    meant = {answer.name for answer in project.answers(path, scope, decorator)}
    name = meant.pop().removeprefix("builtins.") if len(meant) == 1 else ""
    if name in _NEUTRAL or name.startswith(_NEUTRAL_STARTS):
        return True
    # A decorator of the project is neutral if what it returns awaits.
    last = name.rpartition(".")[2]
    for other, facts in project.files.items():
        if not facts.holds(last):
            continue
        for index, inner in enumerate(facts.scopes):
            if inner.kind != f.FUNCTION or not (inner.is_async and inner.suspends):
                continue
            outer = inner.parent
            while outer > 0:
                if facts.scopes[outer].kind == f.FUNCTION:
                    made = project.qualify(
                        other, facts.scopes[outer].parent, facts.scopes[outer].name
                    )
                    if made == name and index != outer:
                        return True
                outer = facts.scopes[outer].parent
    return False


def only_called(context: Context) -> Doubt | None:
    """V1: every mention of the function is a direct call that can be edited."""
    path, scope = _function(context)
    project, function = context.project, context.facts.scopes[scope]
    name = function.name
    method = context.facts.scopes[function.parent].kind == f.CLASS
    wanted = project.qualify(path, function.parent, name)

    for other, facts in sorted(project.files.items()):
        if not facts.holds(name):
            continue
        for use in facts.references:
            if use.name.rpartition(".")[2] != name:
                continue
            meant = {a.name for a in project.answers(other, use.scope, use.name)}
            if (method and "." in use.name) or wanted in meant:
                return _used(name, other, use.line, "used as a value")
        for patch in facts.patches:
            if patch.target.rpartition(".")[2] == name:
                return _used(name, other, patch.line, "patched")
        if name in facts.exported and not method:
            module = project.module_name(other)
            if other == path or any(
                answer.name == wanted for answer in project.answers(other, 0, name)
            ):
                return _used(name, other, 1, f"exported by __all__ of {module}")
        if method:
            for inner in facts.scopes:
                if inner.kind != f.FUNCTION or inner.name != name:
                    continue
                where = facts.scopes[inner.parent]
                if where.kind == f.CLASS and (other, inner.parent) != (
                    path,
                    function.parent,
                ):
                    owner = context.facts.scopes[function.parent]
                    if where.bases or owner.bases:
                        return _used(name, other, inner.line, "perhaps overridden")
    return None


def _used(name: str, path: str, line: int, how: str) -> Doubt:
    return Doubt(
        "V1",
        Level.MANUAL,
        f"{name} is also {how} at {path}:{line}",
        f"change that use of {name} by hand first",
    )


def _function(context: Context) -> tuple[str, int]:
    site = context.site
    scope = context.project.enclosing(site.path, site.use.scope, (f.FUNCTION,))
    return site.path, scope
