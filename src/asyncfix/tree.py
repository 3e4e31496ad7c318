"""The `ast` of one file, with the ways up and the bytes of every node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Protocol, TypeVar

from asyncfix.keywords import as_written
from asyncfix.nodes import FIELDS, children
from asyncfix.source import Lines

NodeT = TypeVar("NodeT", bound=ast.AST)
Known = TypeVar("Known")
Function = ast.FunctionDef | ast.AsyncFunctionDef
_PLACED = ast.expr, ast.stmt, ast.excepthandler, ast.pattern, ast.keyword
_Place = tuple[tuple[int, int], tuple[int, int]]


class Parts(Protocol):
    """What parses a file, or a part of it."""

    def whole(self, text: bytes) -> ast.Module:
        """Parse the file."""

    def around(self, lines: Lines, line: int) -> Function | None:
        """Parse the outermost function round a line alone; None where it cannot be.

        A function that was given before is given again.
        """


class Tree:
    """A parsed file. `lines.text` is the text the positions speak of.

    With `parts` in place of a module, only the functions are parsed that hold what is
    looked for, until somebody asks for more. They stay the same nodes then.
    """

    def __init__(self, module: ast.Module | Parts, text: bytes) -> None:
        self._given = module
        self._alone: dict[tuple[int, str], Function] = {}
        self.lines = Lines(text)
        self._parents: dict[ast.AST, ast.AST] = {}
        self._places: dict[_Place, list[ast.AST]] = {}
        self._mapped: set[ast.AST] = set()
        self._known: dict[tuple[object, ...], Any] = {}

    def find(
        self, kind: type[NodeT], start: tuple[int, int], end: tuple[int, int]
    ) -> NodeT:
        """Give the node of a kind at a place (line, byte column).

        Raises LookupError where there is none: facts and tree disagree.
        """
        for known in (self._parse_around, self._map_around):
            known(start[0])
            for node in self._places.get((start, end), ()):
                if isinstance(node, kind):
                    return node
        raise LookupError(f"no {kind.__name__} at {start}")

    @cached_property
    def module(self) -> ast.Module:
        """Give the whole of it."""
        if isinstance(self._given, ast.Module):
            return self._given
        module = self._given.whole(self.lines.text)
        todo: list[Any] = [module] if self._alone else []
        for node in todo:  # grows
            for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                inner = getattr(node, name, None)
                if isinstance(inner, list):
                    inner[:] = [self._same(each) for each in inner]
                    todo += inner
        return module

    def _same(self, node: ast.AST) -> ast.AST:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return self._alone.get((node.lineno, node.name), node)
        return node

    def _parse_around(self, line: int) -> bool:
        """Parse the function round a line, unless all is parsed already."""
        if "module" not in vars(self) and not isinstance(self._given, ast.Module):
            function = self._given.around(self.lines, line)
            if function is not None:
                self._alone[function.lineno, function.name] = function
                self._map(function)
                return True
        return False

    def _map_around(self, line: int) -> None:
        """Map the statements of the module that hold a line."""
        for statement in self.module.body:
            first = getattr(statement, "decorator_list", None) or [statement]
            last = statement.end_lineno or statement.lineno
            if first[0].lineno <= line <= last:
                self._parents[statement] = self.module
                self._map(statement)

    def lead_to(self, line: int) -> None:
        """Let `parent` and `ancestors` know the nodes of the statement on a line."""
        if not self._parse_around(line):
            self._map_around(line)

    def _map(self, statement: ast.AST) -> None:
        if statement in self._mapped:
            return
        self._mapped.add(statement)
        parents, places = self._parents, self._places
        todo: list[Any] = [statement]
        for node in todo:  # grows
            if isinstance(node, (ast.expr, ast.stmt)):
                places.setdefault(_place(node), []).append(node)
            for name in FIELDS.get(type(node), ()):
                child = getattr(node, name, None)
                if type(child) is list:
                    for each in child:
                        if isinstance(each, ast.AST):
                            parents[each] = node
                            todo.append(each)
                elif isinstance(child, ast.AST):
                    parents[child] = node
                    todo.append(child)

    def once(self, key: tuple[object, ...], work: Callable[[], Known]) -> Known:
        """Give what `work` gives, worked out the first time for this tree."""
        if key not in self._known:
            self._known[key] = work()
        found: Known = self._known[key]
        return found

    def parent(self, node: ast.AST) -> ast.AST:
        """Give the node round a node that `find` has led to."""
        above = self._parents.get(node)
        if above is None and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._map_around(node.lineno)
        return self._parents[node]

    def ancestors(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Go up from a node: pairs of (parent, the child one came from)."""
        while not isinstance(node, ast.Module):
            above = self.parent(node)
            yield above, node
            node = above

    def statement(self, node: ast.AST) -> ast.stmt:
        """Give the innermost statement that holds a node."""
        while not isinstance(node, ast.stmt):
            node = self.parent(node)
        return node

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """Give the list of statements that a statement stands in."""
        above = self.parent(statement)
        for _, value in ast.iter_fields(above):
            if isinstance(value, list) and any(item is statement for item in value):
                return value
        return [statement]

    def after(self, statement: ast.stmt) -> list[ast.stmt]:
        """Give the statements that follow in the same block."""
        block = self.block(statement)
        position = next(i for i, item in enumerate(block) if item is statement)
        return block[position + 1 :]

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Give the byte offsets of a node, its own parentheses left out."""
        (line, col), (end_line, end_col) = _place(node)
        return self.lines.offset(line, col), self.lines.offset(end_line, end_col)

    def text(self, node: ast.AST) -> str:
        """Give a node's source on one line, shortened for a message."""
        start, end = self.span(node)
        code = as_written(self.lines.text[start:end])
        words = " ".join(code.decode("utf-8", "replace").split())
        return words if len(words) <= 60 else words[:57] + "..."


def _place(node: ast.AST) -> _Place:
    if not isinstance(node, _PLACED):
        return (0, 0), (0, 0)
    end_line, end_col = node.end_lineno or node.lineno, node.end_col_offset or 0
    return (node.lineno, node.col_offset), (end_line, end_col)


def text_of(node: ast.AST) -> str:
    """Give what tells a node from any that says something else; worked out once.

    The text of a part stands in the text of the whole.
    """
    known = node.__dict__.get("asyncfix")
    if known is not None:
        return known  # type: ignore[no-any-return]  # nobody else writes it
    if isinstance(node, ast.Name):
        said = f"\x02{node.id}\x03"
    elif isinstance(node, ast.Constant):
        said = f"({type(node.value).__name__} {node.value!r})"
    else:
        parts = [_part(getattr(node, each, None)) for each in node._fields]
        said = f"({type(node).__name__} {' '.join(parts)})"
    node.__dict__["asyncfix"] = said
    return said


def _part(value: object) -> str:
    if isinstance(value, (ast.expr_context, ast.operator, ast.cmpop)):
        return type(value).__name__ if not isinstance(value, ast.expr_context) else ""
    if isinstance(value, ast.AST):
        return text_of(value)
    if isinstance(value, list):
        return f"[{' '.join(map(_part, value))}]"
    return repr(value)


def dotted(node: ast.AST | None) -> str | None:
    """Give `a.b.c` for a chain of names and attributes, else None."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def walk_function(function: ast.AST, *, own: bool = True) -> Iterator[ast.AST]:
    """Walk what a function itself runs: nested functions are left out.

    Their decorators, defaults and class bodies are run by it and are walked.
    """
    todo: list[ast.AST] = list(getattr(function, "body", [])) if own else [function]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            todo.extend(node.decorator_list)
            todo.extend(node.args.defaults)
            todo.extend(each for each in node.args.kw_defaults if each)
        elif isinstance(node, ast.Lambda):
            todo.extend(node.args.defaults)
            todo.extend(each for each in node.args.kw_defaults if each)
        else:
            todo += children(node)
