"""Comments that silence findings: asyncfix's own, and those of other linters.

Sources: flake8's documentation, "Selecting and ignoring violations" (`# noqa`,
`# flake8: noqa`); ruff 0.17.6, "Error suppression" (`# ruff: noqa`, `# ruff: ignore[...]`,
`# ruff: file-ignore[...]`, `# ruff: disable[...]` up to `# ruff: enable[...]`), tried
with that version: a comment on a line of its own speaks of the statement below it, within
a statement of the next line; a range without an end goes to the end of its block.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from asyncfix.codemod import Codemod
from asyncfix.tree import Tree

# Searched in a comment alone. A `#.*?` before would take the square of its length.
_OFF = re.compile(r"\basyncfix:\s*off\b(?:\[([^\]]*)\])?")
_NOQA = re.compile(r"\bnoqa\b(?::\s*([A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.I)
_OF_FILE = re.compile(r"#\s*(?:ruff|flake8)\s*:\s*noqa\b", re.I)
_RUFF = re.compile(r"#\s*ruff\s*:\s*(ignore|file-ignore|disable|enable)\s*\[([^\]]*)\]")
_MAY_HOLD_MORE = re.compile(rb"#\s*(?:ruff|flake8)\s*:", re.I)
_NO_CODE = (
    tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER
)  # fmt: skip


class _Range(NamedTuple):
    """Lines, from 1, for which a comment silences some codes, or all without any."""

    first: int
    last: float
    codes: frozenset[str]
    line: int
    comment: str


def silencing(
    codemod: Codemod, tree: Tree, node: ast.expr | ast.stmt, rules: Iterable[str]
) -> Iterator[tuple[int, str]]:
    """Give the comments that silence a codemod's findings in some code, by line.

    `rules` are the codes and names that silence them from further away.
    """
    yield from _on_its_lines(codemod, tree, node)
    last = node.end_lineno or node.lineno
    for each in tree.once(("silenced ranges",), partial(_ranges, tree)):
        if each.first <= last and node.lineno <= each.last:
            if not each.codes or each.codes & set(rules):
                yield each.line, each.comment


def _on_its_lines(
    codemod: Codemod, tree: Tree, node: ast.expr | ast.stmt
) -> Iterator[tuple[int, str]]:
    lines = tree.lines
    first = min(tree.statement(node).lineno, node.lineno)  # of a decorator: its own
    last = node.end_lineno or node.lineno
    start, end = lines.span(first, last)
    if b"#" not in lines.text[start:end]:
        return
    for number, comment in _comments(lines.text[start:end]):
        line = first + number - 1
        if line < node.lineno:
            continue
        if off := _OFF.search(comment):
            names = re.split(r"[,\s]+", off[1] or "")
            if not off[1] or codemod.name in names:
                yield line, comment
        if noqa := _NOQA.search(comment):
            codes = re.split(r"[,\s]+", (noqa[1] or "").upper())
            if not noqa[1] or set(codes) & set(codemod.noqa):
                yield line, comment


def _comments(text: bytes) -> Iterator[tuple[int, str]]:
    """Give the comments of some whole lines, with their line counted from 1."""
    for token in _tokens(text.lstrip(b" \t\f").decode("utf-8", "replace")):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(io.StringIO(text).readline)
    except (tokenize.TokenError, SyntaxError):
        return  # the statement goes on below these lines, or is no Python


# -- of more than the lines of a finding ------------------------------------------------


class _Open(NamedTuple):
    """A comment on a line of its own: where it stands, and what it names."""

    line: int
    column: int
    codes: frozenset[str]
    comment: str


def _ranges(tree: Tree) -> list[_Range]:
    text = tree.lines.text
    if not _MAY_HOLD_MORE.search(text):
        return []
    found: list[_Range] = []
    above: list[_Open] = []
    disabled: list[_Open] = []
    starts = 0  # the first line of the statement, or head of one, that is being read
    last = 0  # the last line with code
    for token in _tokens(text.decode("utf-8", "replace")):
        line, column = token.start
        if token.type == tokenize.COMMENT:
            if line == last:
                found += _of_line(token.string, line)
                continue
            own = _Open(line, column, frozenset(), token.string)
            found += _of_file(own)
            for word, codes in _said(token.string):
                own = own._replace(codes=codes)
                if word == "ignore":
                    above.append(own)
                elif word == "file-ignore" and column == 0:
                    found.append(_range(own, 1))
                elif word == "disable" and not starts:
                    disabled.append(own)
                elif word == "enable":
                    for each in [e for e in disabled if e[1:3] == own[1:3]]:
                        found.append(_range(each, each.line, line))
                        disabled.remove(each)
        elif token.type == tokenize.NEWLINE:
            found += [_range(each, starts, line) for each in above]
            above, starts = [], 0
        elif token.type not in _NO_CODE:
            if not starts:
                starts = line
                ended = [each for each in disabled if column < each.column]
                found += [_range(each, each.line, last) for each in ended]
                disabled = [each for each in disabled if each not in ended]
            elif line > last:
                # Within a statement: the next line alone.
                inside = [each for each in above if each.line > starts]
                found += [_range(each, line, line) for each in inside]
                above = [each for each in above if each not in inside]
            last = token.end[0]
    return [*found, *(_range(each, each.line) for each in disabled)]


def _range(own: _Open, first: int, last: float = float("inf")) -> _Range:
    return _Range(first, last, own.codes, own.line, own.comment)


def _said(comment: str) -> Iterable[tuple[str, frozenset[str]]]:
    """Give what ruff is told in a comment: the word, and the codes or names of rules."""
    for word, codes in _RUFF.findall(comment):
        named = frozenset(each.strip() for each in codes.split(",")) - {""}
        if named:
            yield word, named


def _of_line(comment: str, line: int) -> Iterator[_Range]:
    for word, codes in _said(comment):
        if word == "ignore":
            yield _Range(line, line, codes, line, comment)


def _of_file(own: _Open) -> Iterator[_Range]:
    if _OF_FILE.match(own.comment) and (noqa := _NOQA.search(own.comment)):
        codes = re.split(r"[,\s]+", noqa[1].upper()) if noqa[1] else ()
        yield _range(own._replace(codes=frozenset(codes)), 1)
