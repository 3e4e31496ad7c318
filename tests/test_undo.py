"""`asyncfix undo` and `asyncfix recover`, as people call them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asyncfix import journal

if TYPE_CHECKING:
    from conftest import Contents, Made, Run, Sample


@pytest.fixture(autouse=True)
def own_journals(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("own")))


@pytest.fixture
def applied(
    run: Run, made: Made, sample: Sample, contents: Contents
) -> dict[str, bytes]:
    """Apply to two files; gives what they held before."""
    made({"a.py": sample.bad, "b.py": sample.bad, "good.py": sample.good})
    before = contents()
    ran = run("--apply")
    assert ran.code == 0
    assert ran.said.endswith("`asyncfix undo` takes this back.\n")
    assert contents() != before
    return before


def test_undo_gives_the_old_bytes(
    run: Run, applied: dict[str, bytes], contents: Contents
) -> None:
    ran = run("undo")
    assert (ran.code, ran.text) == (0, "a.py: taken back\nb.py: taken back\n")
    assert contents() == applied
    ran = run("undo")
    assert ran.code == 2
    assert "no run to take back" in ran.said


def test_undo_can_be_taken_back(
    run: Run, applied: dict[str, bytes], contents: Contents
) -> None:
    after = contents()
    ran = run("undo")
    name = ran.said.rpartition("asyncfix undo ")[2].partition("`")[0]
    assert run("undo", name).code == 0
    assert contents() == after
    assert run("undo").code == 0
    assert contents() == applied


def test_runs_are_taken_back_one_after_the_other(
    run: Run, applied: dict[str, bytes], contents: Contents, sample: Sample, here: Path
) -> None:
    (here / "c.py").write_text(sample.bad)
    assert run("--apply").code == 0
    assert run("undo").text == "c.py: taken back\n"
    assert run("undo").text == "a.py: taken back\nb.py: taken back\n"
    listed = run("undo", "--list").text.splitlines()
    assert len(listed) == 4
    assert [line.count("undone") for line in listed] == [0, 0, 1, 1]


def test_a_run_is_called_by_its_name(
    run: Run, applied: dict[str, bytes], contents: Contents, sample: Sample, here: Path
) -> None:
    first = run("undo", "--list").text.partition(":")[0]
    (here / "c.py").write_text(sample.bad)
    assert run("--apply").code == 0
    assert run("undo", first).code == 0
    assert contents() == {**applied, "c.py": sample.fixed.encode()}
    ran = run("undo", first)
    assert ran.code == 2 and "is undone, not done" in ran.said
    ran = run("undo", "20000101-000000-1")
    assert ran.code == 2 and "there is no run" in ran.said


def test_a_file_that_was_edited_since_stays(
    run: Run, applied: dict[str, bytes], contents: Contents, here: Path
) -> None:
    with (here / "a.py").open("ab") as file:
        file.write(b"# mine\n")
    edited = contents()["a.py"]
    ran = run("undo")
    assert ran.code == 2
    assert ran.text == "b.py: taken back\n"
    assert "a.py:1: error: was edited since" in ran.said
    assert contents() == {**applied, "a.py": edited}
    ran = run("undo", "--merge")
    assert (ran.code, ran.text) == (0, "a.py: taken back\n")
    assert "later edits kept" in ran.said
    assert contents() == {**applied, "a.py": applied["a.py"] + b"# mine\n"}


def test_edits_of_the_same_line_cannot_be_merged(
    run: Run, applied: dict[str, bytes], contents: Contents, here: Path
) -> None:
    data = contents()["a.py"].replace(b"asyncio.sleep(1)", b"asyncio.sleep(2)")
    (here / "a.py").write_bytes(data)
    ran = run("undo", "--merge")
    assert ran.code == 2
    assert "on the same lines" in ran.said
    assert contents() == {**applied, "a.py": data}


def test_a_merge_that_does_not_compile_is_none(
    run: Run, made: Made, contents: Contents, here: Path
) -> None:
    """The lines differ, but what was taken back is needed by the edit."""
    text = "import time\n\n\nasync def f():\n    time.sleep(1)\n    x = 1\n    y = 2\n"
    made({"a.py": text + "    z = 3\n"})
    assert run("--apply").code == 0
    data = (here / "a.py").read_bytes()
    (here / "a.py").write_bytes(
        data.replace(b"async def", b"def f2(): pass\n\n\nasync def")
    )
    assert run("undo", "--merge").code == 0
    assert contents()["a.py"].startswith(b"import time\n")


def test_without_git_there_is_no_merge(
    run: Run, applied: dict[str, bytes], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a.py").write_bytes((here / "a.py").read_bytes() + b"# mine\n")
    monkeypatch.setenv("PATH", "")
    ran = run("undo", "--merge")
    assert ran.code == 2 and "--merge needs git" in ran.said


@pytest.mark.parametrize("fate", ["gone", "folder"])
def test_a_file_that_is_not_there_is_told(
    run: Run, applied: dict[str, bytes], contents: Contents, here: Path, fate: str
) -> None:
    (here / "a.py").unlink()
    if fate == "folder":
        (here / "a.py").mkdir()
    ran = run("undo")
    assert ran.code == 2
    assert ran.text == "b.py: taken back\n"
    assert "a.py:1: error: cannot be taken back" in ran.said


def test_an_empty_state_is_no_error(run: Run) -> None:
    assert run("undo", "--list").code == 0
    ran = run("recover")
    assert ran.code == 0
    assert "no run was interrupted" in ran.said


# -- killed --------------------------------------------------------------------

KILLED = """
import os, signal, sys
real, count = os.replace, 0
def replace(source, target):
    global count
    count += os.path.basename(source).startswith(".asyncfix-")
    if count > 1:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
os.replace = replace
from asyncfix.start import main
sys.argv[1:] = ["--apply"]
main()
"""


@pytest.mark.parametrize("back", [False, True])
def test_the_next_run_notices_an_interrupted_one(
    run: Run, made: Made, sample: Sample, contents: Contents, here: Path, back: bool
) -> None:
    made({f"{name}.py": sample.bad for name in "abc"})
    before = contents()
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=here, check=False)
    assert done.returncode < 0
    half = contents()
    assert half["a.py"] == sample.fixed.encode()
    assert half["b.py"] == half["c.py"] == sample.bad.encode()
    for command in ((), ("--diff",), ("undo", "--list")):
        noticed = "an earlier run was interrupted" in run(*command).said
        assert noticed == (command != ("undo", "--list"))
    ran = run("--apply")
    assert ran.code == 2
    assert "`asyncfix recover`" in ran.said and "nothing was written" in ran.said
    ran = run("recover", *(["--back"] if back else []))
    assert ran.code == 0
    assert contents() == (
        before if back else dict.fromkeys(before, sample.fixed.encode())
    )
    assert "interrupted" not in run().said
    if not back:
        assert run("undo").code == 0
        assert contents() == before


def test_an_edited_file_is_told_by_recover(
    run: Run, made: Made, sample: Sample, here: Path
) -> None:
    made({f"{name}.py": sample.bad for name in "abc"})
    subprocess.run([sys.executable, "-c", KILLED], cwd=here, check=False)
    (here / "b.py").write_text("x = 1\n")
    ran = run("recover")
    assert ran.code == 2
    assert "b.py:1: error: was edited since, and left alone" in ran.said
    assert (here / "b.py").read_text() == "x = 1\n"
    (interrupted,) = journal.runs(str(here))
    assert Path(interrupted.folder).name in ran.said


def test_an_answer_is_not_said_again_over_an_interrupted_run(
    made: Made,
    sample: Sample,
    here: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was renamed yet, so no file tells of it."""
    made({"a.py": sample.bad, "pyproject.toml": ""})
    for path in (here / "a.py", here / "pyproject.toml", here):
        os.utime(path, (1, 1))
    known = {**os.environ, "ASYNCFIX_CACHE_DIR": str(tmp_path / "cache")}

    def said() -> str:
        command = [sys.executable, "-m", "asyncfix"]
        return subprocess.run(
            command, cwd=here, env=known, capture_output=True, text=True, check=False
        ).stderr

    first = said()
    assert said() == first
    killed = KILLED.replace("count > 1", "count > 0")
    subprocess.run([sys.executable, "-c", killed], cwd=here, check=False)
    for left in here.glob(".asyncfix-*"):
        left.unlink()
    os.utime(here, (1, 1))
    assert "an earlier run was interrupted" in said()


# -- who says stop -------------------------------------------------------------

STOPPED = """
import os, signal, sys
from asyncfix import replaced
real = replaced.{call}
def called(*args):
    os.kill(os.getpid(), signal.{number})
    real(*args)
replaced.{call} = called
from asyncfix.start import main
sys.argv[1:] = ["--apply"]
main()
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("call", ["stage", "land"])
def test_stopped_by_a_signal(
    made: Made, sample: Sample, contents: Contents, here: Path, number: str, call: str
) -> None:
    made({f"{name}.py": sample.bad for name in "abc"})
    before = contents()
    done = subprocess.run(
        [sys.executable, "-c", STOPPED.format(call=call, number=number)],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    if call == "stage":
        assert "interrupted; nothing was written" in done.stderr
        assert contents() == before
    else:
        assert done.stdout.count("fixed blocking-sleep") == 3
        assert "`asyncfix undo` takes this back." in done.stderr
        assert set(contents().values()) == {sample.fixed.encode()}
