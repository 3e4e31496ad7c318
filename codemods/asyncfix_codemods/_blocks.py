"""A `with open(...)` block goes to a thread as a whole, inside a nested function.

    with open(path) as file:                 def read_file():
        rows = list(csv.reader(file))            with open(path) as file:
                                                     return list(csv.reader(file))

                                             rows = await ...run_in_executor(None, read_file)

Moving the call alone would leave its reads and writes on the event loop, and a cancel
would close the file while the thread still uses it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from asyncfix import Context, Doubt, Level, Names, Part, Plan, Slice
from asyncfix_codemods import _leaves, _offload, _outputs
from asyncfix_codemods._ahead import free_name

if TYPE_CHECKING:
    import libcst as cst

# What opens something that is used in the block and closed at its end.
_OPENERS = {
    "builtins.open": "file", "io.open": "file", "codecs.open": "file",
    "pathlib.Path.open": "file", "gzip.open": "file", "bz2.open": "file",
    "lzma.open": "file", "zipfile.ZipFile": "archive", "tarfile.open": "archive",
    "urllib.request.urlopen": "response", "smtplib.SMTP": "mail",
    "smtplib.SMTP_SSL": "mail", "ftplib.FTP": "connection",
    "ftplib.FTP_TLS": "connection",
}  # fmt: skip
# What these give depends on the function that they are called in.
OF_THE_FUNCTION = frozenset(
    ("super", "__class__", "locals", "vars", "dir", "eval", "exec")
)
_BULK = frozenset(
    ("copyfileobj", "iter_content", "iter_lines", "iter_bytes", "extractall")
)


class Block(NamedTuple):
    """A block that can be moved, or a reason why not."""

    context: Context
    statement: ast.With
    what: str
    number: int
    """How many blocks of the same kind begin before it in the function."""
    doubts: tuple[Doubt, ...]

    def plan(self, message: str) -> Plan:
        """Give the fix: the same for every call of the block."""
        context, statement = self.context, self.statement
        site = context.site
        verb = "write" if _writes(statement) else "read"
        if self.what in ("mail", "connection"):
            verb = "use"
        name = free_name(context, (f"{verb}_{self.what}",), self.number)
        outputs = _outputs.outputs(context.function, statement)
        by_hand = (
            f"def {name}(): the `with` block of line {statement.lineno}; then "
            f"{_offload.by_hand(context, name, '')}"
        )

        def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
            return _moved(context, names, slice_, name, outputs)

        return Plan(
            message,
            by_hand=by_hand,
            needs=_offload.needs(context, None),
            doubts=self.doubts,
            parts=(Part((statement,), make, free=(statement,)),),
            key=f"block {site.path} {statement.lineno} {statement.col_offset}",
            moves=statement,
            keeps=_outputs.target(outputs),
            stands=(statement.items[0].context_expr, statement.body[-1]),
        )


def found(context: Context) -> Block | None:
    """Give the outermost block that opens a file or the like round the site."""
    chosen: ast.With | None = None
    what = ""
    for above, below in context.within():
        if above is context.function:
            break
        if isinstance(above, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            return None
        if isinstance(above, ast.With):
            opened = _opened(context, above)
            if opened and (below in above.body or below in above.items):
                chosen, what = above, opened
    if chosen is None:
        return None
    doubts = tuple(_doubts(context, chosen))
    before = sum(
        isinstance(node, ast.With)
        and (node.lineno, node.col_offset) < (chosen.lineno, chosen.col_offset)
        and _opened(context, node) == what
        and _writes(node) == _writes(chosen)
        for node in ast.walk(context.function)
    )
    return Block(context, chosen, what, before, doubts)


def _opened(context: Context, statement: ast.With) -> str:
    """Tell what a `with` opens, if each of its items opens something."""
    kinds = [_kind(context, item.context_expr) for item in statement.items]
    return kinds[0] if all(kinds) else ""


def _kind(context: Context, node: ast.expr) -> str:
    if not isinstance(node, ast.Call):
        return ""
    name = context.qualified_name(node.func)
    if name in _OPENERS:
        return _OPENERS[name]
    place = (context.site.path, context.site.function)
    for edge in context.model.reach.edges(place):
        use = edge.use
        if (use.line, use.col, use.end_line, use.end_col) == (
            node.lineno,
            node.col_offset,
            node.end_lineno,
            node.end_col_offset,
        ):
            if edge.entry is not None and edge.entry.name in _OPENERS:
                return _OPENERS[edge.entry.name]
    return ""


def severity(context: Context) -> str:
    """Give how bad the site is: high where a file is big or comes from elsewhere.

    Whether it is can be seen where it is opened, be it in a helper.
    """
    chain = context.site.chain
    assert chain is not None
    said = chain.entry.severity
    if chain.entry.kind not in ("file", "archive") or said == "low":
        return said
    if len(chain.steps) > 1:
        leaf = _leaves.leaf_of(context)
        return said if leaf is None else severity(leaf)
    for above, _ in context.within():
        if above is context.function:
            break
        if isinstance(above, ast.With) and _opened(context, above):
            if any(_is_big(above, node) for node in ast.walk(above)):
                return "high"
    return said


def _is_big(block: ast.With, node: ast.AST) -> bool:
    """Tell whether a block goes through a file, or moves much of it at once."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", "") in _BULK
    if isinstance(node, ast.comprehension):
        opened = {
            each.id
            for item in block.items
            if item.optional_vars is not None
            for each in ast.walk(item.optional_vars)
            if isinstance(each, ast.Name)
        }
        names = (each for each in ast.walk(node.iter) if isinstance(each, ast.Name))
        return any(each.id in opened for each in names)
    return isinstance(node, (ast.For, ast.While))


def _writes(statement: ast.With) -> bool:
    """Tell whether a file is opened with a mode that writes."""
    for item in statement.items:
        call = item.context_expr
        if isinstance(call, ast.Call):
            method = isinstance(call.func, ast.Attribute) and call.func.attr == "open"
            words = [*call.args[0 if method else 1 : 2]]
            words += [each.value for each in call.keywords if each.arg == "mode"]
            for word in (part for each in words for part in ast.walk(each)):
                if isinstance(word, ast.Constant) and isinstance(word.value, str):
                    mode = re.split(r"[:|]", word.value)[0]  # `w:gz`
                    if set(mode) & set("wax+") and len(mode) <= 3:
                        return True
    return False


def _doubts(context: Context, statement: ast.With) -> Iterator[Doubt]:
    """Say what keeps a block from being moved; the first decides."""
    for node in ast.walk(statement):
        line = getattr(node, "lineno", statement.lineno)
        if isinstance(
            node,
            (ast.Await, ast.AsyncWith, ast.AsyncFor, ast.Yield, ast.YieldFrom),
        ):
            yield _no(
                f"the block awaits or yields at line {line}",
                "read all of the file in a thread before, or write all of it after",
            )
            return
        if isinstance(node, ast.comprehension) and node.is_async:
            yield _no(
                "the block has an async comprehension", "await it before the block"
            )
            return
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            yield _no(
                f"the block rebinds an outer name (line {line})", "return the value"
            )
            return
        if isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        ):
            yield _no(
                f"a function is made in the block (line {line})",
                "make the function before the block",
            )
            return
        if isinstance(node, ast.Name) and node.id in OF_THE_FUNCTION:
            yield _no(
                f"{node.id} at line {line} means the function around it",
                "take it before the block",
            )
            return
    for line in _outputs.leaves(statement):
        yield _no(
            f"the block is left at line {line}",
            "let the block give a value, and decide after it",
        )
        return
    yield from _outputs.doubts(context, statement)


def _no(reason: str, advice: str) -> Doubt:
    return Doubt("thread-block", Level.MANUAL, reason, advice)


def _moved(
    context: Context,
    names: Names,
    slice_: Slice,
    name: str,
    outputs: _outputs.Outputs,
) -> Sequence[cst.CSTNode]:
    """Give the nested function that holds the block, and the call that runs it."""
    import libcst as cst

    block = cst.ensure_type(slice_.nodes[0], cst.With)
    body: list[cst.BaseStatement] = [block]
    target: cst.BaseAssignTargetExpression | None = None
    if outputs.last is not None:
        block, target = _returning(block)
        body = [block]
    elif outputs.names:
        values = [cst.Name(each) for each in outputs.names]
        value: cst.BaseExpression = values[0]
        target = values[0]
        if len(values) > 1:
            value = cst.Tuple([cst.Element(each) for each in values], lpar=[], rpar=[])
            target = value
        body.append(cst.SimpleStatementLine([cst.Return(value)]))
    job = cst.Call(cst.Name(name))
    run = _offload.offloaded(context, names, job)
    function = cst.FunctionDef(
        cst.Name(name),
        cst.Parameters(),
        cst.IndentedBlock(body, indent=slice_.indent),
    )
    last: cst.BaseSmallStatement
    if outputs.returns:
        last = cst.Return(run)
    elif target is not None:
        last = cst.Assign([cst.AssignTarget(target)], run)
    else:
        last = cst.Expr(run)
    line = cst.SimpleStatementLine([last], leading_lines=[cst.EmptyLine(indent=False)])
    return [function, line]


def _returning(
    block: cst.With,
) -> tuple[cst.With, cst.BaseAssignTargetExpression | None]:
    """Let a block end with `return VALUE`; gives the target that it assigned before."""
    import libcst as cst

    suite = block.body
    line = suite.body[-1]
    small = line.body if isinstance(line, cst.SimpleStatementLine) else suite.body
    last = small[-1]
    target = None
    if isinstance(last, cst.Assign):
        target = last.targets[0].target
    elif isinstance(last, cst.AnnAssign):
        target = last.target
    if target is not None and isinstance(last, (cst.Assign, cst.AnnAssign)):
        last = cst.Return(last.value, semicolon=last.semicolon)
    changed = [*small[:-1], last]
    if isinstance(line, cst.SimpleStatementLine):
        changed = [*suite.body[:-1], line.with_changes(body=changed)]
    return block.with_changes(body=suite.with_changes(body=changed)), target
