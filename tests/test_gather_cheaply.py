"""Gather asks for little: no file twice, and git only where there may be a repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncfix.gather import find_root, gather
from asyncfix.model import Settings

if TYPE_CHECKING:
    from conftest import Made


def git(where: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(
        ["git", *identity, *arguments], cwd=where, check=True, capture_output=True
    )


def files(*paths: str) -> list[str]:
    where = tuple(map(Path, paths)) or (Path(),)
    return gather(Settings(paths=where, root=find_root(where))).files


def test_a_file_is_not_asked_again_but_a_link_is(
    made: Made, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made({"a.py": "", "b/c.py": "", "d.txt": ""})
    (here / "e.py").symlink_to("d.txt")
    known = {name: os.stat(name) for name in ("a.py", "b/c.py", "e.py")}
    known["gone.py"] = known["a.py"]
    asked = []
    real = os.lstat
    monkeypatch.setattr(os, "lstat", lambda name: asked.append(str(name)) or real(name))
    settings = Settings(paths=(Path(),), root=here)
    found = gather(settings, known)
    named = ("./a.py", "./b/c.py", "./e.py")
    assert [each for each in asked if each in named] == ["./e.py"]
    asked.clear()
    fresh = gather(settings)
    assert found.files == fresh.files == ["a.py", "b/c.py", "e.py"]
    assert found.statuses == fresh.statuses
    assert {*asked} >= {*named}


def test_what_is_known_is_not_asked_of_a_link_that_has_come(
    made: Made, here: Path
) -> None:
    made({"a.py": "", "b.py": "", "out.txt": ""})
    known = {name: os.stat(name) for name in ("a.py", "b.py")}
    (here / "b.py").unlink()
    (here / "b.py").symlink_to("a.py")
    assert gather(Settings(paths=(Path(),), root=here), known).files == ["a.py"]


def test_git_is_not_started_outside_of_a_repository(
    made: Made, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made({"a/b.py": ""})
    started = []
    real = subprocess.run

    def run(*arguments: Any, **more: Any) -> Any:
        started.append(arguments)
        return real(*arguments, **more)

    monkeypatch.setattr(subprocess, "run", run)
    assert (files("a"), started) == (["a/b.py"], [])
    git(here, "init", "-q", ".")
    started.clear()
    assert (files("a"), len(started)) == (["a/b.py"], 1)


def test_a_bare_repository_lists_nothing_itself(made: Made, here: Path) -> None:
    made({"a.py": ""})
    git(here, "init", "-q", "--bare", ".")
    assert files() == ["a.py"]


def test_a_worktree_is_in_a_repository(made: Made, here: Path) -> None:
    made({"main/a.py": "", "main/b.txt": ""})
    git(here / "main", "init", "-q", ".")
    git(here / "main", "add", ".")
    git(here / "main", "commit", "-q", "-m", "x")
    git(here / "main", "worktree", "add", "-q", "../tree")
    (here / "tree" / "c.py").write_text("")
    (here / "tree" / ".gitignore").write_text("c.py")
    assert files("tree") == ["tree/a.py"]
