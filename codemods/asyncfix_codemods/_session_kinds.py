"""What a session is, in aiohttp and in httpx: requests, state, arguments.

Looked up in aiohttp 3.14 and httpx 0.28.
"""

from __future__ import annotations

from typing import NamedTuple

_VERBS = frozenset(
    ("delete", "get", "head", "options", "patch", "post", "put", "request")
)


class Shared(NamedTuple):
    """What calls share: a session, or the connections under sessions of their own."""

    type: str
    """The class of a parameter for it, in the library's module."""
    opened: str
    """The class that an owner opens."""
    names: tuple[str, ...]
    is_session: bool


CONNECTOR = Shared(
    "BaseConnector", "TCPConnector", ("connector", "http_connector"), False
)


class Kind(NamedTuple):
    """One class whose objects hold a pool of connections."""

    name: str
    """Its qualified name."""
    short: str
    module: str
    requests: frozenset[str]
    """Methods that make one request each."""
    entered: frozenset[str]
    """Those of them whose response must be entered, else it holds a connection."""
    state: frozenset[str]
    """Attributes that all users of one session share."""
    options: frozenset[str]
    """Arguments that a single request takes as well, with the same meaning."""
    local: frozenset[str]
    """What stands in for the network: no connection is made."""
    close: str
    limit: str
    """The argument that lifts the limit of connections at a time."""
    shares: str
    """What it changes that one session is used by many."""

    @property
    def session(self) -> Shared:
        """Give the session itself as what is shared."""
        return Shared(self.short, self.short, ("session", "http_session"), True)


AIOHTTP = Kind(
    "aiohttp.ClientSession",
    "ClientSession",
    "aiohttp",
    _VERBS,
    _VERBS,
    frozenset(("auth", "cookie_jar", "cookies", "headers", "skip_auto_headers")),
    frozenset(
        ("auth", "headers", "proxy", "proxy_auth", "raise_for_status", "timeout")
    ),
    frozenset(),
    "close",
    "connector=aiohttp.TCPConnector(limit=0)",
    "cookies are kept from one call to the next, and at most 100 connections are "
    "open at a time (connector=aiohttp.TCPConnector(limit=0) lifts that)",
)
HTTPX = Kind(
    "httpx.AsyncClient",
    "AsyncClient",
    "httpx",
    _VERBS | {"stream"},
    frozenset(("stream",)),
    frozenset(("auth", "base_url", "cookies", "event_hooks", "headers", "params")),
    frozenset(("auth", "follow_redirects", "headers", "params", "timeout")),
    frozenset(("httpx.ASGITransport", "httpx.MockTransport", "httpx.WSGITransport")),
    "aclose",
    "limits=httpx.Limits(max_connections=None)",
    "cookies are kept from one call to the next",
)
KINDS = {each.name: each for each in (AIOHTTP, HTTPX)}
# Calls that only put their arguments together.
VALUES = frozenset(
    (
        "aiohttp.BasicAuth",
        "aiohttp.ClientTimeout",
        "aiohttp.TCPConnector",
        "httpx.BasicAuth",
        "httpx.Limits",
        "httpx.Timeout",
    )
)
OWN_SESSIONS = "each call keeps a session of its own, with its own cookies"
SHARES_CONNECTIONS = (
    f"{OWN_SESSIONS}; at most 100 connections are open at a time (limit=0 lifts that)"
)
STALE = (
    "a POST over a connection that the server has closed meanwhile fails, "
    "where a fresh one did not"
)
