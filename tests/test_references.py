"""References: every use of a function, told apart. Each row is a project.

Asked is who uses the function whose `def` is marked `# <-`.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asyncfix import registry
from asyncfix.facts import Facts
from asyncfix.link import Project
from asyncfix.model import Problem, Settings
from asyncfix.reader import Reader
from asyncfix.references import References
from asyncfix.scan import scan
from asyncfix.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator

JOB = "def job():  # <-\n    pass\n"

USES: dict[str, tuple[dict[str, str], list[str]]] = {
    "called": ({"a.py": JOB + "job()"}, ["a.py:3 called"]),
    "awaited": (
        {"a.py": "async def job(): pass  # <-\nasync def f():\n    await job()"},
        ["a.py:3 awaited"],
    ),
    "called in another module": (
        {"a.py": JOB, "b.py": "import a\na.job()", "c.py": "from a import job as j\nj()"},
        ["b.py:2 called", "c.py:2 called"],
    ),
    "twice in one function": (
        {"a.py": JOB + "def f():\n    x(job)\n    x(job)"},
        ["a.py:4 passed x", "a.py:5 passed x"],
    ),
    "handed to a thread": (
        {"a.py": "import asyncio\n" + JOB + "async def f():\n    await asyncio.to_thread(job)"},
        ["a.py:5 offloaded asyncio.to_thread"],
    ),
    "a thread's target": (
        {"a.py": "import threading\n" + JOB + "threading.Thread(target=job)"},
        ["a.py:4 offloaded threading.Thread"],
    ),
    "registered by a call": (
        {"a.py": "import atexit\n" + JOB + "atexit.register(job)"},
        ["a.py:4 registered atexit.register"],
    ),
    "registered by a decorator": (
        {"a.py": "import fastapi\napp = fastapi.FastAPI()\n@app.get('/')\n" + JOB},
        ["a.py:4 registered app.get"],
    ),
    "decorated": (
        {"a.py": "import functools\n@functools.cache\n" + JOB},
        ["a.py:3 decorated functools.cache"],
    ),
    "decorates": (
        {"a.py": "def job(f):  # <-\n    return f\n@job\ndef g(): pass"},
        ["a.py:3 decorates g"],
    ),
    "stored": (
        {"a.py": JOB + "x = job\ny = [job]\nz = {1: job}"},
        ["a.py:3 stored", "a.py:4 stored", "a.py:5 stored"],
    ),
    "returned": ({"a.py": JOB + "def f():\n    return job"}, ["a.py:4 returned"]),
    "compared": ({"a.py": JOB + "x == job"}, ["a.py:3 other"]),
    "exported": ({"a.py": "__all__ = ['job']\n" + JOB}, ["a.py:2 exported __all__"]),
    "patched by a test": (
        {"p/__init__.py": "", "p/a.py": JOB,
         "t.py": "from unittest.mock import patch\npatch('p.a.job')\npatch('p.b.job')"},
        ["t.py:2 patched p.a.job"],
    ),
    "patched as an attribute": (
        {"a.py": JOB, "t.py": "import a\ndef test(monkeypatch):\n    monkeypatch.setattr(a, 'job', 1)"},
        ["t.py:3 patched a.job"],
    ),
    "a method": (
        {"a.py": "class A:\n    def job(self):  # <-\n        pass\n"
                 "    def f(self):\n        self.job()\nA().job()"},
        ["a.py:5 called", "a.py:6 called"],
    ),
    "overridden": (
        {"a.py": "class A:\n    def job(self):  # <-\n        pass",
         "b.py": "from a import A\nclass B(A):\n    def job(self): pass\n"
                 "class C:\n    def job(self): pass"},
        ["b.py:3 overridden"],
    ),
    "overridden by another base": (
        {"a.py": "class A:\n    def job(self):  # <-\n        pass",
         "b.py": "class M:\n    def job(self): pass",
         "c.py": "from a import A as B\nfrom b import M\nclass C(B): pass\nclass D(M, C): pass\n"
                 "class E(C, M): pass"},
        ["b.py:2 overridden"],
    ),
    "set on self below": (
        {"a.py": "class A:\n    def job(self):  # <-\n        pass",
         "b.py": "from a import A\nclass B(A):\n    def __init__(self, job):\n        self.job = job"},
        ["b.py:4 overridden"],
    ),
    "an alias": ({"a.py": JOB + "other = job\nother()"}, ["a.py:3 stored", "a.py:4 called"]),
    "another of the same name": (
        {"a.py": JOB, "b.py": "def job(): pass\njob()", "c.py": "def f(job):\n    job()"},
        [],
    ),
    "shadowed": ({"a.py": JOB + "def f():\n    job = 1\n    job()"}, []),
    "through an object that is not known": ({"a.py": JOB + "def f(x):\n    x.job()"}, []),
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


@pytest.mark.parametrize("name", USES)
def test_uses_are_told_apart(name: str, here: Path) -> None:
    files, wanted = USES[name]
    facts = []
    asked = ("", 0)
    for path, text in files.items():
        data = textwrap.dedent(text).encode()
        (here / path).parent.mkdir(exist_ok=True)
        (here / path).write_bytes(data)
        found = scan(path, data)
        assert not isinstance(found, Problem)
        assert isinstance(found[0], Facts)
        facts.append(found[0])
        if b"# <-" in data:
            line = data[: data.index(b"# <-")].count(b"\n") + 1
            scopes = found[0].scopes
            index = next(i for i, s in enumerate(scopes) if i and s.line == line)
            asked = path, index
    project = Project(facts, str(here))
    catalog = registry.catalog(Settings(root=here))
    references = References(Values(project, catalog), catalog, Reader(project).tree)
    said = [
        f"{each.path}:{each.line} {each.kind} {each.by}".strip()
        for each in references.of(asked)
    ]
    assert said == wanted
