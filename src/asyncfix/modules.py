"""Which file is which module, and which file imports which.

The first half of the link stage: it knows files and module names, and nothing
of what stands in them but their imports.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from asyncfix import facts as f
from asyncfix.library import Library

# Names that are looked for one by one, before all of them are worked out.
_FEW = 200
# Modules that Python has imported before it looks along `sys.path` for anything.
_AT_START = frozenset(
    (*sys.builtin_module_names, "_collections_abc", "abc", "codecs", "encodings",
     "genericpath", "io", "ntpath", "os", "posixpath", "site", "stat", "zipimport")
)  # fmt: skip


class _Made(dict[str, Any]):
    """Values that are made when they are first asked for."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: str) -> Any:
        made = self[key] = self._make(key)
        return made


class Modules:
    """The files of a project as modules. Paths are the keys of the scan."""

    def __init__(
        self,
        files: Library | Iterable[f.Facts],
        root: str,
        is_library: Callable[[str], bool] = sys.stdlib_module_names.__contains__,
    ) -> None:
        """Know files below a root; `is_library` tells what else an import may mean."""
        self.files = files if isinstance(files, Library) else Library(files)
        self.root = os.path.abspath(root)
        self.is_library = is_library
        here = os.getcwd()
        self._here = os.path.join(here, "")
        self._dotted = {
            os.path.abspath(path): path for path in self.files if path[:1] == "."
        }
        self._by_last: dict[str, list[str]] = {}
        """The files by what their names end in."""
        self._asked: dict[str, list[str]] = {}
        self._modules: dict[str, list[str]] | None = None
        """The files by their names, once many were asked for."""
        # What is the same for all files of a folder is worked out once.
        self._folders: dict[str, tuple[str, list[str]]] = {}
        self._every = _Made(self._names_of)
        self._names = _Made(lambda path: self._every[path][0])
        self._bases = _Made(lambda path: self._folder_of(path)[0])
        self._packages: dict[tuple[str, str], set[str]] = {}
        self._resolved: dict[tuple[str, str], list[str]] = {}
        self._importers: dict[str, list[str]] | None = None
        self._inside: dict[str, bool] = {}

    def _place(self, path: str) -> str:
        """Give the absolute path of a file."""
        if path[:1] == ".":
            return os.path.abspath(path)
        return os.path.join(self._here, path)

    def _at(self, place: str) -> str | None:
        """Give the file at an absolute path, as the scan calls it."""
        if place in self._dotted:
            return self._dotted[place]
        path = place.removeprefix(self._here)
        for each in (path, place):
            if each in self.files and each[:1] != ".":
                return each
        return None

    def _folder_of(self, path: str) -> tuple[str, list[str]]:
        folder = path[: path.rfind(os.sep) + 1]
        known = self._folders.get(folder)
        if known is None:
            place = os.path.dirname(self._place(path))
            known = self._folders[folder] = self._package(place)
        return known

    def _names_of(self, path: str) -> list[str]:
        """Give all names of a file's module, the likeliest first."""
        stem = path[path.rfind(os.sep) + 1 :].removesuffix(".py")
        prefixes = self._folder_of(path)[1]
        if stem == "__init__":
            names = [prefix[:-1] or stem for prefix in prefixes]
        else:
            names = [prefix + stem for prefix in prefixes]
        return names if len(names) == 1 else list(dict.fromkeys(names))

    def _of_module(self, name: str) -> list[str]:
        """Give the files that a name of a module leads to."""
        if self._modules is None and name not in self._asked:
            if len(self._asked) < _FEW:
                some = dict.fromkeys(self._ending(name))
                self._asked[name] = [each for each in some if name in self._every[each]]
            else:
                self._modules = {}
                for path in self.files:
                    for each in self._every[path]:
                        self._modules.setdefault(each, []).append(path)
        if self._modules is None:
            return self._asked[name]
        return self._modules.get(name, [])

    def _ending(self, name: str) -> Iterator[str]:
        """Give the files whose modules may have a name, in their order."""
        if not self._by_last:
            self._sort_by_last()
        plain = name.replace(".", os.sep)
        ends = f"{os.sep}{plain}.py", f"{os.sep}{plain}{os.sep}__init__.py"
        for path in self._by_last.get(name.rpartition(".")[2], ()):
            # A name is the end of its path, but perhaps of one that starts above us.
            if (
                path.endswith(ends)
                or len(path) <= len(plain) + len("/__init__.py")
                or "." in path[:-3]
                or path[-3:] != ".py"
            ):
                yield path

    def _sort_by_last(self) -> None:
        known = self._by_last
        for path in self.files:
            folder, _, file = path.rpartition(os.sep)
            if file == "__init__.py":
                known.setdefault("__init__", []).append(path)
                last = os.path.basename(folder or os.path.dirname(self._place(path)))
            else:
                last = file.removesuffix(".py")
            if "." in last:
                last = last.rpartition(".")[2]
            known.setdefault(last, []).append(path)

    def _is_package(self, folder: str) -> bool:
        place = os.path.join(folder, "__init__.py")
        return self._at(place) is not None and os.path.dirname(folder) != folder

    def _package(self, folder: str) -> tuple[str, list[str]]:
        """Give the folder that imports start from, and what names start with.

        The likeliest first: from the folder that holds the outermost package,
        from the project's root, and without the root's `src` or `lib`.
        """
        parts: list[str] = []
        while self._is_package(folder):
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
        name: str = self._names[path]
        return name

    def module_names(self, path: str) -> frozenset[str]:
        """Give every dotted name that imports this file."""
        return frozenset(self._every[path])

    def shadows(self, module: str, path: str) -> str | None:
        """Give the file that `import module` finds from `path` in the project.

        Only a file beside the importer's top package, or in the project's root
        or its src folder, can hide a module of the standard library. One that does so
        only where the importer is run as a script counts here, too: new code must not
        take it for Python's.
        """
        near = self._near(path)
        for other in self._of_module(module):
            if self._names[other] == module and self._bases[other] in near:
                return other
        return None

    def _near(self, path: str) -> set[str]:
        return {self._bases[path], self.root, os.path.join(self.root, "src")}

    def _is_inside(self, folder: str) -> bool:
        """Tell whether a folder, no package itself, stands in one of the project's.

        What is in it is imported by its whole name: nobody has such a folder on the path.
        """
        known = self._inside.get(folder)
        if known is None:
            above = os.path.dirname(folder)
            is_above_all = above == folder or len(folder) <= len(self.root)
            known = not is_above_all and (
                self._is_package(above) or self._is_inside(above)
            )
            self._inside[folder] = known
        return known

    def _may_be(self, module: str, path: str, found: str, near: set[str]) -> bool:
        """Tell whether a file may be what a name means that a library has, too.

        `import redis` is the library for all that a `utils/redis.py` of the project or
        an `examples/redis.py` says; a package beside it may be one of several that the
        project makes.
        """
        if self._names[found] != module:
            return True  # by its whole name from the root
        base = self._bases[found]
        if self._is_inside(base):
            return False
        if base in near:
            return True
        is_package = "." in module or os.path.basename(found) == "__init__.py"
        return is_package and module.partition(".")[0] not in sys.stdlib_module_names

    def found(self, module: str, path: str) -> list[str]:
        """Give the files that `module` may mean, imported from `path`.

        Of several, those beside the importer's own top package count, and those
        in the project's root or its src folder, which may be on the path, too.
        """
        paths = self._of_module(module)
        if not paths:
            return paths
        near = self._near(path)
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or self.is_library(top):
            if top in _AT_START:
                return []
            paths = [e for e in paths if self._may_be(module, path, e, near)]
        if len(paths) > 1:
            return [each for each in paths if self._bases[each] in near] or paths
        return paths

    def imported(self, path: str, module: str) -> list[str]:
        """Give the files that `import module` means; none if it is Python's own."""
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
            found = self._at(candidate)
            if found is not None:
                return [found]
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
            return bool(self._of_module(f"{module}.{name}"))
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
