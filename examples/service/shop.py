"""The shop: its prices and its orders. Used by programs without an event loop, too."""

import sqlite3
import urllib.request
from pathlib import Path


def fetch(url: str) -> str:
    """Give the text at a URL."""
    with urllib.request.urlopen(url, timeout=5) as response:
        return response.read().decode()


def total(path: Path) -> float:
    """Give the sum of all orders in a database."""
    database = sqlite3.connect(path)
    try:
        (value,) = database.execute("select sum(price) from orders").fetchone()
        return value
    finally:
        database.close()
