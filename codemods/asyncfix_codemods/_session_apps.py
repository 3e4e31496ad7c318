"""Apps that are started and stopped, and can keep a session meanwhile."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncfix import Call, Context, Doubt, Place, Site, dotted
from asyncfix_codemods import _session_frameworks as frameworks
from asyncfix_codemods import _session_lifetimes as lifetimes
from asyncfix_codemods import _session_parts as parts
from asyncfix_codemods._session_block import Block
from asyncfix_codemods._session_lifetimes import Holder
from asyncfix_codemods._session_names import SharedNames, is_used
from asyncfix_codemods._session_refusals import refusal

_APPS = ("fastapi.FastAPI", "starlette.applications.Starlette")
_REQUESTS = ("aiohttp.web.Request", "fastapi.Request", "starlette.requests.Request")


def holder(
    block: Block, place: Place, names: SharedNames, kept: tuple[ast.keyword, ...]
) -> Holder | Doubt | None:
    """Give the app of a handler, as what opens and closes its session."""
    context = block.context
    name = frameworks.framework(context, place)
    if name == "aiohttp.web":
        contexts = context.model.once("cleanup_ctx", lambda: [*_cleanups(context)])
        state, given = "", _of_request(context, place, name)
    elif name in ("fastapi", "starlette"):
        contexts = context.model.once("lifespan", lambda: [*_lifespans(context)])
        state, given = ".state", _of_request(context, place, name)
    else:
        return None
    if state:
        own = [each for each in contexts if _is_its_app(context, place, each[0])]
        if not given and own:
            given, contexts = own[0][0][1], own
    if not given or not contexts:
        return None
    if not frameworks.is_registered(context, place):
        return None  # whoever calls it may have no app
    for call in context.model.users.calls(place):
        if not _hands_request_on(context, call):
            return refusal(
                "session-faked",
                f"{call.path}:{call.use.line} calls {context.function.name} with a "
                "request of its own, which may have no app",
                "keep one session where the app starts and stops, and see to that call",
            )
    _, found = contexts[0]
    if any(other != found for _, other in contexts) and state:
        return None  # whose the handler is, is not known
    return _held(block, found, names, kept, given + state)


def _of_request(context: Context, place: Place, framework: str) -> str:
    """Give the app in the words of a handler that has its request.

    FastAPI takes a parameter without a type for one of the query.
    """
    path, parent = place[0], context.model.users.scope(place).parent
    arguments = context.function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    surely = plain[: len(plain) - len(arguments.defaults)]
    for each in plain:
        if each.annotation is not None:
            if _is_request(context, path, parent, each):
                missing = each not in surely or _stores(context, each.arg)
                return "" if missing else f"{each.arg}.app"
    if framework == "fastapi":
        return ""
    if context.facts.scopes[parent].is_class:
        plain = plain[1:]
    if len(plain) == 1 and plain[0].arg == "request" and not plain[0].annotation:
        return "" if _stores(context, "request") else "request.app"
    return ""


def _is_request(context: Context, path: str, scope: int, parameter: ast.arg) -> bool:
    """Tell whether a parameter is a request, and never None."""
    said = dotted(parameter.annotation)
    return said is not None and (
        context.model.users.outside(path, scope, said) in _REQUESTS
    )


def _hands_request_on(context: Context, call: Call) -> bool:
    """Tell whether a call of a handler passes on what its own caller was given."""
    if call.coroutine < 0:
        return False
    site = Site(call.path, call.use, "call", context.site.wanted, call.coroutine)
    there = Context(context.model, site)
    parent = context.project.files[call.path].scopes[call.coroutine].parent
    args = there.function.args
    own = {
        each.arg
        for each in (*args.posonlyargs, *args.args)
        if _is_request(context, call.path, parent, each)
        and not _stores(there, each.arg)
    }
    given = [*there.call.args, *(each.value for each in there.call.keywords)]
    return not there.in_tests() and any(
        isinstance(each, ast.Name) and each.id in own for each in given
    )


def _stores(context: Context, name: str) -> bool:
    return any(
        isinstance(each, ast.Name)
        and each.id == name
        and not isinstance(each.ctx, ast.Load)
        for each in ast.walk(context.function)
    )


def _cleanups(context: Context) -> Iterator[tuple[tuple[str, str], Place]]:
    """Give the contexts that apps of aiohttp enter, in their order."""
    users = context.model.users
    for path, known in context.project.files.items():
        if not known.holds("cleanup_ctx"):
            continue
        for use in known.calls:
            if not use.name.endswith(".cleanup_ctx.append"):
                continue
            tree = context.model.tree(path)
            call = tree.find(ast.Call, (use.line, use.col), (use.end_line, use.end_col))
            said = dotted(call.args[0]) if len(call.args) == 1 else None
            place = users.meant(path, use.scope, said) if said else None
            if place is not None:
                yield (path, ""), place


def _lifespans(context: Context) -> Iterator[tuple[tuple[str, str], Place]]:
    """Give the lifespans of FastAPI's and Starlette's apps, with the app's name."""
    users = context.model.users
    for path, known in context.project.files.items():
        if not known.holds("lifespan") and not known.holds("FastAPI"):
            continue
        for use in known.calls:
            if use.name.rpartition(".")[2] not in ("FastAPI", "Starlette"):
                continue
            if users.outside(path, use.scope, use.name) not in _APPS:
                continue
            tree = context.model.tree(path)
            call = tree.find(ast.Call, (use.line, use.col), (use.end_line, use.end_col))
            above = tree.parent(call)
            name = ""
            if isinstance(above, ast.Assign) and use.scope == 0:
                name = dotted(above.targets[0]) or ""
            for keyword in call.keywords:
                said = dotted(keyword.value) if keyword.arg == "lifespan" else None
                place = users.meant(path, use.scope, said) if said else None
                if place is not None:
                    yield (path, name), place


def _is_its_app(context: Context, place: Place, app: tuple[str, str]) -> bool:
    """Tell whether a handler is decorated with an app of its own file."""
    path, name = app
    return (
        path == place[0]
        and bool(name)
        and len(context.project.names(path, 0).get(name)) == 1
        and not context.project.names(path, place[1]).get(name)
        and any(
            each.rpartition(".")[0] == name
            for each in context.model.users.scope(place).decorators
        )
    )


def _held(
    block: Block,
    found: Place,
    names: SharedNames,
    kept: tuple[ast.keyword, ...],
    state: str,
) -> Holder | None:
    context = block.context
    function = lifetimes.function_of(context, *found)
    if function is None or len(function.args.args) != 1:
        return None
    there = lifetimes.inside(context, *found, function)
    yields = [
        each
        for each in ast.walk(function)
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Yield)
    ]
    every = [each for each in ast.walk(function) if isinstance(each, ast.Yield)]
    if there is None or len(yields) != 1 or len(every) != 1:
        return None
    if not lifetimes.stands_alone(there, yields[0]):
        return None
    app, key = function.args.args[0].arg, names.shared.names[-1]
    is_web = not state.endswith(".state")
    where = f'{app}["{key}"]' if is_web else f"{app}.state.{key}"
    read = f'{state}.get("{key}")' if is_web else f'getattr({state}, "{key}", None)'
    own = ["shared", f"shared_{names.shared.names[0]}"]
    if not names.shared.is_session:
        own = [*names.shared.names]
    local = next((n for n in own if not is_used(context.function, context, n)), "")
    if not local or not names.may_import(there):
        return None
    given = parts.Given(local, None, f"{local} = {read}")
    # Each call had connections without end, and no other to wait for.
    limit = "" if names.shared.is_session else "limit=0"
    place = f"{found[0]}:{function.lineno}"
    if _is_open_already(there, function, where, names, kept):
        return Holder(given, (), place, bool(limit))
    if _is_kept(context, key) or (is_web and not _has_text_keys(function, app)):
        return None
    free = [n for n in names.shared.names if not is_used(function, there, n)]
    if not free:
        return None
    spelled, needs = names.named(there, names.shared.opened)
    opening = parts.Opening(free[0], spelled, kept, limit, block.kind.module, needs)
    part = lifetimes.round_yield(there, yields[0], where, opening, ends=not is_web)
    return Holder(given, (part,), place, bool(limit))


def _is_kept(context: Context, key: str) -> bool:
    """Tell whether some file that knows the library has the key for something."""
    root = context.site.wanted.partition(".")[0]
    for path, known in context.project.files.items():
        if known.holds(root) or known.holds("state"):
            text = context.model.tree(path).lines.text
            if re.search(rb"[\"'.]%s\b" % key.encode(), text):
                return True
    return False


def _has_text_keys(function: ast.AsyncFunctionDef, app: str) -> bool:
    """Tell whether a context of aiohttp keeps things under texts, as ours would.

    aiohttp 3.9 and later warn of a key that is no web.AppKey.
    """
    return any(
        isinstance(each, ast.Subscript)
        and isinstance(each.value, ast.Name)
        and each.value.id == app
        and isinstance(each.slice, ast.Constant)
        for each in ast.walk(function)
    )


def _is_open_already(
    there: Context,
    function: ast.AsyncFunctionDef,
    where: str,
    names: SharedNames,
    kept: tuple[ast.keyword, ...],
) -> bool:
    """Tell whether an earlier fix keeps the same session there."""
    wanted = f"{names.block.kind.module}.{names.shared.opened}"
    users, site = there.model.users, there.site
    arguments = [(each.arg, ast.unparse(each.value)) for each in kept]
    plain = where.replace('"', "'")
    for each in ast.walk(function):
        if isinstance(each, ast.AsyncWith) and len(each.items) == 1:
            made, target = each.items[0].context_expr, each.items[0].optional_vars
            first = each.body[0]
            if (
                isinstance(made, ast.Call)
                and isinstance(target, ast.Name)
                and users.outside(site.path, site.function, ast.unparse(made.func))
                == wanted
                and arguments
                == [
                    (k.arg, ast.unparse(k.value))
                    for k in made.keywords
                    if names.shared.is_session or k.arg != "limit"
                ]
                and ast.unparse(first) == f"{plain} = {target.id}"
            ):
                return True
    return False
