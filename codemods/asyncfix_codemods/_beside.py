"""Do the rounds depend on one another by what a round does beside its call?

What is evaluated for all rounds before the first one begins must not be changed by
a round, and what the body does after the call must not touch what the call goes by.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from asyncfix import Context, Doubt, touches
from asyncfix_codemods._independence import assume, changed, refuse
from asyncfix_codemods._places import overlap
from asyncfix_codemods._rounds import Rounds, own

# Handing a list to these gives nobody a hold on it.
_LOOKERS = frozenset(
    ("len", "sorted", "sum", "min", "max", "any", "all", "print", "str", "repr", "list",
     "tuple", "set", "frozenset", "dict", "bool", "enumerate", "zip", "reversed")
)  # fmt: skip
_FRESH = (
    ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Constant,
)  # fmt: skip
_MAKERS = frozenset(
    ("list", "dict", "set", "defaultdict", "OrderedDict", "Counter", "deque")
)


class Beside:
    """What the rounds do beside their calls, against what these touch."""

    def __init__(
        self,
        context: Context,
        rounds: Rounds,
        touched: touches.Summary,
        is_own: Callable[[touches.Place], bool],
    ) -> None:
        self.context = context
        self.rounds = rounds
        self.callee = context.tree.text(rounds.call.func)
        self.reads = [each for each in touched.reads if not is_own(each.place)]
        self.writes = [each for each in touched.writes if not is_own(each.place)]
        self.early = self._touched(self._evaluated_first())

    def _touched(
        self, code: list[ast.AST], without: ast.AST | None = None
    ) -> touches.Summary:
        site, effects = self.context.site, self.context.model.awaited_effects
        return effects.beside((site.path, site.function), code, without)

    def _evaluated_first(self) -> list[ast.AST]:
        call, rounds = self.rounds.call, self.rounds
        found: list[ast.AST] = [*call.args, *(each.value for each in call.keywords)]
        if isinstance(call.func, ast.Attribute):
            found.append(call.func.value)
        if rounds.key is not None:
            found.append(rounds.key)
        if not isinstance(rounds.loop, ast.For):
            found += rounds.loop.generators[0].ifs
        return found

    def doubts(self) -> Iterator[Doubt]:
        """Give all that speaks against it."""
        for write in self.writes:
            for read in self.early.reads:
                if _replaces(write, read):
                    yield refuse(
                        "gather-depends",
                        f"{read.what} (line {read.line}) would be read for all rounds "
                        f"before the first one begins, and {self.callee} changes it "
                        f"({write.path}:{write.line})",
                    )
                    return
        if self.rounds.body and (self.reads or self.writes or self.early.reads):
            yield from self._rest()

    # -- the rest of the body -------------------------------------------------

    def _rest(self) -> Iterator[Doubt]:
        rounds = self.rounds
        call = rounds.waiting if isinstance(rounds.waiting, ast.Call) else rounds.call
        rest = self._touched([*rounds.body], call)
        yield from self._by_name(rounds)
        for write in rest.writes:
            for read in self.reads:
                if overlap(read.place, write.place):
                    yield self._depends(read.what, write.line)
                    return
            for read in self.early.reads:
                if _replaces(write, read):
                    yield self._depends(read.what, write.line)
                    return
        for read in rest.reads:
            for write in self.writes:
                if overlap(read.place, write.place) and read.place.steps:
                    yield self._depends(write.what, read.line)
                    return
        for write in rest.writes:
            if write.place.is_result and self.reads:
                yield self._may_be_seen(write.what, write.line)
                return
        for item in rest.unknown:
            if "log" not in item.what.lower():
                yield assume(
                    "gather-depends",
                    f"what {item.what} (line {item.line}) changes of what "
                    f"{self.callee} goes by is not known",
                )
                return

    def _by_name(self, rounds: Rounds) -> Iterator[Doubt]:
        """Find names that the body gives a value, and objects made in this function.

        Effects name these only where they are handed to a call.
        """
        skipped = {id(each) for each in ast.walk(rounds.waiting)}
        skipped |= {id(each) for each in ast.walk(rounds.call)}
        touched = [*self.reads, *self.writes]
        for node in own(rounds.body):
            if isinstance(node, ast.Name) and id(node) not in skipped:
                for each in touched:
                    bare = each.place.name.rpartition(":")[2]
                    stored = not isinstance(node.ctx, ast.Load)
                    if bare != node.id or each.place.is_result:
                        continue
                    variable = not each.place.steps and each.place.root in _VARIABLES
                    if variable and (stored or each in self.writes):
                        yield self._depends(each.what, node.lineno)
                        return
        local = [each for each in touched if each.place.root == touches.LOCAL]
        for name, line in changed(rounds):
            if name in rounds.names:
                continue
            site, effects = self.context.site, self.context.model.awaited_effects
            origin = effects.origin((site.path, site.function), name)
            if origin.places or origin.inside or origin.plain == touches.PLAIN:
                continue  # its places say it
            for each in local:
                if each.place.name.partition(".")[0] == name:
                    yield self._depends(each.what, line)
                    return
            if touched and not self._is_private(name):
                yield self._may_be_seen(name, line)
                return

    def _is_private(self, name: str) -> bool:
        """Tell whether a name holds a container that nobody else gets a hold on."""
        tree, function = self.context.tree, self.context.function
        for node in ast.walk(function):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                if node is not function and any(
                    isinstance(each, ast.Name) and each.id == name
                    for each in ast.walk(node)
                ):
                    return False
            if not isinstance(node, ast.Name) or node.id != name:
                continue
            above = tree.parent(node)
            if isinstance(node.ctx, ast.Store):
                made = getattr(above, "value", None)
                maker = made.func if isinstance(made, ast.Call) else None
                last = getattr(maker, "id", getattr(maker, "attr", ""))
                fresh = isinstance(made, _FRESH) or last in _MAKERS
                if isinstance(above, ast.AugAssign):
                    fresh = True
                if not fresh:
                    return False
            elif isinstance(above, ast.Call):
                looker = getattr(above.func, "id", "")
                if above.func is node or looker not in _LOOKERS:
                    return False
            elif not isinstance(
                above,
                (ast.Attribute, ast.Subscript, ast.Return, ast.Compare, ast.For,
                 ast.comprehension, ast.UnaryOp, ast.If, ast.While, ast.Expr,
                 ast.FormattedValue, ast.AugAssign, ast.Delete),
            ):  # fmt: skip
                return False
        return True

    def _may_be_seen(self, what: str, line: int) -> Doubt:
        return assume(
            "gather-depends",
            f"{what}, which the body changes (line {line}), may be what {self.callee} "
            "goes by",
        )

    def _depends(self, what: str, line: int) -> Doubt:
        return refuse(
            "gather-depends",
            f"each round uses {what} from the round before (line {line}): these "
            "cannot run at the same time",
        )


_VARIABLES = (touches.GLOBAL, touches.OUTER, touches.LOCAL)


def _replaces(write: touches.Touch, read: touches.Touch) -> bool:
    """Tell whether a write gives what was read another value, not just its inside."""
    return len(write.place.steps) <= len(read.place.steps) and overlap(
        write.place, read.place
    )
