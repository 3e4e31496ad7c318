"""Stage 2, gather: settings -> the files to look at, each once, sorted.

In a git repository git's own list decides; elsewhere folders are walked and
the usual folders of tools and environments are left out.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from asyncfix.model import AsyncfixError, Problem, Settings, Stat, Status

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg")
# Never the project's own code, tracked or not.
_NEVER = frozenset(
    (".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "node_modules",
     "__pycache__", "__pypackages__", ".mypy_cache", ".ruff_cache", ".eggs", ".direnv")
)  # fmt: skip
# Usually products of a build; where git tracks them they are looked at.
_USUALLY_NOT = frozenset(("build", "dist", "_build", "buck-out"))
_BUT_NAMED = "{}: git ignores it, but it was named"
_AT_ONCE = 200  # names in one command of git
_PATIENCE = 30  # seconds for one answer of git
_NOTHING: Mapping[str, os.stat_result] = {}
_NONE: Mapping[str, int] = {}


class Gathered:
    """The files of a run; `skipped` counts those left out, by reason."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.skipped: Counter[str] = Counter()
        self.notes: list[str] = []
        self.problems: list[Problem] = []
        """Folders that could not be listed."""
        self.statuses: dict[str, Status] = {}
        """The `stat` of each file, taken before anything is read."""
        self.listed = False
        """The project's root was listed for it."""


def gather(
    settings: Settings, known: Mapping[str, os.stat_result] = _NOTHING
) -> Gathered:
    """List the Python files under the settings' paths.

    `known` has what `os.stat` has said of files in this run, by their `shown` names:
    they are not asked again. Raises AsyncfixError where a path does not exist.
    """
    gathered = Gathered()
    excluded = _Excluded(settings)
    found: dict[str, os.DirEntry[str] | None] = {}
    explicit: set[str] = set()
    for path in settings.paths:
        if not path.exists():
            raise AsyncfixError(f"{path}: there is no such file or folder")
        if path.is_dir():
            if _never(path):
                gathered.notes.append(f"{path}: left out, it is never project code")
                continue
            for name, entry in _in_folder(path, gathered):
                found.setdefault(name, entry)
        else:
            found[os.fspath(path)] = None
            explicit.add(os.fspath(path))
    named = [name for name in found if name in explicit]
    for first in range(0, len(named), _AT_ONCE):
        for name in _ignored_files(settings.root, named[first : first + _AT_ONCE]):
            gathered.notes.append(_BUT_NAMED.format(shown(name)))
    seen: set[tuple[int, int]] = set()
    shorten = _Shorten()
    links: set[str] = set()
    looked_at: dict[str, tuple[str, os.stat_result | None]] = {}
    for name, entry in found.items():
        short = shorten(name)
        # What the list of a folder calls a file leads nowhere else.
        plain = entry is not None and entry.is_file(follow_symlinks=False)
        status = known.get(short) if plain else None
        looked_at[name] = short, status or _status(name, links)
    # Files before links to them, so that a link to a listed file adds nothing.
    plain_ones = sorted(name for name in found if name not in links)
    for name in (*plain_ones, *sorted(links)):
        short, status = looked_at[name]
        reason = _reason(name, status, name in links, name in explicit, excluded)
        if reason is None and status is not None:
            identity = status.st_dev, status.st_ino
            if identity in seen and status.st_ino:
                continue
            seen.add(identity)
            if name in links and name not in explicit:
                reason = _leads_out(name, settings)
        if reason is None and status is not None:
            gathered.files.append(short)
            gathered.statuses[short] = Stat.of(status)
        elif reason:
            gathered.skipped[reason] += 1
    gathered.files.sort()
    gathered.problems.sort()
    return gathered


def again(
    files: Sequence[str],
    statuses: Mapping[str, os.stat_result],
    skipped: Mapping[str, int] = _NONE,
    notes: Sequence[str] = (),
) -> Gathered:
    """Give what was gathered in an earlier run, where no folder has changed since.

    `statuses` are those of now. Raises KeyError where one is missing.
    """
    gathered = Gathered()
    gathered.files += files
    gathered.statuses.update((path, statuses[path]) for path in files)
    gathered.skipped.update(skipped)
    gathered.notes += notes
    return gathered


def _status(name: str, links: set[str]) -> os.stat_result | None:
    """Give what there is under a name, None for nothing; a link is added to `links`."""
    try:
        status = os.lstat(name)
        if stat.S_ISLNK(status.st_mode):
            links.add(name)
            status = os.stat(name)
        return status
    except OSError:
        return None


class _Shorten:
    """`shown` for many files: the work that is the same for a folder is done once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        folder, slash, file = name.rpartition(os.sep)
        if not slash:
            return shown(name)
        short = self._folders.get(folder)
        if short is None:
            plain = os.path.normpath(folder + slash)
            if os.path.isabs(plain) or plain.startswith(os.pardir):
                place = os.path.abspath(plain)
                plain = "." if place == os.getcwd() else shown(place)
            short = "" if plain == "." else os.path.join(plain, "")
            self._folders[folder] = short
        return short + file


def around(settings: Settings, known: Gathered) -> Gathered:
    """Gather the project's other Python files: read for what they say, not changed."""
    root = settings.root
    found = Gathered()
    if not is_project(root):
        return found
    inner = gather(Settings(paths=(root,), root=root, exclude=()))
    found.listed = True
    listed = {(each.st_dev, each.st_ino) for each in known.statuses.values()}
    for path in inner.files:
        status = inner.statuses[path]
        if path in known.statuses or (status.st_dev, status.st_ino) in listed:
            continue
        found.files.append(path)
        found.statuses[path] = status
    return found


def surroundings(settings: Settings, known: Iterable[str]) -> list[str]:
    """List the files of `around`."""
    named = Gathered()
    named.statuses = {path: Stat.of(os.stat(path)) for path in known}
    return around(settings, named).files


def shown(path: str | os.PathLike[str]) -> str:
    """Give a path as people know it: from the current folder, if it is below."""
    place = os.path.abspath(path)
    here = os.getcwd()
    if place.startswith(here.rstrip(os.sep) + os.sep):
        return os.path.relpath(place, here)
    return place


def is_project(root: Path) -> bool:
    """Tell whether a folder is marked as a project's root."""
    return any((root / each).exists() for each in (".git", *MARKERS))


def find_root(paths: Iterable[Path]) -> Path:
    """Give the project's root: the nearest folder with .git, else a marker."""
    first = Path(os.path.abspath(next(iter(paths), Path())))
    folders = [first, *first.parents] if first.is_dir() else list(first.parents)
    for folder in folders:
        if (folder / ".git").exists():
            return folder
    for folder in folders:
        if any((folder / marker).is_file() for marker in MARKERS):
            return folder
    return folders[0]


class _Excluded:
    def __init__(self, settings: Settings) -> None:
        self.root = settings.root
        self.patterns = None
        if settings.exclude:
            from asyncfix.exclude import Excluded

            self.patterns = Excluded(settings.exclude)

    def __call__(self, name: str) -> bool:
        if self.patterns is None:
            return False
        place = os.path.relpath(os.path.abspath(name), self.root)
        return self.patterns(place.replace(os.sep, "/"))


def _reason(
    name: str,
    status: os.stat_result | None,
    link: bool,
    explicit: bool,
    excluded: _Excluded,
) -> str | None:
    """Tell why a file is left out: a reason to count, "" for a known file, None."""
    if status is None:
        return "broken link" if link else ""
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if explicit and not name.endswith((".py", ".pyw")):
        if name.endswith(".ipynb"):
            return "notebook"
        if name.endswith(".pyi"):
            return "stub, it holds no code that runs"
    return "excluded" if excluded(name) else None


def _leads_out(name: str, settings: Settings) -> str | None:
    target = os.path.realpath(name)
    parts = os.path.relpath(target, os.path.realpath(settings.root)).split(os.sep)
    if parts[0] == os.pardir or _NEVER.intersection(parts):
        return "link out of the project"
    return None


def _never(path: Path) -> bool:
    return os.path.basename(os.path.abspath(path)) in _NEVER


def _in_folder(
    path: Path, gathered: Gathered
) -> Iterator[tuple[str, os.DirEntry[str] | None]]:
    listed = _from_git(path)
    if listed is not None:
        wanted = [name for name in listed if name.endswith((".py", ".pyw"))]
        if wanted or not _ignored(path):
            folders = {"": True}
            for name in wanted:
                folder, _, last = name.rpartition("/")
                if _is_own(path, folder, folders):
                    yield os.path.join(path, *folder.split("/"), last), None
            return
        gathered.notes.append(_BUT_NAMED.format(path))

    def unlisted(error: OSError) -> None:
        reason = error.strerror or str(error)
        place = shown(error.filename or path)
        gathered.problems.append(
            Problem(place, 1, f"cannot be listed: {reason}", "check its permissions")
        )

    todo = [os.fspath(path)]
    while todo:
        folder = todo.pop()
        try:
            with os.scandir(folder) as listed_here:
                entries = [*listed_here]
        except OSError as error:
            unlisted(error)
            continue
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name not in _NEVER and name not in _USUALLY_NOT:
                    todo.append(entry.path)
            elif name.endswith((".py", ".pyw")) and not _is_folder(entry):
                yield entry.path, entry


def _is_own(path: Path, folder: str, known: dict[str, bool]) -> bool:
    """Tell whether a folder of git's list is project code, and really there.

    An index may name files behind what is a link by now, to anywhere.
    """
    if folder not in known:
        above, _, name = folder.rpartition("/")
        known[folder] = (
            _is_own(path, above, known)
            and name not in _NEVER
            and not os.path.islink(os.path.join(path, folder))
        )
    return known[folder]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # Only a link can be one here: it is not followed.
    return entry.is_symlink() and os.path.isdir(entry.path)


def git(path: str | os.PathLike[str], *arguments: str) -> bytes | None:
    """Ask git about a folder; None where it has no answer, or is not there.

    It has none, either, where it waits for ever: for a pipe called `.gitignore`.
    """
    if not _may_be_in_repository(path):
        return None
    import subprocess  # 3 ms, which a run outside of any repository saves

    # No hook or monitor of the repository may run: it may be a hostile one.
    command = ["git", "-C", os.fspath(path), "-c", "core.fsmonitor=false", *arguments]
    # In a hook, git's own variables name the hook's repository.
    known = {key: value for key, value in os.environ.items() if key[:4] != "GIT_"}
    # Nor any program that fetches what a partial clone does not have.
    known |= {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=known,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _may_be_in_repository(path: str | os.PathLike[str]) -> bool:
    """Tell whether git may find a repository, as it looks for one: upwards.

    https://git-scm.com/docs/gitrepository-layout. In a bare one, nothing is checked
    out: git has no answer to what it is asked here.
    """
    place = os.path.realpath(path)
    while not os.path.lexists(os.path.join(place, ".git")):
        above = os.path.dirname(place)
        if above == place:
            return False
        place = above
    return True


def _from_git(path: Path) -> list[str] | None:
    options = ("-z", "--cached", "--others", "--exclude-standard")
    output = git(path, "ls-files", *options)
    if output is None:
        return None
    return sorted({os.fsdecode(name) for name in output.split(b"\0") if name})


def _ignored(path: Path) -> bool:
    return bool(git(path, "check-ignore", os.path.abspath(path)))


def _ignored_files(root: Path, names: Iterable[str]) -> list[str]:
    """Give those of some files that git ignores."""
    options = ("-z", "--others", "--ignored", "--exclude-standard", "--")
    paths = map(os.path.abspath, names)
    output = git(root, "--literal-pathspecs", "ls-files", *options, *paths) or b""
    return [os.path.join(root, os.fsdecode(n)) for n in output.split(b"\0") if n]
