"""A file of the catalog is parsed once, and again when it has changed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from asyncfix.catalog import Catalog
from asyncfix.documents import Documents
from asyncfix.store import Store

LONG_AGO = 1_600_000_000
SAID: Mapping[str, object] = {"library": "time 3.13", "calls": {"time.nap": {"n": 1}}}


class Cached:
    """A file and a cache of what it says; each `get` is a run of its own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "time.toml"
        self.folder = folder / "cache"
        self.parsed = 0
        self.says = SAID
        self.write("as it was")

    def write(self, text: str, mtime: int = LONG_AGO) -> None:
        self.file.write_text(text)
        os.utime(self.file, (mtime, mtime))

    def get(self) -> Mapping[str, object]:
        store = Store("/p", b"1", str(self.folder))
        found = Documents(store).get(str(self.file), self._parse)
        assert store.save() == ""
        return found

    def _parse(self) -> Mapping[str, object]:
        self.parsed += 1
        return self.says


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cached:
    # The cache trusts no time of change that is this young; its tests say so.
    monkeypatch.setattr("asyncfix.store._RACY", -(10**18))
    return Cached(tmp_path)


def test_it_is_parsed_once(cached: Cached) -> None:
    assert [cached.get() for _ in range(3)] == [SAID] * 3
    assert cached.parsed == 1


@pytest.mark.parametrize(
    ("text", "mtime"), [("as it is now", LONG_AGO), ("as it was", LONG_AGO + 1)]
)
def test_a_changed_file_is_parsed_again(cached: Cached, text: str, mtime: int) -> None:
    cached.get()
    cached.write(text, mtime)
    cached.says = {"library": "time 3.14"}
    assert [cached.get() for _ in range(2)] == [cached.says] * 2
    assert cached.parsed == 2


def test_a_file_that_may_still_change_is_parsed_again(
    cached: Cached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    cached.write("as it was", int(time.time()))
    assert [cached.get() for _ in range(2)] == [SAID] * 2
    assert cached.parsed == 2


def test_a_file_that_is_gone_is_an_error(cached: Cached) -> None:
    cached.get()
    cached.file.unlink()
    with pytest.raises(FileNotFoundError):
        cached.get()


def test_a_wrong_file_is_wrong_each_time(cached: Cached) -> None:
    def wrong() -> Mapping[str, object]:
        raise ValueError("no TOML")

    for _ in range(2):
        store = Store("/p", b"1", str(cached.folder))
        with pytest.raises(ValueError, match="no TOML"):
            Documents(store).get(str(cached.file), wrong)
        assert store.save() == ""


def test_what_is_no_plain_data_is_given_and_not_kept(cached: Cached) -> None:
    cached.says = {"library": date(2020, 1, 1)}
    assert [cached.get() for _ in range(2)] == [cached.says] * 2
    assert cached.parsed == 2


@pytest.mark.parametrize("blob", [b"", b"\xffnothing", b"i\x05\x00\x00\x00"])
def test_what_is_forged_is_parsed_again(cached: Cached, blob: bytes) -> None:
    store = Store("/p", b"1", str(cached.folder))
    store.put(str(cached.file), os.stat(cached.file), b"toml", blob)
    assert store.save() == ""
    assert cached.get() == SAID
    assert cached.parsed == 1


def test_another_kind_of_blob_under_its_path_is_not_taken(cached: Cached) -> None:
    store = Store("/p", b"1", str(cached.folder))
    store.put(str(cached.file), os.stat(cached.file), b"digest", b"{0")
    assert store.save() == ""
    assert cached.get() == SAID


def test_the_catalog_goes_by_what_was_kept(cached: Cached) -> None:
    cached.write('library = "time"\nclasses = ["time.nap"]')
    for _ in range(2):
        store = Store("/p", b"1", str(cached.folder))
        catalog = Catalog([cached.file.parent])
        catalog.documents = Documents(store)
        assert catalog.is_class("time.nap")
        assert store.save() == ""
        cached.says = Documents(store).get(str(cached.file), cached._parse)
    assert cached.says == {"library": "time", "classes": ["time.nap"]}
    assert cached.parsed == 0
