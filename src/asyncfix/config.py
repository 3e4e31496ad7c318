"""Ask, second half: `[tool.asyncfix]` in `pyproject.toml` -> settings.

A mistake is an error that names file and key; nothing runs with half a
configuration.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from asyncfix.model import AsyncfixError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_STRINGS = ("paths", "select", "ignore", "exclude")
_FLAGS = ("unsafe", "safe-only", "include-generated", "offload-drivers")
_NUMBERS = ("max-file-size", "max-file-time")
_LARGEST_NUMBER = 3600
# Of the file, in bytes; and of a dotted key: `tomllib` takes the square of its parts.
_LARGEST = 2_000_000
_DEEPEST = 100
_PART = r"""(?:[\w-]{1,200}|"[^"\n]{0,200}"|'[^'\n]{0,200}')"""
_DEEP = re.compile(rf"(?:\.[ \t]{{0,20}}{_PART}[ \t]{{0,20}}){{{_DEEPEST}}}")
_NEWEST = 16
SEVERITIES = ("high", "medium", "low")
WAYS = ("native", "offload", "colour")
_OFFLOAD = ("auto", "run_in_executor", "to_thread")
_TASK_STYLES = ("gather", "taskgroup")
_WORDS = ("severity", "min-severity", "offload", "task-style")


class Configuration(NamedTuple):
    """What the configuration file says; None and empty where it is silent."""

    paths: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    unsafe: bool = False
    safe_only: bool = False
    include_generated: bool = False
    target: tuple[int, int] | None = None
    line_length: int = 88
    """Of [tool.black], else of [tool.ruff], else black's own."""
    catalog: Mapping[str, object] = {}
    """The person's own facts about libraries, as they stand; checked by `Catalog`."""
    severity: str = "medium"
    """The least severity that is reported."""
    min_severity: str = ""
    """The least severity that is rewritten; empty where nothing is said of it."""
    offload: str = "auto"
    executor: str = ""
    process_executor: str = ""
    offload_drivers: bool = False
    prefer: tuple[str, ...] = WAYS
    max_file_size: int = 32
    """In MB."""
    max_file_time: int = 60
    """In seconds."""
    concurrency_limit: int = 0
    task_style: str = "gather"


def load(root: Path) -> Configuration:
    """Read the project's configuration; empty where there is no file.

    Raises AsyncfixError with file, line or key where it is wrong.
    """
    file = root / "pyproject.toml"
    if not file.is_file():
        return Configuration()
    try:
        document = tomllib.loads(_text(file, root))
    except (ValueError, RecursionError) as error:  # what TOML and UTF-8 raise, too
        line = re.search(r"at line (\d+)", str(error))
        where = f"{file}:{line[1]}" if line else str(file)
        raise AsyncfixError(f"{where}: is no valid TOML: {error}") from error
    except OSError as error:
        raise AsyncfixError(f"{file}: cannot be read: {error.strerror}") from error
    tool = document.get("tool", {})
    table = tool.get("asyncfix", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise AsyncfixError(f"{file}: [tool.asyncfix] is not a table")
    known = (
        *_STRINGS, *_FLAGS, *_WORDS, *_NUMBERS,
        "target-version", "catalog", "executor", "process-executor", "prefer",
        "concurrency-limit",
    )  # fmt: skip
    for key in table:
        if key not in known:
            raise AsyncfixError(
                f"{file}: [tool.asyncfix] has no key {key!r} "
                f"(there is: {', '.join(sorted(known))})"
            )
    strings = {key: _strings(file, table, key) for key in _STRINGS}
    flags = {key: _flag(file, table, key) for key in _FLAGS}
    if flags["unsafe"] and flags["safe-only"]:
        raise AsyncfixError(f"{file}: unsafe and safe-only exclude each other")
    return Configuration(
        **strings,
        unsafe=flags["unsafe"],
        safe_only=flags["safe-only"],
        include_generated=flags["include-generated"],
        target=_target(file, table, document),
        line_length=_line_length(tool if isinstance(tool, dict) else {}),
        catalog=_catalog(file, table),
        severity=_word(file, table, "severity", "medium", SEVERITIES),
        min_severity=_word(file, table, "min-severity", "", SEVERITIES),
        offload=_word(file, table, "offload", "auto", _OFFLOAD),
        executor=_executor(file, table, "executor"),
        process_executor=_executor(file, table, "process-executor"),
        offload_drivers=flags["offload-drivers"],
        prefer=_prefer(file, table),
        max_file_size=_number(file, table, "max-file-size", 32),
        max_file_time=_number(file, table, "max-file-time", 60),
        concurrency_limit=_limit(file, table),
        task_style=_word(file, table, "task-style", "gather", _TASK_STYLES),
    )


def _text(file: Path, root: Path) -> str:
    """Read the file, which may be a hostile repository's. Raises as reading does."""
    above = os.path.realpath(root)
    if not os.path.realpath(file).startswith(above.rstrip(os.sep) + os.sep):
        raise AsyncfixError(f"{file}: is a link out of the project")
    with file.open("rb") as opened:
        data = opened.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise AsyncfixError(f"{file}: is larger than {_LARGEST // 1000} kB")
    text = data.decode("utf-8").replace("\r\n", "\n")
    if _DEEP.search(text):
        raise AsyncfixError(f"{file}: a key has more than {_DEEPEST} parts")
    return text


def _line_length(tool: Mapping[str, Any]) -> int:
    """Give the project's line length; other tools' mistakes are not ours to tell."""
    for name in ("black", "ruff"):
        table = tool.get(name)
        length = table.get("line-length") if isinstance(table, dict) else None
        if isinstance(length, int) and 20 <= length <= 1000:
            return length
    return 88


def _strings(file: Path, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise AsyncfixError(f"{file}: {key} must be a list of strings")
    return tuple(value)


def _flag(file: Path, table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise AsyncfixError(f"{file}: {key} must be true or false")
    return value


def _number(file: Path, table: Mapping[str, Any], key: str, default: int) -> int:
    value = table.get(key, default)
    if type(value) is not int or not 1 <= value <= _LARGEST_NUMBER:
        raise AsyncfixError(f"{file}: {key} must be a number, 1 to {_LARGEST_NUMBER}")
    return value


def _catalog(file: Path, table: Mapping[str, Any]) -> Mapping[str, object]:
    value = table.get("catalog", {})
    if not isinstance(value, dict):
        raise AsyncfixError(f"{file}: catalog must be a table")
    return value


def _word(
    file: Path, table: Mapping[str, Any], key: str, default: str, words: Sequence[str]
) -> str:
    """Give a key's value, which is one of a few words."""
    value = table.get(key, default)
    if value != default and value not in words:
        said = ", ".join(f'"{word}"' for word in words[:-1])
        raise AsyncfixError(f'{file}: {key} must be {said} or "{words[-1]}"')
    return str(value)


def _executor(file: Path, table: Mapping[str, Any], key: str) -> str:
    """Give the executor's place, `package.module:name`."""
    value = table.get(key, "")
    if not isinstance(value, str) or (
        value and not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", value)
    ):
        raise AsyncfixError(f'{file}: {key} must be a place like "app.pools:io_pool"')
    return value


def _prefer(file: Path, table: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the ways in their order; those that are not named follow."""
    value = table.get("prefer", [])
    return preferred([value] if isinstance(value, str) else value, f"{file}: prefer")


def preferred(named: object, where: str) -> tuple[str, ...]:
    """Give all ways to mend a call, the named ones first.

    Raises AsyncfixError, which names `where`, for what is no way.
    """
    if not isinstance(named, (list, tuple)) or any(each not in WAYS for each in named):
        raise AsyncfixError(f"{where}: the ways are {', '.join(WAYS)}")
    return tuple(dict.fromkeys((*named, *WAYS)))


def _limit(file: Path, table: Mapping[str, Any]) -> int:
    value = table.get("concurrency-limit", 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise AsyncfixError(f"{file}: concurrency-limit must be a number, 0 for none")
    return value


def _target(
    file: Path, table: Mapping[str, Any], document: Mapping[str, Any]
) -> tuple[int, int] | None:
    """Give the oldest Python: `target-version`, else `requires-python`."""
    if "target-version" in table:
        value = table["target-version"]
        if not isinstance(value, str):
            raise AsyncfixError(f'{file}: target-version must be a string like "3.11"')
        return version(value, f"{file}: target-version")
    project = document.get("project", {})
    requires = project.get("requires-python", "") if isinstance(project, dict) else ""
    lowest = re.findall(r"(?:>=|==|~=)\s*3\.(\d+)", str(requires))
    return (3, max(map(int, lowest))) if lowest else None


def version(text: str, where: str) -> tuple[int, int]:
    """Turn "3.11" or "py311" into (3, 11); raises AsyncfixError naming `where`."""
    match = re.fullmatch(r"(?:py)?3\.?(\d{1,2})", text)
    if match is None or not 4 <= int(match[1]) <= _NEWEST:
        raise AsyncfixError(f'{where}: {text!r} is no Python version like "3.11"')
    return 3, int(match[1])
