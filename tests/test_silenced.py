"""Comments of ruff and flake8 that speak of more than their own line.

Each answer was compared with what ruff 0.17.6 itself says (`--preview --select ASYNC251`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Made, Run

_SLEEP = "    time.sleep(1)\n"
_DEF = "async def work():\n"
_OFF = "# ruff: ignore[ASYNC251]\n"
SILENT = {
    "on its line": f"{_DEF}    time.sleep(1)  # ruff: ignore[ASYNC251]\n",
    "with a reason": f"{_DEF}    time.sleep(1)  # ruff: ignore[ASYNC251] a driver's\n",
    "without spaces": f"{_DEF}    time.sleep(1)  #ruff:ignore[ASYNC251]\n",
    "among others": f"{_DEF}    time.sleep(1)  # ruff: ignore[E501, ASYNC251]\n",
    "after another": f"{_DEF}    time.sleep(1)  # fmt: skip # ruff: ignore[ASYNC251]\n",
    "by its name": (
        f"{_DEF}    time.sleep(1)  # ruff: ignore[blocking-sleep-in-async-function]\n"
    ),
    "on the first line of the call": (
        f"{_DEF}    time.sleep(  # ruff: ignore[ASYNC251]\n        1\n    )\n"
    ),
    "above": f"{_DEF}    {_OFF}{_SLEEP}",
    "above, with more between": f"{_DEF}    {_OFF}\n    # why\n{_SLEEP}",
    "above, less indented": f"{_DEF}  {_OFF}{_SLEEP}",
    "above a long statement": (
        f"{_DEF}    {_OFF}    x = (\n        1,\n        time.sleep(1),\n    )\n"
    ),
    "above a head": f"{_DEF}    {_OFF}    if time.sleep(1):\n        pass\n",
    "within a statement, the next line": (
        f"{_DEF}    x = (\n        1,\n        {_OFF}        time.sleep(1),\n    )\n"
    ),
    "in a range": (
        f"{_DEF}    # ruff: disable[ASYNC251]\n    x = 1\n{_SLEEP}"
        "    # ruff: enable[ASYNC251]\n"
    ),
    "in a range round the function": (
        f"# ruff: disable[ASYNC251]\n{_DEF}{_SLEEP}# ruff: enable[ASYNC251]\n"
    ),
    "in a range without an end": f"{_DEF}    # ruff: disable[ASYNC251]\n    x = 1\n{_SLEEP}",
    "deeper in a range without an end": (
        f"{_DEF}    # ruff: disable[ASYNC251]\n    if 1:\n    {_SLEEP}"
    ),
    "a range ends where it ends whole": (
        f"{_DEF}    # ruff: disable[ASYNC251, E501]\n    x = 1\n"
        f"    # ruff: enable[ASYNC251]\n{_SLEEP}"
    ),
    "a range ends at its own depth": (
        f"{_DEF}    # ruff: disable[ASYNC251]\n    if 1:\n        x = 1\n"
        f"        # ruff: enable[ASYNC251]\n    {_SLEEP}"
    ),
    "in the file": f"# ruff: file-ignore[ASYNC251]\n{_DEF}{_SLEEP}",
    "in the file, said at its end": f"{_DEF}{_SLEEP}# ruff: file-ignore[ASYNC251]\n",
    "in the file, all": f"# ruff: noqa\n{_DEF}{_SLEEP}",
    "in the file, by a code": f"# ruff: noqa: ASYNC251\n{_DEF}{_SLEEP}",
    "in the file, flake8's": f"# flake8: noqa\n{_DEF}{_SLEEP}",
    "in the file, flake8's, by a code": f"# flake8: noqa: ASYNC251\n{_DEF}{_SLEEP}",
    "in the file, said in a function": f"{_DEF}    # flake8: noqa\n{_SLEEP}",
}
TOLD = {
    "another rule": f"{_DEF}    time.sleep(1)  # ruff: ignore[E501]\n",
    "a family": f"{_DEF}    time.sleep(1)  # ruff: ignore[ASYNC]\n",
    "no rule": f"{_DEF}    time.sleep(1)  # ruff: ignore\n",
    "an empty list": f"{_DEF}    time.sleep(1)  # ruff: ignore[]\n",
    "no comma": f"{_DEF}    time.sleep(1)  # ruff: ignore[E501 ASYNC251]\n",
    "other letters": f"{_DEF}    time.sleep(1)  # RUFF: ignore[async251]\n",
    "other words before": f"{_DEF}    time.sleep(1)  # see ruff: ignore[ASYNC251]\n",
    "below": f"{_DEF}{_SLEEP}    {_OFF}",
    "above the statement before": f"{_DEF}    {_OFF}    x = 1\n{_SLEEP}",
    "above the function": f"{_OFF}{_DEF}{_SLEEP}",
    "above the head of a block": f"{_DEF}    {_OFF}    if 1:\n    {_SLEEP}",
    "on another line of the statement": (
        f"{_DEF}    x = (  # ruff: ignore[ASYNC251]\n        time.sleep(1),\n    )\n"
    ),
    "within a statement, not the next line": (
        f"{_DEF}    x = (\n        {_OFF}        1,\n        time.sleep(1),\n    )\n"
    ),
    "after a range": (
        f"{_DEF}    # ruff: disable[ASYNC251]\n    x = 1\n"
        f"    # ruff: enable[ASYNC251]\n{_SLEEP}"
    ),
    "after the block of a range": (
        f"{_DEF}    if 1:\n        # ruff: disable[ASYNC251]\n        x = 1\n{_SLEEP}"
    ),
    "in another function than a range": (
        f"async def other():\n    # ruff: disable[ASYNC251]\n    x = 1\n\n\n{_DEF}{_SLEEP}"
    ),
    "a range that begins behind code": (
        f"{_DEF}    x = 1  # ruff: disable[ASYNC251]\n{_SLEEP}"
    ),
    "in the file, said in a function": f"{_DEF}    # ruff: file-ignore[ASYNC251]\n{_SLEEP}",
    "in the file, said behind code": f"{_DEF}{_SLEEP}x = 1  # ruff: file-ignore[ASYNC251]\n",
    "in the file, another rule": f"# ruff: noqa: E501\n{_DEF}{_SLEEP}",
    "all, said behind code": f"{_DEF}{_SLEEP}x = 1  # ruff: noqa\n",
    "in a text": f'{_DEF}    x = """\n# ruff: file-ignore[ASYNC251]\n"""\n{_SLEEP}',
}


@pytest.mark.parametrize("case", SILENT)
def test_ruff_is_told_to_be_silent(run: Run, made: Made, case: str) -> None:
    made({"a.py": f"import time\n{SILENT[case]}"})
    ran = run()
    assert ran.code == 0 and "1 silenced by comments" in ran.said


@pytest.mark.parametrize("case", TOLD)
def test_ruff_is_not(run: Run, made: Made, case: str) -> None:
    made({"a.py": f"import time\n{TOLD[case]}"})
    ran = run()
    assert ran.code == 1 and "silenced" not in ran.said


def test_a_comment_for_a_file_silences_only_what_its_rule_means(
    run: Run, made: Made
) -> None:
    code = "import requests\nimport time\n\n\nasync def work(url):\n"
    calls = (
        "    requests.get(url)\n    print([time.sleep(1) for _ in url])\n    input()\n"
    )
    made({"a.py": f"# ruff: file-ignore[ASYNC250, ASYNC251]\n{code}{calls}"})
    ran = run()
    assert b"requests.get" in ran.out and b"input" not in ran.out
    assert "1 finding (1 safe), 2 silenced by comments" in ran.said


def test_a_silenced_line_does_not_move_to_a_thread_with_others(
    run: Run, made: Made
) -> None:
    code = (
        "import time\n\n\nasync def work():\n"
        '    with open("a") as file:\n'
        "        # ruff: ignore[ASYNC230]\n"
        "        print(file.read())\n"
    )
    made({"a.py": code})
    assert b"line 6 would move with it" in run("--min-severity", "medium").out
