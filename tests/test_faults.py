"""Faults that a real process meets: no room, another one at it, a stop."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asyncfix import lock, state

if TYPE_CHECKING:
    from conftest import Contents, Made, Run, Sample


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))
from asyncfix.start import main
sys.argv[1:] = ["--apply"]
main()
"""
HOLDING = """
import sys
from asyncfix import lock
with lock.locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_journals(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("own")))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
@pytest.mark.parametrize("most", [0, 100, 5_000, 20_000])
def test_no_room(
    made: Made, sample: Sample, contents: Contents, here: Path, run: Run, most: int
) -> None:
    """Of a file no more than so many bytes can be written, the journal's or ours."""
    files = {f"{n}.py": sample.bad + "# filler\n" * n * 400 for n in range(4)}
    made(files)
    before = contents()
    program = LIMITED.format(most=most)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=here, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert os.strerror(errno.EFBIG) in done.stderr
    assert "Traceback" not in done.stderr
    assert contents() == before
    assert run("recover").code == 0
    assert run("--apply").code == 0
    assert run("undo").code == 0
    assert contents() == before


def test_two_applies_at_once(
    made: Made, sample: Sample, contents: Contents, here: Path, run: Run
) -> None:
    made({"a.py": sample.bad, "pyproject.toml": ""})
    before = contents()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(here)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None and other.stdin is not None
    try:
        assert other.stdout.readline() == b"held\n"
        assert lock.is_locked(str(here))
        ran = run("--apply")
        assert ran.code == 2
        said = f"another asyncfix (process {other.pid}) is writing in this project"
        assert said in ran.said
        assert "nothing was written" in ran.said
        assert contents() == before
        assert not os.path.lexists(state.marker(here))
    finally:
        other.stdin.close()
        other.stdout.close()
        other.wait()
    assert run("--apply").code == 0
    assert contents() != before
