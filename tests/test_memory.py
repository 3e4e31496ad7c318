"""What is remembered changes nothing: a run with it says what one without says.

A small project is edited again and again, in every way that can change what is
said of a file that was not touched; after each edit both runs are compared.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from asyncfix import config, detect, engine, link, passes, registry
from asyncfix.codemod import Codemod
from asyncfix.context import Model
from asyncfix.memory import Memory
from asyncfix.model import Result, Settings
from asyncfix.recall import Recall

START = {
    "pyproject.toml": "[tool.asyncfix]\n",
    "app/__init__.py": "",
    "app/helpers.py": (
        "import time\nfrom .quiet import calm\n"
        "def load(wait=True):\n    if wait:\n        slow()\n"
        "def slow():\n    time.sleep(1)\ndef rest():\n    calm()\n"
        "NO = 0\ndef never():\n    load(NO)\n"
    ),
    "app/quiet.py": "def calm():\n    return 1\nLIMIT = 0\n",
    "app/types.py": (
        "import requests\n"
        "class Base:\n    def get(self):\n        return requests.get('x')\n"
        "class Other:\n    def get(self):\n        return 1\n"
    ),
    "app/models.py": (
        "from .types import Base, Other\n"
        "class Model(Base):\n    def save(self):\n        return self.get()\n"
    ),
    "app/api.py": "from .helpers import load, rest\nfrom .models import Model as M\n",
    "app/names.py": (
        "from .quiet import *\nimport time\nnap = time.sleep\n"
        "def afar():\n    size = 1\n    return size\n"
    ),
    "app/views.py": (
        "from .api import M, load, rest\nfrom . import helpers, names\n"
        "async def view(model: M):\n    load()\n    rest()\n    model.save()\n"
        "async def other():\n    names.nap(1)\n    names.calm()\n    load(False)\n"
        "async def third():\n    helpers.never()\n"
    ),
    "app/far.py": (
        "from lib.away import away\nfrom lib import kept\n"
        "async def go():\n    away()\n    kept()\n"
    ),
    "app/alone.py": "import time\nasync def alone():\n    time.sleep(1)\n    open('x')\n",
    "app/alone2.py": "def nothing():\n    pass\n",
    "app/alone3.py": "import os\nasync def f():\n    os.system('x')\n",
    "lib/__init__.py": "from .away import away as kept\n",
    "lib/away.py": "import time\ndef away():\n    time.sleep(1)\n",
}

CODEMODS = registry.installed()
Files = dict[str, str]
Edit = Callable[[Files], None]


def put(name: str, text: str) -> Edit:
    """Write a file, or put it back as it was at the start."""

    def edit(files: Files) -> None:
        files[name] = START[name] if files.get(name) == text else text

    return edit


def swap(name: str, old: str, new: str) -> Edit:
    """Change a part of a file, or change it back."""

    def edit(files: Files) -> None:
        text = files.get(name, START.get(name, ""))
        files[name] = text.replace(old, new) if old in text else text.replace(new, old)

    return edit


def toggle(name: str, text: str) -> Edit:
    """Add a file, or remove it."""

    def edit(files: Files) -> None:
        if files.pop(name, None) is None:
            files[name] = START.get(name, text)

    return edit


def touch(name: str) -> Edit:
    def edit(files: Files) -> None:
        files[name] = files.get(name, START[name]) + "\n"

    return edit


EDITS: dict[str, Edit] = {
    "a helper blocks": swap("app/quiet.py", "return 1", "import time; time.sleep(1)"),
    "a helper blocks no more": swap("app/helpers.py", "time.sleep(1)", "pass"),
    "another default": swap("app/helpers.py", "wait=True", "wait=False"),
    "a condition": swap("app/helpers.py", "if wait", "if None"),
    "a constant": swap("app/helpers.py", "NO = 0", "NO = 1"),
    "a helper is renamed": swap("app/helpers.py", "def rest()", "def west()"),
    "a helper is async": swap("app/helpers.py", "def load(", "async def load("),
    "another import": swap("app/api.py", "Model as M", "Other as M"),
    "an import of another module": swap("app/api.py", ".helpers", ".quiet"),
    "another base": swap("app/models.py", "(Base)", "(Other)"),
    "the base is a library's": swap("app/types.py", "class Base:", "class Base(Lib):"),
    "an alias": swap("app/names.py", "nap = time.sleep", "nap = print"),
    "an alias twice": swap("app/names.py", "nap = time.sleep", "nap = nap2 = 1"),
    "the star brings more": swap("app/quiet.py", "LIMIT = 0", "from time import *"),
    "the star is shadowed": swap("app/names.py", "import *", "import LIMIT"),
    "a file comes": toggle("app/names2.py", "import time\nasync def n(): time.sleep(1)"),
    "a file goes": toggle("app/quiet.py", ""),
    "a package in place of a module": toggle("app/types/__init__.py", "Base = 1\n"),
    "a module that shadows a library": toggle("requests.py", "def get(x): pass\n"),
    "a comment": swap("app/types.py", "import requests", "# one\nimport requests"),
    "blank lines": swap("app/helpers.py", "def slow", "\n\n\ndef slow"),
    "a syntax error": swap("app/helpers.py", "def slow():", "def slow(:"),
    "a syntax error in a view": swap("app/views.py", "model: M", "model: :"),
    "touched": touch("app/views.py"),
    "generated": swap("app/views.py", "from .api", "# @generated\nfrom .api"),
    "generated helper": swap("app/helpers.py", "import time\n", "import time  # @generated\n"),
    "outside": swap("lib/away.py", "time.sleep(1)", "return 1"),
    "outside, an import": swap("lib/__init__.py", "away as kept", "nobody as kept"),
    "outside, broken": swap("lib/away.py", "def away():", "def away(:"),
    "outside, it goes": toggle("lib/away.py", ""),
    "severity": put("pyproject.toml", "[tool.asyncfix]\nseverity = 'high'\n"),
    "severity low": put("pyproject.toml", "[tool.asyncfix]\nseverity = 'low'\n"),
    "catalog": put(
        "pyproject.toml",
        "[tool.asyncfix.catalog.calls]\n'lib.own.x' = {severity = 'high', "
        "strategy = 'offload', use = 'rest'}\n",
    ),
    "a test patches the call": toggle(
        "app/test_alone.py",
        "from unittest.mock import patch\n"
        "def test():\n    with patch('app.alone.time.sleep'):\n        pass\n",
    ),
    "the clock is frozen": toggle(
        "app/test_frozen.py",
        "from freezegun import freeze_time\nimport app.alone\n"
        "def test():\n    with freeze_time('2020-01-01'):\n        pass\n",
    ),
    "somebody takes the import": toggle(
        "app/taker.py", "from app.alone import time\nprint(time)\n"
    ),
    "outside, a test patches": swap(
        "lib/away.py", "def away", "import mock; mock.patch('app.alone3.os.system')\ndef away"
    ),
    "nobody cares": swap("app/alone2.py", "pass", "return 5 + 5"),
    "nobody cares for a word": swap("app/alone2.py", "def nothing", "def anything"),
    "a word counts": swap("app/alone2.py", "pass", "alone.time.sleep = print"),
    "a body that nobody asks for": swap("app/names.py", "size = 1", "size = len(str(5))"),
    "lines that nobody asks for": swap("app/names.py", "size = 1", "size = 1\n\n    more = 2"),
    "a body with a name asked for": swap("app/names.py", "size = 1", "size = nap(1)"),
    "one more function": swap("app/names.py", "def afar", "def other(): pass\ndef afar"),
    "off": swap("app/alone.py", "time.sleep(1)", "time.sleep(1)  # asyncfix: off"),
    "the view alone": swap("app/views.py", "    rest()\n", "    rest(); load()\n"),
    "the caller's argument": swap("app/views.py", "load(False)", "load(1)"),
    "another sleep": swap("app/alone.py", "open('x')", "open('y'); open('z')"),
}  # fmt: skip


class Project:
    """A project on the disk, whose files all seem to be old."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: Files = {}
        self._seconds = 1_000_000_000

    def write(self, files: Mapping[str, str]) -> None:
        for name in self.files.keys() - files.keys():
            (self.root / name).unlink(missing_ok=True)
            shutil.rmtree(self.root / "app" / "types", ignore_errors=True)
        for name, text in files.items():
            if self.files.get(name) != text:
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                # What is younger than two seconds is not trusted.
                self._seconds += 10
                os.utime(path, (self._seconds, self._seconds))
        self.files = dict(files)

    def run(self, **changes: Any) -> Result:
        """Run with whatever cache the environment names."""
        found = config.load(self.root)
        wanted: dict[str, Any] = {
            "paths": (self.root / "app",),
            "root": self.root,
            "severity": found.severity,
            "catalog": found.catalog,
            **changes,
        }
        return engine.run(Settings(**wanted), CODEMODS)


class Both(NamedTuple):
    """What a run with the cache said, and one without."""

    cached: dict[str, Any]
    fresh: dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of the cache, which is used."""
    path = tmp_path / "cache"
    monkeypatch.setenv("ASYNCFIX_CACHE_DIR", str(path))
    return path


@pytest.fixture
def project(here: Path, folder: Path) -> Project:
    made = Project(here)
    made.write(START)
    return made


def said(result: Result) -> dict[str, Any]:
    """Give all that a person can see of a result."""
    names = ("findings", "changes", "problems", "unseen", "notes", "gathered",
             "skipped", "failed", "suppressed")  # fmt: skip
    return {name: getattr(result, name) for name in names}


def both(project: Project, **changes: Any) -> Both:
    cached = said(project.run(**changes))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ASYNCFIX_CACHE_DIR", "off")
        return Both(cached, said(project.run(**changes)))


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give how many files each run did not need to look at again."""
    counts: list[int] = []
    real = Memory.told

    def told(self: Memory, question: str, paths: Sequence[str]) -> Any:
        found = real(self, question, paths)
        counts.append(len(found))
        return found

    monkeypatch.setattr(Memory, "told", told)
    return counts


@pytest.fixture
def recalled(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Give, for each run with the cache, whether what was judged still held."""
    answers: list[bool] = []
    real = Recall.find

    def find(self: Recall) -> Any:
        found = real(self)
        if os.environ["ASYNCFIX_CACHE_DIR"] != "off":
            answers.append(found is not None)
        return found

    monkeypatch.setattr(Recall, "find", find)
    return answers


def lines(result: Mapping[str, Any]) -> list[str]:
    return [f"{Path(each.path).name}:{each.line}" for each in result["findings"]]


def test_the_project_says_something(project: Project, remembered: list[int]) -> None:
    first, second = both(project), both(project)
    assert first.cached == first.fresh == second.cached
    wanted = ["alone.py:3", "alone.py:4", "alone3.py:3", "far.py:4", "far.py:5",
              "views.py:4", "views.py:6", "views.py:8"]  # fmt: skip
    assert lines(first.cached) == wanted
    changed = [change.shown for change in first.cached["changes"]]
    assert changed == ["app/alone.py", "app/alone3.py", "app/far.py", "app/views.py"]
    assert remembered == [0, 0, 12, 0]


@pytest.mark.parametrize("named", ["app", "."])
@pytest.mark.parametrize("name", EDITS)
def test_after_one_edit_and_back(project: Project, name: str, named: str) -> None:
    paths = (project.root / named,)
    assert len(set(both(project, paths=paths).cached["findings"])) == 8
    for _ in range(2):
        files = dict(project.files)
        EDITS[name](files)
        assert files != project.files, "no edit"
        project.write(files)
        cached, fresh = both(project, paths=paths)
        assert cached == fresh


def test_sites_are_searched_for_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What looking has found is judged as it is, also in a later run."""
    asked: list[str] = []

    def found(model: Model, path: str, codemods: Sequence[Codemod]) -> Any:
        asked.append(Path(path).name)
        return detect.found(model, path, codemods)

    for module in (engine, passes):
        monkeypatch.setattr(module, "found", found)
    text = "import asyncio\nasync def f(x):\n    asyncio.gather(x(), x())\n"
    project.write({**project.files, "app/lost.py": text})
    first = project.run(paths=(project.root,))
    assert "lost.py" in asked
    mended = {Path(change.shown).name for change in first.changes}
    rest = [name for name in asked if name not in mended | {"__init__.py"}]
    assert len(rest) == len(set(rest)) > 5
    asked.clear()
    project.write({**project.files, "app/alone3.py": "import os\nos.getcwd()\n"})
    second = project.run(paths=(project.root,))
    assert set(asked) == {"alone3.py", *mended}
    assert [each for each in first.findings if "alone3" not in each.path] == [
        *second.findings
    ]


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("nobody cares", True),
        ("nobody cares for a word", True),
        ("a word counts", False),
        ("a comment", False),  # the file was opened, for a type
        ("another sleep", False),
        ("a test patches the call", False),
        ("a body that nobody asks for", True),
        ("lines that nobody asks for", True),
        ("a body with a name asked for", False),
        ("one more function", False),
    ],
)
def test_what_was_judged_holds_where_nothing_asked_for_has_changed(
    project: Project, recalled: list[bool], name: str, holds: bool
) -> None:
    both(project)
    files = dict(project.files)
    EDITS[name](files)
    project.write(files)
    cached, fresh = both(project)
    assert cached == fresh
    assert recalled == [False, holds]
    assert both(project).cached == fresh
    assert recalled[-1]


def test_what_is_open_already_is_noted_again(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Facts that many files ask for stay unpacked: judging opens them all the same."""
    opened = []
    for often in (2, 0):
        monkeypatch.setattr(link, "_OFTEN", often)
        shutil.rmtree(folder, ignore_errors=True)
        project.run()
        opened.append(Memory(str(project.root)).kept("judged")[2][0])
    assert len(opened[0]) > 5
    assert opened[0] == opened[1]


@pytest.mark.parametrize("seed", range(6))
def test_after_any_edits(
    project: Project, remembered: list[int], folder: Path, seed: int
) -> None:
    chance = random.Random(seed)
    done = []
    partly = 0
    for _ in range(12):
        files = dict(project.files)
        for name in chance.sample(sorted(EDITS), chance.choice((1, 1, 2, 3))):
            EDITS[name](files)
            done.append(name)
        if "app/types/__init__.py" in files:
            files.pop("app/types.py", None)
        elif "app/types.py" not in files:
            files["app/types.py"] = START["app/types.py"]
        project.write(files)
        if chance.random() < 0.1:
            shutil.rmtree(folder, ignore_errors=True)
        cached, fresh = both(project)
        assert cached == fresh, done
        partly += 0 < remembered[-2] < 12
    assert partly or seed not in (0, 1), done


@pytest.mark.parametrize("kind", ["cut", "flipped", "empty", "zero", "text", "gone"])
def test_a_damaged_cache_is_none(project: Project, folder: Path, kind: str) -> None:
    before = both(project)
    chance = random.Random(kind)
    for _ in range(8):
        for path in folder.iterdir():
            data = bytearray(path.read_bytes())
            place = chance.randrange(len(data))
            if kind == "cut":
                del data[place:]
            elif kind == "flipped":
                data[place] ^= 0x55
            elif kind == "zero":
                data[place:] = bytes(len(data) - place)
            elif kind == "text":
                data[:] = b"hello " * 1000
            elif kind == "empty":
                data.clear()
            path.write_bytes(data)
        if kind == "gone":
            shutil.rmtree(folder, ignore_errors=True)
        assert both(project) == before


def test_another_question_has_another_answer(
    project: Project, remembered: list[int]
) -> None:
    counts = {}
    for severity in ("low", "high", "medium", "low"):
        cached, fresh = both(project, severity=severity)
        assert cached == fresh
        counts[severity] = len(cached["findings"])
    assert counts["high"] < counts["medium"] <= counts["low"]
    assert [each for each in remembered if each] == [12]
    both(project, paths=(project.root / "app" / "far.py",))
    both(project, include_generated=True)
    both(project, select=("blocking-sleep",))
    assert [each for each in remembered if each] == [12]


def test_the_whole_project_after_a_part(project: Project) -> None:
    """Facts are shared by runs over other paths; what is told is not."""
    for paths in ("app/far.py", "lib", "", "app/views.py", "", "app"):
        cached, fresh = both(project, paths=(project.root / paths,))
        assert cached == fresh, paths
        project.write({**project.files, "lib/away.py": START["lib/away.py"] + paths})
        cached, fresh = both(project, paths=(project.root / paths,))
        assert cached == fresh, paths


def test_each_folder_has_a_cache_of_its_own(
    project: Project, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = both(project)
    second = Project(tmp_path / "second")
    second.write({**START, "app/alone3.py": ""})
    monkeypatch.chdir(second.root)
    other = both(second)
    assert other.cached == other.fresh
    assert lines(other.cached) == [e for e in lines(first.cached) if "alone3" not in e]
    assert len(list(folder.iterdir())) == 2
    # From elsewhere paths are shown in another way.
    monkeypatch.chdir(second.root / "app")
    inside = both(second)
    assert inside.cached == inside.fresh
    assert [each.path for each in inside.cached["findings"]] != [
        each.path for each in other.cached["findings"]
    ]
    monkeypatch.chdir(project.root)
    assert both(project) == first


def test_files_that_were_just_written_are_read_again(
    project: Project, remembered: list[int]
) -> None:
    both(project)
    for _ in range(3):
        path = project.root / "app" / "alone.py"
        path.write_text(START["app/alone.py"].replace("sleep(1)", "sleep(2)"))
        assert both(project).cached == both(project).fresh
        path.write_text(START["app/alone.py"].replace("time.sleep(1)", "time.thing(1)"))
        cached, fresh = both(project)
        assert cached == fresh
        assert "alone.py:3" not in lines(cached)
    assert max(remembered) == 12


def test_without_a_cache_nothing_is_written(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASYNCFIX_CACHE_DIR", "off")
    assert project.run().findings
    assert not folder.exists()
