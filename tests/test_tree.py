"""A tree of which a part is parsed says what one of the whole file says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncfix.facts import Facts
from asyncfix.link import Project
from asyncfix.reader import Reader
from asyncfix.scan import scan
from asyncfix.tree import Tree

TEXT = """\
# -*- coding: latin-1 -*-
import time

LIMIT = wait(1)


def plain(a=first(), *, b: kind("x") = 2) -> given():
    return other(lambda: inner(a))


class Box(base()):
    size = measure()

    def method(self):
        @decorated(here())
        async def nested():
            await self.call('é')

        return [each() for each in self.all()]

    @wrapped(size)
    async def wrapped(self):
        await leave()

    if size:

        async def chosen(self):
            async with self.lock():
                await self.text('''one
two''' % part())
    else:

        async def chosen(self): await one(); await two()


try:
    from fast import run
except ImportError:
\tasync def run(x):
\t\treturn await x(1)
"""


def calls(module: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(module) if isinstance(node, ast.Call))


def place(node: ast.Call) -> tuple[tuple[int, int], tuple[int, int]]:
    end = node.end_lineno or 0, node.end_col_offset or 0
    return (node.lineno, node.col_offset), end


def tree_of(folder: Path) -> Tree:
    path = folder / "a.py"
    path.write_text(TEXT, "latin-1")
    scanned = scan(str(path), path.read_bytes())
    assert isinstance(scanned, tuple)
    facts = scanned[0]
    assert isinstance(facts, Facts)
    return Reader(Project([facts], str(folder))).tree(str(path))


def above(tree: Tree, node: ast.AST) -> list[str]:
    return [ast.dump(each, include_attributes=True) for each, _ in tree.ancestors(node)]


@pytest.mark.parametrize("number", range(21))
def test_a_call_alone_is_the_call_in_its_file(tmp_path: Path, number: int) -> None:
    tree = tree_of(tmp_path)
    whole = Tree(ast.parse(TEXT), TEXT.encode())
    (wanted,) = list(calls(whole.module))[number : number + 1]
    same = whole.find(ast.Call, *place(wanted))
    found = tree.find(ast.Call, *place(wanted))
    assert tree.text(found) == whole.text(same)
    assert above(tree, found) == above(whole, same)
    assert found in list(calls(tree.module))
    for node in calls(tree.module):
        assert tree.find(ast.Call, *place(node)) is node


def test_all_that_is_found_alone_stays(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    places = [place(node) for node in calls(ast.parse(TEXT))]
    assert len(places) == 21
    inside = [each for each in places if each[0][0] in (8, 15, 17, 19)]
    early = {each: tree.find(ast.Call, *each) for each in inside}
    assert len(early) == 7
    assert "module" not in vars(tree)
    dump = ast.dump(tree.module, include_attributes=True)
    assert dump == ast.dump(ast.parse(TEXT), include_attributes=True)
    every = list(calls(tree.module))
    assert all(node in every for node in early.values())
    with pytest.raises(LookupError):
        tree.find(ast.Call, (1, 0), (1, 5))


def test_a_coroutine_is_noted_unless_it_is_read_for_its_own_ways(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.py"
    path.write_text("async def keep(x: dict):\n    pass\n", "utf-8")
    scanned = scan(str(path), path.read_bytes())
    assert isinstance(scanned, tuple)
    project = Project([scanned[0]], str(tmp_path))
    trace = project.files.trace
    for asking, noted in ((str(path), []), ("", ["def keep"]), ("other", ["def keep"])):
        trace.pieces.clear()
        trace.asking, trace.here = asking, ""
        assert Reader(project).function(str(path), 1) is not None
        assert [name for name, _ in trace.pieces.get(str(path), ())] == noted
