"""Rows come back from their bytes as they were, whatever stands in them."""

from __future__ import annotations

import marshal
from typing import Any

import pytest

from asyncfix import packing

ROWS: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("one row", [(1, "name", 2)]),
    ("numbers from no byte to more than two", [(0, 255), (255, 256), (7, 65_536)]),
    ("a large number that is not the last", [(70_000, 300), (1, 2)]),
    ("numbers below 0", [(-1, 0), (3, -70_000)]),
    ("a text that holds a line break", [(1, "a\nb"), (2, "c")]),
    ("texts that are empty", [("", "a"), ("", "")]),
    ("texts beyond ASCII, and half a character", [("größe", "\ud800"), ("名前", "x")]),
    ("what is neither number nor text", [(True, ("a", "b")), (False, ())]),
]


@pytest.mark.parametrize(("what", "rows"), ROWS, ids=[what for what, _ in ROWS])
def test_rows_come_back(what: str, rows: list[tuple[Any, ...]]) -> None:
    columns = packing.columns(marshal.loads(packing.packed(rows)))
    assert list(zip(*columns, strict=True)) == rows


def test_rows_come_back_in_order() -> None:
    raw = marshal.loads(packing.packed([(2, "b"), (1, "c"), (1, "a")], in_order=True))
    assert list(zip(*packing.columns(raw), strict=True)) == [
        (1, "a"),
        (1, "c"),
        (2, "b"),
    ]


def test_no_rows_have_no_columns() -> None:
    assert packing.columns(marshal.loads(packing.packed([]))) == []
    assert packing.parts(marshal.loads(packing.packed([])), 5) == set()


def test_texts_stand_in_the_bytes_as_they_are() -> None:
    assert "größe".encode() in packing.packed([(1, "größe"), (2, "andere")])


def test_parts_of_texts() -> None:
    for last in ("d", "d\ne"):  # joined, and kept one by one
        raw = marshal.loads(packing.packed([(1, "a.b().c"), (2, last)]))
        assert {"a", "b()", "c", "d"} <= packing.parts(raw, 1)


@pytest.mark.parametrize("names", [[], ["sleep"], ["größe", "get", "f()"]])
def test_names_come_back(names: list[str]) -> None:
    assert packing.parted(packing.joined(names)) == names
