"""Stage 6a, judge: sites -> findings, each with its fix or with its refusal."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from asyncfix.codemod import Codemod, Names, Part, Plan, Site, SiteError, attempt
from asyncfix.context import Context, Model
from asyncfix.guards import ask
from asyncfix.imports import name_for
from asyncfix.keywords import as_written
from asyncfix.model import Doubt, Finding, Level
from asyncfix.silenced import silencing
from asyncfix.slices import Slice
from asyncfix.tree import Tree

if TYPE_CHECKING:
    import libcst as cst


class Placed(NamedTuple):
    """A part of a fix, where it stands and the names it may use there."""

    context: Context
    part: Part
    names: Names
    missing: tuple[str, ...]
    """The modules of `names` that the file must import first."""


class Judgement(NamedTuple):
    """A finding, and what it takes to fix it where its level allows."""

    finding: Finding
    codemod: Codemod
    context: Context
    parts: tuple[Placed, ...]
    """Empty where the fix was refused."""
    key: str


def judge(
    model: Model, found: Iterable[tuple[Codemod, Site]]
) -> tuple[list[Judgement], int]:
    """Judge the sites of one file; gives the judgements, and how many are off.

    Raises LookupError where a file is not what it was, and SiteError where a
    codemod or a guard fails; the caller turns both into a problem of that file.
    """
    judgements = []
    suppressed = 0
    for codemod, site in found:
        context = Context(model, site)
        line = site.use.line
        plan = attempt(codemod, line, partial(codemod.judge, context), "judge")
        if plan is None:
            continue
        if _is_off(codemod, context):
            suppressed += 1
            continue
        weigh = partial(_weigh, codemod, context, plan)
        judgements.append(attempt(codemod, line, weigh, "judge"))
    return judgements, suppressed


def _weigh(codemod: Codemod, context: Context, plan: Plan) -> Judgement:
    """Ask the guards: names first, then the codemod's own doubts, then the rest."""
    context.needs = plan.needs
    there = context.at(plan.stands[0]) if plan.stands else context
    there.moved, there.kept = plan.moves, plan.keeps
    own = [guard for guard in codemod.guards if guard not in plan.without]
    guards = dict.fromkeys((*own, *plan.guards))
    naming = [guard for guard in guards if guard in ("N1", "N2")]
    others = [guard for guard in guards if guard not in naming]
    refused = plan.level is Level.MANUAL
    doubts: list[Doubt] = [*plan.doubts]
    if not refused:
        doubts = ask(context, naming) or [*_comment(context), *plan.doubts]
        doubts += _staying(codemod, context.tree, plan.moves)
    asked: list[Callable[[], Iterable[Doubt]]]
    asked = [partial(ask, there, others), partial(_elsewhere, plan)]
    if "A3" in others:
        asked += [partial(ask, context.at(node), ["A3"]) for node in plan.stands[1:]]
    for more in asked:
        if not refused and not any(each.level is Level.MANUAL for each in doubts):
            doubts += more()
    context.framework = there.framework
    refusal = next((each for each in doubts if each.level is Level.MANUAL), None)
    stated = f"{plan.message}; {plan.change}" if plan.change else plan.message
    level, guard, message = plan.level, None, stated
    advice = plan.by_hand if refused else ""
    if refusal is not None:
        level, guard = Level.MANUAL, refusal.guard
        message = f"{plan.message}. Not changed: {refusal.reason}"
        advice = refusal.advice
        if "\n" in plan.by_hand:
            advice = f"{advice}; by hand:\n{plan.by_hand}"
        elif plan.by_hand:
            advice = f"{advice} (by hand: {plan.by_hand})"
    elif doubts:
        level, guard = Level.UNSAFE, doubts[0].guard
        reasons = "; ".join(doubt.reason for doubt in doubts)
        message = f"{stated}. Not proven: {reasons}"
        advice = f"{doubts[0].advice}; --unsafe makes the change as it is"
    node, lines = context.node, context.tree.lines
    finding = Finding(
        context.site.path,
        node.lineno,
        lines.column(node.lineno, node.col_offset),
        codemod.name,
        level,
        guard,
        message,
        advice,
        as_written(lines.line(node.lineno)).decode("utf-8", "replace").strip(),
    )
    placed: list[Placed] = []
    if refusal is None and not refused:
        default = Part((node,), partial(_whole_call, codemod))
        placed = [_placed(context, part) for part in plan.parts or (default,)]
    return Judgement(finding, codemod, context, tuple(placed), plan.key)


def _whole_call(codemod: Codemod, slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
    # A site's own node is a call, and so is its twin.
    return [codemod.rewrite(cast("cst.Call", slice_.nodes[0]), names)]


def _placed(context: Context, part: Part) -> Placed:
    """Look up the names that a part may use where it stands."""
    there = part.context or context
    local: dict[str, str] = {}
    missing = []
    for need, module in there.modules().items():
        name = name_for(there, module)
        if name is None:  # only for a codemod that does not ask guard N3
            raise SiteError(context.node.lineno, f"no free name for {module}")
        local[need] = name.local
        if name.missing:
            missing.append(module)
    return Placed(there, part, Names(local, there.framework), tuple(missing))


def _elsewhere(plan: Plan) -> Iterator[Doubt]:
    """Ask the guards of the parts that stand somewhere else than the site."""
    for part in plan.parts:
        if part.context is not None:
            path = part.context.site.path
            if not part.context.model.may_write(path):
                yield Doubt(
                    "named",
                    Level.MANUAL,
                    f"the fix would change {path}, too, which is not among the files "
                    "that were named",
                    "name it as well",
                )
                return
            own = part.needs
            part.context.needs = plan.needs if own is None else own
            for doubt in ask(part.context, part.guards):
                where = f"{part.context.site.path}:{part.context.node.lineno}"
                yield doubt._replace(reason=f"at {where}: {doubt.reason}")


def _comment(context: Context) -> Iterator[Doubt]:
    """Find a comment inside the called name, which a new name would take along."""
    func = getattr(context.node, "func", context.node)
    start, end = context.tree.span(func)
    if b"#" in context.tree.lines.text[start:end]:
        yield Doubt(
            "S1",
            Level.MANUAL,
            "a comment stands inside the called name and would be lost",
            "move the comment",
        )


def _is_off(codemod: Codemod, context: Context) -> bool:
    """Tell whether a comment silences the finding."""
    rules = codemod.rules_for(context.site)
    return any(True for _ in silencing(codemod, context.tree, context.node, rules))


def _staying(
    codemod: Codemod, tree: Tree, moved: ast.expr | ast.stmt | None
) -> Iterator[Doubt]:
    """Find a line that is to stay as it is in what a fix would move with the site."""
    for line, comment in silencing(codemod, tree, moved, codemod.noqa) if moved else ():
        yield Doubt(
            "S1",
            Level.MANUAL,
            f"line {line} would move with it, and is to stay as it is: {comment}",
            "put the comment on this line, too, or take it away there",
        )
        return
