"""One file of the catalog of blocking calls: TOML -> checked tables.

The format is a list of sections of `name = value`, see `Tables`. What a value may
be is checked here, once, so that nobody who asks the catalog has to. A mistake is an
error that names file and key.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from asyncfix.documents import Documents
from asyncfix.model import AsyncfixError

KINDS = frozenset(
    ("archive", "browser", "cache", "cloud", "compress", "cpu", "crypto", "dataframe",
     "db", "device", "dns", "file", "fs-meta", "http", "image", "input", "llm", "lock",
     "log", "loop", "mail", "mp", "mq", "net-proto", "other", "queue", "sdk",
     "serialize", "sleep", "socket", "ssh", "subprocess", "thread", "tls", "vcs")
)  # fmt: skip
SEVERITIES = frozenset(("high", "low", "medium"))
STRATEGIES = frozenset(("migrate", "native", "offload", "report"))
FORMS = frozenset(
    ("async-for", "async-with", "await", "construct", "none", "process", "report",
     "rewrite", "wrap")
)  # fmt: skip
ASYNCHRONOUS = frozenset(("async-context", "async-iterator", "coroutine", "future"))
"""`coroutine`: nothing runs before it is awaited, `future`: it runs by itself."""
DECORATORS = frozenset(
    ("async-context-manager", "context-manager", "coroutine", "elsewhere", "property",
     "registers", "replaces", "same")
)  # fmt: skip
EFFECTS = frozenset(
    ("calls", "calls-key", "changes", "context", "context-read", "copies", "driver", "exception",
     "frames", "loop", "none", "passes", "plain", "process", "stop", "thread", "unknown")
)  # fmt: skip
"""What a call does besides giving something, see `Catalog.effect`."""
_WRAPPERS = {"Awaitable": 1, "ContextManager": 1, "Iterator": 1, "tuple": 9}
"""Generic type -> the most arguments that it takes."""
_DEEPEST = 5
"""So far may types be nested; deeper is a mistake or an attack."""
_WORDS = {
    "kind": KINDS,
    "severity": SEVERITIES,
    "strategy": STRATEGIES,
    "form": FORMS,
}
_OWN = {"kind": "other", "form": "report", "use": "", "why": ""}
"""What need not be said in the person's own table."""
_NEEDS_NO_ESCAPE = re.compile(r"[ !#-\[\]-~]*")
_T = TypeVar("_T")


class Entry(NamedTuple):
    """One callable of the catalog; `blocks` is False where it only looks as if."""

    name: str
    kind: str
    severity: str
    strategy: str
    form: str
    use: str
    """What to call instead, empty where there is no one answer."""
    why: str
    blocks: bool
    library: str


class Tables(NamedTuple):
    """All that one file says. Keys are dotted names, as the user would write them."""

    calls: dict[str, Entry]
    returns: dict[str, str]
    attributes: dict[str, str]
    bases: dict[str, tuple[str, ...]]
    aliases: dict[str, str]
    asynchronous: dict[str, str]
    offloads: dict[str, int | str]
    decorators: dict[str, str]
    registers: dict[str, int | str]
    effects: dict[str, str]
    classes: frozenset[str]
    """Classes that are not spelt with a capital letter."""
    modules: frozenset[str]
    """Modules that are."""

    def names(self) -> Iterator[str]:
        """Give every name that the file knows, but the aliases.

        What only has an effect is not known: a class may have other members.
        """
        yield from self.calls
        yield from self.returns
        yield from self.attributes
        yield from self.bases
        yield from self.asynchronous
        yield from self.offloads
        yield from self.decorators
        yield from self.registers
        yield from self.classes
        yield from self.modules

    def known(self) -> set[str]:
        """Give every name that the file knows, and what they are parts of."""
        known = set(self.names())
        for name in list(known):
            while "." in name:
                name = name.rpartition(".")[0]
                if name in known:
                    break
                known.add(name)
        return known


def files_in(folders: Sequence[Path]) -> dict[str, list[str]]:
    """Give the files of each top-level import name, in the order of the folders.

    Raises AsyncfixError where a folder cannot be listed.
    """
    files: dict[str, list[str]] = {}
    for folder in folders:
        try:
            here = sorted(os.listdir(folder))
        except OSError as error:
            words = f"{folder}: cannot be read: {error.strerror}"
            raise AsyncfixError(words) from error
        for name in here:
            root, ending = os.path.splitext(name)
            if ending == ".toml":
                files.setdefault(root, []).append(os.path.join(folder, name))
    return files


def read(file: Path, kept: Documents | None = None) -> Tables:
    """Read the file of one library, which is named after its top-level import name.

    `kept` may know what it says. Raises AsyncfixError with file and key where it is
    wrong.
    """
    place = file_place(file)
    try:
        parse = partial(_parsed, file, place)
        document = kept.get(str(file), parse) if kept else parse()
    except OSError as error:
        raise AsyncfixError(f"{place}cannot be read: {error.strerror}") from error
    return _Reader(place, file.stem, file.stem).tables(document)


def _parsed(file: Path, place: str) -> Mapping[str, object]:
    # 3 ms, for which there is no need where all files are kept.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AsyncfixError(f"{place}is no valid TOML: {error}") from error


def read_own(table: Mapping[str, object], source: str) -> Tables:
    """Check the person's own table, which may name things of any library.

    Of a call only `severity` and `strategy` have to be said. Raises AsyncfixError
    with `source` and key where it is wrong.
    """
    return _Reader(own_place(source), None, source).tables(table)


def file_place(file: Path) -> str:
    """Give how an error in a file begins."""
    return f"{file.parent.name}/{file.name}: "


def own_place(source: str) -> str:
    """Give how an error in the person's own table begins."""
    return f"{source}: tool.asyncfix.catalog."


class _Reader:
    """Checks one document; `root` is the name that all its names start with."""

    def __init__(self, place: str, root: str | None, library: str) -> None:
        self._place = place
        self._root = root
        self._library = library

    def tables(self, document: Mapping[str, object]) -> Tables:
        """Give the document's sections; raises AsyncfixError where it is wrong."""
        known = Tables._fields if self._root is None else ("library", *Tables._fields)
        for key in document:
            if key not in known:
                there = ", ".join(sorted(known))
                raise self.error(key, f"there is no such section (there is: {there})")
        if self._root is not None:
            self._library = self._text("library", document.get("library"))
        tables = Tables(
            calls=self._section(document, "calls", self._entry),
            returns=self._section(document, "returns", self._type),
            attributes=self._section(document, "attributes", self._type),
            bases=self._section(document, "bases", self._bases),
            aliases=self._section(document, "aliases", self._target),
            asynchronous=self._section(document, "asynchronous", self._asynchronous),
            offloads=self._section(document, "offloads", self._position),
            decorators=self._section(document, "decorators", self._decorator),
            registers=self._section(document, "registers", self._position),
            effects=self._section(document, "effects", self._effect),
            classes=self._list(document, "classes"),
            modules=self._list(document, "modules"),
        )
        for name in tables.aliases:
            if name in tables.calls:
                raise self.error(_key("aliases", name), "is listed in calls, too")
        return tables

    def error(self, where: str, words: str) -> AsyncfixError:
        """Give the error that names file and key."""
        return AsyncfixError(f"{self._place}{_plain(where)}: {words}")

    def _section(
        self,
        document: Mapping[str, object],
        section: str,
        check: Callable[[str, str, object], _T],
    ) -> dict[str, _T]:
        table = document.get(section, {})
        if not isinstance(table, Mapping):
            raise self.error(section, f"is {shown(table)}, must be a table")
        checked = {}
        for name, value in table.items():
            where = _key(section, name)
            self._name(where, name, key=True)
            checked[name] = check(where, name, value)
        return checked

    def _list(self, document: Mapping[str, object], key: str) -> frozenset[str]:
        return frozenset(self._names(key, document.get(key, []), own=True))

    def _names(self, where: str, value: object, own: bool) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.error(where, f"is {shown(value)}, must be a list of names")
        return tuple(self._name(where, each, key=own) for each in value)

    def _name(self, where: str, value: object, key: bool = False) -> str:
        """Check a dotted name; a key has to be one of this file's library."""
        if not isinstance(value, str) or not is_name(value):
            raise self.error(where, f"{shown(value)} is no dotted name")
        if key and self._root is not None:
            if value.partition(".")[0] != self._root:
                words = f"{shown(value)} does not start with {shown(self._root)}"
                raise self.error(where, words)
        return value

    def _text(self, where: str, value: object, key: str = "") -> str:
        if not isinstance(value, str):
            raise self.error(where, f"{key}is {shown(value)}, must be a text")
        if not value.isprintable():
            words = f"{key}is {shown(value)}: has characters that do not print"
            raise self.error(where, words)
        return value

    def _word(
        self, where: str, value: object, allowed: frozenset[str], key: str = ""
    ) -> str:
        if not isinstance(value, str) or value not in allowed:
            there = ", ".join(sorted(allowed))
            words = f"{key}is {shown(value)}, must be one of {there}"
            raise self.error(where, words)
        return value

    def _entry(self, where: str, name: str, value: object) -> Entry:
        if not isinstance(value, Mapping):
            raise self.error(where, f"is {shown(value)}, must be a table")
        given: dict[str, object] = dict(value)
        blocks = given.pop("blocks", True)
        if not isinstance(blocks, bool):
            raise self.error(where, f"blocks is {shown(blocks)}, must be true or false")
        said = dict(_OWN) if self._root is None else {}
        for key, text in given.items():
            if key in _WORDS:
                said[key] = self._word(where, text, _WORDS[key], f"{key} ")
            elif key in ("use", "why"):
                said[key] = self._text(where, text, f"{key} ")
            else:
                hint = "; put a name with dots in quotes" if _is_table(text) else ""
                raise self.error(where, f"there is no key {shown(key)}{hint}")
        for key in (*_WORDS, "use", "why"):
            if key not in said:
                raise self.error(where, f"{key} is missing")
        return Entry(name=name, blocks=blocks, library=self._library, **said)

    def _type(self, where: str, name: str, value: object) -> str:
        if not isinstance(value, str) or not _is_type(value, _DEEPEST):
            words = (
                "a class, Self, Iterator[X], Awaitable[X], ContextManager[X], tuple[X]"
            )
            raise self.error(where, f"is {shown(value)}, must be a type: {words}")
        return value

    def _bases(self, where: str, name: str, value: object) -> tuple[str, ...]:
        return self._names(where, value, own=False)

    def _target(self, where: str, name: str, value: object) -> str:
        return self._name(where, value)

    def _asynchronous(self, where: str, name: str, value: object) -> str:
        return self._word(where, value, ASYNCHRONOUS)

    def _decorator(self, where: str, name: str, value: object) -> str:
        return self._word(where, value, DECORATORS)

    def _effect(self, where: str, name: str, value: object) -> str:
        return self._word(where, value, EFFECTS)

    def _position(self, where: str, name: str, value: object) -> int | str:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 100:
            return value
        if isinstance(value, str) and value.isidentifier():
            return value
        words = f"is {shown(value)}, must be a position from 0 or the name of a keyword"
        raise self.error(where, words)


def is_name(text: str) -> bool:
    """Tell whether a text is a dotted name of Python."""
    return all(part.isidentifier() for part in text.split("."))


def _is_type(text: str, deepest: int) -> bool:
    outer, bracket, rest = text.partition("[")
    if not bracket:
        return is_name(text)
    if outer not in _WRAPPERS or not rest.endswith("]") or not deepest:
        return False
    arguments = split(rest[:-1])
    return len(arguments) <= _WRAPPERS[outer] and all(
        _is_type(each, deepest - 1) for each in arguments
    )


def split(arguments: str) -> list[str]:
    """Split the arguments of a type at its own commas: `X, tuple[Y, Z]` in two."""
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(arguments):
        depth += (sign == "[") - (sign == "]")
        if sign == "," and not depth:
            parts.append(arguments[start:index].strip())
            start = index + 1
    return [*parts, arguments[start:].strip()]


def shown(value: object) -> str:
    """Show a value in an error: a short text as it is, anything else by its kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "missing"
    if isinstance(value, str):
        value = value if len(value) <= 60 else value[:57] + "..."
        if _NEEDS_NO_ESCAPE.fullmatch(value):
            return f'"{value}"'
        import json  # 2 ms

        return json.dumps(value)
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return "a number" if isinstance(value, (int, float)) else "a date or time"


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _key(section: str, name: object) -> str:
    return f"{section}.{shown(name)}"


def _plain(where: object) -> str:
    """Keep an error on one line of characters that print, however long the key is."""
    if isinstance(where, str) and where.isprintable() and len(where) <= 200:
        return where
    return shown(where)
