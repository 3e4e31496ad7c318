"""Where the values of a function's names come from, its calls left to others.

Order does not count: a name may be all that it is given anywhere in the
function. So what is said of it holds at every line.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from asyncfix.conditions import Function
from asyncfix.nodes import parameters
from asyncfix.touches import (
    ARGUMENT,
    CONTAINER,
    OWN,
    PLAIN,
    RESULT,
    SOMETHING,
    TEXT,
    UNKNOWN,
    Origin,
    Place,
    either,
    holding,
)
from asyncfix.tree import walk_function

# Rounds after which names that depend on one another have got all there is.
_ROUNDS = 5
_TEXTS = frozenset(
    ("str", "int", "float", "bool", "bytes", "complex", "None", "date", "datetime",
     "time", "timedelta", "Decimal", "UUID", "Path", "PurePath", "Literal", "LiteralString")
)  # fmt: skip
_CONTAINERS = frozenset(
    ("dict", "list", "set", "tuple", "frozenset", "Dict", "List", "Set", "Tuple",
     "FrozenSet", "Sequence", "Mapping", "MutableMapping", "Iterable", "Collection",
     "defaultdict", "OrderedDict", "Counter", "deque", "Deque", "DefaultDict")
)  # fmt: skip
_WRAPPERS = frozenset(("Optional", "Union", "Annotated", "Final", "ClassVar"))
_DISPLAYS = (ast.List, ast.Tuple, ast.Set)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)
_LEAVES = (ast.Constant, ast.JoinedStr, ast.Compare, ast.FormattedValue, ast.Slice)


def plainness(annotation: ast.AST | None) -> int:
    """Tell by an annotation whether a value is a text, a number, a container."""
    if isinstance(annotation, ast.Constant):
        if annotation.value is None:
            return PLAIN
        if isinstance(annotation.value, str):
            try:
                return plainness(ast.parse(annotation.value.strip(), mode="eval").body)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return UNKNOWN
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return min(plainness(annotation.left), plainness(annotation.right))
    name = getattr(annotation, "attr", "") or getattr(annotation, "id", "")
    if name in _TEXTS:
        return PLAIN
    if name in _CONTAINERS:
        return CONTAINER
    if isinstance(annotation, ast.Subscript):
        owner = plainness(annotation.value)
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        outer = getattr(annotation.value, "attr", "") or getattr(
            annotation.value, "id", ""
        )
        if outer == "Literal":
            return PLAIN
        if outer == "Annotated":
            return plainness(parts[0])
        if outer in _WRAPPERS:
            return min((plainness(each) for each in parts), default=UNKNOWN)
        if owner == CONTAINER:
            whole = min((plainness(each) for each in parts), default=UNKNOWN)
            return PLAIN if whole == PLAIN else CONTAINER
    return UNKNOWN


def is_text(annotation: ast.AST | None) -> bool:
    """Tell whether an annotation says that a value cannot be changed in place."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return is_text(ast.parse(annotation.value.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    if isinstance(annotation, ast.Constant):
        return annotation.value is None
    if isinstance(annotation, ast.BinOp):
        return is_text(annotation.left) and is_text(annotation.right)
    if isinstance(annotation, ast.Subscript):
        outer = getattr(annotation.value, "attr", "") or getattr(
            annotation.value, "id", ""
        )
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if outer in _WRAPPERS:
            return all(is_text(each) for each in parts)
        return outer == "Literal"
    name = getattr(annotation, "attr", "") or getattr(annotation, "id", "")
    return name in _TEXTS


class Origins:
    """The names of one function, and where their values may come from.

    `outer` gives the origin of a name that is not the function's own, `called`
    that of what a call gives, `field` whose attribute `x.name` is.
    """

    def __init__(
        self,
        function: Function,
        outer: Callable[[ast.Name], Origin],
        called: Callable[[ast.Call], Origin],
        attribute: Callable[[ast.Attribute], Origin | None],
        field: Callable[[ast.Attribute], tuple[str, int, str] | None],
    ) -> None:
        self.function = function
        self.outer = outer
        self.called = called
        self.attribute = attribute
        self.field = field
        self.declared: set[str] = set()
        self.names: dict[str, Origin] = {}
        self._given: list[tuple[str, Callable[[], Origin]]] = []
        self._arguments()
        for node in nodes(function):
            self._note(node)
        for name, _ in self._given:
            self.names.setdefault(name, OWN)

    def settle(self) -> None:
        """Work out what the names stand for; they may depend on one another."""
        for _ in range(_ROUNDS):
            before = dict(self.names)
            found: dict[str, list[Origin]] = {}
            for name, work in self._given:
                found.setdefault(name, []).append(work())
            for name, origins in found.items():
                first = [self.parameters[name]] if name in self.parameters else []
                self.names[name] = either([*first, *origins])
            if self.names == before:
                break

    def _arguments(self) -> None:
        arguments = self.function.args
        self.parameters: dict[str, Origin] = {}
        for each in parameters(arguments):
            if is_text(each.annotation):
                origin = TEXT
            else:
                place = Place(ARGUMENT, each.arg)
                origin = Origin(frozenset((place,)), plain=plainness(each.annotation))
            if each is arguments.vararg or each is arguments.kwarg:
                # The container is made for the call; what is in it is not.
                origin = Origin(inside=origin.places, plain=CONTAINER)
            self.parameters[each.arg] = origin
        self.names.update(self.parameters)

    def _give(self, target: ast.AST, work: Callable[[], Origin]) -> None:
        if isinstance(target, ast.Name):
            self._given.append((target.id, work))
        elif isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                self._give(each, lambda: work().then("[*]"))
        elif isinstance(target, ast.Starred):
            self._give(target.value, lambda: holding([work()], CONTAINER))

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            self.declared.update(node.names)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._give(target, self._of(node.value))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._give(node.target, self._of(node.value, node.annotation))
        elif isinstance(node, (ast.AugAssign, ast.NamedExpr)):
            self._give(node.target, self._of(node.value))
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._give(node.target, self._elements(node.iter))
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._give(node.optional_vars, self._of(node.context_expr))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            self._given.append((node.name, lambda: OWN))
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            self._given.append((node.name, lambda: SOMETHING))
        elif isinstance(node, ast.MatchMapping) and node.rest:
            self._given.append((node.rest, lambda: SOMETHING))
        elif isinstance(node, ast.Lambda):
            for each in parameters(node.args):
                place = Place(RESULT, each.arg)
                self._given.append((each.arg, lambda place=place: Origin(frozenset((place,)))))  # type: ignore[misc]  # a default keeps this one's place
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                self.declared.add(alias.asname or alias.name.partition(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self.declared.add(node.name)

    def _of(
        self, node: ast.expr, annotation: ast.AST | None = None
    ) -> Callable[[], Origin]:
        plain = plainness(annotation)

        def work() -> Origin:
            origin = self.of(node)
            return origin._replace(plain=max(plain, origin.plain))

        return work

    def _elements(self, node: ast.expr) -> Callable[[], Origin]:
        return lambda: self.of(node).then("[*]")

    def of(self, node: ast.AST) -> Origin:
        """Give where the value of an expression comes from."""
        if isinstance(node, _LEAVES):
            return TEXT
        if isinstance(node, ast.Name):
            if node.id in self.names and node.id not in self.declared:
                return self.names[node.id]
            return self.outer(node)
        if isinstance(node, ast.Attribute):
            known = self.attribute(node)
            if known is not None:
                return known
            return self.of(node.value).then(f".{node.attr}", self.field(node))
        if isinstance(node, ast.Subscript):
            if isinstance(node.slice, ast.Slice):
                whole = self.of(node.value)  # a copy: what is in it stays the same
                return holding([whole.then("[*]")], max(whole.plain, UNKNOWN))
            return self.of(node.value).then(key(node))
        if isinstance(node, ast.Call):
            return self.called(node)
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            values = (
                node.values
                if isinstance(node, ast.BoolOp)
                else [node.body, node.orelse]
            )
            return either(self.of(each) for each in values)
        if isinstance(node, _DISPLAYS):
            made = [self.of(each) for each in node.elts]
            fixed = isinstance(node, ast.Tuple)
            texts = fixed and all(each.plain == PLAIN for each in made)
            return holding(made, PLAIN if texts else CONTAINER)
        if isinstance(node, ast.Dict):
            made = [self.of(each) for each in (*node.keys, *node.values) if each]
            return holding(made, CONTAINER)
        if isinstance(node, _COMPREHENSIONS):
            return holding([self.of(node.elt)], CONTAINER)
        if isinstance(node, ast.DictComp):
            return holding([self.of(node.key), self.of(node.value)], CONTAINER)
        if isinstance(node, ast.BinOp):
            left, right = self.of(node.left), self.of(node.right)
            inside = left.inside | right.inside
            if not (left.plain or right.plain):
                inside |= left.places | right.places
            return Origin(inside=inside, plain=min(left.plain, right.plain))
        if isinstance(node, ast.UnaryOp):
            return TEXT
        if isinstance(node, (ast.Starred, ast.NamedExpr, ast.Await)):
            return self.of(node.value)
        if isinstance(node, ast.Lambda):
            return OWN
        return SOMETHING


def key(node: ast.Subscript) -> str:
    """Give the step that a subscript makes: `['id']` where the key is written there."""
    if isinstance(node.slice, ast.Constant):
        return f"[{node.slice.value!r}]"[:40]
    return "[*]"


def nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Walk what a function runs, its lambdas included, since they may run here."""
    todo = list(walk_function(function))
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.Lambda):
            todo.extend(walk_function(node.body, own=False))
