"""A plan: what a run would write, as a file that can be read, kept and applied.

It is JSON. Paths are from the project's root, with `/`; offsets are of bytes.

    {"asyncfix plan": 1, "version": "0.1.0",
     "read": {"app/api.py": SHA-256, ...}, "whole": true if that is the whole project,
     "changes": [{"path": "app/api.py", "group": NAME,
                  "sha256": SHA-256, "becomes": SHA-256,
                  "edits": [[START, END, "new text"], ...],
                  "fixes": [{"codemod", "level", "line", "message"}, ...]}]}

A plan may come from anywhere. It can change nothing but Python files that are
below the root, no links out of it, and have exactly the bytes that it names. It was
decided by all of what was read: once any of that has changed, it is of no use any more.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncfix import __version__, disk, replaced
from asyncfix.edits import Edit, apply, line_edits
from asyncfix.gather import MARKERS, gather, is_project
from asyncfix.model import AsyncfixError, Change, Problem, Settings
from asyncfix.transaction import Write

_FORMAT = 1
_START = "asyncfix plan"
_LARGEST = 200_000_000
_SUFFIXES = (".py", ".pyw")
# What was read besides: how the project is built.
_READ = (*_SUFFIXES, *MARKERS)
_NOTHING = "nothing was written; make the plan anew"


def base(root: Path) -> Path:
    """Give the folder that a plan's paths are from: the project's root, else here."""
    return root if is_project(root) else Path.cwd()


def write(
    file: str, root: Path, changes: Iterable[Change], read: Iterable[str], whole: bool
) -> int:
    """Write the plan of these changes; give the number of files in it.

    `read` are the files that the changes were decided by, `whole` tells whether these
    are all Python files of the project. Raises AsyncfixError
    where the plan cannot be written or would take the place of another file, or
    a file is not below the root.
    """
    above = base(root)
    made = [_change(each, above) for each in changes]
    digests = {}
    for path in read:
        name = _name(path, above)
        data = _bytes_of(path)
        if name is not None and data is not None:
            digests[name] = hashlib.sha256(data).hexdigest()
    for each in made:
        if digests.get(each["path"], each["sha256"]) != each["sha256"]:
            raise AsyncfixError(f"{each['path']}: has changed since it was read")
    said = {
        _START: _FORMAT,
        "version": __version__,
        "read": dict(sorted(digests.items())),
        "whole": whole,
        "changes": made,
    }
    if os.path.lexists(file) and not _is_plan(file):
        raise AsyncfixError(f"{file}: is there already and no plan: name another file")
    try:
        disk.put(os.path.abspath(file), (json.dumps(said, indent=1) + "\n").encode())
    except OSError as error:
        raise AsyncfixError(f"{file}: cannot be written: {error.strerror}") from error
    return len(made)


def _is_plan(file: str) -> bool:
    try:
        return _START.encode() in replaced.look(file, 100).data
    except OSError:
        return False


def _change(change: Change, above: Path) -> dict[str, Any]:
    name = _name(change.path, above)
    if name is None:
        raise AsyncfixError(
            f"{change.shown}: is not below {above}, and a plan holds no other files; "
            "plan each project by itself"
        )
    edits = line_edits(change.old, change.new, change.origin)
    return {
        "path": name,
        "group": change.group or name,
        "sha256": hashlib.sha256(change.old).hexdigest(),
        "becomes": hashlib.sha256(change.new).hexdigest(),
        "edits": [
            [each.start, each.end, each.new.decode("utf-8", "surrogateescape")]
            for each in edits
        ],
        "fixes": [
            {
                "codemod": found.codemod,
                "level": found.level.value,
                "line": found.line,
                "message": found.message,
            }
            for found in change.findings
        ],
    }


def _name(path: str | os.PathLike[str], above: Path) -> str | None:
    name = os.path.relpath(os.path.abspath(path), above)
    if name.startswith(os.pardir) or os.path.isabs(name):
        return None
    return name.replace(os.sep, "/")


def _bytes_of(path: str) -> bytes | None:
    try:
        return replaced.look(path).data
    except OSError:
        return None


# -- reading one ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """What of a plan can be written, and why the rest cannot."""

    writes: tuple[Write, ...]
    problems: tuple[Problem, ...]


def read(file: str, root: Path) -> Planned:
    """Read a plan, and hold it against the files that it is about.

    Where a file that it was decided by has changed, or a new one has come, nothing of
    it can be written: what it says of the others may be wrong by now. Raises
    AsyncfixError for a file that is no plan.
    """
    said = _document(file)
    above = base(root)
    changes = {each["path"]: each for each in said["changes"]}
    digests = {**said["read"], **{name: it["sha256"] for name, it in changes.items()}}
    problems = []
    found = {}
    for name, digest in digests.items():
        endings = _SUFFIXES if name in changes else _READ
        found[name] = data = _bytes_of(_place(name, above, file, endings))
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            problems.append(Problem(name, 1, "has changed since the plan", _NOTHING))
        elif name not in changes:
            del found[name]
    if said.get("whole") is True and not problems:
        for name in _new(digests, root, above):
            problems.append(Problem(name, 1, "is newer than the plan", _NOTHING))
    if problems:
        return Planned((), tuple(problems))
    writes = []
    for name, each in changes.items():
        old = found[name]
        assert old is not None
        new = _applied(each, old, file)
        writes.append(Write(_place(name, above, file), name, old, new, each["group"]))
    return Planned(tuple(writes), ())


def _new(known: Mapping[str, str], root: Path, above: Path) -> list[str]:
    """Give the Python files of the project that are none of the known ones.

    A file may be known by another of its names: a link's.
    """
    identities = set()
    for name in known:
        there = os.stat(os.path.join(above, *name.split("/")))
        identities.add((there.st_dev, there.st_ino))
    found = []
    every = gather(Settings(paths=(root,), root=root))
    for path in every.files:
        status = every.statuses[path]
        new = _name(path, above)
        if new is None or new in known:
            continue
        if not status.st_ino or (status.st_dev, status.st_ino) not in identities:
            found.append(new)
    return found


def _applied(said: Mapping[str, Any], data: bytes, file: str) -> bytes:
    at = 0
    edits = []
    for start, end, text in said["edits"]:
        if not at <= start <= end <= len(data):
            raise _broken(file, f"an edit of {said['path']} is out of place")
        try:
            edits.append(Edit(start, end, text.encode("utf-8", "surrogateescape")))
        except UnicodeEncodeError as error:
            raise _broken(file, f"an edit of {said['path']} is no text") from error
        at = end
    new = apply(data, edits)
    if hashlib.sha256(new).hexdigest() != said["becomes"]:
        raise _broken(file, f"the edits of {said['path']} give another file")
    return new


def _place(
    name: str, above: Path, file: str, endings: tuple[str, ...] = _SUFFIXES
) -> str:
    """Give where a file of the plan is. Raises AsyncfixError for a place out of bounds."""
    parts = name.split("/")
    odd = (
        os.path.isabs(name)
        or "\0" in name
        or (os.sep != "/" and (os.sep in name or ":" in name))
        or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
        or not name.endswith(endings)
    )
    if odd:
        raise _broken(file, f"{name!r} is no path of a Python file below the root")
    path = os.path.join(above, *parts)
    real, real_above = os.path.realpath(path), os.path.realpath(above)
    inner = os.path.relpath(real, real_above).split(os.sep)
    if inner[0] == os.pardir or ".git" in (part.lower() for part in inner):
        raise _broken(file, f"{name!r} is a link out of the project")
    if not real.endswith(endings):
        raise _broken(file, f"{name!r} is a link to what is no Python file")
    return path


def _document(file: str) -> Mapping[str, Any]:
    """Read the JSON, and see that it has the form of a plan."""
    try:
        data = replaced.look(file, _LARGEST).data
    except OSError as error:
        raise AsyncfixError(f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise _broken(file, "it is too large")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _broken(file, f"it is no JSON: {error}") from error
    if not isinstance(said, dict) or said.get(_START) != _FORMAT:
        raise _broken(file, f"it is no plan of format {_FORMAT}")
    digests, changes = said.get("read"), said.get("changes")
    if not _is_digests(digests) or not isinstance(changes, list):
        raise _broken(file, "`read` or `changes` has not the right form")
    if not all(_is_change(each) for each in changes):
        raise _broken(file, "a change has not the right form")
    paths = [each["path"] for each in changes]
    if len(set(paths)) < len(paths):
        raise _broken(file, "it changes one file twice")
    return said


def _is_digests(said: object) -> bool:
    return isinstance(said, dict) and all(isinstance(v, str) for v in said.values())


def _is_change(said: object) -> bool:
    if not isinstance(said, dict) or not isinstance(said.get("fixes"), list):
        return False
    texts = ("path", "group", "sha256", "becomes")
    if not all(isinstance(said.get(each), str) for each in texts):
        return False
    edits = said.get("edits")
    return isinstance(edits, list) and all(_is_edit(each) for each in edits)


def _is_edit(said: object) -> bool:
    return isinstance(said, list) and list(map(type, said)) == [int, int, str]


def _broken(file: str, reason: str) -> AsyncfixError:
    return AsyncfixError(f"{file}: {reason}; nothing was written")
