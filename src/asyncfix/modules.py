"""Which file is which module, and which file imports which.

The first half of the link stage: it knows files and module names, and nothing
of what stands in them but their imports.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable

from asyncfix import facts as f
from asyncfix.library import Library


class Modules:
    """The files of a project as modules. Paths are the keys of the scan."""

    def __init__(self, files: Library | Iterable[f.Facts], root: str) -> None:
        self.files = files if isinstance(files, Library) else Library(files)
        self.root = os.path.abspath(root)
        here = os.getcwd()
        # Paths come without `.` and `..` in them, so that joining is enough.
        self._by_place = {
            os.path.abspath(path) if path[:1] == "." else os.path.join(here, path): path
            for path in self.files
        }
        self._modules: dict[str, list[str]] = defaultdict(list)
        self._names: dict[str, str] = {}
        self._bases: dict[str, str] = {}
        self._packages: dict[tuple[str, str], set[str]] = {}
        self._resolved: dict[tuple[str, str], list[str]] = {}
        self._importers: dict[str, list[str]] | None = None
        mark = os.sep + "__init__.py"
        packages = {
            place[: -len(mark)] for place in self._by_place if place.endswith(mark)
        }
        # What is the same for all files of a folder is worked out once.
        folders: dict[str, tuple[str, list[str]]] = {}
        for place, path in self._by_place.items():
            folder, _, file = place.rpartition(os.sep)
            known = folders.get(folder)
            if known is None:
                known = folders[folder] = self._package(folder or os.sep, packages)
            base, prefixes = known
            self._bases[path] = base
            stem = file.removesuffix(".py")
            if stem == "__init__":
                names = [prefix[:-1] or stem for prefix in prefixes]
            else:
                names = [prefix + stem for prefix in prefixes]
            self._names[path] = names[0]
            for name in dict.fromkeys(names):
                self._modules[name].append(path)

    def _package(self, folder: str, packages: set[str]) -> tuple[str, list[str]]:
        """Give the folder that imports start from, and what names start with.

        The likeliest first: from the folder that holds the outermost package,
        from the project's root, and without the root's `src` or `lib`.
        """
        parts: list[str] = []
        while folder in packages:
            folder, last = os.path.split(folder)
            parts.insert(0, last)
        ways = [parts]
        start = os.path.join(self.root, "")
        outer = folder[len(start) :].split(os.sep) if folder.startswith(start) else []
        if outer and outer[0]:
            ways.append([*outer, *parts])
            if outer[0] in ("src", "lib") and len(outer) > 1:
                ways.append([*outer[1:], *parts])
        return folder, ["".join(f"{part}." for part in way) for way in ways]

    def module_name(self, path: str) -> str:
        """Give the likeliest dotted name of a file's module."""
        return self._names[path]

    def module_names(self, path: str) -> frozenset[str]:
        """Give every dotted name that imports this file."""
        return frozenset(name for name, paths in self._modules.items() if path in paths)

    def shadows(self, module: str, path: str) -> str | None:
        """Give the file that `import module` finds from `path` in the project.

        Only a file beside the importer's top package, or in the project's root
        or its src folder, can hide a module of the standard library.
        """
        near = self._near(path)
        for other in self._modules.get(module, ()):
            if self._names[other] == module and self._bases[other] in near:
                return other
        return None

    def _near(self, path: str) -> set[str]:
        return {self._bases[path], self.root, os.path.join(self.root, "src")}

    def found(self, module: str, path: str) -> list[str]:
        """Give the files that `module` may mean, imported from `path`.

        Of several, those beside the importer's own top package count, and those
        in the project's root or its src folder, which may be on the path, too.
        """
        paths = self._modules.get(module, [])
        if len(paths) > 1:
            near = self._near(path)
            return [each for each in paths if self._bases[each] in near] or paths
        return paths

    def imported(self, path: str, module: str) -> list[str]:
        """Give the files that `import module` means; none if it is Python's own."""
        if module.partition(".")[0] in sys.builtin_module_names:
            return []
        return self.found(module, path)

    def resolve(self, path: str, module: str) -> list[str]:
        """Give the files that a module name means in a file, at most one each."""
        # All files of a folder mean the same, and more than that by a full name.
        relative = module.startswith(".")
        key = os.path.dirname(path) if relative else self._bases[path], module
        known = self._resolved.get(key)
        if known is None:
            known = self._resolved[key] = self._resolve(path, module)
        return known

    def _resolve(self, path: str, module: str) -> list[str]:
        if not module.startswith("."):
            return self.found(module, path)
        name = module.lstrip(".")
        folder = os.path.dirname(os.path.abspath(path))
        for _ in range(len(module) - len(name) - 1):
            folder = os.path.dirname(folder)
        place = os.path.join(folder, *name.split(".")) if name else folder
        for candidate in (os.path.join(place, "__init__.py"), place + ".py"):
            if candidate in self._by_place:
                return [self._by_place[candidate]]
        return []

    def imports(self, path: str) -> frozenset[str]:
        """Give the project's files that a file imports, wherever it does so."""
        found: set[str] = set()
        modules: set[str] = set()
        for target in self.files[path].head.imported:
            module, colon, name = target.partition(":")
            modules.add(module)
            # Most names are no modules: that is told without looking for files.
            if colon and self._may_hold(path, module, name):
                found.update(self.resolve(path, join(module, name)))
        for module in modules:
            if module[:1] == ".":
                found.update(self.resolve(path, module))
            else:
                found.update(self._with_packages(path, module))
        return frozenset(found - {path})

    def _may_hold(self, path: str, module: str, name: str) -> bool:
        """Tell whether a name that is imported from a module may be a module."""
        if module[:1] != ".":
            return f"{module}.{name}" in self._modules
        inside = self.resolve(path, module)
        return not inside or inside[0].endswith("__init__.py")

    def _with_packages(self, path: str, module: str) -> set[str]:
        """Give the files of an absolute module and of the packages that it is in."""
        key = self._bases[path], module
        known = self._packages.get(key)
        if known is None:
            known = self._packages[key] = set()
            while module:
                known.update(self.found(module, path))
                module = module.rpartition(".")[0]
        return known

    def know_imports(self, known: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Tell for each file which files it imports; saves asking them."""
        self._importers = defaultdict(list)
        for importer, every in known:
            for imported in every:
                self._importers[imported].append(importer)

    def importers(self, path: str) -> frozenset[str]:
        """Give the project's files that import a file themselves."""
        if self._importers is None:
            self.know_imports((each, self.imports(each)) for each in self.files)
            assert self._importers is not None
        return frozenset(self._importers.get(path, ()))

    def reached_by(self, path: str) -> frozenset[str]:
        """Give the files that import a file, directly or through others."""
        reached: set[str] = set()
        todo = [path]
        while todo:
            fresh = self.importers(todo.pop()) - reached
            reached |= fresh
            todo.extend(fresh)
        return frozenset(reached)


def join(module: str, name: str) -> str:
    """Join a module, perhaps only dots, and a name in it."""
    return module + name if module.endswith(".") else f"{module}.{name}"
