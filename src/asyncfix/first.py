"""What blocks the first time only, and was called before.

`get_client` with `if self.client is None: self.client = connect()` connects once:
behind another `self.get_client()` in the same coroutine, or behind a method that
surely calls it, it does not. The same goes for what a module keeps in a global name.
Counted is only what surely ran to its end before, on the same object, and what
nothing but the function itself and the constructor sets.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping

from asyncfix import facts as f
from asyncfix.cached import Cached
from asyncfix.conditions import Function
from asyncfix.reach import Chain, Edge, Place, Reach, Step
from asyncfix.surely import LEAVES, in_any_case, surely_before
from asyncfix.tree import Tree, dotted, walk_function
from asyncfix.value import CLASS

# What is known has names: that a function ran, and what ran behind a call.
_RAN, _BEHIND = "~ ", "^ "
_DEEPEST = 4

Functions = Callable[[Place], "tuple[Tree, Function] | None"]


class First:
    """Answers about ways that were found. `functions` reads a function."""

    def __init__(self, reach: Reach, functions: Functions) -> None:
        self.reach = reach
        self.functions = functions
        self.cached = Cached(reach, self._read)
        self._kept: dict[tuple[Place, int, int], set[str]] = {}

    def ran_before(self, place: Place, found: Chain) -> str | None:
        """Tell which call on a way has a function behind it that ran before it.

        It blocks there the first time only. The answer is for `passed_on`; None
        where there is no such call.
        """
        way: list[tuple[Place, Edge]] = []
        for step in found.steps:
            edge = self._edge(place, step)
            if edge is None:
                return None
            way.append((place, edge))
            place = edge.target or place
        for count, (kept, edge) in enumerate(way):
            if count and self.cached.is_same(kept, way[:count]):
                return f"{_BEHIND}{_call(*way[0])} {_RAN}{_said(kept)}"
            if count and self.keeps(kept, edge):
                names = self._names(kept, edge)
                for here, call in self._callers(kept, way[:count]):
                    if self._ran(kept, here, call) and self._is_alone(
                        kept, names, here
                    ):
                        return f"{_BEHIND}{_call(here, call)} {_RAN}{_said(kept)}"
        return None

    def passed_on(
        self, place: Place, edge: Edge, known: Mapping[str, object]
    ) -> dict[str, object]:
        """Give what is known, behind a call, of functions that ran before it."""
        behind = f"{_BEHIND}{_call(place, edge)} "
        found: dict[str, object] = {}
        for name in known:
            if name.startswith((_BEHIND, _RAN)):
                found[name] = True
                if name.startswith(behind):
                    found[name[len(behind) :]] = True
        return found

    def is_over(self, place: Place, edge: Edge, known: Mapping[str, object]) -> bool:
        """Tell whether a call was made the first time, and is not made again."""
        if _RAN + _said(place) not in known:
            return False
        return self.cached.is_cached(place) or self.keeps(place, edge)

    def keeps(self, place: Place, edge: Edge) -> bool:
        """Tell whether a call is made only where what it gave is not kept yet."""
        return bool(self._names(place, edge))

    def _names(self, place: Place, edge: Edge) -> set[str]:
        """Give the names that hold what a call gave, none where it is not kept."""
        key = place, edge.use.line, edge.use.col
        if key not in self._kept:
            self._kept[key] = self._keeps(place, edge)
        return self._kept[key]

    # -- was it called before? ----------------------------------------------

    def _edge(
        self, place: Place, step: Step | None, call: ast.Call | None = None
    ) -> Edge | None:
        """Give the call of a step, or one in the syntax that leads to a function."""
        for edge in self.reach.edges(place):
            use = edge.use
            if step is not None:
                if (use.line, use.col) == (step.line, step.col) and (
                    edge.target is None or self.reach.shown(edge.target) == step.name
                ):
                    return edge
            elif edge.target is not None and call is not None:
                start, end = (use.line, use.col), (use.end_line, use.end_col)
                if start == (call.lineno, call.col_offset):
                    if end == (call.end_lineno, call.end_col_offset):
                        return edge
        return None

    def _callers(
        self, kept: Place, way: list[tuple[Place, Edge]]
    ) -> list[tuple[Place, Edge]]:
        """Give the calls on a way to a function that have it on one object."""
        if self._class(kept) < 0:
            return way
        found: list[tuple[Place, Edge]] = []
        for place, edge in reversed(way):
            read = self._read(place, edge)
            if read is None or not _is_on_self(read[2], read[1]):
                break
            found.insert(0, (place, edge))
        return found

    def _read(self, place: Place, edge: Edge) -> tuple[Tree, Function, ast.Call] | None:
        read = self.functions(place)
        if read is None:
            return None
        use = edge.use
        start, end = (use.line, use.col), (use.end_line, use.end_col)
        return *read, read[0].find(ast.Call, start, end)

    def _ran(self, kept: Place, place: Place, edge: Edge) -> bool:
        """Tell whether a function surely ran where a call is made."""
        read = self._read(place, edge)
        return read is not None and self._runs(
            kept, place, read[1], surely_before(*read), 0
        )

    def _runs(
        self,
        wanted: Place,
        place: Place,
        function: Function,
        calls: Iterable[ast.Call],
        deep: int,
    ) -> bool:
        method = self._class(wanted) >= 0
        for call in calls:
            if method and not _is_on_self(call, function):
                continue
            edge = self._edge(place, None, call)
            if edge is None or edge.target is None:
                continue
            target = edge.target
            scope = self.reach.project.files[target[0]].scopes[target[1]]
            if method and scope.name != getattr(call.func, "attr", ""):
                continue  # a class that is called has another self
            if scope.yields or edge.awaited:
                continue  # it does not run to its end here
            if target == wanted:
                return True
            read = self.functions(target) if deep < _DEEPEST else None
            if read is not None and self._runs(
                wanted, target, read[1], in_any_case(read[1].body), deep + 1
            ):
                return True
        return False

    # -- is it kept? --------------------------------------------------------

    def _keeps(self, place: Place, edge: Edge) -> set[str]:
        read = self._read(place, edge)
        if read is None or isinstance(read[1], ast.AsyncFunctionDef):
            return set()
        tree, function, call = read
        top = next(below for above, below in tree.ancestors(call) if above is function)
        names: set[str] = set()
        for count, statement in enumerate(function.body):
            if isinstance(statement, ast.If) and statement is not top:
                asked = _asked(statement.test, ast.IsNot, ast.Or)
                if asked and isinstance(statement.body[-1], ast.Return):
                    if _sets(function.body[count + 1 :], asked, function):
                        names = asked
                    break
            if statement is top:
                names = self._guarded(tree, function, call)
                break
            if any(
                isinstance(each, ast.Return)
                for each in walk_function(statement, own=False)
            ):
                break
        if not self._is_its_own(place, function, names):
            return set()
        return names if self._is_alone(place, names, place) else set()

    def _guarded(self, tree: Tree, function: Function, call: ast.Call) -> set[str]:
        """Give what is asked for None by the outermost `if` round a call."""
        found: set[str] = set()
        for above, below in tree.ancestors(call):
            if above is function:
                break
            if isinstance(above, ast.If):
                asked = _asked(above.test, ast.Is, ast.And)
                inside = any(each is below for each in above.body)
                whole = inside and len(asked) == 1
                found = asked if whole and _sets(above.body, asked, function) else set()
            elif isinstance(above, ast.stmt) and not isinstance(above, ast.With):
                found = set()
        return found

    def _is_its_own(self, place: Place, function: Function, names: set[str]) -> bool:
        """Tell whether names are of the object, or of the module, and never emptied."""
        owned: set[str] = set()
        for node in walk_function(function):
            if isinstance(node, ast.Global):
                owned |= {*node.names}
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                of_them = any(name in names for name in _targets(node))
                if of_them and not _is_something(node.value, function):
                    return False
        if self._class(place) >= 0:
            first = _self(function)
            owned |= {n for n in names if n.rpartition(".")[0] == first}
        return names <= owned

    def _is_alone(self, kept: Place, names: set[str], seen_from: Place) -> bool:
        """Tell whether nothing else sets what a function keeps.

        `seen_from` is a function whose class may be below that of the other.
        """
        scopes = self.reach.project.files[kept[0]].scopes
        classes = self.reach.values.classes
        owner = self._class(seen_from)
        line = classes.line(seen_from[0], owner) if owner >= 0 else ()
        for name in names:
            attribute = name.rpartition(".")[2]
            if attribute == name:
                for each in self.reach.project.names(kept[0], 0).get(name):
                    for number, scope in enumerate(scopes):
                        inside = scope.line <= each.line <= scope.end_line
                        if scope.kind == f.FUNCTION and inside and number != kept[1]:
                            return False
                continue
            for klass in line:
                if klass is None or klass.kind != CLASS:
                    continue
                members = classes.set_on_self(klass.path, klass.scope)
                for each in members.get(attribute, ()):
                    mine = (klass.path, each.scope) == kept
                    if not mine and self._name(klass.path, each) != "__init__":
                        return False
        return True

    def _name(self, path: str, binding: f.Binding) -> str:
        return self.reach.project.files[path].scopes[binding.scope].name

    def _class(self, place: Place) -> int:
        """Give the class that a method is of, -1 for other functions."""
        scopes = self.reach.project.files[place[0]].scopes
        scope = scopes[place[1]]
        above = scope.parent
        if above >= 0 and scopes[above].kind == f.TYPE:
            above = scopes[above].parent
        return above if above >= 0 and scopes[above].kind == f.CLASS else -1


def _said(place: Place) -> str:
    return f"{place[0]}:{place[1]}"


def _call(place: Place, edge: Edge) -> str:
    return f"{_said(place)}:{edge.use.line}:{edge.use.col}"


def _self(function: Function) -> str:
    every = (*function.args.posonlyargs, *function.args.args)
    return every[0].arg if every else ""


def _is_on_self(call: ast.Call, function: Function) -> bool:
    name = dotted(call.func) or ""
    return name.count(".") == 1 and name.partition(".")[0] == _self(function)


# -- what is kept ---------------------------------------------------------------


def _asked(test: ast.expr, how: type[ast.cmpop], joined: type[ast.boolop]) -> set[str]:
    """Give the names that are asked for None, or for nothing at all."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, joined):
        every = [_asked(each, how, joined) for each in test.values]
        return set().union(*every) if all(every) else set()
    node: ast.expr | None = None
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], how):
        against = test.comparators[0]
        if isinstance(against, ast.Constant) and against.value is None:
            node = test.left if len(test.ops) == 1 else None
    elif how is ast.IsNot:
        node = test
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        node = test.operand
    name = dotted(node)
    return {name} if name else set()


def _sets(body: list[ast.stmt], names: set[str], function: Function) -> bool:
    """Tell whether one of some names surely has a value where a block is left."""
    for each in body:
        if isinstance(each, (ast.Assign, ast.AnnAssign)):
            if any(name in names for name in _targets(each)):
                return _is_something(each.value, function)
        elif isinstance(each, ast.Raise):
            return True
        elif isinstance(each, ast.If):
            inner = _sets(each.body, names, function)
            asked = _asked(each.test, ast.Is, ast.And)
            again = bool(asked) and asked <= names
            if inner and (again or _sets(each.orelse, names, function)):
                return True
        elif isinstance(each, ast.Try):
            if _sets([*each.body, *each.orelse], names, function) and all(
                _sets(handler.body, names, function) for handler in each.handlers
            ):
                return True
        elif isinstance(each, ast.With):
            lasts = all(
                "suppress"
                not in (dotted(getattr(item.context_expr, "func", None)) or "")
                for item in each.items
            )
            if lasts and _sets(each.body, names, function):
                return True
        if any(isinstance(n, LEAVES) for n in walk_function(each, own=False)):
            return False
    return False


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str | None]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [dotted(each) for each in targets]


def _is_something(node: ast.expr | None, function: Function) -> bool:
    """Tell what is surely not None: whoever keeps it asks for that."""
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.Name):
        given = [
            each.value
            for each in walk_function(function)
            if isinstance(each, ast.Assign)
            and any(dotted(target) == node.id for target in each.targets)
        ]
        return bool(given) and all(isinstance(each, ast.Call) for each in given)
    return isinstance(node, ast.Call)
