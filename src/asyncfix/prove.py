"""Stage 7, prove: may this new text be written in place of the old one?

What must hold: the old text compiled and the new one does; outside the edits
the syntax tree is the same, and so are the bytes of every line that the edits
do not touch. `ast.parse` is no proof: it takes `await` outside a coroutine.
"""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_right
from collections.abc import Sequence

from asyncfix import keywords, workers
from asyncfix.edits import Edit, apply, spans_after, split_lines
from asyncfix.model import Problem
from asyncfix.parsing import parse
from asyncfix.source import Source
from asyncfix.tree import Tree

_HINT = "nothing was written to this file; please report a bug with it"
# A larger text is compiled in a process of its own: Python's compiler takes the square
# of the keywords of a call, and crashes at a comprehension of many loops.
_ALONE = 200_000


def prove(
    old: Source,
    new_text: bytes,
    edits: Sequence[Edit],
    origin: Sequence[int | None],
    seconds: int = workers.USUAL.seconds,
) -> bytes | Problem:
    """Give the new bytes of a file if they are proven, else a Problem.

    Where a statement is newer than the running Python, it is left out of the
    compilation on both sides, byte for byte the same. A compilation that may take
    long has so many seconds.
    """
    before, after = parse(old.shown, old.text), parse(old.shown, new_text)
    if isinstance(before, Problem):
        return before
    if isinstance(after, Problem):
        return Problem(old.shown, after.line, f"the fix {after.message}", _HINT)
    old_tree, old_blanked, old_opaque = before
    new_tree, new_blanked, new_opaque = after
    if _stand_ins(new_text, new_blanked) > _stand_ins(old.text, old_blanked):
        message = "the fix does not parse: a keyword stands where a name does"
        return Problem(old.shown, 1, message, _HINT)
    compiled = _compiled([old_blanked, new_blanked], seconds)
    if isinstance(compiled, str):
        hint = "its fixes are dropped; exclude it, or raise max-file-time"
        return Problem(old.shown, 1, f"cannot be proven: {compiled}", hint)
    refusal, refused_fix = compiled
    if refusal is not None:
        hint = "Python itself refuses this file; mend it first"
        return Problem(old.shown, refusal[0], f"does not compile: {refusal[1]}", hint)
    if refused_fix is not None:
        message = f"the fix would break this file: {refused_fix[1]}"
        return Problem(old.shown, refused_fix[0], message, _HINT)
    if [each.words for each in old_opaque] != [each.words for each in new_opaque]:
        return Problem(old.shown, 1, "the fix touches newer syntax", _HINT)
    try:
        spans = [(edit.start, edit.end) for edit in edits]
        whole = [edit.statements for edit in edits]
        same = _outline(old_tree, old_blanked, spans, whole) == (
            _outline(new_tree, new_blanked, spans_after(edits), whole)
        )
    except RecursionError:
        return Problem(old.shown, 1, "is nested too deeply to prove a fix", _HINT)
    if not same:
        message = "the fix would change code outside of itself"
        return Problem(old.shown, 1, message, _HINT)
    if apply(old.text, edits) != new_text:
        return Problem(old.shown, 1, "the fix would change bytes outside of it", _HINT)
    return _bytes(old, new_text, origin)


def _stand_ins(text: bytes, parsed: bytes) -> int:
    """Count the keywords of today that were parsed as names of older days."""
    names = keywords.ASYNC.encode(), keywords.AWAIT.encode()
    return sum(parsed.count(name) - text.count(name) for name in names)


def _bytes(
    old: Source, new_text: bytes, origin: Sequence[int | None]
) -> bytes | Problem:
    try:
        data = old.encode(new_text)
        unchanged = old.encode(old.text) == old.data
    except UnicodeError as error:
        return Problem(old.shown, 1, f"cannot be encoded: {error}", "save it as UTF-8")
    if not unchanged:
        return Problem(
            old.shown,
            1,
            f"does not survive decoding and encoding as {old.encoding}",
            "save it as UTF-8",
        )
    before, after = split_lines(old.data), split_lines(data)
    for line, source in zip(after, origin, strict=True):
        if source is not None and before[source] != line:
            return Problem(old.shown, source + 1, "the fix would change a line", _HINT)
    return data


def _compiled(
    texts: Sequence[bytes], seconds: int
) -> Sequence[tuple[int, str] | None] | str:
    """Compile texts; gives for each why it does not, or what held it all up."""
    if max(map(len, texts)) <= _ALONE:
        return [compiles(each) for each in texts]
    return workers.apart(compiles, texts, seconds)


def compiles(text: bytes) -> tuple[int, str] | None:
    """Compile a text; gives line and reason where Python does not take it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            source = text.decode("utf-8", "surrogatepass")
            compile(source, "text", "exec", dont_inherit=True)
        except SyntaxError as error:
            return error.lineno or 1, error.msg
        except (RecursionError, MemoryError, ValueError, OverflowError) as error:
            return 1, str(error) or type(error).__name__
    return None


def _outline(
    module: ast.Module,
    text: bytes,
    spans: Sequence[tuple[int, int]],
    whole: Sequence[bool],
) -> str:
    """Dump a tree with everything inside the spans taken out.

    `whole` tells for each span whether statements may come and go in it.
    """
    tree = Tree(module, text)
    starts = [first for first, _ in spans]

    def inside(node: ast.AST) -> bool:
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return False  # what is assigned stays what it is
        start, end = tree.span(node)
        position = bisect_right(starts, start) - 1
        return position >= 0 and end <= spans[position][1]

    def replaced(node: ast.AST) -> bool:
        """Tell whether a whole statement is a fix's own."""
        if not isinstance(node, ast.stmt):
            return False
        start, end = tree.span(node)
        position = bisect_right(starts, start) - 1
        return position >= 0 and end <= spans[position][1] and whole[position]

    def import_of(node: ast.AST) -> bool:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            return False
        start, end = tree.span(node)
        return any(start < last and first <= end for first, last in spans) and any(
            start <= first <= end or first <= start < last for first, last in spans
        )

    # A whole statement that no edit touches is what its bytes are.
    body: list[ast.stmt] = []
    for each in module.body:
        start, end = _extent(tree, each)
        position = bisect_right(starts, end) - 1
        if position >= 0 and spans[position][1] >= start:
            body.append(each)
        else:
            body.append(ast.Expr(ast.Constant(text[start:end])))
    untouched = set(map(id, body)) - set(map(id, module.body))
    module.body = [
        each
        for each in body
        if id(each) in untouched or not (import_of(each) or replaced(each))
    ]
    todo: list[ast.AST] = [each for each in module.body if id(each) not in untouched]
    while todo:
        node = todo.pop()
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                kept = [
                    each for each in value if not (import_of(each) or replaced(each))
                ]
                for position, each in enumerate(kept):
                    if isinstance(each, ast.expr) and inside(each):
                        kept[position] = ast.Constant("fixed")
                setattr(node, field, kept)
                todo.extend(each for each in kept if isinstance(each, ast.AST))
            elif isinstance(value, ast.expr) and inside(value):
                setattr(node, field, ast.Constant("fixed"))
            elif isinstance(value, ast.AST):
                todo.append(value)
    return ast.dump(module)


def _extent(tree: Tree, statement: ast.stmt) -> tuple[int, int]:
    """Give where a statement starts, its decorators with it, and where it ends."""
    start, end = tree.span(statement)
    decorators = getattr(statement, "decorator_list", None)
    return (tree.span(decorators[0])[0] - 1 if decorators else start), end
