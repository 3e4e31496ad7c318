"""What the documents and the example say is run."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asyncfix import GUARDS, NEW_AWAIT, Level, Settings
from asyncfix.deliver import write
from asyncfix.engine import run
from asyncfix.registry import in_pack

ROOT = Path(__file__).resolve().parent.parent
CODEMODS = {codemod.name: codemod for codemod in in_pack("asyncfix_codemods")}


def guard_example(guard: str) -> str:
    """Give the example in a guard's section of docs/guards.md."""
    page = (ROOT / "docs" / "guards.md").read_text("utf-8")
    section = page.partition(f"\n### {guard}\n")[2].partition("\n### ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 1, f"docs/guards.md: {guard} needs one example"
    assert isinstance(blocks[0], str)
    return blocks[0]


@pytest.mark.parametrize("guard", GUARDS)
def test_every_guard_has_an_example(guard: str) -> None:
    compile(guard_example(guard), f"docs/guards.md, {guard}", "exec")


@pytest.mark.parametrize("guard", NEW_AWAIT)
def test_the_guard_does_not_hold_in_its_example(
    guard: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = guard_example(guard)
    Path(tmp_path, "example.py").write_text(example, "utf-8")
    if beside := re.match(r"# beside this file: (\S+)", example):
        Path(tmp_path, beside[1]).touch()
    monkeypatch.chdir(tmp_path)
    result = run(Settings(), [CODEMODS["blocking-sleep"]])
    assert not result.problems
    found = [(each.guard, each.level) for each in result.findings]
    reported = guard.removesuffix("-callers")
    assert found in ([(reported, Level.MANUAL)], [(reported, Level.UNSAFE)])


def test_what_blocking_call_refuses_is_told_and_has_a_case() -> None:
    page = (ROOT / "docs" / "guards.md").read_text("utf-8")
    table = page.partition("## What `blocking-call` asks besides")[2]
    told = set(re.findall(r"^\| ([a-z][a-z-]+) \| (?!why)", table, re.MULTILINE))
    cases = ROOT / "tests" / "fixtures" / "blocking-call"
    lines = [path.read_text("utf-8") for path in cases.rglob("*.findings.txt")]
    lines += [path.read_text("utf-8") for path in cases.rglob("reason.txt")]
    lines += [
        path.read_text("utf-8").partition("\n")[0]
        for path in cases.glob("*.unchanged.py")
    ]
    verdicts = (
        r"(?:\[(?:manual|unsafe) |^(?:# unchanged: )?(?:unsafe )?)([a-z-]+)(?:\]|:)"
    )
    named = {
        name for text in lines for name in re.findall(verdicts, text, re.MULTILINE)
    }
    assert told - {"named"} == named - set(GUARDS)


def test_the_example_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(
        ROOT / "examples" / "weather",
        tmp_path / "weather",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    monkeypatch.chdir(tmp_path)
    result = run(Settings(), CODEMODS.values())
    assert not result.problems
    fixed = {each.path for each in result.findings if each.level is Level.SAFE}
    held = {each.guard for each in result.findings if each.level is Level.MANUAL}
    assert fixed >= {"weather/poller.py", "weather/retry.py"}
    assert held >= {"A1", "A3"}
    assert write(result.changes, tmp_path, "test", result.read).problems == ()
    again = run(Settings(), CODEMODS.values())
    assert not again.changes and not again.problems
    done = subprocess.run(
        [sys.executable, "-m", "weather"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("9 readings of 3 stations in ")


def test_the_example_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight of ten handlers are mended, two refused; README says so."""
    shutil.copytree(
        ROOT / "examples" / "service",
        tmp_path / "service",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    monkeypatch.chdir(tmp_path)
    settings = Settings(severity="low")
    result = run(settings, CODEMODS.values())
    assert not result.problems
    handlers: dict[str, set[str | None]] = {}
    for node in ast.parse(Path("service/handlers.py").read_bytes()).body:
        if isinstance(node, ast.AsyncFunctionDef):
            handlers[node.name] = {
                each.guard
                for each in result.findings
                if each.path == "service/handlers.py"
                and node.lineno <= each.line <= (node.end_lineno or 0)
            }
    assert handlers.pop("ping") == set()
    assert handlers.pop("orders") == {"driver"}
    assert handlers.pop("parse") == {"thread-gil"}
    assert list(handlers.values()) == [{None}] * 8
    assert write(result.changes, tmp_path, "test", result.read).problems == ()
    again = run(settings, CODEMODS.values())
    assert not again.changes and not again.problems
