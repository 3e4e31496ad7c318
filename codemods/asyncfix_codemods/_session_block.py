"""The block of one session: what is done in it, and what the session is built from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asyncfix import Context, Doubt, Level
from asyncfix_codemods._session_kinds import KINDS, Kind

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_HTTP = re.compile(r"(?:session|client|http)$", re.IGNORECASE)
_LOGIN = re.compile(
    r"login|log_in|signin|sign_in|oauth|token|credential", re.IGNORECASE
)
_READS = frozenset(("get", "head", "options"))


@dataclass(frozen=True, slots=True)
class Block:
    """`async with ClientSession(...) as name:` with the requests in it."""

    context: Context
    kind: Kind
    statement: ast.AsyncWith
    item: ast.withitem
    name: str
    requests: tuple[ast.Call, ...]
    """At most one of them is made each time: more stand in branches only."""
    bound_at: int
    """A line of the function where the name is bound besides, 0 if there is none."""
    state: Doubt | None
    """Why callers may share connections alone: the session keeps something."""

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


def refusal(guard: str, reason: str, advice: str) -> Doubt:
    """Give a doubt that refuses the fix."""
    return Doubt(guard, Level.MANUAL, reason, advice)


def read(context: Context) -> Block | Doubt | None:
    """Read the block of a site; None if it is no session per call at all."""
    kind = KINDS[context.site.wanted]
    tree, call = context.tree, context.call
    item = tree.parent(call)
    if not isinstance(item, ast.withitem):
        return _by_hand(context, kind)
    statement = tree.parent(item)
    if not isinstance(statement, ast.AsyncWith) or item.optional_vars is None:
        return None
    if _is_local(context, kind) or _is_given(context, kind):
        return None
    target = item.optional_vars
    if not isinstance(target, ast.Name):
        return _escapes(f"the session is stored at line {target.lineno}")
    another = _another(context, kind, item)
    if another:
        return refusal(
            "session-several",
            f"{context.function.name} opens another session at line {another}",
            "open one for both, if they may share cookies and arguments",
        )
    uses = list(_uses(context, statement, target.id))
    if any(_hands_down(context, use) for use in uses):
        return None
    requests = [each for use in uses if (each := _request(context, use, kind))]
    if not requests or any(_repeats(context, each, statement) for each in requests):
        return None  # nothing that could share, or shared by the rounds of a loop
    state = logs_in(context)
    for use in uses:
        doubt = _misused(context, use, statement, kind)
        if doubt is not None and doubt.guard != "session-state":
            return doubt
        state = state or doubt
    if most(statement, frozenset(requests)) > 1:
        lines = sorted({each.lineno for each in requests})
        state = state or refusal(
            "session-state",
            f"{len(requests)} requests are made in this block (lines "
            f"{_listed(lines)}): cookies of the first may belong to the next, and "
            "callers that share a session would be mixed up",
            connector(kind),
        )
    return Block(
        context,
        kind,
        statement,
        item,
        target.id,
        tuple(requests),
        _bound_at(context, target.id, item),
        state,
    )


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


def _by_hand(context: Context, kind: Kind) -> Doubt | None:
    """Find a session that the same function closes: `session = ClientSession()`."""
    assigned = context.tree.parent(context.node)
    if not isinstance(assigned, ast.Assign) or len(assigned.targets) != 1:
        return None
    target = assigned.targets[0]
    if not isinstance(target, ast.Name) or _is_local(context, kind):
        return None
    uses = [
        node
        for node in ast.walk(context.function)
        if isinstance(node, ast.Name)
        and node.id == target.id
        and isinstance(node.ctx, ast.Load)
    ]
    closes = 0
    for use in uses:
        above = context.tree.parent(use)
        if isinstance(above, ast.withitem) or (
            isinstance(above, ast.Attribute) and above.attr == kind.close
        ):
            closes = use.lineno
        elif not isinstance(above, ast.Attribute):
            return None  # handed on: somebody else may own it
    if not closes or _is_given(context, kind):
        return None
    return refusal(
        "session-by-hand",
        f"it is opened and closed by hand (line {closes}): which code it is for "
        "is not marked",
        f"write `async with {context.spelled}() as {target.id}:` round its use first",
    )


# -- uses ---------------------------------------------------------------------


def _another(context: Context, kind: Kind, item: ast.withitem) -> int:
    """Give the line where the function opens a second session, 0 if it does not."""
    for node in ast.walk(context.function):
        if isinstance(node, ast.withitem) and node is not item:
            made = node.context_expr
            if isinstance(made, ast.Call):
                if context.qualified_name(made.func) == kind.name:
                    return made.lineno
    return 0


def _uses(context: Context, statement: ast.AsyncWith, name: str) -> Iterator[ast.Name]:
    """Give the reads of the session: in its block, and of its name further down."""
    inside = set(ast.walk(statement))
    for node in ast.walk(context.function):
        if isinstance(node, ast.Name) and node.id == name:
            if isinstance(node.ctx, ast.Load) and (
                node in inside or node.lineno > (statement.end_lineno or 0)
            ):
                yield node


def _request(context: Context, use: ast.Name, kind: Kind) -> ast.Call | None:
    method = context.tree.parent(use)
    if isinstance(method, ast.Attribute) and method.attr in kind.requests:
        call = context.tree.parent(method)
        if isinstance(call, ast.Call) and call.func is method:
            return call
    return None


def _repeats(context: Context, call: ast.Call, statement: ast.AsyncWith) -> bool:
    """Tell whether a request is made in a loop inside the block."""
    for above, below in context.tree.ancestors(call):
        if above is statement:
            return False
        if isinstance(above, _LOOPS):
            if below is not getattr(above, "iter", None):
                return True
        elif isinstance(above, COMPREHENSIONS):
            return True
    return False


def _misused(
    context: Context, use: ast.Name, statement: ast.AsyncWith, kind: Kind
) -> Doubt | None:
    """Find what keeps a session from being shared, in one use of it."""
    tree, line = context.tree, use.lineno
    if line > (statement.end_lineno or 0):
        return _escapes(f"{use.id} is used after its block, at line {line}")
    for above, _ in tree.ancestors(use):
        if above is statement:
            break
        if isinstance(above, FUNCTIONS):
            return _escapes(f"a function inside uses it at line {above.lineno}")
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
            return _escapes(f"{use.id}.{method.attr} is used at line {line}")
        return _escapes(f"the session leaves the block at line {line}")
    assert isinstance(method, ast.Attribute)
    above = tree.parent(call)
    if method.attr in kind.entered:
        if isinstance(above, ast.withitem) and isinstance(
            tree.parent(above), ast.AsyncWith
        ):
            return None
        return _escapes(
            f"the response of line {call.lineno} is not in an `async with`: one that "
            "is not read holds its connection, and a shared session runs out of them"
        )
    if isinstance(above, ast.Await):
        return None
    return _escapes(f"the request of line {call.lineno} is not awaited at once")


def _escapes(reason: str) -> Doubt:
    advice = "keep the session, and what it gives, inside one `async with`"
    return refusal("session-escapes", reason, advice)


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


def _bound_at(context: Context, name: str, item: ast.withitem) -> int:
    """Give a line where the function binds the name, except by the session's item."""
    site, target = context.site, item.optional_vars
    own = getattr(target, "lineno", 0)
    found = context.project.names(site.path, site.function).get(name)
    others = [each.line for each in found if each.line != own]
    if len(found) == 1 and not others:
        return 0
    return others[0] if others else own


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
