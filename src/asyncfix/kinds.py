"""What is asked of an argument that is made where a function is called.

`File(io.BytesIO(data))` hands over an `io.BytesIO`, so that in `File.__init__`
`isinstance(fp, io.IOBase)` holds, and `fp is None` does not. Only what is surely
of one class counts.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable

from asyncfix import facts as f
from asyncfix.conditions import Function
from asyncfix.expressions import describe
from asyncfix.held import is_none, question
from asyncfix.nodes import descend
from asyncfix.reach import Place
from asyncfix.stands import State
from asyncfix.steps import Type, parse_annotation
from asyncfix.tree import Tree, dotted, text_of
from asyncfix.value import CLASS, FUNCTION, OBJECT, OUTSIDE, Value
from asyncfix.values import Values

# Classes of these are asked themselves; they are loaded in any case.
_OWN_MODULES = ("builtins", "collections", "io", "os", "pathlib")
_LITERALS: tuple[tuple[type[ast.expr], str], ...] = (
    (ast.JoinedStr, "str"),
    (ast.List, "list"),
    (ast.ListComp, "list"),
    (ast.Dict, "dict"),
    (ast.DictComp, "dict"),
    (ast.Tuple, "tuple"),
    (ast.Set, "set"),
)
_VALUES = (str, bytes, int, float, bool, list, dict, tuple, set)
_VALUE_NAMES = frozenset(each.__name__ for each in _VALUES)
_ISINSTANCE = ast.Name("isinstance", ast.Load())
_ABOVE_MANY = (object, Exception, BaseException)
_DECIDE = ("ABC", "Protocol")
# Bases that bring no values of their own.
_EMPTY = frozenset(("abc.ABC", "typing.Generic", "typing_extensions.Generic"))
_CALLABLE = frozenset(("typing.Callable", "collections.abc.Callable"))
_Asked = tuple[tuple[str, ast.Call], ...]


class Kinds:
    """Answers to questions of functions about what they are given."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def answers(
        self,
        here: Place,
        target: Place,
        read: tuple[Tree, Function],
        given: Iterable[tuple[str, ast.expr]],
        state: State,
    ) -> dict[str, object]:
        """Give what is known of a called function's questions, by `held.question`.

        `here` is the caller, `read` the called function at `target`, `given` its
        parameters with their arguments, `state` what is known at the call.
        """
        tree, function = read
        asked: _Asked = tree.once(("isinstance", function), lambda: _asked(function))
        # It may ask under another name, as in `self.fp = fp`.
        none = tree.once(("is None", function), lambda: _asks_for_none(function))
        may_be: _Asked = tree.once(("may be", function), lambda: _may_be(function))
        found: dict[str, object] = {}
        if not asked and not none and not may_be:
            return found
        for parameter, argument in given:
            tests = [test for name, test in (*asked, *may_be) if name == parameter]
            if not tests and not none:
                continue
            parts = _choices(argument)
            kinds = [self._kind(here, part, state) for part in parts]
            for test in tests:
                answers = {
                    self._answer(here, target, part, kind, test.args[1], state)
                    for part, kind in zip(parts, kinds, strict=True)
                }
                if len(answers) == 1 and None not in answers:
                    found[question(test)[0]] = answers.pop()
            if none and all(kind and self._makes_one(kind) for kind in kinds):
                found[question(is_none(ast.Name(parameter, ast.Load())))[0]] = False
        return found

    def _answer(
        self,
        here: Place,
        target: Place,
        part: ast.expr,
        kind: Value | None,
        asked: ast.expr,
        state: State,
    ) -> bool | None:
        """Tell whether something is of a class that the function at `target` names."""
        if kind is not None:
            return self._is_one(kind, target, asked)
        if not self._are_values(target, asked):
            return None
        if self._is_of_project(here, part, state):
            return False
        if isinstance(part, ast.Name):
            return state.truth(ast.Call(_ISINSTANCE, [part, asked], []))
        return None

    def _makes_one(self, kind: Value) -> bool:
        """Tell a class that gives an object of its own when it is called."""
        if kind.kind != CLASS:
            return True
        made = self.values.attribute(kind._replace(kind=OBJECT), "__new__")
        return made is None or made.kind != FUNCTION

    def _kind(self, here: Place, argument: ast.expr, state: State) -> Value | None:
        """Give the class of what is handed over, None where it is not sure."""
        said = state.say(argument)
        said = state.calls.get(text_of(said), said)
        for literal, built_in in _LITERALS:
            if isinstance(said, literal):
                return Value(OUTSIDE, f"builtins.{built_in}")
        name = dotted(said.func) if isinstance(said, ast.Call) else None
        value = self.values.of(*here, name) if name and "%" not in name else None
        if value is None:
            return None
        if value.kind == CLASS:
            return None if None in self._line(value) else value
        return value if _own_class(value) is not None else None

    def _is_of_project(self, here: Place, argument: ast.expr, state: State) -> bool:
        """Tell an object, or None, whose classes are all of the project.

        It is what its name is everywhere, or what was just assigned to it.
        """
        made = state.made.get(text_of(state.say(argument)))
        for node in (argument, made):
            said = "?" if node is None else describe(node)
            value = None if "?" in said else self.values.of(*here, said)
            value = value or self._of_callable(here, node)
            if value is not None and value.kind == OBJECT:
                return all(
                    each and (each.kind == CLASS or each.name in _EMPTY)
                    for each in self._line(value)
                )
        return False

    def _of_callable(self, here: Place, node: ast.expr | None) -> Value | None:
        """Give what a parameter gives: `make: Callable[[str], Thing]`."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            return None
        found = self.values.project.visible(*here, node.func.id)
        if len(found) != 1 or found[0].kind != f.PARAMETER:
            return None
        name, parts = parse_annotation(found[0].target[1:])
        scope = found[0].scope
        kind = self.values.of(here[0], scope, name) if parts else None
        if kind is None or kind.name not in _CALLABLE:
            return None
        result: Type = parts[-1]  # type: ignore[assignment]  # a Type holds Types, which its own type cannot say
        return self.values.annotations.object_of(here[0], scope, result)

    def _are_values(self, target: Place, asked: ast.expr) -> bool:
        """Tell classes of texts, numbers and containers, which no such object is of."""
        every = asked.elts if isinstance(asked, ast.Tuple) else [asked]
        names = [dotted(each) for each in every]
        meant = [self.values.of(*target, name) if name else None for name in names]
        return all(each is not None and _own_class(each) in _VALUES for each in meant)

    def _is_one(
        self, kind: Value | None, target: Place, asked: ast.expr
    ) -> bool | None:
        every = asked.elts if isinstance(asked, ast.Tuple) else [asked]
        answers = [self._is_of(kind, target, each) for each in every]
        if True in answers:
            return True
        return None if None in answers else False

    def _is_of(self, kind: Value | None, target: Place, asked: ast.expr) -> bool | None:
        name = dotted(asked)
        wanted = self.values.of(*target, name) if name else None
        if wanted is None or kind is None:
            return None
        if kind.kind == OUTSIDE:
            mine, theirs = _own_class(kind), _own_class(wanted)
            if mine is not None and theirs is not None:
                return issubclass(mine, theirs)
            # A class of the project is not the base of what Python has itself.
            plain = wanted.kind == CLASS and self._is_plain(wanted)
            return False if plain else None
        line = self._line(kind)
        if wanted in line:
            return True
        if wanted.kind == CLASS:
            return False if self._is_plain(wanted) else None
        theirs = _own_class(wanted)
        if theirs is None or type(theirs) is not type or theirs in _ABOVE_MANY:
            return None  # an abstract class may say that this is one, too
        return False if all(each and each.kind == CLASS for each in line) else None

    def _line(self, klass: Value) -> tuple[Value | None, ...]:
        return self.values.classes.line(klass.path, klass.scope)

    def _is_plain(self, klass: Value) -> bool:
        """Tell a class that has nothing above it that says who else is one."""
        files = self.values.project.files
        for each in self._line(klass):
            if each is None or each.kind != CLASS:
                return False
            bases = files[each.path].scopes[each.scope].bases
            if any(base.rpartition(".")[2] in _DECIDE for base in bases):
                return False
        return True


def _choices(node: ast.expr) -> list[ast.expr]:
    """Give what an expression comes to, one of these: `a or b` is `a` or `b`."""
    if isinstance(node, ast.BoolOp):
        return [part for each in node.values for part in _choices(each)]
    if isinstance(node, ast.IfExp):
        return [*_choices(node.body), *_choices(node.orelse)]
    return [node]


def _asked(function: Function) -> _Asked:
    return tuple(
        (node.args[0].id, node)
        for node in descend(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "isinstance"
        and len(node.args) == 2
        and isinstance(node.args[0], ast.Name)
    )


def _may_be(function: Function) -> _Asked:
    """Give the questions that an annotation gives rise to: `text: Text | str`."""
    every = function.args
    return tuple(
        (each.arg, ast.Call(_ISINSTANCE, [ast.Name(each.arg, ast.Load()), kind], []))
        for each in (*every.posonlyargs, *every.args, *every.kwonlyargs)
        if isinstance(each.annotation, (ast.BinOp, ast.Subscript))
        for kind in _kinds_in(each.annotation)
    )


def _kinds_in(annotation: ast.expr) -> list[ast.expr]:
    """Give the classes of values that an annotation names: `Literal["a"]` is a text."""
    found: dict[str, ast.expr] = {}
    for node in descend(annotation):
        if isinstance(node, ast.Name) and node.id in _VALUE_NAMES:
            found[node.id] = node
        elif isinstance(node, ast.Subscript):
            if (dotted(node.value) or "").rpartition(".")[2] == "Literal":
                for each in ast.walk(node.slice):
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        found.setdefault("str", ast.Name("str", ast.Load()))
    return [*found.values()]


def _asks_for_none(function: Function) -> bool:
    return any(
        isinstance(node, ast.Compare)
        and isinstance(node.comparators[0], ast.Constant)
        and node.comparators[0].value is None
        for node in descend(function)
    )


def _own_class(value: Value) -> type | None:
    """Give the class of Python itself that a name means."""
    module, _, name = value.name.rpartition(".")
    if value.kind != OUTSIDE or module not in _OWN_MODULES:
        return None
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) else None
