"""Calls of the project's own functions and classes: followed into what they run."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.effects_fields import makers, run_by_fields
from asyncfix.effects_given import given
from asyncfix.effects_library import LibraryCalls
from asyncfix.nodes import parameters
from asyncfix.touches import (
    EMPTY,
    GLOBAL,
    OUTER,
    OWN,
    RESULT,
    SOMETHING,
    Item,
    Origin,
    Place,
    Summary,
    either,
    holding,
    merged,
)
from asyncfix.tree import dotted
from asyncfix.value import (
    CLASS,
    FUNCTION,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
    Value,
)

if TYPE_CHECKING:
    from asyncfix.effects import Where
    from asyncfix.effects_body import Body

_ALL = (GLOBAL, OUTER)
_FOLLOWED = (
    "same", "property", "context-manager", "coroutine", "async-context-manager",
)  # fmt: skip


class OwnCalls(LibraryCalls):
    """What calls of the project's functions touch, and the making of its objects."""

    def _function(
        self, body: Body, node: ast.Call, value: Value, use: f.Use, bound: bool
    ) -> tuple[Summary, Origin]:
        made = body.values.functions.made_by_decorators(value)
        scope = body.scopes_of(value.path)[value.scope]
        later = scope.is_async or made in ("coroutine", "async-context-manager")
        if later and not self.effects.awaits:
            return EMPTY, SOMETHING  # it runs where it is awaited
        if made == "elsewhere":
            return EMPTY, SOMETHING
        if (
            made not in _FOLLOWED
            or any("singledispatch" in each for each in scope.decorators)
            or (self.effects.awaits and self._wrapped(body, value))
        ):
            return self._unknown(
                node, body, f"{use.name} (@{', @'.join(scope.decorators)})"
            )
        bodies = self._bodies(body, node, value)
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        found, given = self._any_of(
            body, node, value, bodies, use.name, receiver, bound
        )
        wrappers = self.effects.singles.wrappers(value) if scope.decorators else ()
        if not wrappers:
            return found, given
        # What stands round it is run with it, in the same thread.
        around = [_for_all(self._into(body, node, w, None)[0]) for w in wrappers]
        return merged([found, *around]), given

    def _any_of(
        self,
        body: Body,
        node: ast.Call,
        value: Value,
        bodies: tuple[Where, ...] | None,
        name: str,
        receiver: ast.expr | None,
        bound: bool = True,
    ) -> tuple[Summary, Origin]:
        """Give what a call touches that runs one of several functions."""
        if not bodies:
            return self._unknown(node, body, name)
        summaries, origins = [], []
        for each in bodies:
            target = Value(FUNCTION, path=each[0], scope=each[1])
            given = self._given(body, node, target, receiver) if bound else None
            summary, origin = self._into(body, node, each, given)
            summaries.append(summary)
            origins.append(origin)
        if self.effects.is_open(value.path, value.scope):
            summary, origin = self._unknown(node, body, name)
            summaries.append(summary)
            origins.append(origin)
        return merged(summaries), either(origins)

    def _wrapped(self, body: Body, value: Value) -> bool:
        """Tell whether a decorator of the project stands round a function.

        What it does beside calling the function is not followed.
        """
        scope = body.scopes_of(value.path)[value.scope]
        for each in scope.decorators:
            made = body.values.of(value.path, scope.parent, each.partition("()")[0])
            if made is not None and made.kind in (FUNCTION, CLASS, OBJECT):
                return True
        return False

    def _bodies(
        self, body: Body, node: ast.Call, value: Value
    ) -> tuple[Where, ...] | None:
        """Give the functions that a call may run: that of the class, or a subclass."""
        here = value.path, value.scope
        if not isinstance(node.func, ast.Attribute):
            return (here,)
        owner = node.func.value
        if isinstance(owner, ast.Call) and dotted(owner.func) == "super":
            return (here,)
        of = body.value(owner)
        if of is None or of.kind != OBJECT:
            return (here,) if of is not None else self.effects.bodies(*here)
        return self.effects.bodies(*here)

    def _into(
        self, body: Body, node: ast.AST, target: Where, given: dict[str, Origin] | None
    ) -> tuple[Summary, Origin]:
        summary = self.effects.of(target)
        placed = body.placed(summary, node, target, given)
        return placed, body.returned(summary, target, given, None)

    def _given(
        self, body: Body, node: ast.Call, target: Value, receiver: ast.expr | None
    ) -> dict[str, Origin] | None:
        """Give the arguments of a call by the names of the parameters; None if unsure."""
        function = self.effects.function((target.path, target.scope))
        if function is None:
            return None
        return given(body, node, target, function.args, receiver)

    def _class(
        self, body: Body, node: ast.Call, value: Value
    ) -> tuple[Summary, Origin]:
        """Make an object of a class of the project."""
        every = [*node.args, *(each.value for each in node.keywords)]
        origin = holding([body.origins.of(each) for each in every])
        summaries = [
            self._alone(body, node, (each.path, each.scope), {})
            for each in run_by_fields(body.values, value, self._is_pure)
        ]
        for found in makers(body.values, value, "__del__"):
            given = self._given(body, node, found, None)
            maker = body.scopes_of(found.path)[found.scope]
            if given is not None:
                given[maker.first] = origin
            summary = self._into(body, node, (found.path, found.scope), given)[0]
            if maker.name == "__del__" and not self.effects.awaits:
                summary = _for_all(summary)
            summaries.append(summary)
        for run in self.effects.singles.kinds(value):
            summaries.append(_for_all(self._into(body, node, run, None)[0]))
        for each in body.values.classes.line(value.path, value.scope):
            if each is None or (
                each.kind == OUTSIDE and not self._is_harmless(each.name)
            ):
                name = body.scopes_of(value.path)[value.scope].name
                above = each.name if each is not None else "a base that is not known"
                summaries.append(self._unknown(node, body, f"{name} ({above})")[0])
                break
        if self.effects.singles.may_give_another(value):
            name = body.scopes_of(value.path)[value.scope].name
            kept = Place(RESULT, f"{name}(...)")
            origin = origin._replace(places=origin.places | {kept})
        return merged(summaries), origin

    def _is_pure(self, name: str) -> bool:
        """Tell whether a library's function, no method, leaves all objects alone."""
        owner = name.rpartition(".")[0]
        word = None if self.effects.catalog.is_class(owner) else self.effects.word(name)
        return word in ("none", "plain", "passes", "copies")

    def special(self, body: Body, node: ast.expr, name: str) -> Summary:
        """Give what `with x:`, `for _ in x` and `x[k]` run of the project's classes."""
        value = body.value(node)
        if value is None or value.kind != OBJECT:
            if (
                value is not None
                and value.kind == OUTSIDE_OBJECT
                and name == "__exit__"
            ):
                return self._entered(body, node, value.name)
            return EMPTY
        found = body.values.attribute(value, name)
        if found is None or found.kind != FUNCTION:
            return EMPTY
        summaries = []
        for each in self.effects.bodies(found.path, found.scope) or ():
            first = body.scopes_of(each[0])[each[1]].first
            summaries.append(
                self._alone(body, node, each, {first: body.origins.of(node)})
            )
        return merged(summaries)

    def _alone(
        self, body: Body, node: ast.AST, target: Where, given: dict[str, Origin]
    ) -> Summary:
        """Give what a function touches whose other arguments belong to nobody else."""
        function = self.effects.function(target)
        if function is not None:
            for one in parameters(function.args):
                given.setdefault(one.arg, OWN)
        return self._into(body, node, target, given)[0]

    def _unknown(self, node: ast.Call, body: Body, what: str) -> tuple[Summary, Origin]:
        item = Item(what, body.path, node.lineno)
        return Summary(unknown=(item,)), SOMETHING


def _for_all(summary: Summary) -> Summary:
    """Leave of what stands round a call what surely concerns others."""
    writes = tuple(each for each in summary.writes if each.place.root in _ALL)
    return summary._replace(reads=(), writes=writes, unknown=(), stops=())
