"""Set up a checkout and do a job in it; needs Python 3.10 or newer, and nothing else.

    python3 scripts/dev.py example   show what asyncfix finds in examples/
    python3 scripts/dev.py check     everything that must hold before a commit
    python3 scripts/dev.py setup     make the environment, and do nothing in it

All make `.venv` (or `--venv DIR`) and install the checkout into it first, again
when pyproject.toml or the Python has changed. Exit code: that of the step that
failed, 0 where all passed, 2 for wrong usage.
"""

# Written in the syntax of Python 3.6: an old Python has to get as far as `main`,
# to say that it is too old.

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 10)
STAMP = "asyncfix-dev.stamp"
CHECKS = (
    ("black", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("mypy", "scripts", "benchmarks"),
    ("python", os.path.join("scripts", "write_docs.py"), "--check"),
)
TESTS = ("pytest", "-n", "2", "--dist", "worksteal")
OF_THIS_PYTHON = ("-m", "not any_python")


def main() -> int:
    """Set up, do the job that the command line names, and give its exit code."""
    if sys.version_info < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        return refuse(f"needs Python 3.10 or newer; this is {found}")
    options = read_options()
    folder = Path(os.path.abspath(options.venv))
    code = set_up(folder)
    if code or options.job == "setup":
        return code
    if options.job == "example":
        return step(folder, "asyncfix", "--diff", "examples")
    if options.tests_only:
        return step(folder, *TESTS, *OF_THIS_PYTHON)
    for each in (*CHECKS, TESTS):
        code = step(folder, *each)
        if code:
            return code
    return 0


def read_options() -> argparse.Namespace:
    """Read the command line; leaves the program with code 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="dev.py", description="Set up this checkout and do a job in it."
    )
    jobs = parser.add_subparsers(dest="job", required=True, metavar="JOB")
    example = jobs.add_parser("example", help="show what asyncfix finds in examples/")
    check = jobs.add_parser("check", help="format, lint, types, docs and tests")
    check.add_argument(
        "--tests-only",
        action="store_true",
        help="only the tests that another Python may fail",
    )
    setup = jobs.add_parser("setup", help="make the environment")
    for job in (example, check, setup):
        job.add_argument(
            "--venv",
            default=str(ROOT / ".venv"),
            metavar="DIR",
            help="the virtual environment to make and use (default: .venv)",
        )
    return parser.parse_args()


def set_up(folder: Path) -> int:
    """Make the environment and install into it, where either is out of date.

    Gives the exit code: 0 if the environment can be used. A folder that is no
    virtual environment, or one of another Python that this script did not make,
    is left as it is.
    """
    stamp = folder / STAMP
    wanted = fingerprint()
    had = stamp.read_text(encoding="utf-8") if stamp.is_file() else ""
    if had == wanted:
        return 0
    python = str(binaries(folder) / "python")
    make = [sys.executable, "-m", "venv"]
    if had:
        # The first line is the Python; what was made by another one goes.
        if had.partition("\n")[0] != wanted.partition("\n")[0]:
            make.append("--clear")
    elif folder.is_dir() and any(folder.iterdir()):
        if not (folder / "pyvenv.cfg").is_file():
            return refuse(
                f"{folder} is no virtual environment: name another with --venv"
            )
        if version_of(python) != sys.version_info[:2]:
            return refuse(
                f"{folder} belongs to another Python: remove it, or name another folder "
                "with --venv"
            )
    code = call([*make, str(folder)], f"python -m venv {folder}")
    if code:
        return code
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    code = call([python, *install, "-e", ".[dev]"], "pip install -e .[dev]")
    if code:
        return code
    stamp.write_text(wanted, encoding="utf-8")
    return 0


def fingerprint() -> str:
    """Give what an installation depends on: Python, place and pyproject.toml."""
    python = "{} {}".format(sys.base_prefix, sys.version.partition(" ")[0])
    content = (ROOT / "pyproject.toml").read_bytes()
    return f"{python}\n{ROOT}\n{hashlib.sha256(content).hexdigest()}\n"


def version_of(python: str) -> "tuple[int, ...]":
    """Give major and minor version of an interpreter, () where it does not run."""
    ask = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True)
    except OSError:
        return ()
    return tuple(int(part) for part in done.stdout.split())


def binaries(folder: Path) -> Path:
    """Give the folder of an environment's commands."""
    return folder / ("Scripts" if os.name == "nt" else "bin")


def step(folder: Path, name: str, *arguments: str) -> int:
    """Run a command of the environment in the checkout; give its exit code."""
    command = shutil.which(name, path=str(binaries(folder)))
    if command is None:
        return refuse(f"{name} is not in {folder}: remove that folder")
    return call([command, *arguments], " ".join((name, *arguments)))


def call(command: "list[str]", shown: str) -> int:
    """Run a command in the checkout, its name printed before; give its exit code."""
    print("$ " + shown, flush=True)
    return subprocess.run(command, cwd=str(ROOT)).returncode


def refuse(message: str) -> int:
    """Say why nothing is done; gives exit code 2."""
    print("dev.py: error: " + message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
