"""The scripts of the checkout, each on a copy of it or in an empty folder."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.any_python


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Give a copy of what a new codemod needs around it."""
    for folder in ("codemods", "docs", "scripts", "src", "tests"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns("__pycache__", ".*"),
        )
    for file in ("CHANGELOG.md", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a Python command on the copy, not on the checkout that is installed."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_")
    }
    variables["PYTHONPATH"] = os.pathsep.join(
        str(folder / each) for each in ("src", "codemods")
    )
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**variables, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
    )


def contents(folder: Path) -> dict[Path, bytes]:
    """Give every file below a folder with its bytes, but for Python's caches."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_new_codemod_fails_for_its_fixture_alone(copy: Path) -> None:
    made = run_in(copy, "scripts/new_codemod.py", "scaffolded-example")
    assert made.returncode == 0, made.stderr
    module = "codemods/asyncfix_codemods/scaffolded_example.py"
    for tool in (("black", "--check", "--quiet"), ("ruff", "check", "--quiet")):
        checked = run_in(copy, "-m", *tool, module)
        assert checked.returncode == 0, f"{tool[0]}: {checked.stdout}{checked.stderr}"
    done = run_in(
        copy, "-m", "pytest", "-p", "no:cacheprovider", "-rfEp",
        "tests/test_codemods.py", "tests/test_house.py",
        # All of the house, without the other codemods' fixtures.
        "-k", "scaffolded-example or folder or test_house",
    )  # fmt: skip
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    passed = re.findall(r"^PASSED (\S+)", done.stdout, re.MULTILINE)
    fixture = "tests/test_codemods.py::test_fixture[scaffolded-example"
    assert failed == [f"{fixture}/plain]"], done.stdout
    assert f"{fixture}/shadowed]" in passed
    assert "tests/test_codemods.py::test_page[scaffolded-example]" in passed
    assert "tests/test_house.py::test_one_name_everywhere[scaffolded-example]" in passed
    # Its page can be written as well.
    written = run_in(copy, "scripts/write_docs.py")
    assert written.returncode == 0, written.stderr
    assert (copy / "docs" / "codemods" / "scaffolded-example.md").is_file()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("BlockingInput", "is not in kebab-case"),
        ("blocking_input", "is not in kebab-case"),
        ("-input", "is not in kebab-case"),
        ("", "is not in kebab-case"),
        ("import", "is a word of Python's own"),
        ("blocking-sleep", "is taken"),
    ],
)
def test_a_bad_name_is_refused(copy: Path, name: str, reason: str) -> None:
    before = contents(copy)
    made = run_in(copy, "scripts/new_codemod.py", "--", name)
    assert (made.returncode, made.stdout) == (2, "")
    assert reason in made.stderr
    assert contents(copy) == before


def test_stale_pages_are_named_and_then_written(copy: Path) -> None:
    assert run_in(copy, "scripts/write_docs.py").returncode == 0
    module = copy / "codemods" / "asyncfix_codemods" / "blocking_sleep.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace("stops every other task", "stops all"), "utf-8")
    left = copy / "docs" / "codemods" / "gone.md"
    page = copy / "docs" / "codemods" / "blocking-sleep.md"
    left.write_bytes(page.read_bytes())
    before = contents(copy)
    checked = run_in(copy, "scripts/write_docs.py", "--check")
    assert checked.returncode == 1
    assert [line.partition(" ")[0] for line in checked.stdout.splitlines()] == [
        "docs/codemods/blocking-sleep.md",
        "README.md",
        "docs/codemods/gone.md",
    ]
    assert contents(copy) == before

    assert run_in(copy, "scripts/write_docs.py").returncode == 0
    assert "stops all" in page.read_text("utf-8")
    assert not left.exists()
    assert run_in(copy, "scripts/write_docs.py", "--check").returncode == 0


def test_a_docstring_without_a_level_is_an_error(copy: Path) -> None:
    module = copy / "codemods" / "asyncfix_codemods" / "blocking_sleep.py"
    text = module.read_text("utf-8")
    module.write_text(text.replace("Safety: safe", "Safety: harmless"), "utf-8")
    before = contents(copy)
    done = run_in(copy, "scripts/write_docs.py")
    assert done.returncode == 2
    assert "`Safety: harmless`" in done.stderr
    assert contents(copy) == before


def test_an_old_python_gets_as_far_as_the_message() -> None:
    source = (ROOT / "scripts" / "dev.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__" not in source.partition("# ")[0]


@pytest.mark.parametrize("job", ["example", "check", "setup"])
def test_a_folder_of_yours_is_not_made_an_environment(job: str, tmp_path: Path) -> None:
    mine = tmp_path / "thesis.txt"
    mine.write_text("three years", "utf-8")
    done = run_in(ROOT, "scripts/dev.py", job, "--venv", str(tmp_path))
    assert done.returncode == 2
    assert "is no virtual environment" in done.stderr
    assert contents(tmp_path) == {mine: b"three years"}


def test_a_sample_is_drawn_alike_for_the_same_seed(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    (folder / "tests").mkdir(parents=True)
    source = (
        "import subprocess, requests\n"
        "def load(url):\n"
        "    return requests.get(url)\n"
        "async def main(url, process: subprocess.Popen):\n"
        "    load(url)\n"
        "    process.wait()\n"
        "    subprocess.run(['a|b'])\n"
        "    open(url)\n"
        "    open(url)  # noqa: ASYNC230\n"
    )
    (folder / "app.py").write_text(source, "utf-8")
    (folder / "tests" / "test_app.py").write_text(source, "utf-8")
    drawn = run_in(ROOT, "scripts/sample_findings.py", str(folder))
    assert drawn.returncode == 0, drawn.stderr
    assert "test_app" not in drawn.stdout
    rows = [line for line in drawn.stdout.splitlines() if line.startswith("| shop")]
    assert rows == [
        "| shop | app.py:5 | `load(url)` | load (app.py:5) -> requests.get (app.py:3); http, high | |",
        "| shop | app.py:6 | `process.wait()` | subprocess.Popen.wait (app.py:6); subprocess, high | |",
        "| shop | app.py:7 | `subprocess.run(['a\\|b'])` | subprocess.run (app.py:7); subprocess, high | |",
        "| shop | app.py:8 | `open(url)` | builtins.open (app.py:8); file, medium | |",
    ]
    for kind in ("transitive", "typed", "high", "medium"):
        assert f"## {kind}: 1 of 1" in drawn.stdout

    (folder / "more.py").write_text(source.replace("url", "place") * 4, "utf-8")
    half = ("--seed", "7", "--high", "2", "--per-package", "2")
    first = run_in(ROOT, "scripts/sample_findings.py", *half, str(folder))
    again = run_in(ROOT, "scripts/sample_findings.py", *half, str(folder))
    assert first.stdout == again.stdout
    assert "## high: 2 of 5" in first.stdout
