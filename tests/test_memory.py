"""What is remembered changes nothing: a run with it says what one without says.

A small project is edited again and again, in every way that can change what is
said of a file that was not touched; after each edit both runs are compared.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from asyncfix import detect, engine, link, passes, workers
from asyncfix.codemod import Codemod
from asyncfix.context import Model
from asyncfix.memory import Memory
from asyncfix.model import Result
from asyncfix.passes import Passes
from asyncfix.recall import Recall
from tests.edited import EDITS, START, Project


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

    def told(self: Memory, question: str, paths: Sequence[str], **more: bool) -> Any:
        found = real(self, question, paths, **more)
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
    wanted = ["alone.py:3", "alone.py:4", "alone3.py:3", "decorated.py:15",
              "far.py:4", "far.py:5", "rows.py:9", "views.py:4", "views.py:6", "views.py:8"]  # fmt: skip
    assert lines(first.cached) == wanted
    changed = [change.shown for change in first.cached["changes"]]
    wanted_changes = "alone", "alone3", "decorated", "far", "views"
    assert changed == [f"app/{name}.py" for name in wanted_changes]
    assert remembered == [0, 0, 16, 0]


@pytest.mark.parametrize("named", ["app", "."])
@pytest.mark.parametrize("name", EDITS)
def test_after_one_edit_and_back(project: Project, name: str, named: str) -> None:
    paths = (project.root / named,)
    assert len(set(both(project, paths=paths).cached["findings"])) == 10
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
        ("one more function", True),
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


# What a search asks of another file is asked of one function there: a file that many
# import may get one more without another look at all of them.
SEARCHES = {
    "lets others run": """
import asyncio

async def there(item):
    await asyncio.sleep(0)
    return item
""",
    "waits": """
import asyncio

async def there(item):
    await asyncio.sleep(1)
    return item
""",
    "blocks": """
import time

def helper():
    time.sleep(1)

async def there(item):
    helper()
""",
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_asks_for_functions(
    project: Project, remembered: list[int], name: str
) -> None:
    loop = (
        "import asyncio\nfrom .core import there\n\n"
        "async def every(items):\n    found = []\n    for item in items:\n"
        "        found.append(await there(item))\n"
        "    await there(1)\n    await there(2)\n"
        "    asyncio.create_task(there(3))\n    there(4)\n    return found\n"
    )
    files = {"app/core.py": SEARCHES[name], "app/a.py": loop, "app/b.py": loop}
    project.write(files)
    both(project)
    project.write({**files, "app/core.py": SEARCHES[name] + "\ndef added(): ...\n"})
    remembered.clear()
    both(project)
    assert remembered[-2] == 2


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("nobody cares", 1),
        ("a helper more, which is called", 2),  # and the one whose way leads there
        ("a helper less", 3),  # a name that others say
        ("a helper more, which blocks", 3),  # once more: it leads to what blocks now
        ("a method that nobody calls", 1),
        ("a method more", 1),
        ("a local more", 1),
        ("a step more", 1),
        ("one more function", 2),  # its name is said
        ("a body that nobody asks for", 2),  # it gives something else now
        ("a builtin is shadowed", 1),  # nobody imports it
        ("a name that others say", 3),
        ("a constructor", 4),
        ("a step writes", 3),
        ("a decorator waits", 2),
    ],
)
def test_so_many_files_are_looked_at_again(
    project: Project, remembered: list[int], name: str, again: int
) -> None:
    both(project)
    files = dict(project.files)
    EDITS[name](files)
    project.write(files)
    remembered.clear()
    both(project)
    assert 16 - remembered[-2] == again


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("nobody cares", []),
        ("a row more", ["rows"]),
        ("a row is lost twice", ["every"]),  # the code of that function was asked for
        ("no row is lost", ["every"]),
        ("a row is off", ["rows"]),
        ("a step's comment", []),
        ("a row's import", ["every"]),  # others may import it from there
        ("another sleep", ["every"]),  # it has a fix
        ("the view alone", ["every"]),
    ],
)
def test_so_many_files_are_judged_again(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, again: list[str]
) -> None:
    judged: list[str] = []
    real = Passes.until_stable

    def until_stable(self: Passes, paths: Sequence[str], *more: Any) -> None:
        judged.extend(Path(path).stem for path in paths)
        real(self, paths, *more)

    both(project)
    files = dict(project.files)
    EDITS[name](files)
    project.write(files)
    with monkeypatch.context() as patched:
        patched.setattr(Passes, "until_stable", until_stable)
        cached = said(project.run())
    assert (["every"] if len(judged) > 4 else judged) == again
    assert cached == both(project).fresh


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
        partly += 0 < remembered[-2] < 16
    assert partly or seed not in (0, 1), done


def test_what_was_asked_of_a_file_is_known_after_others_changed(
    project: Project,
) -> None:
    """A file that is looked at again only for a way through another one."""
    for name in ("somebody above", "a helper more, which is called", "a way is open"):
        files = dict(project.files)
        EDITS[name](files)
        project.write(files)
        cached, fresh = both(project)
        assert cached == fresh


def test_a_file_goes_and_comes_back_as_another(project: Project) -> None:
    """Answers to an older question hold by what was imported then, not since."""
    for name in ("nobody cares", "outside, it goes", "outside"):
        files = dict(project.files)
        EDITS[name](files)
        project.write(files)
        cached, fresh = both(project)
        assert cached == fresh


def test_a_backend_is_named_far_above(project: Project) -> None:
    """The file that is spoken of, and the one that imports it, stay as they are."""
    started = "import anyio\nfrom . import service\nanyio.run(service.work{})\n"
    files = {
        "app/__init__.py": "",
        "app/store.py": "import time\nasync def load():\n    time.sleep(1)\n",
        "app/service.py": "from .store import load\nasync def work():\n    await load()\n",
    }
    levels = []
    for given in (
        "",
        ", backend='trio'",
        ", backend='asyncio'",
        ", backend=mine",
        None,
    ):
        text = "" if given is None else started.format(given)
        project.write({**files, "app/main.py": text})
        cached, fresh = both(project)
        assert cached == fresh
        levels += [each.level.value for each in cached["findings"]]
    assert levels == ["safe", "manual", "safe", "manual", "safe"]


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
    assert [each for each in remembered if each] == [16]
    both(project, paths=(project.root / "app" / "far.py",))
    both(project, include_generated=True)
    both(project, select=("blocking-sleep",))
    assert [each for each in remembered if each] == [16]


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


def test_a_file_that_was_only_touched_is_not_scanned_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = said(project.run())
    scanned: list[str] = []
    real = workers.scan_files

    def scan_files(paths: Sequence[str], *more: Any, **options: Any) -> Any:
        scanned.extend(paths)
        return real(paths, *more, **options)

    monkeypatch.setattr(workers, "scan_files", scan_files)
    touched = sorted((project.root / "app").glob("*.py"))
    for path in touched:
        os.utime(path, (1_500_000_000, 1_500_000_000))
    assert said(project.run()) == before
    assert scanned == []
    first = touched[0]
    first.write_text(first.read_text() + "\n# more\n")
    project.run()
    assert [Path(path).name for path in scanned] == [first.name]


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
    assert max(remembered) == 16


def test_without_a_cache_nothing_is_written(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASYNCFIX_CACHE_DIR", "off")
    assert project.run().findings
    assert not folder.exists()
