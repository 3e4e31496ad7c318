"""What is known of objects that were made with known arguments, and of questions.

`Log()` with `def __init__(self, file=None): self.file = file` has a `file` that is
None, wherever nothing else gives it another. And who asked `is_special(name)`,
which compares with `"admin"`, and was told no, has no `"admin"` in his hands.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping

from asyncfix.conditions import Function, arguments
from asyncfix.held import ASKED, VALUE
from asyncfix.nodes import descend
from asyncfix.reach import Place, Reach
from asyncfix.reader import Reader
from asyncfix.stands import State
from asyncfix.tree import Tree, dotted, text_of
from asyncfix.value import CLASS, FUNCTION, OBJECT

EXCLUDED = "! "
_MOST_WORDS = 10
_MOST_STATEMENTS = 12
_DEEPEST = 2
_SHORTEST = 3

Constant = Callable[[Place, str], "ast.expr | None"]
Functions = Callable[[Place], "tuple[Tree, Function] | None"]


class Objects:
    """Answers about objects and questions.

    `functions` reads a function, `constant` gives what a constant stands for.
    """

    def __init__(
        self, reach: Reach, reader: Reader, functions: Functions, constant: Constant
    ) -> None:
        self.constant = constant
        self.reach = reach
        self.reader = reader
        self.functions = functions
        self._made: dict[tuple[str, int, str], dict[str, object]] = {}
        self._words: dict[Place, frozenset[str]] = {}

    def attributes(
        self, path: str, scope: int, receiver: ast.expr, calls: Mapping[str, ast.Call]
    ) -> dict[str, object]:
        """Give the attributes of an object that surely are what a literal says.

        `calls` gives what was called for what a name stands for; see `before`.
        """
        made = calls.get(text_of(receiver), receiver)
        if isinstance(made, ast.Call):
            return self._of_call(path, scope, made)
        name = dotted(receiver)
        if name is None or "%" in name:
            return {}
        key = path, scope, name
        if key not in self._made:
            self._made[key] = self._of_name(path, scope, name)
        return self._made[key]

    def _of_name(self, path: str, scope: int, name: str) -> dict[str, object]:
        first, _, rest = name.partition(".")
        found = self.reach.project.visible(path, scope, first)
        if rest:
            owner = self.reach.values.of(path, scope, first)
            if owner is None or owner.kind != OBJECT or "." in rest:
                return {}
            path = owner.path
            found = self.reach.values.classes.set_on_self(path, owner.scope).get(
                rest, []
            )
        if len(found) != 1:
            return {}
        made = self.reader.constant(path, found[0].line, found[0].name)
        if isinstance(made, ast.Call):
            return self._of_call(path, found[0].scope, made)
        return {}

    def _of_call(self, path: str, scope: int, made: ast.Call) -> dict[str, object]:
        """Give the attributes that a constructor sets to its known parameters."""
        values = self.reach.values
        name = dotted(made.func)
        klass = values.of(path, scope, name) if name else None
        if klass is None or klass.kind != CLASS or not klass.path:
            return {}
        init = values.attribute(klass._replace(kind=OBJECT), "__init__")
        if init is None or init.kind != FUNCTION:
            return {}
        read = self.functions((init.path, init.scope))
        if read is None:
            return {}
        function = read[1]
        given = arguments(function, made, {}, {}, True)
        owner = self.reach.project.files[init.path].scopes[init.scope].parent
        once = values.classes.set_on_self(init.path, owner)
        self_name = function.args.args[0].arg if function.args.args else ""
        found: dict[str, object] = {}
        for target, value in _assigned(function):
            if not isinstance(value, ast.Name) or value.id not in given:
                continue
            first, _, attribute = target.partition(".")
            if first == self_name and len(once.get(attribute, ())) == 1:
                found[attribute] = given[value.id]
        return found

    # -- questions ----------------------------------------------------------

    def excluded(
        self, path: str, scope: int, given: Iterable[ast.expr], state: State
    ) -> dict[str, object]:
        """Give the words that what is handed over surely is not, for `is_excluded`.

        Those are words that questions about it, answered with no, compare with.
        """
        found: dict[str, object] = {
            name: True for name in state.known if name.startswith(EXCLUDED)
        }
        texts = {text_of(each) for each in given if not isinstance(each, ast.Constant)}
        for text, question in state.calls.items():
            value = state.known.get(VALUE + text, ...)
            if value is not None and value is not False:
                if state.known.get(ASKED + text) is not False:
                    continue  # the answer was yes, or is not known
            asked = (*question.args, *(each.value for each in question.keywords))
            if any(text_of(each) in texts for each in asked):
                name = dotted(question.func)
                asks = self.reach.values.of(path, scope, name) if name else None
                if asks is not None and asks.kind == FUNCTION:
                    for word in self.words((asks.path, asks.scope)):
                        found[EXCLUDED + word] = True
        return found

    def words(self, place: Place, deep: int = 0) -> frozenset[str]:
        """Give the words that decide what a small function answers."""
        if place in self._words:
            return self._words[place]
        self._words[place] = frozenset()
        read = self.functions(place)
        found: set[str] = set()
        for node in _deciding(read[1]) if read is not None else ():
            if isinstance(node, ast.Compare):
                for each in (node.left, *node.comparators):
                    found |= self._said(place, each)
            elif isinstance(node, ast.Call) and deep < _DEEPEST:
                name = dotted(node.func)
                value = self.reach.values.of(*place, name) if name else None
                if value is not None and value.kind == FUNCTION:
                    found |= self.words((value.path, value.scope), deep + 1)
        if len(found) > _MOST_WORDS:
            found = set()
        self._words[place] = frozenset(found)
        return self._words[place]

    def _said(self, place: Place, node: ast.expr) -> set[str]:
        if isinstance(node, ast.Name):
            meant = self.constant(place, node.id)
            if meant is None:
                return set()
            node = meant
        return {
            each.value
            for each in descend(node)
            if isinstance(each, ast.Constant)
            and isinstance(each.value, str)
            and len(each.value) >= _SHORTEST
        }


def is_excluded(known: Mapping[str, object]) -> bool:
    """Tell whether something must be a word here that it was said not to be."""
    words = {name[len(EXCLUDED) :] for name in known if name.startswith(EXCLUDED)}
    return bool(words) and any(
        value in words for name, value in known.items() if name.startswith(VALUE)
    )


def _deciding(function: Function) -> Iterator[ast.AST]:
    """Give what a small function's answer is made of, and what decides which it is."""
    statements = [node for node in descend(function) if isinstance(node, ast.stmt)]
    if len(statements) > _MOST_STATEMENTS:
        return
    for node in statements:
        if isinstance(node, ast.Return) and node.value is not None:
            yield from descend(node.value)
        elif isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return):
            yield from descend(node.test)


def _assigned(function: Function) -> Iterator[tuple[str, ast.expr]]:
    """Give what a constructor assigns in any case, parameters as they were given."""
    changed = {
        node.id
        for node in descend(function)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    for statement in function.body:
        if isinstance(statement, ast.Assign):
            targets: list[ast.expr] = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        value = statement.value
        if not (isinstance(value, ast.Name) and value.id not in changed):
            continue
        for target in targets:
            name = dotted(target)
            if name is not None:
                yield name, value
