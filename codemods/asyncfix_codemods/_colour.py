"""A sync helper becomes a coroutine function, with all that call it, or none of it.

    def load(path):                          async def load(path):
        time.sleep(1)                            await asyncio.sleep(1)
        return read(path)                        return read(path)

    async def handler(path):                 async def handler(path):
        return load(path)                        return await load(path)

A missed call would be silent: `if load(path):` is true whatever it gives. So every
use of the helper has to be a call that can be awaited, in a coroutine or in another
helper of which the same is true.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import permutations

from asyncfix import (
    GUARDS,
    Call,
    Chain,
    Context,
    Doubt,
    Level,
    Place,
    Site,
    Step,
    facts,
    goes_ahead,
)
from asyncfix_codemods import (
    _colour_allowed,
    _colour_leaf,
    _hazards,
    _leaves,
    _native,
    _threads,
)
from asyncfix_codemods._colour_leaf import AT_A_CALL, IN_A_HELPER
from asyncfix_codemods._colour_write import Change, Group, grouped

# What a cancel of a coroutine ends while its thread goes on.
_ROUND_A_THREAD = ("thread-lock", "thread-cleanup")
_MOST_FUNCTIONS = 20
# Changes of the whole process that others would see meanwhile: not who asks where it
# is, and not what ends the process or is for its whole life.
_LASTING = re.compile(
    r"contextlib\.|os\.(?:f?chdir|chroot|environ|putenv|unsetenv|umask|set[ug]id)"
    r"|locale\.|signal|socket\.setdefaulttimeout|sys\.set|threading\.set|warnings\."
    r"|logging\.disable|gc\.(?:dis|en)able|urllib\."
)
_OFF = re.compile(rb"#.*\basyncfix:\s*off\b")


@dataclass(slots=True)
class Colour:
    """All that changes, and what speaks against it."""

    helpers: dict[Place, list[Change]] = field(default_factory=dict)
    """For each function that becomes a coroutine function, what is awaited in it."""
    calls: list[Group] = field(default_factory=list)
    """The calls in coroutines; each group stands in one expression."""
    doubts: list[Doubt] = field(default_factory=list)
    in_thread: bool = False
    """Something that blocks goes to a thread."""
    said: list[str] = field(default_factory=list)
    """What else is to be known."""

    @property
    def refusal(self) -> Doubt | None:
        """Give what keeps it from being done."""
        return next((each for each in self.doubts if each.level is Level.MANUAL), None)


def found(context: Context) -> Colour | None:
    """Follow the last helper of a blocking chain to all that call it.

    None where the chain has no helper, and for a call that would go to a thread from
    there, unless such is preferred.
    """
    leaf = _leaves.leaf_of(context)
    if leaf is None:
        return None
    prefers = _colour_leaf.prefers(context)
    if not prefers and not _native.is_one(leaf.site.wanted):
        return None
    way = _colour_leaf.found(leaf)
    if way.in_thread and not prefers:
        return None
    if way.refusal is not None:
        return Colour(doubts=[way.refusal])
    key = "colour", leaf.site.path, leaf.site.use
    return context.model.once(key, lambda: _Search(context, leaf).run())


class _Search:
    """The search, from a helper upwards."""

    def __init__(self, context: Context, leaf: Context) -> None:
        self.context = context
        self.leaf = leaf
        self.model = context.model
        self.users = context.model.users
        self.colour = Colour()
        self._inner: dict[Place, list[Change]] = {}
        self._outer: list[Change] = []
        self._first = ""

    def run(self) -> Colour:
        """Find all that has to change with the helper of the leaf."""
        place = self.leaf.site.path, self.leaf.site.function
        colour, todo = self.colour, [place]
        self._first = self.users.scope(place).name
        while todo and colour.refusal is None:
            here = todo.pop(0)
            if here not in colour.helpers:
                colour.helpers[here] = self._inner.setdefault(here, [])
                todo += self._callers(here)
            if len(colour.helpers) > _MOST_FUNCTIONS:
                self._refuse("colour-many", "too many functions would change with it")
        for step in (self._leaves, self._ask_calls, self._ask_uses):
            if colour.refusal is None:
                step()
        return colour

    def _refuse(self, guard: str, reason: str, advice: str = "") -> None:
        advice = advice or "make it a coroutine function by hand"
        self.colour.doubts.append(Doubt(guard, Level.MANUAL, reason, advice))

    # -- who calls ----------------------------------------------------------------

    def _callers(self, place: Place) -> list[Place]:
        """Sort the calls of a helper; gives the sync functions that make some."""
        name = self.users.scope(place).name
        where = f"{place[0]}:{self.users.scope(place).line}"
        is_first = len(self.colour.helpers) == 1
        for doubt in _colour_allowed.definition(self.context, place):
            if is_first:
                self.colour.doubts.append(doubt)
            else:
                self._called_by(f"{name} ({where}), which stays sync: {doubt.reason}")
            return []
        paths = {place[0], *(call.path for call in self.users.calls(place))}
        for path in sorted(paths):
            if not self.model.may_write(path):
                self._refuse(
                    "named",
                    f"{path} would have to change, too, and is not among the files that "
                    "were named",
                    "name it as well",
                )
                return []
        sync: list[Place] = []
        others = 0
        for call in self.users.calls(place):
            caller = self._caller(call)
            if caller is None:
                at = f"{call.path}:{call.use.line}"
                self._stays_sync(f"{name} is also called from sync code at {at}")
                return []
            others += caller != place
            if self.users.scope(caller).is_async:
                site = Site(call.path, call.use, "call", call.use.name, caller[1])
                there = Context(self.model, site)
                self._outer.append(Change(there, there.call, None))
            else:
                there = _leaves.inside(self.context, caller, call.use, None)
                self._inner.setdefault(caller, []).append(
                    Change(there, there.call, None)
                )
                sync.append(caller)
        if not others:
            # A framework calls it, a command line, another program, or nobody.
            reason = f"nothing in the project is seen to call {name} ({where})"
            if is_first:
                self._stays_sync(reason)
            else:
                self._called_by(f"{name}, and {reason}")
        return sync

    def _called_by(self, caller: str) -> None:
        self._stays_sync(f"{self._first} is also called by {caller}")

    def _stays_sync(self, reason: str) -> None:
        self._refuse("colour-sync-caller", reason, "await a twin of it instead")

    def _caller(self, call: Call) -> Place | None:
        """Give the function that makes a call itself; None where there is none."""
        kinds = (facts.FUNCTION, facts.LAMBDA, facts.CLASS)
        scope = self.model.project.enclosing(call.path, call.use.scope, kinds)
        if scope < 0:
            return None
        there = self.model.project.files[call.path].scopes[scope]
        return (call.path, scope) if there.kind == facts.FUNCTION else None

    # -- what is awaited ------------------------------------------------------------

    def _leaves(self) -> None:
        """Find what blocks in the helpers themselves, and may be awaited there."""
        for place, changes in self.colour.helpers.items():
            self._tell_of_callbacks(place)
            moved = set()
            for edge in self.model.reach.edges(place):
                chain = self.model.reach.chain(place[0], edge)
                if edge.entry is None or chain is None:
                    continue
                leaf = _colour_leaf.found(
                    _leaves.inside(self.context, place, edge.use, chain)
                )
                # What is left as it is, is a finding of the coroutine that it is now.
                is_own = (place[0], edge.use) == (
                    self.leaf.site.path,
                    self.leaf.site.use,
                )
                if leaf.change is None or leaf.key in moved:
                    continue
                if leaf.doubts and not is_own:
                    continue
                moved.add(leaf.key)
                changes.append(leaf.change)
                self.colour.doubts += leaf.doubts
                self.colour.in_thread |= leaf.in_thread
                self.colour.said += [leaf.said] if leaf.said else []
            for one, other in permutations(changes, 2):
                if one.make is not None and (
                    _holds(one.node, other.node) or _holds(other.node, one.node)
                ):
                    where = f"{place[0]}:{one.node.lineno}"
                    self._refuse(
                        "colour-nested",
                        f"one of the calls at {where} is an argument of another one",
                        "give it a line of its own",
                    )

    def _tell_of_callbacks(self, place: Place) -> None:
        """Say that a helper calls what it is given: that blocks then as it did before."""
        path, scope = place
        names = self.model.project.names(path, scope)
        for use in self.model.project.files[path].calls_in((scope,)):
            bound = names.get(use.name)
            if bound and all(each.kind == facts.PARAMETER for each in bound):
                name = self.users.scope(place).name
                self.colour.said.append(
                    f"{name} may still hold the event loop by what it is given as {use.name}"
                )
                return

    def _ask_calls(self) -> None:
        """Ask the guards of a new await at each of them."""
        colour = self.colour
        colour.calls = grouped(self._outer)
        for group in colour.calls:
            if len(group.changes) == 1:
                goes_ahead(group.context)
            for change in group.changes:
                self._ask(change.context, AT_A_CALL)
                self._ask_for_thread(change)
                if colour.refusal is not None:
                    return
                self._shared(change.context)
        for changes in colour.helpers.values():
            for change in changes:
                # What blocks was asked when it was found.
                own = change.make is None
                self._ask(change.context, IN_A_HELPER if own else ())
                if own:
                    self._ask_for_thread(change)

    def _ask(self, there: Context, guards: Iterable[str]) -> None:
        there.needs = ("asyncio",)
        start, end = there.tree.lines.span(
            there.node.lineno, there.node.end_lineno or there.node.lineno
        )
        if _OFF.search(there.tree.lines.text[start:end]):
            where = f"{there.site.path}:{there.node.lineno}"
            self._refuse("colour-off", f"{where} is to be kept as it is", "")
        for guard in guards:
            doubt = GUARDS[guard](there)
            if doubt is not None:
                self._doubt(there, doubt)
                if doubt.level is Level.MANUAL:
                    return

    def _doubt(self, there: Context, doubt: Doubt) -> None:
        reason = f"at {there.site.path}:{there.node.lineno}: {doubt.reason}"
        self.colour.doubts.append(doubt._replace(reason=reason))

    def _ask_for_thread(self, change: Change) -> None:
        """Ask at a call what holds for a thread that works somewhere below it."""
        if not self.colour.in_thread:
            return
        there = change.context
        self._ask(there, _ROUND_A_THREAD)
        own = self.leaf.site.chain
        assert own is not None
        site = there.site
        names = [self.users.scope(place).name for place in self.colour.helpers]
        steps = [Step(site.path, site.use.line, site.use.col, name) for name in names]
        chain = Chain((*steps, *own.steps), own.entry)
        call = there.at(there.node)
        call.site = site._replace(chain=chain)
        for doubt in (*_threads.surroundings(call), *_hazards.doubts(call)):
            self._doubt(there, doubt)

    def _shared(self, there: Context) -> None:
        """Doubt helpers that read or change what others change while they wait.

        A3 knows the updates of one function; these are updates of two.
        """
        doubt = GUARDS["thread-stop"](there)
        if doubt is not None:
            reason = doubt.reason.partition(", which")[0]
            self._refuse(
                "colour-stop",
                f"{reason}, which a coroutine cannot raise: it would be RuntimeError",
                "use next(it, default)",
            )
        # An await lets others see what is set for the whole process in the meantime.
        place, use = (there.site.path, there.site.function), there.site.use
        span = use.line, use.col, use.end_line, use.end_col
        for item in there.effects.at(place, *span).threads:
            if item.place is None and _LASTING.match(item.what):
                doubt = Doubt(
                    "colour-process",
                    Level.UNSAFE,
                    f"{item.what} ({item.path}:{item.line}) is of the whole process: other "
                    "tasks would run with what it has set",
                    "leave the process as it is, and hand over what is wanted",
                )
                self.colour.doubts.append(doubt)
                break
        for guard in ("thread-state", "thread-arguments"):
            doubt = GUARDS[guard](there)
            if doubt is not None:
                self.colour.doubts.append(
                    doubt._replace(guard="colour-state", level=Level.UNSAFE)
                )

    def _ask_uses(self) -> None:
        """Ask what else is done with the helpers: the most work, and so the last."""
        for place in self.colour.helpers:
            if self.colour.refusal is None:
                self.colour.doubts += _colour_allowed.uses(self.context, place)


def _holds(outer: ast.AST, inner: ast.AST) -> bool:
    return outer is not inner and any(each is inner for each in ast.walk(outer))
