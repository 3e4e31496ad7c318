"""From rounds to a plan: which form, at which level, and what it changes."""

from __future__ import annotations

import ast

from asyncfix import Context, Doubt, Level, Part, Plan
from asyncfix_codemods._forms import HELPERS, Form, free
from asyncfix_codemods._independence import local_doubts, refuse
from asyncfix_codemods._items import Items, items
from asyncfix_codemods._rounds import Rounds, own, stored
from asyncfix_codemods._shared import Shared
from asyncfix_codemods._together import parts

_TASK_GROUPS = (3, 11)
_ERRORS = {
    "gather": "of several errors the first in time is raised, and the other calls go on",
    "ordered": "the first error in the order of the items is raised, as now, and the "
    "calls that are left are cancelled",
    "taskgroup": "errors come as an ExceptionGroup, and the calls that are left are "
    "cancelled",
}


def plan_for(
    context: Context, rounds: Rounds, creating: ast.Call | None, message: str
) -> Plan:
    """Give the plan that makes rounds run together, with all that speaks against it."""
    rounds = _really(context, rounds)
    known = items(context, rounds.items)
    form = _form(context, rounds, creating)
    doubts = [
        *local_doubts(context, rounds, known),
        *([form] if isinstance(form, Doubt) else _fits(context, form, known)),
    ]
    if not any(each.level is Level.MANUAL for each in doubts):
        doubts += Shared(context, rounds, known).doubts()
    doubts.sort(key=lambda doubt: doubt.level is not Level.MANUAL)
    made: tuple[Part, ...] = ()
    kind = "ordered"
    if isinstance(form, Form):
        kind, made = form.kind, parts(form)
    callee = context.tree.text(rounds.call.func)
    changes = [
        "later rounds start although an earlier one fails",
        f"what {callee} does happens in another order",
        _ERRORS[kind],
    ]
    if not known.few and not context.settings.concurrency_limit:
        changes.append(
            "all run at once, however many items there are "
            "(--concurrency-limit N bounds them)"
        )
    text = context.tree.text(rounds.call)
    target = context.tree.text(rounds.target)
    over = context.tree.text(rounds.items)
    return Plan(
        message,
        by_hand=f"await asyncio.gather(*({text} for {target} in {over}))",
        level=Level.INTENT,
        change="; ".join(changes),
        needs=("asyncio",),
        doubts=tuple(doubts),
        parts=made,
    )


def is_proven(context: Context, rounds: Rounds) -> bool:
    """Tell whether nothing at all speaks against it; the cheap questions come first."""
    rounds = _really(context, rounds)
    known = items(context, rounds.items)
    if any(True for _ in local_doubts(context, rounds, known)):
        return False
    form = _form(context, rounds, None)
    if isinstance(form, Doubt) or _fits(context, form, known):
        return False
    shared = Shared(context, rounds, known)
    return not shared.sees_context() and not any(True for _ in shared.doubts())


def _really(context: Context, rounds: Rounds) -> Rounds:
    """Give the rounds without a collection that others may look into meanwhile."""
    if rounds.made is None:
        return rounds
    (name,) = stored([rounds.made])
    for node in ast.walk(context.function):
        if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            return rounds._replace(made=None, collects="")
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            if node is context.function:
                continue
            if any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node)):
                return rounds._replace(made=None, collects="")
    return rounds


def _around(context: Context, rounds: Rounds) -> list[ast.AST]:
    """Give the `try` and `with` blocks of the coroutine that a loop stands in."""
    found: list[ast.AST] = []
    for above, _ in context.tree.ancestors(rounds.loop):
        if above is context.function:
            break
        is_try = type(above).__name__ in ("Try", "TryStar")
        if is_try or isinstance(above, (ast.With, ast.AsyncWith)):
            found.append(above)
    return found


def _holder(context: Context, rounds: Rounds) -> ast.stmt | None:
    """Give the statement that holds nothing but a comprehension."""
    above = context.tree.parent(rounds.loop)
    kinds = (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr)
    if isinstance(above, kinds) and above.value is rounds.loop:
        return above
    return None


def _form(context: Context, rounds: Rounds, creating: ast.Call | None) -> Form | Doubt:
    around = _around(context, rounds)
    is_loop = isinstance(rounds.loop, ast.For)
    holder = None if is_loop else _holder(context, rounds)
    settings = context.settings
    grouped = settings.task_style == "taskgroup" and settings.target >= _TASK_GROUPS
    reacts = [
        each for each in around if not isinstance(each, (ast.With, ast.AsyncWith))
    ]
    kind = "ordered"
    if rounds.collects and grouped and not reacts and (is_loop or holder):
        kind = "taskgroup"
    elif rounds.collects and not around:
        kind = "gather"
    elif not is_loop and holder is None:
        line = getattr(around[0], "lineno", 0) if around else 0
        why = "the comprehension is part of an expression"
        if around:
            why = (
                f"the block at line {line} may react to an error while other calls go "
                f"on, and {why}"
            )
        return refuse(
            "gather-shape", why, "give the comprehension a statement of its own"
        )
    names = free(context, "tasks", "task", "group", "limit")
    if rounds.started is not None and isinstance(rounds.waiting, ast.Name):
        names = (names[0], rounds.waiting.id, *names[2:])
    return Form(kind, rounds, creating, settings.concurrency_limit, holder, *names)


def _fits(context: Context, form: Form, known: Items) -> list[Doubt]:
    """Find what keeps a form from being written."""
    rounds = form.rounds
    doubts = []
    text = context.tree.text(rounds.items)
    tests = getattr(rounds.loop, "generators", None)
    if form.pairs and not (known.proven and known.again):
        doubts.append(
            refuse(
                "gather-lazy",
                f"{text} would be gone through twice, once for the tasks and once for "
                "their results, and what it is is not known",
                f"take list({text}) first",
            )
        )
    elif form.pairs and tests and tests[0].ifs:
        doubts.append(
            refuse(
                "gather-shape",
                "the condition would be asked twice",
                "take the items that fulfil it first",
            )
        )
    if form.helper:
        doubts += _helper_fits(context, form)
    return doubts


def _helper_fits(context: Context, form: Form) -> list[Doubt]:
    facts, name = context.facts, form.helper
    bound = [each for each in facts.outer if each.scope == 0]
    module = context.tree.module.body
    same = [each for each in module if getattr(each, "name", "") == name]
    source = {ast.unparse(each) for each in ast.parse(HELPERS[name]).body}
    others = [e for e in bound if e.name == name and not same]
    if others or any(ast.unparse(each) not in source for each in same):
        return [
            refuse(
                "gather-shape",
                f"the module has a {name} of its own",
                "call it with the limit",
            )
        ]
    aliases = [e.name for e in bound if e.target == "asyncio"]
    taken = [e for e in bound if e.name == "asyncio" and e.target != "asyncio"]
    if taken or (aliases and "asyncio" not in aliases):
        return [
            refuse(
                "gather-shape",
                f"{name}, which bounds the calls, needs asyncio under its own name",
                "import asyncio",
            )
        ]
    uses = {n.id for n in own(context.function.body) if isinstance(n, ast.Name)}
    if name in uses and not same:
        return [refuse("gather-shape", f"{name} is another name here", "rename it")]
    return []
