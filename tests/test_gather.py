"""Gather: which files a run looks at, inside and outside of git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from asyncfix.gather import Gathered, find_root, gather, shown, surroundings
from asyncfix.model import AsyncfixError, Settings

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Give a function that makes files in a new current folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))  # no gitignore of the person's own
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)

    def make(*names: str, **contents: str) -> Path:
        for name in names:
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(contents.get(name, "x = 1\n"))
        return root

    return make


def git(where: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(
        ["git", *identity, *arguments], cwd=where, check=True, capture_output=True
    )


def repository(root: Path, ignored: str = "", forced: tuple[str, ...] = ()) -> None:
    if ignored:
        (root / ".gitignore").write_text(ignored)
    git(root, "init", "-q", ".")
    git(root, "add", ".")
    for name in forced:
        git(root, "add", "-f", name)


def gathered(*paths: str, root: Path | None = None, **more: object) -> Gathered:
    where = tuple(Path(path) for path in paths) or (Path(),)
    root = root or find_root(where)
    return gather(Settings(paths=where, root=root, **more))  # type: ignore[arg-type]


def files(*paths: str, **more: object) -> list[str]:
    return gathered(*paths, **more).files  # type: ignore[arg-type]


# -- outside of git ---------------------------------------------------------


def test_python_files_of_a_folder_sorted(tree: Tree) -> None:
    tree(
        "b.py", "a/c.py", "a.py", "gui.pyw", "x.txt", "x.pyc", "x.pyi", "x.ipynb", "py"
    )
    assert files() == ["a.py", "a/c.py", "b.py", "gui.pyw"]


@pytest.mark.parametrize(
    "folder",
    [".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "node_modules",
     "__pycache__", ".mypy_cache", ".eggs", "build", "dist", "_build", "buck-out"],
)  # fmt: skip
def test_folders_that_are_nobodys_code_are_left_out(tree: Tree, folder: str) -> None:
    tree(
        "a.py", f"{folder}/b.py", f"c/{folder}/d.py", f"{folder}.py", f"{folder}s/e.py"
    )
    assert files() == sorted(["a.py", f"{folder}.py", f"{folder}s/e.py"])


def test_a_named_file_is_taken_whatever_it_is_called(tree: Tree) -> None:
    tree("script", "a.py", "build/b.py")
    assert files("script", "build/b.py") == ["build/b.py", "script"]


def test_a_named_folder_of_an_environment_is_left_out_and_said(tree: Tree) -> None:
    tree("a.py", ".venv/b.py")
    found = gathered(".", ".venv")
    assert found.files == ["a.py"]
    (note,) = found.notes
    assert ".venv" in note


@pytest.mark.parametrize(
    "paths",
    [("a.py", "a.py"), (".", "a.py"), ("a.py", "."), ("./a.py", "a.py"), (".", "./."),
     ("c/../a.py", "a.py")],
)  # fmt: skip
def test_a_file_is_taken_once(tree: Tree, paths: tuple[str, ...]) -> None:
    tree("a.py", "c/d.py")
    found = gathered(*paths)
    assert found.files.count("a.py") == 1
    assert found.skipped.total() == 0


def test_paths_above_and_elsewhere_are_absolute(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree("a.py", "c/d.py")
    monkeypatch.chdir(root / "c")
    assert files("..") == sorted([str(root / "a.py"), "d.py"])
    assert files(str(root / "c" / "d.py")) == ["d.py"]


@pytest.mark.parametrize("path", ["none.py", "none/", "c/none", "a.py/b"])
def test_a_path_that_is_not_there_is_an_error(tree: Tree, path: str) -> None:
    tree("a.py", "c/d.py")
    with pytest.raises(AsyncfixError, match=r"none|a\.py/b"):
        gathered("a.py", path)


def test_a_named_link_to_nowhere_is_an_error(tree: Tree) -> None:
    root = tree("a.py")
    (root / "dangling.py").symlink_to("nowhere.py")
    with pytest.raises(AsyncfixError, match=r"dangling\.py"):
        gathered("dangling.py")


@pytest.mark.parametrize(
    ("name", "reason"), [("n.ipynb", "notebook"), ("s.pyi", "stub")]
)
def test_named_files_without_code_that_runs_are_skipped(
    tree: Tree, name: str, reason: str
) -> None:
    tree("a.py", name)
    found = gathered("a.py", name)
    assert found.files == ["a.py"]
    ((why, count),) = found.skipped.items()
    assert why.startswith(reason)
    assert count == 1


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (("b.py",), ["a.py", "c/d.py"]),
        (("/b.py",), ["a.py", "c/b.py", "c/d.py"]),
        (("c/",), ["a.py", "b.py"]),
        (("c/*",), ["a.py", "b.py"]),
        (("*.py", "!a.py"), ["a.py"]),
        (("**/d.py",), ["a.py", "b.py", "c/b.py"]),
        (("nothing",), ["a.py", "b.py", "c/b.py", "c/d.py"]),
        (("#a.py", ""), ["a.py", "b.py", "c/b.py", "c/d.py"]),
    ],
)
def test_excludes_are_patterns_of_gitignore(
    tree: Tree, patterns: tuple[str, ...], left: list[str]
) -> None:
    root = tree("a.py", "b.py", "c/b.py", "c/d.py")
    found = gathered(root=root, exclude=patterns)
    assert found.files == left
    assert found.skipped == ({"excluded": 4 - len(left)} if len(left) < 4 else {})


def test_excludes_hold_for_named_files_and_are_counted(tree: Tree) -> None:
    root = tree("a.py", "c/d.py")
    found = gathered("a.py", "c/d.py", root=root, exclude=("c/",))
    assert found.files == ["a.py"]
    assert found.skipped == {"excluded": 1}


def test_excludes_count_from_the_root(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree("pyproject.toml", "c/d.py", "c/e.py")
    monkeypatch.chdir(root / "c")
    assert files(exclude=("/c/d.py",)) == ["e.py"]
    assert files(exclude=("/d.py",)) == ["d.py", "e.py"]


# -- odd files --------------------------------------------------------------


def test_a_link_to_a_listed_file_adds_nothing(tree: Tree) -> None:
    root = tree("z.py", "c/d.py")
    (root / "a.py").symlink_to("z.py")
    (root / "c" / "z.py").symlink_to("../z.py")
    assert files() == ["c/d.py", "z.py"]


def test_a_link_to_a_file_that_is_not_listed_is_taken(tree: Tree) -> None:
    root = tree("c/d.txt")
    (root / "a.py").symlink_to("c/d.txt")
    (root / "b.py").symlink_to("c/d.txt")
    assert files() == ["a.py"]


def test_two_hard_links_are_one_file(tree: Tree) -> None:
    root = tree("a.py")
    os.link(root / "a.py", root / "b.py")
    assert files() == ["a.py"]


def test_links_to_folders_are_not_followed(tree: Tree) -> None:
    root = tree("c/d.py")
    (root / "c" / "loop").symlink_to("..")
    (root / "e").symlink_to("c")
    assert files() == ["c/d.py"]


def test_a_link_out_of_the_project_is_skipped_and_counted(
    tree: Tree, tmp_path: Path
) -> None:
    root = tree("a.py", "pyproject.toml")
    (tmp_path / "secret.py").write_text("x = 1\n")
    (root / "b.py").symlink_to(tmp_path / "secret.py")
    found = gathered()
    assert found.files == ["a.py"]
    assert found.skipped == {"link out of the project": 1}


def test_a_link_in_the_tree_to_nowhere_is_skipped_and_counted(tree: Tree) -> None:
    root = tree("a.py")
    (root / "b.py").symlink_to("nowhere.py")
    found = gathered()
    assert found.files == ["a.py"]
    assert found.skipped == {"broken link": 1}


def test_a_link_to_itself_is_skipped(tree: Tree) -> None:
    root = tree("a.py")
    (root / "b.py").symlink_to("b.py")
    assert files() == ["a.py"]


@pytest.mark.parametrize("name", [".", "fifo.py"])
def test_a_pipe_is_not_opened(tree: Tree, name: str) -> None:
    root = tree("a.py")
    os.mkfifo(root / "fifo.py")
    found = gathered("a.py", name)
    assert found.files == ["a.py"]
    assert found.skipped == {"not a regular file": 1}


def test_a_folder_called_like_a_file_is_a_folder(tree: Tree) -> None:
    tree("x.py/a.py", "x.py/b.txt")
    assert files() == ["x.py/a.py"]
    assert files("x.py") == ["x.py/a.py"]


@pytest.mark.parametrize("in_git", [False, True])
def test_names_of_any_letters(tree: Tree, in_git: bool) -> None:
    odd = ["a b.py", 'q"uote.py', "new\nline.py", "ünï.py", "-dash.py", "t\tab.py"]
    odd.append(os.fsdecode(b"not-utf8-\xff.py"))
    root = tree(*odd)
    if in_git:
        repository(root)
    assert files() == sorted(odd)


# -- in git -----------------------------------------------------------------


def test_git_decides_what_belongs_to_the_project(tree: Tree) -> None:
    root = tree("a.py", "ignored.py", "forced.py", "gen/b.py", "build/c.py")
    repository(root, "ignored.py\nforced.py\ngen/\n", ("forced.py",))
    tree("untracked.py", "c/untracked.py")
    expected = ["a.py", "build/c.py", "c/untracked.py", "forced.py", "untracked.py"]
    assert files() == expected


def test_git_is_asked_from_a_folder_below(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree("a.py", "c/b.py", "c/ignored.py")
    repository(root, "ignored.py\n")
    monkeypatch.chdir(root / "c")
    assert files() == ["b.py"]
    assert files("../c") == ["b.py"]
    assert files(str(root)) == sorted([str(root / "a.py"), "b.py"])


def test_an_ignored_file_that_is_named_is_taken(tree: Tree) -> None:
    root = tree("a.py", "ignored.py", "gen/b.py")
    repository(root, "ignored.py\ngen/\n")
    assert files("ignored.py") == ["ignored.py"]
    assert files("gen/b.py") == ["gen/b.py"]


def test_an_ignored_folder_that_is_named_is_taken_and_said(tree: Tree) -> None:
    root = tree("a.py", "gen/b.py", "gen/build/c.py")
    repository(root, "gen/\n")
    found = gathered("gen")
    assert found.files == ["gen/b.py"]
    (note,) = found.notes
    assert "gen" in note
    assert "ignore" in note


def test_a_folder_of_nothing_but_ignored_files_is_empty(tree: Tree) -> None:
    root = tree("a.py", "c/ignored.py", "c/x.txt")
    repository(root, "ignored.py\n")
    assert files("c") == []


@pytest.mark.parametrize("folder", [".venv", "node_modules", "venv", ".tox"])
def test_environments_are_left_out_also_where_git_tracks_them(
    tree: Tree, folder: str
) -> None:
    root = tree("a.py", f"{folder}/b.py", f"c/{folder}/d.py")
    repository(root)
    assert files() == ["a.py"]


def test_a_file_that_is_deleted_is_not_there(tree: Tree) -> None:
    root = tree("a.py", "gone.py")
    repository(root)
    (root / "gone.py").unlink()
    found = gathered()
    assert found.files == ["a.py"]
    assert found.skipped.total() == 0


def test_a_file_in_conflict_is_listed_once(tree: Tree) -> None:
    root = tree("a.py")
    repository(root)
    git(root, "commit", "-q", "-m", "1")
    git(root, "checkout", "-q", "-b", "other")
    (root / "a.py").write_text("x = 2\n")
    git(root, "commit", "-q", "-a", "-m", "2")
    git(root, "checkout", "-q", "-")
    (root / "a.py").write_text("x = 3\n")
    git(root, "commit", "-q", "-a", "-m", "3")
    with pytest.raises(subprocess.CalledProcessError):
        git(root, "merge", "other")
    assert files() == ["a.py"]


def test_a_tracked_link_follows_the_rules_of_links(tree: Tree, tmp_path: Path) -> None:
    root = tree("z.py", "c/d.py")
    (tmp_path / "outside.py").write_text("x = 1\n")
    (root / "a.py").symlink_to("z.py")
    (root / "e").symlink_to("c")
    (root / "f.py").symlink_to("c")
    (root / "out.py").symlink_to(tmp_path / "outside.py")
    repository(root)
    found = gathered()
    assert found.files == ["c/d.py", "z.py"]
    assert found.skipped["link out of the project"] == 1


def test_a_repository_inside_is_not_looked_into(tree: Tree) -> None:
    root = tree("a.py")
    repository(root)
    tree("inner/b.py")
    git(root / "inner", "init", "-q", ".")
    assert files() == ["a.py"]
    assert files("inner") == ["inner/b.py"]


def test_no_program_of_the_repository_is_run(tree: Tree, tmp_path: Path) -> None:
    root = tree("a.py")
    repository(root)
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(root, "config", "core.fsmonitor", str(trap))
    assert files() == ["a.py"]
    assert not (tmp_path / "sprung").exists()


def test_without_git_on_the_path_folders_are_walked(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree("a.py", "ignored.py")
    repository(root, "ignored.py\n")
    monkeypatch.setenv("PATH", str(root))
    assert files() == ["a.py", "ignored.py"]


def test_git_variables_of_a_hook_do_not_lead_astray(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """pre-commit runs with GIT_DIR and GIT_INDEX_FILE of another place set."""
    root = tree("a.py", "b.py")
    repository(root)
    other = tmp_path / "other"
    other.mkdir()
    (other / "c.py").write_text("x = 1\n")
    repository(other)
    monkeypatch.setenv("GIT_DIR", str(root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(root))
    assert files(str(other)) == [str(other / "c.py")]


# -- roots and surroundings -------------------------------------------------


@pytest.mark.parametrize(
    ("made", "path", "root"),
    [
        (("c/d/a.py",), "c/d/a.py", "c/d"),
        (("c/d/a.py", "pyproject.toml"), "c/d/a.py", "."),
        (("c/d/a.py", "c/setup.py", "pyproject.toml"), "c/d", "c"),
        (("c/d/a.py", "c/setup.cfg"), "c/d", "c"),
        (("c/d/a.py", ".git/config", "c/pyproject.toml"), "c/d", "."),
        (("c/d/a.py", "c/.git", "pyproject.toml"), "c/d", "c"),
    ],
)
def test_the_root_is_the_nearest_repository_else_marker(
    tree: Tree, made: tuple[str, ...], path: str, root: str
) -> None:
    where = tree(*made)
    assert find_root([Path(path)]) == (where / root).resolve()
    assert find_root([where / path]) == (where / root).resolve()


def test_surroundings_are_the_files_of_the_project_that_were_not_named(
    tree: Tree,
) -> None:
    root = tree("pyproject.toml", "a.py", "c/d.py", "c/e.py", ".venv/f.py")
    settings = Settings(paths=(Path("c/d.py"),), root=root, exclude=("a.py",))
    found = gather(settings).files
    assert found == ["c/d.py"]
    assert surroundings(settings, found) == ["a.py", "c/e.py"]


def test_a_folder_that_is_no_project_has_no_surroundings(tree: Tree) -> None:
    root = tree("a.py", "c/d.py")
    assert surroundings(Settings(paths=(Path("a.py"),), root=root), ["a.py"]) == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.py", "a.py"), ("./c/../a.py", "a.py"), ("c/d.py", "c/d.py")],
)
def test_shown_paths(tree: Tree, path: str, expected: str) -> None:
    root = tree("a.py", "c/d.py")
    assert shown(path) == expected
    assert shown(root / path) == expected
    assert shown(root.parent / "x.py") == str(root.parent / "x.py")
    assert shown(f"{root}-sibling/x.py") == f"{root}-sibling/x.py"


def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by its mode: root may list everything."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "good.py").write_text("x = 1\n")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = gather(Settings(paths=(tmp_path,), root=tmp_path))
    assert [Path(problem.path).name for problem in found.problems] == ["closed"]
    assert [Path(file).name for file in found.files] == ["good.py"]
