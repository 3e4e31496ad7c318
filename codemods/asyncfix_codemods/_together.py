"""The new code: rounds that ran one after the other, run together."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from asyncfix import Names, Part, Slice
from asyncfix_codemods import _pieces
from asyncfix_codemods._forms import HELPERS, Form

if TYPE_CHECKING:
    import libcst as cst


def parts(form: Form) -> tuple[Part, ...]:
    """Give the parts of the fix that brings a form about."""
    rounds = form.rounds
    loop = rounds.loop
    prelude = HELPERS.get(form.helper, "")
    if form.kind == "gather" and not isinstance(loop, ast.For):
        return (Part((loop,), partial(_collected, form), prelude=prelude),)
    nodes: tuple[ast.AST, ...] = (form.holder or loop,)
    if form.kind != "ordered" and rounds.made is not None:
        nodes = (rounds.made, loop)
    made = {"gather": _gathered, "ordered": _ordered, "taskgroup": _grouped}
    return (Part(nodes, partial(made[form.kind], form), prelude=prelude),)


def _task(slice_: Slice, form: Form, names: Names) -> cst.BaseExpression:
    """Give `create_task(f(x))`, as the code has it or as it is to be."""
    import libcst as cst

    call = _pieces.twin(slice_, form.rounds.call)
    if form.limit:
        call = _pieces.limited(call, form)
    if form.creating is None:
        return _pieces.call(_pieces.of(names["asyncio"], "create_task"), cst.Arg(call))
    creating = _pieces.twin(slice_, form.creating)
    if not form.limit:
        return creating
    new = creating.deep_replace(_pieces.twin(slice_, form.rounds.call), call)
    assert isinstance(new, cst.BaseExpression)
    return new


def _results(slice_: Slice, form: Form, names: Names) -> cst.BaseExpression:
    """Give what waits for all rounds and gives the list of their results."""
    import libcst as cst

    head, call = _pieces.head(slice_, form), _pieces.twin(slice_, form.rounds.call)
    if form.helper == "map_bounded":
        assert isinstance(call, cst.Call)
        args = [each for each in call.args if each.star or each.keyword]
        only = len(call.args) == 1 and not args
        target = head.target
        assert isinstance(target, cst.Name)
        item = call.args[0].value if only else None
        function: cst.BaseExpression = call.func
        if not (isinstance(item, cst.Name) and item.value == target.value):
            parameters = cst.Parameters([cst.Param(cst.Name(target.value))])
            function = cst.Lambda(parameters, call)
        items = head.items
        if head.tests:
            items = head.generator(target)
        limit = cst.Integer(str(form.limit))
        return _pieces.call(
            cst.Name("map_bounded"), cst.Arg(function), cst.Arg(items), cst.Arg(limit)
        )
    each = call
    if form.creating is not None and _says_more(form.creating, names):
        each = _pieces.twin(slice_, form.creating)
    if form.limit:
        each = _pieces.limited(call, form)
    return _pieces.call(
        _pieces.of(names["asyncio"], "gather"), cst.Arg(head.generator(each), star="*")
    )


def _says_more(creating: ast.Call, names: Names) -> bool:
    """Tell whether a task is given a name or a context, or is made by a loop's method."""
    owner = getattr(creating.func, "value", None)
    of_loop = owner is not None and getattr(owner, "id", "") != names["asyncio"]
    return of_loop or len(creating.args + creating.keywords) > 1


def _as_kind(
    slice_: Slice, form: Form, results: cst.BaseExpression, names: Names
) -> cst.BaseExpression:
    """Make a list of results what the code collects them in."""
    import libcst as cst

    rounds = form.rounds
    if rounds.collects == "set":
        return _pieces.call(cst.Name("set"), cst.Arg(results))
    if rounds.collects == "dict":
        assert rounds.key is not None
        head, key = _pieces.head(slice_, form), _pieces.twin(slice_, rounds.key)
        same = ast.unparse(rounds.key) == ast.unparse(rounds.target)
        keys = head.items if same and not head.tests else head.generator(key)
        pairs = _pieces.call(cst.Name("zip"), cst.Arg(keys), cst.Arg(results))
        return _pieces.call(cst.Name("dict"), cst.Arg(pairs))
    return results


# -- forms --------------------------------------------------------------------


def _collected(form: Form, slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
    """Give `await gather(...)` in the place of a comprehension."""
    import libcst as cst

    results = cst.Await(_results(slice_, form, names))
    return [_as_kind(slice_, form, results, names)]


def _gathered(form: Form, slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
    """Give one statement in the place of a loop that only collects."""
    import libcst as cst

    awaited = cst.Await(_results(slice_, form, names))
    made = slice_.nodes[0] if form.rounds.made is not None else None
    if made is None:
        statement = cst.SimpleStatementLine([cst.Expr(awaited)])
    else:
        assert isinstance(made, cst.SimpleStatementLine)
        value = _as_kind(slice_, form, awaited, names)
        statement = cst.SimpleStatementLine([made.body[0].with_changes(value=value)])
    lines = _pieces.comments(slice_, form)
    new = [*_pieces.semaphore(form, names), statement]
    return [_pieces.under(new[0], lines), *new[1:]]


def _ordered(form: Form, slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
    """Start all tasks, wait for them in order, and leave none behind."""
    import libcst as cst
    from libcst.helpers import parse_template_statement as template

    last = slice_.nodes[-1]
    lines = list(getattr(last, "leading_lines", ()))
    head = _pieces.head(slice_, form)
    tasks = _pieces.assign(form.tasks, head.list(_task(slice_, form, names)))
    if isinstance(form.rounds.loop, ast.For):
        assert isinstance(last, cst.For)
        body, more = _body(form, slice_, last)
        lines += more
        target: cst.BaseAssignTargetExpression = cst.Name(form.task)
        items: cst.BaseExpression = cst.Name(form.tasks)
        if form.pairs:
            first = head.target
            if isinstance(first, cst.Tuple):
                first = (
                    first
                    if first.lpar
                    else first.with_changes(
                        lpar=[cst.LeftParen()], rpar=[cst.RightParen()]
                    )
                )
            target = cst.Tuple(
                [cst.Element(first), cst.Element(target)], lpar=[], rpar=[]
            )
            items = _pieces.call(cst.Name("zip"), cst.Arg(head.items), cst.Arg(items))
        inner: cst.BaseStatement = last.with_changes(
            target=target, iter=items, body=body, leading_lines=[]
        )
    else:
        inner = _of_comprehension(form, slice_, head)
    cancel = _pieces.call(_pieces.of(form.task, "cancel"))
    cleanup = [
        cst.For(
            cst.Name(form.task),
            cst.Name(form.tasks),
            cst.IndentedBlock(
                [cst.SimpleStatementLine([cst.Expr(cancel)])], indent=slice_.indent
            ),
        ),
        template(
            "await {gather}(*{tasks}, return_exceptions=True)\n",
            config=cst.PartialParserConfig(default_newline=slice_.newline),
            gather=_pieces.of(names["asyncio"], "gather"),
            tasks=cst.Name(form.tasks),
        ),
    ]
    attempt = cst.Try(
        body=cst.IndentedBlock([inner], indent=slice_.indent),
        finalbody=cst.Finally(body=cst.IndentedBlock(cleanup, indent=slice_.indent)),
    )
    new = [*_pieces.semaphore(form, names), tasks, attempt]
    return [_pieces.under(new[0], lines), *new[1:]]


def _body(
    form: Form, slice_: Slice, loop: cst.For
) -> tuple[cst.BaseSuite, list[cst.EmptyLine]]:
    """Give the loop's body with the task in the place of the call, and lost comments."""
    import libcst as cst

    rounds = form.rounds
    if rounds.started is None:
        awaited = slice_.find(rounds.waiting)
        new = loop.deep_replace(awaited, cst.Name(form.task))
        assert isinstance(new, cst.For)
        return new.body, []
    block = loop.body
    assert isinstance(block, cst.IndentedBlock)
    statements = list(block.body)
    if len(statements) != len(rounds.body):
        raise ValueError("the body has several statements on one line")
    gone = statements.pop(rounds.body.index(rounds.started))
    lines = [
        each for each in getattr(gone, "leading_lines", ()) if each.comment is not None
    ]
    return block.with_changes(body=statements), lines


def _of_comprehension(
    form: Form, slice_: Slice, head: _pieces.Loop
) -> cst.BaseStatement:
    """Give the statement round a comprehension, which now awaits the tasks."""
    import libcst as cst

    old = _pieces.comprehension(slice_, form)
    changed = old.deep_replace(slice_.find(form.rounds.waiting), cst.Name(form.task))
    target: cst.BaseAssignTargetExpression = cst.Name(form.task)
    items: cst.BaseExpression = cst.Name(form.tasks)
    if form.pairs:
        first = head.target
        if isinstance(first, cst.Tuple) and not first.lpar:
            first = first.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        target = cst.Tuple([cst.Element(first), cst.Element(target)], lpar=[], rpar=[])
        items = _pieces.call(cst.Name("zip"), cst.Arg(head.items), cst.Arg(items))
    inner = old.for_in.with_changes(target=target, iter=items, ifs=[])
    new = cst.ensure_type(changed, type(old)).with_changes(for_in=inner)
    statement = slice_.nodes[0].deep_replace(old, new)
    assert isinstance(statement, cst.BaseStatement)
    return _pieces.under(statement, [])


def _grouped(form: Form, slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
    """Start the calls in a TaskGroup, and take the results when it is left."""
    import libcst as cst

    rounds = form.rounds
    head = _pieces.head(slice_, form)
    call = _pieces.twin(slice_, rounds.call)
    if form.limit:
        call = _pieces.limited(call, form)
    keywords: list[cst.Arg] = []
    if form.creating is not None:
        twin = _pieces.twin(slice_, form.creating)
        assert isinstance(twin, cst.Call)
        keywords = list(twin.args[1:])
    start = _pieces.call(
        _pieces.of(form.group, "create_task"), cst.Arg(call), *keywords
    )
    lines = _pieces.comments(slice_, form)
    group = cst.WithItem(
        _pieces.call(_pieces.of(names["asyncio"], "TaskGroup")),
        cst.AsName(cst.Name(form.group)),
    )
    if rounds.collects == "drop":
        inner: cst.BaseStatement = cst.For(
            head.target,
            head.items,
            cst.IndentedBlock(
                [cst.SimpleStatementLine([cst.Expr(start)])], indent=slice_.indent
            ),
        )
    else:
        inner = _pieces.assign(form.tasks, head.list(start))
    block = cst.With(
        [group],
        cst.IndentedBlock([inner], indent=slice_.indent),
        asynchronous=cst.Asynchronous(),
    )
    new: list[cst.BaseStatement] = [*_pieces.semaphore(form, names), block]
    if rounds.collects != "drop":
        task = cst.Name(form.task)
        result = _pieces.call(cst.Attribute(task, cst.Name("result")))
        over = cst.CompFor(target=task, iter=cst.Name(form.tasks))
        results: cst.BaseExpression = cst.ListComp(elt=result, for_in=over)
        value = _as_kind(slice_, form, results, names)
        if isinstance(rounds.loop, ast.For):
            made = slice_.nodes[0]
            assert isinstance(made, cst.SimpleStatementLine)
            line = cst.SimpleStatementLine([made.body[0].with_changes(value=value)])
            new.append(line)
        else:
            old = _pieces.comprehension(slice_, form)
            changed = slice_.nodes[0].deep_replace(old, value)
            assert isinstance(changed, cst.BaseStatement)
            new.append(_pieces.under(changed, []))
    return [_pieces.under(new[0], lines), *new[1:]]
