"""Say in words what is known of a name, and where the knowing ends.

For people who ask why a call is not followed: `self.client is not known: no
constructor, annotation or assignment in Api says what it is`. The code is asked
step by step from the left until a step has no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from asyncfix import facts as f
from asyncfix.reach import Reach
from asyncfix.steps import split
from asyncfix.value import (
    CLASS,
    CONTEXT,
    COROUTINE,
    FUNCTION,
    ITERATOR,
    MAPPING,
    MODULE,
    NOTHING,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
    PARTIAL,
    TUPLE,
    Value,
)
from asyncfix.ways import named

_PLAIN = {
    COROUTINE: "something to await",
    ITERATOR: "a collection",
    CONTEXT: "a context manager",
    TUPLE: "a tuple",
    MAPPING: "a mapping",
    PARTIAL: "a functools.partial",
    NOTHING: "None",
}
_WRAPPED = {
    "!": "(await {})",
    "[]": "{}[...]",
    "*": "an item of {}",
    "**": "an item of {}",
    "@": "what `with {}` gives",
    "@@": "what `async with {}` gives",
    "/": "{} / ...",
}


def gap(reach: Reach, path: str, scope: int, said: str, most: int = 4) -> str:
    """Say where the knowledge of a name that is not known ends, and why.

    At most `most` other names are asked on the way.
    """
    root, steps = split(said)
    if root == "?":
        return "it is called on an expression that is not followed"
    value = reach.values.of(path, scope, root)
    so_far = root
    if value is None:
        return f"{root} is not known: {_unknown_name(reach, path, scope, root, most)}"
    for step in steps:
        after = reach.values.of(path, scope, so_far + step)
        if after is None or after.kind == NOTHING:
            reason = _no_step(reach, value, step, most)
            words = spoken(so_far)
            is_what = (
                "" if value.kind == NOTHING else f" ({words} is {shown(reach, value)})"
            )
            return f"{spoken(so_far + step)} is not known: {reason}{is_what}"
        value, so_far = after, so_far + step
    return f"{spoken(said)} is {shown(reach, value)}"


def spoken(said: str) -> str:
    """Give a name with steps as people write it."""
    if not said or said[0] in "?%:" or "|" in said:
        return said.lstrip(":") if said[:1] == ":" else "an expression"
    root, steps = split(said)
    words = root
    for step in steps:
        if step[0] == "#":
            words = f"item {step[1:]} of {words}"
        else:
            words = _WRAPPED.get(step, f"{{}}{step}").format(words)
    return words


def shown(reach: Reach, value: Value) -> str:
    """Say what a value is: `an object of class Api (api.py:3)`."""
    kind = value.kind
    if kind == MODULE:
        return f"the module {value.name}"
    if kind == OUTSIDE:
        return value.name
    if kind == OUTSIDE_OBJECT:
        return f"an object of {value.name}"
    if kind in (CLASS, OBJECT, FUNCTION):
        line = reach.project.files[value.path].scopes[value.scope].line
        name = named(reach, (value.path, value.scope))
        what = {CLASS: "class", OBJECT: "an object of class", FUNCTION: "function"}
        return f"{what[kind]} {name} ({value.path}:{line})"
    return _PLAIN.get(kind, "something known")


def _unknown_name(reach: Reach, path: str, scope: int, name: str, most: int) -> str:
    project = reach.project
    found = project.visible(path, scope, name)
    if found:
        return _unknown_binding(reach, path, found, most)
    if "*" in project.names(path, 0):
        return "some `import *` of this file may bring it"
    return "nothing in this file gives it a value"


def _unknown_binding(
    reach: Reach, path: str, found: Sequence[f.Binding], most: int
) -> str:
    """Say why what gives a name its value does not say what it is."""
    lines = sorted({each.line for each in found})
    if len(found) > 1:
        places = ", ".join(map(str, lines[:5]))
        return f"it gets values in several places (lines {places}) that do not agree"
    (one,) = found
    where, target = f"line {one.line}", one.target
    if one.kind in (f.IMPORT, f.FROM):
        words = target.replace(":", ".")
        return f"{words}, imported on {where}, leads to nothing that is certain"
    if one.kind in (f.DEF, f.CLASSDEF):
        return f"it is defined on {where}, but not only there"
    if target[:1] == ":":
        return f"its annotation `{target[1:]}` on {where} says nothing that is known"
    if one.kind == f.PARAMETER:
        return f"the parameter on {where} has no annotation"
    if re.match(r"\w", target):
        said = f"it is {spoken(target)} since {where}"
        if most and reach.values.of(path, one.scope, target) is None:
            return f"{said}; {gap(reach, path, one.scope, target, most - 1)}"
        return said
    return f"what it gets on {where} is not followed"


def _no_step(reach: Reach, value: Value, step: str, most: int) -> str:
    """Say why a step from something known leads nowhere."""
    kind = value.kind
    if step == "()":
        if kind == FUNCTION:
            made = reach.values.functions.made_by_decorators(value)
            if made in ("unknown", "replaces"):
                return "what its decorators make of it is not known"
            return "no annotation says what it returns, nor do its returns"
        return "nothing says what calling it gives"
    if step[0] != ".":
        return "nothing says what is in it"
    if kind == MODULE:
        return f"{value.name} binds no such name"
    if kind in (CLASS, OBJECT):
        return _no_member(reach, value, step[1:], most)
    return "nothing says what it is"


def _no_member(reach: Reach, value: Value, name: str, most: int) -> str:
    values, project = reach.values, reach.project
    owner = named(reach, (value.path, value.scope))
    for each in values.classes.line(value.path, value.scope):
        if each is None:
            return f"a base class of {owner} is not known"
        if each.kind == OUTSIDE:
            if not values.backend.is_class(each.name):
                return f"the base class {each.name} of {owner} is not known"
            continue
        found = list(project.names(each.path, each.scope).get(name))
        for binding in project.files[each.path].attributes:
            if binding.name.partition(".")[2] == name:
                around = project.enclosing(each.path, binding.scope, (f.CLASS,))
                if around == each.scope:
                    found.append(binding)
        if found:
            said = _unknown_binding(reach, each.path, found, most)
            same = each.path == value.path
            return said if same else f"{said} of {each.path}"
    return f"no constructor, annotation or assignment in {owner} says what it is"
