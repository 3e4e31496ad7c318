"""The facts of many files, each made of its bytes when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from asyncfix.facts import Facts, Trace


class Library(Mapping[str, Facts]):
    """Facts by path. A file that is not at hand yet comes from `load`."""

    def __init__(
        self,
        facts: Iterable[Facts] = (),
        waiting: Iterable[str] = (),
        load: Callable[[str], Facts] | None = None,
    ) -> None:
        """Hold `facts`, and promise those of the paths that are `waiting`."""
        self.trace = Trace()
        self._at_hand: dict[str, Facts] = {}
        self._load = load
        self._paths: dict[str, None] = dict.fromkeys(waiting)
        for each in facts:
            each.trace = self.trace
            self._at_hand[each.path] = each
            self._paths[each.path] = None

    def __getitem__(self, path: str) -> Facts:
        found = self._at_hand.get(path)
        if found is None:
            if path not in self._paths or self._load is None:
                raise KeyError(path)
            found = self._load(path)
            found.trace = self.trace
            self._at_hand[path] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def at_hand(self) -> frozenset[str]:
        """Give the paths whose facts are here, and need not be loaded."""
        return frozenset(self._at_hand)

    def changed(self, facts: Iterable[Facts]) -> Library:
        """Give a library with some files exchanged, or added."""
        other = Library((), self._paths, self._load)
        other.trace.opened, other.trace.words = self.trace.opened, self.trace.words
        other.trace.stubs = self.trace.stubs
        for each in (*self._at_hand.values(), *facts):
            each.trace = other.trace
            other._at_hand[each.path] = each
            other._paths[each.path] = None
        return other
