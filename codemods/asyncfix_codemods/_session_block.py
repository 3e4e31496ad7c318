"""The block of one session: what is done in it, and what the session is built from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from asyncfix import Context, Doubt
from asyncfix_codemods._session_kinds import KINDS, Kind
from asyncfix_codemods._session_refusals import escapes, refusal
from asyncfix_codemods._session_region import Region, by_hand, in_with
from asyncfix_codemods._session_responses import is_read_at_once

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_HTTP = re.compile(r"(?:session|client|http)$", re.IGNORECASE)
_LOGIN = re.compile(
    r"login|log_in|signin|sign_in|oauth|token|credential", re.IGNORECASE
)
_READS = frozenset(("get", "head", "options"))


class Block(NamedTuple):
    """`async with ClientSession(...) as name:` with the requests in it."""

    context: Context
    kind: Kind
    region: Region
    requests: tuple[ast.Call, ...]
    """At most one of them is made each time: more stand in branches only."""
    bound_at: int
    """A line of the function where the name is bound besides, 0 if there is none."""
    state: Doubt | None
    """Why callers may share connections alone: the session keeps something."""

    @property
    def name(self) -> str:
        """Give the session's own name."""
        return self.region.target.id

    @property
    def own(self) -> tuple[ast.AST, ...]:
        """Give what the fix moves away: where it is opened, or all if closed by hand."""
        if self.region.shape == "with":
            return (self.context.tree.parent(self.context.call),)
        return self.region.statements

    @property
    def writes(self) -> bool:
        """Tell whether a request may be none that can be sent twice."""
        return any(_writes(each) for each in self.requests)


def logs_in(context: Context) -> Doubt | None:
    """Find code that is for one user's login, by the names round it."""
    file = re.split(r"[\\/]", context.site.path)[-1]
    names = [file, context.function.name]
    names += [
        above.name
        for above, _ in context.tree.ancestors(context.node)
        if isinstance(above, ast.ClassDef)
    ]
    for name in names:
        if _LOGIN.search(name):
            return refusal(
                "session-state",
                f"{name} seems to log somebody in: cookies of one login would be "
                "sent with the next",
                connector(KINDS[context.site.wanted]),
            )
    return None


def read(context: Context) -> Block | Doubt | None:
    """Read the block of a site; None if it is no session per call at all."""
    kind = KINDS[context.site.wanted]
    region = _region(context, kind)
    if not isinstance(region, Region):
        return region
    another = _another(context, kind)
    if another:
        return refusal(
            "session-several",
            f"{context.function.name} opens another session at line {another}",
            "open one for both, if they may share cookies and arguments",
        )
    uses = list(_uses(context, region))
    if any(_hands_down(context, use) for use in uses):
        return None
    requests = [each for use in uses if (each := _request(context, use, kind))]
    if not requests or any(_repeats(context, each, region) for each in requests):
        return None  # nothing that could share, or shared by the rounds of a loop
    state = logs_in(context)
    for use in uses:
        doubt = _misused(context, use, region, kind)
        if doubt is not None and doubt.guard != "session-state":
            return doubt
        state = state or doubt
    chosen = frozenset(requests)
    if sum(most(each, chosen) for each in region.statements) > 1:
        lines = sorted({each.lineno for each in requests})
        state = state or refusal(
            "session-state",
            f"{len(requests)} requests are made in this block (lines "
            f"{_listed(lines)}): cookies of the first may belong to the next, and "
            "callers that share a session would be mixed up",
            connector(kind),
        )
    bound = _bound_at(context, region.target)
    return Block(context, kind, region, tuple(requests), bound, state)


def _region(context: Context, kind: Kind) -> Region | Doubt | None:
    """Give the code that the session is for, if it may be for others as well."""
    tree, call = context.tree, context.call
    item = tree.parent(call)
    if _is_local(context, kind) or _is_given(context, kind):
        return None
    if not isinstance(item, ast.withitem):
        return by_hand(context, kind)
    statement, target = tree.parent(item), item.optional_vars
    if not isinstance(statement, ast.AsyncWith) or target is None:
        return None
    if not isinstance(target, ast.Name):
        return escapes(f"the session is stored at line {target.lineno}")
    return in_with(statement, item, target)


# -- what is no finding -------------------------------------------------------


def _is_local(context: Context, kind: Kind) -> bool:
    """Tell whether the session talks to an application in this process."""
    for keyword in context.call.keywords:
        if keyword.arg == "app":
            return True
        if keyword.arg == "transport":
            value = keyword.value
            made = value.func if isinstance(value, ast.Call) else value
            if context.in_tests() or context.qualified_name(made) in kind.local:
                return True
    return False


def _is_given(context: Context, kind: Kind) -> bool:
    """Tell whether the function takes a session, and opens one only without it."""
    arguments = context.function.args
    every = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(every) - len(arguments.defaults)) + arguments.defaults
    pairs = [*zip(every, defaults, strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for each, default in pairs:
        said = ast.unparse(each.annotation) if each.annotation else ""
        by_default = isinstance(default, ast.Constant) and default.value is None
        if kind.short in said or (by_default and _HTTP.search(each.arg)):
            return True
    for above, below in context.within():
        if isinstance(above, (ast.If, ast.IfExp)) and below is not above.test:
            for node in ast.walk(above.test):
                last = getattr(node, "attr", getattr(node, "id", ""))
                if isinstance(last, str) and _HTTP.search(last):
                    return True
    return False


def _hands_down(context: Context, use: ast.Name) -> bool:
    """Tell whether a use gives the session to the project's own code, or yields it."""
    tree = context.tree
    above = tree.parent(use)
    if isinstance(above, ast.Yield):
        return True
    call = tree.parent(above) if isinstance(above, ast.keyword) else above
    if not isinstance(call, ast.Call) or call.func is use:
        return False
    name = context.qualified_name(call.func)
    return name is None or not _is_library(context, call)


def _is_library(context: Context, call: ast.Call) -> bool:
    name = context.qualified_name(call.func) or ""
    site = context.site
    users = context.model.users
    return bool(users.outside(site.path, site.function, ast.unparse(call.func))) and (
        not name.startswith("builtins.")
    )


# -- uses ---------------------------------------------------------------------


def _another(context: Context, kind: Kind) -> int:
    """Give the line where the function opens a second session, 0 if it does not."""
    for node in ast.walk(context.function):
        if isinstance(node, ast.Call) and node is not context.node:
            if context.qualified_name(node.func) == kind.name:
                return node.lineno
    return 0


def _uses(context: Context, region: Region) -> Iterator[ast.Name]:
    """Give the reads of the session: in its region, and of its name further down."""
    inside = {node for each in region.statements for node in ast.walk(each)}
    for node in ast.walk(context.function):
        if isinstance(node, ast.Name) and node.id == region.target.id:
            if isinstance(node.ctx, ast.Load) and node not in region.own:
                if node in inside or node.lineno > region.last_line:
                    yield node


def _request(context: Context, use: ast.Name, kind: Kind) -> ast.Call | None:
    method = context.tree.parent(use)
    if isinstance(method, ast.Attribute) and method.attr in kind.requests:
        call = context.tree.parent(method)
        if isinstance(call, ast.Call) and call.func is method:
            return call
    return None


def _repeats(context: Context, call: ast.Call, region: Region) -> bool:
    """Tell whether a request is made in a loop inside the block."""
    below: ast.AST = call
    for above in region.around(context, call):
        if isinstance(above, _LOOPS):
            if below is not getattr(above, "iter", None):
                return True
        elif isinstance(above, COMPREHENSIONS):
            return True
        below = above
    return False


def _misused(
    context: Context, use: ast.Name, region: Region, kind: Kind
) -> Doubt | None:
    """Find what keeps a session from being shared, in one use of it."""
    tree, line = context.tree, use.lineno
    if line > region.last_line:
        return escapes(f"{use.id} is used after its block, at line {line}")
    for above in region.around(context, use):
        if isinstance(above, FUNCTIONS):
            return escapes(f"a function inside uses it at line {above.lineno}")
    call = _request(context, use, kind)
    method = tree.parent(use)
    if call is None:
        if isinstance(method, ast.Attribute):
            if method.attr in kind.state:
                return refusal(
                    "session-state",
                    f"this block touches {use.id}.{method.attr} (line {line}): "
                    "sharing the session would mix up callers",
                    connector(kind),
                )
            return escapes(f"{use.id}.{method.attr} is used at line {line}")
        return escapes(f"the session leaves the block at line {line}")
    assert isinstance(method, ast.Attribute)
    above = tree.parent(call)
    if method.attr in kind.entered:
        if isinstance(above, ast.withitem) and isinstance(
            tree.parent(above), ast.AsyncWith
        ):
            return None
        if is_read_at_once(context, call):
            return None
        return escapes(
            f"the response of line {call.lineno} is not in an `async with`: one that "
            "is not read holds its connection, and a shared session runs out of them"
        )
    if isinstance(above, ast.Await):
        return None
    return escapes(f"the request of line {call.lineno} is not awaited at once")


def connector(kind: Kind) -> str:
    if kind.module == "aiohttp":
        return (
            "share the connections alone: aiohttp.ClientSession(connector=connector, "
            "connector_owner=False), with one aiohttp.TCPConnector for all calls"
        )
    return "keep one client per user, for as long as that user's work takes"


def most(node: ast.AST, requests: frozenset[ast.Call]) -> int:
    """Give how many of some calls one way through the code makes at the most."""
    if node in requests:
        inner = sum(most(each, requests) for each in ast.iter_child_nodes(node))
        return 1 + inner
    if isinstance(node, (ast.If, ast.IfExp)):
        ways = [node.body, node.orelse]
        return most(node.test, requests) + max(_all(way, requests) for way in ways)
    if isinstance(node, ast.Match):
        ways = [case.body for case in node.cases]
        return most(node.subject, requests) + max(_all(w, requests) for w in ways)
    return sum(most(each, requests) for each in ast.iter_child_nodes(node))


def _all(way: ast.AST | Iterable[ast.AST], requests: frozenset[ast.Call]) -> int:
    nodes = [way] if isinstance(way, ast.AST) else way
    return sum(most(each, requests) for each in nodes)


def _bound_at(context: Context, target: ast.Name) -> int:
    """Give a line where the function binds the name, except for the session."""
    site = context.site
    found = context.project.names(site.path, site.function).get(target.id)
    others = [each.line for each in found if each.line != target.lineno]
    if len(found) == 1 and not others:
        return 0
    return others[0] if others else target.lineno


def _writes(call: ast.Call) -> bool:
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method in ("request", "stream"):
        verb = call.args[0] if call.args else None
        for keyword in call.keywords:
            verb = keyword.value if keyword.arg == "method" else verb
        if not isinstance(verb, ast.Constant) or not isinstance(verb.value, str):
            return True
        method = verb.value.lower()
    return method not in _READS


def _listed(lines: Iterable[int]) -> str:
    return ", ".join(map(str, lines))
