"""The benchmarks: that they run and say what they did, never how long it took."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.any_python
BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"

if sys.platform == "win32":
    pytest.skip("os.wait4 is needed", allow_module_level=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a package of six modules: one that all import, and one that none does."""
    package = tmp_path / "project" / "pack"
    for name, content in (
        ("__init__", ""),
        ("core", "async def wait():\n    pass\n"),
        ("one", "from pack.core import wait\nimport pack.two\n"),
        ("two", "from . import core\n"),
        ("three", "from pack import (\n    core,\n    one,\n)\n"),
        ("inner/__init__", ""),
        ("inner/leaf", "from ..core import wait\n\n\nasync def leaf():\n    wait()\n"),
        ("inner/quiet", "from pack import three\nfrom pack.inner import leaf2\n"),
        (".hidden/no", "1"),
        ("build/no", "1"),
    ):
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "project"


@pytest.fixture
def trees(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("trees")


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("telling")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with this Python, whose ruff is the only peer there is."""
    peers = Path(sys.executable).absolute().parent.parent
    command = [sys.executable, str(BENCHMARKS / "run.py"), *arguments]
    command += ["--peers", str(peers), "--rounds", "1"]
    return subprocess.run(command, capture_output=True, text=True)


def contents(folder: Path) -> dict[str, bytes]:
    """Give every file below a folder, by its name from there."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


# -- runs -------------------------------------------------------------------


def test_all_that_needs_a_copy(project: Path) -> None:
    before = contents(project)
    done = run(str(project), "--only", "cold,warm,edit,growth")
    assert done.returncode == 0, done.stderr
    heads = [line for line in done.stdout.splitlines() if line.startswith("## ")]
    assert heads == ["## cold", "## warm", "## edit", "## growth", "## bounds"]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
        if line.startswith("| ")
    ]
    timed = {(row[0], row[1]) for row in rows if row[2] == "1"}
    assert {
        ("cold", "asyncfix --jobs 1"),
        ("cold", "asyncfix"),
        ("warm", "asyncfix"),
        ("warm", "asyncfix, another command"),
        ("comment leaf", "asyncfix"),
        ("comment core", "asyncfix"),
        ("edit leaf", "asyncfix"),
        ("edit core", "asyncfix"),
        ("1/4 tree", "asyncfix --jobs 1"),
        ("2 x tree", "asyncfix --jobs 1"),
    } <= timed
    held = {row[0]: row[-1] for row in rows if row[1].startswith(("<=", ">="))}
    assert held["twice the tree"] in ("yes", "no")
    assert held["--help"] == ""
    if shutil.which("ruff", path=str(Path(sys.executable).absolute().parent)):
        assert ("warm", "ruff") in timed
        assert held["warm, nothing changed"] in ("yes", "no")
    assert "core that is edited: pack/core.py, which 5 files import" not in done.stdout
    assert "core that is edited: pack/core.py, which 4 files import" in done.stdout
    assert contents(project) == before


def test_a_sample_and_what_is_missing(project: Path) -> None:
    done = run(str(project), "--only", "sample,startup")
    assert done.returncode == 0, done.stderr
    assert "## cold" not in done.stdout
    assert "| sample | flake8-async | not installed |" in done.stdout
    assert "| start-up | asyncfix --help | 5 |" in done.stdout
    assert "| warm, nothing changed | <= 1 | not measured |" in done.stdout


def test_wrong_usage(project: Path) -> None:
    done = run(str(project), "--only", "cold,lukewarm")
    assert done.returncode == 2
    assert "no part 'lukewarm'" in done.stderr
    assert run(str(project / "nowhere")).returncode == 2


# -- trees ------------------------------------------------------------------


def test_a_copy_has_what_both_tools_look_at(
    trees: ModuleType, project: Path, tmp_path: Path
) -> None:
    files, size = trees.copy(project, tmp_path / "copy")
    found = contents(tmp_path / "copy")
    planted = found.pop("zzz/asyncfix_canary.py")
    assert b"time.sleep" in planted
    assert sorted(found) == sorted(
        name for name in contents(project) if "build" not in name and "/." not in name
    )
    assert (files, size) == (len(found), sum(map(len, found.values())))


def test_a_package_stays_one(trees: ModuleType, project: Path, tmp_path: Path) -> None:
    trees.copy(project / "pack", tmp_path / "copy")
    assert (tmp_path / "copy" / "pack" / "core.py").is_file()


def test_a_part_is_in_the_larger_part(trees: ModuleType, tmp_path: Path) -> None:
    for folder in range(80):
        for file in range(5):
            path = tmp_path / "tree" / "pack" / f"f{folder}" / f"m{file}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x = 1\n" * 20)
    (tmp_path / "tree" / "pack" / "__init__.py").touch()
    sizes = [
        trees.part(tmp_path / "tree", tmp_path / name, share, 1)
        for name, share in (("quarter", 0.25), ("half", 0.5))
    ]
    assert sizes == [80 * 5 * 120 // 4, 80 * 5 * 120 // 2]
    quarter, half = contents(tmp_path / "quarter"), contents(tmp_path / "half")
    assert "pack/__init__.py" in quarter
    assert quarter.items() < half.items()
    folders = {os.path.dirname(name) for name in quarter} - {"pack", "zzz"}
    assert len(folders) == 20


def test_the_second_tree_stands_alone(
    trees: ModuleType, project: Path, tmp_path: Path
) -> None:
    trees.copy(project, tmp_path / "copy")
    trees.twice(tmp_path / "copy", tmp_path / "two")
    found = contents(tmp_path / "two")
    first = {name for name in found if name.startswith("pack/")}
    assert {name.replace("pack/", "pack_2/", 1) for name in first} < set(found)
    for name in found:
        if name.startswith("pack_2/"):
            for node in ast.walk(ast.parse(found[name])):
                if isinstance(node, ast.Import):
                    assert all(a.name.startswith("pack_2") for a in node.names)
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    assert node.module and node.module.startswith("pack_2")


def test_a_leaf_and_the_core(trees: ModuleType, project: Path, tmp_path: Path) -> None:
    trees.copy(project, tmp_path / "copy")
    (leaf, none), (core, importers) = trees.to_edit(tmp_path / "copy")
    assert (leaf.name, none) == ("leaf.py", 0)
    assert (core.name, importers) == ("core.py", 4)


def test_one_file_is_leaf_and_core(trees: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "alone.py").write_text("import os\n")
    (leaf, _), (core, _) = trees.to_edit(tmp_path)
    assert leaf == core == tmp_path / "alone.py"


# -- the service ------------------------------------------------------------


def test_the_service_is_measured_before_and_after() -> None:
    command = [sys.executable, str(BENCHMARKS / "service.py"), "--seconds", "0.1"]
    command += ["--rounds", "1", "--only", "settle,orders"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in done.stdout.splitlines()
    ]
    assert head[2:] == ["p50 before", "p50 after", "p99 before", "p99 after"]
    assert [row[:2] for row in rows] == [
        ["none", ""],
        ["settle", "mended"],
        ["orders", "refused: driver"],
        ["the mended ones in turn", ""],
        ["all in turn", ""],
    ]
    assert all(float(cell) > 0 for row in rows for cell in row[2:])


def test_a_handler_that_fails_is_no_figure() -> None:
    """A ping beside an error would be quick."""
    program = (
        "import sys, asyncio; sys.path.insert(0, sys.argv[1]); import service\n"
        "async def refuse(reader, writer):\n"
        "    await reader.readline()\n"
        "    writer.write(b'HTTP/1.1 404 Not Found\\r\\n\\r\\n'); writer.close()\n"
        "async def main():\n"
        "    server = await asyncio.start_server(refuse, '127.0.0.1', 0)\n"
        "    port = server.sockets[0].getsockname()[1]\n"
        "    await service.measure(port, ['settle'], 0.1)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, str(BENCHMARKS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "RuntimeError: /settle said" in done.stderr


# -- tables -----------------------------------------------------------------


def test_bounds_say_yes_and_no(telling: ModuleType) -> None:
    measure = sys.modules["measure"]

    def contest(on: str, name: str, *spent: float, size: int = 0) -> object:
        runs = [measure.Run(cpu, cpu, 100.0, 0, "", False) for cpu in spent]
        made = measure.Contest(on, name, ("x",), Path(), size=size)
        made.runs = runs
        return made

    told = telling.bounds(
        [
            contest("cold", "ruff", 1.0, 1.0, 1.0),
            contest("cold", "asyncfix", 11.0, 10.0, 13.0, size=20_000_000),
            contest("cold", "asyncfix --jobs 1", 12.5, 12.5, 12.5, size=25_000_000),
            contest("sample", "asyncfix", 1.0),
            contest("sample", "fixit", 61.0),
            contest("sample", "flake8-async", 99.0),
        ]
    )
    assert "| cold, default jobs | <= 12 | 11.00 | 10.00 to 13.00 | yes |" in told
    assert "| cold, --jobs 1 | <= 12 | 12.50 | 12.50 to 12.50 | no |" in told
    assert (
        "| fixit by asyncfix, sample | >= 60 | 61.00 | 61.00 to 61.00 | yes |" in told
    )
    assert "sample | >= 100 | 99.00 | 99.00 to 99.00 | no |" in told
    assert "| MiB per MB of source, cold | <= 4 | 5.00 |  | no |" in told
    assert "| MiB per MB of source, warm | <= 4 | not measured |  |  |" in told
