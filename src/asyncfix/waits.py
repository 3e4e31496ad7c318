"""Does a call that may wait do so? What its arguments, and what stands round it, say."""

from __future__ import annotations

import ast
import re

from asyncfix.catalog import Entry
from asyncfix.conditions import Function, literal, taken
from asyncfix.nodes import MAY_WAIT, NOT_WAITING
from asyncfix.stands import State
from asyncfix.surely import surely_before
from asyncfix.tree import Tree, dotted, text_of, walk_function

_NOT_WAITING = (
    "LOCK_NB", "LOCK_UN", "WNOHANG", "MSG_DONTWAIT", "O_NONBLOCK", "DONTWAIT", "NOBLOCK"
)  # fmt: skip
# Methods that wait as long as they are told: psutil's, which compare with the last call.
_INTERVALS = ("cpu_percent", "cpu_times_percent")
# What is in the address itself is fetched from nowhere: `data:text/plain,hello`.
_OPENS_ADDRESSES = ("urlopen",)
_ARCHIVES = ("ZipFile", "is_zipfile", "TarFile", "is_tarfile", "open")
_LOOKS_INTO = (
    "close", "open", "extractfile", "getmember", "getmembers", "getnames", "next"
)  # fmt: skip
_ENDS = ("set_exception", "set_result")
_ADDRESS = re.compile(r"^(?:[0-9.]+|[0-9a-fA-F:]*:[0-9a-fA-F:]*)$")


Around = tuple[Tree, Function, ast.Call]


def for_nothing(entry: Entry, around: Around, state: State, depth: int) -> bool:
    """Tell a call of what blocks that surely waits for nothing.

    `around` is the call with its function, `depth` is 0 in the coroutine itself.
    """
    tree, function, call = around
    if says_not_to_wait(call, state):
        return True
    if entry.kind == "thread":
        return is_done(tree, function, call)
    if entry.kind == "http":
        return _reads_what_is_at_hand(function, call, state)
    if entry.kind == "mq":
        return _is_polled(tree, function, call)
    if entry.kind == "subprocess":
        return _has_ended(tree, function, call)
    if entry.kind == "socket":
        return for_nobody(tree, function, call)
    if entry.kind == "lock":
        return _is_impatient(function, call, state)
    return entry.kind == "archive" and _is_in_memory(entry, around, state, depth)


def says_not_to_wait(call: ast.Call, state: State) -> bool:
    """Tell a call with a flag such as `fcntl.LOCK_NB`, or with `blocking=False`.

    Or one that is given a text, and has no file to read, nor an address to ask.

    The arguments may be names of such values, or parameters that are given them.
    """
    method = _last(call.func)
    if method in MAY_WAIT:
        said = [each.value for each in call.keywords if each.arg in NOT_WAITING]
        if method == "acquire":
            said += call.args[:1]
        if any(literal(state.say(each), state.known) is False for each in said):
            return True
    if method in _INTERVALS:
        said = [
            *call.args[:1],
            *(e.value for e in call.keywords if e.arg == "interval"),
        ]
        return all(literal(state.say(each), state.known) in (None, 0) for each in said)
    if _is_at_hand(call, state):
        return True
    if method == "load_verify_locations" and not call.args:
        said = [each.value for each in call.keywords if each.arg != "cadata"]
        return all(literal(state.say(each), state.known) is None for each in said)
    todo = [*call.args, *(each.value for each in call.keywords)]
    while todo:
        node = taken(state.say(todo.pop()), state.known)
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.Add)):
            todo += [node.left, node.right]
        elif _last(node) in _NOT_WAITING:
            return True
    return False


def _is_at_hand(call: ast.AST, state: State) -> bool:
    """Tell an address that is opened and has its answer in it.

    https://docs.python.org/3/library/urllib.request.html#urllib.request.DataHandler
    """
    if not isinstance(call, ast.Call) or _last(call.func) not in _OPENS_ADDRESSES:
        return False
    if not call.args:
        return False
    asked = ast.Attribute(call.args[0], "startswith", ast.Load())
    return state.truth(ast.Call(asked, [ast.Constant("data:")], [])) is True


def _reads_what_is_at_hand(function: Function, call: ast.Call, state: State) -> bool:
    """Tell a method of what `urlopen("data:...")` gave."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    made = [owner] if isinstance(owner, ast.Call) else _made(function, owner)
    return bool(made) and all(_is_at_hand(each, state) for each in made)


def _is_polled(tree: Tree, function: Function, call: ast.Call) -> bool:
    """Tell `recv()` where `poll()` said that there is something to receive."""
    if not _last(call.func).startswith("recv"):
        return False
    for above, below in tree.ancestors(call):
        if above is function:
            return False
        if isinstance(above, ast.If) and any(each is below for each in above.body):
            if _asks_to_poll(_set_before(tree, above) or above.test):
                return True
    return False


def _set_before(tree: Tree, statement: ast.If) -> ast.expr | None:
    """Give what the statement before sets the condition of another one to."""
    around = tree.parent(statement)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(around, name, None)
        if not isinstance(block, list) or statement not in block:
            continue
        place = block.index(statement)
        for target, value in _given(block[place - 1]) if place else ():
            if dotted(target) and dotted(target) == dotted(statement.test):
                return value
    return None


def _asks_to_poll(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and dotted(node.func) == "bool" and node.args:
        node = node.args[0]
    return isinstance(node, ast.Call) and _last(node.func) == "poll"


def _has_ended(tree: Tree, function: Function, call: ast.Call) -> bool:
    """Tell `process.wait()` below `while process.poll() is None:`."""
    if _last(call.func) != "wait":
        return False
    for above, below in tree.ancestors(call):
        for block in (getattr(above, "body", None), getattr(above, "orelse", None)):
            if isinstance(block, list) and any(each is below for each in block):
                for statement in block:
                    if statement is below:
                        break
                    if _runs_until_it_ends(statement, call):
                        return True
        if above is function:
            break
    return False


def _runs_until_it_ends(statement: ast.stmt, call: ast.Call) -> bool:
    test = statement.test if isinstance(statement, ast.While) else None
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Is):
        return False
    asked = test.left.value if isinstance(test.left, ast.Await) else test.left
    if not isinstance(asked, ast.Call) or _last(asked.func) != "poll":
        return False
    if any(isinstance(each, ast.Break) for each in ast.walk(statement)):
        return False
    mine, theirs = (dotted(each.func) or "" for each in (call, asked))
    return bool(mine) and mine.partition(".")[0] == theirs.partition(".")[0]


def _is_impatient(function: Function, call: ast.Call, state: State) -> bool:
    """Tell a lock that was made with `timeout=0`: it is taken at once, or not at all.

    https://py-filelock.readthedocs.io/en/latest/api.html#filelock.BaseFileLock
    """
    made: list[ast.expr] = [call]
    if _last(call.func) == "acquire":
        if call.args or call.keywords:
            return False
        made = _made(function, getattr(call.func, "value", None))
    return bool(made) and all(_never_waits(each, state) for each in made)


def _never_waits(made: ast.expr, state: State) -> bool:
    if not isinstance(made, ast.Call):
        return False
    said = {
        each.arg: literal(state.say(each.value), state.known) for each in made.keywords
    }
    timeout = said.get("timeout")
    return said.get("blocking") is False or (timeout == 0 and timeout is not False)


def _is_in_memory(entry: Entry, around: Around, state: State, depth: int) -> bool:
    """Tell what is asked of an archive in a buffer, and packs or unpacks nothing.

    Opened in the coroutine it stands for its whole block, which does.
    """
    _, function, call = around
    owner, _, method = entry.name.rpartition(".")
    if owner in ("zipfile", "tarfile"):
        return depth > 0 and _is_of_buffer(call, state)
    if method not in _LOOKS_INTO:
        return False
    made = _made(function, getattr(call.func, "value", None))
    return bool(made) and all(_is_of_buffer(each, state) for each in made)


def _is_of_buffer(made: ast.expr, state: State) -> bool:
    """Tell `ZipFile(io.BytesIO(data))` and `tarfile.open(fileobj=buffer)`."""
    if not isinstance(made, ast.Call) or _last(made.func) not in _ARCHIVES:
        return False
    given = [each.value for each in made.keywords if each.arg in ("file", "fileobj")]
    if not given and not (_last(made.func) == "open" and made.args):
        given = made.args[:1]
    for each in given:
        said = state.say(each)
        said = state.calls.get(text_of(said), said)
        if isinstance(said, ast.Call) and _last(said.func) == "BytesIO":
            return True
    return False


def is_done(tree: Tree, function: Function, call: ast.Call) -> bool:
    """Tell what is asked of a future that was given its result just before."""
    if _last(call.func) not in ("exception", "result"):
        return False
    given = (
        each.func
        for each in surely_before(tree, function, call)
        if isinstance(each.func, ast.Attribute) and each.func.attr in _ENDS
    )
    asked = getattr(call.func, "value", call)
    return any(text_of(each.value) == text_of(asked) for each in given)


def for_nobody(tree: Tree, function: Function, call: ast.Call) -> bool:
    """Tell a call of a socket that waits for nobody."""
    return _is_told_to_come_again(tree, call) or _only_notes(function, call)


def _is_told_to_come_again(tree: Tree, call: ast.Call) -> bool:
    """Tell a call of a socket that does not block: BlockingIOError is caught.

    https://docs.python.org/3/library/exceptions.html#BlockingIOError
    """
    for above, below in tree.ancestors(call):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return False
        if isinstance(above, ast.Try) and below in above.body:
            for handler in above.handlers:
                kinds = getattr(handler.type, "elts", [handler.type])
                if any(each and _last(each) == "BlockingIOError" for each in kinds):
                    return True
    return False


def _only_notes(function: Function, call: ast.Call) -> bool:
    """Tell `connect` of a UDP socket to an address: nothing is sent, or looked up.

    https://man7.org/linux/man-pages/man2/connect.2.html
    """
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    given = call.args[0] if len(call.args) == 1 else None
    if _last(call.func) not in ("connect", "connect_ex") or not (
        isinstance(owner, ast.Name) and isinstance(given, ast.Tuple) and given.elts
    ):
        return False
    host = given.elts[0]
    if not isinstance(host, ast.Constant) or not isinstance(host.value, str):
        return False
    made = _made(function, owner)
    return bool(_ADDRESS.match(host.value) and made) and all(
        any(_last(part) == "SOCK_DGRAM" for part in ast.walk(value)) for value in made
    )


def _made(function: Function, owner: ast.AST | None) -> list[ast.expr]:
    """Give what a function assigns to a name."""
    return [
        value
        for node in walk_function(function)
        for target, value in _given(node)
        if isinstance(owner, ast.Name)
        and isinstance(target, ast.Name)
        and target.id == owner.id
    ]


def _given(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, ast.withitem) and node.optional_vars is not None:
        return [(node.optional_vars, node.context_expr)]
    return []


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
