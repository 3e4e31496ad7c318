"""Fetch the packages pinned in pinned.tsv from PyPI, for runs on real code.

In: a scratch folder. Out: the Python files of a package in it. Nothing that is
downloaded belongs into the repository.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PINS = Path(__file__).resolve().with_suffix(".tsv")
WHEELS = ("--only-binary=:all:", "--python-version=3.13.2", "--implementation=cp")


@dataclass(frozen=True)
class Package:
    """One pinned archive, a line of pinned.tsv."""

    name: str
    version: str
    archive: str
    sha256: str

    @property
    def is_wheel(self) -> bool:
        """Out: True for a wheel, False for a source archive."""
        return self.archive.endswith(".whl")


def read_pins() -> list[Package]:
    """Out: the packages of pinned.tsv, in its order."""
    lines = PINS.read_text(encoding="utf-8").splitlines()
    return [Package(*line.split("\t")) for line in lines if line[:1] not in ("", "#")]


def fetch(package: Package, downloads: Path) -> Path:
    """In: a pin and a folder. Out: its archive there, downloaded only if missing.

    Stops the program when pip fails or the archive is not the pinned one.
    """
    archive = downloads / package.archive
    if not archive.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
        command += ["-d", str(downloads), f"{package.name}=={package.version}"]
        if package.is_wheel:
            tags = package.archive.removesuffix(".whl").rsplit("-", 1)[1]
            command += [*WHEELS, f"--platform={tags}"]
        else:
            command += ["--no-binary=:all:"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL)
        if done.returncode or not archive.exists():
            sys.exit(f"pip could not download {package.name} {package.version}")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        sys.exit(f"{package.archive}: sha256 is {found}, pinned is {package.sha256}")
    return archive


def members(archive: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """In: a wheel or sdist. Out: its regular files, without an sdist's top folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for item in wheel.infolist():
                if not item.is_dir():
                    yield PurePosixPath(item.filename), wheel.read(item)
        return
    with tarfile.open(archive) as sdist:
        for entry in sdist:
            name = PurePosixPath(*PurePosixPath(entry.name).parts[1:])
            content = sdist.extractfile(entry) if entry.isfile() else None
            if content is not None:
                yield name, content.read()


def unpack(archive: Path, target: Path) -> None:
    """In: an archive and a folder. Out: its Python files there, unless it exists."""
    if target.exists():
        return
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    for name, content in members(archive):
        wanted = name.suffix == ".py" or str(name) == "pyproject.toml"
        if wanted and not name.is_absolute() and ".." not in name.parts:
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content)
    part.rename(target)


def obtain(package: Package, scratch: Path) -> Path:
    """In: a pin and the scratch folder. Out: the folder with its Python files."""
    downloads, sources = scratch / "downloads", scratch / "sources"
    downloads.mkdir(parents=True, exist_ok=True)
    sources.mkdir(exist_ok=True)
    source = sources / f"{package.name}-{package.version}"
    unpack(fetch(package, downloads), source)
    return source
