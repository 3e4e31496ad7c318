"""How long does a ping wait while `examples/service` works, before and after asyncfix?

Two copies of the example are made, `asyncfix --apply` is run on the second one, and
both are started, one after the other. While a handler is asked again and again, a ping
is sent every few milliseconds, whether the ones before were answered or not; its
latency counts from the moment at which it was due. Everything happens on the loopback
interface and in a temporary folder, and ends by itself.

Out: a Markdown table on stdout, in milliseconds, progress on stderr.

    python benchmarks/service.py [--seconds S] [--rounds N] [--only NAMES]
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "service"
ASYNCFIX = (sys.executable, "-m", "asyncfix", "--severity", "low")
PING = "ping"
ALONE, MENDED, ALL = "none", "the mended ones in turn", "all in turn"
EVERY = 0.01  # seconds between two pings
PACE = 0.15  # seconds between two requests of a handler
LONGEST = 20.0  # seconds that an answer may take


class Latency(NamedTuple):
    """Half of the pings took no longer than `p50`, 99 of 100 no longer than `p99`."""

    p50: float
    p99: float


Figures = dict[str, Latency]


def verdicts(folder: Path) -> dict[str, str]:
    """Out: the name of each handler, and what asyncfix says of it."""
    command = [*ASYNCFIX, "--format", "json", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment())
    if done.returncode != 1:
        raise SystemExit(f"asyncfix failed:\n{done.stderr}")
    file = folder / "handlers.py"
    found: dict[str, str] = {}
    for function in ast.parse(file.read_text()).body:
        if not isinstance(function, ast.AsyncFunctionDef) or function.name == PING:
            continue
        lines = range(function.lineno, (function.end_lineno or 0) + 1)
        refused = [
            str(each["guard"])
            for each in json.loads(done.stdout)["findings"]
            if Path(each["path"]).name == file.name and each["line"] in lines
            if each["level"] == "manual"
        ]
        found[function.name] = f"refused: {', '.join(refused)}" if refused else "mended"
    return found


def _environment() -> dict[str, str]:
    return {**os.environ, "ASYNCFIX_CACHE_DIR": "off", "PYTHONDEVMODE": ""}


@contextlib.contextmanager
def started(folder: Path, seconds: float) -> Iterator[int]:
    """Start the service in a folder, for some seconds at most; give its port."""
    command = [sys.executable, "-m", EXAMPLE.name, str(seconds)]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def ask(port: int, name: str) -> str:
    """Ask a handler; raises RuntimeError where it does not answer as it should."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET /{name} HTTP/1.1\r\n\r\n".encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    finally:
        writer.close()
    if " 200 " not in head:
        raise RuntimeError(f"/{name} said {head.partition(chr(10))[0]!r}")
    return body


@contextlib.asynccontextmanager
async def asked(port: int, names: Sequence[str]) -> AsyncIterator[None]:
    """Ask handlers in turn as long as the block lasts, one every `PACE` seconds."""

    async def forever() -> None:
        for name in itertools.cycle(names):
            pause = asyncio.create_task(asyncio.sleep(PACE))
            await ask(port, name)
            await pause

    task = asyncio.create_task(forever())
    try:
        yield
        if task.done():
            await task  # it has failed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def measure(port: int, names: Sequence[str], seconds: float) -> Latency:
    """Out: the latency of a ping while handlers are asked in turn."""
    loop = asyncio.get_running_loop()

    async def ping(due: float) -> float:
        await asyncio.sleep(due - loop.time())
        await ask(port, PING)
        return loop.time() - due

    for name in (*names, PING):
        await ask(port, name)  # the first time, there is more to do
    async with asked(port, names):
        start = loop.time() + EVERY
        dues = [start + EVERY * number for number in range(math.ceil(seconds / EVERY))]
        pings = asyncio.gather(*map(ping, dues))
        took = sorted(await asyncio.wait_for(pings, seconds + LONGEST))
    return Latency(took[len(took) // 2], took[math.ceil(len(took) * 0.99) - 1])


def measured(folder: Path, rows: dict[str, list[str]], seconds: float) -> Figures:
    """Out: the latency of a ping for each row, beside the handlers of that row."""
    lengths = {
        row: max(seconds, PACE * len(names) * 2 if len(names) > 1 else 0)
        for row, names in rows.items()
    }
    found = {}
    with started(folder, sum(lengths.values()) + LONGEST * len(rows)) as port:
        for row, names in rows.items():
            print(f"{folder.name}: {row}, {lengths[row]:.1f} s", file=sys.stderr)
            found[row] = asyncio.run(measure(port, names, lengths[row]))
    return found


def in_the_middle(rounds: Sequence[Figures]) -> Figures:
    """Out: for each row the medians of all rounds."""
    return {
        row: Latency(*map(median, zip(*(each[row] for each in rounds), strict=True)))
        for row in rounds[0]
    }


def table(said: dict[str, str], before: Figures, after: Figures) -> Iterator[str]:
    """Give the lines of the table."""
    yield "| handler | asyncfix | p50 before | p50 after | p99 before | p99 after |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for row, old in before.items():
        new = after[row]
        figures = (old.p50, new.p50, old.p99, new.p99)
        cells = [row, said.get(row, ""), *(f"{each * 1000:.1f}" for each in figures)]
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Make the copies, measure both, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row")
    parser.add_argument("--rounds", type=int, default=3, help="medians are told")
    parser.add_argument("--only", metavar="NAMES", help="these handlers, with commas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="asyncfix-service-") as scratch:
        before, after = Path(scratch, "before"), Path(scratch, "after")
        for folder in (before, after):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(EXAMPLE, folder / EXAMPLE.name, ignore=ignored)
        said = verdicts(before / EXAMPLE.name)
        if options.only:
            said = {name: said[name] for name in options.only.split(",")}
        mended = [name for name, each in said.items() if each == "mended"]
        rows = {ALONE: [], **{name: [name] for name in said}}
        rows |= {MENDED: mended, ALL: list(said)}
        command = [*ASYNCFIX, "--apply", str(after / EXAMPLE.name)]
        subprocess.run(command, stdout=subprocess.DEVNULL, env=_environment())
        old, new = [], []
        for _ in range(options.rounds):
            old.append(measured(before, rows, options.seconds))
            new.append(measured(after, rows, options.seconds))
    print("\n".join(table(said, in_the_middle(old), in_the_middle(new))))


if __name__ == "__main__":
    main()
