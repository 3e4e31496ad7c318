"""The handlers, as people write them. All but `ping` stop the event loop."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
import uuid

from service import reports, shop
from service.place import Place


async def ping(place: Place) -> str:
    """Answer at once, if the event loop lets it."""
    return "pong"


async def settle(place: Place) -> str:
    """Give a device time to settle."""
    time.sleep(0.1)
    return "settled"


async def price(place: Place) -> str:
    """Ask another service."""
    return shop.fetch(f"{place.upstream}/price")


async def report(place: Place) -> str:
    """Make a report; what blocks is two calls away, in another module."""
    return reports.monthly(place.upstream)


async def version(place: Place) -> str:
    """Ask a program."""
    command = [sys.executable, "-c", "import sys; print(sys.version)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


async def errors(place: Place) -> str:
    """Count lines of a log."""
    with open(place.folder / "service.log") as log:
        count = 0
        for line in log:
            count += "ERROR" in line
    return f"{count} errors"


async def backup(place: Place) -> str:
    """Copy a folder, and throw the copy away again."""
    target = place.folder / uuid.uuid4().hex
    shutil.copytree(place.folder / "site", target)
    shutil.rmtree(target)
    return "copied"


async def sign(place: Place) -> str:
    """Derive a key: work for the processor, but hashlib lets others run."""
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 400_000).hex()


async def lookup(place: Place) -> str:
    """Find the address of a host."""
    return socket.gethostbyname("localhost")


async def orders(place: Place) -> str:
    """Ask a database."""
    return f"{shop.total(place.folder / 'orders.db')} in all"


async def parse(place: Place) -> str:
    """Read a big document: json holds the interpreter all the while."""
    return f"{len(json.loads(place.upload))} records"
