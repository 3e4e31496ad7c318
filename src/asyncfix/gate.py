"""The gate: what git does not have yet is not written over.

Git is asked only about the files that would be written. The repository may be
a hostile one: no hook, monitor or filter of its configuration is run for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from asyncfix.gather import git, shown
from asyncfix.model import AsyncfixError

_AT_ONCE = 200
_MOST_NAMED = 5
_UNANSWERED = (
    "{}: git cannot say which files have changes that are not committed; nothing "
    "was written; --allow-dirty goes on without asking"
)
_DRIVER = re.compile(rb"filter\.(.+)\.(?:clean|smudge|process|required)", re.IGNORECASE)


def check(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Raise AsyncfixError where a file has changes that are not committed."""
    found = sorted(uncommitted(paths))
    if not found:
        return
    named = ", ".join(found[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    raise AsyncfixError(
        f"{named}{more}: would be written, and has changes that are not committed; "
        "nothing was written; commit or stash them, or say --allow-dirty"
    )


def uncommitted(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Give the files with changes that git has not committed, or does not have.

    A file that git ignores, or that is in no repository, is none of them.
    """
    found = []
    for repository, names in _by_repository(paths).items():
        quiet = _harmless(repository)
        if quiet is None:
            raise AsyncfixError(_UNANSWERED.format(repository))
        for first in range(0, len(names), _AT_ONCE):
            output = git(
                repository,
                *quiet,
                "--no-optional-locks",
                "--literal-pathspecs",
                "status",
                "--porcelain=v1",
                "-z",
                "--no-renames",
                "--ignore-submodules=all",
                "--untracked-files=all",
                "--",
                *names[first : first + _AT_ONCE],
            )
            if output is None:
                raise AsyncfixError(_UNANSWERED.format(repository))
            for entry in filter(None, output.split(b"\0")):
                found.append(shown(os.path.join(repository, os.fsdecode(entry[3:]))))
    return found


def _by_repository(
    paths: Iterable[str | os.PathLike[str]],
) -> dict[str, Sequence[str]]:
    known: dict[str, str | None] = {}
    grouped: dict[str, list[str]] = {}
    for path in paths:
        real = os.path.realpath(path)
        repository = _repository(os.path.dirname(real), known)
        if repository is not None:
            grouped.setdefault(repository, []).append(os.path.relpath(real, repository))
    return {repository: sorted(names) for repository, names in grouped.items()}


def _repository(folder: str, known: dict[str, str | None]) -> str | None:
    """Give the repository that holds a folder, None where none does."""
    if folder not in known:
        above = os.path.dirname(folder)
        if os.path.lexists(os.path.join(folder, ".git")):
            known[folder] = folder
        else:
            known[folder] = None if above == folder else _repository(above, known)
    return known[folder]


def _harmless(repository: str) -> list[str] | None:
    """Give the options without which `git status` might run a program.

    None where there are no such options. A filter runs where a file is not what the index says of it
    (https://git-scm.com/docs/gitattributes, `filter`).
    """
    options = ["-c", f"core.hooksPath={os.devnull}"]
    output = git(
        repository, "config", "--name-only", "-z", "--get-regexp", r"^filter\."
    )
    drivers = {
        match[1]
        for name in (output or b"").split(b"\0")
        if (match := _DRIVER.fullmatch(name))
    }
    if any(b"=" in driver for driver in drivers):
        return None  # `-c` would take it for another name
    for driver in sorted(drivers):
        name = f"filter.{os.fsdecode(driver)}"
        for part in ("clean=", "smudge=", "process=", "required=false"):
            options += ["-c", f"{name}.{part}"]
    return options
