"""May a function become a coroutine function? Who else has a say in what it is?"""

from __future__ import annotations

from collections.abc import Iterator

from asyncfix import Context, Doubt, Level, Place

# They call a coroutine function as they call a sync one, or switch by themselves
# (tenacity and backoff; tried: lru_cache and hand-written retries break).
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
_BY_HAND = "see to that use by hand first"


def definition(context: Context, place: Place) -> Iterator[Doubt]:
    """Doubt a function for what its own definition says; the first decides."""
    users, (path, _) = context.model.users, place
    function = users.scope(place)
    name = function.name
    project = context.project
    if name.startswith("__") and name.endswith("__"):
        yield _no("colour-kind", f"Python itself calls {name}")
    elif function.yields:
        yield _no("colour-kind", f"{name} is a generator")
    elif len(project.names(path, function.parent).get(name)) != 1:
        yield _no("colour-kind", f"{name} is defined more than once in {path}")
    else:
        for decorator in function.decorators:
            known = users.outside(path, function.parent, decorator)
            if known not in _NEUTRAL and not known.startswith(_NEUTRAL_STARTS):
                yield _no("O1", f"@{decorator} decides how {name} is called")
                return
        yield from _in_class(context, place)


def _in_class(context: Context, place: Place) -> Iterator[Doubt]:
    """Doubt a method that classes above or below have a say in."""
    users, (path, _) = context.model.users, place
    bases = users.bases(place)
    if bases is None:
        return
    name = users.scope(place).name
    owner = context.project.files[path].scopes[users.scope(place).parent]
    for decorator in owner.decorators:
        if users.outside(path, owner.parent, decorator) not in _NEUTRAL_OF_CLASSES:
            yield _no("O1", f"@{decorator} decides how {owner.name}.{name} is called")
            return
    for base in bases:
        if base is None or not base.path:
            said = base.name if base else " or ".join(owner.bases)
            yield _no("V1", f"{owner.name} is a {said}, which may call {name}")
            return
    above = users.inherits(place)
    if above is not None:
        yield _no("V1", f"{name} overrides the one at {above[0]}:{above[1]}")


def uses(context: Context, place: Place) -> Iterator[Doubt]:
    """Doubt a function for what else than calls is done with it; the first decides."""
    users, mentions = context.model.users, context.model.mentions
    name = users.scope(place).name
    for path, line in users.stand_ins(place[0], name):
        yield _no("V1", f"{path}:{line} puts a stand-in in the place of {name}")
        return
    others = users.others(place)
    if others is None:
        yield _no("V1", f"{name} is a name of very many files")
        return
    for each in others:
        if each.kind != "decorated":
            how = {"passed": "passed on", "other": "used as a value"}
            said = how.get(each.kind, each.kind)
            yield _no("V1", f"{name} is {said} at {each.path}:{each.line}")
            return
    for path, files in context.project.files.items():
        if name in files.exported and users.meant(path, 0, name) == place:
            yield _no("V1", f"{name} is exported by {path}")
            return
    file = mentions.starts_with(place)
    if file:
        yield _no("V1", f"{file} names {name} as something to start")
        return
    found = mentions.stub(place)
    if found is not None:
        yield Doubt(
            "colour-stub",
            Level.MANUAL,
            f"{found.path}:{found.line} {found.how} ({name})",
            "change the stub with it",
        )
        return
    found = mentions.of(place)
    if found is not None:
        yield _no("V1", f"{found.path}:{found.line} {found.how} ({name})")
        return
    found = mentions.at_run_time(place)
    if found is not None:
        yield Doubt(
            "V1",
            Level.UNSAFE,
            f"{found.path}:{found.line} {found.how} ({name})",
            _BY_HAND,
        )
    elif mentions.is_public(place):
        yield Doubt(
            "colour-public",
            Level.UNSAFE,
            f"the project is built as a package, and others may call {name}",
            f"call it _{name}, or see to its users",
        )


def _no(guard: str, reason: str) -> Doubt:
    return Doubt(guard, Level.MANUAL, reason, _BY_HAND)
