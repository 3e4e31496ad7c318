"""A slice: the code of one expression or a run of statements, as LibCST nodes.

Only the slice is parsed, so that no byte outside of it can change. It must come
back from LibCST byte for byte, else the site cannot be rewritten.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncfix.tree import Tree

if TYPE_CHECKING:
    import libcst as cst

_DEEPEST = 200
# What an expression must not gain: it would change the function around it.
_STEALTHY = (ast.Yield, ast.YieldFrom, ast.NamedExpr)


class SliceError(Exception):
    """Code that LibCST cannot parse, cannot give back, or that must not be parsed."""


class Slice:
    """Some nodes of a file, with their LibCST twins in `nodes`.

    `span` is what they take up in the file's text: an expression without the
    parentheses around it, statements as whole lines.
    """

    def __init__(self, tree: Tree, old: Sequence[ast.AST]) -> None:
        """Parse the code of `old`.

        Raises SliceError where LibCST is not up to it, or where a statement
        shares its lines with another one.
        """
        import libcst as cst

        self.tree = tree
        self.old = tuple(old)
        first, last = self.old[0], self.old[-1]
        if any(_depth(node) > _DEEPEST for node in self.old):
            raise SliceError("the code is nested too deeply for LibCST")
        self.is_expression = isinstance(first, ast.expr)
        self.span = tree.span(first) if self.is_expression else self._lines()
        text = tree.lines.text[slice(*self.span)]
        source = text.decode("utf-8")
        newline = next((each for each in ("\r\n", "\n", "\r") if each in source), None)
        if newline is None:
            newline = tree.lines.newline(getattr(last, "lineno", 1)).decode()
        self.indent = _indent(tree)
        """One step of indentation in the file: of a new block, say so to LibCST,
        which takes the first indentation of the slice for one step."""
        config = cst.PartialParserConfig(
            default_newline=newline, default_indent=self.indent
        )
        self.newline = newline
        # In parentheses, so that line breaks inside stay what they are; a block
        # in a coroutine, so that it may hold `await`.
        self._head = "("
        code = f"({source})"
        if not self.is_expression:
            self._head = f"async def _():{newline}" if source[:1] in " \t" else ""
            code = self._head + source
        try:
            self._module = cst.parse_module(code, config)
            self.nodes = self._found()
        except cst.ParserSyntaxError as error:
            raise SliceError("LibCST cannot parse this code") from error
        if self.code(self.nodes) != source:
            raise SliceError("LibCST does not give this code back unchanged")
        self._places: dict[tuple[int, int], list[cst.CSTNode]] | None = None

    def _lines(self) -> tuple[int, int]:
        """Give the whole lines that the statements take up."""
        lines = self.tree.lines
        first, last = self.old[0], self.old[-1]
        decorators = getattr(first, "decorator_list", None)
        top = decorators[0].lineno if decorators else getattr(first, "lineno", 1)
        end = getattr(last, "end_lineno", None) or top
        start, stop = lines.span(top, end)
        begin = self.tree.span(first)[0]
        if decorators:
            begin = self.tree.span(decorators[0])[0] - 1
        behind = lines.text[self.tree.span(last)[1] : stop].strip()
        if lines.text[start:begin].strip() or (behind and behind[:1] != b"#"):
            raise SliceError("the statement shares its line with another one")
        return start, stop

    def _found(self) -> tuple[cst.CSTNode, ...]:
        import libcst as cst

        body: Sequence[cst.CSTNode] = self._module.body
        if self.is_expression:
            line = cst.ensure_type(body[0], cst.SimpleStatementLine)
            value = cst.ensure_type(line.body[0], cst.Expr).value
            # Without the parentheses put round it above.
            return (value.with_changes(lpar=value.lpar[1:], rpar=value.rpar[:-1]),)
        if self._head:
            block = cst.ensure_type(body[0], cst.FunctionDef).body
            return tuple(cst.ensure_type(block, cst.IndentedBlock).body)
        return tuple(body)

    def find(self, node: ast.AST) -> cst.CSTNode:
        """Give the LibCST twin of a node of the slice.

        Raises SliceError where there is none of the same place.
        """
        from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

        if self.is_expression and node is self.old[0]:
            return self.nodes[0]  # the one node that is not the module's own
        if self._places is None:
            places: dict[tuple[int, int], list[cst.CSTNode]] = {}
            wrapper = MetadataWrapper(self._module, unsafe_skip_copy=True)
            for twin, span in wrapper.resolve(ByteSpanPositionProvider).items():
                places.setdefault((span.start, span.start + span.length), []).append(
                    twin
                )
            self._places = places
        shift = len(self._head.encode()) - self.span[0]
        start, end = self.tree.span(node)
        kind = _TWINS.get(type(node).__name__, type(node).__name__)
        for twin in self._places.get((start + shift, end + shift), ()):
            if type(twin).__name__ == kind:
                return twin
        raise SliceError("LibCST sees this code in another way")

    def code(self, nodes: Sequence[cst.CSTNode]) -> str:
        """Give the code of nodes that stand where the slice's own stood."""
        import libcst as cst

        if self.is_expression:
            return self._module.code_for_node(nodes[0])
        if not nodes:
            return ""  # in a block of its own LibCST would say `pass`
        if not self._head:
            return self._module.with_changes(body=nodes, footer=[]).code
        function = cst.ensure_type(self._module.body[0], cst.FunctionDef)
        block = cst.ensure_type(function.body, cst.IndentedBlock)
        changed = function.with_changes(body=block.with_changes(body=nodes))
        code = self._module.with_changes(body=[changed]).code
        return code[len(self._head) :]

    def checked(self, nodes: Sequence[cst.CSTNode]) -> str:
        """Give the code of new nodes.

        Raises ValueError where an expression has become something else, or
        yields or assigns where it did not.
        """
        code = self.code(nodes)
        if self.is_expression:
            if len(nodes) != 1:
                raise ValueError("an expression must stay one")
            parsed = ast.parse(f"({code})")
            if _count(parsed) > _count(self.old[0]):
                raise ValueError("the new code yields or assigns")
        return code


# Where LibCST has another name for what `ast` has.
_TWINS = {
    "YieldFrom": "Yield",
    "BinOp": "BinaryOperation",
    "BoolOp": "BooleanOperation",
    "UnaryOp": "UnaryOperation",
    "Compare": "Comparison",
}


def _indent(tree: Tree) -> str:
    """Give one step of a file's indentation, as its first block has it."""
    for statement in tree.module.body:
        body = getattr(statement, "body", None)
        if isinstance(body, list) and body[0].lineno > statement.lineno:
            line = tree.lines.line(body[0].lineno)
            step = line[: body[0].col_offset].decode("utf-8")
            if step and not step.strip(" \t"):  # a form feed is no part of it
                return step
    return "    "


def _count(node: ast.AST) -> int:
    return sum(isinstance(each, _STEALTHY) for each in ast.walk(node))


def _depth(node: ast.AST) -> int:
    deepest, todo = 0, [(node, 1)]
    while todo:
        each, depth = todo.pop()
        deepest = max(deepest, depth)
        todo.extend((child, depth + 1) for child in ast.iter_child_nodes(each))
    return deepest
