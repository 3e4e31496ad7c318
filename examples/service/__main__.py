"""Serve on a free port of this machine, until the time is over.

To be started in the folder examples, with `python -m service [SECONDS]`.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from service import handlers
from service.place import Place, prepare


async def answer(
    place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one request, `GET /name`, with what the handler of that name gives."""
    try:
        path = (await reader.readline()).split()[1].decode()
        while (await reader.readline()).strip():
            pass  # the headers
        handler = getattr(handlers, path.strip("/"), None)
        body = await handler(place) if handler else "no such page"
        status = "200 OK" if handler else "404 Not Found"
        data = body.encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\nConnection: close"
        writer.write(f"{head}\r\n\r\n".encode() + data)
        await writer.drain()
    finally:
        writer.close()


async def serve(place: Place, seconds: float) -> None:
    """Serve for some seconds; say first on which port."""

    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await answer(place, reader, writer)

    server = await asyncio.start_server(client, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.sleep(seconds)


def main() -> None:
    """Prepare the data in a folder of their own, and serve."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else 60.0
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(serve(prepare(Path(folder)), seconds))


main()
