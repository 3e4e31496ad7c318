"""Transactions: killed at any moment, everything can be finished or taken back.

A process that dies is played by an exception that no handler expects: from the
chosen call on, every call that would touch the disk raises it, so that no
clean-up can happen either. `scripts/kill_trials.py` does it with real processes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asyncfix import journal, lock, replaced, state, transaction, undo
from asyncfix.model import AsyncfixError
from asyncfix.transaction import Outcome, Write

CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "ftruncate",
         "fchmod", "fchown", "setxattr")  # fmt: skip
# Two groups of two files; `c` and its link are written in place.
GROUPS = {"a.py": "one", "b.py": "one", "c.py": "two", "d.py": "two", "e.py": "three"}


class Killed(BaseException):
    """The process is dead."""


class Death:
    """Dies at the n-th call that touches the disk; `half` of a write is done then."""

    def __init__(self, at: int, half: bool) -> None:
        self.at = at
        self.half = half
        self.calls = 0

    def around(self, name: str, real: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            if name == "open" and not args[1] & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
                return real(*args, **more)
            self.calls += 1
            if self.calls == self.at and self.half and name == "write":
                real(args[0], args[1][: len(args[1]) // 2])
            if self.calls >= self.at:
                raise Killed
            return real(*args, **more)

        return call


@contextmanager
def dying(at: int, half: bool = False) -> Iterator[Death]:
    death = Death(at, half)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            if hasattr(os, name):
                patch.setattr(os, name, death.around(name, getattr(os, name)))
        yield death


@pytest.fixture(autouse=True)
def own_journals(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Keep the journals of a test, and of each of its moments, by themselves."""

    def own_journals() -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("own")))

    own_journals()
    return own_journals


def old(name: str) -> bytes:
    return f"# {name}\n".encode() * 30


def new(name: str) -> bytes:
    return f"# {name}, which is longer now\n".encode() * 40


def make(folder: Path) -> list[Write]:
    folder.mkdir()
    writes = []
    for name, group in GROUPS.items():
        path = folder / name
        path.write_bytes(old(name))
        writes.append(Write(str(path), name, old(name), new(name), group, path.stat()))
    os.link(folder / "c.py", folder / "link")
    return writes


def again(writes: list[Write]) -> list[Write]:
    """Give the same writes, read again."""
    return [replace(each, status=os.stat(each.path)) for each in writes]


def apply(folder: Path, writes: list[Write]) -> Outcome:
    return transaction.apply(str(folder), writes, "test")


def states(folder: Path) -> dict[str, str]:
    """Tell of each file whether it is old, new or neither; nothing else is there."""
    found = {}
    for path in sorted(folder.iterdir()):
        name = "c.py" if path.name == "link" else path.name
        data = path.read_bytes()
        assert not path.name.startswith(".asyncfix"), "a temporary file is left"
        found[path.name] = (
            "old" if data == old(name) else "new" if data == new(name) else "neither"
        )
    return found


def suppressed(call: Callable[..., object], *arguments: object) -> None:
    """Call what may die of it."""
    with contextlib.suppress(Killed):
        call(*arguments)


def moments(tmp_path: Path) -> int:
    with dying(10**9) as death:
        folder = tmp_path / "whole"
        assert len(apply(folder, make(folder)).written) == 5
    return death.calls


@pytest.mark.parametrize("back", [False, True], ids=["recover", "recover --back"])
@pytest.mark.parametrize("half", [False, True], ids=["before", "half"])
def test_killed_at_any_moment(
    tmp_path: Path, back: bool, half: bool, own_journals: Callable[[], None]
) -> None:
    ends = set()
    for at in itertools.count(1):
        own_journals()
        folder = tmp_path / f"{at}"
        writes = make(folder)
        with dying(at, half) as death:
            suppressed(apply, folder, writes)
        if death.calls < at:
            break
        for each in writes:
            data = Path(each.path).read_bytes()
            assert data in (each.old, each.new) or (
                each.shown == "c.py" and replaced.torn(data, each.old, each.new)
            )
        for settled in undo.recover(folder, back):
            assert settled.edited == ()
        found = states(folder)
        (end,) = set(found.values())
        ends.add(end)
        assert end in (("old",) if back and end != "new" else ("old", "new"))
        assert not os.path.lexists(state.marker(folder))
        # What comes next is as if nothing had been.
        if end == "old":
            assert len(apply(folder, again(writes)).written) == 5
        assert set(states(folder).values()) == {"new"}
        undo.undo(folder, "", merge=False)
        assert set(states(folder).values()) == {"old"}
    assert at > 50
    assert ends == {"old", "new"}


@pytest.mark.parametrize("back", [False, True], ids=["recover", "recover --back"])
def test_killed_while_it_recovers(
    tmp_path: Path, back: bool, own_journals: Callable[[], None]
) -> None:
    """Killed in the middle of the renames, and again at any moment of recovery."""
    count = moments(tmp_path)
    for first in (count - 20, count - 14):
        for at in itertools.count(1):
            own_journals()
            folder = tmp_path / f"{first}-{at}"
            with pytest.raises(Killed), dying(first):
                apply(folder, make(folder))
            with dying(at) as death:
                suppressed(undo.recover, folder, back)
            undo.recover(folder, back)
            assert set(states(folder).values()) == {"old" if back else "new"}
            if death.calls < at:
                break
        assert at > 5


def test_killed_while_it_undoes(
    tmp_path: Path, own_journals: Callable[[], None]
) -> None:
    for at in range(1, moments(tmp_path) + 1, 2):
        own_journals()
        folder = tmp_path / f"{at}"
        apply(folder, make(folder))
        with dying(at):
            suppressed(undo.undo, folder, "", False)
        undo.recover(folder, back=False)
        (end,) = set(states(folder).values())
        if end == "new":
            undo.undo(folder, "", merge=False)
        assert set(states(folder).values()) == {"old"}


def interrupted_at(folder: Path, rename: int) -> list[Write]:
    """Be killed at the n-th rename of a file of the project."""
    writes = make(folder)
    real = os.replace
    count = 0

    def renamed(source: str, target: str) -> None:
        nonlocal count
        count += os.path.dirname(target) == str(folder)
        if count >= rename:
            raise Killed
        real(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", renamed)
        with pytest.raises(Killed):
            apply(folder, writes)
    return writes


def test_nothing_is_written_before_an_interrupted_run_is_seen_to(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "p"
    writes = interrupted_at(folder, 2)
    with pytest.raises(AsyncfixError, match="asyncfix recover"):
        apply(folder, writes[2:])
    assert "asyncfix recover" in undo.notice(folder)
    undo.recover(folder, back=True)
    assert undo.notice(folder) == ""
    assert len(apply(folder, again(writes)).written) == 5


def test_a_project_in_a_project_and_the_one_around_it_wait_for_each_other(
    tmp_path: Path,
) -> None:
    """Each has journals of its own, and both may write the same files."""
    inner = tmp_path / "outer" / "p"
    inner.parent.mkdir()
    writes = interrupted_at(inner, 2)
    for root in (inner.parent, inner / "below"):
        assert "asyncfix recover" in undo.notice(root)
        with pytest.raises(AsyncfixError, match="asyncfix recover"):
            transaction.apply(str(root), writes[2:], "test")
    (tmp_path / "outer" / "p2").mkdir()
    assert undo.notice(tmp_path / "outer" / "p2") == ""
    said = pytest.raises(AsyncfixError, match="another asyncfix is writing")
    with lock.locked(str(inner)), said:
        transaction.apply(str(inner.parent), writes[2:], "test")
    undo.recover(inner.parent, back=True)
    assert undo.notice(inner.parent) == ""


def test_a_file_that_was_edited_since_is_left_alone(tmp_path: Path) -> None:
    """b was not written before the end, so its group goes back."""
    folder = tmp_path / "p"
    interrupted_at(folder, 2)
    (folder / "b.py").write_bytes(b"edited")
    (settled,) = undo.recover(folder, back=False)
    assert [each.shown for each in settled.edited] == ["b.py"]
    assert {each.shown for each in settled.back} == {"a.py"}
    assert {each.shown for each in settled.forward} == {"c.py", "d.py", "e.py"}
    found = states(folder)
    assert (found["a.py"], found["b.py"]) == ("old", "neither")
    assert (folder / "b.py").read_bytes() == b"edited"


def test_a_file_that_was_edited_after_it_was_written(tmp_path: Path) -> None:
    """a was written, for b after it was; so the group is whole."""
    folder = tmp_path / "p"
    interrupted_at(folder, 3)
    (folder / "a.py").write_bytes(new("a.py") + b"# more\n")
    (settled,) = undo.recover(folder, back=False)
    assert [each.shown for each in settled.edited] == ["a.py"]
    assert settled.back == ()
    assert states(folder)["b.py"] == "new"
    done = undo.undo(folder, "", merge=False)
    assert {each.path for each in done.outcome.problems} == {"a.py", "b.py"}
    assert states(folder)["b.py"] == "new", "its group goes back whole or not at all"
    assert states(folder)["d.py"] == "old"


# -- two at once ---------------------------------------------------------------


def test_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "p"
    writes = make(folder)
    said: list[str] = []
    real = replaced.stage

    def stage(*args: Any) -> None:
        if not said:
            assert "right now" in undo.notice(folder)
            with pytest.raises(AsyncfixError) as caught:
                apply(folder, writes)
            said.append(str(caught.value))
        real(*args)

    monkeypatch.setattr(replaced, "stage", stage)
    assert len(apply(folder, writes).written) == 5
    assert f"another asyncfix (process {os.getpid()}) is writing" in said[0]
    assert set(states(folder).values()) == {"new"}
    assert undo.notice(folder) == ""


# -- signals -------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("call", "end"), [("stage", "old"), ("land", "new"), ("write_in_place", "new")]
)
def test_a_signal_waits_for_a_moment_when_all_is_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    call: str,
    end: str,
) -> None:
    folder = tmp_path / "p"
    real = getattr(replaced, call)

    def signalled(*args: Any) -> None:
        os.kill(os.getpid(), number)
        real(*args)

    monkeypatch.setattr(replaced, call, signalled)
    before = signal.getsignal(number)
    outcome = apply(folder, make(folder))
    assert outcome.interrupted
    assert set(states(folder).values()) == {end}
    assert bool(outcome.written) == (end == "new")
    assert signal.getsignal(number) is before
    assert not os.path.lexists(state.marker(folder))


def test_in_another_thread_signals_are_left_alone(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    folder = tmp_path / "p"
    thread = threading.Thread(
        target=lambda: outcomes.append(apply(folder, make(folder)))
    )
    thread.start()
    thread.join()
    assert len(outcomes[0].written) == 5


# -- the journal ---------------------------------------------------------------


def test_journals_are_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    before = os.umask(0)
    try:
        apply(folder, make(folder))
    finally:
        os.umask(before)
    for path in [Path(state.folder()), *Path(state.folder()).rglob("*")]:
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("what", ["link", "open", "file"])
def test_a_folder_that_others_could_change_is_not_trusted(
    tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "p"
    writes = make(folder)
    place = Path(state.folder())
    place.parent.mkdir(exist_ok=True)
    if what == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    elif what == "file":
        place.write_text("")
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(AsyncfixError, match="nothing was written"):
        apply(folder, writes)
    assert set(states(folder).values()) == {"old"}


@pytest.mark.parametrize("damage", ["blobs", "manifest.json", "state.json", "open"])
def test_a_damaged_journal_changes_nothing(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "p"
    interrupted_at(folder, 2)
    found = states_with_leftovers(folder)
    for path in Path(state.folder()).rglob(damage):
        path.write_bytes(b"\0" * path.stat().st_size)
    if damage == "blobs":
        with pytest.raises(AsyncfixError, match="damaged"):
            undo.recover(folder, back=False)
    else:
        assert undo.recover(folder, back=False) == []
    assert states_with_leftovers(folder) == found


def states_with_leftovers(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_old_journals_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "p"
    writes = make(folder)
    for _ in range(3):
        apply(folder, again(writes))
        undo.undo(folder, "", merge=False)
    names = [run.name for run in journal.runs(str(folder))]
    assert len(names) == 6
    journal.prune()
    assert len(journal.runs(str(folder))) == 6
    for number, name in enumerate(names):
        os.utime(Path(state.project(folder), name), ns=(1, (9 - number) * 10**9))
    monkeypatch.setattr(journal, "_MOST_BYTES", 40_000)
    journal.prune(now=20)
    kept = [run.name for run in journal.runs(str(folder))]
    assert 1 < len(kept) < 6 and kept == names[: len(kept)]
    journal.prune(now=10**7)
    assert [run.name for run in journal.runs(str(folder))] == names[:1]
    journal.prune(now=10**9)
    assert journal.runs(str(folder)) == [], "a year old, and no one has asked for it"


def test_the_journal_of_an_interrupted_run_stays(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    interrupted_at(folder, 2)
    journal.prune(now=10**12)
    (settled,) = undo.recover(folder, back=False)
    assert len(settled.forward) == 5


def test_runs_are_found_from_above_and_from_below(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    apply(folder, make(folder))
    (folder / "inner").mkdir()
    for place in (tmp_path, folder, folder / "inner"):
        assert len(journal.runs(str(place))) == 1
    (tmp_path / "p2").mkdir()
    assert journal.runs(str(tmp_path / "p2")) == []
