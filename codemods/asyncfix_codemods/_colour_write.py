"""The code of helpers that become coroutine functions, and of their calls."""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from asyncfix import Context, Names, Part, Slice
from asyncfix_codemods import _ahead
from asyncfix_codemods._session_rewrite import changed

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix_codemods._session_rewrite import Change as NodeChange

Make = Callable[[Slice, Names], "Sequence[cst.CSTNode]"]
"""As in `Part`; the slice's `nodes` are the one that is changed."""


class Change(NamedTuple):
    """One expression that is awaited now. Without `make` it is a call of a helper.

    With it, the node may be a statement as well, and gives way to several.
    """

    context: Context
    node: ast.expr | ast.stmt
    make: Make | None
    needs: tuple[str, ...] = ()
    """The modules that its new code names."""


class Group(NamedTuple):
    """Calls in a coroutine that are arguments of one another; the first is outermost."""

    changes: tuple[Change, ...]

    @property
    def context(self) -> Context:
        """Give where the outermost of them stands."""
        return self.changes[0].context


def grouped(changes: Iterable[Change]) -> list[Group]:
    """Group calls that stand in one another: what replaces one holds the others."""
    groups: list[list[Change]] = []
    by_size = sorted(
        changes, key=lambda each: (each.context.site.path, _size(each)), reverse=True
    )
    for change in by_size:
        for group in groups:
            if any(each is change.node for each in ast.walk(group[0].node)):
                group.append(change)
                break
        else:
            groups.append([change])
    return [Group(tuple(each)) for each in groups]


def _size(change: Change) -> int:
    start, end = change.context.tree.span(change.node)
    return end - start


def in_coroutine(group: Group) -> tuple[Part, ...]:
    """Give the part that awaits calls of helpers in a coroutine."""
    first = group.changes[0]
    call = first.context.call

    def make(slice_: Slice, names: Names) -> cst.BaseExpression:
        import libcst as cst

        new = _awaiting(slice_, names, [slice_.find(call)], group.changes)
        # The engine sees to the parentheses round the outermost one.
        made = cst.ensure_type(new[0], cst.Await)
        return made.with_changes(lpar=[], rpar=[])

    context = first.context
    if len(group.changes) == 1:
        made = _ahead.parts(context, call, make)
    else:
        made = (Part((call,), lambda slice_, names: [make(slice_, names)]),)
    return tuple(each._replace(context=context, needs=()) for each in made)


def helpers(functions: Iterable[Sequence[Change]]) -> list[Part]:
    """Give the parts that make functions coroutine functions, each in its file."""
    outermost: list[tuple[Context, list[Change]]] = []
    by_size = sorted(
        functions, key=lambda each: _size_of(each[0].context), reverse=True
    )
    for changes in by_size:
        here = changes[0].context
        for outer, others in outermost:
            if outer.tree is here.tree and any(
                each is here.function for each in ast.walk(outer.function)
            ):
                others += changes
                break
        else:
            outermost.append((here, [*changes]))
    return [_helper(*each) for each in outermost]


def _size_of(context: Context) -> int:
    start, end = context.tree.span(context.function)
    return end - start


def _helper(outer: Context, changes: Sequence[Change]) -> Part:
    """Give the part that makes functions coroutine functions.

    The changes stand in one function, `outer` in it, or in functions inside of that.
    """
    context = outer

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        return _awaiting(slice_, names, slice_.nodes, changes, coroutines=True)

    needs = tuple(dict.fromkeys(need for each in changes for need in each.needs))
    nodes = tuple(each.node for each in changes if each.make is not None)
    return Part(
        (context.function,), make, context, guards=("N3",), needs=needs, free=nodes
    )


def _awaiting(
    slice_: Slice,
    names: Names,
    nodes: Sequence[cst.CSTNode],
    changes: Sequence[Change],
    renamed: str = "",
    coroutines: bool = False,
) -> list[cst.CSTNode]:
    """Give nodes in which calls are awaited, in coroutines if that is asked for."""
    made: dict[cst.CSTNode, NodeChange] = {}
    for change in changes:
        tight = _binds_tighter(change)
        twin = slice_.find(change.node)
        if change.make is not None:
            view = copy.copy(slice_)
            if isinstance(change.node, ast.stmt):
                twin = _line_of(nodes, twin)
                # What stands above it stays above all that it becomes.
                above = getattr(twin, "leading_lines", ())
                view.nodes = (twin.with_changes(leading_lines=()),)
                first, *rest = change.make(view, names)
                made[twin] = _instead(
                    [first.with_changes(leading_lines=above), *rest], tight
                )
            else:
                view.nodes = (twin,)
                made[twin] = _instead(change.make(view, names), tight)
        else:
            made[twin] = _awaited(tight, renamed)
    if coroutines:
        for function in _functions_of(nodes, set(made)):
            made[function] = _coroutine
    return changed(nodes, made)


def _functions_of(
    nodes: Sequence[cst.CSTNode], wanted: set[cst.CSTNode]
) -> list[cst.CSTNode]:
    """Give the functions that some nodes are the code of."""
    import libcst as cst

    found: list[cst.CSTNode] = []
    todo: list[tuple[cst.CSTNode, cst.CSTNode | None]] = [
        (each, None) for each in nodes
    ]
    while todo:
        node, owner = todo.pop()
        if node in wanted and owner is not None and owner not in found:
            found.append(owner)
        inner = node if isinstance(node, cst.FunctionDef) else owner
        for child in node.children:
            # What stands above the body is run by the function around it.
            own = not isinstance(node, cst.FunctionDef) or child is node.body
            todo.append((child, inner if own else owner))
    return found


def _coroutine(node: cst.CSTNode) -> cst.CSTNode:
    import libcst as cst

    return node.with_changes(asynchronous=cst.Asynchronous())


def _line_of(nodes: Sequence[cst.CSTNode], small: cst.CSTNode) -> cst.CSTNode:
    """Give the line that a simple statement is; other statements are their own."""
    import libcst as cst

    todo = [*nodes]
    while todo:
        node = todo.pop()
        if isinstance(node, cst.SimpleStatementLine) and small in node.body:
            return node
        todo += node.children
    return small


def _instead(new: Sequence[cst.CSTNode], tight: bool) -> NodeChange:
    import libcst as cst

    if len(new) == 1:
        (one,) = new
        if tight and isinstance(one, cst.BaseExpression):
            one = _in_parentheses(one)
        return lambda _: one
    return lambda _: cst.FlattenSentinel(new)


def _awaited(tight: bool, renamed: str) -> NodeChange:
    import libcst as cst

    def change(node: cst.CSTNode) -> cst.CSTNode:
        call = cst.ensure_type(node, cst.Call)
        # Parentheses of its own stay round the whole.
        outer = {"lpar": call.lpar, "rpar": call.rpar}
        if renamed:
            call = call.with_changes(func=_renamed(call.func, renamed))
        new = cst.Await(call.with_changes(lpar=[], rpar=[]), **outer)  # type: ignore[arg-type]  # its parentheses
        return _in_parentheses(new) if tight and not new.lpar else new

    return change


def _renamed(func: cst.BaseExpression, name: str) -> cst.BaseExpression:
    import libcst as cst

    if isinstance(func, cst.Attribute):
        return func.with_changes(attr=cst.Name(name))
    return cst.Name(name)


def _in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    import libcst as cst

    return node.with_changes(
        lpar=[cst.LeftParen(), *node.lpar], rpar=[*node.rpar, cst.RightParen()]
    )


def _binds_tighter(change: Change) -> bool:
    """Tell whether an await needs parentheses where it stands."""
    above = change.context.tree.parent(change.node)
    if isinstance(above, (ast.Attribute, ast.Subscript)):
        return above.value is change.node
    if isinstance(above, ast.Call):
        return above.func is change.node
    return isinstance(above, ast.Await)


def twin(changes: Sequence[Change], called: str) -> str:
    """Give the code of an async twin of a helper, for a message.

    `called` is the twin that its calls go to; empty for what blocks itself.
    """
    import libcst as cst

    context = changes[0].context
    slice_ = Slice(context.tree, (context.function,))
    needs = dict.fromkeys(
        ("asyncio", *(need for each in changes for need in each.needs))
    )
    names = Names({need: need for need in needs}, context.framework)
    (made,) = _awaiting(slice_, names, slice_.nodes, changes, called)
    function = cst.ensure_type(made, cst.FunctionDef).with_changes(
        asynchronous=cst.Asynchronous(),
        name=cst.Name(f"{context.function.name}_async"),
        leading_lines=(),
    )
    return textwrap.dedent("\n".join(slice_.code([function]).splitlines())).strip()
