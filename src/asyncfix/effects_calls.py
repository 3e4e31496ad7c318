"""What a call in a function touches: the project's functions, libraries, the unknown."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.changes import MUTATORS
from asyncfix.effects_fields import makers, run_by_fields
from asyncfix.effects_given import given
from asyncfix.effects_library import LibraryCalls
from asyncfix.nodes import parameters
from asyncfix.touches import (
    CONTAINER,
    EMPTY,
    ITERATED,
    LIBRARY,
    OWN,
    PLAIN,
    RESULT,
    SOMETHING,
    TEXT,
    UNKNOWN,
    WRITTEN,
    Gathered,
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
    ITERATOR,
    MAPPING,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
    PARTIAL,
    TUPLE,
    Value,
)

if TYPE_CHECKING:
    from asyncfix.effects import Where
    from asyncfix.effects_body import Body

_CONTAINERS = (ITERATOR, MAPPING, TUPLE)
_OF_TEXTS = frozenset((*dir(str), *dir(bytes), *dir(int), *dir(float)))
_OF_CONTAINERS = frozenset((*dir(dict), *dir(list), *dir(set), *dir(tuple))) - MUTATORS
# Names that hardly anything but a text or a dictionary has.
_TELLING = frozenset(
    ("strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "join", "startswith",
     "endswith", "lower", "upper", "title", "capitalize", "casefold", "swapcase", "zfill",
     "ljust", "rjust", "isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower",
     "isnumeric", "isdecimal", "isidentifier", "removeprefix", "removesuffix",
     "partition", "rpartition", "format_map", "expandtabs", "encode", "decode", "hex",
     "translate", "items", "keys", "values", "isoformat", "strftime", "total_seconds",
     "is_integer", "replace", "format", "bit_length")
)  # fmt: skip
_ADDERS = frozenset(
    (
        "append",
        "appendleft",
        "extend",
        "popitem",
        "popleft",
        "setdefault",
        "add",
        "update",
        "discard",
        "insert",
        "remove",
        "pop",
        "clear",
        "sort",
        "reverse",
    )
)
# Methods of loops, futures and tasks; nothing else has them by these names.
_OF_THE_LOOP = frozenset(
    ("call_soon", "call_later", "call_at", "create_task", "create_future",
     "run_until_complete", "run_in_executor", "add_done_callback", "run_forever",
     "ensure_future", "add_reader", "add_writer", "set_result", "set_exception",
     "call_soon_threadsafe")
)  # fmt: skip
_FOLLOWED = (
    "same", "property", "context-manager", "coroutine", "async-context-manager",
)  # fmt: skip
_HANDED = ("key", "default_factory", "func", "function", "object_hook", "default")


class Calls(LibraryCalls):
    """Looks calls up for a `Body`, which asks for one call at a time."""

    def of(self, body: Body, node: ast.Call) -> tuple[Summary, Origin]:
        """Give what a call touches in its function's words, and what it gives."""
        known = body.made.get(node)
        if known is None or not body.settled:
            known = body.made[node] = self._of(body, node)
        return known

    def _of(self, body: Body, node: ast.Call) -> tuple[Summary, Origin]:
        use = body.use(node)
        if use is None:
            return self._unknown(node, body, body.said(node))
        value = body.values.of(body.path, use.scope, use.name)
        bound = True
        while value is not None and value.kind == PARTIAL:
            (value,) = value.inner
            bound = False
        if value is None:
            return self._by_name(body, node, use)
        if value.kind == FUNCTION:
            return self._function(body, node, value, use, bound)
        if value.kind == CLASS:
            return self._class(body, node, value)
        if value.kind == OUTSIDE:
            return self._library(body, node, value.name, use)
        if value.kind == OBJECT:
            found = body.values.attribute(value, "__call__")
            if found is not None and found.kind == FUNCTION:
                bodies = self.effects.bodies(found.path, found.scope)
                return self._any_of(body, node, found, bodies, use.name, node.func)
            return self._unknown(node, body, use.name)
        if value.kind == OUTSIDE_OBJECT:
            return self._library(body, node, f"{value.name}.__call__", use)
        if value.kind in _CONTAINERS and not isinstance(node.func, ast.Attribute):
            return EMPTY, OWN
        return self._by_name(body, node, use)

    # -- functions of the project ----------------------------------------------

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
        if made not in _FOLLOWED or (
            self.effects.awaits and self._wrapped(body, value)
        ):
            return self._unknown(
                node, body, f"{use.name} (@{', @'.join(scope.decorators)})"
            )
        bodies = self._bodies(body, node, value)
        receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
        return self._any_of(body, node, value, bodies, use.name, receiver, bound)

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
            if each.rpartition(".")[2].startswith("singledispatch"):
                return True  # another function may run in its place
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
        ends = ("__del__",) if self.effects.awaits else ()
        for found in makers(body.values, value, *ends):
            given = self._given(body, node, found, None)
            if given is not None:
                given[body.scopes_of(found.path)[found.scope].first] = origin
            summaries.append(
                self._into(body, node, (found.path, found.scope), given)[0]
            )
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

    def handed_on(self, body: Body, node: ast.Call, handed: list[ast.expr]) -> Summary:
        """Give what `handed[0]` touches if it is called with the rest."""
        function, *args = handed
        value = body.value(function)
        if isinstance(function, ast.Lambda):
            return EMPTY  # looked through where it stands
        while value is not None and value.kind == PARTIAL:
            (value,) = value.inner
            args = []
        if value is not None and value.kind == FUNCTION:
            call = ast.Call(function, args, node.keywords)
            receiver = function.value if isinstance(function, ast.Attribute) else None
            bodies = self._bodies(body, call, value) or ()
            summaries = []
            for each in bodies:
                target = Value(FUNCTION, path=each[0], scope=each[1])
                given = self._given(body, call, target, receiver)
                summaries.append(self._into(body, node, each, given)[0])
            if summaries:
                return merged(summaries)
        if value is not None and value.kind == OUTSIDE:
            word = self.effects.word(value.name) or self._by_entry(value.name)
            if word in ("none", "plain", "passes", "copies"):
                return EMPTY
        what = f"{body.text(function)}, in a thread,"
        return Summary(unknown=(Item(what, body.path, node.lineno),))

    def _call_back(
        self, gathered: Gathered, body: Body, node: ast.Call, word: str
    ) -> None:
        """Follow a function that is handed to a library which calls it at once."""
        handed = [each.value for each in node.keywords if each.arg in _HANDED]
        if word == "calls":
            handed += node.args[:1]
        for each in handed:
            if isinstance(each, (ast.Lambda, ast.Constant)):
                continue  # a lambda is looked through where it stands
            value = body.value(each)
            while value is not None and value.kind == PARTIAL:
                (value,) = value.inner
            if value is not None and value.kind == OUTSIDE:
                if (self.effects.word(value.name) or self._by_entry(value.name)) in (
                    "none",
                    "plain",
                    "passes",
                ):
                    continue
            if value is not None and value.kind == FUNCTION:
                target = value.path, value.scope
                summary = body.placed(self.effects.of(target), node, target, None)
                for touch in (*summary.reads, *summary.writes):
                    gathered.touch(touch)
                for kind in (
                    "loop",
                    "contexts",
                    "exceptions",
                    "stops",
                    "threads",
                    "drivers",
                    "unknown",
                ):
                    for item in getattr(summary, kind):
                        gathered.add(kind, item)
                continue
            if value is not None and value.kind == CLASS:
                continue
            gathered.add("unknown", Item(body.text(each), body.path, node.lineno))

    # -- by the name alone -----------------------------------------------------------

    def _by_name(
        self, body: Body, node: ast.Call, use: f.Use
    ) -> tuple[Summary, Origin]:
        """Judge a call of which nothing is known by its name and its receiver."""
        function = node.func
        if not isinstance(function, ast.Attribute):
            return self._unknown(node, body, body.said(node))
        name = function.attr
        owner = body.value(function.value)
        origin = body.origins.of(function.value)
        plain = body.plain(function.value)
        if owner is not None and owner.kind in _CONTAINERS:
            plain = max(plain, CONTAINER)
        gathered = Gathered()
        if (
            isinstance(function.value, ast.Call)
            and dotted(function.value.func) == "super"
        ):
            return self._above(body, node, use)
        if (
            plain == UNKNOWN
            and name in _OF_THE_LOOP
            and not self.effects.is_defined(name)
        ):
            what = body.said(node)
            item = Item(what, body.path, node.lineno)
            for each in self._done_with(item, origin):
                gathered.add("loop", each)
            if self.effects.awaits and name == "run_in_executor":
                self._in_thread(gathered, body, node, name)
            return gathered.summary(False, OWN), SOMETHING
        if plain == LIBRARY:
            self._mark(gathered, body, origin, WRITTEN, node.lineno)
            return gathered.summary(False, OWN), OWN
        own = plain != UNKNOWN or not self.effects.is_defined(name)
        arguments = [body.origins.of(each) for each in node.args]
        if own and name in (MUTATORS if plain else _ADDERS):
            self._mark(gathered, body, origin, WRITTEN, node.lineno)
            given = either([origin.then("[*]"), *arguments[-1:]])
            return gathered.summary(False, OWN), given
        if plain == PLAIN or (plain and name in _OF_CONTAINERS | _OF_TEXTS):
            self._mark(gathered, body, origin, ITERATED, node.lineno)
            if plain == PLAIN or name in _OF_TEXTS - _OF_CONTAINERS:
                return gathered.summary(False, OWN), origin._replace(plain=PLAIN)
            element = either([origin.then("[*]"), *arguments[1:2]])
            if name == "get":
                return gathered.summary(False, OWN), element
            return gathered.summary(False, OWN), holding(
                [origin.then("[*]")], CONTAINER
            )
        if own and name in _TELLING and not _may_be_coder(function):
            self._mark(gathered, body, origin, ITERATED, node.lineno)
            if name in ("items", "keys", "values"):
                return gathered.summary(False, OWN), holding(
                    [origin.then("[*]")], CONTAINER
                )
            return gathered.summary(False, OWN), TEXT
        unknown = Item(body.said(node), body.path, node.lineno)
        return Summary(unknown=tuple(self._done_with(unknown, origin))), SOMETHING

    def _above(self, body: Body, node: ast.Call, use: f.Use) -> tuple[Summary, Origin]:
        """Judge `super().name()` that no class of the project has."""
        owner = body.effects.project.enclosing(body.path, body.scope, (f.CLASS,))
        if owner >= 0:
            line = body.values.classes.line(body.path, owner)
            if all(
                each is not None
                and (each.kind == CLASS or self._is_harmless(each.name))
                for each in line
            ):
                if use.name.endswith((".__setattr__", ".__delattr__")):
                    first = ast.Name(body.scopes_of(body.path)[body.scope].first)
                    gathered, first.lineno = Gathered(), node.lineno
                    origin = body.origins.names.get(first.id, SOMETHING)
                    self._set(gathered, body, [first, *node.args], origin)
                    return gathered.summary(False, OWN), OWN
                return EMPTY, OWN
        return self._unknown(node, body, use.name)

    def _unknown(self, node: ast.Call, body: Body, what: str) -> tuple[Summary, Origin]:
        item = Item(what, body.path, node.lineno)
        return Summary(unknown=(item,)), SOMETHING


def _may_be_coder(function: ast.Attribute) -> bool:
    """Tell whether `x.y.decode` may be what decodes a stream, or a tokenizer's.

    These have a state, and are kept as attributes; what is no text yet rarely is.
    """
    return function.attr in ("decode", "encode") and isinstance(
        function.value, ast.Attribute
    )
