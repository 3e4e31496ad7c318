"""What becomes of most coroutines, told by a glance at the text: they are kept or run.

A tree of the whole file would tell as well, for a hundred times the price.
"""

from __future__ import annotations

import ast
import re

from asyncfix import Model, facts, value
from asyncfix_codemods import _declared

# What stands on the line of `self.task = make()` or `tasks["a"]: T = make()`.
_TO_ELSEWHERE = re.compile(
    rb"[ \t]*[A-Za-z_]\w*(?:\.\w+)*(?:\.\w+|\[[^][=]*\])(?:[ \t]*:[^=]*)?[ \t]*=[ \t]*"
)
_LINE_ENDS = re.compile(rb"[ \t]*(?:#[^\r\n]*)?(?:[\r\n]|\Z)")
_GOES_ON = re.compile(rb"[ \t\r\n]*(?:(async[ \t]+for|for)\b|([],)]))")
_BEFORE = re.compile(rb"([=*(,]?)[ \t]*([(\[,])[ \t]*(?:(?:\r\n?|\n)[ \t]*)*\Z")


def may_be_lost(model: Model, path: str, use: facts.Use) -> bool:
    """Tell whether the call that gets a coroutine may not know what to do.

    Most get it to run it: `create_task(f())`, `gather(f(), g())`.
    """
    taker: facts.Use | None = None
    for each in model.project.files[path].calls_in((use.scope,)):
        start, end = (each.line, each.col), (each.end_line, each.end_col)
        inside = start <= (use.line, use.col) and (use.end_line, use.end_col) <= end
        if inside and each != use and (taker is None or start >= taker[1:3]):
            taker = each
    if taker is None or taker.name.endswith((".add", ".append")):
        return True
    found = model.values.of(path, taker.scope, taker.name)
    if found is None:
        return taker.name in ("?.format", "?.join")
    if found.is_outside:
        return found.name.partition(".")[0] in ("builtins", "json", "logging", "sys")
    if found.kind == value.CLASS:
        made = found._replace(kind=value.OBJECT)
        found = model.values.attribute(made, "__init__")
        return found is not None and _may_refuse(model, path, use, taker, found, False)
    owner, _, _ = taker.name.rpartition(".")
    holder = model.values.of(path, taker.scope, owner) if owner else None
    by_class = bool(owner) and (holder is None or holder.kind == value.CLASS)
    return _may_refuse(model, path, use, taker, found, by_class)


def _may_refuse(
    model: Model,
    path: str,
    use: facts.Use,
    taker: facts.Use,
    function: value.Value,
    by_class: bool,
) -> bool:
    """Tell whether a function of the project may be declared to take no coroutine."""
    if not function.is_function:
        return False
    call = model.reader.expression(path, taker)
    if not isinstance(call, ast.Call):
        return True
    line = use.line - taker.line + 1
    at = line, use.col - taker.col + 1 if line == 1 else use.col
    for place, given in enumerate(call.args):
        if (given.lineno, given.col_offset) == at:
            return bool(_declared.plain_parameter(model, function, by_class, place, ""))
    for keyword in call.keywords:
        given, name = keyword.value, keyword.arg
        if name is not None and (given.lineno, given.col_offset) == at:
            return bool(_declared.plain_parameter(model, function, by_class, -1, name))
    return True


def is_kept(model: Model, path: str, use: facts.Use) -> bool:
    """Tell whether a coroutine surely goes to an attribute, an item, or among others.

    There somebody may await it: `self.task = f()`, `[f(), g()]`, `(f(x) for x in y)`.
    """
    lines = model.reader.lines(path)
    text = lines.text
    start = lines.offset(use.line, use.col)
    end = lines.offset(use.end_line, use.end_col)
    before = text[lines.starts[use.line - 1] : start]
    if _TO_ELSEWHERE.fullmatch(before):
        return _LINE_ENDS.match(text, end) is not None
    after = _GOES_ON.match(text, end)
    opened = _BEFORE.search(text, max(0, start - 200), start)
    if after is None or opened is None:
        return False
    first = opened.start(2)
    # A comment may look like anything.
    if b"#" in text[lines.starts[lines.line_of(first) - 1] : first]:
        return False
    if after[1] is not None:
        kind = model.project.files[path].scopes[use.scope].kind
        listed = kind == facts.COMPREHENSION and opened[2] == b"["
        return kind == facts.GENERATOR or (listed and opened[1] != b"")
    return b"," in (opened[2], after[2])
