"""What names stand for on a way through a function, and what is known there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from asyncfix.conditions import NO_ANSWER, OneOf, literal, taken, truth
from asyncfix.held import GETS, NAMED, VALUE, assume, is_telling
from asyncfix.nodes import descend
from asyncfix.says import replaced, said_as, with_constants
from asyncfix.tree import text_of


class Asks(NamedTuple):
    """What is asked about the code that a function calls."""

    constant: Callable[[str], ast.expr | None]
    """Gives what a name stands for that is a constant."""
    answer: Callable[[ast.Call, State], ast.expr | None]
    """Gives what a call surely gives, in the words of the function's start."""
    sets: Callable[[ast.Call, State], frozenset[str] | None]
    """Gives the attributes of its object that a method sets, None if not known."""


def nothing(*_: object) -> None:
    """Know nothing, whatever is asked."""


class State(NamedTuple):
    """What names stand for, and what is known, in words of the function's start.

    A name that stands for something of its own has a `%` in it.
    """

    names: dict[str, ast.expr]
    known: dict[str, object]
    calls: dict[str, ast.Call]
    """What was called for an answer, by the dump of what stands for it."""
    asks: Asks
    parts: dict[str, tuple[ast.Call, int]]
    """The same for `a, b = call()`, with the place in the answer."""
    made: dict[str, ast.expr]
    """What was assigned, as it is written, by the dump of what stands for it."""

    def copy(self) -> State:
        """Give one that can change alone."""
        return self._replace(names=dict(self.names), known=dict(self.known))

    def handed_on(self) -> dict[str, object]:
        """Give what is known and holds now, not only where the function starts.

        Whoever is called sees an attribute as it is: what was known of it before
        it was set is no answer there.
        """
        changed = [text_of(attribute(name)) for name in self.names if "." in name]
        if not changed:
            return self.known
        return {
            name: value
            for name, value in self.known.items()
            if not any(each in name for each in changed)
        }

    def assume(self, test: ast.expr, holds: bool) -> None:
        """Note that a condition holds, or that it does not."""
        said = self.say(test)
        for node in descend(said):
            if isinstance(node, ast.Call):
                self.calls[text_of(node)] = node
        assume(said, holds, self.known)

    def say(self, node: ast.expr) -> ast.expr:
        """Give an expression in the words of the function's start."""
        return said_as(node, self.names) if self.names else node

    def truth(self, test: ast.expr) -> bool | None:
        """Tell whether a condition surely holds here, or surely not."""
        said = self.say(test)
        answer = truth(said, self.known)
        if answer is None and self.known:
            meant = with_constants(said, self.known, self.asks.constant)
            if meant is not said:
                answer = truth(meant, self.known)
        if answer is None:
            told = self.told(said)
            if told is not said:
                meant = with_constants(told, self.known, self.asks.constant)
                answer = truth(meant, self.known)
        return truth(test, {}) if answer is None and said is not test else answer

    def means_the_same(self, name: str, said: ast.expr) -> bool:
        """Tell a name that is set anew, and means what it did; see `namesakes`."""
        known = self.known
        return NAMED + name in known and literal(said, known) is NO_ANSWER

    def got(self, said: ast.expr) -> ast.expr:
        """Give the literal that `options.get("key")` is known to give, or the call."""
        function = said.func if isinstance(said, ast.Call) else None
        if isinstance(function, ast.Attribute) and function.attr in GETS and self.known:
            value = self.known.get(VALUE + text_of(said), said)
            if value is None or isinstance(value, (str, bool, int)):
                return ast.Constant(value)
        return said

    def chosen(self, node: ast.expr) -> ast.expr:
        """Give the part that surely is what an expression comes to; see `taken`."""
        while isinstance(node, ast.IfExp):
            holds = self.truth(node.test)
            if holds is None:
                break
            node = node.body if holds else node.orelse
        return taken(self.told(self.say(node)), self.known)

    def told(self, said: ast.expr) -> ast.expr:
        """Put in what functions of the project surely answered."""
        return replaced(said, self._answer)

    def _answer(self, node: ast.expr) -> ast.expr | None:
        if isinstance(node, ast.Call):
            return self.asks.answer(node, self)
        text = text_of(node)
        if text in self.parts:
            call, place = self.parts[text]
            answer = self.asks.answer(call, self)
            every = answer.elts if isinstance(answer, ast.Tuple) else ()
            return every[place] if place < len(every) else None
        return self.asks.answer(self.calls[text], self) if text in self.calls else None

    def set_on(self, owner: str, wanted: Collection[str]) -> dict[str, object]:
        """Give the attributes of an object that were just set to literals."""
        found: dict[str, object] = {}
        for name, stands in self.names.items():
            first, _, attribute = name.partition(".")
            if first == owner and attribute in wanted:
                value = literal(stands, self.known)
                if value is None or isinstance(value, (bool, int, float, str, bytes)):
                    found[attribute] = value
        return found

    @classmethod
    def at_start(cls, known: Mapping[str, object], asks: Asks) -> State:
        """Give what there is when a function is called; see `before`."""
        state = cls({}, dict(known), {}, asks, {}, {})
        for name, value in known.items():
            first, _, last = name.partition(".")
            word = isinstance(value, (str, OneOf))
            if word and name.isidentifier() and is_telling(name):
                state.known.setdefault(NAMED + name, value)
            if first.isidentifier() and last.isidentifier():
                state.names[name] = ast.Constant(value)  # type: ignore[arg-type]  # a literal
        return state


def attribute(name: str) -> ast.expr:
    first, *steps = name.split(".")
    node: ast.expr = ast.Name(first, ast.Load())
    for step in steps:
        node = ast.Attribute(node, step, ast.Load())
    return node
