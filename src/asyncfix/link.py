"""Stage 4, link: the facts of all files -> the project.

The project answers questions that no file can answer alone: what a name
means, who imports whom, who calls a function. Every answer is worked out when
it is first asked for. Unknown stays unknown: no answer is better than a wrong
one, and two possible answers are no answer.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.expressions import is_dotted
from asyncfix.library import Library
from asyncfix.modules import Modules, join
from asyncfix.names import Names

# Through more names than this, nothing is known any more.
_LONGEST_CHAIN = 60
# An alias of an attribute of an alias, and so on, grows with each step; names that are
# made of each other grow without an end, and two such steps each double what is meant.
_MOST_PARTS = 10
# Facts unpacked so often stay unpacked, but not of more files than this, or of more
# than one in so many of a large project: there, more files are everybody's.
_OFTEN, _MOST_BUSY, _BUSY_SHARE = 2, 20, 110
# While many files are looked through, no more of them are kept unpacked.
MOST_AWAKE = 40
_BUILTINS = frozenset(vars(builtins))


class Answer(NamedTuple):
    """One thing that a name may mean.

    `source` is `import`, `local` (anything assigned), `builtin`, `class` (seen
    only in the class body) or `star` (some `import *` may bring it).
    `name` is the qualified name, empty where it is not known.
    """

    name: str
    source: str
    line: int


class Project(Modules):
    """All files linked. Paths are the keys that the scan was given."""

    def __init__(
        self,
        files: Library | Iterable[f.Facts],
        root: str,
        is_library: Callable[[str], bool] = sys.stdlib_module_names.__contains__,
    ) -> None:
        super().__init__(files, root, is_library)
        self._awake = self.files.trace.awake
        self._busy: set[str] = set()
        self._most_busy = max(_MOST_BUSY, len(self.files) // _BUSY_SHARE)
        self._renames: set[tuple[str, str]] | None = None
        self._spelled: dict[frozenset[str], frozenset[str]] = {}
        self._calls: dict[str, list[tuple[str, f.Use]]] = {}
        self._replacing: list[str] | None = None
        self._defining: tuple[dict[str, list[int]], dict[str, list[int]]] | None = None
        self._depth = 0

    def again(self, files: Library) -> Project:
        """Link files anew, as these were."""
        return Project(files, self.root, self.is_library)

    def rest(self, most: int = 0) -> None:
        """Drop what was made of the facts of more than `most` files.

        What is dropped is made again when it is asked for: this only bounds
        the memory of a run over thousands of files. Files that were asked for
        again and again stay; there are few of them.
        """
        if len(self._awake) > most + len(self._busy):
            for facts in self._awake:
                facts.woken += 1
                if facts.woken > _OFTEN and len(self._busy) < self._most_busy:
                    self._busy.add(facts.path)
                if facts.path not in self._busy:
                    facts.rest()
            self._awake[:] = [self.files[path] for path in self._busy]

    # -- what a name means --------------------------------------------------

    def names(self, path: str, scope: int) -> Names:
        """Give the bindings of a scope by name."""
        return self.files[path].names(scope)

    def visible(self, path: str, scope: int, name: str) -> list[f.Binding]:
        """Give the bindings of the scope that a name is looked up in."""
        facts = self.files[path]
        scopes = facts.scopes
        inner = scope
        while scope >= 0:
            if scope == inner or scopes[scope].kind != f.CLASS:
                found = facts.names(scope).get(name)
                if found:
                    return found
            scope = scopes[scope].parent
        return []

    def answers(self, path: str, scope: int, name: str) -> tuple[Answer, ...]:
        """Give everything a dotted name in a scope may mean, sorted."""
        memo = self.files[path].memo
        key = scope, name
        known: tuple[Answer, ...] | None = memo.get(key)
        if known is None:
            if self._depth == _LONGEST_CHAIN:
                return (Answer("", "local", 0),)
            memo[key] = ()  # a name that leads back to itself: unknown
            self._depth += 1
            found = set(self._answer(path, scope, name))
            known = memo[key] = tuple(sorted(found))
            self._depth -= 1
        return known

    def qualified_name(self, path: str, scope: int, name: str) -> str | None:
        """Give the one qualified name of an imported or built-in object."""
        answers = self.answers(path, scope, name)
        names = {answer.name for answer in answers}
        if len(names) == 1 and all(a.source in ("import", "builtin") for a in answers):
            return names.pop() or None
        return None

    def _answer(self, path: str, scope: int, name: str) -> Iterator[Answer]:
        if not is_dotted(name):
            return
        root, dot, rest = name.partition(".")
        rest = dot + rest
        found = self.visible(path, scope, root)
        for binding in found:
            yield from self._follow(path, binding, rest)
        module_level = not found or found[0].scope == 0
        if module_level:
            after = max((binding.line for binding in found), default=0)
            yield from self._from_stars(path, root, rest, after)
        if not found:
            yield from self._otherwise(path, scope, root, rest)

    def _follow(self, path: str, binding: f.Binding, rest: str) -> Iterator[Answer]:
        line = binding.line
        if binding.kind == f.IMPORT:
            yield from self.expand(path, binding.target + rest, line)
        elif binding.kind == f.FROM:
            module, _, name = binding.target.partition(":")
            yield from self._member(path, module, name + rest, line)
        elif binding.kind == f.ALIAS:
            target = binding.target + rest
            meant: tuple[Answer, ...] = ()
            # `function = function.__wrapped__` in a loop: how often is not known.
            circular = binding.target.partition(".")[0] == binding.name
            if not circular and target.count(".") < _MOST_PARTS:
                meant = self.answers(path, binding.scope, target)
            for answer in meant or (Answer("", "local", line),):
                yield Answer(answer.name, "local", line)
        elif binding.kind in (f.DEF, f.CLASSDEF):
            qualified = self.qualify(path, binding.scope, binding.name)
            yield Answer(qualified + rest, "local", line)
        else:
            yield Answer("", "local", line)

    def _from_stars(
        self, path: str, root: str, rest: str, after: int
    ) -> Iterator[Answer]:
        for star in self.names(path, 0).get("*"):
            if star.line <= after or root.startswith("_"):
                continue
            inside = self.resolve(path, star.target)
            for module in inside:
                exported = self.files[module].exported
                if exported and root not in exported:
                    continue
                names = self.names(module, 0)
                if root in names or "*" in names:
                    for answer in self.answers(module, 0, root + rest):
                        yield Answer(answer.name, answer.source, star.line)
            if not inside:
                name = f"{star.target}.{root}{rest}" if not after else ""
                yield Answer(name, "star", star.line)

    def _otherwise(
        self, path: str, scope: int, root: str, rest: str
    ) -> Iterator[Answer]:
        scopes = self.files[path].scopes
        while scope >= 0:
            if scopes[scope].kind == f.CLASS:
                for binding in self.names(path, scope).get(root):
                    for answer in self._follow(path, binding, rest):
                        yield Answer(answer.name, "class", binding.line)
                    return
            scope = scopes[scope].parent
        if root in _BUILTINS and "*" not in self.names(path, 0):
            yield Answer(f"builtins.{root}{rest}", "builtin", 0)

    def expand(self, importer: str, name: str, line: int) -> Iterator[Answer]:
        """Follow an absolute dotted name through the project's re-exports."""
        parts = name.split(".")
        if parts[0] in sys.builtin_module_names:
            # Found before sys.path is looked at: no file can shadow it.
            yield Answer(name, "import", line)
            return
        for size in range(len(parts), 0, -1):
            paths = self.found(".".join(parts[:size]), importer)
            if paths:
                rest = ".".join(parts[size:])
                for path in paths:
                    yield from self._in_module(path, rest, name, line)
                return
        yield Answer(name, "import", line)

    def _in_module(
        self, path: str, rest: str, name: str, line: int
    ) -> Iterator[Answer]:
        if not rest:
            yield Answer(name, "import", line)
            return
        root = rest.partition(".")[0]
        names = self.names(path, 0)
        if root not in names and "*" not in names:
            yield Answer(name, "import", line)  # set from outside, or not at all
            return
        for answer in self.answers(path, 0, rest):
            if answer.source == "local" and answer.name.startswith(
                self._names[path] + "."
            ):
                yield Answer(answer.name, "import", line)
            else:
                yield Answer(answer.name, answer.source, line)

    def _member(self, path: str, module: str, name: str, line: int) -> Iterator[Answer]:
        """Follow `from module import name`."""
        root, _, rest = name.partition(".")
        packages = self.resolve(path, module)
        if not packages and not module.startswith("."):
            yield from self.expand(path, f"{module}.{name}", line)
            return
        submodules = self.resolve(path, join(module, root))
        for package in packages:
            if root in self.names(package, 0) or not submodules:
                yield from self._in_module(package, name, f"{module}.{name}", line)
            else:
                for submodule in submodules:
                    full = f"{module}.{name}"
                    yield from self._in_module(submodule, rest, full, line)
        if not packages:
            for submodule in submodules:
                yield from self._in_module(submodule, rest, f"{module}.{name}", line)
            if not submodules:
                yield Answer(f"{module}.{name}", "import", line)

    def qualify(self, path: str, scope: int, name: str) -> str:
        """Give the qualified name of something defined in a scope."""
        parts = [name]
        scopes = self.files[path].scopes
        while scope > 0:
            if scopes[scope].name:
                parts.insert(0, scopes[scope].name)
            scope = scopes[scope].parent
        return ".".join([self._names[path], *parts])

    def renames(self, known: Iterable[str]) -> None:
        """Tell which names get other names, `old new` each; saves asking all files."""
        pairs = (each.partition(" ") for each in known)
        self._renames = {(old, new) for old, _, new in pairs}

    def spellings(self, names: Iterable[str]) -> frozenset[str] | None:
        """Give every last name under which these qualified names may appear.

        A superset, found from imports and aliases alone: a use with another
        last name cannot mean any of them. None where not all files were read:
        then nothing can be ruled out.
        """
        if self._renames is None:
            if len(self.files.at_hand()) < len(self.files):
                return None
            heads = (facts.head for facts in self.files.values())
            self.renames(rename for head in heads for rename in head.renames)
            assert self._renames is not None
        if isinstance(names, frozenset) and names in self._spelled:
            return self._spelled[names]  # asked for each file
        key = frozenset(name.rpartition(".")[2] for name in names)
        known = self._spelled.get(key)
        if known is None:
            if isinstance(names, frozenset) and key == names:
                key = names  # which is found by who it is, whatever its size
            found = set(key)
            while more := {new for old, new in self._renames if old in found} - found:
                found |= more
            known = key if len(found) == len(key) else frozenset(found)
            self._spelled[key] = known
        return known

    def replacing(self) -> list[str]:
        """Give the files that replace what a string names, or freeze the clock."""
        if self._replacing is None:
            files = sorted(self.files)
            self._replacing = [each for each in files if self.files[each].head.replaces]
        return self._replacing

    def defining(self, name: str, lazy: bool) -> list[str]:
        """Give the files that define a plain function of a name.

        With `lazy` also those with a coroutine of the name, behind the same file if
        it has both.
        """
        if self._defining is None:
            self._defining = {}, {}
            for number, facts in enumerate(self.files.values()):
                head = facts.head
                for found, names in zip(
                    self._defining, (head.plain, head.lazy), strict=True
                ):
                    for each in names:
                        found.setdefault(each, []).append(number)
        numbers = list(self._defining[0].get(name, ()))
        if lazy:
            numbers += self._defining[1].get(name, ())
        paths = list(self.files) if numbers else []
        return [paths[number] for number in sorted(numbers)]

    def follow(self, former: Project, changed: Iterable[str]) -> None:
        """Take over what is known of files, but for the changed ones.

        Both projects have the same files. Renames that are gone do no harm: they
        only say what cannot be ruled out.
        """
        changed = list(changed)
        if former._renames is not None:
            heads = (self.files[path].head for path in changed)
            self.renames(each for head in heads for each in head.renames)
            assert self._renames is not None
            self._renames |= former._renames
        if former._importers is not None:
            self._importers = former._importers
            for path in changed:
                for imported in former.imports(path):
                    self._importers[imported].remove(path)
                for imported in self.imports(path):
                    self._importers.setdefault(imported, []).append(path)

    def is_builtin(self, name: str) -> bool:
        """Tell whether a name is one of Python's own."""
        return name in _BUILTINS

    # -- who calls ---------------------------------------------

    def libraries(self, path: str) -> dict[str, f.Binding]:
        """Give the modules from outside the project that a file imports."""
        found: dict[str, f.Binding] = {}
        for binding in self.files[path].imports:
            module = binding.target.partition(":")[0]
            if module and not module.startswith("."):
                first = found.get(module)
                if first is None or binding.line < first.line:
                    found[module] = binding
        return found

    def called_as(self, last: str) -> list[tuple[str, f.Use]]:
        """Give every call whose last name is `last`, with its file."""
        known = self._calls.get(last)
        if known is None:
            known = []
            for path in self.files.calling((last,)):
                known += [(path, use) for use in self.files[path].calls_by((last,))]
                self.rest(MOST_AWAKE)
            self._calls[last] = known
        return known

    def callers(self, path: str, scope: int) -> list[tuple[str, f.Use]]:
        """Give the calls that mean the function whose scope this is.

        Module-level functions are found through imports; methods through
        `self.name()` in the same class. A call through an unknown receiver is
        not found: ask `called_as` where missing one would do harm.
        """
        function = self.files[path].scopes[scope]
        owner = function.parent
        wanted = self.qualify(path, owner, function.name)
        found = []
        for caller, use in self.called_as(function.name):
            root = use.name.partition(".")[0]
            if root in ("self", "cls"):
                if caller == path and use.name == f"{root}.{function.name}":
                    if self.enclosing(path, use.scope, (f.CLASS,)) == owner:
                        found.append((caller, use))
            elif any(
                a.name == wanted for a in self.answers(caller, use.scope, use.name)
            ):
                found.append((caller, use))
        return found

    def enclosing(self, path: str, scope: int, kinds: tuple[int, ...]) -> int:
        """Give the nearest scope of these kinds, itself included, or -1."""
        scopes = self.files[path].scopes
        while scope >= 0 and scopes[scope].kind not in kinds:
            scope = scopes[scope].parent
        return scope

    def coroutine_around(self, path: str, scope: int) -> int:
        """Give the nearest `async def` that lexically holds a scope, or -1."""
        scopes = self.files[path].scopes
        while scope >= 0:
            if scopes[scope].kind == f.FUNCTION and scopes[scope].is_async:
                return scope
            scope = scopes[scope].parent
        return -1
