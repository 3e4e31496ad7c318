"""Connections and time of examples/crawler, before and after session-per-request.

In: nothing but the checkout and an environment with asyncfix and aiohttp. Out: a
Markdown table on stdout. The server runs in this process, on loopback, and counts the
connections that it accepts.

    python benchmarks/sessions.py [--pages N] [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

CRAWLER = Path(__file__).resolve().parent.parent / "examples" / "crawler"
WAYS = ("one-by-one", "together")
BODY = b"word " * 200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Server:
    """An HTTP server on loopback that gives one page for every path."""

    def __init__(self) -> None:
        """Start it in a thread of its own."""
        self.connections = 0
        self.base = ""
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True).start()
        self._ready.wait()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.base = "http://{}:{}".format(*server.sockets[0].getsockname())
        self._ready.set()
        await server.serve_forever()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is done
        finally:
            writer.close()


def crawl(server: Server, folder: Path, way: str, pages: int) -> tuple[int, float]:
    """Out: the connections and seconds of one crawl; raises if it fails."""
    urls = [f"{server.base}/{number}" for number in range(pages)]
    before = server.connections
    done = subprocess.run(
        [sys.executable, "-m", "crawler", way, *urls],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    if done.stderr:
        raise RuntimeError(done.stderr)
    return server.connections - before, float(done.stdout.split()[-2])


def main() -> None:
    """Crawl before and after, and print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    server = Server()
    with tempfile.TemporaryDirectory(prefix="asyncfix-sessions-") as name:
        folders = {kind: Path(name, kind) for kind in ("before", "after")}
        for folder in folders.values():
            shutil.copytree(CRAWLER, folder / "crawler")
        fix = ("--select", "session-per-request", "--unsafe", "--apply", ".")
        command = [sys.executable, "-m", "asyncfix", "--target-version", "3.10", *fix]
        subprocess.run(command, cwd=folders["after"], check=True, capture_output=True)
        print(f"{chosen.pages} pages | connections | seconds, median")
        print("--- | --- | ---")
        for way in WAYS:
            for kind, folder in folders.items():
                seen = [
                    crawl(server, folder, way, chosen.pages)
                    for _ in range(chosen.rounds)
                ]
                connections = sorted({each for each, _ in seen})
                counted = " to ".join(
                    str(each) for each in connections[:: len(connections) - 1 or 1]
                )
                seconds = statistics.median(each for _, each in seen)
                print(f"{way}, {kind} | {counted} | {seconds:.2f}")


if __name__ == "__main__":
    main()
