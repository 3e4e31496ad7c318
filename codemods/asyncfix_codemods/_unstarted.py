"""Which calls surely give a coroutine that nobody has started."""

from __future__ import annotations

import ast

from asyncfix import Context, Model, Place, dotted, facts, value
from asyncfix_codemods import _made_over

# Decorators that leave a coroutine function what it is.
_NEUTRAL = frozenset(
    ("builtins.staticmethod", "builtins.classmethod", "typing.override",
     "typing_extensions.override", "typing.final", "typing_extensions.final")
)  # fmt: skip
_OVERLOADS = frozenset(("overload", "abstractmethod"))


class Known:
    """What a call means: `place` of a coroutine function, and why it is not sure."""

    def __init__(self, place: tuple[str, int] | None, name: str, doubt: str) -> None:
        self.place = place
        self.name = name
        self.doubt = doubt
        """Empty where the call surely gives a coroutine."""


def called(context: Context, call: ast.Call) -> Known | None:
    """Give what a call of the site's scope means, None for no coroutine function."""
    name = dotted(call.func)
    if name is None:
        return None
    return meant(context.model, context.site.path, context.site.use.scope, name)


def meant(model: Model, path: str, scope: int, said: str) -> Known | None:
    """Give what calling a name with steps means, None for no coroutine function."""
    found = model.reach.values.of(path, scope, said)
    if found is None:
        return _of_branches(model, path, scope, said)
    if found.kind == value.OUTSIDE and found.name.startswith("asyncio."):
        kind = model.catalog.asynchronous(found.name)
        return Known(None, found.name, "") if kind == "coroutine" else None
    if found.kind != value.FUNCTION or found.scope < 0:
        return None
    function = model.project.files[found.path].scopes[found.scope]
    if not function.is_async or function.yields:
        return None
    doubt = _decorated(model, found.path, function)
    doubt = doubt or _replaced(model, (found.path, found.scope))
    return Known((found.path, found.scope), function.name, doubt)


def _of_branches(model: Model, path: str, scope: int, said: str) -> Known | None:
    """Tell of a name that is a coroutine function on one branch only."""
    bindings = model.project.visible(path, scope, said)
    if len(bindings) < 2 or any(each.kind != facts.DEF for each in bindings):
        return None
    values = model.reach.values
    known = model.project.files[path].scopes
    scopes = [known[values.bindings.defined(path, each)] for each in bindings]
    if all(each.is_async for each in scopes) or not any(e.is_async for e in scopes):
        return None
    line = next(each.line for each in scopes if not each.is_async)
    return Known(None, said, f"{said} may be the plain function of line {line}")


def _decorated(model: Model, path: str, function: facts.Scope) -> str:
    for decorator in function.decorators:
        found = model.reach.values.of(path, function.parent, decorator)
        name = found.name if found and found.kind == value.OUTSIDE else ""
        if name not in _NEUTRAL:
            return f"@{decorator} may make something else of {function.name}"
    return ""


def _replaced(model: Model, place: Place) -> str:
    """Tell where something that is no coroutine function takes a function's place."""
    name = model.users.scope(place).name
    for path, binding in model.users.instead(place):
        found = model.values.bindings.bound(path, [binding])
        known = (
            found and found.is_function and model.users.scope((found.path, found.scope))
        )
        if not known or not known.is_async or known.yields:
            return f"{path}:{binding.line} overrides {name} with a plain one"
    put = model.users.replaced(place)
    if put is not None:
        return f"{put.path}:{put.line} puts something else in the place of {name}"
    path, scope = place
    scopes = model.project.files[path].scopes
    if scopes[scopes[scope].parent].kind == facts.CLASS:
        for doubt in _made_over.doubts(model, place, name):
            return doubt.reason
    return ""


def is_abstract(model: Model, known: Known) -> bool:
    """Tell whether a function is only there to be replaced."""
    if known.place is None:
        return False
    path, index = known.place
    decorators = model.project.files[path].scopes[index].decorators
    return any(each.rpartition(".")[2] in _OVERLOADS for each in decorators)
