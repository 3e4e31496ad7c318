"""The catalog's files and the person's own table: how a mistake is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncfix.catalog import Catalog
from asyncfix.catalog_file import split
from asyncfix.config import load
from asyncfix.model import AsyncfixError, Settings

GOOD = 'library = "lib"\n[bases]\n"lib.A" = ["lib.B"]\n'
CALL = '{ kind = "db", severity = "high", strategy = "native", form = "await", use = "", why = "" }'


def folder(base: Path, **files: str) -> Path:
    """Make a catalog of these files."""
    made = base / "catalog"
    made.mkdir(exist_ok=True, parents=True)
    for name, text in files.items():
        (made / f"{name}.toml").write_text(text, "utf-8")
    return made


def fault(make: Callable[[], object]) -> str:
    with pytest.raises(AsyncfixError) as error:
        make()
    message = str(error.value)
    assert message.isprintable() and len(message) < 1000
    return message


HEAD = 'library = "lib"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "library: is missing, must be a text"),
        ("library = 3", "library: is a number, must be a text"),
        (HEAD + "[call]", "call: there is no such section (there is: aliases, asy"),
        (HEAD + "calls = 3", "calls: is a number, must be a table"),
        (HEAD + "calls = []", "calls: is a list, must be a table"),
        (HEAD + "[calls]\n'lib.get' = 1", 'calls."lib.get": is a number, must be a table'),
        (HEAD + f"[calls]\n'lib.get' = {CALL.replace('high', 'huge')}",
         'calls."lib.get": severity is "huge", must be one of high, low, medium'),
        (HEAD + f"[calls]\n'lib.get' = {CALL.replace('native', 'hope')}",
         'strategy is "hope", must be one of migrate, native, offload, report'),
        (HEAD + f"[calls]\n'lib.get' = {CALL.replace('db', 'dbs')}", 'kind is "dbs", must be'),
        (HEAD + f"[calls]\n'lib.get' = {CALL.replace('await', 'wait')}", 'form is "wait", must'),
        (HEAD + f"[calls]\n'lib.get' = {CALL.replace(' use', ' uses')}", 'no key "uses"'),
        (HEAD + "[calls]\n'lib.get' = { kind = 'db' }", "severity is missing"),
        (HEAD + f"[calls]\n'lib.get' = {CALL.replace('use = ' + chr(34) * 2, 'use = 1')}",
         "use is a number, must be a text"),
        (HEAD + f"[calls]\n'lib.get' = {CALL[:-2]}, blocks = 1 }}", "blocks is a number"),
        (HEAD + f"[calls]\nlib.get = {CALL}", '"lib": there is no key "get"; put a name with'),
        (HEAD + f"[calls]\n'libs.get' = {CALL}", '"libs.get" does not start with "lib"'),
        (HEAD + f"[calls]\n'lib.g-t' = {CALL}", '"lib.g-t" is no dotted name'),
        (HEAD + f"[calls]\n'' = {CALL}", '"" is no dotted name'),
        (HEAD + f"[calls]\n'lib.' = {CALL}", '"lib." is no dotted name'),
        (HEAD + "[returns]\n'lib.a' = 3", 'returns."lib.a": is a number, must be a type'),
        (HEAD + "[returns]\n'lib.a' = 'List[x.Y]'", 'is "List[x.Y]", must be a type'),
        (HEAD + "[returns]\n'lib.a' = 'Iterator[x.Y'", "must be a type"),
        (HEAD + "[returns]\n'lib.a' = 'Iterator[x, y]'", "must be a type"),
        (HEAD + "[returns]\n'lib.a' = 'tuple[]'", "must be a type"),
        (HEAD + "[returns]\n'lib.a' = 'x.Y | None'", "must be a type"),
        (HEAD + "[attributes]\n'lib.a' = ['x']", 'attributes."lib.a": is a list, must'),
        (HEAD + "[bases]\n'lib.A' = 'lib.B'", 'bases."lib.A": is "lib.B", must be a list'),
        (HEAD + "[bases]\n'lib.A' = [1]", 'bases."lib.A": a number is no dotted name'),
        (HEAD + "[aliases]\n'lib.a' = 1979-05-27", "a date or time is no dotted name"),
        (HEAD + "[aliases]\n'lib.a' = 'lib.b'", '"lib.b" is a name that the catalog does not know'),
        (HEAD + "[aliases]\n'lib.a' = 'gone.b'", '"gone.b" is a name that the catalog does'),
        (HEAD + "[aliases]\n'lib.a' = 'lib.b'\n'lib.b' = 'lib.a'", 'aliases."lib.a": leads in a circle'),
        (HEAD + "[aliases]\n'lib.a' = 'lib.a.b'", 'aliases."lib.a": leads in a circle'),
        (HEAD + f"[calls]\n'lib.b' = {CALL}\n'lib.a' = {CALL}\n[aliases]\n'lib.a' = 'lib.b'",
         'aliases."lib.a": is listed in calls, too'),
        (HEAD + "[asynchronous]\n'lib.a' = 'yes'", "must be one of async-context, async-it"),
        (HEAD + "[offloads]\n'lib.a' = -1", "must be a position from 0 or the name of a k"),
        (HEAD + "[offloads]\n'lib.a' = true", "is true, must be a position"),
        (HEAD + "[registers]\n'lib.a' = 'a b'", 'is "a b", must be a position'),
        (HEAD + "[decorators]\n'lib.a' = 'nice'", 'is "nice", must be one of async-context-man'),
        ("classes = 'lib.a'\n" + HEAD, 'classes: is "lib.a", must be a list of names'),
        ("classes = ['os.a']\n" + HEAD, 'classes: "os.a" does not start with "lib"'),
        ("modules = [[]]\n" + HEAD, "modules: a list is no dotted name"),
        ("library = ", "is no valid TOML"),
        ("x = " + "[" * 20_000, "is no valid TOML"),
        (HEAD + "[calls.'lib.a\\u0007\u202e']", "is no dotted name"),
        (HEAD + "why = 3", "why: there is no such section"),
        ("library = \"a\\u0007b\"", r'is "a\u0007b": has characters that do not print'),
        (HEAD + '[calls]\n"' + "x" * 9_999 + '" = 1', 'xxx..." does not start with "lib"'),
    ],
)  # fmt: skip
def test_a_mistake_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    catalog = Catalog([folder(tmp_path, lib=text)])
    words = fault(lambda: catalog.entry("lib.get"))
    assert words.startswith("catalog/lib.toml: ")
    assert message in words


def test_a_circle_through_two_files(tmp_path: Path) -> None:
    made = folder(
        tmp_path,
        a='library = "a"\n[aliases]\n"a.x" = "b.x"',
        b='library = "b"\n[aliases]\n"b.x" = "a.x"',
    )
    words = fault(lambda: Catalog([made]).entry("a.x"))
    assert "catalog/b.toml" in words and "leads in a circle" in words


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"call": {}}, "call: there is no such section"),
        ({"library": "x"}, "library: there is no such section"),
        ({1: 2}, "a number: there is no such section"),
        ({"calls": {"a.b": {"severity": "high"}}}, 'calls."a.b": strategy is missing'),
        (
            {"calls": {"a.b": {"strategy": "report"}}},
            'calls."a.b": severity is missing',
        ),
        (
            {"calls": {"a": {"b": {"severity": "high"}}}},
            "put a name with dots in quotes",
        ),
        ({"calls": {"a.b": None}}, 'calls."a.b": is missing, must be a table'),
        (
            {"calls": {"a.b": {"severity": [], "strategy": {}}}},
            "severity is a list, must",
        ),
        ({"calls": {None: {}}}, "calls.missing: missing is no dotted name"),
        (
            {"aliases": {"a.b": "gone.c"}},
            '"gone.c" is a name that the catalog does not',
        ),
        ({"aliases": {"a.b": "a.c", "a.c": "a.b"}}, "leads in a circle"),
        ({"offloads": {"a.b": 10**30}}, "must be a position"),
        ({"decorators": {"a.b": float("nan")}}, "is a number, must be one of"),
    ],
)
def test_a_mistake_in_the_own_table_is_told_at_once(
    tmp_path: Path, own: dict[Any, Any], message: str
) -> None:
    words = fault(lambda: Catalog([folder(tmp_path, lib=GOOD)], own))
    assert words.startswith("pyproject.toml: tool.asyncfix.catalog.")
    assert message in words


def test_hostile_input_ends_in_an_error(tmp_path: Path) -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for own in ({"calls": deep}, {"calls": {"a.b": deep}}, {"returns": {"a.b": deep}}):
        fault(lambda own=own: Catalog([], own))  # type: ignore[misc]  # for a default
    nested = "Iterator[" * 50_000 + "a.B" + "]" * 50_000
    fault(lambda: Catalog([], {"returns": {"a.b": nested}}))
    many = {f"a.f{n}": {"severity": "low", "strategy": "report"} for n in range(20_000)}
    assert len(Catalog([], {"calls": many}).entries()) == 20_000


def test_a_name_that_grows_by_its_alias(tmp_path: Path) -> None:
    own = {
        "returns": {"b.c": "x.Y", "a": "x.Y"},
        "aliases": {"a.b": "a.c.d", "a.c": "a.b"},
    }
    assert "leads in a circle" in fault(lambda: Catalog([], own))


def test_folders_and_files_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "cannot be read" in fault(lambda: Catalog([tmp_path / "gone"]))
    catalog = Catalog([folder(tmp_path, lib=GOOD)])
    (tmp_path / "catalog" / "lib.toml").unlink()
    assert "catalog/lib.toml: cannot be read" in fault(lambda: catalog.load("lib"))
    assert "lib.toml: cannot be read" in fault(catalog.digest)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    made = folder(tmp_path)
    (made / "lib.toml").write_bytes(b"library = '\xff'")
    assert "is no valid TOML" in fault(lambda: Catalog([made]).load("lib"))


def test_arguments_of_a_type_are_split_at_their_own_commas() -> None:
    assert split("a.B") == ["a.B"]
    assert split("a.B,tuple[c.D, e.F] , g") == ["a.B", "tuple[c.D, e.F]", "g"]


def configured(base: Path, text: str) -> Any:
    (base / "pyproject.toml").write_text(text, "utf-8")
    return load(base)


def test_the_configuration_hands_the_own_table_on(tmp_path: Path) -> None:
    table = '[tool.asyncfix.catalog.calls]\n"a.b" = { nonsense = 1 }'
    assert configured(tmp_path, table).catalog == {"calls": {"a.b": {"nonsense": 1}}}
    assert configured(tmp_path, "").catalog == Settings().catalog == {}


def test_the_least_severity_is_configured(tmp_path: Path) -> None:
    assert configured(tmp_path, "").severity == Settings().severity == "medium"
    for word in ("high", "medium", "low"):
        text = f'[tool.asyncfix]\nseverity = "{word}"'
        assert configured(tmp_path, text).severity == word


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("severity = 3", "severity must be"),
        ("severity = 'all'", "severity must be"),
        ("severity = ['high']", "severity must be"),
        ("catalog = 3", "catalog must be a table"),
        ("[[tool.asyncfix.catalog]]", "catalog must be a table"),
    ],
)
def test_a_wrong_key_names_the_file(tmp_path: Path, text: str, words: str) -> None:
    message = fault(lambda: configured(tmp_path, f"[tool.asyncfix]\n{text}"))
    assert "pyproject.toml" in message and words in message
