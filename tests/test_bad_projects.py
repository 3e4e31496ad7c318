"""Projects that are odd, huge or broken: no crash, no endless loop, no wrong answer.

What is odd is run by the real command in a process of its own, which is ended
if it takes too long: that limit is generous, it tells endless from slow.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Chains, Forking, Forks

_LIMIT = 300
_FINDING = re.compile(
    r"^(\S+?):(\d+):\d+: blocking-call \[[\w -]+\] (.*)$", re.MULTILINE
)

# `python -m asyncfix`, which does not look for modules in the project.
_AS_MODULE = """\
import sys
del sys.path[0]
sys.argv += {}
from asyncfix.start import main
main()
"""

LOAD = "import requests\ndef load(): requests.get(1)\n"
CALL = "async def f():\n    load()\n"
FOUND = "load holds the event loop: requests.get"

# A project, and its findings: `file:line` and the beginning of what is said.
ODD: dict[str, tuple[Mapping[str, str], list[str]]] = {
    "imports in a circle": (
        {
            "a.py": "import b\n" + LOAD + CALL,
            "b.py": "from a import load\nimport a\nasync def g():\n    a.load()",
        },
        [f"a.py:5: {FOUND}", f"b.py:4: {FOUND}"],
    ),
    "names imported in a circle": (
        {
            "a.py": "from b import load\n" + CALL,
            "b.py": "from c import load",
            "c.py": "from a import load",
        },
        [],
    ),
    "stars in a circle": (
        {
            "a.py": "from b import *\n" + CALL,
            "b.py": "from c import *",
            "c.py": "from a import *\n" + LOAD,
        },
        [f"a.py:3: {FOUND}"],
    ),
    "stars in a circle, and nobody has the name": (
        {"a.py": "from b import *\n" + CALL, "b.py": "from a import *"},
        [],
    ),
    "a star of itself": ({"a.py": "from a import *\n" + CALL}, []),
    "a file named as a module of Python": (
        {
            "main.py": "import queue\nq = queue.Queue()\nasync def f():\n    q.get()",
            "queue.py": "class Queue:\n    def get(self): return 1",
        },
        [],
    ),
    "a package named as a library": (
        {
            "main.py": "import requests\nasync def f():\n    requests.get(1)",
            "requests/__init__.py": "from .api import get",
            "requests/api.py": "def get(url): return url",
        },
        [],
    ),
    "a package named as a library, inside another": (
        {
            "main.py": "import requests\nasync def f():\n    requests.get(1)",
            "vendor/__init__.py": "",
            "vendor/requests/__init__.py": "def get(url): return url",
        },
        ["main.py:3: holds the event loop: requests.get"],
    ),
    "two files of one module name": (
        {
            "one/a.py": "from load import load\n" + CALL,
            "one/load.py": LOAD,
            "two/a.py": "from load import load\n" + CALL,
            "two/load.py": "def load(): pass",
        },
        [f"one/a.py:3: {FOUND}"],
    ),
    "two files of one module name, neither of them near": (
        {
            "a.py": "from load import load\n" + CALL,
            "one/load.py": LOAD,
            "two/load.py": LOAD,
        },
        [],
    ),
    "a file and a package of one name": (
        {
            "main.py": "from db import load\n" + CALL,
            "db.py": LOAD,
            "db/__init__.py": "def load(): pass",
        },
        [],
    ),
    "modules that do not exist": (
        {
            "a.py": "from .nowhere import load\nfrom nowhere.else_ import x\n"
            "from ...... import y\n" + CALL + "    x()\n    y.z()",
        },
        [],
    ),
    "bases that are not known": (
        {
            "a.py": LOAD + "from x import Base\nclass C(Base, metaclass=M):\n"
            "    async def f(self):\n        self.load()\n        self.get(1)"
        },
        [],
    ),
    "a class that is its own base": (
        {"a.py": "class C(C):\n    async def f(self):\n        self.get(1)"},
        [],
    ),
    "bases in a circle over files": (
        {
            "a.py": "from b import B\nclass A(B):\n    async def f(self):\n"
            "        self.get(1)",
            "b.py": "from a import A\nclass B(A): pass",
        },
        [],
    ),
    "names that alias each other in a circle": (
        {
            "a.py": "a = b\nb = c\nc = a\nasync def f():\n    a()\n    b.x()\n    c().y()"
        },
        [],
    ),
    "names of which each may be every other": (
        {
            "a.py": "".join(f"n{a} = n{b}\n" for a in range(14) for b in range(14))
            + "async def f():\n"
            + "".join(f"    n{a}.get(1)\n" for a in range(14))
        },
        [],
    ),
    "members of which each may be every other": (
        {
            "a.py": "class C:\n    def __init__(self):\n"
            + "".join(
                f"        self.n{a} = self.n{b}\n" for a in range(14) for b in range(14)
            )
            + "    async def f(self):\n"
            + "".join(f"        self.n{a}.get(1)\n" for a in range(14))
        },
        [],
    ),
    "functions of which each may give what every other gives": (
        {
            "a.py": "".join(
                f"def f{a}(x):\n"
                + "".join(f"    if x: return f{b}(x) or f{b}\n" for b in range(14))
                for a in range(14)
            )
            + "async def f():\n"
            + "".join(f"    f{a}(1).get(1)\n" for a in range(14))
        },
        [],
    ),
    "members that alias each other in a circle": (
        {
            "a.py": "class C:\n    def __init__(self, o: 'C'):\n"
            "        self.a = self.b\n        self.b = o.a\n        self.o = o.o.o\n"
            "    async def f(self):\n        self.a()\n        self.o.o.a.b()"
        },
        [],
    ),
    "functions that give each other": (
        {
            "a.py": "def f(): return g()\ndef g(): return f()\n"
            "async def h():\n    f().get(1)\n    g()()"
        },
        [],
    ),
    "decorators that decorate themselves": (
        {
            "a.py": "@d\ndef d(f): return f\n@e\ndef g(f): return f\n"
            "@g\ndef e(f): return f\n@e\n@d\n" + "def load(): return open(1)\n" + CALL
        },
        # Whatever the order, each gives back what it is given.
        ["a.py:11: load holds the event loop: builtins.open"],
    ),
    "types that are each other": (
        {
            "a.py": "from typing import Optional, Union\nA = Optional['B']\n"
            "B = Union['A', None]\nC = list['C']\n"
            "async def f(a: A, b: B, c: C):\n"
            "    a.get(1)\n    b.get(1)\n    c[0][0].get(1)"
        },
        [],
    ),
    "annotations that are no types": (
        {
            "a.py": "import requests\n"
            "async def f(a: 'not python ][', b: '', c: 1 + 2, d: [], e: {}, g: 'x' * 9,"
            " h: (lambda: 0), i: f'{1}', j: '\\0', k: ..., m: 'requests.', n: '|',"
            " o: 'Union[', p: requests.Session['x'], q: requests.Session[0][1]) -> '][':\n"
            + "".join(f"    {name}.get(1)\n" for name in "abcdeghijkmno")
        },
        [],
    ),
    "what the same name is in one file": (
        {
            "a.py": "import load\nfrom load import load\nclass load: pass\n"
            "def load(load: 'load'): load = load.load\nload = load(load)\n" + CALL
        },
        [],
    ),
    "a name of every kind of text": (
        {"a.py": "import requests as ünï\nasync def f():\n    ünï.get(1)"},
        ["a.py:3: holds the event loop: requests.get"],
    ),
    "an import in every place": (
        {
            "a.py": "class C:\n    import requests\n    async def f(self):\n"
            "        self.requests.get(1)\n        C.requests.get(1)\n"
            "        requests.get(1)"
        },
        [
            "a.py:4: holds the event loop: requests.get",
            "a.py:5: holds the event loop: requests.get",
        ],
    ),
}


@pytest.fixture(scope="module")
def forks(forking: Forking) -> Iterator[Forks]:
    """Give what runs the command without the time that its imports take."""
    needed = ("asyncfix.commands", "asyncfix.passes", "libcst.metadata")
    with forking(*needed, flags=("-X", "utf8")) as ready:
        yield ready


def findings(
    place: Path, files: Mapping[str, str], forks: Forks | None = None
) -> list[str]:
    """Run the command on a project; give where it finds what."""
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    options = ["--select", "blocking-call", "."]
    if forks is not None:
        code, out, err = forks.run(place, _AS_MODULE.format(options), NO_COLOR="1")
    else:
        done = subprocess.run(
            [sys.executable, "-m", "asyncfix", *options],
            cwd=place,
            env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=_LIMIT,
            check=False,
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    assert code in (0, 1), err[-2000:]
    assert "Traceback" not in err
    found = _FINDING.findall(out)
    assert (code == 1) == bool(found), out
    return [f"{path}:{line}: {said.partition(' (')[0]}" for path, line, said in found]


@pytest.mark.parametrize("row", ODD)
def test_an_odd_project(tmp_path: Path, row: str, forks: Forks) -> None:
    files, wanted = ODD[row]
    assert findings(tmp_path, files, forks) == wanted


# -- huge ones ----------------------------------------------------------------

MANY = 10_000
DEEP = 1_000
LONG = 200


def _chain(last: str, many: int) -> dict[str, str]:
    files = {
        f"m{n}.py": f"from m{n + 1} import f{n + 1}\ndef f{n}(): f{n + 1}()\n"
        for n in range(many)
    }
    files[f"m{many}.py"] = f"import requests\ndef f{many}(): {last}\n"
    files["a.py"] = "from m0 import f0\nasync def f():\n    f0()\n"
    return files


@pytest.mark.any_python
def test_a_function_in_each_of_many_files_that_calls_the_next(
    chains: Chains,
) -> None:
    (found,) = chains(_chain("requests.get(1)", MANY))
    steps = found.split(" -> ")
    assert steps[:2] == ["a.py:3 f0", "m0.py:2 f1"]
    assert steps[-1] == f"m{MANY}.py:2 requests.get"
    assert len(steps) == MANY + 2


@pytest.mark.any_python
def test_as_many_for_the_command(tmp_path: Path) -> None:
    found = findings(tmp_path, _chain("requests.get(1)", MANY))
    # Of so long a way it may say nothing; nothing else may be said.
    assert [each for each in found if not each.startswith("a.py:3: f0 holds")] == []


def test_many_that_give_the_next_ones_result(tmp_path: Path) -> None:
    files = {
        name: text.replace("(): f", "(): return f")
        for name, text in _chain("return requests.Session()", 1_000).items()
    }
    files["a.py"] = "from m0 import f0\nasync def f():\n    f0().get(1)\n"
    # Through so many nothing is known any more.
    assert findings(tmp_path, files) == []


def test_many_names_that_are_the_next_one(tmp_path: Path) -> None:
    files = {f"m{n}.py": f"from m{n + 1} import f" for n in range(1_000)}
    files["m1000.py"] = "import requests\nf = requests.get\n"
    files["a.py"] = "from m0 import f\nasync def g():\n    f(1)\n"
    assert findings(tmp_path, files) == []


def test_classes_that_are_each_the_base_of_the_next(tmp_path: Path) -> None:
    classes = "".join(f"class C{n + 1}(C{n}): pass\n" for n in range(DEEP))
    text = (
        f"import requests\nclass C0:\n    def get(self): requests.get(1)\n{classes}"
        f"async def f():\n    C{DEEP}().get()\n    C2().get()\n"
    )
    found = findings(tmp_path, {"a.py": text})
    # Far up nothing is known any more.
    assert found == [f"a.py:{DEEP + 6}: C0.get holds the event loop: requests.get"]


@pytest.mark.parametrize(
    "text",
    [
        "f()" + "()" * LONG,
        "f" + ".f" * LONG + "()",
        "x = " + " or ".join(["f()"] * LONG),
        "x = " + "f(" * 80 + ")" * 80,
        "x: '" + "list[" * 80 + "]" * 80 + "' = f()\n    x.get(1)",
        "x: '" + "|".join(["f"] * LONG) + "' = f()\n    x.get(1)",
        "x = " + "|".join(["f"] * LONG) + "\n    x.get(1)",
        "x = " + "f/" * LONG + "f\n    x.get(1)",
    ],
    ids=[
        "calls",
        "attributes",
        "or",
        "arguments",
        "types",
        "unions",
        "bits",
        "slashes",
    ],
)
def test_a_long_expression(tmp_path: Path, text: str, forks: Forks) -> None:
    files = {
        "a.py": f"import requests\nasync def f():\n    {text}\n    requests.get(1)"
    }
    line = 4 + text.count("\n")
    assert findings(tmp_path, files, forks) == [
        f"a.py:{line}: holds the event loop: requests.get"
    ]


def test_functions_in_functions(chains: Chains) -> None:
    lines = [" " * n + f"def f{n}():" for n in range(90)]
    lines.append(" " * 90 + "requests.get(1)")
    lines += [" " * n + f"f{n}()" for n in range(89, -1, -1)]
    lines += ["async def g():", "    f0()"]
    (found,) = chains("import requests\n" + "\n".join(lines))
    assert found.startswith(f"main.py:{len(lines) + 1} f0 -> main.py:181 f0.f1 -> ")
    assert found.endswith(" -> main.py:92 requests.get")


@pytest.mark.any_python
def test_a_generated_file_of_five_megabytes(tmp_path: Path) -> None:
    body = "".join(
        f"class C{n}:\n    x{n}: 'C{n + 1}' = None\n"
        f"    def f{n}(self, a: C{n}) -> 'C{n}':\n        return self.x{n}.f{n + 1}(a)\n"
        for n in range(48_000)
    )
    assert len(body) > 5_000_000
    files = {
        "big.py": "# @generated\n" + body,
        "a.py": "import requests\nfrom big import C0\nasync def f(c: C0):\n"
        "    c.f0(c)\n    requests.get(1)",
    }
    assert findings(tmp_path, files) == ["a.py:5: holds the event loop: requests.get"]
