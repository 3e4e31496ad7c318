"""Calls of libraries: what they touch, by the catalog and by Python's own types."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.changes import MUTATORS
from asyncfix.touches import (
    CONTAINER,
    EMPTY,
    GLOBAL,
    ITERATED,
    LIBRARY,
    OWN,
    RESULT,
    SOMETHING,
    TEXT,
    UNKNOWN,
    WRITTEN,
    Gathered,
    Item,
    Origin,
    Place,
    Summary,
    Touch,
    either,
    holding,
    in_order,
)
from asyncfix.value import (
    CLASS,
    FUNCTION,
    MODULE,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
)

if TYPE_CHECKING:
    from asyncfix.effects import Effects
    from asyncfix.effects_body import Body

_GO_THROUGH = frozenset(
    f"builtins.{name}"
    for name in ("list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "min",
                 "max", "any", "all", "enumerate", "zip", "map", "filter")
)  # fmt: skip
_CONTAINERS = frozenset(
    f"builtins.{name}" for name in ("bytearray", "dict", "list", "set")
)
_EXCEPTIONS = ("Error", "Exception", "Warning", "Exit", "Interrupt")
# What catalog entries of these kinds are called on has a state of its own.
_DRIVERS = frozenset(("cache", "db", "mq"))
_STATEFUL = frozenset(
    ("archive", "browser", "device", "file", "mail", "net-proto", "socket", "ssh",
     "subprocess", "tls", "vcs")
)  # fmt: skip


# Calls that set, or delete, an attribute of their first argument.
_SETTERS = frozenset(
    ("builtins.setattr", "builtins.delattr", "builtins.object.__setattr__",
     "builtins.object.__delattr__", "builtins.type.__setattr__")
)  # fmt: skip
# Functions that read or write what is open: where the file stands, and its keyword.
_ON_FILES: dict[str, tuple[tuple[int, str], ...]] = {
    "json.dump": ((1, "fp"),),
    "json.load": ((0, "fp"),),
    "marshal.dump": ((1, "file"),),
    "marshal.load": ((0, "file"),),
    "pickle.dump": ((1, "file"),),
    "pickle.load": ((0, "file"),),
    "plistlib.dump": ((1, "fp"),),
    "plistlib.load": ((0, "fp"),),
    "shutil.copyfileobj": ((0, "fsrc"), (1, "fdst")),
    "tomllib.load": ((0, "fp"),),
}


class LibraryCalls(ABC):
    """What calls of libraries touch, by what the catalog says of them."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects

    @abstractmethod
    def _call_back(
        self, gathered: Gathered, body: Body, node: ast.Call, word: str
    ) -> None:
        """Follow a function that is handed to a library which calls it at once."""

    def _is_harmless(self, name: str) -> bool:
        word = self.effects.word(name)
        return word in ("none", "plain", "passes", "changes") or name.endswith(
            _EXCEPTIONS
        )

    def _entered(self, body: Body, node: ast.expr, name: str) -> Summary:
        word = self.effects.word(name)
        if word in ("thread", "changes"):
            gathered = Gathered()
            origin = body.origins.of(node)
            self._use_receiver(gathered, body, node, origin, word, f"with {name}")
            return gathered.summary(False, OWN)
        return EMPTY

    def _library(
        self, body: Body, node: ast.Call, name: str, use: f.Use
    ) -> tuple[Summary, Origin]:
        name = self.effects.catalog.canonical(name)
        gathered = Gathered()
        word = self.effects.word(name) or self._by_entry(name)
        every = [*node.args, *(each.value for each in node.keywords)]
        origins = [body.passed(each) for each in every]
        receiver = self._receiver(body, node)
        line = node.lineno

        def note(kind: str, up: int = 0) -> None:
            item = Item(name, body.path, line, (), up)
            for each in self._done_with(item, receiver if kind == "loop" else None):
                gathered.add(kind, each)

        if name == "builtins.next":
            if len(node.args) < 2:
                gathered.add(
                    "stops",
                    Item(
                        f"next({body.text(node.args[0])})" if node.args else "next",
                        body.path,
                        line,
                    ),
                )
            if origins and origins[0].places:
                self._mark(gathered, body, origins[0], WRITTEN, line)
            return gathered.summary(False, OWN), (
                origins[0].then("[*]") if origins else OWN
            )
        if name in _SETTERS and node.args:
            self._set(gathered, body, node.args, origins[0])
            return gathered.summary(False, OWN), OWN
        if name == "builtins.getattr" and len(node.args) > 1:
            attribute = node.args[1]
            if text := _text(attribute):
                return EMPTY, either([origins[0].then(f".{text}"), *origins[2:]])
        if name == "builtins.vars" and node.args:
            places = self._places(body, node.args[0], origins[0])
            return gathered.summary(False, OWN), Origin(frozenset(places))
        if name == "builtins.globals":
            kept = Place(GLOBAL, f"{body.path}:globals()")
            return EMPTY, Origin(frozenset((kept,)))
        if word != "frames" and (up := _levels_up(node)) > 0:
            note("frames", up)
        if word == "loop":
            note("loop")
        elif word == "context":
            note("contexts")
        elif word == "context-read":
            note("context_reads")
        elif word == "exception":
            note("exceptions")
        elif word == "frames":
            up = self._frames_up(name, node)
            if up > 0:
                note("frames", up)
        elif word == "stop":
            note("stops")
        elif word == "process":
            note("threads")
        elif word in ("thread", "changes", "driver"):
            if receiver is None and not self._is_class(name):
                receiver, origins = (origins[0], origins[1:]) if origins else (OWN, [])
            if receiver is not None:
                self._use_receiver(gathered, body, node, receiver, word, name)
        elif word in ("calls", "calls-key"):
            self._call_back(gathered, body, node, word)
        elif word not in ("none", "plain", "passes", "copies"):
            if not (name.rpartition(".")[2].endswith(_EXCEPTIONS) and name[:1] != "?"):
                gathered.add(
                    "unknown", Item(name.removeprefix("builtins."), body.path, line)
                )
        owner = getattr(node.func, "value", None)
        if receiver is None and name.rpartition(".")[2] in MUTATORS:
            of_python = name.startswith("sys.") or self.effects.awaits
            if of_python and isinstance(owner, ast.Attribute):
                # `sys.path.append(x)`: something that a library keeps for all.
                kept = Place(GLOBAL, f":{name.rpartition('.')[0]}", ("[*]",))
                gathered.touch(Touch(kept, WRITTEN, body.path, line))
        if self.effects.awaits:
            self._rounds_share(gathered, body, node, name, receiver)
        rest = every[len(every) - len(origins) :]
        for given, origin in zip(rest, origins, strict=True):
            self._mark(gathered, body, origin, ITERATED, line)
            if self._is_changed(body, node, name, given):
                # What gave it, if that is not known, is told of itself.
                known = frozenset(p for p in origin.places if p.root != RESULT)
                self._mark(gathered, body, Origin(known), WRITTEN, line)
        if receiver is not None and word == "passes":
            self._mark(gathered, body, receiver, ITERATED, line)
        return gathered.summary(False, OWN), self._gives(word, name, origins, receiver)

    def _set(
        self, gathered: Gathered, body: Body, args: list[ast.expr], origin: Origin
    ) -> None:
        """Note that an attribute is set by its name: `setattr(args[0], args[1], ...)`."""
        step = f".{_text(args[1] if len(args) > 1 else None) or '*'}"
        for place in self._places(body, args[0], origin):
            touch = Touch(place.then((step,)), WRITTEN, body.path, args[0].lineno)
            gathered.touch(touch)

    def _places(self, body: Body, node: ast.expr, origin: Origin) -> tuple[Place, ...]:
        """Give where an object may be from: a module or a class is the project's."""
        owner = body.value(node)
        if owner is not None and owner.kind in (MODULE, CLASS, FUNCTION, OUTSIDE):
            name = owner.name or body.scopes_of(owner.path)[owner.scope].name
            return (Place(GLOBAL, f"{owner.path}:{name}"),)
        return tuple(in_order(origin.places))

    def _is_changed(
        self, body: Body, node: ast.Call, name: str, given: ast.expr
    ) -> bool:
        """Tell whether a function changes an argument, whatever it does besides.

        A file, whose position moves; `out=` of numpy; the buffer of `readinto`,
        `recv_into` and `pack_into`; the list of `list.append(a, b)`.
        """
        owner, _, last = name.rpartition(".")
        for number, keyword in _ON_FILES.get(name, ()):
            named = [each.value for each in node.keywords if each.arg == keyword]
            if given in (*node.args[number : number + 1], *named):
                return not _is_upload(body, given)
        if last.endswith("into") or (
            owner in _CONTAINERS and last in MUTATORS and given in node.args[:1]
        ):
            return True
        if any(each.arg == "out" and each.value is given for each in node.keywords):
            return True
        value = body.value(given)
        return value is not None and (
            value.kind == OUTSIDE_OBJECT and value.name.startswith("io.")
        )

    def _rounds_share(
        self,
        gathered: Gathered,
        body: Body,
        node: ast.Call,
        name: str,
        receiver: Origin | None,
    ) -> None:
        """Note what matters where several calls of a coroutine run at once."""
        last = name.rpartition(".")[2]
        if receiver is not None and last in MUTATORS:
            self._mark(gathered, body, receiver, WRITTEN, node.lineno)
        if name.startswith("itertools.") or name in _GO_THROUGH:
            for each in node.args:
                body.consumed(gathered, each)
        if last in ("to_thread", "run_in_executor"):
            self._in_thread(gathered, body, node, last)

    def _in_thread(
        self, gathered: Gathered, body: Body, node: ast.Call, last: str
    ) -> None:
        """Follow what is handed to a thread: the coroutine waits until it is done."""
        handed = node.args[0 if last == "to_thread" else 1 :]
        if not handed:
            return
        summary = self.handed_on(body, node, handed)
        for touch in (*summary.reads, *summary.writes):
            gathered.touch(touch)
        for kind in ("contexts", "threads", "drivers", "unknown"):
            for item in getattr(summary, kind):
                gathered.add(kind, item)

    @abstractmethod
    def handed_on(self, body: Body, node: ast.Call, handed: list[ast.expr]) -> Summary:
        """Give what `handed[0]` touches if it is called with the rest."""

    def _gives(
        self,
        word: str | None,
        name: str,
        origins: list[Origin],
        receiver: Origin | None,
    ) -> Origin:
        if word == "plain":
            return TEXT
        if word in ("passes", "calls", "calls-key"):
            every = [*([receiver] if receiver else []), *origins]
            if self._is_class(name) or name in ("builtins.sorted", "builtins.list"):
                return holding([each.then("[*]") for each in every], CONTAINER)
            passed = either(every)
            return passed._replace(inside=passed.inside | passed.places)
        if self._is_class(name):
            return holding(origins)
        if word is None:
            return SOMETHING
        if word == "copies":
            return Origin(plain=min((each.plain for each in origins), default=UNKNOWN))
        return Origin(plain=LIBRARY) if word == "none" else OWN

    def _is_class(self, name: str) -> bool:
        last = name.rpartition(".")[2]
        return self.effects.catalog.is_class(name) or last[:1].isupper()

    def _by_entry(self, name: str) -> str | None:
        """Give what follows from a catalog entry that says nothing of effects."""
        catalog = self.effects.catalog
        entry = catalog.entry(name)
        owner, _, last = name.rpartition(".")
        of_object = catalog.is_class(owner)
        if entry is None and owner:
            entry = catalog.method(owner, last)
        if entry is None:
            return None
        if entry.kind == "loop":
            return "loop"
        if of_object and entry.kind in _DRIVERS:
            return "driver"
        if of_object and entry.kind in _STATEFUL:
            return "changes"
        return "none"

    def _receiver(self, body: Body, node: ast.Call) -> Origin | None:
        if not isinstance(node.func, ast.Attribute):
            return None
        owner = node.func.value
        while True:
            value = body.value(owner)
            if value is not None and value.kind in (OBJECT, OUTSIDE_OBJECT):
                return body.passed(node.func.value)
            if not isinstance(owner, ast.Attribute):
                return None
            owner = owner.value  # a part of an object: `client.headers.update(...)`

    def _done_with(self, item: Item, receiver: Origin | None) -> list[Item]:
        """Give something that is done, with the places its object may come from.

        Asked for only where coroutines are followed: rounds may share the object.
        """
        if receiver is None or not receiver.places or not self.effects.awaits:
            return [item]
        places = in_order(receiver.places)
        return [item._replace(place=each) for each in places]

    def _use_receiver(
        self,
        gathered: Gathered,
        body: Body,
        node: ast.AST,
        origin: Origin,
        word: str,
        name: str,
    ) -> None:
        line = getattr(node, "lineno", 0)
        if word == "changes":
            self._mark(gathered, body, origin, WRITTEN, line)
            return
        kind = "drivers" if word == "driver" else "threads"
        for place in in_order(origin.places):
            held = place.then(("[*]",), place.field)
            gathered.add(kind, Item(name, body.path, line, (), 0, held))

    def _mark(
        self, gathered: Gathered, body: Body, origin: Origin, how: int, line: int
    ) -> None:
        for place in in_order(origin.places):
            held = place.then(("[*]",), place.field)
            gathered.touch(Touch(held, how, body.path, line))

    def _frames_up(self, name: str, node: ast.Call) -> int:
        """Tell how many callers up a call looks; very many where that is not written."""
        if name == "warnings.warn":
            return 99 if len(node.args) > 2 else _levels_up(node)
        if name == "sys._getframe":
            if not node.args:
                return 0
            value = node.args[0]
            if isinstance(value, ast.Constant) and isinstance(value.value, int):
                return value.value
        return 99


def _levels_up(node: ast.Call) -> int:
    """Tell how many callers up `stacklevel` says that a message is to be told of."""
    for keyword in node.keywords:
        if keyword.arg == "stacklevel":
            level = getattr(keyword.value, "value", None)
            return level - 1 if isinstance(level, int) else 99
    return 0


def _is_upload(body: Body, node: ast.expr) -> bool:
    """Tell the file of an upload, which belongs to one request: `upload.file`."""
    if not isinstance(node, ast.Attribute) or node.attr != "file":
        return False
    upload = body.value(node.value)
    return (
        upload is not None
        and upload.kind == OUTSIDE_OBJECT
        and upload.name.rpartition(".")[2] == "UploadFile"
    )


def _text(node: ast.expr | None) -> str:
    """Give the text that an expression is, empty where it is not written."""
    value = getattr(node, "value", None)
    return value if isinstance(node, ast.Constant) and isinstance(value, str) else ""
