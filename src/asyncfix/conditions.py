"""Does a condition surely hold, with what is known where it stands?

Three answers: yes, no, not known; only a sure one counts. Known are literals (those
that a caller wrote down as arguments, left at their defaults, or compared with
before), conditions that were asked before (see `held`), and that a loop runs in
this thread. So `if not resolve: return`, `except RuntimeError:` behind
`asyncio.get_running_loop()` and `if loop_thread != get_ident():` are decided.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from asyncfix.begins import Begins, beginning
from asyncfix.held import ASKED, NAMED, VALUE, named, question
from asyncfix.loopless import finds_the_loop, last_name
from asyncfix.nodes import descend
from asyncfix.tree import Tree, dotted, text_of

Function = ast.FunctionDef | ast.AsyncFunctionDef
Known = Mapping[str, object]
"""Values of names that are surely what they are (literals, LOOP), and see `held`."""

LOOP = ("a running event loop",)
NO_ANSWER = object()
_THREAD = ("get_ident", "main_thread", "current_thread", "get_native_id")
# What an object says of itself that would have to wait.
_WAITS = {"empty": True, "done": False, "ready": False, "poll": None, "qsize": 0}
_PIPES = ("stdout", "stderr")
_TYPES = {each.__name__: each for each in (str, bytes, int, float, bool, list, dict)}
OF_TEXTS = frozenset(
    (
        *("split", "rsplit", "strip", "lstrip", "rstrip", "lower", "upper", "replace"),
        *("removeprefix", "removesuffix", "startswith", "endswith", "partition"),
    )
)


class OneOf(tuple[object, ...]):
    """A value that is one of some literals."""


class Member(tuple[object, ...]):
    """A member of an enum: its class, and its value."""


class Keys(frozenset[str]):
    """A dictionary that has no other keys; see `keys`."""


def arguments(
    function: Function,
    call: ast.Call,
    say: Mapping[int, ast.expr],
    caller: Known,
    bound: bool,
) -> dict[str, object]:
    """Give what is known of a function's parameters where it is called so.

    `say` gives for each argument, by `id`, what it stands for, and `caller` what is
    known there; `bound` tells that the first parameter is the object. What is in
    `*args` and `**kwargs` is not known, and then neither are the defaults.
    """
    found: dict[str, object] = {}
    if not any(isinstance(each, ast.Starred) for each in call.args) and all(
        each.arg for each in call.keywords
    ):
        found.update(defaults(function))
    for name, given in paired(function, call, bound):
        found[name] = value_or_one(say.get(id(given), given), caller)
    return {
        name: each
        for name, each in found.items()
        if each is not NO_ANSWER and not isinstance(each, list)
    }


def defaults(function: Function) -> dict[str, object]:
    """Give the defaults of parameters, as `literal` does."""
    every = [*function.args.posonlyargs, *function.args.args]
    found: dict[str, object] = {}
    for parameter, default in zip(
        every[::-1], function.args.defaults[::-1], strict=False
    ):
        found[parameter.arg] = literal(default, {})
    for parameter, value in zip(
        function.args.kwonlyargs, function.args.kw_defaults, strict=True
    ):
        found[parameter.arg] = literal(value, {})
    return found


def value_or_one(node: ast.expr, known: Known) -> object:
    """Give the value of an expression as `literal` does, or the ones it may have."""
    value = literal(node, known)
    if value is not NO_ANSWER:
        return value
    for name, several in known.items():
        if isinstance(several, OneOf) and _names(node, name):
            every = [literal(node, {**known, name: each}) for each in several]
            if NO_ANSWER not in every:
                return OneOf(every)
    begins = _begins(node, known)
    return NO_ANSWER if begins is None else begins


def _begins(node: ast.expr, known: Known) -> Begins | None:
    """Give how a text begins, also one that a parameter was given."""

    def value(part: ast.expr) -> object:
        given = known.get(part.id) if isinstance(part, ast.Name) else None
        return given if isinstance(given, Begins) else literal(part, known)

    if isinstance(node, ast.Name):
        given = known.get(node.id)
        return given if isinstance(given, Begins) else None
    put_together = isinstance(node, (ast.JoinedStr, ast.BinOp))
    return beginning(node, value) if put_together else None


def _names(node: ast.expr, name: str) -> bool:
    if name.startswith(NAMED):
        plain = name[len(NAMED) :]
        return any(isinstance(n, ast.expr) and named(n) == plain for n in descend(node))
    return any(isinstance(n, ast.Name) and n.id == name for n in descend(node))


def paired(
    function: Function, call: ast.Call, bound: bool
) -> list[tuple[str, ast.expr]]:
    """Give parameters of a function with the arguments that a call says for them."""
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    by_name = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)}
    pairs: list[tuple[str, ast.expr]] = []
    for name, given in zip(names[bound:], call.args, strict=False):
        if isinstance(given, ast.Starred):
            break
        pairs.append((name, given))
    for keyword in call.keywords:
        if keyword.arg in by_name:
            pairs.append((keyword.arg, keyword.value))
    return pairs


def asked_before(tree: Tree, function: Function, call: ast.Call) -> bool:
    """Tell whether the code around asks the same object first: it will not wait.

    As in `while not q.empty(): q.get()`, `if future.done(): future.result()`: if
    it had to wait, the answer would be another and the call not be reached.
    """
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = call.func.value
    waits = {f"{name} of {text_of(owner)}": said for name, said in _WAITS.items()}
    if isinstance(owner, ast.Attribute) and owner.attr in _PIPES:
        waits[f"poll of {text_of(owner.value)}"] = None  # while it runs
    for above, below in tree.ancestors(call):
        if above is function:
            return False
        if isinstance(above, ast.BoolOp):
            stops = isinstance(above.op, ast.Or)
            for value in above.values:
                if value is below:
                    break
                if truth(value, waits) is stops:
                    return True
        elif isinstance(above, (ast.If, ast.While, ast.IfExp)):
            wanted = _within(below, above.body)
            if below is above.test or not (wanted or _within(below, above.orelse)):
                continue
            if isinstance(above, ast.While) and not wanted:
                continue
            if truth(above.test, waits) is (not wanted):
                return True
    return False


def literal(node: ast.expr | None, known: Known) -> object:
    """Give the value of an expression, NO_ANSWER where it is not known."""
    if isinstance(node, ast.Constant):
        return node.value
    if node is None:
        return NO_ANSWER
    if isinstance(node, ast.Name) and node.id in known:
        value = known[node.id]
        return NO_ANSWER if isinstance(value, (OneOf, Keys, Begins)) else value
    if finds_the_loop(node):
        return LOOP
    if known and isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
        value = known.get(VALUE + text_of(node), NO_ANSWER)
        if value is not NO_ANSWER:
            return value
        word = known.get(NAMED + named(node), NO_ANSWER)
        if word is not NO_ANSWER and not isinstance(word, OneOf):
            return word
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _method(node, node.func, known)
    if isinstance(node, ast.Subscript):
        of, index = literal(node.value, known), literal(node.slice, known)
        if isinstance(of, (str, list)) and isinstance(index, int):
            return of[index] if -len(of) <= index < len(of) else NO_ANSWER
    elif isinstance(node, (ast.IfExp, ast.BoolOp)):
        part = taken(node, known)
        if part is not node:
            return literal(part, known)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        one, two = literal(node.left, known), literal(node.right, known)
        if isinstance(one, str) and isinstance(two, str):
            return one + two
    return NO_ANSWER


def taken(node: ast.expr, known: Known) -> ast.expr:
    """Give the part that surely is what an expression comes to, or all of it.

    Of `Path(name) if name else None` without a name, that is `None`.
    """
    while True:
        if isinstance(node, ast.IfExp):
            holds = truth(node.test, known)
            if holds is None:
                return node
            node = node.body if holds else node.orelse
        elif isinstance(node, ast.BoolOp):
            stops = isinstance(node.op, ast.Or)
            first = truth(node.values[0], known)
            if first is None:
                return node
            if first is stops:
                node = node.values[0]
            elif len(node.values) == 2:
                node = node.values[1]
            else:
                node = ast.BoolOp(node.op, node.values[1:])
        else:
            return node


def _method(node: ast.Call, function: ast.Attribute, known: Known) -> object:
    if function.attr in _WAITS and known:
        asked = f"{function.attr} of {text_of(function.value)}"
        return known.get(asked, NO_ANSWER)
    if function.attr not in OF_TEXTS or node.keywords:
        return NO_ANSWER
    value = literal(function.value, known)
    given = [literal(each, known) for each in node.args]
    if not isinstance(value, str) or NO_ANSWER in given:
        return NO_ANSWER
    try:
        return getattr(value, function.attr)(*given)
    except (TypeError, ValueError, AttributeError):  # not what they take
        return NO_ANSWER


def _within(node: ast.AST, body: Sequence[ast.AST] | ast.expr) -> bool:
    if isinstance(body, ast.expr):
        return body is node
    return any(each is node for each in body)


def truth(test: ast.expr, known: Known) -> bool | None:
    """Give whether a condition holds, None where that is not known."""
    for name, value in known.items():
        if isinstance(value, OneOf) and _names(test, name):
            answers = {truth(test, {**known, name: each}) for each in value}
            return answers.pop() if len(answers) == 1 else None
    if known:
        name, positive = question(test)
        asked = known.get(name)
        if isinstance(asked, bool):
            return asked is positive
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = truth(test.operand, known)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        decides = isinstance(test.op, ast.Or)
        parts = [truth(value, known) for value in test.values]
        if decides in parts:
            return decides
        return None if None in parts else not decides
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return _compared(test.left, test.ops[0], test.comparators[0], known)
    if isinstance(test, ast.NamedExpr):
        return True if finds_the_loop(test.value) else None
    value = literal(test, known)
    if value is not NO_ANSWER:
        return bool(value)
    if isinstance(test, ast.Call):
        return _called(test, known)
    begins = _begins(test, known)
    return None if begins is None else begins.holds()


def _compared(
    left: ast.expr, how: ast.cmpop, right: ast.expr, known: Known
) -> bool | None:
    same = isinstance(how, (ast.Eq, ast.Is))
    if same or isinstance(how, (ast.NotEq, ast.IsNot)):
        if _asks_the_thread(left, right) or _asks_the_thread(right, left):
            return same
        one, two = literal(left, known), literal(right, known)
        if (
            two is None
            and one is NO_ANSWER
            and known.get(ASKED + text_of(left)) is True
        ):
            return not same
        if one is NO_ANSWER or two is NO_ANSWER:
            other = _is_another(left, two, known) or _is_another(right, one, known)
            return not same if other else None
        if LOOP in (one, two) and one is not two and None not in (one, two):
            return None
        single = isinstance(one, Member) or isinstance(two, Member)
        if isinstance(how, (ast.Is, ast.IsNot)) and not single:
            alone = (None, True, False, LOOP, ...)
            if not any(each is one or each is two for each in alone):
                return None  # two equal texts may be one or two
            return (one is two) == same
        return (one == two) == same
    if isinstance(how, (ast.Gt, ast.GtE, ast.Lt, ast.LtE)):
        return _ordered(literal(left, known), how, literal(right, known))
    if isinstance(how, (ast.In, ast.NotIn)):
        inside = _inside(literal(left, known), right, known)
        return None if inside is None else inside == isinstance(how, ast.In)
    return None


def _is_another(node: ast.expr, value: object, known: Known) -> bool:
    """Tell a text that surely begins in another way than what it is compared with."""
    if value is not None and not isinstance(value, str):
        return False
    begins = _begins(node, known)
    if begins is None:
        return False
    return value is None or not begins.may_be(value)


def _inside(one: object, right: ast.expr, known: Known) -> bool | None:
    if one is NO_ANSWER:
        return None
    if isinstance(right, (ast.Tuple, ast.List, ast.Set)):
        every = [literal(each, known) for each in right.elts]
        return None if NO_ANSWER in every else one in every
    two = literal(right, known)
    return one in two if isinstance(one, str) and isinstance(two, str) else None


def _ordered(one: object, how: ast.cmpop, two: object) -> bool | None:
    if not isinstance(one, (int, float)) or not isinstance(two, (int, float)):
        return None
    if isinstance(how, (ast.Gt, ast.LtE)):
        return (one > two) == isinstance(how, ast.Gt)
    return (one < two) == isinstance(how, ast.Lt)


def _asks_the_thread(call: ast.expr, other: ast.expr) -> bool:
    """Tell a question whether this is the thread of the loop."""
    if not isinstance(call, ast.Call) or last_name(call) not in _THREAD:
        return False
    names = (
        node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
        for node in descend(other)
    )
    return any("loop" in name or "main_thread" in name for name in names)


def _called(test: ast.Call, known: Known) -> bool | None:
    function = test.func
    if dotted(function) == "isinstance" and len(test.args) == 2:
        return _is_of_type(literal(test.args[0], known), test.args[1])
    if isinstance(function, ast.Attribute) and not test.keywords:
        value = literal(function.value, known)
        if function.attr == "is_running" and value is LOOP:
            return True
        if function.attr == "is_closed" and value is LOOP:
            return False
        if function.attr == "startswith" and len(test.args) == 1:
            word, begins = literal(test.args[0], known), _begins(function.value, known)
            if isinstance(word, str) and begins is not None:
                return begins.startswith(word)
    return None


def _is_of_type(value: object, types: ast.expr) -> bool | None:
    if value is NO_ANSWER or value is LOOP:
        return None
    every = types.elts if isinstance(types, ast.Tuple) else [types]
    names = [dotted(each) or "" for each in every]
    if any(name in _TYPES and isinstance(value, _TYPES[name]) for name in names):
        return True
    # Of other types, that of a text or of None is none.
    return False if value is None or isinstance(value, (str, bytes)) else None
