"""Edits of a text by byte offsets, and where each line of the result is from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple


class Edit(NamedTuple):
    """Bytes from `start` to `end` of a text give way to `new`.

    With `statements`, whole statements do; else what holds the edit stays.
    """

    start: int
    end: int
    new: bytes
    statements: bool = False


def apply(text: bytes, edits: Sequence[Edit]) -> bytes:
    """Give the text with its edits made; they are sorted and do not overlap."""
    parts = []
    at = 0
    for edit in edits:
        parts += [text[at : edit.start], edit.new]
        at = edit.end
    return b"".join([*parts, text[at:]])


def spans_after(edits: Sequence[Edit]) -> list[tuple[int, int]]:
    """Give the spans that the edits' new bytes have in the new text."""
    spans = []
    shift = 0
    for edit in edits:
        start = edit.start + shift
        spans.append((start, start + len(edit.new)))
        shift += len(edit.new) - (edit.end - edit.start)
    return spans


def split_lines(text: bytes) -> list[bytes]:
    """Split after every LF and nowhere else, as a diff does."""
    lines = text.split(b"\n")
    last = lines.pop()
    ended = [line + b"\n" for line in lines]
    return [*ended, last] if last else ended


def moved_lines(text: bytes, edits: Sequence[Edit]) -> list[int | None]:
    """Give, for each line of the new text, the same line of the old, or None."""
    lines = split_lines(text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    if not text.endswith(b"\n"):
        starts[-1] += 1  # so that the end of the text is inside its last line
    origin: list[int | None] = []
    at = 0
    regions = _regions(text, starts, edits)
    while regions:
        first, last, group = regions.pop(0)
        while True:
            begin, end = starts[first], min(starts[last], len(text))
            moved = [Edit(e.start - begin, e.end - begin, e.new) for e in group]
            new = apply(text[begin:end], moved)
            if not new or new.endswith(b"\n"):
                break
            # The last line has lost its end: what follows joins it.
            if regions and regions[0][0] <= last:
                _, behind, more = regions.pop(0)
                last, group = max(last, behind), group + more
            elif last < len(lines):
                last += 1
            else:
                break
        origin += range(at, first)
        origin += _matched(lines[first:last], split_lines(new), first)
        at = last
    return [*origin, *range(at, len(lines))]


def _regions(
    text: bytes, starts: list[int], edits: Sequence[Edit]
) -> list[tuple[int, int, list[Edit]]]:
    """Group the edits by the lines they touch: (first, behind last, edits)."""

    def line_of(offset: int) -> int:
        return bisect_right(starts, offset) - 1

    regions: list[tuple[int, int, list[Edit]]] = []
    for edit in edits:
        first = line_of(edit.start)
        whole_lines = (
            starts[first] == edit.start
            and (edit.end == len(text) or starts[line_of(edit.end)] == edit.end)
            and (not edit.new or edit.new.endswith(b"\n"))
        )
        if whole_lines:
            last = len(starts) - 1 if edit.end == len(text) else line_of(edit.end)
        else:
            # The line that holds the edit's end is touched as well.
            last = min(line_of(edit.end) + 1, len(starts) - 1)
            first = min(first, last)
        if regions and first < regions[-1][1]:
            before = regions.pop()
            first, last = before[0], max(last, before[1])
            regions.append((first, last, [*before[2], edit]))
        else:
            regions.append((first, last, [edit]))
    return regions


def _matched(old: list[bytes], new: list[bytes], first: int) -> list[int | None]:
    """Match equal lines of a touched run of lines, in their order."""
    origin: list[int | None] = [None] * len(new)
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        for step in range(block.size):
            origin[block.b + step] = first + block.a + step
    return origin
