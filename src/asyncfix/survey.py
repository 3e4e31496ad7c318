"""Read a project to answer questions about it: settings -> facts, linked, and Reach.

Stages 2 to 4 without judgement: `why`, `graph` and `hot` share it. Coroutines of
the project that are awaited are followed, and every severity counts: what is too
small to be told is left out by whoever tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from asyncfix import registry, workers
from asyncfix.facts import Facts
from asyncfix.gather import gather, surroundings
from asyncfix.link import Project
from asyncfix.model import Problem, Settings
from asyncfix.reach import Reach

Progress = Callable[[str, int, int], None]


@dataclass
class Survey:
    """A project that was read, and what went wrong on the way.

    `targets` are the files that were named, without generated ones; the rest
    of the project is read for what it says.
    """

    settings: Settings
    project: Project
    reach: Reach
    targets: list[str]
    problems: list[Problem]
    unseen: list[Problem]
    """Statements newer than the running Python: the rest of their file was seen."""
    notes: list[str]
    skipped: dict[str, int]


@contextmanager
def survey(
    settings: Settings,
    progress: Progress = lambda stage, done, total: None,
    around: bool = True,
) -> Iterator[Survey]:
    """Read the project of some settings; with `around`, the rest of it, too.

    Raises AsyncfixError for settings that cannot be followed. Questions are
    asked inside the `with`: the garbage collector is off there.
    """
    with workers.no_collection():
        yield _read(settings, progress, around)


def _read(settings: Settings, progress: Progress, around: bool) -> Survey:
    gathered = gather(settings)
    files = gathered.files
    rest = surroundings(settings, files) if around else []
    total, done = len(files) + len(rest), 0

    def tick(more: int) -> None:
        nonlocal done
        done += more
        progress("reading", done, total)

    limits = workers.Limits(settings.max_file_size, settings.max_file_time)
    scanned = workers.scan_files([*files, *rest], settings.jobs, tick, limits)
    facts = {each.path: each for each in scanned if isinstance(each, Facts)}
    named = set(files)
    failed = [each for each in scanned if isinstance(each, Problem)]
    problems = [each for each in failed if each.path in named] + gathered.problems
    notes = list(gathered.notes)
    notes += [
        f"{each.path}:{each.line}: {each.message}; what it says of the files that "
        "were named is not known"
        for each in failed
        if each.path not in named
    ]
    targets = [path for path in files if path in facts]
    skipped = dict(gathered.skipped)
    if not settings.include_generated:
        kept = [path for path in targets if not facts[path].head.generated]
        if len(kept) < len(targets):
            skipped["generated"] = len(targets) - len(kept)
        targets = kept
    catalog = registry.catalog(settings)
    project = Project(facts.values(), str(settings.root), catalog.knows)
    reach = Reach(project, catalog, "low", awaited=True)
    return Survey(
        settings=settings,
        project=project,
        reach=reach,
        targets=targets,
        problems=sorted(set(problems)),
        unseen=[_unseen(facts[path]) for path in targets if facts[path].head.unseen],
        notes=notes,
        skipped=skipped,
    )


def _unseen(facts: Facts) -> Problem:
    return Problem(facts.path, facts.head.unseen[0], "newer than the running Python")
