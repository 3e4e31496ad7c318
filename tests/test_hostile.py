"""A repository that wants to harm whoever looks at it.

Nothing of it is imported or run, nothing outside of it is read or written, no
terminal does what a name or a line says, and no pattern or file takes forever.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from asyncfix import gather
from asyncfix.exclude import Excluded

if TYPE_CHECKING:
    from conftest import Git, Made, Run, Sample

# Generous: it tells endless from slow.
_LIMIT = 120
LAUNCHER = """
from asyncfix.start import main
if __name__ == "__main__":
    main()
"""
# What the command itself is made of; `asyncfix` in the current folder would be
# run by `python -m asyncfix`, and by nothing else.
PARTS = ("black", "click", "libcst", "pebble", "rich", "asyncfix_codemods", "tomli",
         "sitecustomize", "usercustomize", "conftest", "setup", "codemods")  # fmt: skip


class Done(NamedTuple):
    """What a command gave that ran in a process of its own."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(here: Path, tmp_path: Path) -> Callable[..., Done]:
    """Run the command as its installed script is run."""
    launcher = tmp_path / "bin" / "launcher.py"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER)

    def run(*arguments: str, module: bool = False) -> Done:
        start = ["-m", "asyncfix"] if module else [str(launcher)]
        done = subprocess.run(
            [sys.executable, *start, *arguments],
            cwd=here,
            capture_output=True,
            timeout=_LIMIT,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in err, err
        return Done(done.returncode, out, err)

    return run


# -- nothing is run ------------------------------------------------------------


@pytest.mark.parametrize("module", [False, True], ids=["script", "python -m"])
def test_nothing_of_the_project_is_imported(
    command: Callable[..., Done],
    made: Made,
    sample: Sample,
    here: Path,
    tmp_path: Path,
    module: bool,
) -> None:
    """Not by the workers either, which are started in the project's folder.

    `python -m` itself imports from the current folder before anybody can stop it.
    """
    sprung = tmp_path / "sprung"
    trap = f"open({str(sprung)!r}, 'a').write(__name__)\nraise SystemExit(9)\n"
    names = {*PARTS, *(() if module else sys.stdlib_module_names)}
    # With a `time.py` of the project's own there would be nothing to fix.
    files = {f"{name}.py": trap for name in names - {"__future__", "asyncio", "time"}}
    files |= {
        "evil.dist-info/METADATA": "Name: evil\nVersion: 1\n",
        "evil.dist-info/entry_points.txt": "[asyncfix.codemods]\nevil = evil\n",
        "evil/__init__.py": trap,
        "a.pth": f"import os; open({str(sprung)!r}, 'w')\n",
        "pyproject.toml": '[build-system]\nbuild-backend = "evil"\n'
        'backend-path = ["."]\n[tool.mypy]\nplugins = "evil"\n',
        "bad.py": sample.bad,
        # Large enough for a worker of its own.
        "large.py": "x = 1  # what a filler this is\n" * 60_000,
    }
    made(files)
    done = command("--apply", module=module)
    assert not sprung.exists(), sprung.read_text()
    assert (here / "bad.py").read_text() == sample.fixed
    assert "large.py" not in done.err, done.err
    assert done.code == 0, done.err
    assert command("undo", module=module).code == 0
    assert not sprung.exists()


def test_a_partial_clone_fetches_nothing(
    run: Run, made: Made, sample: Sample, here: Path, git: Git, tmp_path: Path
) -> None:
    """Git would start whatever the repository calls its ssh."""
    sprung = tmp_path / "sprung"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    trap.chmod(0o755)
    made({"a.py": sample.bad})
    git(here, "init", "-q", ".")
    git(here, "add", "-A")
    git(here, "-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x")
    for key, value in (
        ("remote.o.url", "ssh://nowhere.invalid/x"),
        ("remote.o.promisor", "true"),
        ("core.sshCommand", str(trap)),
        ("protocol.ssh.allow", "always"),
        ("extensions.partialClone", "o"),
        ("core.repositoryformatversion", "1"),
    ):
        git(here, "config", key, value)
    command = ["git", "rev-parse", "HEAD^{tree}"]
    tree = subprocess.run(command, cwd=here, capture_output=True, check=True).stdout
    name = tree.decode().strip()
    (here / ".git" / "objects" / name[:2] / name[2:]).unlink()
    ran = run("--apply")
    assert ran.code == 2
    assert "git cannot say" in ran.said
    assert not sprung.exists()
    subprocess.run(["git", "status"], cwd=here, capture_output=True, check=False)
    assert sprung.exists(), "the trap is none"


# -- nothing outside -----------------------------------------------------------


@pytest.fixture
def outside(here: Path, sample: Sample) -> Path:
    """Give a file beside the project that would be fixed."""
    file = here.parent / "outside" / "x.py"
    file.parent.mkdir()
    file.write_text(sample.bad)
    return file


@pytest.mark.parametrize(
    "path", ["..", "../outside", "c/../../outside", "{outside}", "link", "/"]
)
def test_the_configuration_leads_nowhere_else(
    run: Run, made: Made, sample: Sample, here: Path, outside: Path, path: str
) -> None:
    said = path.format(outside=outside.parent)
    made({"pyproject.toml": f"[tool.asyncfix]\npaths = ['{said}']\n", "c/a.py": ""})
    (here / "link").symlink_to("../outside")
    for mode in ((), ("--apply",), ("--diff", "--plan", "p.json"), ("hot",)):
        ran = run(*mode)
        assert ran.code == 2
        assert "leads out of the project" in ran.said
        assert ran.out == b""
    assert outside.read_text() == sample.bad


def test_the_configuration_itself_is_in_the_project(
    run: Run, made: Made, sample: Sample, here: Path, outside: Path
) -> None:
    made({"a.py": sample.good})
    (outside.parent / "secret").write_text("password = swordfish\n")
    (here / "pyproject.toml").symlink_to("../outside/secret")
    ran = run()
    assert ran.code == 2
    assert "is a link out of the project" in ran.said
    assert "swordfish" not in ran.said


def test_what_git_lists_behind_a_link_is_not_the_projects(
    run: Run, made: Made, sample: Sample, here: Path, git: Git, outside: Path
) -> None:
    made({"a/x.py": sample.bad, "b/c/x.py": sample.bad, "good.py": sample.good})
    git(here, "init", "-q", ".")
    git(here, "add", "-A")
    for name in ("a", "b"):
        (here / name).rename(here.parent / f"old {name}")
    (here / "a").symlink_to("../outside")
    (here / "b").mkdir()
    (here / "b" / "c").symlink_to("../../outside")
    ran = run("--apply", "--allow-dirty")
    assert ran.code == 0
    assert "1 file: 0 changed" in ran.said
    assert outside.read_text() == sample.bad


@pytest.mark.parametrize("inner", ["../outside/x.py", ".git/hooks/x", ".venv/x.py"])
def test_links_lead_to_nothing_that_is_not_the_projects(
    run: Run, made: Made, sample: Sample, here: Path, outside: Path, inner: str
) -> None:
    made({"pyproject.toml": "", ".git/hooks/x": sample.bad, ".venv/x.py": sample.bad})
    (here / "link.py").symlink_to(inner)
    ran = run("--apply", "--allow-dirty")
    assert ran.code == 0
    assert "1 link out of the project" in ran.said
    assert (here / "link.py").read_text() == sample.bad


# -- nothing takes forever -------------------------------------------------------

_HEAD = "import time\nasync def f():\n"
_CALL = "    time.sleep(1)"
SLOW: dict[str, Mapping[str, str]] = {
    "a pattern of stars": {
        "a" * 60 + ".py": f"{_HEAD}{_CALL}\n",
        "pyproject.toml": "[tool.asyncfix]\nexclude = ['" + "*a" * 12 + "*b', '"
        "**/*a/" * 9 + "b']\n",
    },
    "a comment of signs": {"a.py": f"{_HEAD}{_CALL}  {'#' * 300_000}\n"},
    "a comment of codes": {"a.py": f"{_HEAD}{_CALL}  # noqa: E1{', E1' * 100_000}!\n"},
    "comments of types": {"a.py": f"{_HEAD}{_CALL}\n{'# type:' * 50_000}\n"},
    "blank lines": {"a.py": "\n" * 300_000 + f"{_HEAD}{_CALL}\n"},
    "blanks": {"a.py": " " * 300_000 + f"\n{_HEAD}{_CALL}\n"},
    "a string": {"a.py": f"{_HEAD}{_CALL}; x = '{'a.' * 300_000}'\n"},
}
REFUSED: dict[str, Mapping[str, str]] = {
    "arrays in arrays": {"pyproject.toml": f"x = {'[' * 100_000}"},
    "tables in tables": {"pyproject.toml": f"x = {'{a=' * 100_000}"},
    "a key of many parts": {"pyproject.toml": f"{'a.' * 100_000}a = 1"},
    "a table of many parts": {"pyproject.toml": f"[a{' . b' * 100_000}]"},
    "a key of many quoted parts": {"pyproject.toml": "a" + ".'='" * 100_000 + " = 1"},
    "too large": {"pyproject.toml": "#" * 2_000_001},
    "a number of many digits": {"pyproject.toml": f"x = {'9' * 100_000}"},
    "not closed": {"a.py": f"{_HEAD}{_CALL}\n" + "def f[\n" * 50_000},
    "blank lines, and wrong": {"a.py": "\n" * 200_000 + "x = (\n"},
}


@pytest.mark.parametrize("row", SLOW)
def test_nothing_takes_forever(
    command: Callable[..., Done], made: Made, row: str, here: Path
) -> None:
    made(SLOW[row])
    done = command("--diff")
    assert done.code == 0, done.err
    assert "+    await asyncio.sleep(1)" in done.out or "noqa" in row + done.out


@pytest.mark.parametrize("row", REFUSED)
def test_what_would_take_forever_is_refused(
    command: Callable[..., Done], made: Made, row: str
) -> None:
    made({"b.py": f"{_HEAD}{_CALL}\n", **REFUSED[row]})
    done = command("--diff")
    assert done.code == 2
    assert "error: " in done.err
    assert ("b.py" in done.out) == ("a.py" in REFUSED[row])


_NAMES = st.text("ab*?[]!^-\\. #", min_size=1, max_size=5)
_PATTERNS = (
    st.tuples(
        st.sampled_from(["", "", "!", "/", "**/"]),
        st.lists(
            st.one_of(_NAMES, st.sampled_from(["**", "*", "a", "b"])),
            min_size=1,
            max_size=3,
        ).map("/".join),
        st.sampled_from(["", "", "/", "/**"]),
    )
    .map("".join)
    .filter(lambda pattern: "\\/" not in pattern)
)  # nobody escapes a slash
_PATHS = st.lists(st.text("ab-]", min_size=1, max_size=3), min_size=1, max_size=4).map(
    "/".join
)


@pytest.mark.any_python
@settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=300,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    patterns=st.lists(_PATTERNS, min_size=1, max_size=3),
    paths=st.lists(_PATHS, min_size=1, max_size=8),
)
@example(patterns=["a/", "!a/b"], paths=["a/b", "b/a/b", "a"])
@example(patterns=["\\#", " \\ ", "a/**/b"], paths=["a/b", "#", " ", "  ", "a/c/d/b"])
def test_a_pattern_excludes_what_git_would_ignore(
    tmp_path_factory: pytest.TempPathFactory, patterns: list[str], paths: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "patterns"
    if not folder.exists():
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    # Git reads the file as bytes, so there is one pattern in each line.
    (folder / ".git" / "info" / "exclude").write_text("\n".join(patterns) + "\n")
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        input="\0".join(paths),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode in (0, 1), asked.stderr
    ignored = asked.stdout.split("\0")
    excluded = Excluded(patterns)
    for path in paths:
        assert excluded(path) == (path in ignored), path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes have names here")
def test_git_that_waits_for_ever_is_not_waited_for(
    run: Run, made: Made, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", str(here)], check=True)
    made({"a.py": CODE})
    os.mkfifo(here / ".gitignore")
    monkeypatch.setattr(gather, "_PATIENCE", 0.5)
    assert run().text.count("blocking-sleep") == 1
    before = (here / "a.py").read_bytes()
    os.mkfifo(here / ".git" / "info" / "attributes")
    ran = run("--apply")
    assert ran.code == 2
    assert "git cannot say" in ran.said
    assert (here / "a.py").read_bytes() == before


# -- no terminal does what it says -----------------------------------------------

EVIL = "\x1b]0;evil\x07\x1b[2J\u202e\x9b1m\u2028"
NAME = "a\x1b[31m\n\r\u202eb.py"
CODE = f"""# {EVIL}
import asyncio
import time
import requests


def load{EVIL and ''}(url):
    return requests.get(url)  # {EVIL}


async def f():
    time.sleep(1)  # {EVIL}
    load('{EVIL}')
    return asyncio, time.time()
"""


def steering(data: bytes) -> list[str]:
    """Give the characters that could steer a terminal."""
    text = data.decode("utf-8", "replace")
    return [
        each
        for each in text
        if (ord(each) < 32 and each not in "\n\t")
        or 127 <= ord(each) < 160
        or each in "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
        or "\u2066" <= each <= "\u2069"
    ]


WAYS: dict[str, tuple[str, ...]] = {
    "text": (),
    "json": ("--format", "json"),
    "why": ("why", NAME + ":12"),
    "hot": ("hot",),
    "hot, json": ("hot", "--format", "json"),
    "dot": ("graph",),
    "mermaid": ("graph", "--format", "mermaid"),
    "graph, json": ("graph", "--format", "json"),
    "apply": ("--apply",),
    "undo": ("undo",),
    "runs": ("undo", "--list"),
    "a plan": ("--diff", "--plan", "p\x1b.json"),
    "what is not there": ("\x1b[2J.py",),
    "a wrong codemod": ("--select", "\x1b[2J"),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_output_steers_a_terminal(run: Run, made: Made, way: str) -> None:
    made({NAME: CODE, "b\x1b[2J\n.py": f"x = (  # {EVIL}\n", "pyproject.toml": ""})
    if way in ("undo", "runs"):
        assert run("--apply").out
    ran = run(*WAYS[way])
    assert ran.out + ran.err
    assert steering(ran.err) == []
    if way != "a plan":  # its diff is for git, and not on a terminal here
        assert steering(ran.out) == []
    forged = [line for line in ran.text.split("\n") if line.startswith("b.py")]
    assert forged == [], "a name has made a line of its own"


def test_a_wrong_configuration_does_not_steer_a_terminal(run: Run, made: Made) -> None:
    made({"a.py": "", "pyproject.toml": '[tool.asyncfix]\n"\\u001b[2J\\n" = 1\n'})
    ran = run()
    assert ran.code == 2
    assert steering(ran.err) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo terminals")
def test_a_diff_on_a_terminal_does_not_steer_it(
    made: Made, here: Path, tmp_path: Path
) -> None:
    import pty

    made({NAME: CODE.replace("\n", "\r\n"), "pyproject.toml": ""})
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "asyncfix", "--diff"]
    known = {**os.environ, "NO_COLOR": "1", "TERM": "dumb"}
    process = subprocess.Popen(
        command, cwd=here, env=known, stdout=theirs, stderr=subprocess.DEVNULL
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 10_000):
            said += part
    except OSError:
        pass  # so a terminal ends on Linux
    os.close(ours)
    assert process.wait(_LIMIT) == 0
    assert b"await asyncio.sleep(1)" in said
    assert steering(said.replace(b"\r\n", b"\n")) == []  # no colour of ours either
