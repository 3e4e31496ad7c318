"""What the handlers work on: a folder of files, a database, and another service."""

import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """Where the data are."""

    folder: Path
    upstream: str
    """The URL of the other service."""
    upload: str
    """A big JSON document that somebody has sent."""


class Upstream(BaseHTTPRequestHandler):
    """The other service: it takes its time. It runs in threads of its own."""

    def do_GET(self) -> None:
        """Answer every path with a price."""
        time.sleep(0.1)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"42")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def prepare(folder: Path) -> Place:
    """Fill a folder, and start the other service on a free port."""
    site = folder / "site"
    site.mkdir()
    for number in range(200):
        (site / f"page{number}.html").write_text("<p>Hello</p>\n" * 200)
    lines = (
        f"{number} {'ERROR' if number % 7 == 0 else 'INFO'}\n"
        for number in range(400_000)
    )
    (folder / "service.log").write_text("".join(lines))
    with sqlite3.connect(folder / "orders.db") as database:
        database.execute("create table orders (item text, price real)")
        rows = ((f"item{number}", number % 97) for number in range(200_000))
        database.executemany("insert into orders values (?, ?)", rows)
    database.close()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    upload = json.dumps(
        [{"id": number, "name": f"name {number}"} for number in range(100_000)]
    )
    return Place(folder, f"http://127.0.0.1:{server.server_port}", upload)
