"""Draw findings of `blocking-call` at random, to be read by a person.

In: folders of source code, by default the packages of pinned.tsv, downloaded into a
scratch folder. Out: Markdown tables on stdout, each row with room for a verdict; the
same seed draws the same rows. Test code is left out.

    python scripts/sample_findings.py [--seed N] [--per-package N] [--all] [FOLDER ...]

Findings are of four kinds: `transitive`, the chain has more than one step; `typed`, a
direct call found through the type of its receiver; `high` and `medium`, the other
direct calls, by severity.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pinned import obtain, read_pins

from asyncfix import registry
from asyncfix.catalog import Catalog
from asyncfix.context import is_test
from asyncfix.engine import run
from asyncfix.model import Finding, Settings

CODEMOD = "blocking-call"
# Kind of finding -> how many are drawn when nothing else is asked for.
KINDS = {"transitive": 50, "typed": 50, "high": 30, "medium": 15}
# `load holds the event loop: read (a.py:3) -> open (b.py:9) (file, medium)`
# After it: what a fix changes besides, or why there is none.
MESSAGE = re.compile(
    r"(?:(.+) )?holds the event loop: (.+) \((\w[^(),]*), (\w+)\)(?:[;.] .*)?"
)


class Row(NamedTuple):
    """One finding as the table shows it."""

    package: str
    place: str
    source: str
    chain: str
    kind: str


def rows_in(folder: Path) -> list[Row]:
    """Give the findings outside of tests that a run on a folder tells, in their order.

    Paths in them are relative to the folder: it is the current one for a while.
    Stops the program where a finding's message is not understood.
    """
    before = Path.cwd()
    os.chdir(folder)
    try:
        settings = Settings(root=folder, select=(CODEMOD,), jobs=os.cpu_count() or 1)
        result = run(settings, registry.installed())
        catalog = registry.catalog(settings)
    finally:
        os.chdir(before)
    for each in result.problems:
        print(f"{each.path}:{each.line}: {each.message}", file=sys.stderr)
    findings = [each for each in result.findings if not is_test(each.path)]
    return [row_of(folder.name, each, catalog) for each in findings]


def row_of(package: str, finding: Finding, catalog: Catalog) -> Row:
    """Give a finding as the table shows it, with its kind, one of `KINDS`."""
    read = MESSAGE.fullmatch(finding.message)
    if read is None:
        sys.exit(f"{finding.path}:{finding.line}: what is {finding.message!r}?")
    through, way, what, severity = read.groups()
    place = f"{finding.path}:{finding.line}"
    if through:
        kind, chain = "transitive", f"{through} ({place}) -> {way}"
    else:
        typed = catalog.is_class(way.rpartition(".")[0])
        other = "high" if severity == "high" else "medium"  # "low" as well
        kind, chain = "typed" if typed else other, f"{way} ({place})"
    return Row(package, place, finding.source, f"{chain}; {what}, {severity}", kind)


def draw(rows: Iterable[Row], wanted: int, most: int, seed: int) -> list[Row]:
    """Draw `wanted` rows, at most `most` of a package; in the order of the rows."""
    rows = list(rows)
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    taken: list[int] = []
    count: Counter[str] = Counter()
    for index in order:
        if len(taken) < wanted and count[rows[index].package] < most:
            count[rows[index].package] += 1
            taken.append(index)
    return [rows[index] for index in sorted(taken)]


def cell(text: str, mark: str = "") -> str:
    """Give a text as it may stand in a table; with a mark, as code."""
    text = " ".join(text.split()).replace("|", "\\|")
    return f"{mark}{text.replace('`', chr(39)) if mark else text}{mark}"


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Give the lines of a Markdown table, the column of the verdict empty."""
    yield "| package | place | source | chain | verdict |"
    yield "| --- | --- | --- | --- | --- |"
    for row in rows:
        cells = (row.package, row.place, cell(row.source, "`"), cell(row.chain))
        yield f"| {' | '.join(cells)} | |"


def main() -> int:
    """Out: the exit code: 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=1, help="of the draw (default: 1)")
    parser.add_argument(
        "--per-package", type=int, default=8, help="at most so many of each (8)"
    )
    parser.add_argument("--all", action="store_true", help="show all, draw nothing")
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(tempfile.gettempdir()) / "asyncfix-real-code",
        help="where pinned packages are unpacked (default: %(default)s)",
    )
    for kind, count in KINDS.items():
        parser.add_argument(f"--{kind}", type=int, default=count, help=f"({count})")
    options = parser.parse_args()
    folders = [folder.resolve() for folder in options.folders]
    if not folders:
        folders = [obtain(pin, options.scratch.resolve()) for pin in read_pins()]
    rows: list[Row] = []
    for folder in folders:
        if not folder.is_dir():
            parser.error(f"{folder}: no such folder")
        print(f"{folder.name} ...", file=sys.stderr)
        rows += rows_in(folder)
    for kind in KINDS:
        these = [row for row in rows if row.kind == kind]
        drawn = draw(
            these,
            len(these) if options.all else getattr(options, kind),
            len(these) if options.all else options.per_package,
            options.seed,
        )
        print(
            f"## {kind}: {len(drawn)} of {len(these)}", "", *table(drawn), "", sep="\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
