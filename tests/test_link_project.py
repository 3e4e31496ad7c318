"""The link stage: who imports whom, who calls what, and what it all costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asyncfix.link import Project

if TYPE_CHECKING:
    from conftest import Answers, Linked, Meant

PACKAGE = {
    "main.py": "import p.a\nfrom p import b\n\np.a.f()\nb.g()\n",
    "p/__init__.py": "",
    "p/a.py": "from . import b\n\ndef f():\n    b.g()\n",
    "p/b.py": "def g():\n    pass\n\nclass C:\n    def g(self):\n        self.g()\n",
    "alone.py": "import sys\n",
}


def short(project: Project, paths: frozenset[str]) -> set[str]:
    return {path.removeprefix(f"{project.root}/") for path in paths}


@pytest.mark.parametrize(
    ("path", "imports", "importers", "reached_by"),
    [
        ("main.py", {"p/__init__.py", "p/a.py", "p/b.py"}, set(), set()),
        ("p/a.py", {"p/__init__.py", "p/b.py"}, {"main.py"}, {"main.py"}),
        ("p/b.py", set(), {"main.py", "p/a.py"}, {"main.py", "p/a.py"}),
        ("alone.py", set(), set(), set()),
    ],
)
def test_who_imports_whom(
    linked: Linked,
    path: str,
    imports: set[str],
    importers: set[str],
    reached_by: set[str],
) -> None:
    project = linked(PACKAGE)
    assert short(project, project.imports(f"{project.root}/{path}")) == imports
    assert short(project, project.importers(f"{project.root}/{path}")) == importers
    assert short(project, project.reached_by(f"{project.root}/{path}")) == reached_by


def test_reached_by_ends_in_a_circle(linked: Linked) -> None:
    files = {"a.py": "import b", "b.py": "import c", "c.py": "import a"}
    project = linked(files)
    reached = project.reached_by(f"{project.root}/a.py")
    assert short(project, reached) == {"a.py", "b.py", "c.py"}


@pytest.mark.parametrize(
    ("line", "callers"),
    [
        (1, {("main.py", 5), ("p/a.py", 4)}),
        (5, {("p/b.py", 6)}),
    ],
)
def test_callers(linked: Linked, line: int, callers: set[tuple[str, int]]) -> None:
    project = linked(PACKAGE)
    path = f"{project.root}/p/b.py"
    (scope,) = [
        number
        for number, each in enumerate(project.files[path].scopes)
        if number and each.line == line
    ]
    found = {
        (caller.removeprefix(f"{project.root}/"), use.line)
        for caller, use in project.callers(path, scope)
    }
    assert found == callers


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("a.py", {"a"}),
        ("p/__init__.py", {"p"}),
        ("p/q/__init__.py", {"p.q"}),
        ("p/q/a.py", {"p.q.a"}),
        ("src/s/__init__.py", {"s", "src.s"}),
        ("src/s/a.py", {"s.a", "src.s.a"}),
        ("scripts/tool.py", {"tool", "scripts.tool"}),
    ],
)
def test_module_names(linked: Linked, path: str, names: set[str]) -> None:
    every = (
        "a.py", "p/__init__.py", "p/q/__init__.py", "p/q/a.py", "src/s/__init__.py",
        "src/s/a.py", "scripts/tool.py",
    )  # fmt: skip
    project = linked(dict.fromkeys(every, ""))
    assert project.module_names(f"{project.root}/{path}") == names
    assert project.module_name(f"{project.root}/{path}") in names


def test_the_answer_does_not_depend_on_the_order_of_questions(linked: Linked) -> None:
    """A name that leads back to itself is cut off while it is worked out."""
    files = {
        "a.py": "from b import x\nfrom c import y\n",
        "b.py": "from a import y\nfrom time import sleep as x\n",
        "c.py": "from a import x as y\n",
        "d.py": "try:\n    from a import y\nexcept E:\n    from b import y\n",
    }
    project = linked(files)
    asked = [
        (f"{project.root}/{path}", name)
        for path, names in (
            ("a.py", "xy"),
            ("b.py", "xy"),
            ("c.py", "y"),
            ("d.py", "y"),
        )
        for name in names
    ]
    forward = {each: project.answers(each[0], 0, each[1]) for each in asked}
    project = linked(files)
    backward = {each: project.answers(each[0], 0, each[1]) for each in asked[::-1]}
    assert forward == backward


@pytest.mark.parametrize(
    ("files", "spelled"),
    [
        ({"a.py": "from time import sleep"}, {"sleep"}),
        ({"a.py": "from time import sleep as nap"}, {"sleep", "nap"}),
        ({"a.py": "import time\nnap = time.sleep"}, {"sleep", "nap"}),
        ({"a.py": "from b import nap as z", "b.py": "from time import sleep as nap"},
         {"sleep", "nap", "z"}),
        ({"a.py": "nap = zzz\nzzz = nap"}, {"sleep"}),
        ({"a.py": "from time import sleep as nap\nnap = sleep\nsleep = nap"},
         {"sleep", "nap"}),
    ],
)  # fmt: skip
def test_spellings_hold_every_last_name(
    linked: Linked, files: dict[str, str], spelled: set[str]
) -> None:
    assert linked(files).spellings(["time.sleep"]) == spelled


CHANGED = {
    "an import goes": {"main.py": "import p.a\n"},
    "an import comes": {"alone.py": "from p.b import g\n"},
    "an import is another one": {"main.py": "import alone\n"},
    "a name comes": {"p/a.py": "from .b import g as h\n"},
    "two files change": {"main.py": "", "p/a.py": "import main as m\n"},
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_project_takes_over_what_is_known_of_the_files_that_did_not_change(
    linked: Linked, change: str
) -> None:
    former = linked(PACKAGE)
    paths = [f"{former.root}/{path}" for path in PACKAGE]
    for path in paths:
        former.importers(path)
    former.spellings(["p.b.g"])
    fresh = linked({**PACKAGE, **CHANGED[change]})
    changed = [f"{former.root}/{path}" for path in CHANGED[change]]
    project = Project(
        former.files.changed([fresh.files[path] for path in changed]), former.root
    )
    project.follow(former, changed)
    for path in paths:
        assert project.importers(path) == fresh.importers(path)
        assert project.imports(path) == fresh.imports(path)
    wanted = fresh.spellings(["p.b.g"])
    assert wanted is not None
    assert wanted <= (project.spellings(["p.b.g"]) or frozenset())


def test_who_defines_a_name(linked: Linked) -> None:
    project = linked(
        {
            "b.py": "async def f():\n    pass\n",
            "a.py": "def f():\n    async def f():\n        pass\ndef g():\n    pass\n",
            "c.py": "f = 1\n",
        }
    )
    a, b = f"{project.root}/a.py", f"{project.root}/b.py"
    assert project.defining("f", lazy=False) == [a]
    assert project.defining("f", lazy=True) == [b, a, a]  # in the order of the files
    assert project.defining("g", lazy=True) == [a]
    assert project.defining("h", lazy=True) == []


def test_a_file_at_rest_says_the_same_again_and_keeps_nothing(linked: Linked) -> None:
    project = linked(PACKAGE)
    path = f"{project.root}/p/b.py"
    facts = project.files[path]

    def said() -> tuple[object, ...]:
        names = [each.name for each in facts.names(0).get("g")]
        return facts.head, facts.scopes, facts.calls, facts.bindings, names

    before = said()
    assert project.answers(path, 0, "g")
    project.files.rest()
    assert project.files.trace.awake == []
    assert facts.__dict__ == {}
    assert said() == before
    assert project.files.trace.awake == [facts]


def test_long_chains_of_modules_and_names_do_not_break_it(
    meant: Meant, answers: Answers
) -> None:
    deep = {f"m{n}.py": f"from m{n + 1} import sleep" for n in range(800)}
    deep["m800.py"] = "from time import sleep"
    deep["main.py"] = "from m0 import sleep\nsleep(1)  # <-"
    assert meant(deep) in ("time.sleep", None)
    names = "".join(f"a{n} = a{n + 1}\n" for n in range(3000))
    text = f"from time import sleep as a3000\n{names}a0(1)  # <-"
    assert {each.source for each in answers({"main.py": text})} <= {"local"}
