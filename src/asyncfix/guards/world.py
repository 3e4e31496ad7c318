"""E guards: what surrounds the module. Which event loop? Which tests?"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.context import Context, Model, is_test
from asyncfix.guards import trio, workflows
from asyncfix.link import Project
from asyncfix.model import Doubt, Level
from asyncfix.nodes import decorator
from asyncfix.value import OBJECT, OUTSIDE_OBJECT

# Top-level modules of other schedulers. Under them asyncio has no running loop.
_FOREIGN = {
    "trio": "trio",
    "qtrio": "trio",
    "pytest_trio": "trio",
    "quart_trio": "trio",
    "trio_asyncio": "trio",
    "curio": "curio",
    "gevent": "gevent",
    "eventlet": "eventlet",
    "twisted": "twisted",
    "pytest_twisted": "twisted",
    "treq": "twisted",
    "klein": "twisted",
    "uasyncio": "uasyncio",
}
_PAUSES = {
    "trio": "await trio.sleep(...)",
    "curio": "await curio.sleep(...)",
    "gevent": "gevent.sleep(...)",
    "eventlet": "eventlet.sleep(...)",
    "twisted": "await deferLater(reactor, ...)",
    "uasyncio": "await uasyncio.sleep(...)",
}
# Starting one of these anywhere above changes what runs below.
_STARTS = {
    "trio.run": "trio",
    "curio.run": "curio",
    "gevent.monkey.patch_all": "gevent",
    "eventlet.monkey_patch": "eventlet",
}
# What runs a coroutine on Twisted's reactor, which is asyncio's loop only if told so.
# https://docs.twisted.org/en/stable/core/howto/defer-intro.html#coroutines-with-async-await
_DEFERS = ("ensureDeferred", "fromCoroutine")


class _File(NamedTuple):
    """What E1 finds out about one file, whatever the coroutine."""

    importers: list[str]
    foreign: Doubt | None
    started: Doubt | None
    """Whoever imports those that import it starts another scheduler."""
    driven: list[tuple[str, int, str]]
    """Where coroutines are stepped with `.send(None)`: of this name, "" for any."""
    around: Doubt | None
    """The project has a scheduler of its own, or Twisted's, that may run it."""
    trio: Doubt | None
    """anyio may run it on trio, under which only anyio's own calls work."""


def runs_on_asyncio(context: Context) -> Doubt | None:
    """E1: the coroutine is run by asyncio, or by anyio, which is told apart.

    Asks the module, the modules that import it, and whoever above them starts
    another scheduler. Sets `context.framework`.
    """
    return _runs_elsewhere(context) or workflows.runs_in_one(context)


def _runs_elsewhere(context: Context) -> Doubt | None:
    path = context.site.path
    file = context.model.once(("E1", path), partial(_of_file, context))
    if file.foreign is not None:
        return file.foreign
    function = context.facts.scopes[context.site.function]
    if any(mark.endswith("mark.trio") for mark in _marks(context)):
        return _other_loop("trio", path, function.line)
    if file.started is not None:
        return file.started
    for other, line, name in file.driven:
        if name in (function.name, ""):
            return Doubt(
                "E1",
                Level.MANUAL,
                f"{function.name} may be stepped by hand with .send(None) "
                f"at {other}:{line}, where no event loop runs it",
                "leave it, or run it with asyncio.run",
            )
    decorated = _decorated(context)
    if decorated is not None:
        return decorated
    context.framework = _framework(context, file.importers)
    if context.framework == "asyncio" and file.trio is not None:
        return file.trio
    return file.around


def runs_on_asyncio_alone(context: Context) -> Doubt | None:
    """E1-asyncio: E1 for code that is asyncio's own, also where anyio is used.

    A pause of anyio's works on trio, an event loop of asyncio's does not; a workflow's
    loop is an event loop of asyncio's.
    """
    doubt = _runs_elsewhere(context)
    if doubt is None and context.framework == "anyio":
        path = context.site.path
        return context.model.once(("E1", path), partial(_of_file, context)).trio
    return doubt


def _of_file(context: Context) -> _File:
    model, project, path = context.model, context.project, context.site.path
    importers = sorted(project.importers(path))
    near = (path, *importers)
    found = (_foreign(context, other) for other in near)
    foreign = next((each for each in found if each is not None), None)
    above = project.reached_by(path)
    started = None
    for other, line, library in model.once("starts", partial(_starts, project)):
        if started is None and other in above and other not in importers:
            started = _other_loop(library, other, line)
    driven = []
    for other in near:
        for use in project.files[other].driven:
            answers = project.answers(other, use.scope, use.name)
            known = any(answer.name for answer in answers)
            driven.append(
                (other, use.line, use.name.rpartition(".")[2] if known else "")
            )
    around = _run_around(context, above)
    on_trio = trio.may_run(context, above)
    return _File(importers, foreign, started, driven, around, on_trio)


def _decorated(context: Context) -> Doubt | None:
    """Doubt what is wrapped by a decorator from a file that has to do with another loop.

    The decorator may run it there: `return Deferred.fromCoroutine(function())`.
    """
    project, path, scopes = context.project, context.site.path, context.facts.scopes
    index = context.site.function
    while index >= 0:
        scope = scopes[index]
        for name in scope.decorators:
            for answer in project.answers(path, scope.parent, name):
                module = answer.name.rpartition(".")[0]
                for other in project.found(module, path) if module else ():
                    doubt = _foreign(context, other)
                    if doubt is not None:
                        return doubt
        index = scope.parent
    return None


def _run_around(context: Context, above: frozenset[str]) -> Doubt | None:
    """Doubt a file that has to do with what runs coroutines, and names no asyncio."""
    project, path = context.project, context.site.path
    deferred = context.model.once("deferred", partial(_deferred, project))
    stepped = context.model.once("stepped", partial(_stepped, context.model))
    if not (deferred or stepped) or _says_asyncio(context):
        return None
    for other, line in deferred:
        if other in above or path in project.reached_by(other):
            return _other_loop("twisted", other, line)
    for other, line in stepped:
        if other in above or path in project.reached_by(other):
            return Doubt(
                "E1",
                Level.MANUAL,
                f"{other}:{line} runs coroutines itself, and nothing here says that "
                "asyncio runs this one",
                "leave it, or import asyncio in this file if asyncio does",
            )
    return None


def _starts(project: Project) -> list[tuple[str, int, str]]:
    """Give where the project starts another scheduler: file, line, whose."""
    return sorted(
        (path, use.line, _STARTS[name])
        for last in {each.rpartition(".")[2] for each in _STARTS}
        for path, use in project.called_as(last)
        if (name := project.qualified_name(path, use.scope, use.name) or "") in _STARTS
    )


def _deferred(project: Project) -> list[tuple[str, int]]:
    """Give where the project has coroutines run by Twisted."""
    return [
        (path, use.line)
        for last in _DEFERS
        for path, use in project.called_as(last)
        if (project.qualified_name(path, use.scope, use.name) or "")[:8] == "twisted."
    ]


def _stepped(model: Model) -> list[tuple[str, int]]:
    """Give where the project steps coroutines itself: a scheduler of its own.

    `gen = coro().__await__()` and `coro.send(None)`, in nothing that is awaited or
    iterated over in turn. The second may be a generator's or a pipe's: what is known to
    be no coroutine does not count, nor does a file that names asyncio.
    https://docs.python.org/3/reference/datamodel.html#object.__await__
    """
    project, found = model.project, []
    for path, use in project.called_as("__await__"):
        if not is_test(path) and use.role not in (f.FOR, f.HANDED_BACK):
            if not _is_awaitable(project, path, use.scope):
                found.append((path, use.line))
    for path in dict.fromkeys(path for path, _ in project.called_as("send")):
        if is_test(path) or _names_asyncio(project, path):
            continue
        for use in project.files[path].driven:
            meant = model.values.of(path, use.scope, use.name)
            if meant is not None and meant.kind in (OBJECT, OUTSIDE_OBJECT):
                continue
            if not _is_awaitable(project, path, use.scope):
                found.append((path, use.line))
    return found


def _is_awaitable(project: Project, path: str, scope: int) -> bool:
    """Tell whether a scope is code of something that is awaited or stepped itself."""
    scopes = project.files[path].scopes
    inside = scopes[scope]
    if inside.name in ("__await__", "__iter__") or inside.yields:
        return True
    if inside.parent < 0 or not scopes[inside.parent].is_class:
        return False
    names = project.names(path, inside.parent)
    return any(each in names for each in ("__await__", "__next__", "send"))


def _says_asyncio(context: Context) -> bool:
    return _names_asyncio(context.project, context.site.path)


def _names_asyncio(project: Project, path: str) -> bool:
    libraries = project.libraries(path)
    return any(name.partition(".")[0] in ("asyncio", "anyio") for name in libraries)


def _marks(context: Context) -> list[str]:
    """Give the decorators of the coroutine and of what it stands in, and pytest's marks.

    https://docs.pytest.org/en/stable/example/markers.html#marking-whole-classes-or-modules
    """
    marks: list[str] = []
    scopes, index = context.facts.scopes, context.site.function
    while index >= 0:
        marks += scopes[index].decorators
        index = scopes[index].parent
    # From the site up, since a site may stand in no coroutine.
    for node, _ in context.tree.ancestors(context.node):
        if not isinstance(node, (ast.ClassDef, ast.Module)):
            continue
        for statement in getattr(node, "body", ()):
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "pytestmark"
                for target in statement.targets
            ):
                value = statement.value
                marks += map(decorator, getattr(value, "elts", [value]))
    return marks


def _foreign(context: Context, path: str) -> Doubt | None:
    for module, binding in context.project.libraries(path).items():
        library = _FOREIGN.get(module.partition(".")[0])
        if library and not binding.flags & f.TYPE_CHECKING:
            return _other_loop(library, path, binding.line)
    return None


def _other_loop(library: str, path: str, line: int) -> Doubt:
    return Doubt(
        "E1",
        Level.MANUAL,
        f"this module may run on {library} ({path}:{line})",
        f"write `{_PAUSES[library]}`",
    )


def _framework(context: Context, importers: list[str]) -> str:
    """Tell which sleep fits: anyio's works under asyncio and under trio."""
    project, path = context.project, context.site.path
    own = project.libraries(path)

    def plainly(libraries: dict[str, f.Binding], name: str) -> bool:
        return any(
            module.partition(".")[0] == name and not binding.flags
            for module, binding in libraries.items()
        )

    if plainly(own, "anyio"):
        return "anyio"
    if any(name.endswith("mark.anyio") for name in _marks(context)):
        return "anyio"
    if any(module.partition(".")[0] == "asyncio" for module in own):
        return "asyncio"
    users = [other for other in importers if not is_test(other)]
    if any(plainly(project.libraries(other), "anyio") for other in users):
        return "anyio"
    return "asyncio"


def nobody_patches_it(context: Context) -> Doubt | None:
    """E2: no test replaces, by name, the call that goes away, or the clock."""
    doubt = _patched(context, "E2")
    if doubt is not None:
        return doubt
    around = _around(context)
    for path in context.project.replacing():
        facts = context.project.files[path]
        if facts.frozen and path in around:
            return Doubt(
                "E2",
                Level.MANUAL,
                f"{path}:{facts.frozen[0]} freezes the clock: "
                "the event loop would wait for ever",
                "pass real_asyncio=True to freeze_time, or use time_machine",
            )
    return None


def nobody_replaces_it(context: Context) -> Doubt | None:
    """E3: no test replaces, by name, the call that the fix builds on."""
    return _patched(context, "E3")


def _patched(context: Context, guard: str) -> Doubt | None:
    project, site = context.project, context.site
    callee, wanted = site.use.name, site.wanted
    root = callee.partition(".")[0]
    modules = project.module_names(site.path)
    own = _members(_suffixes(modules), root, callee)
    # Where nothing is imported, the name alone must tell which module is meant.
    clear = {each for each in _suffixes(modules) if "." in each} | modules
    known = _members(clear, root, callee)
    around = _around(context)
    last = project.spellings((wanted, root, callee))
    by_string = set(project.replacing())
    asked = {*around, *by_string}
    if last is not None:
        key = "holding", last, site.path
        holding = partial(project.files.holding, last, around)
        asked = by_string.union(context.model.once(key, holding))
    for path in sorted(asked):
        facts = project.files[path]
        for patch in facts.patches:
            if patch.scope < 0:
                if path in around:
                    hit = _names(patch.target, {wanted, *own})
                    hit = hit or wanted.startswith(patch.target + ".")
                else:
                    hit = patch.target in known
            elif path not in around:
                hit = False
            else:
                module, _, name = patch.target.rpartition(".")
                owners = project.answers(path, patch.scope, module)
                meant = {f"{owner.name}.{name}" for owner in owners}
                names = project.answers(path, patch.scope, patch.target)
                hit = bool(meant & own) or wanted in {each.name for each in names}
            if hit:
                return Doubt(
                    guard,
                    Level.MANUAL,
                    f"{path}:{patch.line} patches {patch.target}",
                    "change the test with it",
                )
    return None


def _members(modules: Iterable[str], *names: str) -> set[str]:
    return {f"{module}.{name}" for module in modules for name in names}


def _suffixes(names: frozenset[str]) -> set[str]:
    """Give the names, and each with some of its first parts left out."""
    found: set[str] = set()
    for name in names:
        parts = name.split(".")
        found.update(".".join(parts[start:]) for start in range(len(parts)))
    return found


def _around(context: Context) -> set[str]:
    """Give the files that may patch what runs in the site's module.

    Its importers, near and far, and every conftest.py that pytest loads for
    one of them.
    """
    return context.tree.once(("around",), partial(_all_around, context))


def _all_around(context: Context) -> set[str]:
    project, path = context.project, context.site.path
    around = {*project.reached_by(path), path}
    folders: set[str] = set()
    for each in around:
        folder = os.path.dirname(os.path.abspath(each))
        while folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    return around | {
        each
        for each in project.files
        if os.path.basename(each) == "conftest.py"
        and os.path.dirname(os.path.abspath(each)) in folders
    }


def _names(target: str, wanted: set[str]) -> bool:
    if target.startswith("*"):
        end = target[1:]
        return any(f".{each}".endswith(end) for each in wanted) if end else False
    return target in wanted
