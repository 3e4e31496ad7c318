"""The same command is answered from memory; after any change the work is done.

Whether it was done is seen from outside: a run that only repeats what was said
does not import the engine. The files seem to be old, for young ones may change
again without their times telling, and are not trusted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from asyncfix import beside, registry, replay
from asyncfix.replay import Replay

if TYPE_CHECKING:
    from conftest import Forking, Forks

LONG_AGO = 1_000_000_000
BAD = "import time\nasync def f():\n    time.sleep(1)\n"
# The command, and then a word on stderr where the engine was needed.
DRIVER = """\
import atexit, sys
sys.argv[0] = "asyncfix"
worked = lambda: "asyncfix.engine" in sys.modules and "\\nWORKED" or ""
atexit.register(lambda: sys.stderr.write(worked()))
from asyncfix.start import main
main()
"""


class Said:
    """What one run said, and whether it had to look."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.worked = err.endswith("\nWORKED")
        self.answer = code, out, err.removesuffix("\nWORKED")


class Command(Protocol):
    """Runs the command in a process of its own."""

    def __call__(self, *arguments: str, **environment: str) -> Said: ...


def age(root: Path) -> None:
    """Let everything in a folder seem to be old, but not what is old already."""
    for path in [root, *root.rglob("*")]:
        if path.lstat().st_mtime > time.time() - 3600:
            os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


@pytest.fixture
def project(here: Path) -> Path:
    (here / "pyproject.toml").write_text("[tool.asyncfix]\n")
    (here / "a.py").write_text(BAD)
    (here / "pack").mkdir()
    (here / "pack" / "b.py").write_text(BAD)
    age(here)
    return here


@pytest.fixture(scope="module")
def forks(forking: Forking) -> Iterator[Forks]:
    """Give what runs code with everything at hand but asyncfix itself."""
    with forking("black", "click", "importlib.metadata", "libcst", "pebble") as running:
        yield running


@pytest.fixture
def command(project: Path, tmp_path: Path, forks: Forks) -> Command:
    home = tmp_path / "home"
    home.mkdir()

    def command(*arguments: str, **environment: str) -> Said:
        known = {"ASYNCFIX_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(home)}
        code = f"import sys\nsys.argv += {arguments!r}\n{DRIVER}"
        return Said(*forks.run(Path.cwd(), code, **{**known, **environment}))

    return command


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 1),
        (("a.py",), 1),
        (("--diff",), 0),
        (("--diff", "--check", "-q"), 1),
        (("--format", "json"), 1),
        (("--severity", "low", "pack"), 1),
        (("--select", "blocking-call"), 0),
        (("broken",), 2),
    ],
)
def test_the_same_command_says_the_same_bytes(
    project: Path, command: Command, arguments: tuple[str, ...], code: int
) -> None:
    (project / "broken").mkdir()
    (project / "broken" / "c.py").write_text("x = (\n")
    if "broken" not in arguments:
        shutil.rmtree(project / "broken")
    age(project)
    first = command(*arguments)
    assert first.worked and first.answer[0] == code
    assert first.answer[1] or first.answer[2]
    for _ in range(2):
        again = command(*arguments)
        assert not again.worked
        assert again.answer == first.answer


def test_a_run_from_memory_imports_next_to_nothing(
    project: Path, command: Command
) -> None:
    command()
    line = [sys.executable, "-X", "importtime", "-c", DRIVER]
    known = {**os.environ, "ASYNCFIX_CACHE_DIR": str(project.parent / "cache")}
    known["HOME"] = str(project.parent / "home")
    done = subprocess.run(line, capture_output=True, check=False, env=known)
    modules = {each.split("|")[-1].strip() for each in done.stderr.decode().split("\n")}
    ours = {each for each in modules if each.partition(".")[0] == "asyncfix"}
    names = ("cachefile", "digest", "replay", "start", "store", "stored", "table")
    assert ours == {"asyncfix", *(f"asyncfix.{name}" for name in names)}
    assert modules.isdisjoint({"click", "libcst", "pathspec", "subprocess"})


def write(name: str, text: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)

    return change


CHANGES: dict[str, Callable[[Path], None]] = {
    "a file is edited": write("a.py", BAD + "\n"),
    "a file keeps its size": write("a.py", BAD.replace("1", "2")),
    "a file is added": write("c.py", BAD),
    "a file is added below": write("pack/c.py", BAD),
    "a file is removed": lambda root: (root / "pack" / "b.py").unlink(),
    "a folder is added": write("new/d.py", BAD),
    "a folder is removed": lambda root: shutil.rmtree(root / "pack"),
    "a file is renamed": lambda root: (root / "a.py").rename(root / "z.py") and None,
    "a file is replaced by a link": lambda root: (
        (root / "a.py").unlink(),
        (root / "a.py").symlink_to("pack/b.py"),
    )[1],
    "the configuration": write("pyproject.toml", "[tool.asyncfix]\nignore = []\n"),
    "no configuration": lambda root: (root / "pyproject.toml").unlink(),
    "a configuration below": write("pack/pyproject.toml", ""),
    "a configuration above": write("../setup.cfg", ""),
    "git's ignore file": write(".gitignore", "a.py\n"),
    "git's ignore file below": write("pack/.gitignore", "*\n"),
    "git's ignore file above": write("../.gitignore", "*\n"),
    "a repository": lambda root: _git(root, "init", "-q"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_after_a_change_the_work_is_done(
    project: Path, command: Command, name: str
) -> None:
    before = command()
    assert not command().worked
    CHANGES[name](project)
    age(project.parent)
    if (project / "a.py").is_file() and name == "a file keeps its size":
        os.utime(project / "a.py", (LONG_AGO, LONG_AGO))
    after = command()
    assert after.worked, before.answer
    fresh = command(ASYNCFIX_CACHE_DIR="off")
    assert after.answer == fresh.answer
    again = command()
    assert again.answer == fresh.answer


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def test_what_git_knows_counts(project: Path, command: Command) -> None:
    _git(project, "init", "-q")
    write("build/made.py", BAD)(project)
    write(".gitignore", "build\n")(project)
    age(project)
    first = command()
    again = command()
    assert (first.worked, again.worked) == (True, False)
    assert first.answer == again.answer
    for what in (["add", "-f", "build"], ["rm", "-q", "--cached", "-r", "build"]):
        _git(project, *what)
        age(project)
        after = command()
        assert after.worked
        assert ("made.py" in after.answer[1]) == (what[0] == "add")
        assert not command().worked
    write(".git/info/exclude", "a.py\n")(project)
    age(project)
    after = command()
    assert after.worked and "a.py" not in after.answer[1]


def test_other_questions(project: Path, command: Command) -> None:
    command()
    for arguments in (["-q"], ["."], ["a.py"], ["--severity", "low"], ["--diff"]):
        assert command(*arguments).worked
        assert not command(*arguments).worked
    assert not command().worked
    assert command(PATH=os.environ["PATH"] + os.pathsep + "/nowhere").worked


def test_another_folder_is_another_command(
    project: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = command(str(project))
    monkeypatch.chdir(project / "pack")
    other = command(str(project))
    assert other.worked and other.answer != first.answer
    monkeypatch.chdir(project)
    again = command(str(project))
    assert not again.worked and again.answer == first.answer


@pytest.mark.parametrize("arguments", [("--apply",), ("--apply", "-q")])
def test_what_is_written_is_written_each_time(
    project: Path, command: Command, arguments: tuple[str, ...]
) -> None:
    for _ in range(2):
        (project / "a.py").write_text(BAD)
        age(project)
        assert command(*arguments).worked
        assert (project / "a.py").read_text() != BAD


def test_young_files_are_not_remembered(project: Path, command: Command) -> None:
    (project / "a.py").write_text(BAD)
    later = time.time() + 1000  # however slow this test is
    os.utime(project / "a.py", (later, later))
    assert [command().worked for _ in range(3)] == [True] * 3
    os.utime(project / "a.py", (LONG_AGO, LONG_AGO))
    assert [command().worked for _ in range(2)] == [True, False]


@pytest.mark.parametrize("kind", ["flipped", "cut", "empty", "gone"])
def test_damage_is_no_answer(project: Path, command: Command, kind: str) -> None:
    first = command()
    cache = project.parent / "cache"
    for path in list(cache.iterdir()):
        data = bytearray(path.read_bytes())
        half = len(data) // 2
        for place in range(half, half + 20) if kind == "flipped" else ():
            data[place] ^= 0xFF
        if kind == "gone":
            path.unlink()
        else:
            path.write_bytes({"cut": data[:half], "empty": b""}.get(kind, data))
    again = command()
    assert again.worked or kind == "flipped"
    assert again.answer == first.answer
    assert command().answer == first.answer


def test_off_is_off(project: Path, command: Command) -> None:
    for _ in range(2):
        assert command(ASYNCFIX_CACHE_DIR="off").worked
    assert not (project.parent / "cache").exists()
    left = {path.name for path in project.rglob("*")}
    assert left == {"pyproject.toml", "a.py", "pack", "b.py"}


# -- in this process ----------------------------------------------------------


@pytest.fixture
def asked(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Replay]:
    monkeypatch.setenv("ASYNCFIX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", [])
    return lambda: Replay(["x"], "1")


def test_the_code_of_the_packs_counts(
    project: Path, asked: Callable[[], Replay], tmp_path: Path
) -> None:
    code = tmp_path / "pack.toml"
    code.write_text("")
    age(tmp_path)
    answer = 1, b"out", b"err"
    status = os.stat("a.py")
    asked().keep(answer, {"a.py": status}, ["."], ["."], [str(code)])
    assert asked().find() == answer
    code.write_text("new")
    os.utime(code, (LONG_AGO + 1, LONG_AGO + 1))
    assert asked().find() is None


def test_codemods_and_catalog_are_code() -> None:
    names = [Path(each).name for each in registry.code()]
    assert {"blocking_call.py", "replay.py", "PIL.toml"} <= set(names)


@pytest.mark.parametrize("name", ["version", "arguments", "environment", "terminal"])
def test_what_the_answer_depends_on(
    project: Path,
    asked: Callable[[], Replay],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    answer = 0, b"", b""
    asked().keep(answer, {"a.py": os.stat("a.py")}, ["."], ["."], [])
    assert asked().find() == answer
    if name == "environment":
        monkeypatch.setenv("NO_COLOR", "1")
    elif name == "terminal":
        monkeypatch.setattr(replay, "_is_terminal", lambda stream: True)
    version = "2" if name == "version" else "1"
    arguments = ["x", "y"] if name == "arguments" else ["x"]
    assert Replay(arguments, version).find() is None


def test_only_what_is_as_it_was_is_known(
    project: Path, asked: Callable[[], Replay]
) -> None:
    read = {name: os.stat(name) for name in ("a.py", "pack/b.py")}
    asked().keep((0, b"", b""), read, ["."], ["."], [])
    assert asked().find() is not None
    (project / "pack" / "b.py").write_text("")
    age(project)
    changed = asked()
    assert changed.find() is None
    assert "pack/b.py" not in changed.statuses
    assert changed.statuses["a.py"] == read["a.py"]


def test_too_much_to_say_is_not_kept(
    project: Path, asked: Callable[[], Replay], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = {"a.py": os.stat("a.py")}
    asked().keep((0, b"x" * 20_000_001, b""), read, ["."], ["."], [])
    assert asked().find() is None
    asked().keep((0, b"", b""), {}, ["missing"], ["."], [])
    assert asked().find() is None
    monkeypatch.setattr(beside, "_MOST_FOLDERS", 1)
    asked().keep((0, b"", b""), read, ["."], ["."], [])
    assert asked().find() is None
    asked().keep((0, b"", b""), read, ["pack"], ["."], [])
    assert asked().find() == (0, b"", b"")


def test_edits_without_end(
    project: Path, asked: Callable[[], Replay], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is found is the same, wherever the stamps of edited files are kept."""
    monkeypatch.setattr(replay, "_MOST_SINCE", 3)
    names = [f"pack/{number}.py" for number in range(8)]
    for name in names:
        (project / name).write_text("")
    age(project)
    count = len(names), None
    read = {name: os.stat(name) for name in names}
    asked().keep((0, b"0", b""), read, ["."], ["."], [], opened=count)
    (project / "stub.pyi").write_text("")
    age(project)
    asked().keep((0, b"0", b""), read, ["."], ["."], [], opened=count)
    folded = set()
    for number in range(1, 30):
        name = names[number * 3 % 8]
        os.utime(name, (LONG_AGO + number, LONG_AGO + number))
        found = asked()
        assert found.find() is None
        assert list(found.edited) == [name] and found.in_place
        read[name] = os.stat(name)
        if number > 10:  # comes to be read
            read["stub.pyi"] = os.stat("stub.pyi")
        found.keep_edited((0, str(number).encode(), b""), read, None)
        assert asked().find() == (0, str(number).encode(), b"")
        folded.add(len(asked()._store.section("since")))
    assert folded == {0, 1, 2, 3}
    os.utime("stub.pyi", (LONG_AGO + 99, LONG_AGO + 99))
    assert asked().find() is None and not asked().edited
