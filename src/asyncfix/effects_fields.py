"""What making an object of a data class runs: the factories of its fields."""

from __future__ import annotations

from collections.abc import Callable

from asyncfix import facts as f
from asyncfix.value import CLASS, FUNCTION, OBJECT, OUTSIDE, Value
from asyncfix.values import Values

# https://docs.python.org/3/library/dataclasses.html and https://www.attrs.org, whose
# old names are `attr.s` and `attr.ib`.
_DECORATORS = frozenset(
    ("attributes", "attrs", "dataclass", "define", "frozen", "mutable", "s")
)
_FIELDS = frozenset(("Factory", "attrib", "field", "ib"))


def run_by_fields(
    values: Values, made: Value, is_harmless: Callable[[str], bool]
) -> list[Value]:
    """Give the functions of the project that are called, lambdas among them.

    They are all that is handed to `field(...)` in the class and its bases: a factory
    most of the time, or a validator, or a converter. Those of a library are left out.
    `is_harmless` tells of a library's function whether a lambda may call it.
    """
    found: dict[Value, None] = {}
    todo, seen = [made], {made}
    while todo:
        value = todo.pop()
        for owner in values.classes.line(value.path, value.scope):
            if owner is None or owner.kind != CLASS:
                continue
            for each in _handed(values, owner, is_harmless):
                if each.kind == FUNCTION:
                    found[each] = None
                elif each not in seen:
                    seen.add(each)
                    todo.append(each)
                    found.update(dict.fromkeys(makers(values, each)))
    return list(found)


def makers(values: Values, made: Value, *more: str) -> list[Value]:
    """Give the methods of a class of the project that run when an object is made.

    And `more` methods, by name.
    """
    of = made._replace(kind=OBJECT)
    names = ("__new__", "__init__", "__post_init__", *more)
    found = [values.attribute(of, name) for name in names]
    return [each for each in found if each is not None and each.kind == FUNCTION]


def _handed(
    values: Values, owner: Value, is_harmless: Callable[[str], bool]
) -> list[Value]:
    facts = values.project.files[owner.path]
    scopes = facts.scopes
    named = (d.partition("(")[0] for d in scopes[owner.scope].decorators)
    if _DECORATORS.isdisjoint(each.rpartition(".")[2] for each in named):
        return []
    spans = [
        ((use.line, use.col), (use.end_line, use.end_col))
        for use in facts.calls_in((owner.scope,))
        if use.name.rpartition(".")[2] in _FIELDS
    ]
    found: list[Value] = []
    for index, each in enumerate(scopes):
        if each.kind == f.LAMBDA and each.parent == owner.scope:
            if any(start[0] <= each.line <= end[0] for start, end in spans):
                found += _in_lambda(values, owner.path, index, is_harmless)
    for use in facts.references_in((owner.scope,)):
        place = use.line, use.col
        if any(start < place < end for start, end in spans):
            value = values.of(owner.path, owner.scope, use.name)
            if value is not None and value.kind in (FUNCTION, CLASS):
                found.append(value)
    return found


def _in_lambda(
    values: Values, path: str, scope: int, is_harmless: Callable[[str], bool]
) -> list[Value]:
    """Give what a lambda calls, or itself, which nobody can follow."""
    found = []
    for use in values.project.files[path].calls_in((scope,)):
        value = values.of(path, scope, use.name)
        if value is not None and value.kind in (FUNCTION, CLASS):
            found.append(value)
        elif value is None or value.kind != OUTSIDE or not is_harmless(value.name):
            return [Value(FUNCTION, path=path, scope=scope)]
    return found
