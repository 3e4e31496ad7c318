"""What is said looks as `click` would say it."""

from __future__ import annotations

import io
import sys

import click
import pytest

from asyncfix import paint

TEXTS = ["a.py:1:1: text", "", "two\nlines", "\u20ac \udc80"[:1]]


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("colour", ["", "red", "green", "yellow", "cyan"])
def test_styles(colour: str, bold: bool) -> None:
    for text in TEXTS:
        styled = click.style(text, fg=colour or None, bold=bold or None)
        assert paint.styled(text, colour, bold) == styled


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "latin-1", "ascii"])
@pytest.mark.parametrize("err", [False, True])
@pytest.mark.parametrize("terminal", [False, True])
def test_lines(
    monkeypatch: pytest.MonkeyPatch, encoding: str, err: bool, terminal: bool
) -> None:
    said = []
    for say in (paint.say, click.echo):
        buffer = io.BytesIO()
        stream = io.TextIOWrapper(buffer, encoding, errors="backslashreplace")
        monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
        monkeypatch.setattr(sys, "stderr" if err else "stdout", stream)
        for text in TEXTS:
            say(paint.styled(text, "red", True) + text, err=err)
        stream.flush()
        said.append(buffer.getvalue())
    monkeypatch.undo()
    assert said[0] == said[1]
    assert (b"\033" in said[0]) == terminal
