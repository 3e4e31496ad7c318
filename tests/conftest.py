"""The options of the test run, and the fixtures that several files share.

Test files cannot import one another here; what they share, they ask for. The
names of its types they may import `if TYPE_CHECKING`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from asyncfix import catalog as catalogs
from asyncfix import cli, registry
from asyncfix.catalog import Catalog
from asyncfix.catalog_file import Tables
from asyncfix.documents import Documents
from asyncfix.effects import Effects
from asyncfix.facts import Facts, Use
from asyncfix.link import Answer, Project
from asyncfix.model import Problem, Settings
from asyncfix.parsing import parse
from asyncfix.reach import Reach
from asyncfix.reader import Reader
from asyncfix.scan import scan
from asyncfix.source import Lines
from asyncfix.tree import Tree
from asyncfix.value import CLASS, FUNCTION, OUTSIDE, PARTIAL
from asyncfix.values import Values

# No test may find what another run has left in the person's own cache.
os.environ["ASYNCFIX_CACHE_DIR"] = "off"


@pytest.fixture(scope="session", autouse=True)
def _journals_of_no_person(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what tests write out of the person's own journals."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session", autouse=True)
def _the_disk_is_not_waited_for() -> Iterator[None]:
    """Do without the one effect of `os.fsync` that only a power cut would show."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: os.fstat(file) and None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _the_catalog_is_read_once() -> Iterator[None]:
    """Keep what was read of the packs' own catalogs, which no test changes."""
    known = cache(catalogs.read)
    mine = {Path(each).parent for each in registry.code() if each.endswith(".toml")}

    def read(file: Path, kept: Documents | None = None) -> Tables:
        return known(file) if file.parent in mine else real(file, kept)

    real = catalogs.read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogs, "read", read)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-fixtures`."""
    parser.addoption(
        "--update-fixtures",
        action="store_true",
        help="Rewrite .after.py and .findings.txt from what the engine gives today.",
    )


# -- the command line -------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """What one run of the command gave."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def said(self) -> str:
        return self.err.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Sample(NamedTuple):
    """Files for the command to look at."""

    good: str
    bad: str
    fixed: str
    """What becomes of `bad`."""
    held: str
    """Has no fix: the lock would be held while others run."""


class Git(Protocol):
    """Runs git in a folder."""

    def __call__(self, where: Path, *arguments: str, stdin: bytes = b"") -> None: ...


Run = Callable[..., Ran]
Made = Callable[[Mapping[str, "str | bytes"]], None]
Contents = Callable[[], "dict[str, bytes]"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder that is the current one."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def run(here: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Call the real entry point, in this process."""

    def run(*arguments: str) -> Ran:
        capsysbinary.readouterr()
        with pytest.raises(SystemExit) as exit_:
            cli.main(list(arguments), prog_name="asyncfix")
        out, err = capsysbinary.readouterr()
        code = exit_.value.code
        return Ran(code if isinstance(code, int) else int(code or 0), out, err)

    return run


@pytest.fixture
def made(here: Path) -> Made:
    """Write files into `here`."""

    def made(files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(
                content if isinstance(content, bytes) else content.encode()
            )

    return made


@pytest.fixture
def contents(here: Path) -> Contents:
    """Give what all files in `here` hold now, but for those of git."""
    return lambda: {
        path.relative_to(here).as_posix(): path.read_bytes()
        for path in sorted(here.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(here).parts
    }


@pytest.fixture
def git() -> Git:
    """Run git in a folder; it must succeed."""

    def git(where: Path, *arguments: str, stdin: bytes = b"") -> None:
        subprocess.run(
            ["git", *arguments], cwd=where, input=stdin, check=True, capture_output=True
        )

    return git


class Forks:
    """Runs code as `python -c` does, in a fork of a process that is ready for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, folder: Path, code: str, **variables: str) -> tuple[int, str, str]:
        """Give exit code, stdout and stderr."""
        to, back = self._process.stdin, self._process.stdout
        assert to is not None and back is not None
        known = {**os.environ, **variables}
        print(json.dumps([str(folder), known, code]), file=to, flush=True)
        status, out, err = json.loads(back.readline())
        return status, out, err


Forking = Callable[..., AbstractContextManager[Forks]]


@pytest.fixture(scope="session")
def forking() -> Forking:
    """Start forks.py with flags of Python and the modules that are to be at hand."""

    @contextmanager
    def forking(*modules: str, flags: tuple[str, ...] = ()) -> Iterator[Forks]:
        script = Path(__file__).with_name("forks.py")
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, *flags, script, *modules],
            stdin=pipe,
            stdout=pipe,
            text=True,
        ) as process:
            yield Forks(process)

    return forking


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `os.access` go by the mode alone, for root, who may do anything."""
    if os.geteuid():
        return
    real = os.access

    def access(path: Any, mode: int, **more: Any) -> bool:
        if mode & os.W_OK and not os.stat(path).st_mode & 0o222:
            return False
        return real(path, mode, **more)

    monkeypatch.setattr(os, "access", access)


@pytest.fixture
def sample() -> Sample:
    """Give the text of files that are good, bad, fixed and beyond a fix."""
    bad = (
        "import asyncio\nimport time\n\n\nasync def f():\n    time.sleep(1)\n"
        "    return asyncio, time.time()\n"
    )
    return Sample(
        good="import asyncio\n\n\nasync def f():\n    await asyncio.sleep(1)\n",
        bad=bad,
        fixed=bad.replace("time.sleep", "await asyncio.sleep"),
        held=(
            "import threading\nimport time\n\nLOCK = threading.Lock()\n\n\n"
            "async def f():\n    with LOCK:\n        time.sleep(1)\n"
        ),
    )


@pytest.fixture
def counted(sample: Sample) -> dict[str, str | bytes]:
    """Give files of every fate; `f/excluded.py` is for an `--exclude`."""
    return {
        "a.py": sample.bad,
        "b.py": sample.held,
        "c.py": sample.good,
        "d.py": "x = (",
        "e.py": "# @generated\n" + sample.bad,
        "f/excluded.py": sample.bad,
        "g.py": "",
        "h.py": b"\xff\xfe",
    }


# -- the link stage ---------------------------------------------------------

ROOT = "/r"
MARK = "# <-"

Linked = Callable[[Mapping[str, str]], Project]


class Answers(Protocol):
    """Gives all that the name of the marked call may mean."""

    def __call__(
        self, files: str | Mapping[str, str], at: str = "main.py"
    ) -> tuple[Answer, ...]: ...


class Meant(Protocol):
    """Gives what the name of the marked call means, if that is sure."""

    def __call__(
        self, files: str | Mapping[str, str], at: str = "main.py"
    ) -> str | None: ...


@pytest.fixture
def linked() -> Linked:
    """Link the files of a project, given by path and text."""

    def linked(files: Mapping[str, str]) -> Project:
        found = []
        for path, text in files.items():
            scanned = scan(f"{ROOT}/{path}", textwrap.dedent(text).encode())
            assert not isinstance(scanned, Problem), (path, scanned)
            found.append(scanned[0])
        return Project(found, ROOT)

    return linked


def _marked(facts: Facts, text: str) -> Use:
    lines = textwrap.dedent(text).split("\n")
    (line,) = [number for number, each in enumerate(lines, 1) if MARK in each]
    uses = [use for use in facts.calls if use.line == line]
    assert uses, lines[line - 1]
    return max(uses, key=lambda use: (use.name.count("."), -use.col))


def _project_of(main: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"main.py": main} if isinstance(main, str) else main


@pytest.fixture
def answers(linked: Linked) -> Answers:
    """Ask what the call marked `# <-` may mean; a bare text is `main.py`."""

    def answers(
        files: str | Mapping[str, str], at: str = "main.py"
    ) -> tuple[Answer, ...]:
        files = _project_of(files)
        project = linked(files)
        path = f"{ROOT}/{at}"
        use = _marked(project.files[path], files[at])
        return project.answers(path, use.scope, use.name)

    return answers


@pytest.fixture
def meant(linked: Linked) -> Meant:
    """Ask what the call marked `# <-` means; None stands for "not sure"."""

    def meant(files: str | Mapping[str, str], at: str = "main.py") -> str | None:
        files = _project_of(files)
        project = linked(files)
        path = f"{ROOT}/{at}"
        use = _marked(project.files[path], files[at])
        return project.qualified_name(path, use.scope, use.name)

    return meant


# -- the project model --------------------------------------------------------


class Called(Protocol):
    """Gives what the marked call calls, in words."""

    def __call__(self, files: str | Mapping[str, str], at: str = "main.py") -> str: ...


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """Give the catalog of the installed packs, read once."""
    return registry.catalog(Settings())


@pytest.fixture
def called(linked: Linked, catalog: Catalog) -> Called:
    """Ask what the call marked `# <-` calls.

    `requests.get` for what is outside, `app/db.py: Repo.load` for what the
    project defines, and `unknown`.
    """

    def called(files: str | Mapping[str, str], at: str = "main.py") -> str:
        files = _project_of(files)
        project = linked(files)
        path = f"{ROOT}/{at}"
        use = _marked(project.files[path], files[at])
        value = Values(project, catalog).of(path, use.scope, use.name)
        while value is not None and value.kind == PARTIAL:
            (value,) = value.inner
        if value is not None and value.kind == OUTSIDE:
            return value.name
        if value is None or value.kind not in (CLASS, FUNCTION):
            return "unknown"
        parts: list[str] = []
        scopes, scope = project.files[value.path].scopes, value.scope
        while scope > 0:
            parts.insert(0, scopes[scope].name)
            scope = scopes[scope].parent
        return f"{value.path.removeprefix(ROOT + '/')}: {'.'.join(filter(None, parts))}"

    return called


class Chains(Protocol):
    """Gives the ways from coroutines to what blocks, a line for each."""

    def __call__(
        self, files: str | Mapping[str, str], severity: str = "medium"
    ) -> list[str]: ...


@pytest.fixture
def chains(linked: Linked, catalog: Catalog) -> Chains:
    """Ask for all chains of a project, in the order of its files and lines.

    A chain reads `a.py:3 load -> b.py:7 sqlite3.Cursor.execute`.
    """

    def chains(files: str | Mapping[str, str], severity: str = "medium") -> list[str]:
        project = linked(_project_of(files))
        reach = Reach(project, catalog, severity)
        found = []
        for path, edges in sorted(reach.blocking(sorted(project.files)).items()):
            for _, edge in edges:
                chain = reach.chain(path, edge)
                assert chain is not None
                steps = [
                    f"{step.path.removeprefix(ROOT + '/')}:{step.line} {step.name}"
                    for step in chain.steps
                ]
                found.append(" -> ".join(steps))
        return found

    return chains


# -- what functions touch ---------------------------------------------------


class Held(Reader):
    """A reader of files that are held as texts."""

    def __init__(self, project: Project, texts: Mapping[str, bytes]) -> None:
        super().__init__(project)
        self.texts = texts

    def _kept_lines(self, path: str) -> Lines:
        """Give the lines of a text."""
        return Lines(self.texts[path])

    def parsed(self, path: str) -> Tree:
        """Give the tree of a text."""
        parsed = parse(path, self.texts[path])
        assert not isinstance(parsed, Problem), parsed
        return Tree(parsed[0], parsed[1])


class Looked(NamedTuple):
    """A project with what looks at it."""

    effects: Effects
    reach: Reach
    reader: Held


Look = Callable[["str | Mapping[str, str]"], Looked]


@pytest.fixture
def look(linked: Linked) -> Look:
    """Link a project, a bare text is `main.py`, and look at what it touches."""

    def look(files: str | Mapping[str, str]) -> Looked:
        files = _project_of(files)
        project = linked(files)
        texts = {
            f"{ROOT}/{path}": textwrap.dedent(text).encode()
            for path, text in files.items()
        }
        reader = Held(project, texts)
        reach = Reach(project, registry.catalog(Settings()))
        effects = Effects(project, reach.values, reach.catalog, reader)
        return Looked(effects, reach, reader)

    return look
