"""Classes whose methods may be others than those they are written with."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Doubt, Level, Model, Place, Value


def doubts(model: Model, place: Place, name: str) -> Iterator[Doubt]:
    """Find what may put other methods in the place of those that a class is written with.

    Asked are the class and its bases in the project, the latter only for what of it
    works on classes below: a metaclass, `__init_subclass__`, `__getattribute__`.
    """
    path, index = place
    owner = model.project.files[path].scopes[index].parent
    for klass in model.values.classes.line(path, owner):
        if klass is None or not klass.path:
            continue
        names = model.project.names(klass.path, klass.scope)
        said = "__getattribute__" if "__getattribute__" in names else ""
        for binding in names.get("__init_subclass__"):
            at = model.values.bindings.defined(klass.path, binding)
            below = (klass.path, klass.scope) != (path, owner)
            if below and _works_on_methods(model, (klass.path, at)):
                said = "__init_subclass__"
        said = said or _metaclass(model, klass)
        if said:
            line = model.project.files[klass.path].scopes[klass.scope].line
            yield Doubt(
                "await-unsure",
                Level.MANUAL,
                f"{said} of {klass.path}:{line} may make something else of {name}",
                f"see what {said} makes of coroutine functions",
            )
            return


def _works_on_methods(model: Model, place: Place) -> bool:
    """Tell whether a function asks what is a coroutine, or sets members by name."""
    read = model.reader.function(*place) if place[1] >= 0 else None
    if read is None:
        return True
    given = {each.arg for each in ast.walk(read[1].args) if isinstance(each, ast.arg)}
    for node in ast.walk(read[1]):
        said = getattr(node, "attr", "") or getattr(node, "id", "")
        if said in ("iscoroutinefunction", "setattr", "__setattr__"):
            return True
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            if getattr(node.value, "id", "") in given:
                return True
    return False


def _metaclass(model: Model, klass: Value) -> str:
    """Give the metaclass of a class, where it is the project's and works on methods."""
    made = model.effects.singles.metaclass(klass)
    if made is None:
        return ""
    names = model.project.names(made.path, made.scope)
    for method in ("__new__", "__init__", "__call__", "__prepare__"):
        for each in names.get(method):
            at = model.values.bindings.defined(made.path, each)
            if _works_on_methods(model, (made.path, at)):
                return model.project.files[made.path].scopes[made.scope].name
    return ""
