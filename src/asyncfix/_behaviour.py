"""Run a program's `main()` beside a heartbeat, and report the loop's longest lag.

Run as `python -m asyncfix._behaviour FILE REPORT` by `asyncfix.testing`. The
program's own `if __name__ == "__main__":` is not entered: its loop is this one.
Imports as little as it can, so that a program does not find a module that it
forgot to import itself already loaded.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
from collections.abc import Awaitable, Callable
from time import monotonic

_TICK = 0.005


class _Heart:
    """Keeps the longest time between two beats."""

    def __init__(self) -> None:
        self.last = monotonic()
        self.longest = 0.0

    def beat(self) -> None:
        now = monotonic()
        self.longest = max(self.longest, now - self.last)
        self.last = now

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self.beat()


async def _watch(main: Callable[[], Awaitable[object]], report: str) -> None:
    heart = _Heart()
    beating = asyncio.create_task(heart.run())
    try:
        await main()
    finally:
        heart.beat()  # what blocks at the very end lets no beat through
        beating.cancel()
        with open(report, "w", encoding="ascii") as file:
            file.write(repr(heart.longest))


def run(file: str, report: str) -> None:
    """Run a program; leave the longest lag in seconds in the file `report`.

    Raises SystemExit where the program has no `main`, and what it raises.
    """
    program = runpy.run_path(file, run_name="program")
    if "main" not in program:
        sys.exit(f"{file}: defines no `async def main()`")
    asyncio.run(_watch(program["main"], report))


if __name__ == "__main__":
    run(*sys.argv[1:])
