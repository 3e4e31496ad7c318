"""Do the rounds of a loop depend on one another? What the called function touches.

Goes by `Effects`, through the project: what is read and written outside the round's
own objects, what cannot be followed, connections, context variables, and whether
the function can stop the work by a `raise`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property

from asyncfix import Context, Doubt, touches
from asyncfix_codemods._beside import Beside
from asyncfix_codemods._called import coroutine_function, use_of
from asyncfix_codemods._independence import assume, refuse, root, source_of
from asyncfix_codemods._items import Items
from asyncfix_codemods._places import is_in, is_receiver, overlap
from asyncfix_codemods._rounds import Rounds, names_in, own
from asyncfix_codemods._stops import changes_files, changes_outside, stop_of

# Objects that one call at a time may use.
CONNECTIONS = re.compile(
    r"^(?:asyncio\.(?:Stream(?:Reader|Writer)|subprocess\.Process|Transport)\b"
    r"|aiohttp\.(?:ClientWebSocketResponse|web\.WebSocketResponse)"
    r"|(?:starlette|fastapi)\.\w*\.?WebSocket\b|websockets\.|websocket\."
    r"|sqlalchemy\.(?:ext\.asyncio\.Async(?:Session|Connection)|orm\.Session|engine\.Connection)"
    r"|sqlmodel\.|asyncpg\.(?:connection\.)?Connection|psycopg\.|aiosqlite\.|sqlite3\."
    r"|aiomysql\.(?:Connection|Cursor)|asyncmy\.|aioodbc\.|oracledb\.|aiofiles\."
    r"|io\.|socket\.|ssl\.|serial|telnetlib|asyncssh\.|paramiko\.|aio_pika\.|smtplib\."
    r"|aiosmtplib\.|ftplib\.|aioftp\.|imaplib\.|playwright\.|pyppeteer\.)"
)
_CONNECTION_NAMES = re.compile(
    r"(?i)^_*(?:\w*_)?(?:conn|connection|cursor|cur|ws|websocket|sock|socket|reader|writer"
    r"|stream|transport|session|db|tx|txn|transaction|channel|proc|process|pipe|serial"
    r"|stdin|stdout|page|browser|port)$"
)
_POOLS = re.compile(r"(?:Engine|Pool|Client|Redis|sessionmaker)$")
POOLED = ("aiohttp.ClientSession.", "httpx.AsyncClient.")
_POOL = 100
# asyncio's own that have nothing to do with who is first.
NEUTRAL = frozenset(
    ("sleep", "create_task", "gather", "wait_for", "wait", "shield", "to_thread", "timeout",
     "timeout_at", "get_running_loop", "get_event_loop", "current_task", "ensure_future",
     "iscoroutine", "iscoroutinefunction", "run_in_executor", "create_future", "time",
     "TaskGroup", "Lock", "Semaphore", "BoundedSemaphore", "acquire", "release", "locked",
     "open_connection", "create_subprocess_exec", "create_subprocess_shell", "result")
)  # fmt: skip


class Shared:
    """What the call of each round shares with the other rounds."""

    def __init__(self, context: Context, rounds: Rounds, known: Items) -> None:
        self.context = context
        self.rounds = rounds
        self.items = known
        self.touched = self._summary(rounds.call)
        self.function = coroutine_function(context, rounds.call)
        self.callee = context.tree.text(rounds.call.func)
        self.source = source_of(rounds.items)

    def _summary(self, call: ast.Call) -> touches.Summary | None:
        use = use_of(self.context, call)
        if use is None:
            return None
        site = self.context.site
        effects = self.context.model.awaited_effects
        return effects.at((site.path, site.function), *use[1:5])

    def doubts(self) -> Iterator[Doubt]:
        """Give all that speaks against it, one after the other."""
        touched = self.touched
        if touched is None:
            yield assume("gather-shared", f"what {self.callee} does is not known")
            return
        if self.function is not None:
            put = self.context.model.users.replaced(self.function, by_tests=False)
            if put is not None:
                reason = f"{put.path}:{put.line} puts something else in the place of "
                yield assume("gather-shared", f"{reason}{self.callee}")
        yield from self._connections(touched)
        yield from self._contexts(touched)
        yield from self._grown(touched)
        yield from self._lost_updates(touched)
        yield from self._stops(touched)
        yield from Beside(self.context, self.rounds, touched, self.is_own).doubts()
        yield from self._unknown(touched)
        yield from self._written(touched)
        yield from self._pools(touched)
        yield from self._signals(touched)

    def sees_context(self) -> bool:
        """Tell whether the function goes by the context that it runs in.

        A coroutine that is awaited shares its caller's; a task has a copy.
        """
        if self.touched is None or self.touched.context_reads:
            return True
        return any(each.what.endswith("current_task") for each in self.touched.loop)

    # -- places -----------------------------------------------------------------

    def is_own(self, place: touches.Place) -> bool:
        """Tell whether a place belongs to one round: it is, or is in, its item.

        It does not where the call gets at the items in another way, too.
        """
        if place.is_outer:
            return False
        if place.name in self.rounds.names:
            return True
        return any(is_in(place, each) for each in self._own) and not any(
            is_in(place, each) for each in self._others
        )

    @cached_property
    def _own(self) -> frozenset[touches.Place]:
        """Give the places that the items of the rounds may come from."""
        return self._places(self.rounds.names)

    @cached_property
    def _others(self) -> frozenset[touches.Place]:
        """Give the places that the call is given besides its item."""
        return self._places(names_in(self.rounds.call) - self.rounds.names)

    def _places(self, names: frozenset[str]) -> frozenset[touches.Place]:
        site, effects = self.context.site, self.context.model.awaited_effects
        found: set[touches.Place] = set()
        for name in names:
            origin = effects.origin((site.path, site.function), name)
            found |= origin.places | origin.inside
        return frozenset(found)

    def _is_shared(self, item: touches.Item) -> bool:
        """Tell whether an object that something is done with is of all rounds."""
        place = item.place
        if place is None:
            return not item.via and (
                item.what.partition(".")[0] not in self.rounds.names
            )
        return not self.is_own(place) and not place.is_result

    # -- questions ----------------------------------------------------------------

    def _connections(self, touched: touches.Summary) -> Iterator[Doubt]:
        """Find one connection, session or file that all rounds talk over."""
        for name, kind in self._handed():
            if name not in self.rounds.names and CONNECTIONS.match(kind):
                yield _connection(kind.rpartition(".")[2], name)
        for item in (*touched.drivers, *touched.threads):
            owner = item.what.rpartition(".")[0]
            if _POOLS.search(owner):
                continue  # it opens a connection for each that asks
            if item.place is None or not self.is_own(item.place):
                what = item.place.shown().rpartition("[")[0] if item.place else ""
                yield _connection(owner or "object", what)
        for item in (*touched.loop, *touched.unknown):
            owner, _, _ = item.what.rpartition(".")
            known = CONNECTIONS.match(item.what)
            if not known and (
                item in touched.loop
                or not _CONNECTION_NAMES.match(owner.rpartition(".")[2])
            ):
                continue
            if self._is_shared(item):
                shown = item.place.shown() if item.place is not None else owner
                yield _connection(owner, shown) if known else _by_name(shown)

    def _handed(self) -> Iterator[tuple[str, str]]:
        """Give the names that the call is given or made on, with their types."""
        call, context = self.rounds.call, self.context
        values = context.model.values
        given = [*call.args, *(each.value for each in call.keywords)]
        if isinstance(call.func, ast.Attribute):
            given.append(call.func.value)
        for each in given:
            if isinstance(each, (ast.Name, ast.Attribute)) and root(each):
                said = ast.unparse(each)
                value = values.of(context.site.path, context.site.function, said)
                yield said, value.name if value is not None else ""

    def _contexts(self, touched: touches.Summary) -> Iterator[Doubt]:
        for item in touched.contexts:
            yield refuse(
                "gather-shared",
                f"{self.callee} sets a context variable ({item.path}:{item.line}): "
                "set in a task, the rounds after it do not see it",
            )
            return

    def _lost_updates(self, touched: touches.Summary) -> Iterator[Doubt]:
        """Find what the function both reads and writes, and all rounds share."""
        for write in touched.writes:
            if self.is_own(write.place):
                continue
            if self._adds_awaited(write):
                yield self._shares(write)
                return
            for read in touched.reads:
                if overlap(read.place, write.place) and not is_receiver(read, write):
                    yield self._shares(write)
                    return

    def _shares(self, write: touches.Touch) -> Doubt:
        return refuse(
            "gather-shared",
            f"{self.callee} reads and writes {write.what} ({write.path}:{write.line}), "
            "shared by all rounds: together they would lose updates",
            "hold an asyncio.Lock there, or give each round an object of its own",
        )

    def _adds_awaited(self, write: touches.Touch) -> bool:
        """Tell whether a write is `place += await ...`, which reads before it waits."""
        tree = self.context.model.tree(write.path)
        return any(
            isinstance(node, ast.AugAssign)
            and node.lineno <= write.line <= (node.end_lineno or node.lineno)
            and any(isinstance(each, ast.Await) for each in ast.walk(node.value))
            for node in ast.walk(tree.module)
        )

    def _grown(self, touched: touches.Summary) -> Iterator[Doubt]:
        """Find a change of the items by the function that is called for each."""
        for write in touched.writes:
            name = write.place.name.rpartition(":")[2]
            whole = f"{name}{''.join(write.place.steps[:-1])}"
            text = ast.unparse(self.rounds.items)
            if self.is_own(write.place):
                continue
            if (
                (name == self.source and len(write.place.steps) == 1)
                or (whole and whole == text)
                or write.what == text
            ):
                yield refuse(
                    "gather-lazy",
                    f"{self.source} is read while the loop runs; {self.callee} changes "
                    f"it ({write.path}:{write.line})",
                    f"take list({text}) first, if it is complete by then",
                )
                return

    def _unknown(self, touched: touches.Summary) -> Iterator[Doubt]:
        """Find what cannot be followed: the function itself, or something in it."""
        for item in touched.unknown:
            if not item.via and not item.what.startswith("going through "):
                shared = list(self._shared_arguments())
                if shared:
                    yield refuse(
                        "gather-shared",
                        f"what {self.callee} does with {shared[0]}, shared by all rounds, "
                        "is not known",
                        "see whether calls of it may run at the same time",
                    )
                    return
        for item in touched.unknown:
            where = f"({item.path}:{item.line})"
            if not item.what.startswith("going through "):
                why = f"what {item.what} does {where} is not known"
            elif item.place is not None and self.is_own(item.place):
                continue
            else:
                why = (
                    f"{item.what} {where} may use up an iterator that all rounds share"
                )
            yield assume("gather-shared", why)
            return
        if self.function is not None:
            line = changes_files(self.context.model, self.function)
            if line:
                yield assume(
                    "gather-shared",
                    f"{self.callee} changes files ({line}): two rounds may change the "
                    "same one",
                )

    def _shared_arguments(self) -> Iterator[str]:
        """Give what an unknown function gets in each round that may be changed."""
        call, context = self.rounds.call, self.context
        values = context.model.values
        given = [*call.args, *(each.value for each in call.keywords)]
        if isinstance(call.func, ast.Attribute):
            given.append(call.func.value)
        for each in given:
            for node in ast.walk(each):
                if not isinstance(node, ast.Name) or node.id in self.rounds.names:
                    continue
                value = values.of(context.site.path, context.site.function, node.id)
                if value is not None and (value.is_code or value.name in _TEXTS):
                    continue
                if value is None and self._is_text(node.id):
                    continue
                yield node.id

    def _is_text(self, name: str) -> bool:
        """Tell whether a name surely is a text or a number: by annotation or value."""
        arguments = self.context.function.args
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if each.arg == name:
                said = ast.unparse(each.annotation) if each.annotation else ""
                return said in ("str", "int", "float", "bool", "bytes")
        values = [
            node.value
            for node in own(self.context.function.body)
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
        ]
        return bool(values) and all(
            isinstance(each, (ast.Constant, ast.JoinedStr)) for each in values
        )

    def _written(self, touched: touches.Summary) -> Iterator[Doubt]:
        """Find writes that nobody reads in the rounds: their order changes."""
        for write in touched.writes:
            if self.is_own(write.place):
                yield assume(
                    "gather-shared",
                    f"{self.callee} changes {write.what} ({write.path}:{write.line}): "
                    "two items may be the same object",
                )
            else:
                yield assume(
                    "gather-shared",
                    f"{self.callee} changes {write.what} ({write.path}:{write.line}), "
                    "shared by all rounds: it would do so in another order",
                )
            return

    def _pools(self, touched: touches.Summary) -> Iterator[Doubt]:
        """Find a client with a limit of connections, which all rounds share."""
        if 0 < self.items.few <= _POOL or self.context.settings.concurrency_limit:
            return
        for item in touched.loop:
            if item.what.startswith(POOLED) and self._is_shared(item):
                yield assume(
                    "gather-connection",
                    f"all rounds share one client: more than {_POOL} calls at once wait "
                    "for a connection, and may time out",
                )
                return

    def _signals(self, touched: touches.Summary) -> Iterator[Doubt]:
        """Find waits for one another: events, queues, conditions."""
        for item in touched.loop:
            if item.what.startswith("asyncio.") or "." not in item.what:
                if item.what.rpartition(".")[2] not in NEUTRAL:
                    yield assume(
                        "gather-shared",
                        f"{self.callee} uses {item.what} ({item.path}:{item.line}): the "
                        "rounds may wait for one another there",
                    )
                    return

    # -- stopping -----------------------------------------------------------------

    def _stops(self, touched: touches.Summary) -> Iterator[Doubt]:
        """Find a `raise` of the function that keeps later steps from being done."""
        if self.function is None:
            return
        line = stop_of(self.context.model, self.function)
        if not line:
            return
        tried = [
            above
            for above, below in self.context.tree.ancestors(self.rounds.loop)
            if isinstance(above, ast.Try) and above.handlers and below in above.body
        ]
        outside = (
            touched.drivers
            or [each for each in touched.writes if not self.is_own(each.place)]
            or changes_outside(self.context.model, self.function)
        )
        if tried or outside:
            yield refuse(
                "gather-fail-stop",
                f"{self.callee} stops the work at {line}; steps after a failed one must "
                "not have run",
                "leave it, or write the steps so that all may run whatever fails",
            )
        elif touched.unknown:
            yield assume(
                "gather-fail-stop",
                f"{self.callee} may stop the work at {line}, and what it has done by "
                "then is not known",
            )


_TEXTS = frozenset(
    f"builtins.{name}" for name in ("str", "int", "float", "bool", "bytes")
)


def _by_name(name: str) -> Doubt:
    return refuse(
        "gather-connection",
        f"all rounds use {name}, which by its name is one connection: open one per "
        "task, or keep the order",
        "open one in each task",
    )


def _connection(kind: str, name: str) -> Doubt:
    shown = f"{kind} {name}".strip()
    return refuse(
        "gather-connection",
        f"all rounds talk over the one {shown}: open one per task, or keep the order",
        "open one in each task",
    )
