"""Can this call be reached, with what is known of its function's arguments?

Three answers: yes, no, not known; only a sure no counts. Two things are known
where a function runs on the event loop: the arguments that its caller wrote
down as literals (or left at literal defaults), and that a loop runs in this
thread. So `if not resolve: return`, `except RuntimeError:` behind
`asyncio.get_running_loop()` and `if loop_thread != get_ident():` are decided.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from asyncfix.tree import Tree, dotted, walk_function

Function = ast.FunctionDef | ast.AsyncFunctionDef
Known = Mapping[str, object]
"""Values of parameters that are surely what they are: literals, or LOOP."""

LOOP = ("a running event loop",)
_NO_ANSWER = object()
_FINDS_THE_LOOP = ("get_running_loop", "get_event_loop", "current_task")
_MISSING = ("RuntimeError", "Exception", "BaseException")
_THREAD = ("get_ident", "main_thread", "current_thread", "get_native_id")
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def reachable(tree: Tree, function: Function, call: ast.AST, known: Known) -> bool:
    """Tell whether a call in a function may be reached; False is sure."""
    values = {**_local_loops(tree, function), **_kept(tree, function, known)}
    for above, below in tree.ancestors(call):
        if above is function:
            return not _left_before(function.body, below, values)
        if isinstance(above, (ast.If, ast.While, ast.IfExp)):
            if below is above.test:
                continue
            wanted = _within(below, above.body)
            if wanted or isinstance(above, ast.If | ast.IfExp):
                if _truth(above.test, values) is (not wanted):
                    return False
        elif isinstance(above, ast.BoolOp):
            stops = isinstance(above.op, ast.Or)
            for value in above.values:
                if value is below:
                    break
                if _truth(value, values) is stops:
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
    for keyword in call.keywords:
        found[str(keyword.arg)] = _literal(keyword.value, caller)
    return {name: each for name, each in found.items() if each is not _NO_ANSWER}


def asked_before(tree: Tree, call: ast.Call) -> bool:
    """Tell whether the code around asks the same object first: it will not wait.

    As in `while not q.empty(): q.get()`, `if future.done(): future.result()`.
    """
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = ast.dump(call.func.value)
    for above, below in tree.ancestors(call):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        if (
            isinstance(above, (ast.If, ast.While, ast.IfExp))
            and below is not above.test
        ):
            for node in ast.walk(above.test):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("empty", "done", "poll", "qsize", "ready")
                    and ast.dump(node.func.value) == owner
                ):
                    return True
    return False


def _literal(node: ast.expr | None, known: Known) -> object:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id, _NO_ANSWER)
    return _NO_ANSWER


def _kept(tree: Tree, function: Function, known: Known) -> Known:
    """Leave out the parameters that the function may give another value."""
    if not known:
        return known

    def bound() -> frozenset[str]:
        return frozenset(_bound_in(function.body))

    rebound = tree.once(("rebound", function), bound)
    if rebound.isdisjoint(known):
        return known
    # Some are: but perhaps only in branches that are not taken.
    rebound = frozenset(_rebound(function.body, known))
    return {name: value for name, value in known.items() if name not in rebound}


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


def _bound_in(nodes: Iterable[ast.AST]) -> set[str]:
    """Give every name that is bound somewhere below, in whatever way."""
    found: set[str] = set()
    for top in nodes:
        for node in ast.walk(top):
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


def _local_loops(tree: Tree, function: Function) -> Known:
    """Give the locals that hold the running loop, or would be None without one."""

    def loops() -> dict[str, object]:
        found: dict[str, object] = {}
        others: set[str] = set()
        for node in walk_function(function):
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                continue
            target = node.targets[0]
            if not isinstance(target, ast.Name):
                continue
            if _finds_the_loop(node.value):
                found[target.id] = LOOP
            elif not (
                isinstance(node.value, ast.Constant) and node.value.value is None
            ):
                others.add(target.id)
        return {name: value for name, value in found.items() if name not in others}

    return tree.once(("loops", function), loops)


def _finds_the_loop(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return (dotted(node.func) or "").rpartition(".")[2] in _FINDS_THE_LOOP


def _is_without_loop(handler: ast.ExceptHandler, statement: ast.AST) -> bool:
    """Tell a handler that runs only where no event loop does."""
    body = getattr(statement, "body", [])
    if len(body) > 3 or not any(
        _finds_the_loop(node) for each in body for node in ast.walk(each)
    ):
        return False
    caught = handler.type
    types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(each is None or dotted(each) in _MISSING for each in types)


def _within(node: ast.AST, body: list[ast.stmt] | ast.expr) -> bool:
    if isinstance(body, list):
        return any(each is node for each in body)
    return body is node


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _left_before(block: list[ast.stmt], below: ast.AST, known: Known) -> bool:
    """Tell whether the block is surely left before one of its statements."""
    for statement in block:
        if statement is below:
            return False
        if isinstance(statement, ast.If):
            taken = _truth(statement.test, known)
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
    if isinstance(test, ast.Call):
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
        return (one == two and type(one) is type(two)) == same
    if isinstance(how, (ast.In, ast.NotIn)) and isinstance(
        right, (ast.Tuple, ast.List, ast.Set)
    ):
        one = _literal(left, known)
        every = [_literal(each, known) for each in right.elts]
        if one is _NO_ANSWER or _NO_ANSWER in every:
            return None
        return (one in every) == isinstance(how, ast.In)
    return None


def _asks_the_thread(call: ast.expr, other: ast.expr) -> bool:
    """Tell a question whether this is the thread of the loop."""
    if not isinstance(call, ast.Call):
        return False
    asked = (dotted(call.func) or "").rpartition(".")[2]
    if asked not in _THREAD:
        return False
    about = dotted(other.func if isinstance(other, ast.Call) else other) or ""
    if asked in ("get_ident", "get_native_id"):
        return True
    return "loop" in about or about.endswith("main_thread")


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
