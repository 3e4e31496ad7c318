"""Sources and syntax trees of files as they were scanned, a few of them at a time."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Sequence
from functools import partial

from asyncfix import pieces, workers
from asyncfix.facts import FUNCTION, Scope, Use
from asyncfix.link import Project
from asyncfix.model import Problem
from asyncfix.parsing import parse
from asyncfix.source import Lines, Source, decode
from asyncfix.tree import Function, Tree, dotted

# A tree takes about fifty times the bytes of its file: no more trees than of so many
# bytes, but of large files one at least.
_MOST_TREES = 24
_MOST_BYTES = 100_000
# In MB: what was scanned was within the limit of the run.
_LARGEST = 10_000


def read_source(project: Project, path: str) -> Source:
    """Read a file again; raises LookupError if it is not what it was."""
    data = workers.read(path, workers.Limits(megabytes=_LARGEST))
    if isinstance(data, Problem):
        raise LookupError(data.message)
    source = decode(path, data)
    if isinstance(source, Problem):
        raise LookupError(source.message)
    project.files.trace.read.add(path)
    if source.digest != project.files[path].digest:
        raise LookupError("has changed while it was looked at")
    return source


def _parsed(path: str, text: bytes) -> tuple[ast.Module, bytes]:
    """Parse a file; raises LookupError if that cannot be done any more."""
    parsed = parse(path, text)
    if isinstance(parsed, Problem):
        raise LookupError(parsed.message)
    return parsed[:2]


class _Parts:
    """What parses a file that the running Python can read as it stands."""

    def __init__(self, path: str, scopes: Sequence[Scope]) -> None:
        self._path = path
        self._scopes = scopes
        self._functions: dict[int, Function | None] = {}

    def whole(self, text: bytes) -> ast.Module:
        """Parse the file; raises LookupError if that cannot be done any more."""
        return _parsed(self._path, text)[0]

    def around(self, lines: Lines, line: int) -> Function | None:
        """Parse the outermost function round a line alone; None where it cannot be."""
        for number, known in enumerate(self._scopes):
            if known.line <= line <= known.end_line and known.kind == FUNCTION:
                # What comes first is the outermost. Its decorators stand above it.
                if known.decorators:
                    return None
                if number not in self._functions:
                    cut = _cut(self._path, lines, known)
                    found = _functions(cut[0]) if cut else {}
                    self._functions[number] = found.get((known.line, known.name))
                return self._functions[number]
        return None


def _cut(path: str, lines: Lines, known: Scope) -> tuple[ast.Module, bytes] | None:
    """Parse one function alone, and give the text that it has its positions in."""
    start, end = pieces.function_span(lines, known)
    indented = lines.text[start : start + 1] in (b" ", b"\t")
    if indented > known.line - 1:
        return None
    # The lines above are empty: a position in the slice is one in the file.
    above = b"\n" * (known.line - 1 - indented) + b"if 1:\n" * indented
    text = above + lines.text[start:end]
    parsed = parse(path, text)
    if isinstance(parsed, Problem) or parsed[2]:
        return None
    return parsed[:2]


def stub_of(path: str) -> str:
    """Give the name of a module's stub file beside it (PEP 484)."""
    return os.path.splitext(path)[0] + ".pyi"


class Reader:
    """The sources and trees asked for last are kept."""

    def __init__(
        self, project: Project, source: Callable[[str], Source] | None = None
    ) -> None:
        """Read files as they were scanned, or as `source` gives them."""
        self.project = project
        self._source = source or partial(read_source, project)
        self._trees: dict[str, Tree] = {}
        self._lines: dict[str, Lines] = {}
        self._constants: dict[tuple[str, int], ast.expr | None] = {}

    def rest(self) -> None:
        """Drop what was read; it is read again when it is asked for."""
        self._trees.clear()
        self._lines.clear()

    def lines(self, path: str) -> Lines:
        """Give a file's lines; raises LookupError if the file is not what it was."""
        self.project.files.trace.saw(path)
        return self._kept_lines(path)

    def _kept_lines(self, path: str) -> Lines:
        lines = self._lines.pop(path, None)
        if lines is None:
            lines = Lines(self._source(path).text)
            if len(self._lines) >= _MOST_TREES:
                del self._lines[next(iter(self._lines))]
        self._lines[path] = lines
        return lines

    def beside(self, name: str) -> str:
        """Give a text file in the project's root, nothing where there is none."""
        return self._text(os.path.join(self.project.root, name))

    def stub(self, path: str) -> str:
        """Give the stub file of a module beside it, nothing where there is none."""
        name = stub_of(path)
        self.project.files.trace.stubs.add(name)
        return self._text(name)

    def _text(self, name: str) -> str:
        data = workers.read(name, workers.Limits(megabytes=_LARGEST))
        if isinstance(data, Problem):
            return ""
        return data.decode("utf-8", "replace")

    def text(self, path: str, use: Use) -> bytes:
        """Give the source of a use; raises LookupError as `lines` does."""
        lines = self.lines(path)
        start = lines.offset(use.line, use.col)
        return lines.text[start : lines.offset(use.end_line, use.end_col)]

    def expression(self, path: str, use: Use) -> ast.expr | None:
        """Give the syntax of a use alone, a glance for a small part of a tree's price.

        Its positions are its own: line 1 begins at column 1. None where its text
        says nothing by itself; raises LookupError as `lines` does.
        """
        try:
            return ast.parse(b"(" + self.text(path, use) + b"\n)", mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def script_starts(self, path: str) -> int:
        """Give the line of `if __name__ == "__main__":`, else one behind the last."""
        lines = self.lines(path)
        at = lines.text.find(b"\nif __name__ ")
        return len(lines.starts) + 1 if at < 0 else lines.line_of(at + 1)

    def constant(self, path: str, line: int, name: str) -> ast.expr | None:
        """Give what stands behind `NAME =` on a line; None if that is not alone.

        The name may be `self.x`, in a method.
        """
        key = path, line
        if key not in self._constants:
            self._constants[key] = self._constant(path, line, name)
        return self._constants[key]

    def _constant(self, path: str, line: int, name: str) -> ast.expr | None:
        text, statement = pieces.constant(self._kept_lines(path), line)
        trace = self.project.files.trace
        scopes = self.project.files[path].scopes
        trace.saw_piece(path, pieces.constant_name(scopes, line, name), text)
        target: object = getattr(statement, "target", None)
        if isinstance(statement, ast.Assign):
            (target,) = statement.targets[:1]
        elif not isinstance(statement, ast.AnnAssign):
            return None
        same = isinstance(target, ast.expr) and dotted(target) == name
        return statement.value if same else None

    def function(self, path: str, scope: int) -> tuple[Tree, Function] | None:
        """Give one function, in a tree of its own with the positions of the file.

        Parsing it alone costs a fraction of its file. None where the tree
        does not hold it; raises LookupError if the file is not what it was.
        """
        scopes = self.project.files[path].scopes
        known = scopes[scope]
        lines = self._kept_lines(path)
        trace = self.project.files.trace
        if path != trace.asking or not known.is_async:
            start, end = pieces.function_span(lines, known)
            name = pieces.function_name(scopes, scope)
            trace.saw_piece(path, name, lines.text[start:end])
        cut = _cut(path, lines, known)
        tree = Tree(*cut) if cut else self.tree(path)
        found = tree.once(("functions",), partial(_functions, tree.module))
        node = found.get((known.line, known.name))
        return None if node is None else (tree, node)

    def tree(self, path: str) -> Tree:
        """Give a file's tree; raises LookupError if the file is not what it was."""
        self.project.files.trace.saw(path)
        return self.parsed(path)

    def parsed(self, path: str) -> Tree:
        """Give what `tree` does; who asks notes whom it is for."""
        tree = self._trees.pop(path, None)
        if tree is None:
            tree = self._tree(path)
            size = sum(len(each.lines.text) for each in self._trees.values())
            size += len(tree.lines.text)
            while self._trees and (
                len(self._trees) >= _MOST_TREES or size > _MOST_BYTES
            ):
                size -= len(self._trees.pop(next(iter(self._trees))).lines.text)
        self._trees[path] = tree
        return tree

    def _tree(self, path: str) -> Tree:
        text = self._source(path).text
        facts = self.project.files[path]
        if facts.head.unseen or facts.head.old_names:
            return Tree(*_parsed(path, text))  # there its text is another one
        return Tree(_Parts(path, facts.scopes), text)


def _functions(module: ast.Module) -> dict[tuple[int, str], Function]:
    """Give the functions of a module by line and name; expressions hold none."""
    found: dict[tuple[int, str], Function] = {}
    todo: list[ast.AST] = [module]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found[node.lineno, node.name] = node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                todo += inner
    return found
