"""What looking at files asked of others: how far an edit may go before that counts.

Kept by file: the functions whose code was asked for, those that lead to what blocks,
and the functions and constants of which the text was read. After an edit the importers
of a file need not be looked at again if what they asked is as it was (`outward`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from asyncfix.facts import Facts
from asyncfix.outward import Delta, owners
from asyncfix.pieces import digests
from asyncfix.source import Lines
from asyncfix.trace import Trace

Pieces = tuple[tuple[str, bytes], ...]


class Asked(NamedTuple):
    """What was asked of one file, by the numbers of its scopes then."""

    wide: bool = False
    """More than is noted here."""
    looked: int = 0
    """The scopes whose code was asked for, a bit for each."""
    far: int = 0
    """Those from which a way leads to what blocks."""
    pieces: Pieces = ()
    """The functions and constants of which the text was read, with its digest."""

    def joined(self, other: Asked) -> Asked:
        """Give what was asked in two runs."""
        return Asked(
            self.wide or other.wide,
            self.looked | other.looked,
            self.far | other.far,
            tuple(sorted({*self.pieces, *other.pieces})),
        )

    def renumbered(self, scopes: Mapping[int, int]) -> Asked:
        """Give it by the numbers that scopes have now; what is gone nobody asked for."""
        looked, far = (
            sum(1 << scopes[each] for each in bits(number) if each in scopes)
            for number in (self.looked, self.far)
        )
        return self._replace(looked=looked, far=far)


def asked(trace: Trace, far: Mapping[str, Iterable[int]]) -> dict[str, Asked]:
    """Give what was asked of each file, as far as it was noted."""
    paths = {*trace.wide, *trace.looked, *trace.pieces, *far}
    return {
        path: Asked(
            path in trace.wide,
            trace.looked.get(path, 0),
            sum(1 << each for each in far.get(path, ())),
            tuple(sorted(trace.pieces.get(path, ()))),
        )
        for path in paths
    }


def holds(
    known: Asked,
    delta: Delta,
    files: tuple[Facts, Facts],
    lines: Callable[[], Lines | None],
) -> bool:
    """Tell whether what was asked of a file is as it was, after an edit.

    `files` are its facts before and after, `lines` give its text. Whether what changed
    leads to what blocks now is not known here.
    """
    if known.wide:
        return False
    whole = owners(files[0])
    looked = {whole[each] for each in bits(known.looked | known.far)}
    if not looked.isdisjoint(delta.changed):
        return False
    if known.pieces:
        text = lines()
        if text is None:
            return False
        now = digests(files[1], text, dict(known.pieces))
        return all(now.get(name) == said for name, said in known.pieces)
    return True


def bits(number: int) -> list[int]:
    """Give which bits of a number are set."""
    return [at for at in range(number.bit_length()) if number >> at & 1]


def from_plain(kept: Any) -> dict[str, Asked]:
    """Give back what was kept; raises TypeError or ValueError for what is none."""
    return {path: Asked(*each) for path, each in kept.items()}
