"""May a function get one more parameter? Who else decides how it is called?"""

from __future__ import annotations

from asyncfix import Context, Doubt, Place, Reference
from asyncfix_codemods._session_handed import is_only_called
from asyncfix_codemods._session_refusals import refusal

# Decorators that pass on whatever arguments they are called with.
_NEUTRAL = frozenset(
    (
        "builtins.classmethod",
        "builtins.staticmethod",
        "tenacity.retry",
        "typing.final",
        "typing.override",
        "typing_extensions.final",
        "typing_extensions.override",
    )
)
_NEUTRAL_STARTS = ("backoff.on_",)
_NEUTRAL_OF_CLASSES = frozenset(
    ("dataclasses.dataclass", "attr.s", "attr.define", "attrs.define", "typing.final")
)
# Bases that call no method of their own accord but their hooks.
_DATA = frozenset(("pydantic.BaseModel", "pydantic.main.BaseModel", "msgspec.Struct"))
# They keep a function and call it with arguments of their own.
_TAKERS = frozenset(("builtins.map", "functools.partial"))
_WRITE_IT = "write the optional parameter by hand, and see to that caller"


def signature_is_free(context: Context, place: Place) -> Doubt | None:
    """Give a doubt where a function may not get an optional keyword parameter.

    `context` stands in the function that `place` names. Asks the definition alone:
    `uses_allow` asks the rest.
    """
    function, users = context.function, context.model.users
    name = function.name
    for decorator in users.scope(place).decorators:
        doubt = _decorated(context, place, decorator)
        if doubt is not None:
            return doubt
    if name.startswith("__") and name.endswith("__"):
        return owned(f"Python itself calls {name}")
    if context.in_tests() and name.startswith("test"):
        return owned(f"pytest decides the parameters of {name}")
    defined = context.project.names(place[0], users.scope(place).parent).get(name)
    if len(defined) > 1:
        return owned(f"{name} is defined more than once (line {defined[0].line})")
    doubt = _in_class(context, place)
    if doubt is not None:
        return doubt
    if function.args.kwarg is not None:
        return refusal(
            "session-kwargs",
            f"{name} takes **{function.args.kwarg.arg}: a `session` in it would be "
            "taken for the parameter",
            "name the arguments one by one",
        )
    return None


def uses_allow(context: Context, place: Place) -> Doubt | None:
    """Give a doubt where something else than calls is done with a function."""
    users = context.model.users
    name = users.scope(place).name
    for path, line in users.stand_ins(place[0], name):
        return refusal(
            "session-faked",
            f"{path}:{line} puts a stand-in in the place of {name}, which takes no "
            "session",
            "change the stand-in with it",
        )
    others = users.others(place)
    if others is None:
        return refusal(
            "session-callers",
            f"{name} is a name of very many files: its uses are not told apart",
            _WRITE_IT,
        )
    for each in others:
        if each.kind == "passed" and is_only_called(context, each):
            continue
        doubt = _used(name, each)
        if doubt is not None:
            return doubt
    return None


def owned(reason: str) -> Doubt:
    """Give the refusal for a function that somebody else calls."""
    advice = "keep one session where that starts and stops instead"
    return refusal("session-owned", reason, advice)


def _decorated(context: Context, place: Place, decorator: str) -> Doubt | None:
    users, path = context.model.users, place[0]
    name = users.scope(place).name
    known = users.outside(path, users.scope(place).parent, decorator)
    if known in _NEUTRAL or known.startswith(_NEUTRAL_STARTS):
        return None
    if "cache" in decorator.rpartition(".")[2].lower():
        return refusal(
            "session-owned",
            f"@{decorator} keeps results by the arguments: the session would be one",
            "open the session round what calls it",
        )
    return owned(f"@{decorator} decides how {name} is called")


def _in_class(context: Context, place: Place) -> Doubt | None:
    """Find classes above and below that share the method with its own."""
    users, path = context.model.users, place[0]
    bases = users.bases(place)
    if bases is None:
        return None
    name = users.scope(place).name
    owner = context.project.files[path].scopes[users.scope(place).parent]
    for decorator in owner.decorators:
        known = users.outside(path, owner.parent, decorator)
        if known not in _NEUTRAL_OF_CLASSES:
            return owned(f"@{decorator} decides how {owner.name}.{name} is called")
    for base in bases:
        if base is not None and base.name in _DATA:
            continue
        if base is None or not base.path:
            said = base.name if base else " or ".join(owner.bases)
            return owned(f"{owner.name} is a {said}, which may call {name}")
    above = users.inherits(place)
    if above is not None:
        return refusal(
            "session-override",
            f"{owner.name}.{name} overrides the one at {above[0]}:{above[1]}, which "
            "has no such parameter",
            "give all of them the parameter",
        )
    return None


def _used(name: str, use: Reference) -> Doubt | None:
    where = f"{use.path}:{use.line}"
    if use.kind == "overridden":
        return refusal(
            "session-override",
            f"{name} is overridden at {where} without the parameter",
            "give all of them the parameter",
        )
    if use.kind == "patched":
        return refusal(
            "session-faked",
            f"{where} patches {use.by}",
            "change the test with it",
        )
    if use.kind == "registered":
        return owned(f"{use.by} takes {name} at {where} and calls it")
    if use.kind in ("offloaded", "exported") or use.by in _TAKERS:
        return None
    if use.kind in ("decorated",):
        return None  # asked by its name above
    by = f" to {use.by}" if use.by else ""
    return owned(
        f"{name} is handed on{by} at {where}, where its parameters may be looked at"
    )
