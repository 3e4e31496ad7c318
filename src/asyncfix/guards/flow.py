"""Does a value read before a new `await` decide a write after it? (Guard A3.)

The function's statements are gone through in order, loops twice, with what
each local was read from and which reads decide that a statement runs. At the
site everything read so far turns stale; a write that a stale read of the same
place decides is a conflict, and so is one that empties what was only read before,
or moves it on. A read made under an `async with` lock that is still held at the
site stays fresh: nobody else gets in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from asyncfix.guards.locks import is_mutex
from asyncfix.guards.places import Places, conflict
from asyncfix.tree import Tree

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Read(NamedTuple):
    """A place that was read, where, under which locks, and if it is stale."""

    place: str
    line: int
    stale: bool
    locks: frozenset[int]


class Conflict(NamedTuple):
    """A place read at one line and written, because of it, at another."""

    place: str
    read: int
    written: int
    how: str = "written"
    """Or "emptied": what others have put there since is dropped; or "moved on"."""


_Reads = frozenset[Read]
_Locals = dict[str, _Reads]
_NONE: _Reads = frozenset()
_SETTING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)
# Where all that was read is kept, beside the locals.
_SEEN = "(seen)"
# And what the site itself was given.
_SENT = "(sent)"


def torn_updates(
    tree: Tree,
    function: ast.AsyncFunctionDef,
    site: ast.AST,
    ahead: bool = False,
    places: Places | None = None,
) -> list[Conflict]:
    """Give all conflicts that a suspension at `site` would make, in their order.

    With `ahead`, the suspension comes before the statement that holds `site`, or
    before all that matters of it. What functions do that are called counts if `places`
    know it.
    """
    if places is None:
        places = tree.once(("places", function), partial(Places, function))
        key = "torn updates", function, site, ahead
        return tree.once(key, partial(_torn, tree, function, site, ahead, places))
    return _torn(tree, function, site, ahead, places)


def _torn(
    tree: Tree,
    function: ast.AsyncFunctionDef,
    site: ast.AST,
    ahead: bool,
    places: Places,
) -> list[Conflict]:
    if not places.has_writes:
        return []
    around = {above for above, _ in tree.ancestors(site)} | {site}
    flow = _Flow(places, site, around, ahead)
    flow.block(function.body, {}, _NONE)
    return sorted(
        set(flow.conflicts),
        key=lambda c: (c.how != "written", c.written, c.read, c.place),
    )


class _Flow:
    def __init__(
        self, places: Places, site: ast.AST, around: set[ast.AST], ahead: bool
    ) -> None:
        self.ahead = ahead
        self.places = places
        self.site = site
        self.around = around
        self.locks: frozenset[int] = frozenset()
        self.conflicts: list[Conflict] = []
        self._aged: dict[tuple[_Reads, frozenset[int]], _Reads] = {}

    def holds_site(self, node: ast.AST | None) -> bool:
        return node in self.around

    def reads(self, node: ast.AST | None, known: _Locals) -> _Reads:
        """Give what an expression depends on: places, and locals' places."""
        if node is None:
            return _NONE
        direct = {
            Read(place, line, False, self.locks)
            for place, line in self.places.said(node).reads
        }
        return frozenset(direct) | self.through_locals(node, known)

    def through_locals(self, node: ast.AST, known: _Locals) -> _Reads:
        if not known:
            return _NONE
        names = self.places.said(node).names
        return _NONE.union(*(known[name] for name in names if name in known))

    def age(self, reads: _Reads) -> _Reads:
        key = reads, self.locks
        found = self._aged.get(key)
        if found is None:
            found = self._aged[key] = frozenset(
                read if read.locks & self.locks else read._replace(stale=True)
                for read in reads
            )
        return found

    def pass_site(
        self, node: ast.AST | None, known: _Locals, control: _Reads
    ) -> _Reads:
        """Let everything known grow stale if the site stands in `node`."""
        if self.holds_site(node):
            for name, reads in known.items():
                known[name] = self.age(reads)
            return self.age(control)
        return control

    def block(
        self, body: Sequence[ast.stmt], known: _Locals, control: _Reads
    ) -> _Reads:
        """Go through a block; gives its control, aged if the site is in it."""
        for statement in body:
            before = dict(known)
            control = self.statement(statement, known, control)
            control |= self.exits(statement, before)
        return control

    def exits(self, statement: ast.stmt, known: _Locals) -> _Reads:
        """Give the reads that decide whether a statement is left for good.

        What follows it runs because of them: `if k in cache: return cache[k]`.
        """
        found: _Reads = _NONE
        for node in self.places.said(statement).leaving:
            found |= self.reads(node, known)
        return self.age(found) if self.holds_site(statement) else found

    def statement(self, node: ast.stmt, known: _Locals, control: _Reads) -> _Reads:
        if isinstance(node, ast.If):
            return self.choice(node.test, [node.body, node.orelse], known, control)
        if isinstance(node, ast.Match):
            bodies = [case.body for case in node.cases] + [[]]
            guards = [case.guard for case in node.cases if case.guard]
            return self.choice(node.subject, bodies, known, control, guards)
        if isinstance(node, (ast.While, ast.For, ast.AsyncFor)):
            return self.loop(node, known, control)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            return self.with_block(node, known, control)
        if type(node).__name__ in ("Try", "TryStar"):
            return self.attempt(node, known, control)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            known.pop(node.name, None)
            return control
        return self.simple(node, known, control)

    def simple(self, node: ast.stmt, known: _Locals, control: _Reads) -> _Reads:
        control = self.pass_site(node, known, control)
        self.drops(node, known, control)
        deciding = control | self.through_locals(node, known)
        if self.holds_site(node) and not self.ahead:
            # What the statement itself reads may be read before the site.
            deciding |= self.age(self.reads(getattr(node, "value", None), known))
        for place, line in self.places.said(node).writes:
            for read in deciding:
                if read.stale and conflict(read.place, place):
                    self.conflicts.append(Conflict(place, read.line, line))
        value = getattr(node, "value", None)
        taken = self.reads(value, known)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self.give(target, taken, known)
        elif isinstance(node, ast.AnnAssign) and value is not None:
            self.give(node.target, taken, known)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            known[node.target.id] = known.get(node.target.id, _NONE) | taken
        self.walruses(node, known)
        return control

    def drops(self, node: ast.stmt, known: _Locals, control: _Reads) -> None:
        """Note what is emptied that was read before the site, and not since.

        And what is moved on that the site was given, or waited for: a page that was
        asked for, the time of the last call of a rate limit.
        """
        seen, sent = known.get(_SEEN, _NONE), known.get(_SENT, _NONE)
        said = self.places.said(node)
        told, empties = self.places.asides(node)
        fresh = self.reads(getattr(node, "value", None), {})
        if fresh and (told or said.writes):
            aside = told.union(said.writes)
            fresh = frozenset(e for e in fresh if (e.place, e.line) not in aside)
        drops = [(each, seen, "emptied") for each in empties]
        if isinstance(node, _SETTING):
            drops += [(each, sent, "moved on") for each in said.writes]
        for (place, line), reads, how in drops:
            if any(conflict(read.place, place) for read in fresh):
                continue
            for read in reads:
                if read.stale and conflict(read.place, place):
                    self.conflicts.append(Conflict(place, read.line, line, how))
        again = {each.place for each in fresh}
        over = again.union(place for place, _ in said.writes)
        if self.holds_site(node):
            fresh = self.age(fresh)
            known[_SENT] = self.age(self.reads(self.site, known) | control)
        elif again and sent:
            known[_SENT] = frozenset(e for e in sent if e.place not in again)
        if over:
            known[_SEEN] = fresh.union(e for e in seen if e.place not in over)

    def looks(self, test: ast.AST, known: _Locals) -> None:
        """Note that a test has read its places once more."""
        fresh = self.reads(test, {})
        again = {each.place for each in fresh}
        if again and not self.holds_site(test):
            for name in (_SEEN, _SENT):
                kept = [e for e in known.get(name, _NONE) if e.place not in again]
                known[name] = frozenset(kept)
            known[_SEEN] |= fresh

    def give(self, target: ast.AST, reads: _Reads, known: _Locals) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                known[node.id] = reads

    def walruses(self, node: ast.AST, known: _Locals) -> None:
        for each in self.places.said(node).walruses:
            known[each.target.id] = self.reads(each.value, known)

    def choice(
        self,
        test: ast.expr,
        bodies: Iterable[list[ast.stmt]],
        known: _Locals,
        control: _Reads,
        guards: Sequence[ast.expr] = (),
    ) -> _Reads:
        control = self.pass_site(test, known, control)
        self.walruses(test, known)
        self.looks(test, known)
        deciding = self.reads(test, known)
        for guard in guards:
            deciding |= self.reads(guard, known)
        if self.holds_site(test):
            deciding = self.age(deciding)
            for name, reads in known.items():
                known[name] = self.age(reads)
        after: list[_Locals] = []
        left, passed, later = False, control, deciding
        for body in bodies:
            branch = dict(known)
            self.block(body, branch, control | deciding)
            if body and isinstance(body[-1], _ENDS):
                left = True  # what follows runs only because of the test
            else:
                after.append(branch)
            if any(self.holds_site(each) for each in body):
                if not (body and isinstance(body[-1], _ENDS)):
                    passed = self.age(passed)
                    later = self.age(later)
        _join(known, after or [dict(known)])
        return passed | later if left else passed

    def loop(
        self, node: ast.While | ast.For | ast.AsyncFor, known: _Locals, control: _Reads
    ) -> _Reads:
        head = node.test if isinstance(node, ast.While) else node.iter
        before = dict(known)
        for _ in range(3):
            entered = dict(known), control
            control = self.pass_site(head, known, control)
            self.walruses(head, known)
            self.looks(head, known)
            deciding = self.reads(head, known)
            if isinstance(node, ast.While):
                inside = control | deciding
            else:
                self.give(node.target, deciding, known)
                inside = control
            self.block(node.body, known, inside)
            if any(self.holds_site(each) for each in node.body):
                control = self.age(control)
            _join(known, [dict(known), before])
            if entered == (known, control):
                break  # one more round would tell nothing else
        if isinstance(node, ast.While):
            self.looks(head, known)  # it is left by its test
        return self.block(node.orelse, known, control)

    def with_block(
        self, node: ast.With | ast.AsyncWith, known: _Locals, control: _Reads
    ) -> _Reads:
        outer = self.locks
        for item in node.items:
            control = self.pass_site(item.context_expr, known, control)
            if item.optional_vars is not None:
                taken = self.reads(item.context_expr, known)
                self.give(item.optional_vars, taken, known)
            if isinstance(node, ast.AsyncWith) and is_mutex(
                item.context_expr, self.places.locals
            ):
                self.locks = outer | {id(node)}
        control = self.block(node.body, known, control)
        self.locks = outer
        return control

    def attempt(self, node: ast.stmt, known: _Locals, control: _Reads) -> _Reads:
        body: list[ast.stmt] = getattr(node, "body", [])
        handlers: list[ast.ExceptHandler] = getattr(node, "handlers", [])
        before = dict(known)
        inside = self.block(body, known, control)
        tried = _NONE.union(*(self.reads(each, before) for each in body))
        if any(self.holds_site(each) for each in body):
            tried = self.age(tried)
        torn = dict(known)
        _join(torn, [dict(known), before])
        after = []
        inside = self.block(getattr(node, "orelse", []), known, inside)
        after.append(dict(known))
        for handler in handlers:
            caught = dict(torn)
            inside = inside | self.block(handler.body, caught, inside | tried)
            if not isinstance(handler.body[-1], _ENDS):
                after.append(caught)
        _join(known, after)
        return self.block(getattr(node, "finalbody", []), known, inside)


def _join(known: _Locals, branches: Sequence[_Locals]) -> None:
    """Make `known` what may hold after any of the branches."""
    names = {name for branch in branches for name in branch}
    for name in names:
        given = [branch.get(name, _NONE) for branch in branches]
        first = given[0]
        # Nearly always no branch has touched it.
        same = all(each is first for each in given)
        known[name] = first if same else _NONE.union(*given)
