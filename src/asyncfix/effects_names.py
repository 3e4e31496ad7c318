"""What the names and expressions of one function stand for: where they come from."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.conditions import Function
from asyncfix.expressions import describe
from asyncfix.origins import Origins, nodes
from asyncfix.touches import (
    GLOBAL,
    LOCAL,
    OUTER,
    OWN,
    PLAIN,
    SOMETHING,
    UNKNOWN,
    Field,
    Gathered,
    Origin,
    Place,
    Summary,
    either,
)
from asyncfix.tree import dotted
from asyncfix.value import (
    CLASS,
    FUNCTION,
    MODULE,
    NOTHING,
    OBJECT,
    OUTSIDE,
    Value,
)

if TYPE_CHECKING:
    from asyncfix.effects import Effects, Where

_CODE = (CLASS, FUNCTION, MODULE, OUTSIDE)
_STOPPING = frozenset(("StopIteration", "Exception", "BaseException"))
_ALWAYS_TEXT = (ast.Constant, ast.JoinedStr, ast.BinOp)


class Code(ABC):
    """One function of the project, with what its names stand for."""

    def __init__(
        self, effects: Effects, where: Where, function: Function, first: bool = False
    ) -> None:
        """Work out what the names stand for.

        `first` tells that its own calls are asked for: then what they are given
        that was made here counts as a place, too, since others run meanwhile.
        """
        self.first = first
        self.effects = effects
        self.where = where
        self.path, self.scope = where
        self.function = function
        self.values = effects.values
        self.facts = effects.project.files[self.path]
        self.scopes = self.facts.scopes
        self.uses = self._uses()
        self.gathered = Gathered()
        self.made: dict[ast.Call, tuple[Summary, Origin]] = {}
        self.in_turn: dict[tuple[int, int, int, int], Summary] | None = None
        self._busy: set[ast.AST] = set()
        self._called: set[ast.AST] = set()
        self._at: dict[tuple[int, int, int, int], ast.Call] = {}
        self.settled = False
        """What names stand for is known, so that calls may be remembered."""
        self.origins = Origins(
            function, self.outer, self.called, self.property, self.field
        )
        self.origins.settle()
        self.settled = True
        if first:
            self.made.clear()  # from now on what was made here is a place

    def close(self) -> None:
        """Let go of the function; nothing may be asked any more.

        What its names stand for is known through calls back: circles, which a run
        without garbage collection would keep.
        """
        vars(self.origins).clear()
        vars(self).clear()

    def _uses(self) -> dict[tuple[int, int, int, int], f.Use]:
        """Give the calls of the function by their place in the file."""
        inside = {self.scope}
        kinds = (f.LAMBDA, f.COMPREHENSION, f.GENERATOR, f.CLASS)
        for index in range(self.scope + 1, len(self.scopes)):
            scope = self.scopes[index]
            if scope.parent in inside and scope.kind in kinds:
                inside.add(index)
        uses = self.facts.calls_in(sorted(inside))
        return {(use.line, use.col, use.end_line, use.end_col): use for use in uses}

    def use(self, node: ast.Call) -> f.Use | None:
        """Give what the facts say of a call."""
        return self.uses.get(_place(node))

    def find(self, line: int, col: int, end_line: int, end_col: int) -> ast.Call:
        """Give the call at a place; raises LookupError where there is none."""
        if not self._at:
            for node in nodes(self.function):
                if isinstance(node, ast.Call):
                    self._at.setdefault(_place(node), node)
        found = self._at.get((line, col, end_line, end_col))
        if found is None:
            raise LookupError(f"no call at line {line}")
        return found

    def said(self, node: ast.Call) -> str:
        """Give the name of what is called as the code says it."""
        name = dotted(node.func)
        if name is None:
            steps = describe(node.func)
            name = steps.replace("[]", "[...]").replace("()", "(...)")
        return name

    def text(self, node: ast.AST) -> str:
        """Give an expression in short."""
        return dotted(node) or describe(node)

    def me(self) -> Origin:
        """Give the origin of `self`, whatever the function calls it."""
        return self.origins.parameters.get(self.scopes[self.scope].first, SOMETHING)

    # -- names and attributes ------------------------------------------------

    def value(self, node: ast.AST) -> Value | None:
        """Give what an expression of the function is, over the whole project."""
        said = describe(node)
        return None if said[:1] == "?" else self.values.of(self.path, self.scope, said)

    def outer(self, node: ast.Name) -> Origin:
        """Give the origin of a name that is not the function's own."""
        name = node.id
        found = self.effects.project.visible(self.path, self.scope, name)
        if not found:
            return OWN  # Python's own
        value = self.values.of(self.path, self.scope, name)
        if value is not None and (value.kind in _CODE or value.kind == NOTHING):
            return OWN
        owner = found[0].scope
        if owner > 0 and self.scopes[owner].kind != f.MODULE:
            return Origin(frozenset((Place(OUTER, f"{owner}:{name}"),)))
        full = self._global(name, found)
        return Origin(frozenset((Place(GLOBAL, full),)))

    def _global(self, name: str, found: list[f.Binding]) -> str:
        """Give file and name of a module's variable, where it was first made."""
        path = self.path
        for _ in range(8):
            binding = found[0]
            if binding.kind != f.FROM:
                break
            module, _, name = binding.target.partition(":")
            paths = self.effects.project.resolve(path, module)
            if len(paths) != 1:
                return f"{module}:{name}"
            path = paths[0]
            found = list(self.effects.project.names(path, 0).get(name))
            if not found:
                break
        return f"{path}:{name}"

    def property(self, node: ast.Attribute) -> Origin | None:
        """Give what an attribute is that is code, or of a module or a class."""
        owner = self.value(node.value)
        if owner is None:
            return None
        if owner.kind == MODULE:
            value = self.values.attribute(owner, node.attr)
            if value is not None and value.kind in _CODE:
                return OWN
            found = list(self.effects.project.names(owner.path, 0).get(node.attr))
            full = f"{owner.path}:{node.attr}"
            if found and found[0].kind == f.FROM:
                full = f"{owner.path}:{node.attr}"
            return Origin(frozenset((Place(GLOBAL, full),)))
        if owner.kind in (CLASS, FUNCTION):
            name = self.scopes_of(owner.path)[owner.scope].name
            place = Place(
                GLOBAL,
                f"{owner.path}:{name}",
                (f".{node.attr}",),
                (owner.path, owner.scope, node.attr),
            )
            return Origin(frozenset((place,)))
        if owner.kind == OUTSIDE:
            full = f"{owner.name}.{node.attr}"
            if owner.name == "sys" and node.attr in ("path", "modules", "argv"):
                return Origin(frozenset((Place(GLOBAL, f":{full}"),)))
            if self.effects.word(full) in ("none", "plain", "passes"):
                return OWN
            if full.rpartition(".")[2][:1].isupper() or self.effects.word(full):
                return OWN
            return Origin(frozenset((Place(GLOBAL, f":{full}"),)))
        if owner.kind == OBJECT:
            made = self.effects.property(owner, node.attr)
            if made:
                return either(
                    self.returned(self.effects.of(each), each, {}, node.value)
                    for each in made
                )
        return None

    def plain(self, node: ast.expr) -> int:
        """Tell whether an expression is a text, a container, by all that it is given."""
        origin = self.origins.of(node)
        if origin.plain or not origin.places:
            return origin.plain
        return min(self._plain(each) for each in origin.places)

    def _plain(self, place: Place) -> int:
        kinds, names = self.effects.kinds, place.steps
        while names and names[-1][0] == "[":
            names = names[:-1]
        if names and place.field is not None:
            found = kinds.plain_field(place.field)
        elif not names and place.root == GLOBAL:
            found = kinds.plain_global(place.name)
        else:
            return UNKNOWN
        return found if names == place.steps or found == PLAIN else UNKNOWN

    def scopes_of(self, path: str) -> tuple[f.Scope, ...]:
        """Give the scopes of a file."""
        return self.effects.project.files[path].scopes

    def field(self, node: ast.Attribute) -> Field | None:
        """Tell whose attribute `x.name` is: of a class of the project."""
        owner = self.value(node.value)
        if owner is not None and owner.kind in (OBJECT, CLASS):
            return self.effects.kinds.owner(owner, node.attr)
        return None

    def called(self, node: ast.Call) -> Origin:
        """Give the origin of what a call gives."""
        return self.call(node)[1]

    def passed(self, node: ast.AST) -> Origin:
        """Give the origin of what is handed to a call, or what it is a method of."""
        origin = self.origins.of(node)
        if not self.first or not self.settled or origin.places or origin.plain == PLAIN:
            return origin
        if self.is_code(node):
            return origin
        here = Place(LOCAL, dotted(node) or "what is made here")
        return origin._replace(places=frozenset((here,)))

    def is_code(self, node: ast.AST) -> bool:
        """Tell whether an expression is a module, a class or a function."""
        value = self.value(node)
        return value is not None and value.kind in (*_CODE, NOTHING)

    @abstractmethod
    def call(self, node: ast.Call) -> tuple[Summary, Origin]:
        """Give what a call touches in the words of this function, and what it gives."""

    @abstractmethod
    def returned(
        self,
        summary: Summary,
        target: Where,
        given: dict[str, Origin] | None,
        receiver: ast.expr | None,
    ) -> Origin:
        """Say what a called function returns in the words of this one."""


def _place(node: ast.expr) -> tuple[int, int, int, int]:
    end_line, end_col = node.end_lineno or 0, node.end_col_offset or 0
    return node.lineno, node.col_offset, end_line, end_col
