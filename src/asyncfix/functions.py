"""What functions give, and what their decorators make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.value import (
    CONTEXT,
    COROUTINE,
    FUNCTION,
    ITERATOR,
    NONE,
    OUTSIDE,
    Value,
)

if TYPE_CHECKING:
    from asyncfix.values import Values

_BUILT_IN = {
    "builtins.staticmethod": "same",
    "builtins.classmethod": "same",
    "builtins.property": "property",
    "functools.cached_property": "property",
    "contextlib.contextmanager": "context-manager",
    "contextlib.asynccontextmanager": "async-context-manager",
}


class Functions:
    """The functions of a project; asks `Values` for all that stands in them."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def result(self, function: Value) -> Value | None:
        """Give what calling a function of the project gives."""
        facts = self.values.project.files[function.path]
        if function.scope < 0:
            return None
        key = "result", function.scope
        if key not in facts.memo:
            facts.memo[key] = None  # a function that calls itself
            facts.memo[key] = self._made(function)
        return facts.memo[key]  # type: ignore[no-any-return]  # as it was put there

    def _made(self, function: Value) -> Value | None:
        path, index = function.path, function.scope
        scope = self.values.project.files[path].scopes[index]
        kind = self.made_by_decorators(function)
        if kind in ("unknown", "replaces", "elsewhere"):
            return None
        if scope.returns:
            given = self.values.of(path, scope.parent, scope.returns)
        elif scope.yields:
            given = Value(ITERATOR, inner=(None,))
        else:
            names = self.values.project.names(path, index)
            found = [each for each in names.get("") if each.kind == f.RETURNED]
            given = self.values.bindings.bound(path, found) if found else NONE
        if kind in ("context-manager", "async-context-manager"):
            inner = given.inner[0] if given and given.inner else None
            return Value(CONTEXT, inner=(inner,))
        if (scope.is_async and not scope.yields) or kind == "coroutine":
            return Value(COROUTINE, inner=(given,))
        return given

    def made_by_decorators(self, function: Value) -> str:
        """Tell what the decorators make of a function: `same` if nothing else.

        See the catalog's `decorators`; `unknown` where one is not known.
        """
        path, index = function.path, function.scope
        facts = self.values.project.files[path]
        key = "made", index
        if key not in facts.memo:
            facts.memo[key] = "unknown"  # a decorator that decorates itself
            facts.memo[key] = self._made_by(path, facts.scopes[index])
        return facts.memo[key]  # type: ignore[no-any-return]  # as it was put there

    def _made_by(self, path: str, scope: f.Scope) -> str:
        made = "same"
        for decorator in scope.decorators:
            kind = self._decorator(path, scope.parent, decorator)
            if kind not in ("same", "registers"):
                made = kind if made == "same" else "unknown"
        return made

    def _decorator(self, path: str, scope: int, said: str) -> str:
        last = said.rpartition(".")[2]
        if last in ("setter", "getter", "deleter"):
            return "property"
        value = self.values.of(path, scope, said)
        if value is None:
            return "unknown"
        if value.kind == OUTSIDE:
            known = _BUILT_IN.get(value.name) or self.values.backend.decorator(
                value.name
            )
            return known or "unknown"
        if value.kind == FUNCTION:
            return self._own_decorator(value)
        return "unknown"

    def _own_decorator(self, value: Value) -> str:
        """Tell what a decorator of the project does, by looking into it.

        It keeps the function what it is if some function inside calls what
        the decorator was given.
        """
        facts = self.values.project.files[value.path]
        key = "decorator", value.scope
        if key not in facts.memo:
            with facts.trace.shared():
                facts.memo[key] = self._own(facts, value.scope)
        return facts.memo[key]  # type: ignore[no-any-return]  # as it was put there

    def _own(self, facts: f.Facts, decorator: int) -> str:
        scopes = facts.scopes
        inside = {decorator}
        for index in range(decorator + 1, len(scopes)):
            if scopes[index].parent in inside:
                inside.add(index)
        bound = facts.bindings_in(sorted(inside))
        given = {(each.scope, each.name) for each in bound if each.kind == f.PARAMETER}
        names = {name for _, name in given}
        for use in facts.calls_in(sorted(inside)):
            if use.name in names:
                wrapper = self._wrapper(facts.path, use, given)
                if wrapper < 0:
                    continue
                asynchronous = scopes[wrapper].is_async
                awaited = use.role == f.AWAITED
                return "coroutine" if asynchronous and not awaited else "same"
        returned = [
            each.target
            for each in bound
            if each.scope == decorator and each.kind == f.RETURNED
        ]
        # What it was given, it gives back.
        same = returned and all(each in names for each in returned)
        return "same" if same else "unknown"

    def _wrapper(self, path: str, use: f.Use, given: set[tuple[int, str]]) -> int:
        """Give the wrapper that surely makes a call of what a decorator was given.

        That is a function right inside the one that it was given to. What
        stands deeper may be handed to a thread; -1 unless it is called there.
        """
        project = self.values.project
        scopes = project.files[path].scopes
        here = project.enclosing(path, use.scope, (f.FUNCTION, f.LAMBDA))
        while here >= 0:
            above = project.enclosing(path, scopes[here].parent, (f.FUNCTION, f.LAMBDA))
            if (above, use.name) in given:
                return here
            name = scopes[here].name
            if above < 0 or all(
                call.name != name for call in project.files[path].calls_in((above,))
            ):
                return -1
            here = above
        return -1
