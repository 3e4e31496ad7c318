"""What others may see of an edit: the facts of one file before and after it.

Most edits change what some functions do, or bring names that nobody else says. All
else is as it was, wherever it has moved to. What others were told then still holds,
unless they asked about just these functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from asyncfix import facts as f
from asyncfix.facts import Binding, Facts, Scope

# What stands in these is code of the function around them.
_ANONYMOUS = frozenset((f.LAMBDA, f.COMPREHENSION, f.GENERATOR))
_OUTER, _CALLS, _REFERENCES, _PATCHES, _FROZEN = 1, 2, 3, 4, 5
_DRIVEN, _EXPORTED, _ATTRIBUTES, _INNER = 6, 7, 9, 10
# In which column of a part the scope stands.
_SCOPE = {_PATCHES: 1}

Key = tuple[Any, ...]
Row = tuple[Any, ...]


class Delta(NamedTuple):
    """What an edit changed, where all else is the same."""

    names: frozenset[str]
    """Names that came or went, of the module, of its classes and of attributes."""
    changed: Mapping[int, int]
    """The functions whose code is another: by their old scopes, the new ones."""
    given: frozenset[int]
    """Those of them that may be called otherwise, or give something else."""
    scopes: Mapping[int, int]
    """The new scopes by the old ones that are there still. A comprehension is followed
    with the function that it is code of."""
    moved: bool
    """Something stands on another line."""


def delta(old: Facts, new: Facts) -> Delta | None:
    """Give what an edit changed; None where others may see more of it than that."""
    before, after = _File(old), _File(new)
    if not before.is_like(after):
        return None
    scopes = {
        scope: after.by_key[key]
        for key, scope in before.by_key.items()
        if key in after.by_key
    }
    came: set[str] = set()
    went: set[str] = set()
    changed: dict[int, int] = {}
    closures: set[int] = set()
    given: set[int] = set()
    for mine, theirs in scopes.items():
        one, other = before.content(mine), after.content(theirs)
        if not one.is_like(other):
            return None
        came |= other.names - one.names
        went |= one.names - other.names
        if one.code != other.code:
            changed[mine] = theirs
        locals_ = one.changed_locals(other)
        if locals_:
            targets = before.targets(mine), after.targets(theirs)
            if any(_are_said(locals_, said) for said in targets):
                given.add(mine)  # what it gives may depend on them
            closures |= before.inside(mine)
        if one.given != other.given:
            given.add(mine)
    for file, others, names in ((before, after, went), (after, before, came)):
        for key, scope in file.by_key.items():
            if key not in others.by_key:
                names.update(file.content(scope).attributes)
    if any(name.startswith("__") for name in came | went):
        return None  # asked for without being said, as `__init__` and `__call__`
    if _are_said(came, old.packed) or _are_said(went, new.packed):
        return None  # where it is said already, it means something else now
    changed.update((each, scopes[each]) for each in closures & scopes.keys())
    moved = before.lines(scopes) != after.lines(scopes.values())
    followed = before.followed(scopes)
    return Delta(frozenset(came | went), changed, frozenset(given), followed, moved)


def owners(facts: Facts) -> list[int]:
    """Give for each scope of a file the function, class or module that it is code of."""
    found: list[int] = []
    for index, row in enumerate(facts.rows(0)):
        found.append(found[row[2]] if row[0] in _ANONYMOUS else index)
    return found


def called(facts: Facts, names: Container[str]) -> list[Row]:
    """Give the calls by some last names: who makes them, and how, in order."""
    file = _File(facts)
    return [
        (key, each[1:])
        for key, scope in file.by_key.items()
        for each in file.part(_CALLS, scope)
        if each[1].rpartition(".")[2] in names
    ]


def _are_said(names: Iterable[str], packed: bytes) -> bool:
    return any(name.encode() in packed for name in names)


class _File:
    """The facts of a file by function, class and module."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._scopes = [Scope(*row) for row in facts.rows(0)]
        self._owners = owners(facts)
        self._within = _numbered(self._owners)
        self.by_key: dict[Key, int] = {}
        """The scopes by their names and those around them."""
        keys: dict[int, Key] = {-1: ()}
        seen: Counter[Key] = Counter()
        for index in sorted(range(len(self._scopes)), key=self._line):
            scope = self._scopes[index]
            if self._owners[index] == index:
                above = self._owners[scope.parent] if scope.parent >= 0 else -1
                key = (*keys[above], (scope.kind, scope.name))
                seen[key] += 1
                keys[index] = (*key, seen[key])
                self.by_key[keys[index]] = index
        self._parts: dict[int, dict[int, list[Row]]] = {}

    def is_like(self, other: _File) -> bool:
        """Compare what is said of the file as a whole, but for its functions' names."""
        mine, theirs = (
            each.head._replace(coroutines=False, lines=0, functions="", waiting="")
            for each in (self._facts, other._facts)
        )
        if mine != theirs or mine.unseen or mine.old_names:
            return False
        for place in (_PATCHES, _DRIVEN, _FROZEN):
            if len(self.all(place)) != len(other.all(place)):
                return False
        return self._facts.columns(_EXPORTED) == other._facts.columns(_EXPORTED)

    def all(self, place: int) -> list[Row]:
        """Give the rows of a part."""
        if place == _FROZEN:
            return list(self._facts.columns(place)[0])
        return self._facts.rows(place)

    def part(self, place: int, owner: int) -> list[Row]:
        """Give the rows of a part that are of one function, class or module.

        Without places in the file, and with the number of the scope in it.
        """
        known = self._parts.get(place)
        if known is None:
            known = self._parts[place] = {}
            column = _SCOPE.get(place, 0)
            for row in self._facts.rows(place):
                scope = row[column]
                if scope >= 0:
                    number = self._within[scope]
                    row = number, *_without_places(place, row)
                    known.setdefault(self._owners[scope], []).append(row)
                else:
                    known.setdefault(0, []).append((-1, *_without_places(place, row)))
        return known.get(owner, [])

    def content(self, owner: int) -> _Content:
        """Give what a function, class or module is made of."""
        scopes = [
            _shape(self._scopes[index], self._within)
            for index, each in enumerate(self._owners)
            if each == owner
        ]
        parts = {
            place: self.part(place, owner)
            for place in (
                _OUTER, _CALLS, _REFERENCES, _PATCHES, _DRIVEN, _ATTRIBUTES, _INNER
            )
        }  # fmt: skip
        return _Content(scopes, parts)

    def targets(self, owner: int) -> bytes:
        """Give what the names and attributes in a function stand for, as one text."""
        inside = self.inside(owner)
        said = [
            row[4]
            for place in (_ATTRIBUTES, _INNER)
            for row in self._facts.rows(place)
            if row[0] in inside
        ]
        return "\n".join(said).encode()

    def followed(self, scopes: Mapping[int, int]) -> dict[int, int]:
        """Give for each scope what that of its function, class or module has become."""
        return {
            index: scopes[owner]
            for index, owner in enumerate(self._owners)
            if owner in scopes
        }

    def inside(self, owner: int) -> set[int]:
        """Give a scope with all that are in it."""
        inside = {owner}
        for index, scope in enumerate(self._scopes):
            if scope.parent in inside:
                inside.add(index)
        return inside

    def _line(self, scope: int) -> int:
        return self._scopes[scope].line

    def lines(self, scopes: Iterable[int]) -> list[int]:
        """Give how many lines there are, and where some scopes begin."""
        return [self._facts.head.lines, *(self._scopes[each].line for each in scopes)]


class _Content:
    """What a function, class or module is made of, wherever it stands."""

    def __init__(self, scopes: list[Row], parts: dict[int, list[Row]]) -> None:
        self._whole = scopes[0], parts[_PATCHES], parts[_DRIVEN]
        self.code = scopes, parts[_CALLS], parts[_REFERENCES], parts[_INNER]
        self.outer = _by_name(parts[_OUTER])
        self.attributes = _by_name(parts[_ATTRIBUTES], last=True)
        self.inner = _by_name([(row[0] == 0, *row[1:]) for row in parts[_INNER]])

    @property
    def names(self) -> set[str]:
        """Give the names that may be seen from outside."""
        return self.outer.keys() | self.attributes.keys()

    def is_like(self, other: _Content) -> bool:
        """Tell whether what others ask is the same, where both have a name for it."""
        return (
            self._whole == other._whole
            and _are_same(self.outer, other.outer)
            and _are_same(self.attributes, other.attributes)
        )

    def changed_locals(self, other: _Content) -> set[str]:
        """Give the names in a function that are bound otherwise, or to something else."""
        both = self.inner.keys() | other.inner.keys()
        return {name for name in both if self.inner.get(name) != other.inner.get(name)}

    @property
    def given(self) -> list[Row]:
        """Give the parameters, and what is returned."""
        return [
            row
            for rows in self.inner.values()
            for row in rows
            if row[2] in (f.PARAMETER, f.RETURNED)
        ]


def _numbered(owners: list[int]) -> list[int]:
    """Give for each scope the how manyth it is of its owner's."""
    seen: Counter[int] = Counter()
    found = []
    for owner in owners:
        found.append(seen[owner])
        seen[owner] += 1
    return found


def _shape(scope: Scope, within: list[int]) -> Row:
    parent = within[scope.parent] if scope.kind in _ANONYMOUS else -1
    return tuple(scope._replace(parent=parent, line=0, end_line=0))


def _without_places(place: int, row: Row) -> Row:
    """Give a row without its scope and where it stands."""
    if place in (_CALLS, _REFERENCES, _DRIVEN):
        return row[5:]
    if place == _PATCHES:
        return row[2:]
    binding = Binding(*row)
    return binding.name, binding.kind, binding.target, binding.flags


def _by_name(rows: Iterable[Row], last: bool = False) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        name = row[1].rpartition(".")[2] if last else row[1]
        found.setdefault(name, []).append(row)
    return found


def _are_same(one: Mapping[str, list[Row]], other: Mapping[str, list[Row]]) -> bool:
    return all(rows == other[name] for name, rows in one.items() if name in other)
