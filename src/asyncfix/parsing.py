"""CPython's `ast` of a file, also where a statement is newer than CPython.

A statement that the running interpreter rejects but LibCST parses is called
opaque: it is blanked out, byte positions kept, so that the rest is seen.
"""

from __future__ import annotations

import ast
import re
import warnings

from asyncfix import keywords
from asyncfix.facts import Opaque
from asyncfix.model import Problem

_MOST_OPAQUE = 200
_MOST_TRIES = 12
_DEEPEST_BRACKETS = 80
_MOST_STEPS = 2000
_NESTING = re.compile(rb"[()\[\]{}\n+*/%|&^~.-]|\b(?:not|and|or|lambda|await|if)\b")
_CONTINUES = (b"elif", b"else", b"except", b"finally", b")", b"]", b"}", b"#")
_BINDS = re.compile(
    rb"\b(?:def|class|type|import|as|global)\s+(\w+)|\b(\w+)\s*(?::=|=(?!=)|,|:)"
)
_WORD = re.compile(rb"[^\W\d]\w*")
_TYPE_PARAMETERS = re.compile(
    rb"^(\s*(?:async\s+)?(?:def|class)\s+\w+)\[(?:[^\[\]]|\[[^\[\]]*\])*\]",
    re.MULTILINE,
)
_TYPE_STATEMENT = re.compile(rb"^([ \t]*)type\s+(?=\w+\s*=)", re.MULTILINE)
# CPython joins the parts of an imported name one by one: 100 000 take 10 GB.
_MOST_PARTS = 200
_IMPORT = re.compile(rb"\b(?:import|from)\b[\w\x80-\xff\s\\.,]{1000}")
_MANY_PARTS = re.compile(rb"(?:\.[\s\\]*[\w\x80-\xff]+[\s\\]*){%d}" % _MOST_PARTS)
_PYTHON_2 = re.compile(rb"""^\s*(?:print\s+["'\w]|exec\s+["']|raise\s+\w+\s*,)""")


# A tree, or the line of a mistake (0 if it has none) and what is wrong.
Parsed = ast.Module | tuple[int, str]


def parse(
    shown: str, text: bytes
) -> tuple[ast.Module, bytes, tuple[Opaque, ...]] | Problem:
    """Parse UTF-8 text; give the tree, the text it is of, and what is opaque.

    Gives a Problem with the line where neither CPython nor, for the statement
    in question, LibCST can parse it. Where `async` or `await` is a name, the text
    given has a stand-in for it. Never raises, never warns.
    """
    if _may_be_long(text):
        if _IMPORT.search(text) and (many := _MANY_PARTS.search(text)):
            line = text.count(b"\n", 0, many.start()) + 1
            message = f"a name has more than {_MOST_PARTS} parts"
            return _refused(shown, text, line, message)
    opaque: list[Opaque] = []
    mended = False
    tree = _parse_plain(text)
    while not isinstance(tree, ast.Module):
        line, message = tree
        if line and not mended:
            mended = True
            with_names = keywords.mended(text)
            if with_names is not None:
                text = with_names
                tree = _parse_plain(text)
                continue
        blanked = None
        if line and len(opaque) < _MOST_OPAQUE:
            blanked = _blank_statement(text, line)
        if blanked is None:
            return _refused(shown, text, line, message)
        text, found, tree = blanked
        opaque.append(found)
    return tree, text, tuple(opaque)


def _may_be_long(text: bytes) -> bool:
    """Tell whether an imported name could have too many parts.

    Such a name stands on one line, or on lines joined by backslashes. Plain searches
    rule nearly all files out, in a quarter of the time of the patterns.
    """
    if text.count(b".") < _MOST_PARTS:
        return False
    if b"\\\n" in text or b"\\\r" in text:
        return True
    return max(map(len, text.split(b"\n"))) > 2 * _MOST_PARTS


def _parse_plain(text: bytes) -> Parsed:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # As text, so that a coding line of the original says nothing.
            return ast.parse(text.decode("utf-8", "surrogatepass"))
        except SyntaxError as error:
            return error.lineno or 1, error.msg
        except (RecursionError, MemoryError):
            return 0, "is nested too deeply for Python's parser"
        except (ValueError, UnicodeError, OverflowError, SystemError) as error:
            return 0, f"Python's parser refuses it: {error}"


def _refused(shown: str, text: bytes, line: int, message: str) -> Problem:
    lines = text.split(b"\n")
    hint = "nothing in this file was looked at; mend it or exclude it"
    if 0 < line <= len(lines) and _PYTHON_2.match(lines[line - 1]):
        hint = "this looks like Python 2: convert it first, or exclude it"
    return Problem(shown, max(line, 1), f"does not parse: {message}", hint)


def _blank_statement(text: bytes, line: int) -> tuple[bytes, Opaque, Parsed] | None:
    """Blank the top-level statement round a syntax error, if LibCST takes it.

    Gives the text, what is opaque in it, and what the parser says of it now.
    """
    lines = text.splitlines(keepends=True)
    starts = [
        number
        for number, content in enumerate(lines)
        if content[:1].strip() and not content.startswith(_CONTINUES)
    ]
    before = [number for number in starts if number < line][-_MOST_TRIES:]
    after = [*[number for number in starts if number >= line][:3], len(lines)]
    for first in reversed(before):
        for end in after:
            statement = b"".join(lines[first:end])
            if not _is_newer_syntax(statement):
                continue
            # Of the same length, so that every other offset stays true.
            blank = b"0" + re.sub(rb"[^\r\n]", b" ", statement)[1:]
            changed = b"".join(lines[:first]) + blank + b"".join(lines[end:])
            parsed = _parse_plain(changed)
            if isinstance(parsed, tuple) and first < parsed[0] <= end:
                continue
            names = {a or b for a, b in _BINDS.findall(statement)}
            hidden = Opaque(
                first + 1,
                end,
                tuple(sorted(name.decode("utf-8", "replace") for name in names)),
                tuple(
                    sorted(
                        word.decode("utf-8", "replace")
                        for word in set(_WORD.findall(statement))
                    )
                ),
            )
            return changed, hidden, parsed
    return None


def _is_newer_syntax(statement: bytes) -> bool:
    """Tell newer syntax from a mistake; the cheap answer (PEP 695) first."""
    older = _TYPE_STATEMENT.sub(rb"\1", _TYPE_PARAMETERS.sub(rb"\1", statement))
    if older != statement and isinstance(_parse_plain(older), ast.Module):
        return True

    if _is_deep(statement):
        return False  # LibCST's native parser could crash the process

    import libcst

    try:
        libcst.parse_module(statement.decode("utf-8", "surrogatepass"))
    except Exception:
        # LibCST's native parser raises more than ParserSyntaxError on hostile
        # input (RecursionError, PanicException); any of them means no.
        return False
    return True


def _is_deep(statement: bytes) -> bool:
    """Tell whether a statement may nest more deeply than LibCST survives.

    Counts brackets, and the operators and calls that can stand in one
    expression: on one line, or between the first bracket and its end. Text in
    strings counts as well, which errs on the side of caution.
    """
    depth = steps = 0
    for match in _NESTING.finditer(statement):
        token = match[0]
        if token in b"([{":
            depth += 1
        elif token in b")]}":
            depth = max(depth - 1, 0)
        elif token == b"\n":
            steps = steps if depth else 0
            continue
        steps += 1
        if depth > _DEEPEST_BRACKETS or steps > _MOST_STEPS:
            return True
    return False
