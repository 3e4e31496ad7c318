"""The codemods that are installed: every pack in the entry-point group.

A pack is a package; each of its modules may define codemods. Modules whose
name starts with an underscore are shared help and are not looked at.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

from asyncfix.catalog import Catalog
from asyncfix.codemod import Codemod
from asyncfix.model import AsyncfixError, Settings

GROUP = "asyncfix.codemods"


def installed() -> tuple[Codemod, ...]:
    """Give one instance of every installed codemod, sorted by name.

    Raises AsyncfixError where there is none, where a pack cannot be imported,
    or where two codemods have one name.
    """
    found: dict[str, Codemod] = {}
    for entry in _packs():
        try:
            codemods = in_pack(entry.value)
        except ImportError as error:
            raise AsyncfixError(
                f"the codemod pack {entry.name!r} ({entry.value}) cannot be "
                f"imported: {error}; reinstall it or uninstall it"
            ) from error
        for codemod in codemods:
            if codemod.name in found:
                raise AsyncfixError(
                    f"two packs define the codemod {codemod.name!r}: "
                    f"{type(found[codemod.name]).__module__} and "
                    f"{type(codemod).__module__}"
                )
            found[codemod.name] = codemod
    if not found:
        raise AsyncfixError(
            "no codemod is installed: run `pip install asyncfix-codemod`, "
            "or `pip install -e .` in a checkout"
        )
    return tuple(found[name] for name in sorted(found))


def catalog(settings: Settings) -> Catalog:
    """Give the catalog: the data of every installed pack, and the person's own.

    Raises AsyncfixError where an entry of the person's own is wrong.
    """
    folders = []
    for entry in _packs():
        folders += [
            Path(place, "catalog")
            for place in import_module(entry.value).__path__
            if Path(place, "catalog").is_dir()
        ]
    return Catalog(folders, settings.catalog, str(settings.root / "pyproject.toml"))


class Pack(NamedTuple):
    """An installed pack: the name it goes by, and its package."""

    name: str
    value: str


@cache
def _packs() -> tuple[Pack, ...]:
    # Once in a process: every package that is installed is looked into for that.
    return tuple(sorted(entry_points(), key=lambda each: each.name))


def entry_points() -> Iterator[Pack]:
    """Give our entry points of all that is installed, as `importlib.metadata` does.

    It is asked itself where packages may be kept elsewhere than in folders; else its
    import alone would cost as much as all of asyncfix's.
    https://packaging.python.org/en/latest/specifications/entry-points/
    """
    finders = (each for each in sys.meta_path if each is not PathFinder)
    if any(hasattr(each, "find_distributions") for each in finders) or any(
        os.path.isfile(place) for place in sys.path
    ):
        from importlib import metadata

        for each in metadata.entry_points(group=GROUP):
            yield Pack(each.name, each.value)
        return
    seen = set()
    for place in sys.path:
        try:
            names = os.listdir(place or os.curdir)
        except OSError:
            continue
        for name in names:
            stem, ending = os.path.splitext(name)
            if ending not in (".dist-info", ".egg-info"):
                continue
            # Of two that are installed under one name the first is imported.
            known = re.sub(r"[-_.]+", "-", stem.partition("-")[0]).lower()
            if known not in seen:
                seen.add(known)
                yield from _entry_points(os.path.join(place, name, "entry_points.txt"))


def _entry_points(path: str) -> Iterator[Pack]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif section == GROUP and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield Pack(name.strip(), value.strip())


def code() -> tuple[str, ...]:
    """Give the files that asyncfix and the installed packs are made of, sorted."""
    packages = {"asyncfix", *(entry.value.partition(".")[0] for entry in _packs())}
    return _code(frozenset(packages))


@cache
def _code(packages: frozenset[str]) -> tuple[str, ...]:
    folders = [place for name in packages for place in import_module(name).__path__]
    return tuple(sorted(file for folder in folders for file in _code_in(folder)))


def _code_in(folder: str) -> Iterator[str]:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.endswith(".py"):
            yield path
        elif name != "__pycache__" and os.path.isdir(path):
            for inner in os.listdir(path):
                if inner.endswith((".py", ".toml")):
                    yield os.path.join(path, inner)


def in_pack(package: str) -> list[Codemod]:
    """Give the codemods that a package's modules define.

    Raises ImportError where the package or one of its modules cannot be.
    """
    pack = import_module(package)
    codemods = []
    files = sorted(file for place in pack.__path__ for file in os.listdir(place))
    for file in files:
        name, ending = os.path.splitext(file)
        if ending != ".py" or name.startswith("_"):
            continue
        module = import_module(f"{package}.{name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Codemod)
                and value.__module__ == module.__name__
                and "name" in vars(value)
            ):
                codemods.append(value())
    return codemods
