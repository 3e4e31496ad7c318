"""Codemods that are broken in any way that chance finds: nothing wrong gets through.

A program is a coroutine of calls that note that they were made, under conditions,
with a site among them. A codemod is given that makes the right fix and spoils it
somewhere. What the engine lets through is run: it must note what the program noted
before, but for the call that is mended.
"""

from __future__ import annotations

import ast
import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import libcst as cst
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from asyncfix import engine
from asyncfix.codemod import Codemod, Names, Part, Plan
from asyncfix.context import Context
from asyncfix.model import Result, Settings

HEAD = "from time import sleep as wait\n\nNOW = wait\n\n\n"
OF_BLOCKS = ("lost", "twice", "swapped", "out of its block")
KINDS = (*OF_BLOCKS, "other", "grown", "none")


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Give a coroutine of calls, blocks and one site."""
    number = 0

    def call() -> str:
        nonlocal number
        number += 1
        return f"note({number})"

    def block(depth: int) -> list[str]:
        lines = []
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.integers(0, 5 if depth < 2 else 1))
            if kind == 0:
                lines.append(f"x = {call()}")
            elif kind == 1:
                lines.append(f"{call()} or {call()}")
            else:
                heads = (f"if {call()}:", "for x in (1, 2):", "try:", "with scope:")
                lines.append(heads[kind - 2])
                lines += [f"    {line}" for line in block(depth + 1)]
                if kind == 4:
                    lines += ["finally:", f"    {call()}"]
        return lines

    site = [f"wait({call()}, key={call()})"]
    body = [*block(0), "with scope:", *(f"    {each}" for each in site + block(1))]
    body += block(0)
    return "async def f():\n" + "".join(f"    {line}\n" for line in body)


class Spoiling(cst.CSTTransformer):
    """Spoils the n-th place where it can."""

    def __init__(self, kind: str, at: int) -> None:
        super().__init__()
        self.kind = kind
        self.at = at
        self.seen = 0
        self.done = False

    def _here(self) -> bool:
        self.seen += 1
        self.done |= self.seen == self.at
        return self.seen == self.at

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> Any:
        if self.kind == "other" and self._here():
            return updated_node.with_changes(args=[cst.Arg(cst.Integer("0"))])
        if self.kind == "grown" and self._here():
            return cst.parse_expression(
                f"note({cst.Module([]).code_for_node(updated_node)})"
            )
        return updated_node

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> Any:
        body = list(updated_node.body)
        if self.kind == "lost" and len(body) > 1 and self._here():
            return updated_node.with_changes(body=body[1:])
        if self.kind == "twice" and self._here():
            return updated_node.with_changes(body=[*body, body[-1]])
        if self.kind == "swapped" and len(body) > 1 and self._here():
            return updated_node.with_changes(body=[body[1], body[0], *body[2:]])
        return updated_node

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> Any:
        return self._out(updated_node, updated_node.test)

    def leave_For(self, original_node: cst.For, updated_node: cst.For) -> Any:
        return self._out(updated_node, updated_node.iter)

    def _out(self, node: cst.If | cst.For, before: cst.BaseExpression) -> Any:
        if self.kind == "out of its block" and self._here():
            body = cst.ensure_type(node.body, cst.IndentedBlock).body
            return cst.FlattenSentinel(
                [cst.SimpleStatementLine([cst.Expr(before)]), *body]
            )
        return node


class Mending(cst.CSTTransformer):
    """The right fix: the call is awaited."""

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> Any:
        if (
            isinstance(updated_node.func, cst.Name)
            and updated_node.func.value == "wait"
        ):
            return cst.Await(updated_node.with_changes(func=cst.Name("wait_async")))
        return updated_node


class Broken(Codemod):
    """Takes every `time.sleep` for a site; moves the block that holds it."""

    name = "broken"
    calls = ("time.sleep",)

    def __init__(self, kind: str, at: int, whole: bool) -> None:
        self.kind, self.at, self.whole = kind, at, whole
        self.spoilt = False

    def judge(self, context: Context) -> Plan | None:
        node: ast.AST = context.tree.statement(context.call)
        if self.whole:
            node = context.tree.parent(node)

        def make(slice_: Any, names: Names) -> Sequence[cst.CSTNode]:
            made: list[cst.CSTNode] = []
            spoiling = Spoiling(self.kind, self.at)
            for node in slice_.nodes:
                mended = node.visit(Mending())
                spoilt = cst.Module([mended]).visit(spoiling)
                made += spoilt.body
            self.spoilt |= spoiling.done
            return made

        return Plan("found", by_hand="nothing", parts=(Part((node,), make),))

    def rewrite(self, node: cst.Call, names: Names) -> cst.BaseExpression:
        raise AssertionError


def noted(program: str) -> list[str]:
    """Run a program; give what it noted, in its order."""
    log: list[str] = []

    def note(what: object) -> object:
        log.append(f"note {what}")
        return what

    def wait(what: object, key: object = None) -> None:
        log.append(f"wait {what} {key}")

    async def wait_async(what: object, key: object = None) -> None:
        wait(what, key)

    class Scope:
        def __enter__(self) -> None:
            log.append("in")

        def __exit__(self, *error: object) -> None:
            log.append("out")

    names: dict[str, Any] = {
        "note": note, "wait": wait, "wait_async": wait_async, "scope": Scope(),
    }  # fmt: skip
    exec(compile(program.removeprefix(HEAD), "program", "exec"), names)
    asyncio.run(names["f"]())
    return log


def ran(folder: Path, codemod: Codemod, text: str) -> Result:
    (folder / "x.py").write_text(text)
    return engine.run(Settings(paths=(folder,), root=folder), (codemod,))


BOUNDED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=400,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.any_python
def test_nothing_wrong_gets_through(tmp_path: Path) -> None:
    """Each way to spoil a fix is tried and refused, and the right fix is followed."""
    seen: Counter[str] = Counter()

    @settings(BOUNDED)
    @given(
        program=programs(),
        kind=st.sampled_from(KINDS),
        at=st.integers(1, 3),
        whole=st.booleans(),
    )
    def check(program: str, kind: str, at: int, whole: bool) -> None:
        codemod = Broken(kind, at, whole or kind in OF_BLOCKS)
        result = ran(tmp_path, codemod, HEAD + program)
        assert (tmp_path / "x.py").read_text() == HEAD + program
        if result.changes:
            seen[f"{kind}: {'let through' if codemod.spoilt else 'right'}"] += 1
            (change,) = result.changes
            assert noted(change.new.decode()) == noted(HEAD + program)
        else:
            assert codemod.spoilt and result.problems
            seen[f"{kind}: refused"] += 1

    check()
    for kind in KINDS[:-1]:
        assert seen[f"{kind}: refused"] > 5, seen
    assert seen["none: right"] > 20
    assert seen["none: refused"] == 0
