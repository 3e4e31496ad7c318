"""Stage 2, gather: settings -> the files to look at, each once, sorted.

In a git repository git's own list decides; elsewhere folders are walked and
the usual folders of tools and environments are left out.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from asyncfix.model import AsyncfixError, Problem, Settings

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg")
# Never the project's own code, tracked or not.
_NEVER = frozenset(
    (".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "node_modules",
     "__pycache__", "__pypackages__", ".mypy_cache", ".ruff_cache", ".eggs", ".direnv")
)  # fmt: skip
# Usually products of a build; where git tracks them they are looked at.
_USUALLY_NOT = frozenset(("build", "dist", "_build", "buck-out"))


@dataclass
class Gathered:
    """The files of a run; `skipped` counts those left out, by reason."""

    files: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """Folders that could not be listed."""


def gather(settings: Settings) -> Gathered:
    """List the Python files under the settings' paths.

    Raises AsyncfixError where a path does not exist.
    """
    gathered = Gathered()
    excluded = _Excluded(settings)
    found: dict[str, bool] = {}
    for path in settings.paths:
        if not path.exists():
            raise AsyncfixError(f"{path}: there is no such file or folder")
        if path.is_dir():
            if _never(path):
                gathered.notes.append(f"{path}: left out, it is never project code")
                continue
            for name in _in_folder(path, gathered):
                found.setdefault(name, False)
        else:
            found[os.fspath(path)] = True
    seen: set[tuple[int, int]] = set()
    # Files before links to them, so that a link to a listed file adds nothing.
    for name in sorted(found, key=lambda each: (os.path.islink(each), each)):
        reason = _reason(name, found[name], excluded, seen, settings)
        if reason is None:
            gathered.files.append(shown(name))
        elif reason:
            gathered.skipped[reason] += 1
    gathered.files.sort()
    return gathered


def surroundings(settings: Settings, known: Iterable[str]) -> list[str]:
    """List the project's other Python files: read for what they say, not changed."""
    root = settings.root
    if not (
        (root / ".git").exists() or any((root / each).exists() for each in MARKERS)
    ):
        return []
    inner = Settings(paths=(root,), root=root, exclude=())
    listed = {os.path.realpath(name) for name in known}
    return [
        name for name in gather(inner).files if os.path.realpath(name) not in listed
    ]


def shown(path: str | os.PathLike[str]) -> str:
    """Give a path as people know it: from the current folder, if it is below."""
    place = os.path.abspath(path)
    here = os.getcwd()
    if place.startswith(here.rstrip(os.sep) + os.sep):
        return os.path.relpath(place, here)
    return place


def find_root(paths: Iterable[Path]) -> Path:
    """Give the project's root: the nearest folder with .git, else a marker."""
    first = Path(os.path.abspath(next(iter(paths), Path())))
    folders = [first, *first.parents] if first.is_dir() else list(first.parents)
    for folder in folders:
        if (folder / ".git").exists():
            return folder
    for folder in folders:
        if any((folder / marker).is_file() for marker in MARKERS):
            return folder
    return folders[0]


class _Excluded:
    def __init__(self, settings: Settings) -> None:
        self.root = settings.root
        self.patterns = None
        if settings.exclude:
            from pathspec import GitIgnoreSpec

            self.patterns = GitIgnoreSpec.from_lines(settings.exclude)

    def __call__(self, name: str) -> bool:
        if self.patterns is None:
            return False
        place = os.path.relpath(os.path.abspath(name), self.root)
        return self.patterns.match_file(place.replace(os.sep, "/"))


def _reason(
    name: str,
    explicit: bool,
    excluded: _Excluded,
    seen: set[tuple[int, int]],
    settings: Settings,
) -> str | None:
    """Tell why a file is left out: a reason to count, "" for a known file, None."""
    try:
        status = os.stat(name)
    except OSError:
        return "" if not os.path.islink(name) else "broken link"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if explicit and not name.endswith((".py", ".pyw")):
        if name.endswith(".ipynb"):
            return "notebook"
        if name.endswith(".pyi"):
            return "stub, it holds no code that runs"
    if excluded(name):
        return "excluded"
    identity = status.st_dev, status.st_ino
    if identity in seen and status.st_ino:
        return ""
    seen.add(identity)
    if os.path.islink(name) and not explicit:
        target = os.path.realpath(name)
        if os.path.relpath(target, os.path.realpath(settings.root)).startswith(".."):
            return "link out of the project"
    return None


def _never(path: Path) -> bool:
    return os.path.basename(os.path.abspath(path)) in _NEVER


def _in_folder(path: Path, gathered: Gathered) -> Iterator[str]:
    listed = _from_git(path)
    if listed is not None:
        wanted = [name for name in listed if name.endswith((".py", ".pyw"))]
        if wanted or not _ignored(path):
            for name in wanted:
                parts = name.split("/")[:-1]
                if not _NEVER.intersection(parts):
                    yield os.path.join(path, *parts, name.rpartition("/")[2])
            return
        gathered.notes.append(f"{path}: git ignores it, but it was named")

    def unlisted(error: OSError) -> None:
        reason = error.strerror or str(error)
        place = shown(error.filename or path)
        gathered.problems.append(
            Problem(place, 1, f"cannot be listed: {reason}", "check its permissions")
        )

    for folder, folders, files in os.walk(path, onerror=unlisted):
        folders[:] = sorted(
            each for each in folders if each not in _NEVER | _USUALLY_NOT
        )
        for file in sorted(files):
            if file.endswith((".py", ".pyw")):
                yield os.path.join(folder, file)


def _git(path: Path, *arguments: str) -> bytes | None:
    # No hook or monitor of the repository may run: it may be a hostile one.
    command = ["git", "-C", os.fspath(path), "-c", "core.fsmonitor=false", *arguments]
    # In a hook, git's own variables name the hook's repository.
    known = {key: value for key, value in os.environ.items() if key[:4] != "GIT_"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=known,
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _from_git(path: Path) -> list[str] | None:
    options = ("-z", "--cached", "--others", "--exclude-standard")
    output = _git(path, "ls-files", *options)
    if output is None:
        return None
    return sorted({os.fsdecode(name) for name in output.split(b"\0") if name})


def _ignored(path: Path) -> bool:
    return bool(_git(path, "check-ignore", os.path.abspath(path)))
