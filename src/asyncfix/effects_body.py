"""One function, looked through for what it touches; its calls left to `effects_calls`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from asyncfix.effects_special import run_by
from asyncfix.effects_tree import Around, Span, annotation, children, ends, span
from asyncfix.effects_words import Words
from asyncfix.origins import is_text, key, nodes
from asyncfix.touches import (
    CONTAINER,
    EMPTY,
    GLOBAL,
    ITERATED,
    OWN,
    READ,
    TEXT,
    UNKNOWN,
    WRITTEN,
    Gathered,
    Item,
    Origin,
    Place,
    Summary,
    either,
    in_order,
    merged,
)
from asyncfix.tree import dotted
from asyncfix.value import (
    CLASS,
    CONTEXT,
    FUNCTION,
    MODULE,
    OBJECT,
    OUTSIDE,
)

if TYPE_CHECKING:
    pass

_CODE = (CLASS, FUNCTION, MODULE, OUTSIDE)
_ENTERED = ("__enter__", "__exit__")
_ENTERED_ASYNC = (*_ENTERED, "__aenter__", "__aexit__")
_DISPLAYS = (ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp)
_ALWAYS_TEXT = (ast.Constant, ast.JoinedStr, ast.BinOp)


class Body(Words):
    """One function of the project, and what it does."""

    def call(self, node: ast.Call) -> tuple[Summary, Origin]:
        """Give what a call touches in the words of this function, and what it gives."""
        if node in self._busy:
            return EMPTY, OWN  # `x = f(x)`: it adds nothing to what x may be
        self._busy.add(node)
        try:
            return self.effects.calls.of(self, node)
        finally:
            self._busy.discard(node)

    # -- what the function does ----------------------------------------------

    def summary(self) -> Summary:
        """Give all that the function touches."""
        scope = self.scopes[self.scope]
        todo: list[tuple[ast.AST, Around]] = [
            (each, Around()) for each in reversed(self.function.body)
        ]
        returned: list[Origin] = []
        while todo:
            node, around = todo.pop()
            self._node(node, around)
            if (isinstance(node, ast.Return) and node.value is not None) or (
                isinstance(node, (ast.Yield, ast.YieldFrom)) and node.value
            ):
                returned.append(self.origins.of(node.value))
            todo.extend(reversed(children(node, around)))
        return self.gathered.summary(
            scope.yields and not scope.is_async, either(returned)
        )

    def statement(
        self, wanted: ast.stmt | ast.expr, without: tuple[int, int] | None
    ) -> Summary:
        """Give what a statement of the function touches, `without` a target in it.

        An expression will do, too. Raises LookupError where none stands at its place.
        """
        node = self.same(wanted)
        self.gathered = Gathered()
        self._look([node], without)
        return self.gathered.summary(False, TEXT)

    def same(self, wanted: ast.stmt | ast.expr) -> ast.AST:
        """Give the function's own node for one that was read elsewhere.

        Raises LookupError where none stands at its place.
        """
        for node in nodes(self.function):
            if type(node) is type(wanted) and ends(node) == ends(wanted):
                return node
        raise LookupError(f"nothing of the kind at line {wanted.lineno}")

    def _look(
        self,
        body: Sequence[ast.AST],
        without: tuple[int, int] | None = None,
        left_out: Span | None = None,
    ) -> list[Origin]:
        """Note what some code touches; gives where what it returns comes from."""
        todo: list[tuple[ast.AST, Around]] = [(each, Around()) for each in body]
        returned: list[Origin] = []
        while todo:
            node, around = todo.pop()
            if left_out and isinstance(node, ast.Call) and span(node) == left_out:
                continue
            if without and isinstance(getattr(node, "ctx", None), ast.Store):
                if (
                    getattr(node, "lineno", 0),
                    getattr(node, "col_offset", 0),
                ) == without:
                    continue
            self._node(node, around)
            if (isinstance(node, ast.Return) and node.value is not None) or (
                isinstance(node, (ast.Yield, ast.YieldFrom)) and node.value
            ):
                returned.append(self.origins.of(node.value))
            todo.extend(children(node, around))
        return returned

    def beside(self, code: Sequence[ast.AST], without: ast.AST | None) -> Summary:
        """Give what some code of the function touches; `without` is left out of it.

        Both are told by their positions. What the code goes through is noted, too.
        """
        wanted = {span(each) for each in code}
        left_out = span(without) if without is not None else None
        self.gathered = Gathered()
        for node in nodes(self.function):
            if isinstance(node, (ast.expr, ast.stmt)) and span(node) in wanted:
                wanted.discard(span(node))
                self._look([node], left_out=left_out)
        return self.gathered.summary(False, TEXT)

    def calls_in_turn(self) -> dict[Span, Summary]:
        """Give what each call touches, and each attribute that runs code, by its span."""
        found: dict[Span, Summary] = {}
        for node in nodes(self.function):
            if isinstance(node, ast.Call):
                found[span(node)] = self.call(node)[0]
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                made = list(self._run_by(node))
                if made:
                    found[span(node)] = merged(made)
        return found

    def _run_by(self, node: ast.Attribute) -> Iterator[Summary]:
        """Give what reading an attribute touches, if it is a property."""
        owner = self.value(node.value)
        if owner is not None and owner.kind == OBJECT:
            for each in self.effects.property(owner, node.attr):
                summary = self.effects.of(each)
                yield self.placed(summary, node, each, {}, node.value)

    def _node(self, node: ast.AST, around: Around) -> None:
        self._special(node, around)
        if isinstance(node, ast.Call):
            summary, _ = self.call(node)
            self.take(summary, around)
            self._called.add(node.func)
        elif isinstance(node, (ast.Attribute, ast.Subscript, ast.Name)):
            if isinstance(node.ctx, ast.Load):
                if node not in self._called:  # the name of what is called is no value
                    self._read(node)
            else:
                self._write(node)
        elif isinstance(node, ast.AugAssign):
            self._augmented(node)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._iterated(node.iter, around)
            if self.effects.awaits:
                for name in ("__aiter__", "__anext__"):
                    self.take(self.effects.calls.special(self, node.iter, name), around)
        elif isinstance(node, (ast.Starred, ast.YieldFrom)):
            self._iterated(node.value, around)
        elif isinstance(node, ast.Compare):
            for operator, each in zip(node.ops, node.comparators, strict=True):
                if isinstance(operator, (ast.In, ast.NotIn)):
                    self._iterated(each, around)
        elif isinstance(node, ast.withitem):
            for name in _ENTERED if not self.effects.awaits else _ENTERED_ASYNC:
                self.take(
                    self.effects.calls.special(self, node.context_expr, name), around
                )
            if not self.effects.awaits and self._is_anybodys(node.context_expr):
                what = f"{self.text(node.context_expr)}.__enter__"
                self.note("unknown", what, node.context_expr)
        elif isinstance(node, ast.Raise):
            self._raised(node, around)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            pass  # what a module does when it is imported, it does once

    def _is_anybodys(self, node: ast.expr) -> bool:
        """Tell whether nobody knows what is entered, and no library has made it."""
        value = self.value(node)
        made = self.value(node.func) if isinstance(node, ast.Call) else None
        if value is None:
            return made is None or made.kind != OUTSIDE
        if value.kind == OBJECT:
            found = self.values.attribute(value, "__enter__")
            if found is None or found.kind != FUNCTION:
                return True
            return self.effects.is_open(found.path, found.scope)
        if value.kind != CONTEXT or made is None:
            return value.kind == CONTEXT
        # What a generator does is looked at where it is called.
        is_own = made.kind == FUNCTION
        return is_own and not self.scopes_of(made.path)[made.scope].yields

    def _special(self, node: ast.AST, around: Around) -> None:
        """Note what methods do that operators, tests and texts run."""
        for expression, names in run_by(node):
            for name in names:
                self.take(self.effects.calls.special(self, expression, name), around)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner = self.value(node.value)
            if owner is not None and owner.kind == OBJECT:
                found = self.values.attribute(owner, node.attr)
                if found is not None and found.kind == OBJECT:
                    if self.values.attribute(found, "__get__") is not None:
                        self.note("unknown", f"{self.text(node)}, a descriptor,", node)
                if found is None:
                    made_up = self.effects.calls.special(
                        self, node.value, "__getattr__"
                    )
                    self.take(made_up, around)

    def _read(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name) and node.id not in self.origins.parameters:
            # Whatever is done with it: `getattr(local, "user", None)`.
            if name := self.effects.of_thread(self.value(node)):
                self.used("threads", name, self.origins.of(node), node)
        if isinstance(node, ast.Attribute):
            for summary in self._run_by(node):
                self.take(summary, Around())
            if name := self.effects.of_thread(self.value(node.value)):
                what = f"{name}.{node.attr}"
                self.used("threads", what, self.origins.of(node.value), node)
        if isinstance(node, ast.Subscript) and self.origins.of(node.value).plain == 0:
            self.take(
                self.effects.calls.special(self, node.value, "__getitem__"), Around()
            )
        self._touched(self.origins.of(node), READ, node)

    def _write(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            if node.id in self.origins.declared:
                self._touched(self.outer(node), WRITTEN, node)
            return
        assert isinstance(node, (ast.Attribute, ast.Subscript))
        if isinstance(node, ast.Attribute):
            owner = self.value(node.value)
            if owner is not None and owner.kind in (MODULE, CLASS, FUNCTION):
                known = self.property(node)
                full = owner.name or self.scopes_of(owner.path)[owner.scope].name
                place = Place(GLOBAL, f"{owner.path}:{full}", (f".{node.attr}",))
                self._touched(
                    known if known and known.places else Origin(frozenset((place,))),
                    WRITTEN,
                    node,
                )
                return
            if owner is not None and owner.kind == OUTSIDE:
                place = Place(GLOBAL, f":{owner.name}", (f".{node.attr}",))
                self._touched(Origin(frozenset((place,))), WRITTEN, node)
                return
            step, field = f".{node.attr}", self.field(node)
        else:
            step, field = key(node), None
            if (
                isinstance(node.ctx, ast.Store)
                and self.origins.of(node.value).plain == 0
            ):
                self.take(
                    self.effects.calls.special(self, node.value, "__setitem__"),
                    Around(),
                )
            if self.effects.is_environment(self.value(node.value)):
                self.note("threads", "os.environ", node)
        origin = self.origins.of(node.value)
        places = frozenset(
            each.then((step,), each.field if step[0] == "[" else field)
            for each in origin.places
        )
        self._touched(Origin(places), WRITTEN, node)

    def _augmented(self, node: ast.AugAssign) -> None:
        """Note `rows += more`, which changes the list that rows is."""
        target = node.target
        if not isinstance(target, ast.Name) or target.id in self.origins.declared:
            return
        first = self.origins.parameters.get(target.id)
        value = self.origins.of(node.value)
        if isinstance(node.value, _ALWAYS_TEXT) or (
            value.plain == 2 and not value.places
        ):
            return
        if first is None:
            # A local that is another name of it, if it surely is a container.
            if (
                not isinstance(node.value, _DISPLAYS)
                and self.plain(target) != CONTAINER
            ):
                return
        elif is_text(annotation(self.function, target.id)):
            return
        self._touched(self.origins.names[target.id], WRITTEN, node)

    def _iterated(self, node: ast.expr, around: Around) -> None:
        origin = self.origins.of(node)
        self.changed(origin, node, ITERATED)
        for each in origin.places:
            if each.field and each.steps[-1:] == (f".{each.field[2]}",):
                if self.effects.kinds.is_stepped(each.field):
                    self.changed(Origin(frozenset((each,))), node)
        self.consumed(self.gathered, node)
        self.take(self.effects.calls.special(self, node, "__iter__"), around)

    def consumed(self, gathered: Gathered, node: ast.expr) -> None:
        """Note that something is gone through which may be an iterator of many."""
        if self.effects.awaits and self.plain(node) == UNKNOWN:
            value = self.value(node)
            if value is not None and value.kind == OBJECT:
                return  # its methods are followed
            line = getattr(node, "lineno", 0)
            what = f"going through {self.text(node)}"
            for place in in_order(self.origins.of(node).places):
                gathered.add("unknown", Item(what, self.path, line, (), 0, place))

    def _raised(self, node: ast.Raise, around: Around) -> None:
        if node.exc is None:
            if not around.handles:
                self.note("exceptions", "raise", node)
            return
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if dotted(raised) == "StopIteration" and not around.stops:
            if not self.scopes[self.scope].yields:
                self.note("stops", "raise StopIteration", node)
