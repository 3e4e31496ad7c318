"""What a block of code gives to the function around it, if it were a function itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from asyncfix import Context, Doubt, Level


class Outputs(NamedTuple):
    """How a moved block gives back what it made.

    `last` is its last statement, if that alone makes what is needed outside:
    an assignment, or a `return` with `returns` set. Else `names` are returned.
    """

    names: tuple[str, ...] = ()
    last: ast.stmt | None = None
    returns: bool = False


def outputs(function: ast.AST, block: ast.With) -> Outputs:
    """Give what a block has to return."""
    last = block.body[-1]
    if isinstance(last, ast.Return):
        return Outputs((), last, True)
    needed = needed_outside(function, block)
    stored = {name for name in stores(block) if name in needed}
    if isinstance(last, (ast.Assign, ast.AnnAssign)) and last.value is not None:
        targets = last.targets if isinstance(last, ast.Assign) else [last.target]
        if len(targets) == 1:
            (target,) = targets
            if isinstance(target, ast.Name):
                others = stored - {target.id}
                read = sum(
                    isinstance(node, ast.Name) and node.id == target.id
                    for node in ast.walk(block)
                )
                if not others and read == 1 and target.id in stored:
                    return Outputs((), last)
            elif isinstance(target, (ast.Attribute, ast.Subscript)) and not stored:
                return Outputs((), last)
    ordered = [name for name in stores(block) if name in stored]
    return Outputs(tuple(dict.fromkeys(ordered)))


def target(made: Outputs) -> ast.expr | None:
    """Give what the coroutine itself assigns, where that is not a plain name."""
    last = made.last
    found = last.targets[0] if isinstance(last, ast.Assign) else None
    if isinstance(last, ast.AnnAssign):
        found = last.target
    return None if isinstance(found, ast.Name) else found


def stores(block: ast.AST) -> list[str]:
    """Give the names that a block binds, in its order; comprehensions have their own."""
    found: list[str] = []
    todo: list[ast.AST] = [block]
    while todo:
        node = todo.pop(0)
        if isinstance(
            node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
        ):
            found += [
                each.target.id
                for each in ast.walk(node)
                if isinstance(each, ast.NamedExpr)
            ]
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.append(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.append(node.name)
        elif isinstance(node, ast.alias):
            found.append(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            found.append(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.append(node.rest)
        todo += list(ast.iter_child_nodes(node))
    return found


def needed_outside(function: ast.AST, block: ast.AST) -> set[str]:
    """Give the names whose value the function may take from the block elsewhere."""
    found: set[str] = set()
    _walk_needed(function, block, frozenset(), found)
    return found


def _walk_needed(
    node: ast.AST, block: ast.AST, hidden: frozenset[str], found: set[str]
) -> None:
    """Collect names that are read outside of the block; `hidden` have a newer value."""
    if node is block:
        return
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
        if node.id not in hidden:
            found.add(node.id)
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        found.update(node.names)
    if isinstance(node, ast.AugAssign):
        _walk_needed(node.value, block, hidden, found)
        if isinstance(node.target, ast.Name):
            found.update({node.target.id} - hidden)
        else:
            _walk_needed(node.target, block, hidden, found)
        return
    holds = any(each is block for each in ast.walk(node))
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            _walk_needed(value, block, hidden, found)
        elif isinstance(value, list):
            inner = hidden
            if field == "body" and isinstance(node, (ast.With, ast.For)) and not holds:
                inner = hidden | _given(node)
            for each in value:
                if not isinstance(each, ast.AST):
                    continue
                around = any(inside is block for inside in ast.walk(each))
                # What had a value before the block says nothing of what comes after.
                _walk_needed(each, block, hidden if around else inner, found)
                if isinstance(each, (ast.Assign, ast.AnnAssign)) and each.value:
                    targets = (
                        each.targets if isinstance(each, ast.Assign) else [each.target]
                    )
                    inner |= {t.id for t in targets if isinstance(t, ast.Name)}
                elif around:
                    inner = hidden  # from here on the block's values count


def _given(node: ast.With | ast.For) -> frozenset[str]:
    """Give the names that a `with` or `for` gives a value before its body."""
    targets = (
        [node.target]
        if isinstance(node, ast.For)
        else [item.optional_vars for item in node.items if item.optional_vars]
    )
    return frozenset(
        each.id
        for target in targets
        for each in ast.walk(target)
        if isinstance(each, ast.Name)
    )


def leaves(block: ast.With) -> Iterator[int]:
    """Give the lines where a block is left for good, a last `return` left out."""
    last = block.body[-1]

    def walk(node: ast.AST, loops: int) -> Iterator[int]:
        if (isinstance(node, ast.Return) and node is not last) or (
            isinstance(node, (ast.Break, ast.Continue)) and not loops
        ):
            yield node.lineno
        elif isinstance(node, (ast.For, ast.While)):
            for child in ast.iter_child_nodes(node):
                inner = child in node.body
                yield from walk(child, loops + inner)
        else:
            for child in ast.iter_child_nodes(node):
                yield from walk(child, loops)

    yield from walk(block, 0)


def doubts(context: Context, block: ast.With) -> Iterator[Doubt]:
    """Say where the names of a block are more than what it returns; the first decides."""
    function = context.function
    made = outputs(function, block)
    bound = set(stores(block))
    inside = set(ast.walk(block))
    declared = {
        name
        for node in ast.walk(function)
        if isinstance(node, (ast.Global, ast.Nonlocal))
        for name in node.names
    }
    if bound & declared:
        name = sorted(bound & declared)[0]
        yield _no(
            f"{name} is not the function's own", "return the value, and assign it"
        )
        return
    elsewhere = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Store)
        and node not in inside
    } | {each.arg for each in ast.walk(function) if isinstance(each, ast.arg)}
    for name in sorted(bound & elsewhere):
        if not _stored_first(block, name):
            yield _no(
                f"{name} may come from outside of the block and is given a new value "
                "in it",
                "use another name inside of the block",
            )
            return
    handles = {
        node.id
        for item in block.items
        if item.optional_vars is not None
        for node in ast.walk(item.optional_vars)
        if isinstance(node, ast.Name)
    }
    for name in made.names:
        if name in handles:
            yield _no(
                f"{name} is used after its block",
                "take what is needed of it inside of the block",
            )
            return
        if not _surely_stored(block, name):
            yield _no(
                f"{name} is given a value on some of the block's ways only",
                "give it a value before the block's branches",
            )
            return
    if made.names or (made.last is not None and not made.returns):
        tried = any(
            type(above).__name__ in ("Try", "TryStar")
            and below in getattr(above, "body", ())
            for above, below in _up(context, block)
        )
        if tried and (
            len(made.names) > 1 or (made.names and not _is_last(block, made.names[0]))
        ):
            yield _no(
                f"{made.names[0]} may have its value although the block fails, and a "
                "handler may look at it",
                "assign it after the block",
            )
            return


def _up(context: Context, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for above, below in context.tree.ancestors(node):
        if above is context.function:
            return
        yield above, below


def _is_last(block: ast.With, name: str) -> bool:
    """Tell whether a name is given its value by the block's last statement alone."""
    found = [
        node
        for node in ast.walk(block)
        if isinstance(node, ast.Name)
        and node.id == name
        and isinstance(node.ctx, ast.Store)
    ]
    return len(found) == 1 and found[0] in set(ast.walk(block.body[-1]))


def _surely_stored(block: ast.With, name: str) -> bool:
    """Tell whether a name is bound on every way to the end of a block."""
    for statement in block.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            if isinstance(statement, ast.AnnAssign) and statement.value is None:
                continue
            if name in stores(statement):
                return True
        elif isinstance(statement, ast.With) and _surely_stored(statement, name):
            return False  # a context manager may swallow what was raised on the way
        elif isinstance(statement, ast.If) and statement.orelse:
            if all(
                any(
                    isinstance(each, ast.Assign) and name in stores(each)
                    for each in branch
                )
                for branch in (statement.body, statement.orelse)
            ):
                return True
    return False


def _stored_first(block: ast.With, name: str) -> bool:
    """Tell whether a name surely has the block's own value wherever it is read there."""
    for item in block.items:
        if _reads(item.context_expr, name):
            return False
        if item.optional_vars is not None and name in stores(item.optional_vars):
            return True
    for statement in block.body:
        if isinstance(statement, ast.Assign):
            if _reads(statement.value, name):
                return False
            if name in stores(statement):
                return not any(_reads(each, name) for each in statement.targets)
        elif isinstance(statement, ast.For):
            if _reads(statement.iter, name):
                return False
            if name in stores(statement.target):
                # After a loop without rounds the outer value would be seen.
                return not _used_after(block, statement, name)
            if _mentions(statement, name):
                return False
        elif _mentions(statement, name):
            return False
    return True


def _used_after(block: ast.With, loop: ast.For, name: str) -> bool:
    position = block.body.index(loop)
    return any(_mentions(each, name) for each in block.body[position + 1 :])


def _reads(node: ast.AST, name: str) -> bool:
    return any(
        isinstance(each, ast.Name)
        and each.id == name
        and not isinstance(each.ctx, ast.Store)
        for each in ast.walk(node)
    )


def _mentions(node: ast.AST, name: str) -> bool:
    return name in stores(node) or _reads(node, name)


def _no(reason: str, advice: str) -> Doubt:
    return Doubt("thread-block", Level.MANUAL, reason, advice)
