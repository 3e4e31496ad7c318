"""What calls do to files, by how they are written: they look, read, write, remove.

Nothing is asked of the project here: a path is the text that stands for it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from asyncfix_codemods._rounds import own

# Calls about a file by their last name: what looks at its content, what changes it.
_READS = re.compile(r"^_*(?:read|load)(?:_\w+)?$|^ParquetFile$")
_WRITES = re.compile(
    r"^_*(?:atomic_)?(?:write|save|store|dump|delete)(?:_\w+)?$"
    r"|^to_(?:csv|excel|feather|hdf|json|parquet|pickle)$"
)
# `load_settings()` and `save_settings(...)` mean one file, which neither names.
_OF_ONE = re.compile(r"^_*(?:load|read|save|write|store|dump)_(\w+)$")
# What is called so of an object means one file, which nobody names.
_LOADED, _READ = "the file of {}", "{}'s file"
_LOADS_OR_SAVES = re.compile(r"^_*(?:load|save|store)$")
_READS_OR_WRITES = re.compile(r"^_*(?:read|write)$")
_ANY = frozenset(
    ("bytes", "csv", "data", "file", "files", "from", "json", "lines", "text", "to",
     "to_file", "toml", "yaml")
)  # fmt: skip
_OF_OS = re.compile(
    r"^(?:remove|unlink|rmdir|mkdir|makedirs|rename|replace|truncate|rmtree|move)$"
)
_FRESH = frozenset(
    ("BytesIO", "StringIO", "NamedTemporaryFile", "SpooledTemporaryFile",
     "TemporaryDirectory", "TemporaryFile", "mkdtemp", "mkstemp", "mktemp", "token_hex",
     "token_urlsafe", "uuid1", "uuid4")
)  # fmt: skip
_MODE = re.compile(r"[abrtwx+]+$")
_PATH_LIKE = re.compile("path|file", re.IGNORECASE)
_COPIES = re.compile(r"^copy(?:2|file|tree|mode|stat)?$")
_REMOVING = frozenset(
    ("unlink", "rmdir", "rmtree", "removedirs", "os.remove", "os.rename", "os.replace",
     "shutil.move")
)  # fmt: skip
_MOVING = frozenset(("os.rename", "os.replace", "shutil.move"))
_DROPS = frozenset(("remove", "removedirs", "rmdir", "unlink"))
_CHANGING_PATHS = frozenset(("mkdir", "rmdir", "touch", "unlink"))
_OF_PATHS = frozenset(
    ("open", "read_text", "read_bytes", "write_text", "write_bytes")
) | _CHANGING_PATHS  # fmt: skip
_CHECKS = frozenset(
    ("exists", "glob", "is_dir", "is_file", "is_symlink", "iterdir", "rglob")
)
_LISTS = frozenset(("listdir", "scandir"))
_CHECKS_OF_OS = frozenset(("exists", "isdir", "isfile", "islink", "lexists"))
_STARTS = frozenset(
    ("subprocess.run", "subprocess.call", "subprocess.check_call",
     "subprocess.check_output", "subprocess.Popen", "os.system")
)  # fmt: skip
# Nothing happens where it is so already: nobody is in the way of nobody.
_EITHER_WAY = frozenset(("exist_ok", "ignore_errors", "missing_ok"))
_WRAPPED = frozenset(("str", "Path", "fspath", "os.fspath", "pathlib.Path"))
# Of `os.open`: what is not known may be any of them.
_FLAGS = re.compile(r"O_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)|^(?!.*O_)")
_PATHS = (
    ast.Attribute, ast.BinOp, ast.Call, ast.JoinedStr, ast.Name, ast.Subscript
)  # fmt: skip


class Step(NamedTuple):
    """A call, the texts of the paths that it is about, and what it does to them."""

    line: int
    node: ast.Call
    paths: frozenset[str]
    reads: bool = False
    writes: bool = False
    checks: bool = False
    removes: bool = False
    starts: bool = False
    """It starts a process, which may make or change any file."""
    empties: bool = False
    """It removes a folder with all that is in it."""
    drops: bool = False
    """It removes something, and puts nothing in its place."""
    moves: str = ""
    """The path of what it moves away."""
    updates: bool = False
    """It opens a file to read it and to write it."""


def steps(nodes: Iterable[ast.AST]) -> Iterator[Step]:
    """Give what the calls among some nodes do to files."""
    nodes = list(nodes)
    # One name for two open files says nothing of the files.
    opened = {
        form.format(ast.unparse(node.optional_vars))
        for node in nodes
        if isinstance(node, ast.withitem) and node.optional_vars is not None
        for form in ("{}", _LOADED, _READ)
    }
    for node in nodes:
        if isinstance(node, ast.Call):
            for step in _of_call(node):
                yield step._replace(paths=step.paths - opened)


def may_be_a_step(last: str) -> bool:
    """Tell by the last name of a call whether it may read or write a file."""
    return last in _OF_PATHS or any(
        each.match(last) for each in (_READS, _WRITES, _OF_OS, _COPIES)
    )


def _of_call(call: ast.Call) -> Iterator[Step]:
    function = call.func
    last = getattr(function, "attr", "") or getattr(function, "id", "")
    given = [*call.args, *(word.value for word in call.keywords)]
    paths = {
        _said(each) for each in given if isinstance(each, _PATHS) and not is_fresh(each)
    }
    owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
    full = f"{owner}.{last}"
    if owner == "shutil" and _COPIES.match(last):
        said = [_said(each) for each in given[:2]]
        yield Step(call.lineno, call, frozenset(said[:1]), reads=True)
        yield Step(call.lineno, call, frozenset(said[1:]), writes=True)
        return
    if last in ("replace", "rename") and owner != "os" and len(given) == 1:
        # Of a path: that of a text is given two.
        target = frozenset((_said(given[0]),))
        yield Step(call.lineno, call, target, writes=True, removes=True, moves=owner)
        return
    by_name = last == "open" and _is_of_a_module(owner, call)
    if isinstance(function, ast.Attribute) and last in _OF_PATHS | _CHECKS:
        if not by_name:
            paths.add(_said(function.value))
    if owner and _LOADS_OR_SAVES.match(last):
        # `self.load()` and `self.save()` mean one file, which neither names.
        paths.add(_LOADED.format(owner))
    elif owner and _READS_OR_WRITES.match(last):
        paths.add(_READ.format(owner))
    if named := _OF_ONE.match(last):
        paths.add(f"{owner}.{named[1]}" if owner else named[1])
    if last == "open":
        if by_name and call.args and isinstance(call.args[0], ast.Constant):
            paths.add(ast.unparse(call.args[0]))
        if owner == "os":
            flags = " ".join(ast.unparse(each) for each in given[1:])
            reads, writes = "O_WRONLY" not in flags, bool(_FLAGS.search(flags))
            yield Step(call.lineno, call, frozenset(paths), reads, writes)
            return
        words = call.args[1 if by_name else 0 :][:1]
        words += [word.value for word in call.keywords if word.arg == "mode"]
        mode = str(getattr(words[0], "value", "+") if words else "r")
        reads, writes = bool(set("r+") & set(mode)), mode.strip("bt") != "r"
        step = Step(call.lineno, call, frozenset(paths), reads, writes)
        yield step._replace(updates=bool(words) and set("r+") <= set(mode))
        return
    writes = bool(_WRITES.match(last)) or last in _CHANGING_PATHS
    checks = last in _CHECKS and bool(owner)
    if owner in ("os", "shutil"):
        writes, checks = bool(_OF_OS.match(last)), last in _LISTS
    elif owner in ("os.path", "path"):
        checks = last in _CHECKS_OF_OS
    removes = last in _REMOVING or full in _REMOVING
    if any(
        word.arg in _EITHER_WAY and getattr(word.value, "value", False)
        for word in call.keywords
    ):
        writes = False
    reads, starts = bool(_READS.match(last)), full in _STARTS
    if starts:
        paths |= set(_mentioned(call))
    kinds = (reads, writes, checks, removes, starts, last == "rmtree")
    if any(kinds):
        moves = _said(call.args[0]) if full in _MOVING and call.args else ""
        yield Step(call.lineno, call, frozenset(paths), *kinds, last in _DROPS, moves)


def _mentioned(call: ast.Call) -> Iterator[str]:
    """Give the files that a command names, by its words."""
    for given in call.args[:1]:
        for each in ast.walk(given):
            if isinstance(each, (ast.List, ast.Tuple)):
                yield from map(_said, each.elts)
            elif isinstance(each, ast.FormattedValue):
                yield _said(each.value)


def in_order(nodes: Sequence[ast.AST]) -> list[Step]:
    """Give the steps of a function in their order, their paths by name and in full.

    What has a name that was made for this call is not told: nobody else knows it.
    """
    made: dict[str, list[ast.expr]] = {}
    fresh: set[str] = set()
    for value, target in sorted(_given(nodes), key=lambda pair: pair[0].lineno):
        if is_fresh(value) or _names(value) & fresh:
            fresh |= _names(target)
        elif isinstance(target, ast.Name):
            made.setdefault(target.id, []).append(value)
    full = {
        name: ast.unparse(values[0])
        for name, values in made.items()
        if len(values) == 1 and isinstance(values[0], (ast.BinOp, ast.Call))
    }
    every = []
    for step in steps(nodes):
        known = {path for path in step.paths if not _words(path) & fresh}
        known |= {full[path] for path in known if path in full}
        moves = "" if _words(step.moves) & fresh else step.moves
        every.append(step._replace(paths=frozenset(known), moves=moves))
    return sorted(every, key=lambda each: each.line)


def _given(nodes: Iterable[ast.AST]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Give what is assigned, and what is entered, with what it is called then."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield node.value, target
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            yield node.context_expr, node.optional_vars


def _names(value: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(value) if isinstance(each, ast.Name)}


def _words(path: str) -> set[str]:
    return set(re.findall(r"\w+", path))


def is_fresh(value: ast.expr) -> bool:
    """Tell whether each call makes another file of its own: in memory, or for now."""
    return any(
        getattr(each, "attr", getattr(each, "id", "")) in _FRESH
        for each in ast.walk(value)
    )


def _is_of_a_module(owner: str, call: ast.Call) -> bool:
    """Tell whether a call of `open` gets a path first, and not a mode.

    `wave.open(path, "rb")` and `Image.open(path)`, but `path.open("rb")`.
    """
    if owner in ("", "io", "os"):
        return True
    if not call.args:
        return any(each.arg in ("fileobj", "name") for each in call.keywords)
    first = call.args[0]
    said = getattr(first, "id", "") or str(getattr(first, "value", ""))
    return said != "mode" and not _MODE.match(said)


def _said(path: ast.expr) -> str:
    """Give the text of a path, without what only makes a path or a text of it."""
    if isinstance(path, ast.Call) and len(path.args) == 1 and not path.keywords:
        inner = path.args[0]
        if isinstance(inner, _PATHS) and ast.unparse(path.func) in _WRAPPED:
            return _said(inner)
    return ast.unparse(path)


Function = ast.FunctionDef | ast.AsyncFunctionDef


def shared_by(function: Function) -> dict[str, str]:
    """Give what a function's own names for paths stand for, where others know it, too.

    `path = _home() / "config.json"` is the same file for whoever says so.
    """
    inner = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
    inner -= {"self", "cls"}
    made: dict[str, list[ast.expr]] = {}
    for node in own(function.body):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            made.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            inner.add(node.id)
    inner -= {name for name, values in made.items() if len(values) == 1}
    found: dict[str, str] = {}
    for name, values in made.items():
        value = values[0]
        if len(values) > 1 or is_fresh(value):
            continue
        if isinstance(value, (*_PATHS, ast.Constant)):
            said = {each.id for each in ast.walk(value) if isinstance(each, ast.Name)}
            if not said & (inner | made.keys()):
                found[name] = ast.unparse(value)
    for name in inner | made.keys():
        found.setdefault(name, "")
    return found


def known_outside(paths: Iterable[str], names: dict[str, str]) -> list[str]:
    """Give the paths that mean the same in other functions, in their words.

    What is called a path or a file comes first, then the shortest, so that a message
    names the same in each run.
    """
    found = set()
    for path in paths:
        if path.rpartition(".")[2] in _ANY:
            continue  # `read_file(one)` and `write_file(another)`
        if path in names:
            if names[path]:
                found.add(names[path])
            continue
        said = _names_in(path)
        if said is not None and not said & names.keys():
            found.add(path)
    return sorted(
        found, key=lambda path: (not _PATH_LIKE.search(path), len(path), path)
    )


@lru_cache(maxsize=1024)
def _names_in(path: str) -> frozenset[str] | None:
    """Give the names that a path is made of; None where it is no expression."""
    try:
        tree = ast.parse(path, mode="eval")
    except SyntaxError:
        return None
    return frozenset(each.id for each in ast.walk(tree) if isinstance(each, ast.Name))
