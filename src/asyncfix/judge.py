"""Stage 6a, judge: sites -> findings, each with its fix or with its refusal."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from asyncfix.codemod import Codemod, Context, Names, Plan, Site, SiteError, attempt
from asyncfix.guards import ask
from asyncfix.imports import name_for
from asyncfix.link import Project
from asyncfix.model import Doubt, Finding, Level, Settings
from asyncfix.source import Lines
from asyncfix.tree import Tree

_OFF = re.compile(r"#.*?\basyncfix:\s*off\b(?:\[([^\]]*)\])?")
_SILENCE = re.compile(rb"(?i)#.*(?:noqa|asyncfix:)")
_NOQA = re.compile(r"#.*?\bnoqa\b(?::\s*([A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.I)


class Judgement(NamedTuple):
    """A finding, and what it takes to fix it where its level allows."""

    finding: Finding
    codemod: Codemod
    context: Context
    names: Names
    missing: tuple[str, ...]
    """The modules of `names` that the file must import first."""


def judge(
    project: Project,
    settings: Settings,
    found: Iterable[tuple[Codemod, Site]],
    trees: Callable[[str], Tree],
) -> tuple[list[Judgement], int]:
    """Judge the sites of one file; gives the judgements, and how many are off.

    Raises LookupError where a file is not what it was, and SiteError where a
    codemod or a guard fails; the caller turns both into a problem of that file.
    """
    judgements = []
    suppressed = 0
    for codemod, site in found:
        context = Context(project, settings, site, trees)
        line = site.use.line
        plan = attempt(codemod, line, partial(codemod.judge, context), "judge")
        if plan is None:
            continue
        if _is_off(codemod, context.tree, context.node):
            suppressed += 1
            continue
        weigh = partial(_weigh, codemod, context, plan)
        judgements.append(attempt(codemod, line, weigh, "judge"))
    return judgements, suppressed


def report(
    found: Iterable[tuple[Codemod, Site]],
    text: Lines,
    trees: Callable[[str], Tree],
) -> tuple[list[Finding], int]:
    """Say what blocks in one file; gives the findings, and how many are off.

    Opens no syntax tree unless a comment may silence a finding. Raises
    LookupError where a file is not what it was, SiteError as `judge` does.
    """
    findings = []
    suppressed = 0
    for codemod, site in found:
        use = site.use
        plan = attempt(codemod, use.line, partial(codemod.report, site), "judge")
        if plan is None:
            continue
        start, end = text.span(use.line, use.end_line)
        if _SILENCE.search(text.text, start, end):
            tree = trees(site.path)
            place = (use.line, use.col), (use.end_line, use.end_col)
            if _is_off(codemod, tree, tree.find(ast.Call, *place)):
                suppressed += 1
                continue
        findings.append(
            Finding(
                site.path,
                use.line,
                text.column(use.line, use.col),
                codemod.name,
                plan.level,
                None,
                plan.message,
                plan.by_hand,
                text.line(use.line).decode("utf-8", "replace").strip(),
            )
        )
    return findings, suppressed


def _weigh(codemod: Codemod, context: Context, plan: Plan) -> Judgement:
    """Ask the guards: names first, then the codemod's own doubts, then the rest."""
    context.needs = plan.needs
    naming = [guard for guard in codemod.guards if guard in ("N1", "N2")]
    others = [guard for guard in codemod.guards if guard not in naming]
    doubts: list[Doubt] = ask(context, naming) or [*_comment(context), *plan.doubts]
    if not any(doubt.level is Level.MANUAL for doubt in doubts):
        doubts += ask(context, others)
    refusal = next((each for each in doubts if each.level is Level.MANUAL), None)
    stated = f"{plan.message}; {plan.change}" if plan.change else plan.message
    level, guard, message, advice = plan.level, None, stated, ""
    if refusal is not None:
        level, guard = Level.MANUAL, refusal.guard
        message = f"{plan.message}. Not changed: {refusal.reason}"
        advice = f"{refusal.advice} (by hand: {plan.by_hand})"
    elif doubts:
        level, guard = Level.UNSAFE, doubts[0].guard
        reasons = "; ".join(doubt.reason for doubt in doubts)
        message = f"{stated}. Not proven: {reasons}"
        advice = f"{doubts[0].advice}; --unsafe makes the change as it is"
    local: dict[str, str] = {}
    missing = []
    if refusal is None:
        for need, module in context.modules().items():
            name = name_for(context, module)
            if name is None:  # only for a codemod that does not ask guard N3
                raise SiteError(context.node.lineno, f"no free name for {module}")
            local[need] = name.local
            if name.missing:
                missing.append(module)
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
        lines.line(node.lineno).decode("utf-8", "replace").strip(),
    )
    names = Names(local, context.framework)
    return Judgement(finding, codemod, context, names, tuple(missing))


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


def _is_off(codemod: Codemod, tree: Tree, node: ast.expr) -> bool:
    """Tell whether a comment on the lines of the site silences the finding."""
    lines = tree.lines
    first = tree.statement(node).lineno
    last = node.end_lineno or node.lineno
    start, end = lines.span(first, last)
    if b"#" not in lines.text[start:end]:
        return False
    for number, comment in _comments(lines.text[start:end]):
        if first + number - 1 < node.lineno:
            continue
        if off := _OFF.search(comment):
            names = re.split(r"[,\s]+", off[1] or "")
            if not off[1] or codemod.name in names:
                return True
        if noqa := _NOQA.search(comment):
            codes = re.split(r"[,\s]+", (noqa[1] or "").upper())
            if not noqa[1] or set(codes) & set(codemod.noqa):
                return True
    return False


def _comments(text: bytes) -> Iterator[tuple[int, str]]:
    """Give the comments of some whole lines, with their line counted from 1."""
    readline = io.BytesIO(text.lstrip(b" \t\f")).readline
    try:
        for token in tokenize.tokenize(readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):
        return  # the statement goes on below these lines
