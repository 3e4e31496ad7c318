"""The rules of the house, read from the files themselves.

Each test says which line breaks its rule; CONTRIBUTING.md says why it is one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import asyncfix
from asyncfix import Codemod, Level
from asyncfix.guards import GUARDS
from asyncfix.registry import in_pack

ROOT = Path(__file__).resolve().parent.parent
ENGINE = sorted((ROOT / "src" / "asyncfix").rglob("*.py"))
PACK = sorted((ROOT / "codemods" / "asyncfix_codemods").rglob("*.py"))
CODEMODS = {codemod.name: codemod for codemod in in_pack("asyncfix_codemods")}
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")

WORLDLY_MODULES = frozenset(
    ("logging", "multiprocessing", "os", "pathlib", "shutil", "socket", "subprocess")
)
WORLDLY_NAMES = frozenset(("__import__", "eval", "exec", "input", "open", "print"))
# What `asyncfix --help` must not pay for.
HEAVY = frozenset(
    ("asyncio", "black", "dataclasses", "importlib.metadata", "json", "libcst",
     "multiprocessing", "pebble", "rich", "sqlite3", "tomllib")
)  # fmt: skip
MOST_LINES = 500  # 400 is the aim


class Import(NamedTuple):
    """One imported module; `name` is what is taken from it, if anything is."""

    module: str
    name: str | None
    line: int
    lazy: bool
    """Whether the import stands in a function."""
    for_types: bool
    """Whether it stands under `if TYPE_CHECKING:`."""


def imports(path: Path) -> list[Import]:
    """Give all that a file imports, wherever in it."""
    return list(_imports(ast.parse(path.read_bytes()), False, False))


def _imports(node: ast.AST, lazy: bool, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, None, child.lineno, lazy, for_types)
        elif isinstance(child, ast.ImportFrom):
            module = "." * child.level + (child.module or "")
            for alias in child.names:
                yield Import(module, alias.name, child.lineno, lazy, for_types)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _imports(child, True, for_types)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for statement in child.body:
                yield from _imports(ast.Module([statement], []), lazy, True)
            for statement in child.orelse:
                yield from _imports(ast.Module([statement], []), lazy, for_types)
        else:
            yield from _imports(child, lazy, for_types)


def shown(path: Path, line: int) -> str:
    """Give a place as the messages of a compiler do."""
    return f"{path.relative_to(ROOT).as_posix()}:{line}"


def test_codemods_come_in_by_the_public_door() -> None:
    broken = []
    for path in PACK:
        for each in imports(path):
            top = each.module.partition(".")[0]
            if top == "asyncfix":
                allowed = each.module == "asyncfix.testing" or (
                    each.module == "asyncfix"
                    and each.name in (None, "testing", *asyncfix.__all__)
                )
            elif top == "asyncfix_codemods":
                # Shared help of the pack, not another codemod.
                last = each.module.rpartition(".")[2]
                allowed = last.startswith("_") or (each.name or "").startswith("_")
            else:
                allowed = top == "libcst" or (
                    top in sys.stdlib_module_names and top not in WORLDLY_MODULES
                )
            if not allowed:
                broken.append(f"{shown(path, each.line)}: imports {each.module}")
    assert PACK and not broken


def test_codemods_do_not_touch_the_world() -> None:
    broken = [
        f"{shown(path, node.lineno)}: {node.id}"
        for path in PACK
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Name) and node.id in WORLDLY_NAMES
    ]
    assert not broken


@pytest.mark.any_python
def test_the_engine_knows_no_codemod() -> None:
    names = {*CODEMODS, *(name.replace("-", "_") for name in CODEMODS)}
    broken = []
    for path in ENGINE:
        for each in imports(path):
            if each.module.partition(".")[0] == "asyncfix_codemods":
                broken.append(f"{shown(path, each.line)}: imports {each.module}")
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Constant) and node.value in names:
                broken.append(f"{shown(path, node.lineno)}: names {node.value}")
    assert CODEMODS and not broken


@pytest.mark.any_python
def test_libcst_is_imported_late_and_in_two_places() -> None:
    broken = [
        shown(path, each.line)
        for path in ENGINE
        for each in imports(path)
        if each.module.partition(".")[0] == "libcst"
        and not each.for_types
        and not (each.lazy and path.name in ("slices.py", "parsing.py"))
    ]
    assert not broken


def test_a_codemod_is_loaded_without_what_judges_its_sites() -> None:
    program = (
        "import sys, asyncfix.commands, asyncfix.engine, asyncfix.registry as registry\n"
        "registry.installed(); print([*sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(done.stdout))
    heavy = HEAVY - {"tomllib"} | {"difflib", "hashlib", "zipfile"}
    if sys.version_info >= (3, 11):  # before, click brings it by way of uuid
        heavy |= {"subprocess"}
    assert not loaded & heavy
    assert {name for name in loaded if name.startswith("asyncfix.guards")} == set()
    # Those that say what is looked for.
    assert {name for name in loaded if name.startswith("asyncfix_codemods._")} == {
        f"asyncfix_codemods._{name}"
        for name in ("loop_arguments", "loop_calls", "loop_names", "session_kinds",
                     "session_pools")
    }  # fmt: skip


@pytest.mark.any_python
def test_no_import_circle() -> None:
    modules = {module_name(path): path for path in ENGINE}
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        graph[name] = set()
        for each in imports(path):
            if each.for_types:
                continue
            submodule = f"{each.module}.{each.name}"
            taken = submodule if submodule in modules else each.module
            if taken in modules:
                graph[name].add(taken)
    circles = list(circles_in(graph))
    assert not circles, " -> ".join(circles[0])


def module_name(path: Path) -> str:
    """Give the dotted name of a module of the engine."""
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def circles_in(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Give a circle for each edge that leads back into the way that led to it."""
    done: set[str] = set()

    def go(node: str, way: list[str]) -> Iterator[list[str]]:
        if node in way:
            yield [*way[way.index(node) :], node]
        elif node not in done:
            for after in sorted(graph[node]):
                yield from go(after, [*way, node])
            done.add(node)

    for node in sorted(graph):
        yield from go(node, [])


def test_a_circle_would_be_seen() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}}
    assert list(circles_in(graph)) == [["b", "c", "b"]]


def test_a_file_is_one_room() -> None:
    files = [*ENGINE, *PACK, *(ROOT / "tests").glob("*.py")]
    files += [*(ROOT / "scripts").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    lines = {path: path.read_bytes().count(b"\n") for path in files}
    assert [shown(path, n) for path, n in lines.items() if n > MOST_LINES] == []


def test_what_judging_goes_by_is_noted() -> None:
    # `holds` and `holding` note the words; a look at the bytes is not seen by `recall`.
    allowed = {"facts.py", "library.py", "memory.py", "outward.py", "workers.py"}
    files = [path for path in (*ENGINE, *PACK) if path.name not in allowed]
    looked = [path.name for path in files if ".packed" in path.read_text("utf-8")]
    assert looked == []


@pytest.mark.parametrize("name", CODEMODS)
def test_one_name_everywhere(name: str) -> None:
    codemod = type(CODEMODS[name])
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
    assert codemod.__module__ == f"asyncfix_codemods.{name.replace('-', '_')}"
    assert codemod.__name__ == "".join(part.capitalize() for part in name.split("-"))
    assert (ROOT / "tests" / "fixtures" / name).is_dir()
    assert f"`{name}`" in CHANGELOG, f"CHANGELOG.md does not know {name}"


@pytest.mark.parametrize("codemod", CODEMODS.values(), ids=CODEMODS)
def test_page_has_its_parts(codemod: Codemod) -> None:
    page = codemod.page()
    heads = re.findall(r"^(Before|After|Safety):", page, re.MULTILINE)
    assert heads == ["Before", "After", "Safety"]
    assert re.match(r"\S.*\.\n\n", page), "one line that ends in a full stop"
    level = page.partition("Safety: ")[2].split()[0].strip(".,:;")
    assert level in {each.value for each in Level}
    assert set(codemod.guards) <= set(GUARDS)


def test_the_version_is_the_same_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    newest = re.search(r"^## (\d\S*)", CHANGELOG, re.MULTILINE)
    declared = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert newest and declared
    assert newest[1] == declared[1] == asyncfix.__version__


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_a_short_answer_costs_little(option: str) -> None:
    program = (
        "import sys\n"
        "from asyncfix.start import main\n"
        "try:\n"
        f"    sys.argv[1:] = ['{option}']; main()\n"
        "finally:\n"
        "    sys.stderr.write(repr([*sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(ast.literal_eval(done.stderr))
    assert {name for name in loaded if name.startswith("asyncfix")} <= {
        "asyncfix",
        "asyncfix.cachefile",
        "asyncfix.cli",
        "asyncfix.digest",
        "asyncfix.ending",
        "asyncfix.paint",
        "asyncfix.replay",
        "asyncfix.start",
        "asyncfix.store",
        "asyncfix.stored",
        "asyncfix.table",
    }
    assert not loaded & HEAVY
