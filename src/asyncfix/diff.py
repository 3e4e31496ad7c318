"""A unified diff over bytes, from the edits, that `git apply` accepts.

Lines end at LF and nowhere else; names are quoted as git quotes them
(https://git-scm.com/docs/diff-format, `core.quotePath`).
"""

from __future__ import annotations

from asyncfix.edits import Moved, replaced_lines, split_lines
from asyncfix.model import Change

_CONTEXT = 3
_NO_NEWLINE = b"\\ No newline at end of file\n"
_ESCAPES = {
    7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r",
    34: b'\\"', 92: b"\\\\",
}  # fmt: skip


def unified(change: Change, name: str) -> bytes:
    """Give the diff of one change; `name` is the path from the root, with /."""
    old, new = split_lines(change.old), split_lines(change.new)
    parts = [
        b"--- " + _quoted(b"a/" + name.encode("utf-8", "surrogateescape")) + b"\n",
        b"+++ " + _quoted(b"b/" + name.encode("utf-8", "surrogateescape")) + b"\n",
    ]
    for group in _hunks(replaced_lines(len(old), change.origin)):
        parts += _hunk(old, new, group)
    return b"".join(parts)


def _hunks(operations: list[Moved]) -> list[list[Moved]]:
    groups: list[list[Moved]] = []
    for operation in operations:
        if groups and operation[0] - groups[-1][-1][1] <= 2 * _CONTEXT:
            groups[-1].append(operation)
        else:
            groups.append([operation])
    return groups


def _hunk(old: list[bytes], new: list[bytes], group: list[Moved]) -> list[bytes]:
    first = max(group[0][0] - _CONTEXT, 0)
    last = min(group[-1][1] + _CONTEXT, len(old))
    new_first = group[0][2] - (group[0][0] - first)
    new_last = group[-1][3] + (last - group[-1][1])
    parts = [
        b"@@ -%s +%s @@\n"
        % (_range(first, last - first), _range(new_first, new_last - new_first))
    ]
    at = first
    for begin, end, new_begin, new_end in group:
        parts += [_line(b" ", line) for line in old[at:begin]]
        parts += [_line(b"-", line) for line in old[begin:end]]
        parts += [_line(b"+", line) for line in new[new_begin:new_end]]
        at = end
    return parts + [_line(b" ", line) for line in old[at:last]]


def _range(start: int, length: int) -> bytes:
    if length == 1:
        return b"%d" % (start + 1)
    return b"%d,%d" % (start + 1 if length else start, length)


def _line(mark: bytes, line: bytes) -> bytes:
    if line.endswith(b"\n"):
        return mark + line
    return mark + line + b"\n" + _NO_NEWLINE


def _quoted(name: bytes) -> bytes:
    """Quote a name as git does, or end it with a tab where it holds a space."""
    if any(byte < 32 or byte in (34, 92) or byte >= 127 for byte in name):
        return (
            b'"'
            + b"".join(
                _ESCAPES.get(byte)
                or (b"%c" % byte if 32 <= byte < 127 else b"\\%03o" % byte)
                for byte in name
            )
            + b'"'
        )
    return name + b"\t" if b" " in name else name
