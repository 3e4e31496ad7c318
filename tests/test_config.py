"""`[tool.asyncfix]`: what it may say, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncfix.config import Configuration, load, version
from asyncfix.model import AsyncfixError


def loaded(folder: Path, text: str | bytes) -> Configuration:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "pyproject.toml").write_bytes(data)
    return load(folder)


def refused(folder: Path, text: str | bytes) -> str:
    """Give the words of the error, which name the file."""
    with pytest.raises(AsyncfixError) as error:
        loaded(folder, text)
    assert str(folder / "pyproject.toml") in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Configuration()),
        ("[project]\nname = 'x'", Configuration()),
        ("[tool.other]\nunsafe = 3", Configuration()),
        ("[tool.asyncfix]", Configuration()),
        ("tool = 3", Configuration()),
        ("[tool.asyncfix]\npaths = ['src']", Configuration(paths=("src",))),
        ("[tool.asyncfix]\nselect = ['a', 'b']", Configuration(select=("a", "b"))),
        ("[tool.asyncfix]\nignore = ['a']", Configuration(ignore=("a",))),
        ("[tool.asyncfix]\nexclude = ['a/', '*.x']", Configuration(exclude=("a/", "*.x"))),
        ("[tool.asyncfix]\nunsafe = true", Configuration(unsafe=True)),
        ("[tool.asyncfix]\nsafe-only = true", Configuration(safe_only=True)),
        ("[tool.asyncfix]\ninclude-generated = true", Configuration(include_generated=True)),
        ("[tool.asyncfix]\ntarget-version = '3.11'", Configuration(target=(3, 11))),
        ("[tool.asyncfix]\ntarget-version = 'py310'", Configuration(target=(3, 10))),
        (
            "[tool.asyncfix]\nexecutor = 'app.pools:io'\nprocess-executor = 'app:cpu'",
            Configuration(executor="app.pools:io", process_executor="app:cpu"),
        ),
        (
            "[tool.asyncfix]\nprefer = 'colour'",
            Configuration(prefer=("colour", "native", "offload")),
        ),
        (
            "[tool.asyncfix]\nprefer = ['offload', 'colour']",
            Configuration(prefer=("offload", "colour", "native")),
        ),
        ("[project]\nrequires-python = '>=3.10'", Configuration(target=(3, 10))),
        ("[project]\nrequires-python = '~=3.11'", Configuration(target=(3, 11))),
        ("[project]\nrequires-python = '==3.12.*'", Configuration(target=(3, 12))),
        ("[project]\nrequires-python = '>= 3.9, < 4'", Configuration(target=(3, 9))),
        ("[project]\nrequires-python = '>=3.9,!=3.9.1,<3.13'", Configuration(target=(3, 9))),
        ("[project]\nrequires-python = '<3.13,>=3.11.4'", Configuration(target=(3, 11))),
        ("[project]\nrequires-python = '<4'", Configuration()),
        ("[project]\nrequires-python = 3", Configuration()),
        ("project = 3", Configuration()),
        (
            "[project]\nrequires-python = '>=3.9'\n"
            "[tool.asyncfix]\ntarget-version = '3.12'",
            Configuration(target=(3, 12)),
        ),
    ],
)  # fmt: skip
def test_what_a_configuration_says(
    tmp_path: Path, text: str, expected: Configuration
) -> None:
    assert loaded(tmp_path, text)._replace(line_length=0) == expected._replace(
        line_length=0
    )


def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    assert load(tmp_path) == Configuration()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_do_not_matter(tmp_path: Path, newline: str) -> None:
    text = "[tool.asyncfix]\nunsafe = true\n".replace("\n", newline)
    assert loaded(tmp_path, text).unsafe


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # TOML that is none: the line is named.
        ("[tool.asyncfix\n", (":1:", "TOML")),
        ("[tool.asyncfix]\n\nunsafe = yes\n", (":3:", "TOML")),
        ("x = 1\nx = 2\n", (":2", "TOML")),
        (b"x = '\xff'\n", ("TOML",)),
        # A key that there is not: the ones that there are.
        ("[tool.asyncfix]\nselekt = []", ("'selekt'", "select")),
        ("[tool.asyncfix]\nsafe_only = true", ("'safe_only'", "safe-only")),
        ("[tool.asyncfix]\njobs = 2", ("'jobs'",)),
        ("[tool.asyncfix.select]\nx = 1", ("select", "list")),
        # A value of another kind.
        ("tool.asyncfix = 3", ("[tool.asyncfix]", "table")),
        ("[[tool.asyncfix]]", ("[tool.asyncfix]", "table")),
        ("[tool.asyncfix]\nselect = 'a'", ("select", "list of strings")),
        ("[tool.asyncfix]\nignore = [1]", ("ignore", "list of strings")),
        ("[tool.asyncfix]\nexclude = {}", ("exclude", "list of strings")),
        ("[tool.asyncfix]\npaths = true", ("paths", "list of strings")),
        ("[tool.asyncfix]\nunsafe = 1", ("unsafe", "true or false")),
        ("[tool.asyncfix]\nsafe-only = 'yes'", ("safe-only", "true or false")),
        ("[tool.asyncfix]\ninclude-generated = []", ("include-generated", "true or")),
        ("[tool.asyncfix]\ntarget-version = 3.11", ("target-version", "string")),
        ("[tool.asyncfix]\ntarget-version = '2.7'", ("target-version", "'2.7'")),
        ("[tool.asyncfix]\ntarget-version = '3.99'", ("target-version", "'3.99'")),
        ("[tool.asyncfix]\ntarget-version = ''", ("target-version",)),
        ("[tool.asyncfix]\nunsafe = true\nsafe-only = true", ("unsafe", "safe-only")),
        ("[tool.asyncfix]\nprocess-executor = 'cpu'", ("process-executor", "a place")),
        ("[tool.asyncfix]\nexecutor = 3", ("executor", "a place")),
        ("[tool.asyncfix]\nprefer = 'threads'", ("prefer", "native, offload, colour")),
    ],
)
def test_a_mistake_names_file_and_key(
    tmp_path: Path, text: str | bytes, words: tuple[str, ...]
) -> None:
    message = refused(tmp_path, text)
    for word in words:
        assert word in message


def test_a_file_nested_without_end_is_no_valid_toml(tmp_path: Path) -> None:
    refused(tmp_path, "x = " + "[" * 20_000)


def test_a_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Path, *args: object, **more: object) -> str:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(AsyncfixError, match="Permission denied"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3.4", (3, 4)), ("3.9", (3, 9)), ("3.13", (3, 13)), ("py39", (3, 9)), ("311", (3, 11))],
)  # fmt: skip
def test_versions(text: str, expected: tuple[int, int]) -> None:
    assert version(text, "here") == expected


@pytest.mark.parametrize(
    "text", ["", "3", "3.", "2.7", "4.0", "3.1", "3.3", "3.x", "3.11.2", "py", " 3.11"]
)
def test_no_versions(text: str) -> None:
    with pytest.raises(AsyncfixError, match=r"^here: "):
        version(text, "here")
