"""The patterns of `exclude`: what git would ignore by them (gitignore's rules).

The patterns may be a hostile repository's. Each star is matched once and never
again, so that no pattern takes longer than its length times the path's: the
usual translation to one regular expression takes minutes for `*a*a*a*a*a*b`.

Source of the rules: https://git-scm.com/docs/gitignore#_pattern_format.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_ANY = "**"


class _Pattern(NamedTuple):
    excludes: bool
    """False for what a pattern with `!` takes in again."""
    folders: bool
    """It is for folders alone."""
    parts: tuple[re.Pattern[str] | str, ...]
    """One for each name of the path; `**` stands for any number of them."""

    def fits(self, names: Sequence[str]) -> bool:
        """Tell whether the pattern is for the path of these names."""
        at = name = 0
        star: tuple[int, int] | None = None
        while name < len(names):
            part = self.parts[at] if at < len(self.parts) else None
            if part == _ANY and at + 1 == len(self.parts):
                return True
            if part == _ANY:
                at += 1
                star = at, name
            elif isinstance(part, re.Pattern) and part.match(names[name]):
                at += 1
                name += 1
            elif star is not None:
                # The last `**` takes one name more; those before it need not.
                at, name = star[0], star[1] + 1
                star = at, name
            else:
                return False
        return at == len(self.parts)


class Excluded:
    """What a list of patterns leaves out; the last one that fits decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Read the patterns; blank ones and comments (`#`) say nothing."""
        self.patterns = [found for line in lines if (found := _read(line)) is not None]
        self._folders: dict[tuple[str, ...], bool] = {}

    def __call__(self, path: str) -> bool:
        """Tell whether the file at a path, from the root and with /, is left out."""
        names = tuple(path.split("/"))
        return self._folder(names[:-1]) or self._last(names, False)

    def _folder(self, names: tuple[str, ...]) -> bool:
        """Tell whether a folder is left out: what is in it cannot be taken in again."""
        if not names:
            return False
        if names not in self._folders:
            out = self._folder(names[:-1]) or self._last(names, True)
            self._folders[names] = out
        return self._folders[names]

    def _last(self, names: Sequence[str], folder: bool) -> bool:
        for each in reversed(self.patterns):
            if (folder or not each.folders) and each.fits(names):
                return each.excludes
        return False


def _read(line: str) -> _Pattern | None:
    line = re.sub(r"(?<!\\)[ \t]+\Z", "", line.rstrip("\n")[:_LONGEST])
    if not line or line.startswith("#"):
        return None
    excludes = not line.startswith("!")
    body = line.removeprefix("!")
    folders = body.endswith("/")
    names = [name for name in body.strip("/").split("/") if name]
    if not names:
        return None
    if "/" not in body.rstrip("/"):
        names.insert(0, _ANY)
    return _Pattern(excludes, folders, tuple(map(_part, names)))


_LONGEST = 4096  # a path has no more


def _part(name: str) -> re.Pattern[str] | str:
    if name == _ANY:
        return _ANY
    # What a backslash escapes stands for itself; a class may be negated by `^`.
    plain = re.sub(r"\\(.)", lambda m: f"[{m[1]}]" if m[1] in "*?[" else m[1], name)
    return re.compile(fnmatch.translate(plain.replace("[^", "[!")))
