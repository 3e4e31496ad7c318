"""A module's name leads to the same files, looked for alone or among all names."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from asyncfix import modules
from asyncfix.library import Library
from asyncfix.modules import Modules

FOLDERS = ("a", "b", "src", "lib", "x.y", ".h", "__init__", "tests", "py")
FILES = ("__init__.py", "a.py", "b.py", "c.pyw", "d.e.py", ".py", ".x.py", "src.py")


def drawn(chance: random.Random, here: str) -> list[str]:
    paths = set()
    for _ in range(chance.randrange(1, 14)):
        folders = [chance.choice(FOLDERS) for _ in range(chance.randrange(4))]
        path = os.path.join(*folders, chance.choice(FILES))
        if chance.random() < 0.2:
            path = os.path.join(os.path.dirname(here), "elsewhere", path)
        paths.add(path)
    return chance.sample(sorted(paths), len(paths))


@pytest.mark.any_python
@pytest.mark.parametrize("seed", range(20))
def test_one_name_or_all(
    here: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        paths = drawn(chance, str(here))
        root = chance.choice([here, here / "src", here.parent])
        library = Library((), paths, lambda path: None)  # type: ignore[arg-type, return-value]  # nothing is loaded
        monkeypatch.setattr(modules, "_FEW", 0)
        whole = Modules(library, str(root))
        names = {each for path in paths for each in whole.module_names(path)}
        monkeypatch.setattr(modules, "_FEW", 1000)
        alone = Modules(library, str(root))
        for name in (*sorted(names), "no.such", "", "__init__", "pyw"):
            found = [path for path in paths if name in alone.module_names(path)]
            assert alone._of_module(name) == whole._of_module(name) == found, name
        for path in paths:
            place = os.path.join(here, path)
            assert alone._at(place) == path
            assert alone._at(f"{place}x") is None
            assert alone.module_name(path) in names


def test_the_folder_that_we_are_in_may_be_inside_of_a_package(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "top" / "inner").mkdir(parents=True)
    monkeypatch.chdir(here / "top" / "inner")
    paths = ["__init__.py", "../x.py", str(here / "top" / "__init__.py"), "c.py"]
    paths[1] = str(here / "top" / "x.py")
    found = Modules(Library((), paths, lambda path: None), str(here))  # type: ignore[arg-type, return-value]  # nothing is loaded
    assert [found._of_module(name) for name in ("top", "top.inner", "top.x")] == [
        [paths[2]], [paths[0]], [paths[1]]
    ]  # fmt: skip
    assert found._of_module("top.inner.c") == ["c.py"]
    assert found._of_module("inner.c") == found._of_module("c") == []


@pytest.mark.parametrize(
    ("at", "file", "found"),
    [
        ("app/main.py", "app/utils/redis.py", False),
        ("app/utils/main.py", "app/utils/redis.py", False),
        ("main.py", "examples/redis.py", False),
        ("examples/main.py", "examples/redis.py", True),
        ("app/main.py", "redis.py", True),
        # One of several packages that a project makes.
        ("libs/cache/cache/main.py", "libs/redis/redis/__init__.py", True),
    ],
)
def test_a_file_with_the_name_of_a_library(at: str, file: str, found: bool) -> None:
    paths = ["app/__init__.py", "libs/cache/cache/__init__.py", at, file]
    library = Library((), paths, lambda path: None)  # type: ignore[arg-type, return-value]  # nothing is loaded
    known = Modules(library, ".", lambda name: name == "redis")
    assert known.imported(at, "redis") == ([file] if found else [])
    others = Modules(library, ".", lambda name: False)
    assert others.imported(at, "redis") == [file]


@pytest.mark.parametrize(
    ("at", "file", "hides"),
    [
        ("main.py", "asyncio.py", True),
        ("app/main.py", "asyncio.py", True),
        ("scripts/main.py", "scripts/asyncio.py", True),
        # Run as a script, it would find that one: nothing is taken for Python's here.
        ("app/tools/main.py", "app/tools/asyncio.py", True),
        ("app/main.py", "app/tools/asyncio.py", False),
        ("main.py", "scripts/asyncio.py", False),
    ],
)
def test_a_file_that_hides_what_new_code_needs(at: str, file: str, hides: bool) -> None:
    paths = ["app/__init__.py", at, file]
    library = Library((), paths, lambda path: None)  # type: ignore[arg-type, return-value]  # nothing is loaded
    assert Modules(library, ".").shadows("asyncio", at) == (file if hides else None)
