"""What a call in a function touches: the project's functions, libraries, the unknown."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.changes import MUTATORS
from asyncfix.effects_own import OwnCalls
from asyncfix.touches import (
    CONTAINER,
    EMPTY,
    ITERATED,
    LIBRARY,
    OWN,
    PLAIN,
    SOMETHING,
    TEXT,
    UNKNOWN,
    WRITTEN,
    Gathered,
    Item,
    Origin,
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
_HANDED = ("key", "default_factory", "func", "function", "object_hook", "default")


class Calls(OwnCalls):
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
        if name == "__next__" and not node.args:
            stop = Item(f"{body.said(node)}()", body.path, node.lineno)
            gathered.add("stops", stop)
            self._mark(gathered, body, origin, WRITTEN, node.lineno)
            return gathered.summary(False, OWN), origin.then("[*]")
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


def _may_be_coder(function: ast.Attribute) -> bool:
    """Tell whether `x.y.decode` may be what decodes a stream, or a tokenizer's.

    These have a state, and are kept as attributes; what is no text yet rarely is.
    """
    return function.attr in ("decode", "encode") and isinstance(
        function.value, ast.Attribute
    )
