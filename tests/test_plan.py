"""Plans: what is shown is what is written, or nothing is."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncfix import replaced

if TYPE_CHECKING:
    from conftest import Contents, Git, Made, Run, Sample


Edited = Callable[[Any], None]


@pytest.fixture
def planned(run: Run, made: Made, sample: Sample, here: Path) -> Path:
    """Give a plan for a project of two files to change and one that is read."""
    made(
        {
            "pyproject.toml": "",
            "a.py": sample.bad,
            "c/b.py": sample.bad.replace("\n", "\r\n"),
            "good.py": sample.good,
        }
    )
    file = here.parent / "plan.json"
    ran = run("--diff", "--plan", str(file))
    assert ran.code == 0
    assert ran.text.count("await asyncio.sleep(1)") == 2
    assert "the plan for 2 files is in" in ran.said
    return file


def test_a_plan_gives_what_apply_gives(
    run: Run, planned: Path, contents: Contents, made: Made, sample: Sample
) -> None:
    before = contents()
    ran = run("apply", str(planned))
    assert (ran.code, ran.text) == (0, "a.py: changed\nc/b.py: changed\n")
    assert "2 files changed" in ran.said and "`asyncfix undo`" in ran.said
    by_plan = contents()
    assert by_plan["a.py"] == sample.fixed.encode()
    assert run("undo").code == 0
    assert contents() == before
    assert run("--apply").code == 0
    assert contents() == by_plan


def test_a_plan_says_all_that_it_does(planned: Path, contents: Contents) -> None:
    said = json.loads(planned.read_bytes())
    assert set(said["read"]) == {"a.py", "c/b.py", "good.py", "pyproject.toml"}
    a, b = said["changes"]
    assert (a["path"], b["path"]) == ("a.py", "c/b.py")
    assert a["fixes"][0]["codemod"] == "blocking-sleep"
    assert a["fixes"][0]["level"] == "safe"
    data = contents()["c/b.py"]
    assert [data[start:end] for start, end, _ in b["edits"]] == [
        b"    time.sleep(1)\r\n"
    ]
    assert stat.S_IMODE(planned.stat().st_mode) == 0o600


def test_a_plan_holds_the_group_of_a_change(
    run: Run, planned: Path, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.loads(planned.read_bytes())
    for each in said["changes"]:
        each["group"] = "both"
    planned.write_text(json.dumps(said))
    before = contents()
    real = replaced.land

    def land(seen: replaced.Seen, temporary: str) -> None:
        if seen.path.endswith("b.py"):
            raise OSError(errno.EIO, "of our own")
        real(seen, temporary)

    monkeypatch.setattr(replaced, "land", land)
    ran = run("apply", str(planned))
    assert ran.code == 2
    assert "c/b.py:1: error: cannot be written: of our own" in ran.said
    assert "a.py:1: error: is not written: it goes together" in ran.said
    assert contents() == before


def test_nothing_is_written_if_a_file_it_would_write_has_changed(
    run: Run, planned: Path, made: Made, contents: Contents, sample: Sample
) -> None:
    """What it has in mind for the others may be wrong now: they are read together."""
    made({"a.py": sample.bad + "# more\n"})
    before = contents()
    ran = run("apply", str(planned))
    assert ran.code == 2
    assert "a.py:1: error: has changed since the plan" in ran.said
    assert "nothing was written" in ran.said
    assert contents() == before


def test_nothing_is_written_if_a_file_is_new(
    run: Run, planned: Path, made: Made, contents: Contents, here: Path
) -> None:
    """It may call what the plan makes a coroutine, or put something else in its place."""
    made({"c/new.py": "x = 1\n"})
    before = contents()
    ran = run("apply", str(planned))
    assert ran.code == 2
    assert "c/new.py:1: error: is newer than the plan" in ran.said
    assert contents() == before
    (here / "c" / "new.py").unlink()
    assert run("apply", str(planned)).code == 0


@pytest.mark.parametrize("fate", ["edited", "gone"])
def test_nothing_is_written_if_a_file_it_went_by_has_changed(
    run: Run, planned: Path, here: Path, contents: Contents, fate: str
) -> None:
    if fate == "gone":
        (here / "good.py").unlink()
    else:
        (here / "good.py").write_text("import time\n")
    before = contents()
    ran = run("apply", str(planned))
    assert ran.code == 2
    assert "good.py:1: error: has changed since the plan" in ran.said
    assert contents() == before


def test_a_plan_is_applied_from_any_folder_of_the_project(
    run: Run,
    planned: Path,
    here: Path,
    contents: Contents,
    monkeypatch: pytest.MonkeyPatch,
    sample: Sample,
) -> None:
    monkeypatch.chdir(here / "c")
    assert run("apply", str(planned)).code == 0
    assert contents()["a.py"] == sample.fixed.encode()


def test_a_plan_of_nothing(run: Run, made: Made, sample: Sample) -> None:
    made({"a.py": sample.good})
    assert run("--diff", "--plan", "p.json").code == 0
    ran = run("apply", "p.json")
    assert ran.code == 0
    assert "0 files changed" in ran.said


def test_a_plan_holds_no_file_of_another_project(
    run: Run, made: Made, sample: Sample, here: Path
) -> None:
    made({"pyproject.toml": "", "a.py": sample.good})
    other = here.parent / "other.py"
    other.write_text(sample.bad)
    ran = run("--diff", "--plan", "p.json", "a.py", str(other))
    assert ran.code == 2
    assert "is not below" in ran.said
    assert not (here / "p.json").exists()


def test_a_file_that_is_known_by_another_name_is_not_new(
    run: Run, made: Made, sample: Sample, here: Path
) -> None:
    made({"a.py": sample.bad, "pyproject.toml": ""})
    os.link(here / "a.py", here / "b.py")
    (here / "c.py").symlink_to("b.py")
    assert run("--diff", "--plan", "p.json", "c.py").code == 0
    ran = run("apply", "p.json")
    assert (ran.code, ran.text) == (0, "c.py: changed\n")
    assert (here / "a.py").read_bytes() == sample.fixed.encode()
    assert (here / "c.py").is_symlink()


def test_a_plan_takes_no_other_files_place(
    run: Run, made: Made, sample: Sample, contents: Contents
) -> None:
    made({"a.py": sample.bad, "b.py": "", "plan.json": '{"mine": 1}'})
    before = contents()
    for name in ("a.py", "b.py", "plan.json", "."):
        ran = run("--diff", "--plan", name)
        assert ran.code == 2
        assert f"{name}: is there already and no plan" in ran.said
    assert contents() == before
    for _ in range(2):
        assert run("--diff", "--plan", "p.json").code == 0


@pytest.mark.parametrize(
    "arguments", [("--plan", "p"), ("--diff", "--apply", "--plan", "p")]
)
def test_a_plan_is_for_a_diff(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert "--plan is for --diff" in ran.said


def test_a_name_of_any_letters(
    run: Run, made: Made, sample: Sample, contents: Contents
) -> None:
    name = os.fsdecode(b"\xff \xc3\xa9\n.py")
    made({name: sample.bad})
    assert run("--diff", "--plan", "p.json").code == 0
    ran = run("apply", "p.json")
    assert ran.code == 0
    assert b"\n" not in ran.out[:-1]
    assert contents()[name] == sample.fixed.encode()


# -- plans that were not made by us --------------------------------------------


def test_a_link_out_of_the_project_is_not_followed(
    run: Run, planned: Path, here: Path, sample: Sample
) -> None:
    outside = here.parent / "outside.py"
    outside.write_text(sample.bad)
    (here / "a.py").unlink()
    (here / "a.py").symlink_to(outside)
    ran = run("apply", str(planned))
    assert ran.code == 2
    assert "is a link out of the project" in ran.said
    assert outside.read_text() == sample.bad
    assert "await" not in (here / "c" / "b.py").read_text()


def test_a_folder_that_leads_out_of_the_project_is_not_entered(
    run: Run, planned: Path, here: Path, sample: Sample
) -> None:
    (here / "c").rename(here.parent / "elsewhere")
    (here / "c").symlink_to(here.parent / "elsewhere")
    ran = run("apply", str(planned))
    assert ran.code == 2
    assert "is a link out of the project" in ran.said
    assert "await" not in (here / "c" / "b.py").read_text()


def renamed(name: str) -> Edited:
    def edit(said: Any) -> None:
        said["changes"][0]["path"] = name

    return edit


def change(**fields: object) -> Edited:
    return lambda said: said["changes"][0].update(fields)


HOSTILE: dict[str, Edited] = {
    "above": renamed("../project/a.py"),
    "above, later": renamed("c/../../project/a.py"),
    "here": renamed("./a.py"),
    "empty part": renamed("c//b.py"),
    "no name": renamed(""),
    "absolute": renamed("/etc/x.py"),
    "in .git": renamed(".git/hooks/x.py"),
    "in .GIT": renamed("c/.GIT/x.py"),
    "not Python": renamed("setup.cfg"),
    "a zero byte": renamed("a\0.py"),
    "read outside": lambda said: said["read"].update({"../x.py": "0"}),
    "a number for a name": change(path=1),
    "twice": lambda said: said["changes"].append(said["changes"][0]),
    "no list": lambda said: said.update(changes={}),
    "another format": lambda said: said.update({"asyncfix plan": 2}),
    "no format": lambda said: said.pop("asyncfix plan"),
    "another result": change(becomes="0" * 64),
    "another edit": change(edits=[[0, 1, "x"]]),
    "edits that overlap": change(edits=[[0, 5, ""], [3, 6, ""]]),
    "an edit behind the end": change(edits=[[10**9, 10**9, "x"]]),
    "an edit before the start": change(edits=[[-1, 0, "x"]]),
    "an edit backwards": change(edits=[[5, 4, "x"]]),
    "an edit of booleans": change(edits=[[False, True, "x"]]),
    "an edit that is no text": change(edits=[[0, 1, "\ud800"]]),
    "an edit that is short": change(edits=[[0, 1]]),
    "no edits": change(edits=None),
}


@pytest.mark.parametrize("row", HOSTILE)
def test_a_plan_that_is_not_right_changes_nothing(
    run: Run, planned: Path, contents: Contents, row: str
) -> None:
    said = json.loads(planned.read_bytes())
    HOSTILE[row](said)
    planned.write_text(json.dumps(said))
    before = contents()
    ran = run("apply", str(planned))
    assert ran.code == 2
    assert "nothing was written" in ran.said
    assert contents() == before


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{",
        b"[" * 100_000,
        b'{"asyncfix plan": 1' + b"0" * 5000 + b"}",
        b'{"asyncfix plan": 1}',
        b'{"asyncfix plan": 1, "read": {"a": 1}, "changes": []}',
    ],
)
def test_what_is_no_plan(run: Run, here: Path, data: bytes) -> None:
    (here / "p.json").write_bytes(data)
    ran = run("apply", "p.json")
    assert ran.code == 2
    assert ran.said.startswith("asyncfix: error: p.json: ")


def test_a_plan_that_cannot_be_read_or_written(
    run: Run, made: Made, sample: Sample
) -> None:
    made({"a.py": sample.bad})
    ran = run("apply", "gone.json")
    assert (ran.code, ran.said.count("cannot be read")) == (2, 1)
    ran = run("--diff", "--plan", "no/folder.json")
    assert (ran.code, ran.said.count("cannot be written")) == (2, 1)


# -- the gate ------------------------------------------------------------------


@pytest.fixture
def repository(here: Path, made: Made, git: Git, sample: Sample) -> Path:
    made({"a.py": sample.bad, "c/b.py": sample.bad, "good.py": sample.good})
    git(here, "init", "-q", ".")
    git(here, "config", "user.name", "x")
    git(here, "config", "user.email", "x@x")
    commit(here, git)
    return here


def commit(here: Path, git: Git) -> None:
    git(here, "add", "-A")
    git(here, "commit", "-q", "-m", "x")


def test_what_is_committed_is_written(
    run: Run, repository: Path, contents: Contents, sample: Sample
) -> None:
    assert run("--apply").code == 0
    assert contents()["a.py"] == sample.fixed.encode()


@pytest.mark.parametrize("way", ["edited", "staged", "new", "apply a plan"])
def test_what_is_not_committed_is_not_written_over(
    run: Run, repository: Path, contents: Contents, git: Git, sample: Sample, way: str
) -> None:
    name = "new.py" if way == "new" else "c/b.py"
    (repository / name).write_text(sample.bad + "# mine\n")
    if way == "staged":
        git(repository, "add", "-A")
    if way == "apply a plan":
        assert run("--diff", "--plan", "p.json").code == 0
    command = ("apply", "p.json") if way == "apply a plan" else ("--apply",)
    before = contents()
    ran = run(*command)
    assert ran.code == 2
    assert ran.out == b""
    assert f"error: {name}: would be written, and has changes" in ran.said
    assert contents() == before
    assert run(*command, "--allow-dirty").code == 0
    assert contents()["a.py"] == sample.fixed.encode()


def test_other_changes_do_not_matter(
    run: Run, repository: Path, sample: Sample
) -> None:
    (repository / "good.py").write_text(sample.good + "# mine\n")
    (repository / "notes.txt").write_text("mine")
    assert run("--apply").code == 0


def test_what_git_ignores_is_written(run: Run, repository: Path, git: Git) -> None:
    (repository / ".gitignore").write_text("ignored.py\n")
    commit(repository, git)
    (repository / "ignored.py").write_bytes((repository / "a.py").read_bytes())
    assert run("--apply", "ignored.py").code == 0


def test_a_repository_in_the_repository_is_asked_itself(
    run: Run, repository: Path, git: Git, sample: Sample
) -> None:
    inner = repository / "inner"
    inner.mkdir()
    git(inner, "init", "-q", ".")
    (inner / "x.py").write_text(sample.bad)
    ran = run("--apply", "a.py", "inner/x.py")
    assert ran.code == 2
    assert "inner/x.py: would be written" in ran.said


def test_git_that_cannot_answer_is_no_yes(
    run: Run, made: Made, sample: Sample, here: Path
) -> None:
    made({"a.py": sample.bad, ".git": "gitdir: nowhere"})
    ran = run("--apply")
    assert ran.code == 2
    assert "git cannot say" in ran.said
    assert run("--apply", "--allow-dirty").code == 0


@pytest.mark.parametrize(
    "setting",
    [
        "filter.x.clean",
        "filter.x.process",
        "filter.a=b.clean",
        "core.fsmonitor",
        "core.hooksPath",
    ],
)
def test_nothing_that_a_repository_configures_is_run(
    run: Run, repository: Path, git: Git, sample: Sample, setting: str
) -> None:
    trap = repository.parent / "trap"
    trap.mkdir()
    sprung = repository.parent / "sprung"
    for name in ("program", "post-index-change"):
        (trap / name).write_text(f"#!/bin/sh\ntouch {sprung}\ncat\n")
        (trap / name).chmod(0o755)
    driver = setting.split(".")[1] if setting.startswith("filter") else "x"
    (repository / ".git" / "info" / "attributes").write_text(f"*.py filter={driver}\n")
    value = trap if setting == "core.hooksPath" else trap / "program"
    section, _, key = setting.rpartition(".")
    head = section.replace("filter.", 'filter "') + ('"' if "." in section else "")
    with (repository / ".git" / "config").open("a") as config:
        config.write(f"[{head}]\n    {key} = {value}\n")
    (repository / "a.py").write_text(sample.bad + "# m\n")
    for name in ("c/b.py", "good.py"):
        os.utime(repository / name, ns=(1, 1))
    ran = run("--apply")
    assert ran.code == 2
    assert not sprung.exists()
    subprocess.run(["git", "status"], cwd=repository, capture_output=True, check=False)
    assert sprung.exists(), "the trap is none"
