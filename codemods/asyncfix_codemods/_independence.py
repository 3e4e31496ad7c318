"""Do the rounds of a loop depend on one another? What the code of the loop says.

Each question gives doubts: a refusal with the line that makes the rounds depend on
each other, or what could only be assumed. What the called function touches is
asked in `_shared`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Context, Doubt, Level
from asyncfix_codemods._items import Items
from asyncfix_codemods._rounds import Rounds, names_in, own, stored

_EAGER = "eager_task_factory"
_MUTATORS = frozenset(
    ("append", "appendleft", "extend", "extendleft", "insert", "remove", "pop",
     "popleft", "popitem", "clear", "update", "setdefault", "add", "discard", "sort",
     "reverse")
)  # fmt: skip
_EXITS = frozenset(("builtins.exit", "builtins.quit", "sys.exit", "os._exit"))
_HARMLESS = frozenset(("builtins.str", "builtins.repr"))
_LOGGING = frozenset(
    ("debug", "info", "warning", "warn", "error", "exception", "critical", "log")
)
_BY_HAND = "leave the loop as it is, or take what makes its rounds depend out of it"


def refuse(guard: str, reason: str, advice: str = _BY_HAND) -> Doubt:
    """Give a doubt that ends it."""
    return Doubt(guard, Level.MANUAL, reason, advice)


def assume(guard: str, reason: str) -> Doubt:
    """Give a doubt about what could only be assumed."""
    return Doubt(guard, Level.UNSAFE, reason, "make sure of it")


def local_doubts(context: Context, rounds: Rounds, known: Items) -> Iterator[Doubt]:
    """Give all that speaks against it in the code of the loop, one after the other."""
    yield from _eager(context)
    yield from _generator(context)
    yield from _exits(context, rounds)
    yield from _used_later(context, rounds)
    yield from _late_binding(context, rounds)
    yield from _carried(context, rounds)
    yield from _arguments(context, rounds)
    yield from _undo(context, rounds)
    yield from _in_handler(context, rounds)
    yield from _waits(context, rounds)
    yield from _before(context, rounds)
    yield from _lazy(context, rounds, known)


def _eager(context: Context) -> Iterator[Doubt]:
    """With eager tasks a call runs to its first pause when its task is made."""
    files = context.project.files
    eager = context.model.once(
        "eager", lambda: [path for path in files if files[path].holds(_EAGER)]
    )
    if eager:
        yield refuse(
            "gather-eager",
            f"{eager[0]} sets an eager task factory: each round would begin "
            "before the next task is made",
        )


def _generator(context: Context) -> Iterator[Doubt]:
    for node in own(context.function.body):
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            yield refuse(
                "gather-early-exit",
                "this is a generator: whoever reads it may stop at the yield at line "
                f"{node.lineno}; together, all rounds would have started by then",
            )
            return


def _exits(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find what leaves the loop before its last item."""
    found: list[int] = []
    loops: list[ast.AST] = []
    for node in own(rounds.body):
        if isinstance(node, (ast.Return, ast.Raise, ast.Assert)):
            found.append(node.lineno)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            loops += own(node.body)
        elif isinstance(node, ast.Call):
            if context.qualified_name(node.func) in _EXITS:
                found.append(node.lineno)
    inner = {id(node) for node in loops}
    found += [
        node.lineno
        for node in own(rounds.body)
        if isinstance(node, ast.Break) and id(node) not in inner
    ]
    otherwise = getattr(rounds.loop, "orelse", None)
    if otherwise and not found:
        found.append(otherwise[0].lineno)
    if found:
        yield refuse(
            "gather-early-exit",
            f"the loop may stop at line {min(found)}; together, all rounds would "
            "have started by then",
        )


def _used_later(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find a use of the loop's variable behind the loop."""
    if not isinstance(rounds.loop, ast.For):
        return  # a comprehension keeps its variable to itself
    inside = {id(node) for node in ast.walk(rounds.loop)}
    outer = [
        above
        for above, _ in context.tree.ancestors(rounds.loop)
        if isinstance(above, (ast.For, ast.AsyncFor, ast.While))
    ]
    again = {id(node) for loop in outer for node in ast.walk(loop)}
    for node in ast.walk(context.function):
        if not isinstance(node, ast.Name) or node.id not in rounds.names:
            continue
        if id(node) in inside or isinstance(node.ctx, ast.Store):
            continue
        later = node.lineno > rounds.last_line or id(node) in again
        if later and not _bound_again(context, node):
            yield refuse(
                "gather-loop-variable",
                f"{node.id} is used after the loop (line {node.lineno}), where it is "
                "the last item",
            )
            return


def _bound_again(context: Context, name: ast.Name) -> bool:
    """Tell whether a loop, a comprehension or a lambda round a name binds it anew."""
    for above, below in context.tree.ancestors(name):
        targets: list[ast.AST] = []
        if isinstance(above, (ast.For, ast.AsyncFor)) and below is not above.iter:
            targets.append(above.target)
        targets += [each.target for each in getattr(above, "generators", ())]
        if isinstance(above, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
            if above is context.function:
                return False
            targets.append(above.args)
            if name.id in {
                a.arg for a in ast.walk(above.args) if isinstance(a, ast.arg)
            }:
                return True
        if any(name.id in names_in(each) for each in targets):
            return True
    return False


def _late_binding(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find functions that read the loop's variable when they are called."""
    changing = rounds.names | stored(rounds.body)
    handed = {id(node) for node in ast.walk(rounds.call)}
    for node in ast.walk(context.function):
        if isinstance(node, ast.Lambda):
            if id(node) not in handed:
                continue
            body: list[ast.AST] = [node.body]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node is context.function:
                continue
            body = [*node.body]
        else:
            continue
        own_names = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        names = frozenset().union(*(names_in(each) for each in body)) - own_names
        if isinstance(node, ast.Lambda):
            read = sorted(names & changing)
        else:
            read = sorted((names & rounds.names) - stored(node.body))
        if read:
            what = "lambda" if isinstance(node, ast.Lambda) else f"function {node.name}"
            yield refuse(
                "gather-late-binding",
                f"the {what} at line {node.lineno} reads {read[0]}: every task would "
                "see its last value",
                f"bind it: lambda {read[0]}={read[0]}: ...",
            )
            return


def _carried(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find what a round makes and the next one is called with."""
    used = names_in(rounds.call) - rounds.names
    given = used & (stored(rounds.body) | _walruses(rounds.call))
    altered = {name: line for name, line in changed(rounds) if name in used}
    lines = {
        node.id: node.lineno
        for node in own(rounds.body)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    own_making = _made_first(rounds)
    for name in sorted(given | set(altered)):
        line = altered.get(name) or lines.get(name) or rounds.call.lineno
        if name in own_making and name not in altered:
            continue
        yield refuse(
            "gather-depends",
            f"each round uses {name} from the round before (line {line}): these "
            "cannot run at the same time",
        )
        return
    for name in sorted(given & own_making):
        yield refuse(
            "gather-before",
            f"each round makes {name} (line {lines[name]}) before its call begins; "
            "together, all calls would have begun by then",
            f"make {name} in the function that is called, or in the call itself",
        )
        return
    for name in sorted(rounds.names & stored(rounds.body)):
        yield refuse(
            "gather-depends",
            f"the body gives {name}, the loop's own variable, another value "
            f"(line {lines.get(name, rounds.loop.lineno)})",
        )
        return


def _made_first(rounds: Rounds) -> frozenset[str]:
    """Give the names that each round surely gives a value before its call.

    What they hold is then of this round; what it is made of is another question.
    """
    found: set[str] = set()
    for statement in rounds.before:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        else:
            continue
        found |= {each.id for each in targets if isinstance(each, ast.Name)}
    return frozenset(found)


def _walruses(node: ast.AST) -> frozenset[str]:
    found = [each for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]
    return frozenset(each.target.id for each in found)


def changed(rounds: Rounds) -> Iterator[tuple[str, int]]:
    """Give the names whose objects the body surely changes: (name, line)."""
    call = {id(node) for node in ast.walk(rounds.waiting)}
    call |= {id(node) for node in ast.walk(rounds.call)}
    for node in own(rounds.body):
        if id(node) in call:
            continue
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            if not isinstance(node.ctx, ast.Load) and (name := root(node)):
                yield name, node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in _MUTATORS and (name := root(node.func.value)):
                yield name, node.lineno
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.lineno  # a list is added to where it is


def root(node: ast.AST) -> str:
    """Give the name that an attribute or a subscript starts from."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def source_of(items: ast.expr) -> str:
    """Give the one name that items come from; nothing where there are more."""
    names = [n.id for n in ast.walk(items) if isinstance(n, ast.Name)]
    if isinstance(items, ast.Call) and isinstance(items.func, ast.Name):
        names = [name for name in names if name != items.func.id]
    return names[0] if len(set(names)) == 1 else ""


def _arguments(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find arguments that may do something, or fail, when they are evaluated."""
    call = rounds.call
    todo = [*call.args, *(each.value for each in call.keywords)]
    if isinstance(call.func, ast.Attribute):
        todo.append(call.func.value)
    if rounds.key is not None:
        todo.append(rounds.key)
    if isinstance(rounds.loop, (ast.ListComp, ast.SetComp, ast.DictComp)):
        todo += [rounds.loop.generators[0].target]
        todo += rounds.loop.generators[0].ifs
    for each in todo:
        for node in ast.walk(each):
            told = isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom))
            if isinstance(node, ast.Call):
                told = context.qualified_name(node.func) not in _HARMLESS
            if told and isinstance(node, ast.expr):
                yield refuse(
                    "gather-arguments",
                    f"{context.tree.text(node)} would be evaluated for all rounds "
                    "before the first one begins",
                    "put it into the function that is called",
                )
                return


def _undo(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find a list of what was done that a handler round the loop goes by."""
    filled = stored(rounds.body) | {name for name, _ in changed(rounds)}
    for above, below in context.tree.ancestors(rounds.loop):
        if not isinstance(above, ast.Try) or below not in above.body:
            continue
        handlers = [each for h in above.handlers for each in h.body]
        for node in own([*handlers, *above.finalbody]):
            if isinstance(node, ast.Name) and node.id in filled:
                if isinstance(node.ctx, ast.Load):
                    yield refuse(
                        "gather-undo",
                        f"{node.id} records what to undo at line {node.lineno}; later "
                        "steps must not have started",
                    )
                    return


def _in_handler(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find a loop that takes back what was done, or cleans up: its order may count."""
    for above, below in context.tree.ancestors(rounds.loop):
        if above is context.function:
            return
        if isinstance(above, ast.ExceptHandler) or below in getattr(
            above, "finalbody", ()
        ):
            line = getattr(above, "lineno", 0)
            what = (
                "a handler" if isinstance(above, ast.ExceptHandler) else "a `finally`"
            )
            yield refuse(
                "gather-undo",
                f"the loop stands in {what} (line {line}): what is taken back or "
                "cleaned up there may have to be in this order",
            )
            return


def _waits(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find other waits in a round: a pause between the calls is a rate limit."""
    for node in own(rounds.body):
        if isinstance(node, ast.Call):
            name = context.qualified_name(node.func) or ""
            last = name or ast.unparse(node.func)
            if last.rpartition(".")[2] in ("sleep", "throttle", "rate_limit"):
                yield refuse(
                    "gather-pacing",
                    f"the {context.tree.text(node.func)} at line {node.lineno} spaces "
                    "the calls out; running them together would undo that",
                )
                return
    for node in own(rounds.body):
        if not isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            continue
        if not isinstance(node, ast.Await) or node.value is not rounds.waiting:
            yield refuse(
                "gather-pacing",
                f"each round waits for something else, too (line {node.lineno}): "
                "it may be what spaces the calls out",
            )
            return


def _before(context: Context, rounds: Rounds) -> Iterator[Doubt]:
    """Find what each round does before its call begins, but for a word about it."""
    for statement in rounds.before:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Constant):
            continue
        if isinstance(call, ast.Call):
            owner = call.func.value if isinstance(call.func, ast.Attribute) else None
            logs = (
                isinstance(call.func, ast.Attribute)
                and call.func.attr in _LOGGING
                and "log" in ast.unparse(owner or call.func).lower()
            )
            if logs or context.qualified_name(call.func) == "builtins.print":
                continue
        yield refuse(
            "gather-before",
            f"line {statement.lineno} is done before each call begins; together, all "
            "calls would have begun by then",
        )
        return


def _lazy(context: Context, rounds: Rounds, known: Items) -> Iterator[Doubt]:
    """Find items that are made, or that change, while the loop runs."""
    text = context.tree.text(rounds.items)
    source = source_of(rounds.items)
    grown = [line for name, line in changed(rounds) if name == source]
    if known.lazy or (source and grown):
        where = f" (line {grown[0]})" if grown else ""
        yield refuse(
            "gather-lazy",
            f"{text} is read while the loop runs{where}; the tasks may still change it",
            f"take list({text}) first, if it is complete by then",
        )
    elif not known.proven:
        yield assume(
            "gather-lazy",
            f"what {text} is is not known: an iterator would be read to its end first",
        )
