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
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pinned import obtain, read_pins

from asyncfix import registry, workers
from asyncfix.codemod import Site, is_test
from asyncfix.facts import Facts
from asyncfix.gather import gather
from asyncfix.judge import report
from asyncfix.link import Project
from asyncfix.model import Finding, Settings
from asyncfix.parsing import parse
from asyncfix.reach import Chain, Edge, Reach
from asyncfix.source import Lines, Source, decode
from asyncfix.tree import Tree

CODEMOD = "blocking-call"
# Kind of finding -> how many are drawn when nothing else is asked for.
KINDS = {"transitive": 50, "typed": 50, "high": 30, "medium": 15}


class Row(NamedTuple):
    """One finding as the table shows it."""

    package: str
    place: str
    source: str
    chain: str
    kind: str


class Texts:
    """The texts of the analysed files, the last one kept."""

    def __init__(self) -> None:
        self._last: Source | None = None

    def source(self, path: str) -> Source:
        """Give a file's text; raises LookupError where it cannot be read."""
        if self._last is None or self._last.shown != path:
            data = workers.read(path)
            source = decode(path, data) if isinstance(data, bytes) else data
            if not isinstance(source, Source):
                raise LookupError(source.message)
            self._last = source
        return self._last

    def lines(self, path: str) -> Lines:
        """Give a file's lines."""
        return Lines(self.source(path).text)

    def tree(self, path: str) -> Tree:
        """Give a file's syntax tree; raises LookupError where there is none."""
        parsed = parse(path, self.source(path).text)
        if not isinstance(parsed, tuple):
            raise LookupError(parsed.message)
        return Tree(parsed[0], parsed[1])


def kind_of(edge: Edge, chain: Chain) -> str:
    """Give the kind of a finding, one of `KINDS`; severity "low" counts as medium."""
    if len(chain.steps) > 1:
        return "transitive"
    if edge.typed:
        return "typed"
    return "high" if chain.entry.severity == "high" else "medium"


def shown(chain: Chain) -> str:
    """Give a chain as one line: `load (a.py:3) -> requests.get (b.py:9); http, high`."""
    way = " -> ".join(f"{each.name} ({each.path}:{each.line})" for each in chain.steps)
    return f"{way}; {chain.entry.kind}, {chain.entry.severity}"


def rows_in(folder: Path) -> list[Row]:
    """Give the reported findings outside of tests below a folder, in their order.

    Paths in them are relative to the folder: it is the current one for a while.
    """
    before = Path.cwd()
    os.chdir(folder)
    try:
        with workers.no_collection():
            settings = Settings(root=folder, jobs=os.cpu_count() or 1)
            return list(_rows(folder.name, settings))
    finally:
        os.chdir(before)


def _rows(package: str, settings: Settings) -> Iterator[Row]:
    codemods = [each for each in registry.installed() if each.name == CODEMOD]
    scanned = workers.scan_files(gather(settings).files, settings.jobs)
    facts = [each for each in scanned if isinstance(each, Facts)]
    project = Project(facts, str(settings.root))
    reach = Reach(project, registry.catalog(settings), settings.severity)
    paths = [
        each.path
        for each in facts
        if not each.head.generated and not is_test(each.path)
    ]
    texts = Texts()
    for path, edges in sorted(reach.blocking(paths).items()):
        for function, edge in edges:
            chain = reach.chain(path, edge)
            if chain is None:
                continue
            site = Site(path, edge.use, "blocking", chain.entry.name, function, chain)
            found = [(each, site) for each in codemods]
            for finding in report(found, texts.lines, texts.tree)[0]:
                yield _row(package, finding, edge, chain)


def _row(package: str, finding: Finding, edge: Edge, chain: Chain) -> Row:
    place = f"{finding.path}:{finding.line}"
    kind = kind_of(edge, chain)
    return Row(package, place, finding.source, shown(chain), kind)


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
