"""Which calls give a coroutine, and what makes that unsure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from asyncfix import Context, Doubt, Level, Model, Place, Value, facts, value
from asyncfix_codemods import _made_over

# Decorators that give the function back, or one that is awaited as it is.
_NEUTRAL = frozenset(
    ("abc.abstractmethod", "builtins.classmethod", "builtins.staticmethod",
     "functools.wraps", "typing.final", "typing.no_type_check", "typing.override",
     "typing_extensions.deprecated", "typing_extensions.final",
     "typing_extensions.override", "warnings.deprecated")
)  # fmt: skip
# These keep the coroutine: who asks again gets one that was awaited already.
_KEEPERS = frozenset(("functools.cache", "functools.lru_cache"))
# Libraries whose `@app.get(...)` gives back the function that it registers.
_GIVE_BACK = frozenset(("aiohttp", "fastapi", "quart", "sanic", "starlette"))
_CLASS_DECORATORS = frozenset(
    ("attr.attrs", "attr.dataclass", "attr.define", "attr.frozen", "attr.s",
     "attrs.define", "attrs.frozen", "attrs.mutable", "dataclasses.dataclass",
     "functools.total_ordering", "pydantic.dataclasses.dataclass", "typing.final",
     "typing.runtime_checkable", "typing_extensions.final",
     "typing_extensions.runtime_checkable")
)  # fmt: skip
_COROUTINES = frozenset(
    ("collections.abc.Coroutine", "types.CoroutineType", "typing.Coroutine")
)
_DEEPEST = 5
_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Given(NamedTuple):
    """What a call gives. `place` is the function's, None where a library has it.

    `name` is what people call it, `wanted` its qualified name. `future` tells that
    it runs by itself, whoever awaits it. `other` is the line of a definition that
    is not async, where there is one besides; 0 if there is none.
    """

    name: str
    wanted: str
    place: Place | None
    future: bool = False
    other: int = 0


class Other(Exception):
    """The call gives no coroutine after all."""


def given(model: Model, path: str, use: facts.Use) -> Given | None:
    """Tell whether a call gives a coroutine, by its name and by facts alone."""
    values = model.values
    found = values.of(path, use.scope, use.name)
    if found is None:
        return _one_of_several(model, path, use)
    while found is not None and found.kind == value.PARTIAL:
        (found,) = found.inner
    if found is None:
        return None
    if found.kind == value.OUTSIDE:
        kind = model.catalog.asynchronous(found.name)
        if kind not in ("coroutine", "future"):
            return None
        wanted = model.catalog.canonical(found.name)
        return Given(wanted, wanted, None, kind == "future")
    return _of_function(model, found) if _is_async(model, found) else None


def _is_async(model: Model, found: Value) -> bool:
    """Tell whether a function is async, or declared to give a coroutine."""
    if not found.is_function or found.scope < 0:
        return False
    scope = model.project.files[found.path].scopes[found.scope]
    if scope.is_async or not scope.returns:
        return scope.is_async and not scope.yields
    return _is_coroutine_type(model, found.path, scope.parent, scope.returns, 0)


def _is_coroutine_type(
    model: Model, path: str, scope: int, said: str, depth: int
) -> bool:
    """Tell whether an annotation means a coroutine: no other awaitable, no union."""
    name = said.lstrip(":").partition("[")[0]
    if not name or "|" in said.rpartition("]")[2] or depth > _DEEPEST:
        return False
    meant = model.values.of(path, scope, name)
    if meant is None:
        return False
    if meant.kind == value.TYPE:
        return _is_coroutine_type(model, meant.path, meant.scope, meant.name, depth + 1)
    return meant.name in _COROUTINES


def _of_function(model: Model, found: Value, other: int = 0) -> Given:
    place = found.path, found.scope
    shown = model.reach.shown(place)
    wanted = f"{model.project.module_name(found.path)}.{shown}"
    return Given(shown, wanted, place, other=other)


def _one_of_several(model: Model, path: str, use: facts.Use) -> Given | None:
    """Look at a name with several definitions, of which some are async."""
    values, project = model.values, model.project
    owner, _, name = use.name.rpartition(".")
    where = path
    if not owner:
        bindings = project.visible(path, use.scope, name)
    else:
        receiver = values.of(path, use.scope, owner)
        if receiver is None or receiver.kind not in (value.OBJECT, value.CLASS):
            return None
        where = receiver.path
        bindings = project.names(where, receiver.scope).get(name)
        if name in values.classes.set_on_self(where, receiver.scope):
            return None
    if len(bindings) < 2 or not all(each.flags for each in bindings[1:]):
        return None  # the last one holds, or it is not known
    found = [values.bindings.bound(where, [each]) for each in bindings]
    functions = [each for each in found if each is not None and each.is_function]
    if len(functions) < len(found):
        return None
    kinds = {_is_async(model, each): each for each in reversed(functions)}
    if True not in kinds:
        return None
    line = 0
    if False in kinds:
        sync = kinds[False]
        line = project.files[sync.path].scopes[sync.scope].line
    return _of_function(model, kinds[True], line)


# -- how sure is it? -----------------------------------------------------------


def doubts(context: Context, found: Given) -> Iterator[Doubt]:
    """Find what else a call of a function of the project may give.

    Raises Other where it surely gives no coroutine.
    """
    model = context.model
    if found.place is None:
        key = "overrides of a library", found.wanted
        for what, other, line in model.once(
            key, lambda: list(_of_library(model, found.wanted))
        ):
            yield _unsure(found, what, other, line)
        return
    path, index = found.place
    scopes = model.project.files[path].scopes
    function = scopes[index]
    if found.other:
        yield _unsure(found, "a sync function", path, found.other)
    replaced = model.users.replaced(found.place)
    if replaced is not None:
        yield Doubt(
            "E3",
            Level.MANUAL,
            f"{replaced.path}:{replaced.line} patches {replaced.by}",
            "see that what it puts there can be awaited",
        )
    for number, said in enumerate(function.decorators):
        if not _keeps_it(model, found.place, number):
            reason = f"@{said} decides what {found.name} gives"
            yield Doubt(
                "await-unsure",
                Level.MANUAL,
                f"{reason} ({path}:{function.line})",
                f"see what @{said} makes of a coroutine function",
            )
    owner = scopes[function.parent]
    if owner.kind != facts.CLASS:
        return
    for said in owner.decorators:
        meant = model.values.of(path, owner.parent, said)
        if (
            meant is None
            or model.catalog.canonical(meant.name) not in _CLASS_DECORATORS
        ):
            yield Doubt(
                "await-unsure",
                Level.MANUAL,
                f"@{said} decides what the methods of {owner.name} are "
                f"({path}:{owner.line})",
                f"see what @{said} makes of coroutine functions",
            )
    for what, other, line in _overrides(model, found.place):
        yield _unsure(found, what, other, line)
    yield from _made_over.doubts(model, found.place, found.name)


def _unsure(found: Given, what: str, path: str, line: int) -> Doubt:
    return Doubt(
        "await-unsure",
        Level.MANUAL,
        f"{found.name} may be {what} here ({path}:{line})",
        "make all of them async, or await only what can be awaited",
    )


def is_stub(context: Context, found: Given) -> bool:
    """Tell whether a function only says what others are to do."""
    if found.place is None:
        return False
    read = context.model.reader.function(*found.place)
    if read is None:
        return True
    for statement in read[1].body:
        if isinstance(statement, (ast.Pass, ast.Raise)):
            continue
        if isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        ):
            continue
        return False
    return True


def _keeps_it(model: Model, place: Place, number: int) -> bool:
    """Tell whether one of its decorators leaves a coroutine function one.

    Raises Other where it surely makes something else of it.
    """
    path, index = place
    function = model.project.files[path].scopes[index]
    meant = model.values.of(path, function.parent, function.decorators[number])
    if meant is None:
        raise Other
    if meant.kind == value.OUTSIDE:
        return _library_keeps_it(model, meant.name)
    if not meant.is_function:
        return False
    called = any(
        isinstance(node, _DEFS)
        and (node.lineno, node.name) == (function.line, function.name)
        and isinstance(node.decorator_list[number], ast.Call)
        for node in ast.walk(model.reader.tree(path).module)
    )
    key = "keeps coroutines", meant.path, meant.scope, called
    kept = model.once(key, lambda: _own_keeps_it(model, meant, called))
    if kept is None:
        raise Other
    return kept


def _library_keeps_it(model: Model, name: str) -> bool:
    name = model.catalog.canonical(name)
    root = name.partition(".")[0]
    kind = model.catalog.decorator(name)
    if name in _NEUTRAL or name.startswith(("pytest.mark.", "backoff.on_")):
        return True
    if name in _KEEPERS:
        return False
    if (
        kind == "registers"
        and root not in _GIVE_BACK
        and name != "discord.Client.event"
    ):
        raise Other
    if kind in ("same", "registers", "coroutine"):
        return True
    raise Other  # a property, a command, or nobody knows what


def _own_keeps_it(model: Model, meant: Value, with_arguments: bool) -> bool | None:
    """Look into a decorator of the project; None if what it gives is not awaited."""
    read = model.reader.function(meant.path, meant.scope)
    if read is None or not isinstance(read[1], ast.FunctionDef):
        return False
    verdicts = set(_results(read[1], frozenset(), with_arguments))
    if verdicts == {True}:
        return True
    if verdicts == {False}:
        return None
    asks = any(
        getattr(each, "attr", "") == "iscoroutinefunction"
        or getattr(each, "id", "") == "iscoroutinefunction"
        for each in ast.walk(read[1])
    )
    return asks and True in verdicts


def _results(
    function: ast.FunctionDef, outside: frozenset[str], with_arguments: bool
) -> Iterator[bool | None]:
    """Say of each thing that a decorator gives whether a call of it is awaited.

    None where that cannot be seen. What is used `with_arguments` gives the decorator.
    """
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    params = outside | {each.arg for each in named}
    inner = {
        each.name: each
        for each in ast.walk(function)
        if isinstance(each, _DEFS) and each is not function
    }
    for result in _returned(function):
        given = getattr(result, "id", "")
        called = getattr(getattr(result, "func", None), "id", "")
        if called in inner:
            # Used both ways: `return decorate(function)`.
            yield from _of_decorator(inner[called], params)
        elif with_arguments:
            yield from _of_decorator(inner[given], params) if given in inner else [None]
        elif given in params:
            yield True
        else:
            names = {each.id for each in ast.walk(result) if isinstance(each, ast.Name)}
            wrappers = [inner[name] for name in sorted(names & inner.keys())]
            if not wrappers:
                yield None
            for wrapper in wrappers:
                if isinstance(wrapper, ast.AsyncFunctionDef):
                    yield True
                elif not _gives_a_function(wrapper):
                    yield _passes_it_on(wrapper, params)


def _of_decorator(
    function: ast.FunctionDef | ast.AsyncFunctionDef, outside: frozenset[str]
) -> Iterator[bool | None]:
    if isinstance(function, ast.FunctionDef):
        yield from _results(function, outside, False)
    else:
        yield None


def _gives_a_function(wrapper: ast.FunctionDef) -> bool:
    inner = {each.name for each in ast.walk(wrapper) if isinstance(each, _DEFS)}
    return any(
        isinstance(each, ast.Name) and each.id in inner - {wrapper.name}
        for result in _returned(wrapper)
        for each in ast.walk(result)
    )


def _passes_it_on(wrapper: ast.FunctionDef, params: frozenset[str]) -> bool:
    """Tell whether a sync wrapper gives what the function gives: `return f(*args)`."""
    results = list(_returned(wrapper))
    return bool(results) and all(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Name)
        and each.func.id in params
        for each in results
    )


def _returned(function: ast.AST) -> Iterator[ast.expr]:
    todo: list[ast.AST] = list(getattr(function, "body", ()))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value
        elif not isinstance(node, (*_DEFS, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(node))


def _overrides(model: Model, place: Place) -> Iterator[tuple[str, str, int]]:
    """Give what takes a method's place in classes below and is no coroutine function."""
    for path, binding in model.users.instead(place):
        what = _what_is_it(model, path, binding)
        if what:
            yield what, path, binding.line


def _of_library(model: Model, wanted: str) -> Iterator[tuple[str, str, int]]:
    """Give what takes the place of a library's method in classes of the project."""
    owner, _, name = wanted.rpartition(".")
    last = owner.rpartition(".")[2]
    if not last[:1].isupper():
        return  # a function
    project, classes = model.project, model.values.classes
    spelled = project.spellings((last,)) or frozenset((last,))
    for path in project.files.holding(spelled):
        for index, scope in enumerate(project.files[path].scopes):
            if scope.kind != facts.CLASS or not any(
                base.rpartition(".")[2] in spelled for base in scope.bases
            ):
                continue
            above = {
                model.catalog.canonical(each.name)
                for each in classes.line(path, index)
                if each is not None and not each.path
            }
            for binding in (
                project.names(path, index).get(name) if owner in above else ()
            ):
                what = _what_is_it(model, path, binding)
                if what:
                    yield what, path, binding.line


def _what_is_it(model: Model, path: str, binding: facts.Binding) -> str:
    """Say what takes the place of a method, if that is no coroutine function."""
    found = model.values.bindings.bound(path, [binding])
    if found is None or not found.is_function:
        return "something else"
    scope = model.project.files[found.path].scopes[found.scope]
    if scope.is_async and scope.yields:
        return "an async generator"
    return "" if _is_async(model, found) else "a sync function"
