"""What is this object? Values of names with steps, over the whole project.

A value is what the code says a thing is: a module, a class or a function of
the project, an object of a class, something of a library. It follows imports,
constructors, `with ... as`, annotations, returns, `self.x` over the class and
its bases, unpacking and aliases. None is no answer, and comes wherever two
answers are possible: an object is never guessed.
"""

from __future__ import annotations

from asyncfix import facts as f
from asyncfix.annotations import Annotations
from asyncfix.backend import TypeBackend
from asyncfix.bindings import Bindings
from asyncfix.classes import Classes
from asyncfix.functions import Functions
from asyncfix.link import Project
from asyncfix.steps import parse_annotation, split
from asyncfix.value import (
    CLASS,
    CONTEXT,
    COROUTINE,
    FUNCTION,
    ITERATOR,
    MAPPING,
    MODULE,
    NONE,
    NOTHING,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
    PARTIAL,
    TUPLE,
    Value,
    outside_type,
    same,
)

# What a text starts with that is no name with steps.
_MARKS = ("?", ":", "%", "=", "")
# Deeper than this, nothing is known any more.
_DEEPEST = 60
# A name that leads back to itself in more ways than this is not known.
_MOST_CIRCLES = 100


class Values:
    """The values of a project, worked out when they are first asked for."""

    def __init__(self, project: Project, backend: TypeBackend) -> None:
        self.project = project
        self.backend = backend
        self.bindings = Bindings(self)
        self.functions = Functions(self)
        self.classes = Classes(self)
        self.annotations = Annotations(self)
        self._depth = 0
        self.circles = 0
        """How often something led back to itself: then answers may lack a part."""
        self._first_circle = 0
        self._busy: set[tuple[str, int, str]] = set()

    # -- names with steps ---------------------------------------------------

    def of(self, path: str, scope: int, said: str) -> Value | None:
        """Give the value of a name with steps, as it is read in a scope."""
        facts = self.project.files[path]
        memo = facts.memo
        key = "value", scope, said
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]  # as it was put there
        if scope > 0 and said[:1] not in _MARKS and not _is_of_scope(said):
            outer = self._owner(facts, scope, split(said)[0])
            if outer != scope:
                # Read further out, it is the same for all functions of the file.
                return self._read(path, outer, said)
        return self._found(path, scope, said)

    def _read(self, path: str, scope: int, said: str) -> Value | None:
        """Give the same in the scope that binds the name, so that it is not looked for."""
        memo = self.project.files[path].memo
        key = "value", scope, said
        return memo[key] if key in memo else self._found(path, scope, said)

    def _found(self, path: str, scope: int, said: str) -> Value | None:
        busy = path, scope, said
        if busy in self._busy:
            self.circles += 1
            return NONE  # what leads back to itself adds nothing
        if not self._busy:
            self._first_circle = self.circles
        if self._depth >= _DEEPEST or self.circles - self._first_circle > _MOST_CIRCLES:
            self.circles += 1
            return None
        self._busy.add(busy)
        self._depth += 1
        circles = self.circles
        try:
            found = self._of(path, scope, said)
        finally:
            self._depth -= 1
            self._busy.discard(busy)
        if circles == self.circles or not self._busy:
            # In the middle of a circle an answer may lack a part.
            self.project.files[path].memo["value", scope, said] = found
        return found

    def _of(self, path: str, scope: int, said: str) -> Value | None:
        if not said or said[0] == "?":
            return None
        if said[0] == ":":
            return self.annotations.object_of(path, scope, parse_annotation(said[1:]))
        if said[0] == "%":
            return self._partial(path, scope, said)
        if said[0] == "=":
            return self.annotations.alias(path, scope, said[1:])
        if "|" in said:
            return same(self.of(path, scope, each) for each in said.split("|"))
        if said == "None":
            return NONE
        root, steps = split(said)
        if not steps:
            return self.bindings.of(path, scope, root)
        # The part before the last step is remembered, too: others go on from it.
        circles = self.circles
        look_up = self._read if root != "super" else self.of
        value = look_up(path, scope, said[: -len(steps[-1])])
        if said == "super()" and value and value.name == "builtins.super":
            return self.classes.above(path, scope)
        if value is None:
            return None
        if value.kind == NOTHING:
            # `x = x.parent` adds nothing to what x is; `None.parent` is a mistake.
            return NONE if circles != self.circles else None
        last = steps[-1]
        if last[0] == ".":
            if self._patched(path, value, last[1:]):
                return None
            if value.kind == OUTSIDE:
                return self._in_outside(path, value.name + last)
        return self._step(value, last)

    def _patched(self, path: str, owner: Value, name: str) -> bool:
        """Tell whether a file sets an attribute that is not its own, as in `a.b = c`.

        Looked at are the file that reads it and the one that defines it.
        """
        places = (path,) if owner.path in ("", path) else (path, owner.path)
        for place in places:
            memo = self.project.files[place].memo
            known: dict[str, list[f.Patch]] | None = memo.get("patched")
            if known is None:
                known = memo["patched"] = {}
                for patch in self.project.files[place].patches:
                    last = patch.target.rpartition(".")[2]
                    if patch.scope >= 0:
                        known.setdefault(last, []).append(patch)
            for patch in known.get(name, ()):
                said = patch.target.rpartition(".")[0]
                found = said and self.of(place, patch.scope, said)
                if found and _is_same_thing(found, owner):
                    return True
        return False

    def _in_outside(self, path: str, full: str) -> Value | None:
        """Give an attribute of what is no file: of a folder that has files, too."""
        paths = self.project.imported(path, full)
        if paths:
            return Value(MODULE, full, paths[0]) if len(paths) == 1 else None
        return Value(OUTSIDE, full)

    def _owner(self, facts: f.Facts, scope: int, root: str) -> int:
        """Give the scope that a name is bound in as seen from one; 0 if in none."""
        if root in facts.names(scope):
            return scope
        scopes = facts.scopes
        if scopes[scope].kind == f.CLASS:
            return scope  # what is not bound there may be, in other ways
        outer = scopes[scope].parent
        while outer > 0:
            if scopes[outer].kind != f.CLASS and root in facts.names(outer):
                return outer
            if scopes[outer].kind == f.CLASS and scopes[scope].kind != f.FUNCTION:
                return scope  # a lambda or comprehension in the body of a class
            outer = scopes[outer].parent
        return 0

    def _partial(self, path: str, scope: int, said: str) -> Value | None:
        """Follow `functools.partial(f, ...)`; called, it is f that is called."""
        _, maker, function = said.split("%", 2)
        made = self.of(path, scope, maker)
        if made is None or made.name not in (
            "functools.partial",
            "functools.partialmethod",
        ):
            return None
        value = self.of(path, scope, function)
        return value and Value(PARTIAL, inner=(value,))

    # -- names --------------------------------------------------------------

    # -- steps --------------------------------------------------------------

    def _step(self, value: Value, step: str) -> Value | None:
        if step[0] == ".":
            return self.attribute(value, step[1:])
        if step == "()":
            return self.call(value)
        inner = value.inner
        if step == "!":
            return inner[0] if value.kind == COROUTINE and inner else None
        if step in ("*", "**"):
            if value.kind in (ITERATOR, MAPPING) and inner:
                return inner[0]
            return self._special(value, "__iter__", "__aiter__")
        if step == "@":
            return self._entered(value, "__enter__")
        if step == "@@":
            return self._entered(value, "__aenter__")
        if step[0] == "#":
            place = int(step[1:])
            if value.kind == TUPLE and place < len(inner):
                return inner[place]
            return None
        if step == "[]":
            if value.kind in (ITERATOR, MAPPING) and inner:
                return inner[-1]
            if value.kind in (CLASS, OUTSIDE):
                return value  # a generic class with its parameters
            return None
        if value.kind == OUTSIDE_OBJECT and step == "/":
            return self.typed(
                self.backend.returns(f"{value.name}.__truediv__"), value.name
            )
        return None

    def _special(self, value: Value, *names: str) -> Value | None:
        if value.kind == OUTSIDE_OBJECT:
            said = self.backend.returns(f"{value.name}.{names[0]}")
            found = self.typed(said, value.name)
            return found.inner[0] if found and found.inner else None
        return None

    def _entered(self, value: Value, method: str) -> Value | None:
        if value.kind == CONTEXT:
            return value.inner[0] if value.inner else None
        if value.kind == OUTSIDE_OBJECT:
            said = self.backend.returns(f"{value.name}.{method}")
            return self.typed(said, value.name) if said else value
        if value.kind == COROUTINE and method == "__aenter__":
            # Such as aiohttp's request: awaited or entered, it gives the same.
            return value.inner[0] if value.inner else None
        if value.kind == OBJECT:
            found = self.attribute(value, method)
            if found is None or found.kind != FUNCTION:
                return None
            given = self.call(found)
            if given is not None and given.kind == COROUTINE:
                given = given.inner[0] if given.inner else None
            return given
        return None

    # -- attributes ---------------------------------------------------------

    def attribute(self, value: Value, name: str) -> Value | None:
        """Give the value of an attribute of a value."""
        kind = value.kind
        if kind == OUTSIDE:
            return Value(OUTSIDE, f"{value.name}.{name}")
        if kind == MODULE:
            names = self.project.names(value.path, 0)
            if name in names or "*" in names:
                return self.of(value.path, 0, name)
            return self._submodule(value, name)
        if kind == OUTSIDE_OBJECT:
            full = f"{value.name}.{name}"
            said = self.backend.attribute(full)
            return self.typed(said, value.name) if said else Value(OUTSIDE, full)
        if kind in (OBJECT, CLASS):
            return self.classes.member(value, name)
        if kind == MAPPING and name in ("get", "pop", "setdefault", "values", "items"):
            return self._of_mapping(value, name)
        return None

    def _submodule(self, value: Value, name: str) -> Value | None:
        package = self.project.module_name(value.path)
        for full in dict.fromkeys((f"{package}.{name}", f"{value.name}.{name}")):
            paths = self.project.imported(value.path, full)
            if len(paths) == 1:
                return Value(MODULE, full, paths[0])
        return None

    def _of_mapping(self, value: Value, name: str) -> Value:
        key, given = value.inner
        if name == "values":
            result = Value(ITERATOR, inner=(given,))
        elif name == "items":
            result = Value(ITERATOR, inner=(Value(TUPLE, inner=(key, given)),))
        else:
            return Value(PARTIAL, inner=(Value(CONTEXT, inner=(given,)),))
        return Value(PARTIAL, inner=(result,))

    # -- calls --------------------------------------------------------------

    def call(self, value: Value) -> Value | None:
        """Give the value of what calling a value gives."""
        kind = value.kind
        if kind == CLASS:
            return Value(OBJECT, path=value.path, scope=value.scope)
        if kind == FUNCTION:
            return self.result(value)
        if kind == PARTIAL:
            (inner,) = value.inner
            if inner is None or inner.kind in (ITERATOR, TUPLE):
                return inner
            if inner.kind == CONTEXT:
                return inner.inner[0]
            return self.call(inner)
        if kind == OUTSIDE:
            return self._outside_result(value.name)
        if kind == OBJECT:
            found = self.classes.member(value, "__call__")
            return self.call(found) if found and found.kind == FUNCTION else None
        return None

    def _outside_result(self, name: str) -> Value | None:
        if name == "builtins.super":
            return None
        owner, _, last = name.rpartition(".")
        said = self.backend.returns(name)
        awaitable = self.backend.asynchronous(name) in ("coroutine", "future")
        if said is not None:
            found = self.typed(said, owner)
            return Value(COROUTINE, inner=(found,)) if awaitable else found
        if awaitable:
            return Value(COROUTINE, inner=(None,))
        if last[:1].isupper() and not last.isupper():
            # By its name a class. Nothing is known of it but who it is.
            return Value(OUTSIDE_OBJECT, self.backend.canonical(name))
        return None

    def result(self, function: Value) -> Value | None:
        """Give what calling a function of the project gives."""
        return self.functions.result(function)

    def typed(self, said: str | None, owner: str) -> Value | None:
        """Give the value that a type of the backend names."""
        if said is None:
            return None
        return outside_type(parse_annotation(said), owner)


def _is_same_thing(one: Value, other: Value) -> bool:
    """Tell whether what is set on one is read from the other, too."""
    if one.kind in (CLASS, OBJECT) and other.kind in (CLASS, OBJECT):
        return one.path == other.path and one.scope == other.scope
    return one == other


def _is_of_scope(said: str) -> bool:
    """Tell whether a text means something else in each scope it is read in."""
    return "|" in said or said.startswith("super()")
