"""The fixtures of a codemod, read from their folder (see `asyncfix.testing`)."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from asyncfix import config
from asyncfix.model import Level

Files = Mapping[str, bytes]

_HEAD = re.compile(rb"#[ \t]*(flags|python):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_VERDICT = re.compile(r"(?:# unchanged: )?(?:no finding|(unsafe )?([\w-]+)): (.+)")


class Verdict(NamedTuple):
    """Why a case stays unchanged: the guard of its findings, None for none."""

    level: Level
    guard: str | None
    reason: str


class Case(NamedTuple):
    """One fixture: the files before, and what must become of them.

    `after` is None where it is not written yet. `verdict` is set for a case
    that stays as it is, and then `after` equals `before`.
    """

    name: str
    folder: Path
    before: Files
    after: Files | None
    findings: str | None
    verdict: Verdict | None
    flags: str
    python: tuple[int, int]
    """The oldest Python that can parse the files."""

    @property
    def place(self) -> Path:
        """Give the path that the names of the case's files start with."""
        return self.folder / self.name

    @property
    def runs_here(self) -> bool:
        """Tell whether the running Python is new enough for the case."""
        return sys.version_info >= self.python


def cases(folder: Path) -> list[Case]:
    """Read the fixtures of one codemod, sorted by name.

    Raises AssertionError for a file that belongs to no case.
    """
    found = []
    known: set[str] = set()
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name != "__pycache__":
                found.append(_project_case(path))
            continue
        name, _, kind = path.name.partition(".")
        if kind in ("before.py", "unchanged.py"):
            known |= {f"{name}.{kind}", f"{name}.findings.txt"}
            if kind == "before.py":
                known.add(f"{name}.after.py")
            found.append(_file_case(path, name))
    every = {path.name for path in folder.iterdir() if path.is_file()}
    for name in sorted(every - known):
        raise AssertionError(f"{folder / name}: belongs to no case")
    return found


def _file_case(path: Path, name: str) -> Case:
    data = path.read_bytes()
    before = {f"{name}.py": data}
    after_path = path.with_name(f"{name}.after.py")
    after = {f"{name}.py": after_path.read_bytes()} if after_path.exists() else None
    verdict = None
    if path.name.endswith(".unchanged.py"):
        line = data.partition(b"\n")[0].decode("utf-8", "replace")
        verdict, after = _verdict(path, line), before
    return Case(
        name,
        path.parent,
        before,
        after,
        _text(path.with_name(f"{name}.findings.txt")),
        verdict,
        _heads(data).get("flags", ""),
        _python(before),
    )


def _project_case(path: Path) -> Case:
    verdict = None
    if (path / "unchanged").is_dir():
        reason = _text(path / "reason.txt") or ""
        verdict = _verdict(path / "reason.txt", reason.strip())
        before = _read(path / "unchanged")
        after: Files | None = before
    else:
        if not (path / "before").is_dir():
            raise AssertionError(f"{path}: holds neither before/ nor unchanged/")
        before = _read(path / "before")
        after = _read(path / "after") if (path / "after").is_dir() else None
    return Case(
        path.name,
        path.parent,
        before,
        after,
        _text(path / "findings.txt"),
        verdict,
        (_text(path / "flags.txt") or "").strip(),
        _python(before),
    )


def _read(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _heads(data: bytes) -> dict[str, str]:
    top = b"\n".join(data.split(b"\n", 3)[:3])
    return {match[1].decode(): match[2].decode() for match in _HEAD.finditer(top)}


def _python(files: Files) -> tuple[int, int]:
    heads = [_heads(data) for name, data in files.items() if name.endswith(".py")]
    return max(config.version(head.get("python", "3.10"), "# python") for head in heads)


def _text(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def _verdict(path: Path, line: str) -> Verdict:
    match = _VERDICT.fullmatch(line)
    if match is None:
        raise AssertionError(
            f"{path}: its first line must say why nothing changes, as in "
            f"`# unchanged: A1: a thread lock is held`, not {line!r}"
        )
    level = Level.UNSAFE if match[1] else Level.MANUAL
    return Verdict(level, match[2], match[3])
