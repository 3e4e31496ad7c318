"""What does this call call? What functions of the project give.

Each row is a project with one call marked `# <-` and what it is that is
called; `test_values.py` has the names, `test_values_unsure.py` the doubts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Called

GET = "requests.Session.get"

FUNCTIONS: dict[str, tuple[str | dict[str, str], str]] = {
    "by its annotation": (
        "import requests\ndef make() -> requests.Session: ...\nmake().get(1)  # <-",
        GET,
    ),
    "by what it returns": (
        """
        import requests
        def make():
            s = requests.Session()
            s.trust_env = False
            return s
        make().get(1)  # <-
        """,
        GET,
    ),
    "by all that it returns": (
        """
        import requests
        def make(x):
            if x:
                return requests.Session()
            return requests.session()
        make(1).get(1)  # <-
        """,
        GET,
    ),
    "through another file": (
        {
            "main.py": "from net import make\ns = make()\ns.get(1)  # <-",
            "net.py": "from other import session\ndef make(): return session()",
            "other.py": "import requests\ndef session() -> requests.Session: ...",
        },
        GET,
    ),
    "a global that it makes when it is first asked": (
        """
        import requests
        _session = None
        def make():
            global _session
            if _session is None:
                _session = requests.Session()
            return _session
        make().get(1)  # <-
        """,
        GET,
    ),
    "overloads": (
        """
        from typing import overload
        @overload
        def make(x: int) -> int: ...
        @overload
        def make(x: str) -> str: ...
        def make(x):
            pass
        make(1)  # <-
        """,
        "main.py: make",
    ),
    "cached": (
        """
        import functools, requests
        @functools.lru_cache(maxsize=None)
        def make(): return requests.Session()
        make().get(1)  # <-
        """,
        GET,
    ),
    "under a decorator of ours that calls it": (
        """
        import functools, requests
        def logged(f):
            @functools.wraps(f)
            def wrapper(*args, **kwargs):
                print(f)
                return f(*args, **kwargs)
            return wrapper
        @logged
        def make(): return requests.Session()
        make().get(1)  # <-
        """,
        GET,
    ),
    "under a decorator of ours that takes arguments": (
        """
        import requests
        def retry(times):
            def decorate(f):
                def wrapper(*args):
                    for _ in range(times):
                        return f(*args)
                return wrapper
            return decorate
        @retry(3)
        def make() -> requests.Session: ...
        make().get(1)  # <-
        """,
        GET,
    ),
    "under a decorator of ours that only notes it": (
        """
        import requests
        known = []
        def register(f):
            known.append(f)
            return f
        @register
        def make() -> requests.Session: ...
        make().get(1)  # <-
        """,
        GET,
    ),
    "registered with a library": (
        """
        import flask, requests
        app = flask.Flask(__name__)
        @app.route("/")
        def make() -> requests.Session: ...
        make().get(1)  # <-
        """,
        GET,
    ),
    "generator": (
        """
        import requests
        from collections.abc import Iterator
        def sessions() -> Iterator[requests.Session]:
            yield requests.Session()
        for s in sessions():
            s.get(1)  # <-
        """,
        GET,
    ),
}


@pytest.mark.parametrize("row", FUNCTIONS)
def test_it_is_known_what_is_called(called: Called, row: str) -> None:
    files, name = FUNCTIONS[row]
    assert called(files) == name
