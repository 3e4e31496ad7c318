"""Write the pages that are made from docstrings, or check that they are fresh.

    python scripts/write_docs.py           write what is stale
    python scripts/write_docs.py --check   name what is stale, exit with 1, write nothing

Written are: the README's table of codemods, a page docs/codemods/NAME.md for each
codemod, and the table in docs/guards.md. Needs the checkout to be installed.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

from asyncfix import GUARDS, AsyncfixError, Codemod, Level
from asyncfix.registry import in_pack

ROOT = Path(__file__).resolve().parent.parent
PACK = "asyncfix_codemods"
PARTS = ("Before", "After", "Safety")
WRITTEN = "<!-- Written by scripts/write_docs.py from the docstring: edit that. -->"


def main() -> int:
    """Write or check every page; give the exit code."""
    parser = argparse.ArgumentParser(prog="write_docs.py")
    parser.add_argument("--check", action="store_true", help="only name what is stale")
    check = parser.parse_args().check
    try:
        wanted = pages(sorted(in_pack(PACK), key=lambda each: each.name))
    except AsyncfixError as error:
        print(f"write_docs.py: error: {error}", file=sys.stderr)
        return 2
    stale = [path for path, text in wanted.items() if read(path) != text]
    left = [path for path in written_before() if path not in wanted]
    for path in (*stale, *left):
        name = path.relative_to(ROOT).as_posix()
        print(f"{name} is stale: run scripts/write_docs.py" if check else f"{name}")
    if check:
        return 1 if stale or left else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8", newline="\n")
    for path in left:
        path.unlink()
    return 0


def pages(codemods: Iterable[Codemod]) -> dict[Path, str]:
    """Give the text that each written file should have.

    Raises AsyncfixError for a docstring that lacks a part.
    """
    readme, guards = ROOT / "README.md", ROOT / "docs" / "guards.md"
    rows = ["| codemod | finds | level |", "| --- | --- | --- |"]
    wanted = {}
    for codemod in codemods:
        parts = page_parts(codemod)
        link = f"[`{codemod.name}`](docs/codemods/{codemod.name}.md)"
        rows.append(f"| {link} | {cell(codemod.summary())} | {level(codemod, parts)} |")
        path = ROOT / "docs" / "codemods" / f"{codemod.name}.md"
        wanted[path] = page(codemod, parts)
    wanted[readme] = between(read(readme), "codemods", rows)
    wanted[guards] = between(read(guards), "guards", guard_rows())
    return wanted


def page_parts(codemod: Codemod) -> dict[str, str]:
    """Give the parts of a codemod's docstring: its text, before, after, safety.

    Raises AsyncfixError where one is missing or empty.
    """
    name, found = "", {"": ""}
    for line in codemod.page().splitlines():
        head, colon, rest = line.partition(":")
        if colon and head in PARTS:
            name, line = head, rest.strip()
        found[name] = found.get(name, "") + line + "\n"
    for part in PARTS:
        if not found.get(part, "").strip():
            raise AsyncfixError(f"the docstring of {codemod.name} has no `{part}:`")
    code = {part: inspect.cleandoc(found[part]) + "\n" for part in ("Before", "After")}
    return {**{part: text.strip() for part, text in found.items()}, **code}


def level(codemod: Codemod, parts: dict[str, str]) -> str:
    """Give the level that `Safety:` opens with.

    Raises AsyncfixError where it does not open with one.
    """
    word = parts["Safety"].split()[0].strip(".,:;")
    if word not in {each.value for each in Level}:
        raise AsyncfixError(
            f"the docstring of {codemod.name} says `Safety: {word}`: "
            f"it has to open with {', '.join(each.value for each in Level)}"
        )
    return word


def page(codemod: Codemod, parts: dict[str, str]) -> str:
    """Give the page of one codemod."""
    before, after = parts["Before"], parts["After"]
    diff = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        "a/example.py",
        "b/example.py",
    )
    shown = (fenced("python", after), "## The change", fenced("diff", "".join(diff)))
    guards = ", ".join(guard_link(each, "../guards.md") for each in codemod.guards)
    silenced = [f"# asyncfix: off[{codemod.name}]"]
    silenced += [f"# noqa: {code}" for code in codemod.noqa if code.isupper()]
    sections = [
        f"# {codemod.name}",
        WRITTEN,
        parts[""],
        "## Before",
        fenced("python", before),
        "## After",
        *(shown if before != after else ("Nothing is changed: it is reported.",)),
        "## Safety",
        parts["Safety"][:1].upper() + parts["Safety"][1:],
    ]
    if guards:
        sections += [f"Guards asked, in this order: {guards}."]
    sections += [
        "## To keep a line as it is",
        "End it with " + " or ".join(f"`{each}`" for each in silenced) + ".",
    ]
    return "\n\n".join(sections) + "\n"


def guard_rows() -> list[str]:
    """Give the table of guards; what holds is the docstring's first line."""
    rows = ["| guard | what must hold |", "| --- | --- |"]
    for guard, function in GUARDS.items():
        first = inspect.cleandoc(function.__doc__ or "").partition("\n")[0]
        rows.append(
            f"| {guard_link(guard)} | {cell(first.removeprefix(guard + ': '))} |"
        )
    return rows


def guard_link(guard: str, file: str = "") -> str:
    """Give a link to a guard's section in docs/guards.md."""
    return f"[{guard}]({file}#{guard.lower()})"


def between(text: str, mark: str, rows: list[str]) -> str:
    """Give `text` with `rows` between its marks, which are added where missing."""
    start, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if start not in text or end not in text:
        text = f"{text.rstrip()}\n\n{start}\n{end}\n".lstrip()
    head, _, rest = text.partition(start)
    tail = rest.partition(end)[2]
    return "\n".join((f"{head}{start}", *rows, f"{end}{tail}"))


def fenced(language: str, code: str) -> str:
    """Give a fenced block of code."""
    return f"```{language}\n{code}```"


def cell(text: str) -> str:
    """Give text that may stand in a table."""
    return text.replace("|", "\\|")


def read(path: Path) -> str:
    """Give the text of a file, with LF for every line end; none if it is missing."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def written_before() -> list[Path]:
    """Give the pages of codemods that an earlier run has written."""
    folder = ROOT / "docs" / "codemods"
    return [each for each in sorted(folder.glob("*.md")) if WRITTEN in read(each)]


if __name__ == "__main__":
    sys.exit(main())
