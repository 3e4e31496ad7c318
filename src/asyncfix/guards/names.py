"""N guards: does the name mean what it seems to, and can the cure be named?"""

from __future__ import annotations

import sys

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.imports import name_for
from asyncfix.link import Answer
from asyncfix.model import Doubt, Level


def _others(context: Context, *, captures: bool) -> list[Answer]:
    """Give the answers that stand against the wanted name."""
    site = context.site
    if site.kind == "method":
        return []  # its receiver has one type, or it would be no site
    root = site.use.name.partition(".")[0]
    project = context.project
    captured = {
        binding.line
        for binding in project.visible(site.path, site.use.scope, root)
        if binding.kind == f.CAPTURE
    }
    return [
        answer
        for answer in project.answers(site.path, site.use.scope, site.use.name)
        if (answer.name != site.wanted or answer.source not in ("import", "builtin"))
        and (answer.line in captured) == captures
    ]


def means_the_library(context: Context) -> Doubt | None:
    """N1: the called name means the wanted object, and can mean nothing else."""
    others = _others(context, captures=False)
    if not others:
        return None
    other, site = others[0], context.site
    name, library = context.spelled, site.wanted.partition(".")[0]
    advice = f"import {library} once, under a name that nothing else takes"
    if other.source == "star":
        reason = f"{name} may come from the `import *` at line {other.line}"
        advice = f"import {library} by name"
    elif other.source == "class":
        reason = (
            f"{name} is bound in the class body at line {other.line}, "
            "which a method does not see"
        )
    elif other.name == site.wanted:
        reason = f"{name} is another name for {site.wanted}, given at line {other.line}"
        advice = f"call {site.wanted} by its own name"
    else:
        reason = (
            f"{name} may not be the library's {library}: "
            f"it is also bound at line {other.line}"
        )
    return Doubt("N1", Level.MANUAL, reason, advice)


def no_capture(context: Context) -> Doubt | None:
    """N2: no `match` pattern of the scope captures the name."""
    others = _others(context, captures=True)
    if not others:
        return None
    library = context.site.wanted.partition(".")[0]
    return Doubt(
        "N2",
        Level.MANUAL,
        f"{context.spelled} may not be the library's {library}: "
        f"the match pattern at line {others[0].line} binds it",
        "give the captured name another spelling",
    )


def can_name_the_cure(context: Context) -> Doubt | None:
    """N3: the modules the new code needs have a usable name at the site."""
    for module in context.modules().values():
        shadow = None
        if module in sys.stdlib_module_names or module == context.framework:
            shadow = context.project.shadows(module, context.site.path)
        if shadow is not None:
            return Doubt(
                "N3",
                Level.MANUAL,
                f"{module} is a module of this project here ({shadow})",
                f"rename {shadow}: it hides the standard library's {module}",
            )
        if name_for(context, module) is None:
            return Doubt(
                "N3",
                Level.MANUAL,
                f"{module} is another name here",
                f"import {module} under a free name",
            )
    return None
