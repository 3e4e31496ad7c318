"""The guards: named checks that a rewrite needs, one function each.

A guard gets the context of a site and gives None where it holds, else a
`Doubt`: its id, the level the fix sinks to, why, and what to do by hand. The
ids and their reasons are explained in docs/guards.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from asyncfix.context import Context
from asyncfix.guards import (
    around,
    atomicity,
    callers,
    cancellation,
    names,
    owners,
    position,
    threads,
    world,
)
from asyncfix.model import Doubt, Level

Guard = Callable[[Context], "Doubt | None"]

GUARDS: dict[str, Guard] = {
    "N1": names.means_the_library,
    "N2": names.no_capture,
    "N3": names.can_name_the_cure,
    "S1": position.await_may_stand_here,
    "A1": atomicity.no_lock_held,
    "A2": atomicity.no_block_others_would_see,
    "A3": atomicity.no_update_torn_apart,
    "A3-callers": callers.callers_lose_no_update,
    "A4": atomicity.nothing_read_before,
    "C1": cancellation.cancel_is_not_swallowed,
    "C2": cancellation.cleanup_is_not_cut,
    "E1": world.runs_on_asyncio,
    "E1-asyncio": world.runs_on_asyncio_alone,
    "E2": world.nobody_patches_it,
    "E3": world.nobody_replaces_it,
    "O1": owners.decorators_are_neutral,
    "V1": owners.only_called,
    "thread-affinity": threads.no_thread_of_its_own,
    "thread-loop": threads.no_event_loop,
    "thread-context": threads.no_context_set,
    "thread-exception": threads.no_exception_looked_at,
    "thread-stop": threads.no_stop_iteration,
    "thread-generator": threads.no_generator,
    "thread-state": threads.no_state_changed,
    "thread-arguments": threads.no_argument_shared,
    "thread-lock": around.no_lock_let_go,
    "thread-cleanup": around.nothing_closed_under_it,
    "thread-unknown": threads.all_is_known,
}


def ask(context: Context, ids: Iterable[str]) -> list[Doubt]:
    """Ask guards in order; stop at the first that refuses.

    Raises KeyError for an id that no guard has.
    """
    doubts: list[Doubt] = []
    for guard in ids:
        doubt = GUARDS[guard](context)
        if doubt is not None:
            doubts.append(doubt)
            if doubt.level is Level.MANUAL:
                break
    return doubts
