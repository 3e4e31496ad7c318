"""The command line: the catalog's list, help of every command, --severity."""

from __future__ import annotations

import sys
import zipfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from asyncfix import registry

if TYPE_CHECKING:
    from conftest import Made, Run

PRINTS = "async def f():\n    print(1)\n    open('x')\n"


def test_the_catalog_is_listed_one_line_an_entry(run: Run) -> None:
    ran = run("rules", "--catalog")
    assert ran.code == 0
    lines = ran.text.splitlines()
    names = [line.partition(": ")[0] for line in lines]
    assert names == sorted(names)
    assert len(names) > 1000
    (line,) = [line for line in lines if line.startswith("requests.get: ")]
    assert line.startswith("requests.get: http, high, native -> ")
    assert any("requests.Session: http, does not block, " in line for line in lines)


def test_one_library_of_the_catalog(run: Run) -> None:
    lines = run("rules", "--catalog", "--library", "requests").text.splitlines()
    assert lines and all(line.startswith("requests.") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--catalog", "--library", "request"), "is it 'requests'"),
        (("--catalog", "--library", "xyzzy"), "lists no call of 'xyzzy'"),
        (("--library", "requests"), "--library is for --catalog"),
    ],
)
def test_wrong_usage_of_the_catalog_is_2(
    run: Run, arguments: tuple[str, ...], words: str
) -> None:
    ran = run("rules", *arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert words in ran.said


def test_the_own_table_is_listed_and_followed(run: Run, made: Made) -> None:
    own = '[tool.asyncfix.catalog.calls]\n"mine.work" = {severity = "high", strategy = "offload", use = "rest"}\n'
    made(
        {
            "pyproject.toml": own,
            "a.py": "import mine\n\n\nasync def f():\n    mine.work()\n",
        }
    )
    assert "mine.work: other, high, offload -> rest\n" in run("rules", "--catalog").text
    assert "mine.work (other, high)" in run().text
    assert "1 high (other 1)" in run("hot").text


@pytest.mark.parametrize(
    "arguments", [("rules", "--catalog"), ("why", "a.py:1"), ("graph",), ("hot",), ()]
)
def test_a_wrong_own_table_is_2_with_file_and_key(
    run: Run, made: Made, arguments: tuple[str, ...]
) -> None:
    own = '[tool.asyncfix.catalog.calls]\n"mine.work" = {severity = "worst", strategy = "offload"}\n'
    made({"pyproject.toml": own, "a.py": "x = 1\n"})
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert "pyproject.toml: tool.asyncfix.catalog.calls" in ran.said
    assert "mine.work" in ran.said and "worst" in ran.said


def test_a_wrong_catalog_of_a_pack_is_2_with_file_and_key(
    run: Run, made: Made, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made({"pack/catalog/mine.toml": 'library = "mine"\n[calls]\n"mine.work" = {}\n'})
    entry = SimpleNamespace(name="pack", value="pack")
    monkeypatch.setattr(registry, "_packs", lambda: (entry,))
    pack = SimpleNamespace(__path__=[str(here / "pack")])
    monkeypatch.setattr(registry, "import_module", lambda name: pack)
    ran = run("rules", "--catalog")
    assert (ran.code, ran.out) == (2, b"")
    assert "catalog/mine.toml: calls" in ran.said and "mine.work" in ran.said


@pytest.mark.parametrize(
    ("severity", "found"),
    [("high", []), ("medium", ["open"]), ("low", ["print", "open"])],
)
def test_severity_says_what_is_reported(
    run: Run, made: Made, severity: str, found: list[str]
) -> None:
    made({"a.py": PRINTS})
    ran = run("--severity", severity)
    assert ran.code == (1 if found else 0)
    assert ran.text.count("blocking-call") == len(found)
    made({"pyproject.toml": "[tool.asyncfix]\nseverity = 'high'\n"})
    assert run("--severity", severity).text == ran.text
    assert run().text == ""


@pytest.mark.parametrize("command", ["why", "graph", "hot", "rules", "explain"])
def test_every_command_is_in_the_help_and_has_its_own(run: Run, command: str) -> None:
    assert f"  {command} " in run("--help").text.partition("Commands:")[2]
    ran = run(command, "--help")
    assert ran.code == 0
    if command in ("why", "graph", "hot"):
        assert "Exit codes: " in ran.text
        assert "--severity [high|medium|low]" in ran.text


@pytest.mark.parametrize("command", ["graph", "hot"])
def test_an_interrupted_command_is_130(
    run: Run, made: Made, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    from asyncfix import workers

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    made({"a.py": PRINTS})
    monkeypatch.setattr(workers, "scan_files", interrupted)
    ran = run(command)
    assert (ran.code, ran.said) == (130, "asyncfix: interrupted\n")


INSTALLED = {
    "first/Some_Pack-1.0.dist-info/entry_points.txt": "[asyncfix.codemods]\na = first\n",
    "first/plain-1.dist-info/METADATA": "Name: plain\n",
    "second/some.pack-2.0.dist-info/entry_points.txt": "[asyncfix.codemods]\na = later\n",
    "second/other.egg-info/entry_points.txt": (
        "[console_scripts]\nx = y:main\n\n# [asyncfix.codemods]\n"
        "[asyncfix.codemods]\n#c = c\nb=b.pack\n  d  =  d  \n[more]\ne = e\n"
    ),
    "second/file.egg-info": "Name: file\n",
    "second/no.txt/entry_points.txt": "[asyncfix.codemods]\nno = no\n",
}


def instead_of_packages(here: Path, *names: str) -> list[str]:
    """Give the path with these places for those where packages are installed."""
    rest = [place for place in sys.path if not [*Path(place).glob("*.dist-info")]]
    return [*(str(here / name) for name in names), *rest]


def test_packs_are_found_as_the_standard_library_finds_them(
    made: Made, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(INSTALLED)
    for name in ("first/Some_Pack-1.0.dist-info", "second/some.pack-2.0.dist-info"):
        made({f"{name}/METADATA": "Name: some-pack\nVersion: 1\n"})
    made({"second/other.egg-info/PKG-INFO": "Name: other\nVersion: 1\n"})
    monkeypatch.setattr(sys, "path", instead_of_packages(here, "first", "second", "no"))
    expected = {(e.name, e.value) for e in metadata.entry_points(group=registry.GROUP)}
    assert set(registry.entry_points()) == expected
    assert expected == {("a", "first"), ("b", "b.pack"), ("d", "d")}


def test_packs_are_found_in_archives(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(here / "all.zip", "w") as archive:
        archive.writestr("p-1.dist-info/METADATA", "Name: p\nVersion: 1\n")
        text = "[asyncfix.codemods]\na = a.b\n"
        archive.writestr("p-1.dist-info/entry_points.txt", text)
    monkeypatch.setattr(sys, "path", instead_of_packages(here, "all.zip"))
    assert [*registry.entry_points()] == [("a", "a.b")]
