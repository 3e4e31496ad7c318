"""The command line: what is looked at and what is silenced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Contents, Made, Run, Sample


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), 1),
        (("--select", "blocking-sleep"), 1),
        (("--select", " blocking-sleep , "), 1),
        (("--ignore", "blocking-sleep"), 0),
        (("--select", "blocking-sleep", "--ignore", "blocking-sleep"), 0),
        (("--exclude", "a.py"), 0),
        (("--exclude", "b.py"), 1),
        (("--exclude", "b.py", "--exclude", "a.*"), 0),
    ],
)
def test_select_ignore_exclude(
    run: Run, made: Made, sample: Sample, arguments: tuple[str, ...], found: int
) -> None:
    made({"a.py": sample.bad})
    ran = run(*arguments)
    assert ran.text.count("blocking-sleep") == found
    assert ran.code == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ignore = ['blocking-sleep']", []),
        ("exclude = ['a.py']", ["c/b.py"]),
        ("paths = ['c']", ["c/b.py"]),
        ("paths = ['a.py', 'c']", ["a.py", "c/b.py"]),
        ("", ["a.py", "c/b.py"]),
    ],
)
def test_the_configuration_is_followed(
    run: Run, made: Made, sample: Sample, text: str, found: list[str]
) -> None:
    made({"a.py": sample.bad, "c/b.py": sample.bad})
    made({"pyproject.toml": f"[tool.asyncfix]\n{text}\n"})
    assert [each["path"] for each in run("--format", "json").json["findings"]] == found


@pytest.mark.parametrize(
    "place", ["", "c", "c/d"], ids=["root", "folder", "folder of a folder"]
)
def test_the_configuration_is_found_from_below(
    run: Run,
    made: Made,
    sample: Sample,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    made({"a.py": sample.bad, "c/d/e.py": sample.bad})
    made({"pyproject.toml": "[tool.asyncfix]\nexclude = ['/a.py', '/c/d/']\n"})
    monkeypatch.chdir(here / place)
    ran = run()
    assert ran.code == 0
    assert "excluded" in ran.said


@pytest.mark.parametrize(
    ("comment", "off"),
    [
        ("# asyncfix: off", True),
        ("# asyncfix:off", True),
        ("# asyncfix: off[blocking-sleep]", True),
        ("# asyncfix: off[other, blocking-sleep] why", True),
        ("# why # asyncfix: off", True),
        ("# asyncfix: off[other]", False),
        ("# asyncfix: offside", False),
        ("# asyncfix: on", False),
        ("# noqa", True),
        ("#noqa", True),
        ("# NOQA", True),
        ("# noqa: ASYNC251", True),
        ("# noqa:ASYNC251", True),
        ("# noqa: E501, ASYNC251", True),
        ("# noqa: E501 ASYNC251", True),
        ("# noqa: async251", True),
        ("# noqa: E501", False),
        ("# noqa: ASYNC2511", False),
        ("# noqa: ASYNC210", False),
        ("# type: ignore", False),
    ],
)
def test_comments_silence_a_finding(
    run: Run, made: Made, contents: Contents, sample: Sample, comment: str, off: bool
) -> None:
    text = sample.bad.replace("time.sleep(1)", f"time.sleep(1)  {comment}")
    made({"a.py": text})
    ran = run()
    assert ran.code == (0 if off else 1)
    assert ("1 silenced by comments" in ran.said) is off
    run("--apply")
    assert (contents()["a.py"] == text.encode()) is off


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("time.sleep(\n        1,\n    )  # noqa: ASYNC251", True),
        ("time.sleep(\n        1,  # asyncfix: off\n    )", True),
        ("# noqa: ASYNC251\n    time.sleep(1)", False),
        ("time.sleep(1)\n    # noqa: ASYNC251", False),
        ("x = '# noqa: ASYNC251'; time.sleep(1)", False),
        ("time.sleep(len('# asyncfix: off'))", False),
    ],
)
def test_comments_silence_only_their_own_statement(
    run: Run, made: Made, sample: Sample, text: str, off: bool
) -> None:
    made({"a.py": sample.bad.replace("time.sleep(1)", text)})
    assert run().code == (0 if off else 1)


def test_generated_files_are_left_alone_unless_asked(
    run: Run, made: Made, sample: Sample
) -> None:
    made({"a.py": f"# @generated\n{sample.bad}"})
    assert run().code == 0
    assert run("--include-generated").code == 1
