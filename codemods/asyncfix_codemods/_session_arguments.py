"""The arguments of a session: which of them its request can take instead."""

from __future__ import annotations

import ast
from typing import NamedTuple

from asyncfix import Context, Doubt
from asyncfix_codemods._session_block import COMPREHENSIONS, FUNCTIONS, Block, connector
from asyncfix_codemods._session_kinds import VALUES
from asyncfix_codemods._session_refusals import refusal


class Split(NamedTuple):
    """The arguments of a session: some go to the request, the others stay."""

    moved: tuple[ast.keyword, ...]
    kept: tuple[ast.keyword, ...]


def split(block: Block, loop: ast.stmt | None) -> Split | Doubt:
    """Say which arguments the request takes; a doubt where one fits nowhere.

    With `loop`, the session moves above it: what is the same in every round stays.
    """
    moved: list[ast.keyword] = []
    kept: list[ast.keyword] = []
    context, kind = block.context, block.kind
    if context.call.args:
        return _own_session(block, context.call.args[0], "base_url")
    changing = None if loop is None else _changing(context, loop)
    for keyword in context.call.keywords:
        name, value = keyword.arg, keyword.value
        if name is None:
            return _own_session(block, value, "**")
        if name in ("cookies", "cookie_jar"):
            return refusal(
                "session-state",
                f"the session starts with its own {name}: sharing it would mix up "
                "callers",
                connector(kind),
            )
        if _is_fixed(context, value, changing):
            keep = loop is not None or name not in kind.options
        elif name not in kind.options:
            return _own_session(block, value, name)
        else:
            doubt = _stays(block, name, value)
            if doubt is not None:
                return doubt
            keep = False
        if not keep:
            for request in block.requests:
                if any(each.arg in (name, None) for each in request.keywords):
                    return refusal(
                        "session-args",
                        f"the session has {name}=, and the request at line "
                        f"{request.lineno} may have its own",
                        f"give {name}= to the request alone first",
                    )
        (kept if keep else moved).append(keyword)
    return Split(tuple(moved), tuple(kept))


def _own_session(block: Block, value: ast.expr, name: str) -> Doubt:
    what = block.context.tree.text(value)
    said = f"**{what}" if name == "**" else f"{name}={what}"
    return refusal(
        "session-args",
        f"the session is built with {said}, which is not the same for every call "
        "and is no argument of a request: each call needs its own",
        "build one session for each such value, where the value is known",
    )


def _is_fixed(
    context: Context, value: ast.expr, changing: frozenset[str] | None
) -> bool:
    """Tell whether an expression gives the same wherever it stands.

    Where `changing` is given, local names that are not in it count, too.
    """
    if isinstance(value, ast.Constant):
        return True
    if isinstance(value, ast.UnaryOp):
        return _is_fixed(context, value.operand, changing)
    if isinstance(value, ast.Call) and changing is None:
        return _is_library_value(context, value)
    if changing is None:
        return False
    if isinstance(value, ast.Name):
        return value.id not in changing and _is_local_name(context, value.id)
    if isinstance(value, (ast.Tuple, ast.List)):
        return all(_is_fixed(context, each, changing) for each in value.elts)
    if isinstance(value, ast.Dict):
        inner = [*value.values, *(each or value for each in value.keys)]
        return all(
            each is not value and _is_fixed(context, each, changing) for each in inner
        )
    if isinstance(value, ast.Call) and context.qualified_name(value.func) in VALUES:
        given = [*value.args, *(each.value for each in value.keywords)]
        return all(_is_fixed(context, each, changing) for each in given)
    return False


def _is_library_value(context: Context, value: ast.Call) -> bool:
    """Tell whether a call only puts constants together that all callers may share.

    A limit was one of each call's own.
    """
    return (
        context.qualified_name(value.func) in VALUES
        and not value.args
        and all(
            each.arg is not None
            and "limit" not in each.arg
            and "connections" not in each.arg
            and isinstance(each.value, ast.Constant)
            for each in value.keywords
        )
    )


def _is_local_name(context: Context, name: str) -> bool:
    """Tell whether only this function can give a name another value."""
    if any(
        isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names
        for node in ast.walk(context.function)
    ):
        return False
    bound = context.project.visible(context.site.path, context.site.function, name)
    return bool(bound) and bound[0].scope == context.site.function


def _stored(node: ast.AST) -> frozenset[str]:
    return frozenset(
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)
    )


def _read_besides(node: ast.AST, call: ast.Call) -> frozenset[str]:
    """Give the names that are read somewhere else than for the session.

    What they stand for may be changed there: `headers["X"] = ...`.
    """
    own = set(ast.walk(call))
    return frozenset(
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and each not in own
    )


def _changing(context: Context, loop: ast.stmt) -> frozenset[str]:
    """Give the names whose values may be others in each round of a loop."""
    found = _read_besides(loop, context.call)
    for node in ast.walk(context.function):
        if isinstance(node, FUNCTIONS) and node is not context.function:
            found |= _read_besides(node, context.call)
    return found


def _stays(block: Block, name: str, value: ast.expr) -> Doubt | None:
    """Say why the request might get another value if it works it out itself."""
    context = block.context
    nodes = list(ast.walk(value))
    what = f"{name}={context.tree.text(value)}"
    bad = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, *COMPREHENSIONS)
    if any(isinstance(node, (*bad, *FUNCTIONS)) for node in nodes):
        return _moves_not(f"{what} does more than to give a value")
    if block.kind.module == "aiohttp" and name == "timeout":
        # None is the default for a session, and no limit at all for a request.
        if not _is_timeout(context, value):
            return _moves_not(f"{what} may be None, which a request takes otherwise")
    region = block.region.statements
    stored = frozenset[str]().union(*map(_stored, region))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    if names & stored:
        return _moves_not(f"{what} is given another value inside the block")
    others = frozenset[str]().union(*(_read_besides(x, context.call) for x in region))
    plain = all(_is_plain(context, node) for node in nodes)
    if plain and not (names - {"self"}) & others:
        return None
    if len(block.requests) == 1 and _comes_first(block, block.requests[0]):
        return None
    return _moves_not(
        f"code between the session and the request might change what {what} gives"
    )


def _moves_not(reason: str) -> Doubt:
    advice = "give the request its own value by hand"
    return refusal("session-args", reason, advice)


def _is_timeout(context: Context, value: ast.expr) -> bool:
    """Tell whether a value is surely an aiohttp.ClientTimeout."""
    if isinstance(value, ast.Call):
        return context.qualified_name(value.func) == "aiohttp.ClientTimeout"
    said = ast.unparse(value)
    site = context.site
    known = context.model.users.outside(site.path, site.function, said)
    if known != "aiohttp.ClientTimeout":
        return False
    # What is known of a name leaves None out: it may be that besides.
    bound = context.project.names(site.path, site.function).get(said)
    return (
        isinstance(value, ast.Name)
        and bool(bound)
        and all(
            each.target.endswith("ClientTimeout()") and "|" not in each.target
            for each in bound
        )
    )


def _is_plain(context: Context, node: ast.AST) -> bool:
    """Tell whether a part of an expression reads nothing that code can change."""
    if isinstance(node, ast.Call):
        return context.qualified_name(node.func) in VALUES
    if isinstance(node, ast.Attribute):
        return context.qualified_name(node) in VALUES or _is_set_once(context, node)
    if isinstance(node, ast.Name):
        return (
            _is_local_name(context, node.id) or context.qualified_name(node) is not None
        )
    return not isinstance(
        node, (ast.Subscript, ast.BinOp, ast.Compare, ast.BoolOp, ast.IfExp)
    )


def _is_set_once(context: Context, node: ast.Attribute) -> bool:
    """Tell whether only constructors of its file set an attribute of `self`."""
    first = context.facts.scopes[context.site.function].first
    if not isinstance(node.value, ast.Name) or node.value.id != first or not first:
        return False
    scopes = context.facts.scopes
    return all(
        scopes[each.scope].name == "__init__"
        for each in context.facts.attributes
        if each.name == node.attr
    )


def _comes_first(block: Block, request: ast.Call) -> bool:
    """Tell whether nothing runs between the session's arguments and the request's."""
    own = [*request.args, *(each.value for each in request.keywords)]
    for node in (each for value in own for each in ast.walk(value)):
        if isinstance(node, (ast.Call, ast.Await, ast.NamedExpr, ast.Yield)):
            return False
    if block.region.more:
        return block.region.more[0].context_expr is request
    first = block.region.body[0]
    if isinstance(first, ast.AsyncWith):
        return first.items[0].context_expr is request
    value = getattr(first, "value", None)
    return (
        isinstance(first, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return))
        and isinstance(value, ast.Await)
        and value.value is request
    )
