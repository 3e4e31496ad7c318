"""Can this call be reached, with what is known of its function's arguments?

Three answers: yes, no, not known; only a sure no counts. Two things are known
where a function runs on the event loop: the arguments that its caller wrote
down as literals (or left at literal defaults), and that a loop runs in this
thread. So `if not resolve: return`, `except RuntimeError:` behind
`asyncio.get_running_loop()` and `if loop_thread != get_ident():` are decided.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from asyncfix.held import key, speaks_of
from asyncfix.tree import Tree, dotted, walk_function

Function = ast.FunctionDef | ast.AsyncFunctionDef
Known = Mapping[str, object]
"""Values of parameters that are surely what they are: literals, or LOOP."""

LOOP = ("a running event loop",)
_NO_ANSWER = object()
_FINDS_THE_LOOP = ("get_running_loop", "get_event_loop", "current_task")
_ASYNCIO = ("", "asyncio", "aio", "events", "tasks", "asyncio.events", "asyncio.tasks")
_MISSING = ("RuntimeError", "Exception", "BaseException")
_THREAD = ("get_ident", "main_thread", "current_thread", "get_native_id")
# What an object says of itself that would have to wait.
_WAITS = {"empty": True, "done": False, "ready": False, "poll": None, "qsize": 0}
_RAISES = ("run", "run_until_complete", "run_forever")
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


class Values(NamedTuple):
    """What is known of names: everywhere, and of loops below where they are found."""

    kept: Known
    loops: Mapping[str, object] = {}
    line: int = 0

    def at(self, node: ast.expr) -> Known:
        """Give what is known where a condition stands."""
        if not self.loops or node.lineno <= self.line:
            return self.kept
        return {**self.loops, **self.kept}


def reachable(tree: Tree, function: Function, call: ast.AST, known: Known) -> bool:
    """Tell whether a call in a function may be reached; False is sure."""
    values = Values(kept(tree, function, known), *_local_loops(tree, function, call))
    for above, below in tree.ancestors(call):
        if above is function:
            return not _left_before(function.body, below, values)
        if isinstance(above, (ast.If, ast.While, ast.IfExp)):
            if below is above.test:
                continue
            wanted = _within(below, above.body)
            if wanted or isinstance(above, ast.If | ast.IfExp):
                if _truth(above.test, values.at(above.test)) is (not wanted):
                    return False
        elif isinstance(above, ast.BoolOp):
            stops = isinstance(above.op, ast.Or)
            for value in above.values:
                if value is below:
                    break
                if _truth(value, values.at(value)) is stops:
                    return False
        elif isinstance(above, ast.ExceptHandler):
            if _is_without_loop(above, tree.parent(above)):
                return False
        for block in _blocks(above):
            if any(each is below for each in block) and _left_before(
                block, below, values
            ):
                return False
    return True


def arguments(
    function: Function, call: ast.Call, caller: Known, bound: bool
) -> dict[str, object]:
    """Give what is known of a function's parameters where it is called so.

    `caller` is what is known of names in the function around the call; `bound`
    tells that the first parameter is the object. Of `*args` and `**kwargs`
    nothing is known, and then neither of what may be in them.
    """
    parameters = [*function.args.posonlyargs, *function.args.args]
    names = [each.arg for each in parameters[bound:]]
    found: dict[str, object] = {}
    if any(isinstance(each, ast.Starred) for each in call.args) or any(
        each.arg is None for each in call.keywords
    ):
        return found
    defaults = function.args.defaults
    for parameter, default in zip(parameters[::-1], defaults[::-1], strict=False):
        found[parameter.arg] = _literal(default, {})
    for parameter, value in zip(
        function.args.kwonlyargs, function.args.kw_defaults, strict=True
    ):
        found[parameter.arg] = _literal(value, {})
    for name, value in zip(names, call.args, strict=False):
        found[name] = _literal(value, caller)
    only_by_place = {each.arg for each in function.args.posonlyargs}
    for keyword in call.keywords:
        if keyword.arg not in only_by_place:
            found[str(keyword.arg)] = _literal(keyword.value, caller)
    return {name: each for name, each in found.items() if each is not _NO_ANSWER}


def asked_before(tree: Tree, function: Function, call: ast.Call) -> bool:
    """Tell whether the code around asks the same object first: it will not wait.

    As in `while not q.empty(): q.get()`, `if future.done(): future.result()`: if
    it had to wait, the answer would be another and the call not be reached.
    """
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = ast.dump(call.func.value)
    waits: Known = {f"{name} of {owner}": said for name, said in _WAITS.items()}
    for above, below in tree.ancestors(call):
        if above is function:
            return False
        if isinstance(above, ast.BoolOp):
            stops = isinstance(above.op, ast.Or)
            for value in above.values:
                if value is below:
                    break
                if _truth(value, waits) is stops:
                    return True
        elif isinstance(above, (ast.If, ast.While, ast.IfExp)):
            wanted = _within(below, above.body)
            if below is above.test or not (wanted or _within(below, above.orelse)):
                continue
            if isinstance(above, ast.While) and not wanted:
                continue
            if _truth(above.test, waits) is (not wanted):
                return True
    return False


def _literal(node: ast.expr | None, known: Known) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id, _NO_ANSWER)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _WAITS and known:
            asked = f"{node.func.attr} of {ast.dump(node.func.value)}"
            return known.get(asked, _NO_ANSWER)
    return _NO_ANSWER


def kept(tree: Tree, function: Function, known: Known) -> Known:
    """Leave out the parameters that the function may give another value."""
    if not known:
        return known

    def bound() -> frozenset[str]:
        return frozenset(_bound_in(function.body))

    rebound = tree.once(("rebound", function), bound)
    if not rebound:
        return known
    # Some are: but perhaps only in branches that are not taken.
    rebound = frozenset(_rebound(function.body, known))
    return {
        name: value
        for name, value in known.items()
        if name not in rebound and not speaks_of(name, rebound)
    }


def _rebound(block: list[ast.stmt], known: Known) -> set[str]:
    """Give the names that a block may bind, branches that are not taken left out."""
    found: set[str] = set()
    for statement in block:
        if isinstance(statement, ast.If):
            found |= _bound_in([statement.test])
            taken = _truth(statement.test, known)
            if taken is not False:
                found |= _rebound(statement.body, known)
            if taken is not True:
                found |= _rebound(statement.orelse, known)
        else:
            found |= _bound_in([statement])
        known = {name: value for name, value in known.items() if name not in found}
    return found


def _bound_in(nodes: Iterable[ast.AST], deep: bool = True) -> set[str]:
    """Give every name that is bound somewhere below, in whatever way."""
    found: set[str] = set()
    for top in nodes:
        for node in ast.walk(top) if deep else (top,):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.add(node.name)
            elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
                found.add(node.name or "")
            elif isinstance(node, ast.MatchMapping):
                found.add(node.rest or "")
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                found.update(node.names)
            elif isinstance(node, ast.alias):
                found.add(node.asname or node.name.partition(".")[0])
            elif isinstance(node, ast.ClassDef):
                found.add(node.name)
    return found


def _local_loops(tree: Tree, function: Function, call: ast.AST) -> tuple[Known, int]:
    """Give the locals that hold the running loop at a call, and from which line on."""

    def stored() -> dict[str, list[ast.AST]]:
        nodes = list(walk_function(function))
        found = [each for each in nodes if _is_loop_assigned(each)]
        names: dict[str, list[ast.AST]] = {_target(each): [] for each in found}
        for node in ast.walk(function) if names else ():
            for name in _bound_in([node], deep=False) & set(names):
                names[name].append(node)
        return names

    names = tree.once(("loops", function), stored)
    loops: dict[str, object] = {}
    line = 0
    for assigned in _run_before(tree, function, call) if names else ():
        name = _target(assigned)
        if name in loops or not all(
            _is_harmless(tree, node, assigned) for node in names[name]
        ):
            continue
        loops[name] = LOOP
        line = max(line, assigned.lineno)
    return loops, line


def _target(node: ast.AST) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) else ""


def _is_loop_assigned(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Assign)
        and len(node.targets) == 1
        and isinstance(node.targets[0], ast.Name)
        and _finds_the_loop(node.value)
    )


def _run_before(tree: Tree, function: Function, call: ast.AST) -> Iterator[ast.Assign]:
    """Give the assignments of the loop that have surely been made at a call."""
    for above, below in tree.ancestors(call):
        for block in _blocks(above):
            if _within(below, block):
                place = next(i for i, each in enumerate(block) if each is below)
                if isinstance(above, ast.Try) and block is above.orelse:
                    yield from _surely_assigned(above.body)
                yield from _surely_assigned(block[:place])
        if above is function:
            return


def _surely_assigned(block: list[ast.stmt]) -> Iterator[ast.Assign]:
    for statement in reversed(block):
        if isinstance(statement, ast.Assign) and _is_loop_assigned(statement):
            yield statement
        elif isinstance(statement, ast.Try):
            if all(_is_without_loop(each, statement) for each in statement.handlers):
                yield from _surely_assigned(statement.body)


def _is_harmless(tree: Tree, node: ast.AST, assigned: ast.Assign) -> bool:
    """Tell what gives a name a value only before it is the loop, or without one."""
    if node is assigned.targets[0]:
        return True
    if not isinstance(node, ast.Name):
        return False
    return node.lineno < assigned.lineno or any(
        isinstance(above, ast.ExceptHandler)
        and _is_without_loop(above, tree.parent(above))
        for above, _ in tree.ancestors(node)
    )


def _finds_the_loop(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    owner, _, name = (dotted(node.func) or "").rpartition(".")
    if name == "get_running_loop" or owner in _ASYNCIO:
        return name in _FINDS_THE_LOOP
    return False  # some object's own method of that name


def _is_without_loop(handler: ast.ExceptHandler, statement: ast.AST) -> bool:
    """Tell a handler that runs only where no event loop does.

    What else stands in the `try` might raise what it catches.
    """
    body = getattr(statement, "body", [])
    if len(body) > 3:
        return False
    nodes = [node for each in body for node in walk_function(each, own=False)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    others = [node for node in calls if not _finds_the_loop(node)]
    if len(others) == len(calls) or any(isinstance(n, ast.Raise) for n in nodes):
        return False
    caught = handler.type
    types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    if not any(each is None or dotted(each) in _MISSING for each in types):
        return False
    if any(each is None or dotted(each) != "RuntimeError" for each in types):
        return all(_is_harmless_call(node) for node in others)
    return all(_last_name(node) not in _RAISES for node in others)


def _is_harmless_call(call: ast.Call) -> bool:
    return _last_name(call) in ("is_running", "create_task", "call_soon_threadsafe")


def _last_name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _within(node: ast.AST, body: Sequence[ast.AST] | ast.expr) -> bool:
    if isinstance(body, ast.expr):
        return body is node
    return any(each is node for each in body)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _left_before(block: list[ast.stmt], below: ast.AST, values: Values) -> bool:
    """Tell whether the block is surely left before one of its statements."""
    for statement in block:
        if statement is below:
            return False
        if isinstance(statement, ast.If):
            taken = _truth(statement.test, values.at(statement.test))
            if taken is True and _leaves(statement.body):
                return True
            if taken is False and _leaves(statement.orelse):
                return True
        elif isinstance(statement, ast.Try) and not statement.finalbody:
            if _leaves(statement.body) and not statement.orelse:
                # What comes after is for the handlers that go on.
                if all(_is_without_loop(h, statement) for h in statement.handlers):
                    return True
            if _leaves(statement.orelse) and all(
                _is_without_loop(h, statement) for h in statement.handlers
            ):
                return True
    return False


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], _ENDS)


def _truth(test: ast.expr, known: Known) -> bool | None:
    """Give whether a condition holds, None where that is not known."""
    if known:
        asked = known.get(key(test))
        if isinstance(asked, bool):
            return asked
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _truth(test.operand, known)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        decides = isinstance(test.op, ast.Or)
        parts = [_truth(value, known) for value in test.values]
        if decides in parts:
            return decides
        return None if None in parts else not decides
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _compared(test.left, test.ops[0], test.comparators[0], known)
    if isinstance(test, ast.Call) and _literal(test, known) is _NO_ANSWER:
        return _called(test, known)
    if isinstance(test, ast.NamedExpr):
        return True if _finds_the_loop(test.value) else None
    value = _literal(test, known)
    return None if value is _NO_ANSWER else bool(value)


def _compared(
    left: ast.expr, how: ast.cmpop, right: ast.expr, known: Known
) -> bool | None:
    same = isinstance(how, (ast.Eq, ast.Is))
    if same or isinstance(how, (ast.NotEq, ast.IsNot)):
        if _asks_the_thread(left, right) or _asks_the_thread(right, left):
            return same
        one, two = _literal(left, known), _literal(right, known)
        if one is _NO_ANSWER or two is _NO_ANSWER:
            return None
        if LOOP in (one, two) and one is not two and None not in (one, two):
            return None
        if isinstance(how, (ast.Is, ast.IsNot)):
            alone = (None, True, False, LOOP, ...)
            if not any(each is one or each is two for each in alone):
                return None  # two equal texts may be one or two
            return (one is two) == same
        return (one == two) == same
    if isinstance(how, (ast.Gt, ast.GtE, ast.Lt, ast.LtE)):
        return _ordered(_literal(left, known), how, _literal(right, known))
    if isinstance(how, (ast.In, ast.NotIn)) and isinstance(
        right, (ast.Tuple, ast.List, ast.Set)
    ):
        one = _literal(left, known)
        every = [_literal(each, known) for each in right.elts]
        if one is _NO_ANSWER or _NO_ANSWER in every:
            return None
        return (one in every) == isinstance(how, ast.In)
    return None


def _ordered(one: object, how: ast.cmpop, two: object) -> bool | None:
    if not isinstance(one, (int, float)) or not isinstance(two, (int, float)):
        return None
    if isinstance(how, (ast.Gt, ast.LtE)):
        return (one > two) == isinstance(how, ast.Gt)
    return (one < two) == isinstance(how, ast.Lt)


def _asks_the_thread(call: ast.expr, other: ast.expr) -> bool:
    """Tell a question whether this is the thread of the loop."""
    if not isinstance(call, ast.Call) or _last_name(call) not in _THREAD:
        return False
    names = (
        node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
        for node in ast.walk(other)
    )
    return any("loop" in name or "main_thread" in name for name in names)


def _called(test: ast.Call, known: Known) -> bool | None:
    function = test.func
    if not isinstance(function, ast.Attribute) or test.keywords:
        return None
    value = _literal(function.value, known)
    if function.attr == "is_running":
        return True if value is LOOP or _finds_the_loop(function.value) else None
    if function.attr == "is_closed":
        return False if value is LOOP else None
    if isinstance(value, str) and len(test.args) == 1:
        given = _literal(test.args[0], known)
        if isinstance(given, str) and function.attr in ("startswith", "endswith"):
            return bool(getattr(value, function.attr)(given))
    return None
