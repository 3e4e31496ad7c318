"""House style of a rewritten statement: black's, where the code follows black.

Only statements that a fix made too long, or that it made, are laid out, and only
if black would have left the old ones alone: then the file's authors use black.
"""

from __future__ import annotations

import ast

_INDENT = 4
# Lengths that projects choose, where nothing tells: a wheel has no `pyproject.toml`.
_OTHER_LENGTHS = (79, 80, 99, 100, 120)


def fits(text: str, indent: int, line_length: int) -> bool:
    """Tell whether no line of a statement is too long; comments do not count."""
    lines = text.splitlines()
    widths = [indent + len(lines[0]), *map(len, lines[1:])] if lines else []
    return max(widths, default=0) <= line_length


def laid_out(
    old: str, new: str, indent: int, line_length: int, always: bool = False
) -> str | None:
    """Give a statement as black lays it out, None where that is not called for.

    It is called for where the new statement is too long, or `always`. Where the old
    one is as black lays out lines of another length, that length counts.

    `old` and `new` start where the statement starts, `indent` columns into its
    line, and end where it ends. The result means the same: trees are compared.
    """
    if indent % _INDENT or "\t" in new or "\r" in new:
        return None
    for length in (line_length, *_OTHER_LENGTHS):
        if not always and fits(new, indent, length):
            return None
        if not always and not fits(old, indent, length):
            continue
        if _by_black(old, indent, length) == old:
            formatted = _by_black(new, indent, length)
            if formatted is None or _meaning(formatted, indent) != _meaning(
                new, indent
            ):
                return None
            return formatted
    return None


def _wrapped(text: str, indent: int) -> tuple[str, int]:
    """Put a statement into blocks that stand around it, for its indentation."""
    depth = indent // _INDENT
    heads = ["async def wrapped():\n"] if depth else []
    heads += [" " * _INDENT * level + "if wrapped:\n" for level in range(1, depth)]
    if text.startswith("elif"):
        heads += [" " * indent + "if wrapped:\n", " " * (indent + _INDENT) + "pass\n"]
    return "".join(heads) + " " * indent + text + "\n", len(heads)


def _by_black(text: str, indent: int, line_length: int) -> str | None:
    import black
    from black.parsing import InvalidInput

    code, heads = _wrapped(text, indent)
    mode = black.Mode(line_length=line_length, string_normalization=False)
    try:
        formatted = black.format_str(code, mode=mode)
    except (InvalidInput, ValueError, RecursionError):
        return None
    lines = formatted.splitlines(keepends=True)[heads:]
    return "".join(lines).removeprefix(" " * indent).removesuffix("\n")


def _meaning(text: str, indent: int) -> str | None:
    try:
        return ast.dump(ast.parse(_wrapped(text, indent)[0]))
    except SyntaxError:
        return None
