"""What a coroutine of the project comes to, through all that it calls in it.

Goes by facts alone, but for `stop_of`: it is cheap, and asked before the proof is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import partial

from asyncfix import Model, facts
from asyncfix_codemods._rounds import own

Where = tuple[str, int]

_CHANGES_OUTSIDE = re.compile(
    r"(?i)(?:^|_)(?:post|put|patch|delete|send|write|publish|commit|execute|insert|update"
    r"|save|remove|create|charge|pay|book|order|transfer|submit|upload|emit|notify|set"
    r"|add|apply|run|call|deploy|reserve|cancel|refund)(?:_|$)"
)
_FILES = frozenset(
    ("write_text", "write_bytes", "unlink", "rename", "mkdir", "makedirs", "rmdir",
     "removedirs", "rmtree", "copy2", "copyfile", "copytree", "move", "touch",
     "symlink_to", "hardlink_to", "chmod", "writelines", "Popen", "check_call",
     "check_output", "NamedTemporaryFile", "mktemp")
)  # fmt: skip
_REQUESTS = frozenset(("post", "put", "patch", "delete"))
_ENTERED = (facts.WITH, facts.ASYNC_WITH)
_WAITED_FOR = (facts.AWAITED, facts.ASYNC_WITH, facts.ASYNC_FOR)
_INNER = (facts.COMPREHENSION, facts.GENERATOR)
# Methods of event loops: nothing else has them by these names.
_OF_THE_LOOP = frozenset(
    ("run_in_executor", "sleep", "gather", "wait_for", "to_thread")
)
_SLEEPS = ("asyncio.sleep", "anyio.sleep")
_MOST_FUNCTIONS = 60


def calls(model: Model, place: Where) -> list[facts.Use]:
    """Give the calls of a function, those in its comprehensions included."""
    known = model.project.files[place[0]]
    inside = {place[1]}
    for index, scope in enumerate(known.scopes):
        if index > place[1] and scope.kind in _INNER and scope.parent in inside:
            inside.add(index)
    return known.calls_in(sorted(inside))


def _handed(model: Model, place: Where) -> list[facts.Use]:
    """Give the names that a function uses without a call: it may hand them on."""
    known: facts.Facts = model.project.files[place[0]]
    return known.references_in((place[1],))


def reached(model: Model, place: Where) -> tuple[Where, ...]:
    """Give a function and the project's functions that it calls, each once."""
    return model.once(("reached", place), lambda: tuple(_reached(model, place)))


def _reached(model: Model, place: Where) -> Iterator[Where]:
    found = [place]
    for each in found:  # grows
        yield each
        for where in model.once(("leads", each), partial(_leads, model, each)):
            if where not in found and len(found) < _MOST_FUNCTIONS:
                found.append(where)


def _leads(model: Model, place: Where) -> tuple[Where, ...]:
    """Give the project's functions that a function calls, or hands on, itself."""
    found: dict[Where, None] = {}
    for use in (*calls(model, place), *_handed(model, place)):
        value = model.values.of(place[0], use.scope, use.name)
        if value is not None and value.is_function:
            found[value.path, value.scope] = None
    return tuple(found)


def stop_of(model: Model, place: Where) -> str:
    """Give file:line of an explicit `raise` in a function, or in what it calls."""
    return model.once(("stop", place), partial(_stop_of, model, place))


def _stop_of(model: Model, place: Where) -> str:
    for path, scope in reached(model, place):
        node = model.awaited_effects.function((path, scope))
        if node is None:
            continue
        handled = {
            id(inner)
            for each in own(node.body)
            if isinstance(each, ast.Try) and each.handlers
            for inner in own(each.body)
        }
        for each in own(node.body):
            if isinstance(each, ast.Raise) and each.exc is not None:
                raised = ast.unparse(each.exc)
                if id(each) not in handled and "NotImplemented" not in raised:
                    return f"{path}:{each.lineno}"
    return ""


def changes_files(model: Model, place: Where) -> str:
    """Give file:line of a call that changes files, or starts a process."""
    return model.once(("files", place), partial(_changes_files, model, place))


def _changes_files(model: Model, place: Where) -> str:
    for path, scope in reached(model, place):
        opens = False
        for use in calls(model, (path, scope)):
            last = _last(use.name)
            opens = opens or last == "open"
            if last in _FILES or last.startswith("create_subprocess"):
                value = model.values.of(path, use.scope, use.name)
                if value is None or value.is_outside:
                    return f"{path}:{use.line}"
        node = model.awaited_effects.function((path, scope)) if opens else None
        for each in own(node.body) if node is not None else ():
            if isinstance(each, ast.Call) and _opens_to_write(each):
                return f"{path}:{each.lineno}"
    return ""


def _opens_to_write(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    texts = [*call.args, *(each.value for each in call.keywords)]
    return name == "open" and any(
        isinstance(each, ast.Constant)
        and isinstance(each.value, str)
        and len(each.value) <= 3
        and bool(set(each.value) & set("wax+"))
        for each in texts
    )


def changes_outside(model: Model, place: Where) -> bool:
    """Tell by their names whether calls change something in the world outside."""
    return model.once(("outside", place), partial(_changes_outside, model, place))


def _changes_outside(model: Model, place: Where) -> bool:
    return any(
        model.once(("changes", each), partial(_calls_a_change, model, each))
        for each in _reached(model, place)  # as far as need be: most are told at once
    )


def _calls_a_change(model: Model, place: Where) -> bool:
    return any(
        (use.role == facts.AWAITED and says_change(use.name))
        or (use.role in _ENTERED and _last(use.name) in _REQUESTS)
        for use in calls(model, place)
    )


def says_change(name: str) -> bool:
    """Tell whether a function is called like one that changes something outside."""
    return bool(_CHANGES_OUTSIDE.search(_last(name)))


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def only_lets_others_run(model: Model, place: Where) -> bool:
    """Tell whether all that a coroutine waits for is `asyncio.sleep(0)`, for the others.

    Code that works long does so now and then: its rounds win nothing together.
    """
    return model.once(("yields", place), partial(_only_yields, model, place))


def _only_yields(model: Model, place: Where) -> bool:
    found = False
    for path, scope in reached(model, place):
        for use in calls(model, (path, scope)):
            if use.role not in _WAITED_FOR:
                continue
            value = model.values.of(path, use.scope, use.name)
            if value is not None and value.is_function:
                continue  # it is one of those that are reached
            if value is None or value.name not in _SLEEPS:
                return False
            if not _is_given_nothing(model, (path, scope), use):
                return False
            found = True
    return found


def _is_given_nothing(model: Model, place: Where, use: facts.Use) -> bool:
    """Tell whether a call in a function is given 0."""
    read = model.reader.function(*place)  # alone: what else the file says may change
    for node in ast.walk(read[1]) if read else ():
        if isinstance(node, ast.Call) and node.args:
            if (node.lineno, node.col_offset) == (use.line, use.col):
                given = node.args[0]
                return isinstance(given, ast.Constant) and given.value == 0
    return False


def waits_for_unknown(model: Model, place: Where) -> bool:
    """Tell whether a coroutine surely waits for something that cannot be followed."""
    return model.once(("waits", place), partial(_waits_for_unknown, model, place))


def _waits_for_unknown(model: Model, place: Where) -> bool:
    return any(
        model.once(("waits itself", each), partial(_waits_itself, model, each))
        for each in reached(model, place)
    )


def _waits_itself(model: Model, place: Where) -> bool:
    values, catalog = model.values, model.catalog
    for use in calls(model, place):
        if use.role not in _WAITED_FOR or _last(use.name) in _OF_THE_LOOP:
            continue
        value = values.of(place[0], use.scope, use.name)
        if value is None:
            return True
        if value.is_outside:
            owner, _, last = value.name.rpartition(".")
            said = catalog.effect(value.name) or catalog.entry(value.name)
            if not said and catalog.method(owner, last) is None:
                return True
    return False
