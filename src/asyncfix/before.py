"""What is known where a call stands in a function, or that it is not reached.

The statements before the call are gone through in their order, branches that are
surely not taken left out. A name is followed as what it stands for in the words
of the function's start (`prefix` is `model.split("/")[0]`), so that a question
is known again under another name, and a parameter that gets a new value is not
mistaken for what was handed over. What a loop or a branch may change stands for
something of its own. The work is that of one walk over the function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import partial

from asyncfix.conditions import (
    Function,
    Known,
    OneOf,
    taken,
)
from asyncfix.held import question
from asyncfix.loopless import finds_the_loop, is_without_loop
from asyncfix.nodes import descend
from asyncfix.promised import promised
from asyncfix.says import (
    COMPREHENSIONS,
    bound,
    is_lasting,
    touched,
    used,
)
from asyncfix.stands import Asks, State
from asyncfix.tree import Tree, dotted, text_of

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)
_NONE = ast.Constant(None)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_STARTS_A_LOOP = ("run_until_complete", "run_forever")
_NEVER_COMES_BACK = ("asyncio.run", "sys.exit", "os._exit", "os.abort")


def before(
    tree: Tree, function: Function, call: ast.AST, known: Known, asks: Asks
) -> State | None:
    """Give what is known where a call stands; None if it is surely not reached.

    `known` is what is known when the function is called: see `held`. Among it may
    be what an attribute of the object was just set to, by its name (`self.a`).
    """
    way = []
    for above, below in tree.ancestors(call):
        way.append((above, below))
        if above is function:
            break
    known = {**tree.once(("promised", function), partial(promised, function)), **known}
    state = State.at_start(known, asks)
    walk = _Walk(tree, function)
    for name in walk.wild:
        state.names[name] = ast.Name(f"{name}%", ast.Load())
    for above, below in reversed(way):
        if not walk.enter(above, below, state):
            return None
    return state


class _Walk:
    """One way through one function."""

    def __init__(self, tree: Tree, function: Function) -> None:
        self.tree = tree
        # What blocks in a coroutine is told, whatever it does before.
        self.is_coroutine = isinstance(function, ast.AsyncFunctionDef)
        args = function.args
        first = (*args.posonlyargs, *args.args)[:1]
        self.self = first[0].arg if first else ""
        every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg)
        self.parameters = {each.arg for each in (*every, args.kwarg) if each}
        self.wild = tree.once(("wild", function), partial(_wild, function))

    # -- on the way to the call ---------------------------------------------

    def enter(self, above: ast.AST, below: ast.AST, state: State) -> bool:
        """Go from a node to one in it; False if that is surely not done."""
        if isinstance(above, (ast.If, ast.IfExp)):
            if below is not above.test:
                wanted = _is_in(below, above.body)
                if state.truth(above.test) is (not wanted):
                    return False
                self._walrus(above.test, state)
                state.assume(above.test, wanted)
        elif isinstance(above, _LOOPS):
            if not self._enter_loop(above, below, state):
                return False
        elif isinstance(above, ast.BoolOp):
            every = isinstance(above.op, ast.And)
            for value in above.values:
                if value is below:
                    break
                if state.truth(value) is (not every):
                    return False
                state.assume(value, every)
        elif isinstance(above, ast.Try):
            if not self._enter_try(above, below, state):
                return False
        elif isinstance(above, ast.ExceptHandler):
            self._forget([above.name or ""], above, state)
        elif isinstance(above, (ast.With, ast.AsyncWith)):
            for item in above.items:
                if item is not below and item.optional_vars is not None:
                    self._forget(bound(self.tree, item), above, state)
        elif isinstance(above, ast.match_case):
            self._forget(bound(self.tree, above.pattern), below, state)
        elif isinstance(above, COMPREHENSIONS):
            self._enter_comprehension(above, below, state)
        elif isinstance(above, ast.comprehension):
            if below is not above.iter:
                self._each(above, above, state)
        elif isinstance(above, ast.Lambda):
            names = [
                each.arg for each in descend(above.args) if isinstance(each, ast.arg)
            ]
            self._forget(names, above, state)
        block = _block(above, below)
        return block is None or self.run(block, state, below)

    def _enter_loop(self, loop: ast.stmt, below: ast.AST, state: State) -> bool:
        self._touch(loop, state)
        if not isinstance(loop, (ast.For, ast.AsyncFor)):
            self._forget(bound(self.tree, loop), loop, state)
            test = getattr(loop, "test")  # noqa: B009
            if _is_in(below, getattr(loop, "body")):  # noqa: B009
                if state.truth(test) is False:
                    return False
                state.assume(test, True)
        elif below is not loop.iter:
            every = state.say(loop.iter)
            self._forget(bound(self.tree, loop), loop, state)
            self._one_of(loop.target, every, state)
        return True

    def _one_of(self, target: ast.expr, every: ast.expr, state: State) -> None:
        """Note what a loop over literals gives its names."""
        if isinstance(every, ast.Name):
            every = state.asks.constant(every.id) or every
        if not isinstance(every, (ast.Tuple, ast.List, ast.Set)):
            return
        if isinstance(target, ast.Name):
            stands = state.names.get(target.id)
            values = [each for each in every.elts if isinstance(each, ast.Constant)]
            if isinstance(stands, ast.Name) and len(values) == len(every.elts) > 0:
                state.known[stands.id] = OneOf(each.value for each in values)
        elif isinstance(target, ast.Tuple):
            rows = [each.elts for each in every.elts if isinstance(each, ast.Tuple)]
            wanted = len(target.elts)
            if len(rows) == len(every.elts) and all(len(r) == wanted for r in rows):
                for place, name in enumerate(target.elts):
                    column = ast.Tuple([row[place] for row in rows], ast.Load())
                    self._one_of(name, column, state)

    def _enter_try(self, above: ast.Try, below: ast.AST, state: State) -> bool:
        if isinstance(below, ast.ExceptHandler):
            self._forget(bound(self.tree, *above.body), above, state)
            return not is_without_loop(below, above)
        if _is_in(below, above.orelse):
            return self.run(above.body, state)
        if _is_in(below, above.finalbody):
            self._forget(bound(self.tree, above), above, state)
        return True

    def _enter_comprehension(
        self, above: ast.AST, below: ast.AST, state: State
    ) -> None:
        for each in getattr(above, "generators", ()):
            if each is below:
                return
            self._each(each, above, state)
            for test in each.ifs:
                state.assume(test, True)

    def _each(self, loop: ast.comprehension, at: ast.AST, state: State) -> None:
        every = state.say(loop.iter)
        self._forget(bound(self.tree, loop.target), at, state)
        self._one_of(loop.target, every, state)

    # -- what is done before ------------------------------------------------

    def run(
        self, block: list[ast.stmt], state: State, until: ast.AST | None = None
    ) -> bool:
        """Go through a block; False if it is surely left on the way."""
        for statement in block:
            if statement is until:
                break
            if not self._step(statement, state):
                return False
        return True

    def _step(self, statement: ast.stmt, state: State) -> bool:
        if isinstance(statement, _ENDS):
            return False
        if isinstance(statement, _SIMPLE):
            self._use(statement, state)
        if isinstance(statement, ast.Expr):
            self._walrus(statement.value, state)
            return not self._never_comes_back(statement.value)
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            return self._assign(statement, state)
        if isinstance(statement, ast.If):
            return self._if(statement, state)
        if isinstance(statement, ast.Try):
            return self._try(statement, state)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            names = bound(self.tree, statement)
            known = [each for each in names if each in self.parameters | {*state.names}]
            self._forget(known, statement, state)
        elif not isinstance(statement, ast.Pass):
            self._touch(statement, state)
            self._forget(bound(self.tree, statement), statement, state)
        return True

    def _assign(self, statement: ast.Assign | ast.AnnAssign, state: State) -> bool:
        value = statement.value
        if value is None:
            return True
        self._walrus(value, state)
        targets: list[ast.expr] = []
        if isinstance(statement, ast.AnnAssign):
            targets.append(statement.target)
        else:
            targets += statement.targets
        said = state.got(taken(state.say(value), state.known))
        for target in targets:
            self._bind(target, said, statement, state)
            if isinstance(target, ast.Name) and target.id not in self.wild:
                stands = state.names.get(target.id)
                if isinstance(stands, ast.Name) and "%" in stands.id:
                    state.made.setdefault(text_of(stands), value)
        return not self._never_comes_back(value)

    def _bind(
        self, target: ast.expr, said: ast.expr, at: ast.stmt, state: State
    ) -> None:
        if isinstance(target, (ast.Tuple, ast.List)) and isinstance(said, ast.Tuple):
            pairs = [*zip(target.elts, said.elts, strict=False)]
            starred = any(
                isinstance(each, ast.Starred) for pair in pairs for each in pair
            )
            if len(target.elts) == len(said.elts) and not starred:
                for inner, value in pairs:
                    self._bind(inner, value, at, state)
                return
        name = dotted(target)
        if (
            name is None
            or name in self.wild
            or not is_lasting(said)
            or state.means_the_same(name, said)
        ):
            self._forget(bound(self.tree, target), at, state)
            stands = state.names.get(name or "")
            if stands is not None and isinstance(said, ast.Call):
                state.calls[text_of(stands)] = said
            elif isinstance(target, ast.Tuple) and isinstance(said, ast.Call):
                for place, each in enumerate(target.elts):
                    stands = state.names.get(dotted(each) or "")
                    if stands is not None:
                        state.parts[text_of(stands)] = said, place
            return
        _drop(name, state)
        state.names[name] = said

    def _if(self, statement: ast.If, state: State) -> bool:
        holds = state.truth(statement.test)
        self._walrus(statement.test, state)
        if holds is not None:
            return self.run(statement.body if holds else statement.orelse, state)
        other = state.copy()
        state.assume(statement.test, True)
        other.assume(statement.test, False)
        alive = self.run(statement.body, state)
        if not self.run(statement.orelse, other):
            return alive
        if not alive:
            _become(state, other)
        else:
            self._join(state, other, statement)
        return True

    def _try(self, statement: ast.Try, state: State) -> bool:
        start = state.copy()
        alive = self.run(statement.body, state) and self.run(statement.orelse, state)
        for handler in statement.handlers:
            if is_without_loop(handler, statement):
                continue
            other = start.copy()
            names = [*bound(self.tree, *statement.body), handler.name or ""]
            self._forget(names, statement, other)
            if not self.run(handler.body, other):
                continue
            if alive:
                self._join(state, other, statement)
            else:
                _become(state, other)
                alive = True
        return alive and self.run(statement.finalbody, state)

    def _touch(self, node: ast.AST, state: State) -> None:
        """Forget the attributes of what runs a method of its own, or is handed over."""
        for name, calls in self.tree.once(("touched", node), partial(touched, node)):
            start = f"{name}."
            held = [each for each in state.names if each.startswith(start)]
            if held and calls is not None and name == self.self:
                changed = [state.asks.sets(call, state) for call in calls]
                known = [each for each in changed if each is not None]
                if len(known) == len(changed):
                    every = frozenset[str]().union(*known)
                    held = [each for each in held if each.split(".")[1] in every]
            self._forget(held, node, state)

    def _walrus(self, node: ast.expr, state: State) -> None:
        self._touch(node, state)
        if isinstance(node, ast.NamedExpr) and finds_the_loop(node.value):
            state.names[node.target.id] = node.value
        elif not isinstance(node, (ast.Name, ast.Constant)):
            self._forget(bound(self.tree, node), node, state)

    def _use(self, statement: ast.stmt, state: State) -> None:
        """Note that what an attribute is taken of is not None."""
        for name in self.tree.once(("used", statement), partial(used, statement)):
            said = state.names.get(name) or ast.Name(name, ast.Load())
            known = name in self.parameters or name in state.names
            if known and isinstance(said, ast.Name):
                asked = question(ast.Compare(said, [ast.Is()], [_NONE]))[0]
                state.known.setdefault(asked, False)

    def _never_comes_back(self, node: ast.expr) -> bool:
        """Tell a call that raises, as here a loop runs already, or ends the program."""
        if not isinstance(node, ast.Call) or self.is_coroutine:
            return False
        if isinstance(node.func, ast.Attribute) and node.func.attr in _STARTS_A_LOOP:
            return True
        return dotted(node.func) in _NEVER_COMES_BACK

    def _forget(self, names: Iterable[str], at: ast.AST, state: State) -> None:
        """Let names stand for something of their own from here on."""
        for name in names:
            if name:
                _drop(name, state)
                line = getattr(at, "lineno", 0)
                column = getattr(at, "col_offset", 0)
                own = f"{name.replace('.', '%')}%{line}.{column}"
                state.names[name] = ast.Name(own, ast.Load())

    def _join(self, state: State, other: State, at: ast.stmt) -> None:
        """Keep what two ways agree on."""
        differ = [
            name
            for name in {**state.names, **other.names}
            if _text(state.names.get(name)) != _text(other.names.get(name))
        ]
        self._forget(differ, at, state)
        for name, value in [*state.known.items()]:
            if name not in other.known or other.known[name] is not value:
                del state.known[name]


def comes_to_end(tree: Tree, function: Function, known: Known, asks: Asks) -> bool:
    """Tell whether a function may end without a `return` of its own."""
    walk = _Walk(tree, function)
    return walk.run(function.body, State.at_start(known, asks))


def _become(state: State, other: State) -> None:
    for mine, theirs in ((state.names, other.names), (state.known, other.known)):
        mine.clear()
        mine.update(theirs)  # type: ignore[arg-type]  # each of its own kind


def _drop(name: str, state: State) -> None:
    for each in [each for each in state.names if each.startswith(name + ".")]:
        del state.names[each]


def _text(node: ast.expr | None) -> str:
    return "" if node is None else text_of(node)


def _block(above: ast.AST, below: ast.AST) -> list[ast.stmt] | None:
    """Give the statements of a node that a statement in it is one of."""
    if isinstance(below, ast.stmt):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(above, name, None)
            if isinstance(block, list) and _is_in(below, block):
                return block
    return None


def _is_in(node: ast.AST, body: object) -> bool:
    if isinstance(body, list):
        return any(each is node for each in body)
    return body is node


def _wild(function: Function) -> tuple[str, ...]:
    """Give the names that others may change at any time."""
    return tuple(
        name
        for node in descend(function)
        if isinstance(node, (ast.Global, ast.Nonlocal))
        for name in node.names
    )
