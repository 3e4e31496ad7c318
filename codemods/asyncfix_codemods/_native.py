"""Blocking calls that asyncio has itself, where the result is the same to the reader."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from asyncfix import GUARDS, Context, Doubt, Names, Slice
from asyncfix_codemods import _sleeps
from asyncfix_codemods._ahead import Make

if TYPE_CHECKING:
    import libcst as cst

# Methods of the event loop with the arguments and the result of the function.
# https://docs.python.org/3/library/asyncio-eventloop.html#dns
_OF_THE_LOOP = {
    # function: (method, names of the positional arguments that the method takes
    # by keyword only)
    "socket.getaddrinfo": ("getaddrinfo", ("host", "port", "family", "type", "proto", "flags")),
    "socket.getnameinfo": ("getnameinfo", ("sockaddr", "flags")),
}  # fmt: skip
_PLAIN = {"socket.getaddrinfo": 2, "socket.getnameinfo": 2}
# What `create_subprocess_exec` takes as Popen does; a child that is not told
# otherwise has the parent's streams, as with Popen.
# https://docs.python.org/3/library/asyncio-subprocess.html
_POPEN = frozenset(
    ("stdin", "stdout", "stderr", "cwd", "env", "start_new_session", "close_fds")
)


_PROCESSES = frozenset(("subprocess.call", "subprocess.run"))
_NAMES = frozenset((*_OF_THE_LOOP, *_PROCESSES, "time.sleep"))


# The call goes away: the name must be the library's own, and nobody's to patch.
_GUARDS = ("N1", "N2", "E1", "E2")


class Native(NamedTuple):
    """A way to write a call with asyncio's own means.

    `node` is what it takes the place of: the call, or the call with what is read
    of its result.
    """

    node: ast.expr
    by_hand: str
    needs: tuple[str, ...]
    make: Make


def is_one(name: str) -> bool:
    """Tell by its name alone whether a call may have a form of asyncio's own."""
    return name in _NAMES


def refusals(context: Context) -> Iterator[Doubt]:
    """Give what keeps a `time.sleep` from becoming asyncio's; at least one."""
    for guard in _GUARDS:
        doubt = GUARDS[guard](context)
        if doubt is not None:
            yield doubt
    yield from _sleeps.arguments(context)


def found(context: Context) -> Native | None:
    """Give asyncio's own form of the site's call, None where there is none."""
    name = context.site.wanted
    if not is_one(name):
        return None
    if any(GUARDS[guard](context) is not None for guard in _GUARDS):
        return None
    if name == "time.sleep":
        return _sleep(context)
    if context.framework != "asyncio":
        return None
    if name in _OF_THE_LOOP:
        return _of_the_loop(context, name)
    return _process(context)


def _sleep(context: Context) -> Native | None:
    """`time.sleep(x)`: asyncio's gives None, too, and wakes no earlier."""
    if _sleeps.arguments(context):
        return None
    call = context.call

    def make(slice_: Slice, names: Names) -> cst.BaseExpression:
        import libcst as cst

        twin = cst.ensure_type(slice_.find(call), cst.Call)
        sleep = cst.Attribute(_name(names["asyncio"]), cst.Name("sleep"))
        return cst.Await(twin.with_changes(func=sleep))

    return Native(call, "await asyncio.sleep(...)", ("asyncio",), make)


def _of_the_loop(context: Context, name: str) -> Native | None:
    method, order = _OF_THE_LOOP[name]
    call = context.call
    if any(isinstance(each, ast.Starred) for each in call.args):
        return None
    if len(call.args) > len(order) or any(
        keyword.arg not in order for keyword in call.keywords
    ):
        return None
    most = _PLAIN[name]

    def make(slice_: Slice, names: Names) -> cst.BaseExpression:
        import libcst as cst

        twin = cst.ensure_type(slice_.find(call), cst.Call)
        arguments = [
            (
                each
                if position < most
                else each.with_changes(
                    keyword=cst.Name(order[position]),
                    equal=cst.AssignEqual(
                        cst.SimpleWhitespace(""), cst.SimpleWhitespace("")
                    ),
                )
            )
            for position, each in enumerate(twin.args)
            if not each.keyword
        ] + [each for each in twin.args if each.keyword]
        loop = cst.Call(
            cst.Attribute(_name(names["asyncio"]), cst.Name("get_running_loop"))
        )
        new = twin.with_changes(
            func=cst.Attribute(loop, cst.Name(method)), args=arguments, lpar=[], rpar=[]
        )
        return cst.Await(new)

    by_hand = f"await asyncio.get_running_loop().{method}(...)"
    return Native(call, by_hand, ("asyncio",), make)


def _process(context: Context) -> Native | None:
    """`subprocess.call(["a", "b"])`: the exit status of a program, nothing else.

    Of `subprocess.run`, too, only the exit status may be read.
    """
    call = context.call
    node: ast.expr = call
    if context.site.wanted == "subprocess.run":
        above = context.tree.parent(call)
        if isinstance(above, ast.Attribute) and above.attr == "returncode":
            node = above
        elif not isinstance(above, ast.Expr):
            return None
    if len(call.args) != 1 or not isinstance(call.args[0], (ast.List, ast.Tuple)):
        return None
    words = call.args[0].elts
    # Paths and the like are not taken by every event loop.
    if not words or not all(_is_text(each) for each in words):
        return None
    if any(keyword.arg not in _POPEN for keyword in call.keywords):
        return None
    if _is_piped(call):
        return None

    def make(slice_: Slice, names: Names) -> cst.BaseExpression:
        import libcst as cst

        twin = cst.ensure_type(slice_.find(call), cst.Call)
        argv = slice_.find(call.args[0])
        assert isinstance(argv, (cst.List, cst.Tuple))
        given: list[cst.Arg] = [
            cst.Arg(
                each.value,
                comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")),
            )
            for each in argv.elements
        ]
        rest = list(twin.args[1:])
        if not rest:
            given[-1] = given[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        start = cst.Call(
            cst.Attribute(_name(names["asyncio"]), cst.Name("create_subprocess_exec")),
            [*given, *rest],
        )
        process = cst.Await(start, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return cst.Await(cst.Call(cst.Attribute(process, cst.Name("wait"))))

    return Native(
        node,
        "await (await asyncio.create_subprocess_exec(*argv)).wait()",
        ("asyncio",),
        make,
    )


def _is_piped(call: ast.Call) -> bool:
    """Tell whether a stream may be a pipe, which `run` empties and `call` does not.

    Nobody would read it: a child that writes much would wait for ever.
    """
    return any(
        keyword.arg in ("stdout", "stderr", "stdin")
        and not ast.unparse(keyword.value).endswith(("DEVNULL", "STDOUT", "None"))
        for keyword in call.keywords
    )


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return isinstance(node, ast.JoinedStr) or ast.unparse(node) == "sys.executable"


def _name(local: str) -> cst.BaseExpression:
    import libcst as cst

    return cst.parse_expression(local)
