"""The trees that are timed: copies, samples, parts, a tree twice; files to edit.

Nothing here writes to the tree it is given. Call it in a child: what it holds would
count as the peak memory of every later child of the same process.
"""

from __future__ import annotations

import ast
import os
import random
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

CANARY = "asyncfix_canary"
SLEEP = "import time\n\n\nasync def canary():\n    time.sleep(1)\n"
# All tools report it, none can change it: on a tree that is otherwise clean, a fix
# would add the cost of all that makes and proves fixes.
LOCKED_SLEEP = """import threading
import time

LOCK = threading.Lock()


async def canary():
    with LOCK:
        time.sleep(1)
"""
# What asyncfix or ruff leaves out on its own: the work is to be the same.
LEFT_OUT = frozenset(
    ("build", "dist", "_build", "buck-out", "node_modules", "site-packages", "venv",
     "__pycache__", "__pypackages__")
)  # fmt: skip
IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)"
    rb"|import[ \t]+([^\n]*))",
    re.MULTILINE,
)


def sources(tree: Path) -> Iterator[Path]:
    """In: a folder. Out: its Python files, sorted, hidden folders left out."""
    for folder, folders, names in os.walk(tree):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, n) for n in sorted(names) if n.endswith(".py"))


def plant(target: Path, content: str = LOCKED_SLEEP) -> None:
    """Out: one more file, with a blocking sleep; who does not tell it did not work."""
    last = target / "zzz" / f"{CANARY}.py"  # a tool that gives up early misses it
    last.parent.mkdir(parents=True, exist_ok=True)
    last.write_text(content, encoding="utf-8")


def write(target: Path, place: Path, content: bytes) -> int:
    """In: a folder, a place in it, what is written there. Out: its bytes."""
    copy = target / place
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    return len(content)


def draw(tree: Path, target: Path, limit: float, seed: int) -> tuple[int, int, int]:
    """In: a tree, an empty folder, bytes wanted, a seed. Out: files, bytes, lines.

    Copies whole files in a random order that the seed fixes, until the limit is
    reached. Only files this Python can parse are taken, since flake8-async stops at
    the first one it cannot, and then looks fast.
    """
    found = list(sources(tree))
    random.Random(seed).shuffle(found)
    files = size = lines = 0
    for path in found:
        content = path.read_bytes()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(content)
        except (SyntaxError, ValueError, RecursionError):
            continue
        size += write(target, path.relative_to(tree), content)
        files, lines = files + 1, lines + content.count(b"\n")
        if size >= limit:
            break
    plant(target, SLEEP)
    return files, size, lines


def copy(tree: Path, target: Path) -> tuple[int, int]:
    """In: a tree, an empty folder. Out: files and bytes that were copied.

    A tree that is itself a package stays one.
    """
    base = tree.parent if (tree / "__init__.py").is_file() else tree
    files = size = 0
    for path in sources(tree):
        if path.is_symlink() or not LEFT_OUT.isdisjoint(path.relative_to(tree).parts):
            continue
        size += write(target, path.relative_to(base), path.read_bytes())
        files += 1
    plant(target)
    return files, size


# --- larger and smaller ----------------------------------------------------------


def units(found: dict[Path, int], most: float, depth: int = 0) -> Iterator[list[Path]]:
    """In: files and bytes of a folder at this depth. Out: it in parts of `most` bytes.

    A part is a whole folder, or one file that has no such folder around it.
    """
    if len(found) == 1 or sum(found.values()) <= most:
        yield list(found)
        return
    below: dict[str, dict[Path, int]] = {}
    for path, size in found.items():
        below.setdefault(path.parts[depth], {})[path] = size
    for each in below.values():
        yield from units(each, most, depth + 1)


def part(tree: Path, target: Path, share: float, seed: int) -> int:
    """In: a copy, an empty folder, a share below 1, a seed. Out: bytes copied.

    Folders that are at most 1/64 of the tree are drawn whole, with `__init__.py` of
    the packages around them. What a smaller share takes, a larger one takes too.
    """
    found = {path.relative_to(tree): path.stat().st_size for path in sources(tree)}
    whole = sum(found.values())
    drawn = list(units(found, whole / 64))
    random.Random(seed).shuffle(drawn)
    taken: set[Path] = set()
    for unit in drawn:
        if sum(found[path] for path in taken) >= share * whole:
            break
        for path in unit:
            above = {folder / "__init__.py" for folder in path.parents}
            taken |= {path, *(above & found.keys())}
    size = sum(write(target, p, (tree / p).read_bytes()) for p in sorted(taken))
    plant(target)
    return size


def twice(tree: Path, target: Path) -> int:
    """In: a copy, an empty folder. Out: bytes; the tree and a second one beside it.

    The second one's packages have other names, also where they import one another.
    """
    found = [path.relative_to(tree) for path in sources(tree)]
    packages = {path: package_at(tree, path) for path in found}
    names = sorted({p.parts[at] for p, at in packages.items() if len(p.parts) > at + 1})
    either = b"|".join(re.escape(name.encode()) for name in names)
    inner = re.compile(rb"(?m)^([ \t]*(?:from|import)[ \t]+(?:%b))\b" % either)
    size = 0
    for path, at in packages.items():
        content = (tree / path).read_bytes()
        size += write(target, path, content)
        parts = list(path.parts)
        stem, dot, suffix = parts[at].partition(".")
        parts[at] = f"{stem}_2{dot}{suffix}"
        content = inner.sub(rb"\1_2", content) if names else content
        size += write(target, Path(*parts), content)
    plant(target)
    return size


def package_at(tree: Path, path: Path) -> int:
    """In: a file's place. Out: which of its parts is the outermost package, else 0."""
    for at in range(len(path.parts) - 1):
        if (tree.joinpath(*path.parts[: at + 1]) / "__init__.py").is_file():
            return at
    return 0


# --- what is edited --------------------------------------------------------------


def to_edit(tree: Path) -> tuple[tuple[Path, int], tuple[Path, int]]:
    """In: a copy. Out: a leaf and the core, each with how many files import it.

    The core is the file that most others import. The leaf is of those that the
    fewest import the one of median size; where it can be, one with a coroutine.
    """
    modules: dict[str, Path] = {}
    for path in sources(tree):
        place = path.relative_to(tree)
        parts = place.with_suffix("").parts[package_at(tree, place) :]
        dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.setdefault(dotted, path)
    modules = {name: path for name, path in modules.items() if CANARY not in name}
    importers: Counter[str] = Counter()
    sizes: dict[str, tuple[bool, int]] = {}
    for name, path in modules.items():
        content = path.read_bytes()
        importers.update(imported(name, path, content, modules) - {name})
        sizes[name] = b"async def" not in content, len(content)
    core = max(sorted(modules), key=lambda each: importers[each])
    plain = {name for name, path in modules.items() if path.name != "__init__.py"}
    plain = plain - {core} or {core}
    fewest = min(importers[name] for name in plain)
    leaves = [name for name in plain if importers[name] == fewest]
    coroutines = [name for name in leaves if not sizes[name][0]] or leaves
    coroutines.sort(key=lambda each: (sizes[each], each))
    leaf = coroutines[len(coroutines) // 2]
    return (modules[leaf], importers[leaf]), (modules[core], importers[core])


def imported(
    name: str, path: Path, content: bytes, modules: dict[str, Path]
) -> set[str]:
    """In: a module, all modules by name. Out: those of them that it imports."""
    found: set[str] = set()
    for match in IMPORT.finditer(content):
        start, names, plain = (each.decode("utf-8", "replace") if each else ""
                               for each in match.groups())  # fmt: skip
        if plain:
            found.update(each.split()[0] for each in plain.split(",") if each.split())
            continue
        rest = start.lstrip(".")
        if level := len(start) - len(rest):
            package = name.split(".") if path.name == "__init__.py" else [
                *name.split(".")[:-1]]  # fmt: skip
            above = package[: len(package) - level + 1]
            start = ".".join([*above, rest] if rest else above)
        found.add(start)
        found.update(f"{start}.{each}" for each in re.findall(r"\w+", names))
    return found & modules.keys()
