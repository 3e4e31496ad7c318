"""Let asyncfix, and its peers where they are installed, write to a full disk.

    python scripts/full_disk.py [--peers DIR]

Needs Linux and root: it mounts a small tmpfs, puts a file on it that every one of the
tools would make longer, and fills what is left. Prints what became of the file.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FUNCTION = """

async def f{n}():
    time.sleep({n})
    return g(
        "{filler}",{n}
    )
"""
PAGE = 4096
ASYNCFIX = (sys.executable, "-m", "asyncfix", "--apply", "x.py")
PEERS = {
    "black": ("black", "x.py"),
    "ruff check --fix": (
        "ruff", "check", "--fix", "--no-cache", "--select", "COM812", "x.py",
    ),
    "ruff format": ("ruff", "format", "--no-cache", "x.py"),
    "LibCST codemod": (
        "python", "-m", "libcst.tool", "codemod", "--no-format",
        "add_trailing_commas.AddTrailingCommas", "x.py",
    ),
    "ast-grep -U": (
        "ast-grep", "run", "-p", "time.sleep($A)", "-r", "await asyncio.sleep($A)",
        "-l", "py", "-U", "x.py",
    ),
}  # fmt: skip


def text() -> bytes:
    """Give a program that fills whole pages, so that one byte more needs another."""
    code = "import asyncio\nimport time\n" + "".join(
        FUNCTION.format(n=n, filler="x" * 70) for n in range(700)
    )
    data = code.encode() + b"\n\nprint(asyncio, time.time())\n# "
    return data + b"x" * (PAGE - (len(data) + 1) % PAGE) + b"\n"


def filled(folder: Path) -> None:
    """Write to a file until nothing more goes in."""
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * PAGE):
                pass
        except OSError:
            return


def tried(name: str, command: tuple[str, ...], bin_: str, journal: bool) -> str:
    """Run a tool on the full disk; give a row of the table."""
    place = Path(tempfile.mkdtemp(prefix="full-disk-"))
    disk = place / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)
    try:
        old = text()
        (disk / "x.py").write_bytes(old)
        (disk / "state").mkdir()
        filled(disk)
        variables = {
            **os.environ,
            "PATH": os.pathsep.join(filter(None, (bin_, os.environ["PATH"]))),
            "HOME": str(place),
            "XDG_STATE_HOME": str(disk / "state" if journal else place / "state"),
            "ASYNCFIX_CACHE_DIR": "off",
        }
        first = shutil.which(command[0], path=bin_ or None) or command[0]
        done = subprocess.run(
            [first, *command[1:]], cwd=disk, env=variables, capture_output=True
        )
        new = (disk / "x.py").read_bytes()
        left = sorted(
            {each.name for each in disk.iterdir()} - {"x.py", "filler", "state"}
        )
    finally:
        subprocess.run(["umount", str(disk)], check=True)
        shutil.rmtree(place, ignore_errors=True)
    if new == old:
        became = "as it was"
    elif not new.endswith(old[-100:]):
        became = f"**cut off after {len(new)} bytes (it had {len(old)})**"
        became += "" if compiles(new) else "; does not compile"
    else:
        became = "written: there was room"
    said = (done.stdout + done.stderr).decode("utf-8", "replace").strip().split("\n")
    behind = f"; left behind: {', '.join(left)}" if left else ""
    return f"| {name} | {became}{behind} | {done.returncode} | {said[-1][:100]} |"


def compiles(data: bytes) -> bool:
    """Tell whether bytes are a Python program."""
    try:
        ast.parse(data)
    except (SyntaxError, ValueError):
        return False
    return True


def main() -> int:
    """Run the tools; give the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--peers", default="", metavar="DIR", help="where the peers are"
    )
    peers = parser.parse_args().peers
    if not sys.platform.startswith("linux") or os.geteuid():
        print("needs Linux and root, for a file system of its own", file=sys.stderr)
        return 2
    print("| tool | the file | exit code | its last line |\n| --- | --- | --- | --- |")
    rows = [tried("asyncfix", ASYNCFIX, "", False)]
    rows.append(tried("asyncfix, the journal there, too", ASYNCFIX, "", True))
    print("\n".join(rows), flush=True)
    for name, command in PEERS.items():
        if peers and shutil.which(command[0], path=peers):
            print(tried(name, command, peers, False), flush=True)
    return 0 if all("| as it was | 2 |" in row for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
