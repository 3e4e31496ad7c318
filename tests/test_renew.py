"""A file is edited, and nobody can tell: nothing is done again.

What decides is compared with a run that remembers nothing, in a project whose names
are said in every way there is.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asyncfix import again, engine, outcome, registry, renew
from asyncfix.model import Result, Settings
from asyncfix.replay import Answer, Replay

CODEMODS = registry.installed()
IDLE = "\n\ndef {}():\n    return []\n"


# -- a project whose names are said in every way ------------------------------------

START = {
    "app/__init__.py": "",
    "app/helpers.py": (
        "import time\nfrom .quiet import calm\n"
        "def load(wait=True):\n    if wait:\n        slow()\n"
        "def slow():\n    time.sleep(1)\ndef rest():\n    calm()\n"
    ),
    "app/quiet.py": "def calm():\n    return 1\nLIMIT = 0\n",
    "app/core.py": "class Base:\n    def get(self):\n        return 1\n",
    "app/names.py": "from .quiet import *\nimport time\nnap = time.sleep\n",
    "app/more.py": "from .quiet import *\nfrom .core import Base\n",
    "app/views.py": (
        "from .helpers import load, rest, asked\nfrom . import helpers, names, quiet\n"
        "from .core import Base\nfrom .more import *\n"
        "class Child(Base):\n    def late(self):\n        return self.get()\n"
        "async def view(model: Child):\n    load()\n    rest()\n    model.late()\n"
        "async def other(mod):\n    names.nap(1)\n    quiet.known(1)\n    asked()\n"
        "    if mod.bare and starred:\n        getattr(helpers, 'named')()\n"
        "async def third():\n    sleep(1)\n    open('x')\n    taken_2 = 1\n"
        "    with open('y') as file:\n        return file.read() + shown()\n"
    ),
    "app/alone.py": "import time\nasync def alone():\n    time.sleep(1)\n",
    "app/idle.py": "def nothing():\n    pass\n",
    "app/test_it.py": (
        "from unittest.mock import patch\nimport app.quiet\n"
        "def test():\n    with patch('app.helpers.patched'):\n        pass\n"
        "    app.quiet.set_here = print\n"
    ),
    "app/exports.py": "from .helpers import *\n__all__ = ['exported', 'load']\n",
    "app/last.py": "from .exports import exported\nasync def last():\n    exported()\n",
}
NAMES = (
    "asked", "known", "bare", "starred", "named", "sleep", "open", "shown", "taken_2",
    "patched", "set_here", "exported", "late", "get", "nap", "load", "slow", "calm",
    "time", "read", "print", "LIMIT", "exec", "main", "lifespan", "read_file",
    "load_async", "to_thread", "close",
    "gained_1", "gained_2", "gained_3", "gained_4", "gained_5", "gained_6",
)  # fmt: skip
IDLE = "\n\ndef {}():\n    return []\n"
OTHER = {
    "a body": ("app/helpers.py", "time.sleep(1)", "print(1)"),
    "a base": ("app/core.py", "class Base:", "class Base(dict):"),
    "a signature": ("app/helpers.py", "wait=True", "wait=False"),
    "a decorator": ("app/helpers.py", "def rest", "@staticmethod\ndef rest"),
    "an import": ("app/helpers.py", "import calm", "import calm as slow"),
    "a star": ("app/more.py", "import *", "import LIMIT"),
    "a string": ("app/test_it.py", "helpers.patched", "alone.time.sleep"),
    "shifted": ("app/helpers.py", "def slow", "\n\ndef slow"),
    "a name": ("app/idle.py", "pass", "return gained_1, gained_2"),
    "a call": ("app/views.py", "    rest()\n", "    rest(); helpers.gained_3()\n"),
    "a patch": ("app/test_it.py", "set_here", "gained_4"),
    "all": ("app/exports.py", "'exported'", "'gained_5'"),
}
# What leaves the facts as they are, but for lines: the file, what is changed in it,
# and whether it is nothing to anybody.
SMALL = {
    "a number": ("app/core.py", "return 1", "return 2", True),
    "a constant": ("app/quiet.py", "LIMIT = 0", "LIMIT = 1", True),
    "a text": ("app/test_it.py", "pass", "'some text'", True),
    "a comment": ("app/core.py", "get(self):", "get(self):  # one", True),
    "lines": ("app/idle.py", "    pass", "\n\n    pass", True),
    "lines inside": ("app/core.py", "    def get", "\n    # one\n    def get", True),
    "lines of a way": ("app/helpers.py", "def slow", "\n\n\ndef slow", False),
    "a condition": ("app/helpers.py", "if wait", "if not wait", False),
    "a blocking call": ("app/views.py", "open('x')", "open('z')", False),
    "lines of findings": ("app/views.py", "class Child", "\n\nclass Child", False),
    "lines of a change": ("app/alone.py", "async def", "\n\nasync def", False),
    "switched off": ("app/alone.py", "sleep(1)", "sleep(1)  # asyncfix: off", False),
    "generated": ("app/idle.py", "def nothing", "# @generated\ndef nothing", False),
    "joined": ("app/core.py", "1\n", "1; 2\n", True),
}
Files = dict[str, str]


class Command:
    """The command, in this process: from memory, from the last answer, or anew."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: Files = {}
        self._seconds = 1_000_000_000
        self.how: list[str] = []
        self.taken_up = 0
        self.write(START)
        os.utime(root, (1, 1))
        os.utime(root / "app", (1, 1))

    def write(self, files: Mapping[str, str], young: bool = False) -> None:
        for name, text in files.items():
            if self.files.get(name) != text:
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                self._seconds += 10
                if not young:
                    os.utime(path, (self._seconds, self._seconds))
        self.files = dict(files)

    @property
    def settings(self) -> Settings:
        return Settings(paths=(self.root / "app",), root=self.root)

    def run(self) -> Result:
        return engine.run(self.settings, CODEMODS)

    def __call__(self) -> str:
        """Give what it says, and note how that was found."""
        replay = Replay(["x"], "1")
        found = replay.find()
        how = "found"
        if replay.changed:
            found, how = renew.answer(replay), "renewed"
        if found is None:
            how = "worked"
            began = again.began(replay)
            if began is None:
                result = self.run()
            else:
                known = {**replay.statuses, **replay.edited}
                result = engine.run(began[0], CODEMODS, known=known, since=began[2])
                self.taken_up += 1
            found = (0, said(result).encode(), b"")
            if began is None:
                self._keep(replay, found, result)
            else:
                replay.keep_edited(found, result.read, result.base)
        self.how.append(how)
        return found[1].decode()

    def _keep(self, replay: Replay, answer: Answer, result: Result) -> None:
        # A file of which the times are not trusted is known by its digest.
        app = os.fspath(self.root / "app")
        opened = outcome.begun(result, self.settings, {})
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "path", [])
            read = result.read
            replay.keep(answer, read, [app], [app], [], [], result.base, opened)

    def fresh(self) -> str:
        """Give what a run says that remembers nothing."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("ASYNCFIX_CACHE_DIR", "off")
            return said(self.run())


def said(result: Result) -> str:
    names = ("findings", "changes", "problems", "unseen", "notes", "gathered",
             "skipped", "failed", "suppressed")  # fmt: skip
    return "\n".join(repr(getattr(result, name)) for name in names)


@pytest.fixture
def command(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("ASYNCFIX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (here / "app").mkdir()
    return Command(here)


def grow(files: Files, name: str, *added: str) -> Files:
    return {**files, name: files[name] + "".join(map(IDLE.format, added))}


def test_nobody_can_tell(command: Command) -> None:
    first = command()
    assert "load" in first and command() == first
    files = START
    for number, name in enumerate(("app/core.py", "app/idle.py", "app/quiet.py") * 2):
        files = {**files, name: f"{files[name]}# a comment, the {number}th\n"}
        command.write(files)
        assert command() == first
    command.write(START)
    assert command() == first == command.fresh()
    assert command.how == ["worked", "found", *["renewed"] * 7]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_be_asked_for(command: Command, name: str) -> None:
    for path in ("app/helpers.py", "app/quiet.py"):
        command.write(START)
        command()
        command.write(grow(START, path, name))
        assert command() == command.fresh()
        assert command.how[-1] == "worked", path


@pytest.mark.parametrize("name", OTHER)
def test_another_edit_is_looked_at(command: Command, name: str) -> None:
    command()
    path, old, new = OTHER[name]
    files = {**START, path: START[path].replace(old, new)}
    assert files[path] != START[path]
    command.write(files)
    assert command() == command.fresh()
    # Who says the name now asks for it.
    command.write(grow(files, "app/quiet.py", "gained_1", "gained_3", "gained_4"))
    assert command() == command.fresh()
    assert command.how == ["worked", "worked", "worked"]


@pytest.mark.parametrize("name", SMALL)
def test_a_small_edit(command: Command, name: str) -> None:
    first = command()
    path, old, new, nothing = SMALL[name]
    files = {**START, path: START[path].replace(old, new)}
    assert files[path] != START[path]
    command.write(files)
    after = command()
    assert after == command.fresh()
    assert command.how == ["worked", "renewed" if nothing else "worked"]
    assert not nothing or after == first
    command.write(START)
    assert command() == first


def test_a_young_file_is_known_by_its_digest(command: Command) -> None:
    first = command()
    later = {**START, "app/core.py": START["app/core.py"] + "# at the end\n"}
    command.write(later, young=True)
    assert [command(), command()] == [first, first]
    assert command.how == ["worked", "renewed", "renewed"]
    files = {**later, "app/core.py": later["app/core.py"].replace("get(", "late(")}
    command.write(files, young=True)
    assert command() == command.fresh()
    assert command.how[-1] == "worked"


def test_another_run_has_changed_the_cache(command: Command) -> None:
    """What a file is compared with is the state that the answer was made from."""
    first = command()
    edited = START["app/helpers.py"].replace("time.sleep(1)", "print(1)")
    command.write({**START, "app/helpers.py": edited})
    assert said(command.run()) == command.fresh() != first
    command.write({**command.files, "app/helpers.py": edited + "# at the end\n"})
    assert command() == command.fresh() != first
    assert command.how[-1] == "worked"


@pytest.mark.parametrize("seed", range(8))
def test_after_any_edits(command: Command, seed: int) -> None:
    chance = random.Random(seed)
    done: list[Any] = []
    command()
    files = {**START, "app/idle.py": START["app/idle.py"] + "# at the end\n"}
    command.write(files)
    assert command() == command.fresh()
    assert command.how == ["worked", "renewed"]
    for _ in range(14):
        for _ in range(chance.choice((1, 1, 2))):
            path = chance.choice(sorted(START))
            if chance.random() < 0.15:
                kind = chance.choice(sorted(OTHER))
                path, old, new = OTHER[kind]
                if old in files[path]:
                    files[path] = files[path].replace(old, new)
                else:
                    files[path] = files[path].replace(new, old)
                done.append(kind)
            elif chance.random() < 0.3:
                kind = chance.choice(sorted(SMALL))
                path, old, new, _ = SMALL[kind]
                there = new in files[path]
                swap = (new, old) if there else (old, new)
                files[path] = files[path].replace(*swap)
                done.append((kind, there))
            elif chance.random() < 0.1:
                files[path] = START[path]
                done.append((path, "as it was"))
            else:
                names = NAMES if chance.random() < 0.25 else NAMES[-6:]
                name = chance.choice(names)
                files = grow(files, path, name)
                done.append((path, name))
        command.write(files, young=chance.random() < 0.3)
        assert command() == command.fresh(), done
    assert command.taken_up > 2


def test_the_way_imports_next_to_nothing(command: Command) -> None:
    import subprocess

    program = (
        "import sys; before = set(sys.modules)\nfrom asyncfix import renew, replay\n"
        "print([each for each in set(sys.modules) - before if each[:1] != '_'])"
    )
    line = [sys.executable, "-E", "-c", program]
    found = subprocess.run(line, capture_output=True, check=True, text=True).stdout
    ours = {f"asyncfix.{name}" for name in (
        "cachefile", "digest", "renew", "replay", "store", "stored", "table")}  # fmt: skip
    asked = {"click", "libcst", "typing", "dataclasses", "re", "ast", "subprocess"}
    modules = set(eval(found))
    assert asked.isdisjoint(modules)
    assert {each for each in modules if each[:8] == "asyncfix"} == {"asyncfix", *ours}
