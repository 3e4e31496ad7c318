"""Fuzz for as long as you like: the properties of tests/test_fuzz.py, over and over.

    python scripts/fuzz.py [--minutes N] [--seed N] [FOLDER...]

In turn: programs made by hypothesmith, programs of sleeps in odd places, any bytes,
and files below the FOLDERs (by default Python's own library) with coroutines, calls
that block, and damage put in. Needs the development dependencies. At the end it
prints how many of each it tried, how many were changed, and what the codemods found
and fixed; exit code 1, and the program that did it, where a property did not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import hypothesmith
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
os.environ["ASYNCFIX_CACHE_DIR"] = "off"
properties: Any = import_module("test_fuzz")

_AT_ONCE = 40
_STRATEGIES = {
    "hypothesmith": hypothesmith.from_node().map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    "hypothesmith, round a sleep": hypothesmith.from_node().map(
        lambda text: f"import time\nasync def f_():\n    time.sleep(1)\n{text}\n".encode(
            "utf-8", "surrogatepass"
        )
    ),
    "sleeps in odd places": properties.sleepers().map(str.encode),
    "any bytes": st.binary(max_size=200),
}


class Fuzz:
    """What was tried so far, and what is tried right now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tried: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.fixed: Counter[str] = Counter()
        self.data = b""

    def check(self, kind: str, data: bytes) -> None:
        """Hold one program against the properties. Raises what they raise."""
        self.data = data
        result = properties.check(self.folder, data)
        self.tried[kind] += 1
        self.changed[kind] += bool(result.changes)
        self.found.update(each.codemod for each in result.findings)
        for change in result.changes:
            self.fixed.update(each.codemod for each in change.findings)

    def programs(self, kind: str, seed: int) -> None:
        """Try some programs of a kind."""

        @seeded(seed)
        @settings(
            deadline=None,
            database=None,
            max_examples=_AT_ONCE,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(data=_STRATEGIES[kind])
        def each(data: bytes) -> None:
            self.check(kind, data)

        each()

    def real(self, draw: random.Random, folders: list[str]) -> None:
        """Try some real files."""
        for _ in range(_AT_ONCE):
            path = draw.choice(properties.real_files(draw.choice(folders)))
            self.check("real files, spoilt", properties.spoilt(draw, path.read_bytes()))


def main() -> int:
    """Fuzz as the command line asks; give the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("folders", nargs="*", default=[""], metavar="FOLDER")
    options = parser.parse_args()
    end = time.monotonic() + options.minutes * 60
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        os.environ["XDG_STATE_HOME"] = str(Path(place, "state"))
        folder = Path(place, "project")
        folder.mkdir()
        fuzz = Fuzz(folder)
        number = options.seed
        code = 0
        while time.monotonic() < end and not code:
            number += 1
            try:
                fuzz.real(random.Random(number), options.folders)
                for kind in _STRATEGIES:
                    if time.monotonic() < end:
                        fuzz.programs(kind, number)
            except Exception:
                traceback.print_exc()
                kept = Path(tempfile.mkdtemp(prefix="fuzz-found-"), "x.py")
                kept.write_bytes(fuzz.data)
                print(f"seed {number}: see {kept}", file=sys.stderr)
                code = 1
            said = ", ".join(f"{kind}: {n}" for kind, n in sorted(fuzz.tried.items()))
            print(f"round {number}: {said}", flush=True)
    print("\n| programs | tried | changed |\n| --- | --- | --- |")
    for kind, count in sorted(fuzz.tried.items()):
        print(f"| {kind} | {count} | {fuzz.changed[kind]} |")
    print(f"| together | {fuzz.tried.total()} | {fuzz.changed.total()} |")
    print("\n| codemod | findings | fixed |\n| --- | --- | --- |")
    for name, count in sorted(fuzz.found.items()):
        print(f"| {name} | {count} | {fuzz.fixed[name]} |")
    return code


if __name__ == "__main__":
    sys.exit(main())
