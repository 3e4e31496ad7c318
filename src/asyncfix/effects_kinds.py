"""Who changes what a class or module keeps, and what it is by its literals.

Read from the file that defines it, whole; other files are asked by their facts
whether they set such an attribute.
"""

from __future__ import annotations

import ast
import re

from asyncfix.changes import MUTATORS, Change, Changes, as_text, changes_in
from asyncfix.link import Project
from asyncfix.origins import is_text, plainness
from asyncfix.pieces import changes_name
from asyncfix.reader import Reader
from asyncfix.touches import CONTAINER, PLAIN, UNKNOWN, Field
from asyncfix.tree import dotted
from asyncfix.value import CLASS, Value
from asyncfix.values import Values

# What follows a name in code that may change what it stands for.
_CHANGING = re.compile(
    rb"\b(?:\s*[-+*/%%&|^@<>]{0,2}=(?!=)|\s*:\s|\[[^\]\n]*\n|\s*,[^()\n]*=(?!=)"
    rb"|\[[^\n]*\]\s*[-+*/%%&|^@]{0,2}=(?!=)|\s*\.\s*(?:%s)\s*\()"
    % "|".join(sorted(MUTATORS)).encode()
)
# What stands before it on its line, and the end of a word.
_AHEAD = re.compile(rb"(?:\.|(?:^|;)[ \t]*)\Z")
_DELETED = re.compile(rb"\bdel\b.*\W\Z", re.DOTALL)
_END = re.compile(rb"\b")
_MAKING = frozenset(
    ("__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__")
)
_DISPLAYS = (ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)
# What gives one element after the other, and each of them once.
_STEPS = frozenset(
    ("DictReader", "chain", "count", "cycle", "enumerate", "filter", "finditer", "iglob",
     "iter", "map", "reader", "reversed", "scandir", "zip")
)  # fmt: skip
_MAKERS = frozenset(
    ("dict", "list", "set", "tuple", "frozenset", "defaultdict", "deque", "OrderedDict")
)


class Kinds:
    """The changes of attributes and module names, file by file."""

    def __init__(self, project: Project, values: Values, reader: Reader) -> None:
        self.project = project
        self.values = values
        self.reader = reader
        self._changed: dict[str, list[Change]] = {}
        self._changes: dict[str, Changes] = {}
        self._said: dict[tuple[str, str], bytes] = {}

    def owner(self, value: Value, name: str) -> Field:
        """Give the class of the line of an object that has an attribute, as a field."""
        for each in self.values.classes.line(value.path, value.scope):
            if each is None or each.kind != CLASS:
                continue
            if self.values.classes.sets(each, name):
                return each.path, each.scope, name
        return value.path, value.scope, name

    def plain_field(self, field: Field) -> int:
        """Tell by all that an attribute is given whether it is a container or text."""
        attributes, _ = self._of(field[0], field[2])
        scopes = self.project.files[field[0]].scopes
        first, last = scopes[field[1]].line, scopes[field[1]].end_line
        return _plain([each for each in attributes if first <= each.line <= last])

    def plain_global(self, full: str) -> int:
        """Tell the same of a module's name, given as `path:NAME`."""
        path, _, name = full.rpartition(":")
        if path not in self.project.files:
            return UNKNOWN
        return _plain(self._of(path, name)[1])

    def is_stepped(self, field: Field) -> bool:
        """Tell whether an attribute holds what can be gone through once, for all."""
        names = self.project.names(field[0], 0)
        scopes = self.project.files[field[0]].scopes
        for each in self._of(field[0], field[2])[0]:
            if isinstance(each.value, ast.GeneratorExp):
                return True
            if isinstance(each.value, ast.Call):
                name = dotted(each.value.func) or ""
                if name.rpartition(".")[2] in _STEPS or any(
                    scopes[number].name == name and scopes[number].yields
                    for number in range(1, len(scopes))
                    if scopes[number].parent == 0 and name in names
                ):
                    return True
        return False

    def changed(self, field: Field) -> list[Change]:
        """Give where an attribute is changed after its object was made."""
        path, _, name = field
        key = f"{path}.{name}"
        if key not in self._changed:
            self._changed[key] = [
                each
                for other in (path, *self._others(path, name))
                for each in self._of(other, name)[0]
                if each.function.rpartition(".")[2] not in _MAKING and each.function
            ]
        return self._changed[key]

    def _others(self, path: str, name: str) -> list[str]:
        """Give the files that import a file and seem to change something of a name."""
        word = name.encode()
        return [
            other
            for other in sorted(self.project.importers(path))
            if self.project.files[other].holds(name)
            and _seems_changed(self.reader.lines(other).text, word)
        ]

    def changed_global(self, full: str) -> list[Change]:
        """Give where a module's name is changed after its module was imported."""
        path, _, name = full.rpartition(":")
        if path not in self.project.files:
            return []
        if full not in self._changed:
            found = [each for each in self._of(path, name)[1] if each.function]
            for other in self._others(path, name):
                attributes, names = self._of(other, name)
                found += [each for each in names if each.inside and each.function]
                found += [each for each in attributes if each.function]
            self._changed[full] = found
        return self._changed[full]

    def _of(self, path: str, name: str) -> tuple[list[Change], list[Change]]:
        """Give the changes in a file of attributes of a name, and of a global of it."""
        known = self._changes.get(path)
        if known is None:
            tree = self.reader.parsed(path)
            known = changes_in(path, tree.module, tree.lines.text)
            self._changes[path] = known
        facts = self.project.files[path]
        said = self._said.get((path, name))
        if said is None:
            said = self._said[path, name] = as_text(known, name, facts.scopes)
        facts.trace.saw_piece(path, changes_name(name), said)
        return known[0].get(name, []), known[1].get(name, [])


def _seems_changed(text: bytes, word: bytes) -> bool:
    """Tell whether a text may set a name, or something of what it stands for.

    Asked at each place of the word: one pattern for it all takes far longer.
    """
    at = text.find(word)
    while at >= 0:
        before = text[text.rfind(b"\n", 0, at) + 1 : at]
        at += len(word)
        if _AHEAD.search(before) and _CHANGING.match(text, at):
            return True
        if b"del" in before and _DELETED.search(before) and _END.match(text, at):
            return True
        at = text.find(word, at)
    return False


def _plain(changes: list[Change]) -> int:
    """Tell what a name is by the values that it is given; unknown if one is."""
    given = [each for each in changes if not each.inside]
    annotated = [plainness(each.annotation) for each in given if each.annotation]
    most = max(annotated, default=0)
    if most:
        return most
    kinds = [_of(each) for each in given]
    known = [each for each in kinds if each is not None]
    return min(known) if known and len(known) == len(kinds) else UNKNOWN


def _of(change: Change) -> int | None:
    value = change.value
    if change.annotation is not None:
        return PLAIN if is_text(change.annotation) else plainness(change.annotation)
    if isinstance(value, (ast.Constant, ast.JoinedStr, ast.Compare)):
        return PLAIN
    if isinstance(value, _DISPLAYS):
        return CONTAINER
    if isinstance(value, ast.Call):
        name = (dotted(value.func) or "").rpartition(".")[2]
        if name in _MAKERS:
            return CONTAINER
        if name in ("str", "int", "float", "bool", "len", "getenv"):
            return PLAIN
    if isinstance(value, ast.BoolOp):
        return min(_of(change._replace(value=each)) or UNKNOWN for each in value.values)
    return UNKNOWN
