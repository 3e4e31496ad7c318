"""After an edit the work is taken up where the last run began it, or begun anew.

Either says what a run says that remembers nothing. Which it was is seen from outside:
work that is taken up needs no command line parser.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Forking, Forks

BAD = "import time\nasync def {}():\n    time.sleep(1)\n"
FILES = {
    "pyproject.toml": "[tool.asyncfix]\n",
    "a.py": BAD.format("first") + "from pack.b import work\n",
    "out.py": BAD.format("out"),
    "pack/b.py": "def work():\n    pass\n",
    "pack/__init__.py": "",
    "pack/c.py": "from pack.b import work\nasync def run():\n    work()\n",
}
DRIVER = """\
import atexit, sys
sys.argv[0] = "asyncfix"
def how():
    for name in ("asyncfix.cli", "asyncfix.engine"):
        if name in sys.modules:
            return "\\n" + name
    return "\\nfound"
atexit.register(lambda: sys.stderr.write(how()))
from asyncfix.start import main
main()
"""
FOUND, TAKEN_UP, BEGUN = "found", "asyncfix.engine", "asyncfix.cli"
Said = tuple[int, str, str]


@pytest.fixture(scope="module")
def forks(forking: Forking) -> Iterator[Forks]:
    with forking("black", "importlib.metadata", "libcst", "pebble") as running:
        yield running


class Command:
    """The command in a process of its own, and the project that it is run in."""

    def __init__(self, here: Path, forks: Forks, cache: Path, *arguments: str) -> None:
        self.here = here
        self.arguments = arguments
        self.home = cache.parent / "home"
        self.cache = cache
        self._forks = forks
        self._seconds = 1_000_000_000
        for name, text in FILES.items():
            self.write(name, text)
        self.settle()

    def write(self, name: str, text: str, young: bool = False) -> None:
        path = self.here / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        if not young:
            self._seconds += 10
            os.utime(path, (self._seconds, self._seconds))

    def settle(self) -> None:
        """Let all folders seem to be old; each change gives them another time."""
        for path in [self.here, *self.here.rglob("*")]:
            if path.lstat().st_mtime > time.time() - 3600:
                self._seconds += 10
                os.utime(path, (self._seconds, self._seconds), follow_symlinks=False)

    def __call__(self, cached: bool = True) -> tuple[str, Said]:
        """Give how the answer was found, and the answer."""
        known = {
            "ASYNCFIX_CACHE_DIR": str(self.cache) if cached else "off",
            "HOME": str(self.home),
        }
        code = f"import sys\nsys.argv += {self.arguments!r}\n{DRIVER}"
        status, out, err = self._forks.run(self.here, code, **known)
        words, _, how = err.rpartition("\n")
        return how, (status, out, words)

    def agrees(self, how: str) -> Said:
        """See that a run is made in a way, and says what a fresh one says."""
        found = self()
        assert found == (how, self(cached=False)[1])
        return found[1]


@pytest.fixture
def begun(here: Path, tmp_path: Path, forks: Forks) -> Callable[..., Command]:
    def begun(*arguments: str) -> Command:
        command = Command(here, forks, tmp_path / "cache", *arguments)
        command.home.mkdir(exist_ok=True)
        command.agrees(BEGUN)
        command.agrees(FOUND)
        return command

    return begun


@pytest.mark.parametrize(
    "arguments",
    [(), ("--diff",), ("a.py", "pack"), ("--format", "json"), ("-q", "--select",
     "blocking-call"), ("--diff", "--check", "--severity", "low", ".")],
    ids=" ".join,
)  # fmt: skip
def test_an_edit(begun: Callable[..., Command], arguments: tuple[str, ...]) -> None:
    command = begun(*arguments)
    before = command.agrees(FOUND)
    command.write("pack/b.py", "import time\ndef work():\n    time.sleep(1)\n")
    after = command.agrees(TAKEN_UP)
    assert after != before
    command.agrees(FOUND)
    command.write("pack/b.py", FILES["pack/b.py"])
    assert command.agrees(TAKEN_UP) == before
    command.write("a.py", BAD.format("other"))
    command.write("pack/c.py", BAD.format("run"))
    command.agrees(TAKEN_UP)
    command.agrees(FOUND)


@pytest.mark.parametrize("again", range(2))
@pytest.mark.parametrize("name", ["a.py", "pack/b.py"])
def test_a_young_file(begun: Callable[..., Command], name: str, again: int) -> None:
    command = begun()
    command.write(name, BAD.format("young"), young=True)
    command.agrees(TAKEN_UP)
    command.write(name, BAD.format("yours"), young=True)
    os.utime(command.here / name, (2_000_000_000 + again,) * 2)
    command.agrees(TAKEN_UP)
    command.write("pack/c.py", BAD.format("run"))
    command.agrees(TAKEN_UP)


def test_a_file_that_cannot_be_parsed(begun: Callable[..., Command]) -> None:
    command = begun()
    command.write("pack/c.py", "def (\n")
    assert command.agrees(TAKEN_UP)[0] == 2
    command.agrees(FOUND)
    command.write("pack/b.py", BAD.format("work"))
    assert command.agrees(TAKEN_UP)[0] == 2
    command.write("pack/c.py", FILES["pack/c.py"])
    assert command.agrees(TAKEN_UP)[0] == 1


@pytest.mark.parametrize("around", [False, True])
def test_what_was_told_before_a_file_was_broken(
    begun: Callable[..., Command], around: bool
) -> None:
    """Answers without the broken file are others; those with it are older by now."""
    command = begun("a.py", "pack") if around else begun()
    command.write("a.py", "from pack.b import work\nasync def first():\n    work()\n")
    command.write("out.py", "")
    command.agrees(TAKEN_UP)
    command.write("pack/c.py", "def (\n")
    command.agrees(TAKEN_UP)
    command.write("pack/b.py", "import time\ndef work():\n    time.sleep(1)\n")
    command.agrees(TAKEN_UP)
    command.write("pack/c.py", FILES["pack/c.py"])
    found = command.agrees(TAKEN_UP)
    assert found[0] == 1 and "a.py:3" in found[1]


def appears(here: Path) -> None:
    (here / "more").mkdir()
    (here / "more" / "d.py").write_text(BAD.format("more"))


def goes(here: Path) -> None:
    (here / "pack" / "c.py").unlink()


def configured(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.asyncfix]\nexclude = ['out.py']\n")


def misconfigured(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool.asyncfix]\nexclude = 1\n")


def unconfigured(here: Path) -> None:
    (here / "pyproject.toml").unlink()


def replaced(here: Path) -> None:
    (here / "new").write_text(BAD.format("new"))
    (here / "new").replace(here / "a.py")


def linked(here: Path) -> None:
    (here / "a.py").unlink()
    (here / "a.py").symlink_to("out.py")


def a_folder(here: Path) -> None:
    (here / "a.py").unlink()
    (here / "a.py").mkdir()


def a_pipe(here: Path) -> None:
    (here / "a.py").unlink()
    os.mkfifo(here / "a.py")


def a_repository(here: Path) -> None:
    (here / ".git").mkdir()


CHANGES = [appears, goes, configured, misconfigured, unconfigured, replaced, linked,
           a_folder, a_repository]  # fmt: skip
if hasattr(os, "mkfifo"):
    CHANGES.append(a_pipe)


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_another_change_lets_all_begin_anew(
    begun: Callable[..., Command], change: Callable[[Path], None], edited: bool
) -> None:
    command = begun()
    change(command.here)
    if edited:
        command.write("pack/b.py", BAD.format("work"))
    command.settle()
    command.agrees(BEGUN)


def test_a_link_to_a_source(begun: Callable[..., Command], here: Path) -> None:
    (here / "link.py").symlink_to("pack/b.py")
    command = begun()
    command.write("pack/b.py", BAD.format("work"))
    command.agrees(TAKEN_UP)
    (here / "link.py").unlink()
    (here / "link.py").symlink_to("out.py")
    command.settle()
    command.agrees(BEGUN)


def test_a_file_changes_while_it_is_read(
    begun: Callable[..., Command], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept is known by its times from before, so the next run reads again."""
    from asyncfix import again, engine, renew
    from asyncfix.replay import Replay

    command = begun()
    command.write("pack/c.py", BAD.format("run"))
    monkeypatch.setenv("ASYNCFIX_CACHE_DIR", str(command.cache))
    monkeypatch.setenv("HOME", str(command.home))
    monkeypatch.chdir(here)
    real = engine.run
    monkeypatch.setattr(
        engine,
        "run",
        lambda *a, **k: (command.write("pack/c.py", BAD.format("mine")), real(*a, **k))[
            1
        ],
    )
    replay = Replay([], __import__("asyncfix").__version__)
    assert replay.find() is None
    if replay.edited:  # in this process, stdout may be another
        assert renew.answer(replay) is None
        assert again.taken_up(replay) == 2  # it was scanned already
    monkeypatch.undo()
    command.agrees(TAKEN_UP)


def test_who_reads_has_gone(begun: Callable[..., Command], here: Path) -> None:
    import subprocess

    command = begun()
    environment = {
        **os.environ,
        "ASYNCFIX_CACHE_DIR": str(command.cache),
        "HOME": str(command.home),
    }
    run = [sys.executable, "-m", "asyncfix"]
    subprocess.run(run, env=environment, cwd=here, capture_output=True, check=False)
    command.write("pack/c.py", BAD.format("run"))
    ends = []
    for cache in (str(command.cache), "off"):
        environment["ASYNCFIX_CACHE_DIR"] = cache
        with subprocess.Popen(
            run,
            env=environment,
            cwd=here,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            assert running.stdout and running.stderr
            running.stdout.close()
            ends.append((running.wait(60), running.stderr.read()))
    assert ends[0] == ends[1]
    assert ends[0][0] == 1


@pytest.mark.parametrize("place", range(2))
def test_one_cache_is_older_than_the_other(
    begun: Callable[..., Command], place: int
) -> None:
    """What was said and what was learnt are kept apart: neither believes the other."""
    command = begun()
    caches = sorted(command.cache.iterdir())
    assert len(caches) == 2
    shutil.copy(caches[place], command.home)
    command.write("pack/c.py", BAD.format("run"))
    command.agrees(TAKEN_UP)
    os.replace(command.home / caches[place].name, caches[place])
    fresh = command(cached=False)[1]
    assert command()[1] == fresh
    command.write("pack/b.py", "import time\ndef work():\n    time.sleep(1)\n")
    command.agrees(TAKEN_UP)
