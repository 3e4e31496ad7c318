"""What a fixed program does: the same as before, while its event loop runs on.

The programs are fixtures; what they become is checked there. The table says
for how long each of them blocks the loop, and which shape of code it stands for.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from asyncfix.testing import assert_same_behaviour, run_with_heartbeat

FIXTURES = Path(__file__).parent / "fixtures"

BLOCKED_FOR = {
    "blocking-call/run_blocks": 0.2,
    "blocking-call/run_chain": 0.2,
    "blocking-call/run_chain_in_conditions": 0.1,
    "blocking-call/run_colour": 0.2,
    "blocking-call/run_colour_offloads": 0.15,
    "blocking-call/run_context": 0.1,
    "blocking-call/run_helper_fails": 0.2,
    "blocking-call/run_helpers": 0.2,
    "blocking-call/run_native_process": 0.3,
    "blocking-call/run_processes": 0.2,
    "blocking-call/run_releases_the_gil": 0.05,
    "blocking-call/run_shapes": 0.02,
    "blocking-call/run_value_first": 0.1,
    "blocking-sleep/plain": 0.2,
    "blocking-sleep/aliased_import": 0.2,
    "blocking-sleep/from_import": 0.2,
    "blocking-sleep/from_import_aliased": 0.2,
    "blocking-sleep/polling_flag_set_by_thread": 0.3,
    "blocking-sleep/retry_in_except": 0.2,
    "blocking-sleep/list_comprehension": 0.6,
    "blocking-sleep/condition_and_walrus": 0.5,
    "blocking-sleep/f_string": 0.2,
    "blocking-sleep/inside_async_lock": 0.1,
    "blocking-sleep/goes_through_what_stays": 0.4,
    "blocking-sleep/value_used": 0.3,
    "blocking-sleep/error_after_pause": 0.2,
    "blocking-sleep/closures_and_defaults": 0.3,
    "blocking-sleep/async_generator": 0.1,
}


RUN_TOGETHER = (
    "sequential-awaits/in_threads_unsafe",
    "sequential-awaits/items_said_to_be_final_unsafe",
    "serial-tasks/by_method_of_loop",
    "serial-tasks/kept_in_a_list",
    "serial-tasks/logging_around",
    "serial-tasks/part_of_an_element",
    "serial-tasks/run_every_shape",
)
"""Programs whose rounds run together afterwards: they never block the loop."""


@pytest.mark.parametrize("name", RUN_TOGETHER)
def test_rounds_run_together_do_the_same(name: str) -> None:
    before, after = (
        run_with_heartbeat(FIXTURES / f"{name}.{kind}.py")
        for kind in ("before", "after")
    )
    assert (before.exit_code, after.exit_code) == (0, 0)
    assert after.output == before.output != ""


@pytest.mark.parametrize("name", BLOCKED_FOR)
def test_fix_keeps_what_the_program_does(name: str) -> None:
    before, after = (FIXTURES / f"{name}.{kind}.py" for kind in ("before", "after"))
    assert_same_behaviour(before, after, BLOCKED_FOR[name])


PROJECTS = {
    "blocking-call/run_in_a_process": 0.05,
    "blocking-call/run_sqlite": 0.1,
}


@pytest.mark.parametrize("name", PROJECTS)
def test_fix_of_a_project_keeps_what_it_does(name: str) -> None:
    before, after = (FIXTURES / name / kind / "main.py" for kind in ("before", "after"))
    assert_same_behaviour(before, after, PROJECTS[name])


def test_every_program_is_run() -> None:
    programs = {
        f"{path.parent.name}/{path.name.partition('.')[0]}"
        for path in FIXTURES.glob("*/*.before.py")
        if "async def main()" in path.read_text("utf-8", "replace")
        and "import anyio" not in path.read_text("utf-8", "replace")
        and "from anyio" not in path.read_text("utf-8", "replace")
    }
    assert programs == {*BLOCKED_FOR, *RUN_TOGETHER}
    # Those of other codemods do not block, and are run by tests of their own.
    projects = (FIXTURES / "blocking-call").glob("run_*/before/main.py")
    assert {
        f"{path.parents[2].name}/{path.parents[1].name}"
        for path in projects
        if "async def main()" in path.read_text("utf-8")
        # These are run on older Pythons as well, by test_legacy_runs.
        and not path.parents[2].name.startswith("legacy-")
    } == set(PROJECTS)


def _run(name: str) -> subprocess.CompletedProcess[str]:
    program = FIXTURES / "dropped-task" / name
    return subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60
    )


def test_kept_task_is_not_collected() -> None:
    before, after = _run("vanishes.before.py"), _run("vanishes.after.py")
    assert "Task was destroyed but it is pending" in before.stderr
    assert before.stdout == ""
    assert (after.stdout, after.stderr) == ("done\n", "")


BLOCKS = """
import time

async def main():
    print("one")
    time.sleep(0.1)
"""


def test_lag_at_the_very_end_is_seen() -> None:
    seen = run_with_heartbeat(BLOCKS)
    assert seen.lag_seconds >= 0.099
    assert (seen.output, seen.exit_code, seen.stderr) == ("one\n", 0, "")


def test_own_loop_of_program_is_not_started() -> None:
    seen = run_with_heartbeat(
        "import asyncio\nasync def main(): print('once')\n"
        "if __name__ == '__main__': asyncio.run(main())\n"
    )
    assert seen.output == "once\n"


def test_exit_code_and_error_are_seen() -> None:
    assert run_with_heartbeat("async def main(): raise SystemExit(3)").exit_code == 3
    failed = run_with_heartbeat("async def main(): print(asyncio)")
    assert failed.exit_code == 1
    assert "name 'asyncio' is not defined" in failed.stderr


@pytest.mark.parametrize("program", ["import os\nos._exit(0)", "x = 1", "x ="])
def test_program_that_does_not_get_to_main(program: str) -> None:
    with pytest.raises(AssertionError, match="not run to its end"):
        run_with_heartbeat(program)


def test_fix_that_prints_something_else_is_caught() -> None:
    with pytest.raises(AssertionError, match="changes what the program does"):
        assert_same_behaviour(BLOCKS, BLOCKS.replace("one", "two"), 0.1)


def test_fix_that_still_blocks_is_caught() -> None:
    with pytest.raises(AssertionError, match=r"lags for 0\.1\d\d s after the fix"):
        assert_same_behaviour(BLOCKS, BLOCKS, 0.1)


def test_program_that_did_not_block_is_caught() -> None:
    with pytest.raises(AssertionError, match="was to be blocked for 5 s"):
        assert_same_behaviour(BLOCKS, BLOCKS, 5)
