"""What does this function touch? Through all that it calls, over the project.

`Effects.of` gives the `Summary` of a function: which places it reads and writes,
which of the things it does need the event loop, the thread or the frames they are
done in, and which of its calls cannot be followed. Work that it hands to a thread
or an executor is not its own. It is asked only of functions that matter, each of
which is read alone, once.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from asyncfix import facts as f
from asyncfix.below import Below
from asyncfix.catalog import Catalog
from asyncfix.conditions import Function
from asyncfix.effects_body import Body
from asyncfix.effects_calls import Calls
from asyncfix.effects_kinds import Kinds
from asyncfix.effects_singles import Singles
from asyncfix.effects_tree import Span
from asyncfix.link import Project
from asyncfix.names import qualified
from asyncfix.reader import Reader
from asyncfix.touches import EMPTY, SOMETHING, Item, Origin, Summary
from asyncfix.value import CLASS, FUNCTION, OBJECT, OUTSIDE, OUTSIDE_OBJECT, Value
from asyncfix.values import Values

__all__ = ["Effects", "Summary", "Where"]

Where = tuple[str, int]
"""A function: its file and its scope there."""

_DEEPEST = 16
_ROUNDS = 4
_MOST_FUNCTIONS = 2_000
_MOST_BODIES = 60
_NOWHERE = 1_000_000
# A method that more classes give another body to is not followed.
_MOST_OVERRIDES = 8
_PROPERTY = "property"


class Effects:
    """Summaries of functions, worked out when they are first asked for.

    Every question raises LookupError where a file is not what it was.
    """

    def __init__(
        self,
        project: Project,
        values: Values,
        catalog: Catalog,
        reader: Reader,
        awaits: bool = False,
    ) -> None:
        """`awaits`: a coroutine that is made is taken to run where it is made."""
        self.awaits = awaits
        self.project = project
        self.values = values
        self.catalog = catalog
        self.reader = reader
        self.below = Below(values)
        self.kinds = Kinds(project, values, reader)
        self.singles = Singles(project, values, reader, self.function)
        self.calls = Calls(self)
        self._known: dict[Where, Summary] = {}
        self._open: dict[Where, int] = {}
        self._assumed: dict[Where, Summary] = {}
        self._depends: dict[Where, int] = {}
        self._functions: dict[Where, Function | None] = {}
        self._lowest = _NOWHERE
        self._bodies: dict[Where, Body] = {}
        self._overrides: dict[tuple[str, int], tuple[Where, ...] | None] = {}
        self._named: dict[str, list[Where]] = {}

    def of(self, place: Where) -> Summary:
        """Give all that a call of a function touches, in its own words."""
        known = self._known.get(place)
        if known is not None:
            return known
        if place in self._open or place in self._depends:
            # It leads back to a function that is being looked at: what is known of
            # it so far, to be looked at again when all of the circle was.
            outermost = self._open.get(place, _NOWHERE)
            self._lowest = min(self._lowest, self._depends.get(place, outermost))
            return self._assumed.get(place, EMPTY)
        if len(self._open) >= _DEEPEST:
            scope = self.project.files[place[0]].scopes[place[1]]
            what = f"{scope.name}, deeper than calls are followed"
            return Summary(unknown=(Item(what, place[0], scope.line),))
        outside, self._lowest = self._lowest, _NOWHERE
        here = self._open[place] = len(self._open)
        found = self._read(place)
        if self._lowest == here:
            found = self._circle(place, here, found)
        del self._open[place]
        if self._lowest >= here:
            self._known[place] = found
            self._lowest = outside
        else:
            self._assumed[place] = found
            self._depends[place] = self._lowest
            self._lowest = min(outside, self._lowest)
        return found

    def _circle(self, place: Where, here: int, found: Summary) -> Summary:
        """Look at functions that call one another until nothing more comes of it."""
        for _ in range(_ROUNDS):
            inside = [each for each, low in self._depends.items() if low >= here]
            before = [found, *(self._assumed[each] for each in inside)]
            self._assumed[place] = found
            for each in inside:
                del self._depends[each]
            found = self._read(place)
            if [found, *(self._assumed[each] for each in inside)] == before:
                break
        else:
            scope = self.project.files[place[0]].scopes[place[1]]
            item = Item(f"{scope.name}, in a circle", place[0], scope.line)
            found = found._replace(unknown=(*found.unknown, item))
        for each in [each for each, low in self._depends.items() if low >= here]:
            del self._depends[each]
            self._known[each] = self._assumed.pop(each)
        self._assumed.pop(place, None)
        return found

    def _read(self, place: Where) -> Summary:
        function = self.function(place)
        scope = self.project.files[place[0]].scopes[place[1]]
        unread = Item(scope.name or "a lambda", place[0], scope.line)
        if function is None:
            return Summary(unknown=(unread,))
        try:
            body = Body(self, place, function)
            found = body.summary()
        except RecursionError:  # an expression of hundreds of operators
            return Summary(unknown=(unread,))
        body.close()
        return found

    def function(self, place: Where) -> Function | None:
        """Give the syntax of a function, read alone; None where it cannot be."""
        if place not in self._functions:
            if len(self._functions) >= _MOST_FUNCTIONS:
                del self._functions[next(iter(self._functions))]
            found = self.reader.function(*place)
            self._functions[place] = None if found is None else found[1]
        return self._functions[place]

    def at(
        self, place: Where, line: int, col: int, end_line: int, end_col: int
    ) -> Summary:
        """Give what one call in a function touches, in that function's words.

        What the function made itself and hands over is named, too, as LOCAL. The
        position is that of the facts. Raises LookupError where no call is there.
        """
        body = self._body(place)
        return body.call(body.find(line, col, end_line, end_col))[0]

    def within(
        self,
        place: Where,
        statement: ast.stmt | ast.expr,
        without: ast.expr | None = None,
    ) -> Summary:
        """Give what one statement of a function touches, as `at` does for a call.

        An expression in it, `without`, is left out. Raises LookupError where nothing
        of the kind stands at its position.
        """
        left_out = (without.lineno, without.col_offset) if without else None
        return self._body(place).statement(statement, left_out)

    def beside(
        self, place: Where, code: Sequence[ast.AST], without: ast.AST | None = None
    ) -> Summary:
        """Give what some code in a function touches, but for a part of it."""
        return self._body(place).beside(code, without)

    def origin(self, place: Where, name: str) -> Origin:
        """Give where what a name of a function stands for may come from."""
        return self._body(place).origins.names.get(name, SOMETHING)

    def in_turn(self, place: Where) -> dict[Span, Summary]:
        """Give what each call in a function touches, and each property that is read.

        By where they begin and end. Raises LookupError if there is no such function.
        """
        body = self._body(place)
        if body.in_turn is None:
            body.in_turn = body.calls_in_turn()
        return body.in_turn

    def stands_for(self, place: Where, expression: ast.expr) -> Origin:
        """Give where the value of an expression in a function may come from.

        Raises LookupError where nothing of the kind stands at its position.
        """
        body = self._body(place)
        return body.origins.of(body.same(expression))

    def _body(self, place: Where) -> Body:
        body = self._bodies.get(place)
        if body is None:
            function = self.function(place)
            if function is None:
                raise LookupError(f"{place[0]} has no such function")
            if len(self._bodies) >= _MOST_BODIES:
                self._bodies.pop(next(iter(self._bodies))).close()
            body = Body(self, place, function, first=True)
            self._bodies[place] = body
        return body

    def rest(self) -> None:
        """Let go of the functions that were looked through, not of what was found."""
        self._functions.clear()
        while self._bodies:
            self._bodies.popitem()[1].close()

    def shown(self, place: Where) -> str:
        """Give a function's name as people say it: `Repo.load`."""
        return qualified(self.project.files[place[0]].scopes, place[1])

    # -- classes of the project ------------------------------------------------

    def property(self, owner: Value, name: str) -> tuple[Where, ...]:
        """Give the functions that reading an attribute of an object runs."""
        facts = self.project.files[owner.path]
        key = "property", owner.scope, name
        if key not in facts.memo:
            facts.memo[key] = ()
            facts.memo[key] = self._property(owner, name)
        return facts.memo[key]  # type: ignore[no-any-return]  # as it was put there

    def _property(self, owner: Value, name: str) -> tuple[Where, ...]:
        for klass in self.values.classes.line(owner.path, owner.scope):
            if klass is None or klass.kind != CLASS:
                continue
            for binding in self.project.names(klass.path, klass.scope).get(name):
                if binding.kind != f.DEF:
                    continue
                scope = self.values.bindings.defined(klass.path, binding)
                function = Value(FUNCTION, path=klass.path, scope=scope)
                if scope < 0:
                    continue
                if self.values.functions.made_by_decorators(function) == _PROPERTY:
                    decorators = self.project.files[klass.path].scopes[scope].decorators
                    if not any(d.endswith((".setter", ".deleter")) for d in decorators):
                        return self.bodies(klass.path, scope) or ((klass.path, scope),)
                return ()
        return ()

    def bodies(self, path: str, scope: int) -> tuple[Where, ...] | None:
        """Give a function and all that may run in its place: methods of subclasses.

        None where there are too many. A method without a body of its own, as of
        an abstract class, is left out.
        """
        key = path, scope
        if key not in self._overrides:
            self._overrides[key] = self._and_overriding(path, scope)
        return self._overrides[key]

    def _and_overriding(self, path: str, scope: int) -> tuple[Where, ...] | None:
        scopes = self.project.files[path].scopes
        function = scopes[scope]
        owner = function.parent
        if scopes[owner].kind == f.TYPE:
            owner = scopes[owner].parent
        found: list[Where] = [(path, scope)]
        if scopes[owner].kind != f.CLASS or function.name in ("__init__", "__new__"):
            return tuple(found)
        if any(d.rpartition(".")[2] == "abstractmethod" for d in function.decorators):
            found = []
        others: set[Where] = set()
        for other, index in self._methods(function.name):
            if (other, index) == (path, scope):
                continue
            above = self.project.files[other].scopes[index].parent
            line = self.values.classes.line(other, above)
            if Value(CLASS, path=path, scope=owner) in line:
                found.append((other, index))
            else:
                others.add((other, index))
        if others:
            # Of these a class below may have one from another base of its own.
            for other, binding in self.below.instead((path, owner), function.name):
                place = other, self.values.bindings.defined(other, binding)
                if place in others:
                    found.append(place)
        if found == [(path, scope)] and self._is_left_open(path, scope):
            found = []
        return tuple(found) if len(found) <= _MOST_OVERRIDES else None

    def is_open(self, path: str, scope: int) -> bool:
        """Tell whether any class may have it: a method that a `Protocol` declares."""
        scopes = self.project.files[path].scopes
        owner = scopes[scope].parent
        if scopes[owner].kind == f.TYPE:
            owner = scopes[owner].parent
        return any(
            base.rpartition(".")[2] == "Protocol"
            and self.project.qualified_name(path, scopes[owner].parent, base)
            in ("typing.Protocol", "typing_extensions.Protocol")
            for base in scopes[owner].bases
        )

    def _is_left_open(self, path: str, scope: int) -> bool:
        """Tell whether a method does nothing but raise NotImplementedError."""
        node = self.function((path, scope))
        last = node.body[-1] if node is not None and len(node.body) <= 2 else None
        return isinstance(last, ast.Raise) and "NotImplementedError" in ast.unparse(
            last
        )

    def _methods(self, name: str) -> list[Where]:
        """Give every method of a name in the project."""
        if name not in self._named:
            self.project.files.trace.uses.add(name)
            found = self._named[name] = []
            for path in self.project.defining(name, lazy=self.awaits):
                scopes = self.project.files[path].scopes
                found += [
                    (path, index)
                    for index, each in enumerate(scopes)
                    if each.kind == f.FUNCTION
                    and each.name == name
                    and scopes[each.parent].kind == f.CLASS
                ]
        return self._named[name]

    def is_defined(self, name: str) -> bool:
        """Tell whether some class of the project has a method of a name."""
        return bool(self._methods(name))

    # -- libraries ---------------------------------------------------------------

    def word(self, name: str) -> str | None:
        """Give what the catalog says a library's function or object does."""
        return self.catalog.effect(name)

    def of_thread(self, value: Value | None) -> str | None:
        """Give the class of an object that is bound to a thread, or another in each.

        Of the project's classes those count that are a `threading.local`.
        """
        if value is None or value.kind not in (OBJECT, OUTSIDE_OBJECT):
            return None
        if value.kind == OUTSIDE_OBJECT:
            return value.name if self.word(value.name) == "thread" else None
        for base in self.values.classes.line(value.path, value.scope)[1:]:
            if base is not None and base.kind == OUTSIDE:
                last = base.name.rpartition(".")[2]
                if last.lower() == "local" and self.word(base.name) == "thread":
                    return base.name
        return None

    def is_environment(self, value: Value | None) -> bool:
        """Tell whether a value is the process's environment."""
        return (
            value is not None
            and value.kind in (OUTSIDE, OUTSIDE_OBJECT)
            and value.name in ("os.environ", "os.environb")
        )
