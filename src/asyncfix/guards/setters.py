"""State of the whole process that a coroutine sets, and sets again, round a call.

Where the call is awaited, other tasks run with it. `with` statements are asked about
elsewhere; this is for what is put back by hand.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from asyncfix.context import Context
from asyncfix.guards.places import MUTATORS, Places
from asyncfix.tree import dotted, walk_function

# What a call sets; what has several names is set by several.
_CALLS = {
    "os.chdir": "the working folder",
    "os.fchdir": "the working folder",
    "os.umask": "the umask",
    "os.putenv": "os.environ",
    "os.unsetenv": "os.environ",
    "os.setpriority": "the priority",
    "signal.signal": "a signal's handler",
    "signal.alarm": "the alarm",
    "signal.setitimer": "the alarm",
    "socket.setdefaulttimeout": "the default timeout",
    "gc.enable": "the garbage collector",
    "gc.disable": "the garbage collector",
    "logging.disable": "what is logged",
    "locale.setlocale": "the locale",
    "warnings.simplefilter": "the warnings' filters",
    "warnings.filterwarnings": "the warnings' filters",
    "warnings.resetwarnings": "the warnings' filters",
    "sys.setrecursionlimit": "the recursion limit",
    "sys.setswitchinterval": "the switch interval",
    "sys.settrace": "the trace function",
    "sys.setprofile": "the profile function",
    "random.seed": "the random state",
    "random.setstate": "the random state",
    "resource.setrlimit": "a limit",
}
# Of these the first argument tells which one.
_BY_FIRST = frozenset(
    ("os.putenv", "os.unsetenv", "signal.signal", "resource.setrlimit")
)
# What begins and ends with these, all see who share the connection.
TRANSACTION = "the transaction"
_TRANSACTIONS = frozenset(
    ("begin", "begin_transaction", "commit", "rollback", "start_transaction")
)
# Methods of loggers, which all tasks share.
_OF_LOGGERS = {
    "setLevel": "the level",
    "addHandler": "the handlers",
    "removeHandler": "the handlers",
    "addFilter": "the filters",
    "removeFilter": "the filters",
}
_TABLES = frozenset(("os.environ", "os.environb"))
_LISTS = frozenset(("sys.path", "sys.meta_path", "sys.path_hooks", "sys.argv"))
_KEYED = frozenset(("pop", "setdefault", "__setitem__", "__delitem__"))
_ENDS = (ast.Return, ast.Raise)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


class Setter(NamedTuple):
    """A place where something of the process is set."""

    node: ast.AST
    what: str
    key: str
    """Which of several, "" for any of them."""

    @property
    def line(self) -> int:
        """Give the line it begins on."""
        return getattr(self.node, "lineno", 0)

    def means(self, other: Setter) -> bool:
        """Tell whether it sets what another one sets, perhaps."""
        keys = {self.key, other.key}
        return self.what == other.what and (len(keys) == 1 or "" in keys)

    def shown(self) -> str:
        """Give what is set, for a message."""
        keyed = self.what in _TABLES and self.key
        return f"{self.what}[{self.key}]" if keyed else self.what


class _Meeting(NamedTuple):
    """The innermost node round a setter and the site, and the setter's part of it."""

    above: ast.AST
    below: ast.AST
    left: bool
    """The function is left between the setter and the site."""


def set_round(context: Context) -> tuple[Setter, Setter] | None:
    """Give what sets something before the site, and what sets it again after it.

    A `finally` comes after, and so does the next round of a loop round both.
    """
    function = context.function
    every = context.tree.once(("setters", function), partial(_setters, context))
    if len(every) < 2:
        return None
    around = {below for _, below in context.within()} | {function}
    site = _at(context.node)
    before, after = [], []
    for setter in every:
        meeting = _meets(context, setter, around)
        if meeting is None or _exclude(meeting, around):
            continue
        if _at(setter.node) > site or meeting.above is setter.node:
            after.append(setter)
        elif not meeting.left:
            before.append(setter)
    for first in before:
        again = [each for each in before if _at(each.node) < _at(first.node)]
        loops = {*_loops(context, first.node)} & around
        for second in after + [
            each for each in again if loops.intersection(_loops(context, each.node))
        ]:
            if first.means(second):
                return first, second
    return None


def _loops(context: Context, node: ast.AST) -> Iterator[ast.AST]:
    for above, below in context.tree.ancestors(node):
        if isinstance(above, _LOOPS) and below in above.body:
            yield above
        if above is context.function:
            return


def _setters(context: Context) -> list[Setter]:
    """Give what a coroutine sets itself, in the order in which it is written."""
    found = [
        each for node in walk_function(context.function) for each in _set(context, node)
    ]
    return sorted(found, key=lambda each: _at(each.node))


def _set(context: Context, node: ast.AST) -> Iterator[Setter]:
    """Give what a node by itself sets."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Call):
        name = _name(context, node.func)
        key = context.tree.text(node.args[0]) if node.args else ""
        owner, _, method = name.rpartition(".")
        verb = getattr(node.func, "attr", "")
        if verb in _TRANSACTIONS:
            awaited = isinstance(context.tree.parent(node), ast.Await)
            if not awaited and isinstance(node.func, ast.Attribute):
                of = context.tree.text(node.func.value)
                yield Setter(node, f"{TRANSACTION} of {of}", "")
        elif verb in _OF_LOGGERS:
            of = context.tree.text(node.func).rpartition(".")[0]
            yield Setter(
                node,
                f"{_OF_LOGGERS[verb]} of {of}",
                key if node.args and verb[:3] != "set" else "",
            )
        elif name in _CALLS:
            yield Setter(node, _CALLS[name], key if name in _BY_FIRST else "")
        elif method in MUTATORS or method in _KEYED:
            if owner in _TABLES:
                yield Setter(node, owner, key if method in _KEYED else "")
            elif owner in _LISTS:
                yield Setter(node, owner, "")
    elif isinstance(node, (ast.Assign, ast.Delete)):
        targets = list(node.targets)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    while targets:
        target = targets.pop()
        if isinstance(target, (ast.Tuple, ast.List)):
            targets += target.elts
        elif isinstance(target, ast.Subscript):
            owner = _name(context, target.value)
            if owner in _TABLES:
                yield Setter(node, owner, context.tree.text(target.slice))
            elif owner in _LISTS:
                yield Setter(node, owner, "")
        elif isinstance(target, ast.Attribute):
            name = _name(context, target)
            if name.partition(".")[0] in sys.stdlib_module_names:
                yield Setter(node, name, "")


def _name(context: Context, node: ast.expr) -> str:
    """Give a qualified name, also of what has a local name; "" where it is not sure."""
    name = dotted(node)
    if name is None:
        return ""
    function = context.function
    places = context.tree.once(("places", function), partial(Places, function))
    root, dot, rest = name.partition(".")
    alias = dotted(places.aliases.get(root))
    if alias is not None:
        name = alias + dot + rest
    path, scope = context.site.path, context.site.function
    return context.project.qualified_name(path, scope, name) or ""


def _meets(context: Context, setter: Setter, around: set[ast.AST]) -> _Meeting | None:
    """Give where a setter meets the site; None if it is a part of what the site runs."""
    inside = {context.moved or context.node, context.node}
    if setter.node in around - inside:
        return _Meeting(setter.node, setter.node, False)  # it is run with its result
    left = False
    for above, child in context.tree.ancestors(setter.node):
        if above in inside or child in inside:
            return None
        if above in around:
            tried = type(above).__name__ in ("Try", "TryStar")
            return _Meeting(above, child, left and not tried)
        if isinstance(above, (ast.If, ast.match_case)):
            blocks = above.body, getattr(above, "orelse", [])
            mine = next((each for each in blocks if child in each), None)
            left = left or (mine is not None and isinstance(mine[-1], _ENDS))
        elif type(above).__name__ in ("Try", "TryStar"):
            left = False  # a `finally` may lead to the site
    return None


def _exclude(meeting: _Meeting, around: set[ast.AST]) -> bool:
    """Tell whether a setter stands in a branch that is not the site's."""
    above, child = meeting.above, meeting.below
    if isinstance(above, ast.Match):
        return child in above.cases and any(each in around for each in above.cases)
    if isinstance(above, ast.If):
        others = above.orelse if child in above.body else above.body
        return child is not above.test and any(each in around for each in others)
    handlers = getattr(above, "handlers", ())
    return child in handlers and any(each in around for each in handlers)


def _at(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
