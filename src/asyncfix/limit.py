"""A limit of time for work in this process, where the system can set one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(BaseException):
    """The work was broken off. No handler for mere exceptions may swallow it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TookTooLong in the work that is done here, once it took so long.

    What counts is the processor's time, so that a busy machine changes nothing.
    It may be raised anywhere: what the work was building must not be used. There
    is no limit outside of the main thread, nor on Windows, which has no timer
    that interrupts (https://docs.python.org/3/library/signal.html#signal.setitimer).
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def over(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGVTALRM, over)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
