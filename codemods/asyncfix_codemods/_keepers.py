"""Where a task can be kept until it is done: a set of the class or the module."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from asyncfix import Context, Names, Slice, facts
from asyncfix_codemods import _shapes

if TYPE_CHECKING:
    import libcst as cst

_SETS = ("_background_tasks", "_kept_tasks")
_TASKS = ("task", "background_task", "kept_task")
_SUBSCRIPTS = (3, 9)  # `set[...]` and `asyncio.Task[...]` can be evaluated


class Keeper(NamedTuple):
    """A set that keeps tasks: its name as code, and whether it must be made."""

    text: str
    prelude: bool
    typed: bool = True

    def declared(self, names: Names) -> str:
        """Give the statement that makes the set."""
        if not self.typed:
            return f"{self.text} = set()"
        task = f"{names['asyncio']}.Task[object]"
        return f"{self.text}: set[{task}] = set()"


def task_name(context: Context, where: _shapes.Owner) -> str | None:
    """Give a name for the task that is free where the call stands."""
    taken = _shapes.words(context.tree, where)
    for name in _TASKS:
        free = f"_{name}" if isinstance(where, ast.Module) else name
        if free not in taken:
            return free
    return None


def choose(context: Context, where: _shapes.Owner) -> Keeper | None:
    """Give the set to keep a task in; None where every name for it is taken."""
    own = _of_class(context, where)
    if own:
        return Keeper(own, False)
    module = context.tree.module
    existing = _of_module(context)
    if existing:
        return Keeper(existing, False)
    typed = context.settings.target >= _SUBSCRIPTS
    text = context.tree.lines.text
    for name in _SETS:
        if name.encode() not in text or name not in _shapes.words(context.tree, module):
            return Keeper(name, True, typed)
    return None


def _of_module(context: Context) -> str | None:
    """Give the module's set that keeps tasks and serves nothing else."""
    if b".discard" not in context.tree.lines.text:
        return None
    project, path = context.project, context.site.path
    for statement in context.tree.module.body:
        name = _made_empty(statement)
        if not name or "." in name:
            continue
        seen = project.visible(path, context.site.use.scope, name)
        if len(seen) != 1 or seen[0].scope != 0:
            continue
        nodes = [
            node
            for node in ast.walk(context.tree.module)
            if isinstance(node, ast.Name) and node.id == name
        ]
        if _only_keeps(context.tree.module, nodes) and not _asked(context, name):
            return name
    return None


def _asked(context: Context, name: str) -> bool:
    """Tell whether other files may take a name from this module: count, or cancel.

    Those that lead to it and say the name somewhere.
    """
    if name in context.facts.exported:
        return True
    project, path = context.project, context.site.path
    near = sorted(project.reached_by(path) - {path})
    return bool(project.files.holding((name,), near))


def _made_empty(statement: ast.stmt) -> str | None:
    """Give the name in `tasks = set()`, which may be `self.tasks`.

    One that does not speak of tasks is kept for something more special.
    """
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None
    made = statement.value
    if (
        not isinstance(made, ast.Call)
        or not isinstance(made.func, ast.Name)
        or made.func.id != "set"
        or made.args
    ):
        return None
    name = getattr(target, "attr", "") or getattr(target, "id", "")
    if "task" not in name.lower():
        return None
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        return f"{target.value.id}.{target.attr}"
    return None


def _only_keeps(code: ast.AST, nodes: list[ast.Name] | list[ast.Attribute]) -> bool:
    """Tell whether a set is only made, added to, and discarded from when done.

    Tasks of a set that is looked through may be cancelled, counted or waited for.
    """
    known = set(nodes)
    used: set[str] = set()
    fine: set[ast.AST] = {each for each in nodes if isinstance(each.ctx, ast.Store)}
    if len(fine) != 1:
        return False
    for node in ast.walk(code):
        if not isinstance(node, ast.Call):
            continue
        func = node.func
        if isinstance(func, ast.Attribute) and func.value in known:
            if func.attr == "add":
                fine.add(func.value)
        if isinstance(func, ast.Attribute) and func.attr == "add_done_callback":
            for given in node.args:
                if isinstance(given, ast.Attribute) and given.value in known:
                    if given.attr == "discard":
                        fine.add(given.value)
                        used.add("discard")
    return "discard" in used and fine == known


def _of_class(context: Context, where: _shapes.Owner) -> str | None:
    """Give `self.tasks` of a method's class, if it only keeps tasks there."""
    if not isinstance(where, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    parent = context.tree.parent(where)
    if not isinstance(parent, ast.ClassDef) or where.name == "__init__":
        return None
    if where.decorator_list or not where.args.args:
        return None
    if parent.bases or parent.keywords or _may_have_subclasses(context, parent.name):
        return None
    me = where.args.args[0].arg
    start = next(
        (
            each
            for each in parent.body
            if isinstance(each, ast.FunctionDef) and each.name == "__init__"
        ),
        None,
    )
    for statement in start.body if start else ():
        name = _made_empty(statement) or ""
        root, _, attribute = name.partition(".")
        if not attribute or root != me:
            continue
        nodes = [
            node
            for node in ast.walk(context.tree.module)
            if isinstance(node, ast.Attribute) and node.attr == attribute
        ]
        roots = {getattr(node.value, "id", "") for node in nodes}
        if roots == {me} and _only_keeps(parent, nodes):
            if not _named_elsewhere(context, attribute):
                return name
    return None


def _may_have_subclasses(context: Context, name: str) -> bool:
    for known in context.project.files.values():
        if known.holds(name):
            for scope in known.scopes:
                if scope.kind == facts.CLASS and any(
                    base.rpartition(".")[2] == name for base in scope.bases
                ):
                    return True
    return False


def _named_elsewhere(context: Context, attribute: str) -> bool:
    """Tell whether another file of the project knows an attribute of this name."""
    return any(
        path != context.site.path and known.holds(attribute)
        for path, known in context.project.files.items()
    )


# -- the new code --------------------------------------------------------------


def nothing(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    return ()


def kept(
    call: ast.Call,
    chained: ast.Call | None,
    task: str,
    keeper: str,
    old: Slice,
    names: Names,
) -> Sequence[cst.CSTNode]:
    """Give `task = ...`, the two statements that keep it, and its callback's."""
    import libcst as cst

    (line,) = old.nodes
    line = cst.ensure_type(line, cst.SimpleStatementLine)
    (small,) = line.body
    made = cast("cst.Call", old.find(call))
    keep = _expression(keeper)
    name = cst.Name(task)
    small_assign: cst.BaseSmallStatement
    if isinstance(small, cst.Expr):
        small_assign = cst.Assign([cst.AssignTarget(name)], made)
    elif isinstance(small, cst.Assign):
        (target,) = small.targets
        small_assign = small.with_changes(targets=[target.with_changes(target=name)])
    else:
        small_assign = cst.ensure_type(small, cst.AnnAssign).with_changes(target=name)
    statements = [
        line.with_changes(body=[small_assign]),
        _statement(cst.Attribute(keep, cst.Name("add")), [cst.Arg(name)]),
    ]
    done = cst.Attribute(name, cst.Name("add_done_callback"))
    if chained is not None:
        before = cast("cst.Call", old.find(chained))
        statements.append(_line(before.with_changes(func=done)))
    discard = cst.Attribute(keep, cst.Name("discard"))
    return [*statements, _statement(done, [cst.Arg(discard)])]


def _statement(
    func: cst.BaseExpression, args: Sequence[cst.Arg]
) -> cst.SimpleStatementLine:
    import libcst as cst

    return _line(cst.Call(func, args))


def _line(call: cst.Call) -> cst.SimpleStatementLine:
    import libcst as cst

    return cst.SimpleStatementLine([cst.Expr(call)])


def _expression(text: str) -> cst.BaseExpression:
    """Give the code of a set's name, `tasks` or `self.tasks`, as a node."""
    import libcst as cst

    root, _, rest = text.partition(".")
    return cst.Attribute(cst.Name(root), cst.Name(rest)) if rest else cst.Name(root)
