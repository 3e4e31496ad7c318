"""Begin a codemod: its module, a fixture that fails, one that holds, a changelog line.

    python scripts/new_codemod.py blocking-input

The name is the anti-pattern's, in kebab-case. Nothing is written where the name is
bad or taken. Exit codes: 0 written, 2 refused.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNRELEASED = "## Unreleased\n"

# What it says it does is what it does: it finds, and refuses until it is written.
MODULE = '''\
"""`library.blocking_call` where the event loop runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncfix import (
    NEW_AWAIT,
    Codemod,
    Context,
    Doubt,
    Level,
    Names,
    Plan,
    runs_elsewhere,
)

if TYPE_CHECKING:
    import libcst as cst  # imported where a fix is made: it takes 0.15 s


class CLASS(Codemod):
    """`library.blocking_call` stops every other task of the event loop.

    Before:

        import asyncio
        import library

        async def main():
            library.blocking_call()

    After:

        import asyncio
        import library

        async def main():
            await asyncio.to_thread(library.blocking_call)

    Safety: manual until the rewrite is written. Then the level of the example's
    fix, and what makes the codemod refuse.
    """

    name = "NAME"
    calls = ("library.blocking_call",)
    guards = NEW_AWAIT

    def judge(self, context: Context) -> Plan | None:
        """Say what to do about one `library.blocking_call`."""
        if runs_elsewhere(context):
            return None
        unwritten = Doubt(
            "unwritten",
            Level.MANUAL,
            "the rewrite of this codemod is not written yet",
            "change the call by hand",
        )
        return Plan(
            f"{context.spelled}() stops every task of the event loop",
            by_hand=f"await asyncio.to_thread({context.spelled})",
            needs=("asyncio",),
            doubts=(unwritten,),
        )

    def rewrite(self, node: cst.Call, names: Names) -> cst.BaseExpression:
        """Give the code that takes the call's place; not asked for until then."""
        # The doubt in judge() keeps the engine away from here.
        raise NotImplementedError(self.name)
'''

BEFORE = """\
import asyncio

import library


async def main():
    # A comment stays where it is.
    library.blocking_call()


asyncio.run(main())
"""

AFTER = BEFORE.replace(
    "library.blocking_call()", "await asyncio.to_thread(library.blocking_call)"
)

UNCHANGED = """\
# unchanged: N1: without the library, this is the call of the stand-in
import asyncio

try:
    import library
except ImportError:
    import stand_in as library


async def main():
    library.blocking_call()


asyncio.run(main())
"""

NEXT = """\
Next:
  1. {fixtures}: write down what your codemod
     must do (`.before.py`, `.after.py`) and what it must leave alone (`.unchanged.py`).
  2. {module}: name the call, take the doubt
     `unwritten` away, write rewrite(), and bring the page (the docstring) up to date.
  3. pytest -k {name}
  4. CHANGELOG.md: say in one line what the codemod does for the reader.
  5. python scripts/write_docs.py, then python scripts/dev.py check
"""


def main() -> int:
    """Write the files of the codemod that the command line names."""
    parser = argparse.ArgumentParser(prog="new_codemod.py")
    parser.add_argument("name", help="the anti-pattern, as in blocking-input")
    name: str = parser.parse_args().name
    reason = refusal(name)
    if reason:
        print(f"new_codemod.py: error: {reason}; nothing was written", file=sys.stderr)
        return 2
    fixtures = fixture_folder(name)
    fixtures.mkdir(parents=True)
    put(module_path(name), filled(MODULE, name))
    put(fixtures / "plain.before.py", BEFORE)
    put(fixtures / "plain.after.py", AFTER)
    put(fixtures / "shadowed.unchanged.py", UNCHANGED)
    changelog = ROOT / "CHANGELOG.md"
    line = f"\n- New codemod `{name}`.\n"
    text = changelog.read_text(encoding="utf-8")
    put(changelog, text.replace(UNRELEASED, UNRELEASED + line, 1))
    module, folder = shown(module_path(name)), shown(fixtures)
    print(NEXT.format(name=name, module=module, fixtures=folder), end="")
    return 0


def refusal(name: str) -> str:
    """Tell why a codemod cannot have this name; empty if it can."""
    module, fixtures = module_path(name), fixture_folder(name)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        return f"{name!r} is not in kebab-case, as blocking-input is"
    if keyword.iskeyword(module.stem):
        return f"{name!r} is a word of Python's own"
    for taken in (module, module.with_suffix(""), fixtures):
        if taken.exists():
            return f"{name!r} is taken: there is {shown(taken)}"
    if UNRELEASED not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        return f"CHANGELOG.md has no heading `{UNRELEASED.strip()}`"
    return ""


def module_path(name: str) -> Path:
    """Give the module that a codemod of this name is in."""
    return ROOT / "codemods" / "asyncfix_codemods" / f"{name.replace('-', '_')}.py"


def fixture_folder(name: str) -> Path:
    """Give the folder of the fixtures of a codemod of this name."""
    return ROOT / "tests" / "fixtures" / name


def filled(template: str, name: str) -> str:
    """Put a codemod's name and the name of its class into a template."""
    class_name = "".join(part.capitalize() for part in name.split("-"))
    return template.replace("NAME", name).replace("CLASS", class_name)


def put(path: Path, text: str) -> None:
    """Write a text file with LF line ends, whatever the system's are."""
    path.write_text(text, encoding="utf-8", newline="\n")


def shown(path: Path) -> str:
    """Give a path from the checkout on, with slashes."""
    return path.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    sys.exit(main())
