"""The facts of many files, each made of its bytes when it is first asked for."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    ValuesView,
)
from typing import Any

from asyncfix.facts import Facts
from asyncfix.trace import Trace


class Library(dict[str, Facts]):
    """Facts by path. A file that is not at hand yet comes from `load`.

    What is at hand is the dictionary itself: it is looked up millions of times in a
    run. All else sees the waiting files, too.
    """

    def __init__(
        self,
        facts: Iterable[Facts] = (),
        waiting: Iterable[str] = (),
        load: Callable[[str], Facts] | None = None,
    ) -> None:
        """Hold `facts`, and promise those of the paths that are `waiting`."""
        super().__init__()
        self.trace = Trace()
        self._load = load
        self._paths: dict[str, None] = dict.fromkeys(waiting)
        for each in facts:
            each.trace = self.trace
            self[each.path] = each
            self._paths[each.path] = None

    def __missing__(self, path: str) -> Facts:
        if path not in self._paths or self._load is None:
            raise KeyError(path)
        found = self._load(path)
        found.trace = self.trace
        self[path] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def get(self, path: str, default: Any = None) -> Any:
        """Give the facts of a file, or the default where it is none of these."""
        return self[path] if path in self._paths else default

    # The views of `dict` would leave out who waits.

    def keys(self) -> KeysView[str]:  # type: ignore[override]  # of all paths
        """Give the paths."""
        return KeysView(self)

    def values(self) -> ValuesView[Facts]:  # type: ignore[override]  # of all paths
        """Give the facts."""
        return ValuesView(self)

    def items(self) -> ItemsView[str, Facts]:  # type: ignore[override]  # of all paths
        """Give the paths with their facts."""
        return ItemsView(self)

    def at_hand(self) -> frozenset[str]:
        """Give the paths whose facts are here, and need not be loaded."""
        return frozenset(super().keys())

    def rest(self) -> None:
        """Drop what was made of the facts of any file, asked for often or not."""
        for facts in self.trace.awake:
            facts.rest()
            facts.woken = 0
        self.trace.awake.clear()

    def holding(
        self, words: Collection[str], among: Iterable[str] | None = None
    ) -> list[str]:
        """Give the files that hold one of these words, as `Facts.holds` tells it.

        For who looks there for uses of something: the name of a local is none.
        """
        self.trace.uses.update(words)
        wanted = [word.encode() for word in words]
        found = []
        for path in self._paths if among is None else among:
            packed = self[path].packed
            for word in wanted:
                if word in packed:
                    found.append(path)
                    break
        return found

    def calling(self, names: Collection[str]) -> list[str]:
        """Give the files that may call by one of these last names; most others not.

        No other file does: `Facts.calls_by` tells the calls.
        """
        self.trace.note_called(names)
        wanted = [name.encode() for name in names]
        found = []
        for path in self._paths:
            facts = self[path]
            start, end = facts.called_at
            for name in wanted:
                if facts.packed.find(name, start, end) >= 0:
                    found.append(path)
                    break
        return found

    def changed(self, facts: Iterable[Facts]) -> Library:
        """Give a library with some files exchanged, or added."""
        other = Library((), self._paths, self._load)
        other.trace.follow(self.trace)
        for each in (*super().values(), *facts):
            each.trace = other.trace
            other[each.path] = each
            other._paths[each.path] = None
        return other
