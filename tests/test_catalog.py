"""The catalog: what can be asked, how sources are merged, how a mistake is told."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from asyncfix.catalog import Catalog, Entry
from asyncfix.model import AsyncfixError

LIB = """
library = "lib-for-python"
classes = ["lib.cursor"]
modules = ["lib.Tools"]

[calls]
"lib.Base.close" = { kind = "db", severity = "low", strategy = "migrate", form = "await", use = "", why = "" }
"lib.Base.query" = { kind = "db", severity = "high", strategy = "migrate", form = "await", use = "alib.query", why = "Network" }
"lib.Client" = { kind = "http", severity = "low", strategy = "migrate", form = "construct", use = "", why = "", blocks = false }
"lib.Client.close" = { kind = "http", severity = "high", strategy = "offload", form = "wrap", use = "", why = "" }
"lib.Proxy.__getattr__" = { kind = "http", severity = "high", strategy = "offload", form = "wrap", use = "", why = "" }
"lib.Proxy.local" = { kind = "http", severity = "low", strategy = "report", form = "none", use = "", why = "", blocks = false }
"lib.Tools.run" = { kind = "cpu", severity = "medium", strategy = "offload", form = "process", use = "", why = "" }
"lib.connect" = { kind = "db", severity = "high", strategy = "migrate", form = "async-with", use = "alib.connect", why = "Handshake" }
"lib.cursor.execute" = { kind = "db", severity = "high", strategy = "migrate", form = "await", use = "", why = "" }

[returns]
"lib.Base.again" = "Self"
"lib.Base.rows" = "Iterator[tuple[lib.Client, object]]"
"lib.connect" = "lib.Client"

[attributes]
"lib.Base.raw" = "lib.cursor"

[bases]
"lib.Client" = ["lib.Middle", "lib.Base"]
"lib.Far" = ["other.Thing"]
"lib.Middle" = ["lib.Loop"]
"lib.Loop" = ["lib.Middle", "lib.Client"]

[aliases]
"lib.core.Client" = "lib.Client"
"lib.sub" = "lib.core"

[asynchronous]
"lib.Base.later" = "coroutine"
"lib.Base.started" = "future"
"lib.stream" = "async-iterator"

[offloads]
"lib.Base.submit" = 0
"lib.Worker" = "target"

[decorators]
"lib.Base.route" = "registers"
"lib.keep" = "same"

[registers]
"lib.Base.on" = 1
"""
OTHER = """
library = "other"

[calls]
"other.Thing.read" = { kind = "file", severity = "medium", strategy = "offload", form = "wrap", use = "", why = "" }

[aliases]
"other.Client" = "lib.Client"
"""
CALL = '{ kind = "db", severity = "high", strategy = "native", form = "await", use = "", why = "" }'


def folder(base: Path, **files: str) -> Path:
    """Make a catalog of these files."""
    made = base / "catalog"
    made.mkdir(exist_ok=True, parents=True)
    for name, text in files.items():
        (made / f"{name}.toml").write_text(text, "utf-8")
    return made


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog([folder(tmp_path, lib=LIB, other=OTHER)])


def test_an_entry_says_all_that_the_file_says(catalog: Catalog) -> None:
    assert catalog.entry("lib.connect") == Entry(
        name="lib.connect",
        kind="db",
        severity="high",
        strategy="migrate",
        form="async-with",
        use="alib.connect",
        why="Handshake",
        blocks=True,
        library="lib-for-python",
    )
    client = catalog.entry("lib.Client")
    assert client and not client.blocks


@pytest.mark.parametrize(
    "name", ["", ".", "lib", "lib.nothing", "nolib.connect", "connect", "..", "lib..x", "/etc/x.y"]
)  # fmt: skip
def test_of_an_unknown_name_nothing_is_known(catalog: Catalog, name: str) -> None:
    assert catalog.entry(name) is None
    assert catalog.method(name, "get") is None
    assert catalog.returns(name) is None
    assert catalog.attribute(name) is None
    assert catalog.bases(name) == ()
    assert catalog.asynchronous(name) is None
    assert catalog.offload(name) is None
    assert catalog.decorator(name) is None
    assert catalog.registers(name) is None
    assert not catalog.is_class(name)
    assert catalog.canonical(name) == name


def said(entry: Entry | None) -> str | None:
    return entry and f"{entry.name} {entry.severity}"


def test_a_method_is_that_of_the_nearest_base(catalog: Catalog) -> None:
    assert said(catalog.method("lib.Client", "close")) == "lib.Client.close high"
    assert said(catalog.method("lib.Base", "close")) == "lib.Base.close low"
    assert said(catalog.method("lib.Client", "query")) == "lib.Base.query high"
    assert catalog.method("lib.Client", "nothing") is None
    # Of another library, whose file is read for it.
    assert said(catalog.method("lib.Far", "read")) == "other.Thing.read medium"
    # A circle of bases ends.
    assert said(catalog.method("lib.Loop", "query")) == "lib.Base.query high"


def test_made_up_methods(catalog: Catalog) -> None:
    assert said(catalog.method("lib.Proxy", "anything")) == "lib.Proxy.anything high"
    assert said(catalog.method("lib.Proxy", "local")) == "lib.Proxy.local low"
    assert catalog.method("lib.Proxy", "_private") is None
    assert catalog.method("lib.Proxy", "__enter__") is None


def test_an_alias_stands_for_all_that_is_in_it(catalog: Catalog) -> None:
    assert catalog.canonical("lib.core.Client") == "lib.Client"
    assert catalog.canonical("lib.core.Client.close") == "lib.Client.close"
    assert catalog.canonical("lib.sub.Client.close") == "lib.Client.close"
    assert catalog.canonical("lib.core.Clients") == "lib.core.Clients"
    assert catalog.canonical("other.Client.close") == "lib.Client.close"
    assert said(catalog.entry("other.Client.close")) == "lib.Client.close high"
    assert said(catalog.method("lib.sub.Client", "query")) == "lib.Base.query high"
    assert catalog.returns("lib.core.Client") == "lib.Client"
    assert catalog.bases("other.Client") == ("lib.Middle", "lib.Base")


@pytest.mark.parametrize(
    "name", ["lib.Client", "lib.Base", "lib.Far", "lib.cursor", "lib.Worker", "lib.Middle", "other.Thing", "lib.core.Client"]
)  # fmt: skip
def test_classes(catalog: Catalog, name: str) -> None:
    assert catalog.is_class(name)
    assert catalog.returns(name) == catalog.canonical(name)


@pytest.mark.parametrize(
    "name", ["lib", "lib.connect", "lib.Tools", "lib.Tools.run", "lib.Client.close", "lib.Unknown", "Unknown"]
)  # fmt: skip
def test_no_classes(catalog: Catalog, name: str) -> None:
    assert not catalog.is_class(name)


def test_types_are_looked_up_along_the_bases(catalog: Catalog) -> None:
    assert catalog.returns("lib.connect") == "lib.Client"
    assert catalog.returns("lib.Client.again") == "Self"
    assert catalog.returns("lib.Client.rows") == "Iterator[tuple[lib.Client, object]]"
    assert catalog.returns("lib.Client.close") is None
    assert catalog.attribute("lib.Client.raw") == "lib.cursor"
    assert catalog.attribute("lib.sub.Client.raw") == "lib.cursor"
    assert catalog.attribute("lib.Client.again") is None


def test_made_up_attributes(tmp_path: Path) -> None:
    text = 'library = "db"\n[returns]\n"db.Db.__getattr__" = "db.Table"\n"db.Db.get" = "x.Y"'
    catalog = Catalog([folder(tmp_path, db=text)])
    assert catalog.attribute("db.Db.users") == "db.Table"
    assert catalog.attribute("db.Db._users") is None
    assert catalog.attribute("db.Db.get") is None


def test_what_becomes_of_functions(catalog: Catalog) -> None:
    assert catalog.asynchronous("lib.stream") == "async-iterator"
    assert catalog.asynchronous("lib.Client.later") == "coroutine"
    assert catalog.asynchronous("lib.Client.started") == "future"
    assert catalog.awaitables(["lib", "other"]) == {"later", "started"}
    assert catalog.offload("lib.Client.submit") == 0
    assert catalog.offload("lib.Worker") == "target"
    assert catalog.decorator("lib.keep") == "same"
    assert catalog.decorator("lib.Client.route") == "registers"
    assert catalog.registers("lib.Client.on") == 1
    assert catalog.registers("lib.on") is None


def test_entries_are_all_and_sorted(catalog: Catalog) -> None:
    names = [entry.name for entry in catalog.entries()]
    assert names == sorted(names)
    assert len(names) == 10
    assert {"lib.connect", "other.Thing.read"} <= set(names)


def test_a_file_is_read_once_and_only_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    catalog = Catalog([folder(tmp_path, lib=LIB, other=OTHER)])
    read_text = Path.read_text

    def counted(self: Path, *args: Any) -> str:
        opened.append(self.name)
        return read_text(self, *args)

    monkeypatch.setattr(Path, "read_text", counted)
    catalog.entry("unknown.get")
    catalog.load("../catalog/lib")
    assert opened == []
    catalog.load("lib")
    catalog.load("lib")
    catalog.entry("lib.connect")
    catalog.entry("lib.nothing")
    assert opened == ["lib.toml"]


def test_a_wrong_file_is_told_each_time(tmp_path: Path) -> None:
    catalog = Catalog([folder(tmp_path, lib="library = 3")])
    for _ in range(2):
        with pytest.raises(AsyncfixError):
            catalog.entry("lib.connect")


def test_a_catalog_can_be_sent_to_another_process(catalog: Catalog) -> None:
    catalog.load("lib")
    assert pickle.loads(pickle.dumps(catalog)).entry("lib.connect")


def test_the_later_folder_wins(tmp_path: Path) -> None:
    text = f'library = "mine"\n[calls]\n"lib.connect" = {CALL}\n"lib.new" = {CALL}'
    first = folder(tmp_path / "a", lib=LIB)
    second = folder(tmp_path / "b", lib=text)
    catalog = Catalog([first, second])
    entry = catalog.entry("lib.connect")
    assert entry and (entry.library, entry.strategy) == ("mine", "native")
    assert catalog.entry("lib.new")
    assert catalog.method("lib.Client", "query")


def test_the_own_table_wins_and_may_name_anything(tmp_path: Path) -> None:
    own = {
        "calls": {
            "lib.connect": {"severity": "low", "strategy": "report"},
            "lib.core.Client.close": {"severity": "medium", "strategy": "report"},
            "my.work": {"severity": "high", "strategy": "offload", "why": "Mine"},
        },
        "aliases": {"my.fetch": "lib.Base.query"},
        "bases": {"my.Client": ["lib.Client"]},
        "returns": {"lib.core.Client.copy": "Self"},
        "decorators": {"my.job": "elsewhere"},
    }
    catalog = Catalog([folder(tmp_path, lib=LIB)], own)
    assert catalog.entry("my.work") == Entry(
        "my.work", "other", "high", "offload", "report", "", "Mine", True, "pyproject.toml"
    )  # fmt: skip
    assert said(catalog.entry("lib.connect")) == "lib.connect low"
    assert said(catalog.entry("lib.Client.close")) == "lib.Client.close medium"
    assert said(catalog.entry("my.fetch")) == "lib.Base.query high"
    assert said(catalog.method("my.Client", "query")) == "lib.Base.query high"
    assert catalog.decorator("my.job") == "elsewhere"
    assert catalog.returns("lib.Client.copy") == "Self"
    assert "my.work" in [entry.name for entry in catalog.entries()]


def test_the_digest_knows_every_byte(tmp_path: Path) -> None:
    made = folder(tmp_path, lib=LIB, other=OTHER)
    first = Catalog([made]).digest()
    assert Catalog([made], {}).digest() == Catalog([made], None).digest() == first
    own = {"calls": {"a.b": {"severity": "low", "strategy": "report"}}}
    assert Catalog([made], own).digest() != first
    # Same size, same time of change.
    file = made / "lib.toml"
    stat = file.stat()
    file.write_text(LIB.replace("Handshake", "Handshaek"), "utf-8")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = Catalog([made]).digest()
    assert second != first
    (made / "other.toml").rename(made / "others.toml")
    assert Catalog([made]).digest() not in (first, second)
