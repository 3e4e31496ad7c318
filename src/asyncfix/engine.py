"""The conductor: the only module that knows the order of the stages."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

from asyncfix import registry, workers
from asyncfix.catalog import Catalog
from asyncfix.codemod import Codemod, Site, by_names
from asyncfix.context import Model
from asyncfix.detect import blocking_sites, found, plain, plain_found
from asyncfix.digest import digest
from asyncfix.gather import MARKERS, Gathered, again, around, gather
from asyncfix.library import Library
from asyncfix.link import MOST_AWAKE, Project
from asyncfix.memory import Memory
from asyncfix.model import UNREAD, UNSEEN, Opening, Problem, Result, Settings, Since
from asyncfix.reach import Chain, Edge, Place
from asyncfix.recall import Judged, Recall, forget
from asyncfix.told import NOTHING, Told

Progress = Callable[[str, int, int], None]


def run(
    settings: Settings,
    codemods: Iterable[Codemod],
    progress: Progress = lambda stage, done, total: None,
    known: Mapping[str, os.stat_result] = MappingProxyType({}),
    since: Since | None = None,
) -> Result:
    """Find, judge, rewrite and prove. Writes nothing but its cache.

    `progress` is told the stage, how many files are done and how many there
    are; `known` is what `os.stat` has said of files a moment ago: of all of them, if
    it is known how the run begins, and what has changed `since`. Raises AsyncfixError
    for settings that cannot be followed.
    """
    with workers.no_collection():
        chosen = by_names(codemods, settings)
        return _Run(settings, chosen, progress, known, since).result()


class _Run:
    """One run, stage after stage."""

    def __init__(
        self,
        settings: Settings,
        chosen: Sequence[Codemod],
        progress: Progress,
        known: Mapping[str, os.stat_result],
        since: Since | None,
    ) -> None:
        self.settings = settings
        self.chosen = chosen
        self.progress = progress
        self.catalog: Catalog = registry.catalog(settings)
        limits = workers.Limits(settings.max_file_size, settings.max_file_time)
        self.memory = Memory(str(settings.root), limits, since)
        self.catalog.documents = self.memory.documents
        if since is None:
            self.gathered: Gathered = gather(settings, known)
            self.around: Gathered = around(settings, self.gathered)
        else:
            opening = since.opening
            named = opening.files, known, opening.skipped, opening.notes
            self.gathered, self.around = again(*named), again(opening.around, known)
            self.around.listed = opening.listed
            self._question = opening.question
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self._opened: frozenset[str] = frozenset()
        """The files that judging opened."""
        self._all_kept = True
        """What was judged is kept, with all that it went by."""
        self._renames: list[str] | None = None
        """Of all files, where they are known."""
        self._imports: Mapping[str, Sequence[str]] | None = None
        """What each file imports, where that was worked out for all."""

    def result(self) -> Result:
        """Give what the run found and would change."""
        library = self._scan()
        told = self._told(library)
        special = {path: each for path, each in told.items() if each != NOTHING}
        hidden = {path for path, each in special.items() if self._is_hidden(each)}
        targets = [path for path in told if path not in hidden]
        with_sites = [
            path
            for path, each in special.items()
            if path not in hidden and (each.has_sites or each.blocked)
        ]
        passes = self._judged(library, told, with_sites, frozenset(targets))
        base = self.memory.save(self._quiet(told, targets, passes))
        self.notes += self.memory.notes
        problems = {*self.problems, *self.gathered.problems, *passes.problems}
        failed = {problem.path for problem in problems}
        beside = [*self._packaging, *filter(os.path.isfile, library.trace.stubs)]
        skipped = Counter(self.gathered.skipped)
        skipped["generated"] += len(hidden)
        count = len(self.gathered.files) + sum(self.gathered.skipped.values())
        return Result(
            findings=tuple(sorted(passes.findings)),
            changes=passes.changes,
            problems=tuple(sorted(problems)),
            unseen=tuple(
                _unseen(path, each.unseen)
                for path, each in special.items()
                if each.unseen and path not in hidden
            ),
            notes=tuple(dict.fromkeys((*self.gathered.notes, *self.notes))),
            gathered=count + len(self.gathered.problems),
            skipped={reason: n for reason, n in sorted(skipped.items()) if n},
            failed=frozenset(failed),
            suppressed=passes.suppressed,
            read={
                **{path: self.gathered.statuses[path] for path in self.gathered.files},
                **{path: self.around.statuses[path] for path in self.around.files},
                **{path: os.stat(path) for path in beside},
            },
            looked_around=self.around.listed,
            base=base if self._all_kept and not self.notes else None,
            opening=self._opening(),
        )

    def _opening(self) -> Opening | None:
        if self.gathered.problems or not self.memory.keeps:
            return None
        return Opening(
            tuple(self.gathered.files),
            tuple(self.around.files),
            self.around.listed,
            self.gathered.skipped,
            tuple(self.gathered.notes),
            self._question,
        )

    def _quiet(
        self, told: Mapping[str, Told], targets: Iterable[str], judged: Judged
    ) -> dict[str, int]:
        """Give the files that may change without another result, as `Base` has them."""
        loud = {change.shown for change in judged.changes} | self.memory.read
        seen = set(self._opened)
        for path, each in told.items():
            if each != NOTHING:
                steps = [step for _, _, _, steps, _ in each.blocked for step in steps]
                seen.update(step[0] for step in steps)
                if each.unseen or each.has_sites or each.blocked:
                    loud.add(path)
        quiet = dict.fromkeys(targets, UNREAD | UNSEEN)
        quiet.update((path, UNREAD) for path in seen if path in quiet)
        for path in loud:
            quiet.pop(path, None)
        return quiet

    def _scan(self) -> Library:
        files = self.gathered.files
        done = 0

        def tick(more: int) -> None:
            nonlocal done
            done += more
            self.progress("reading", done, len(files))

        statuses = {**self.gathered.statuses, **self.around.statuses}
        library, self.problems = self.memory.scan(
            statuses, files, self.settings.jobs, tick, self.around.files
        )
        return library

    def _is_hidden(self, told: Told) -> bool:
        return told.generated and not self.settings.include_generated

    # -- what is told file by file -------------------------------------------

    def _told(self, library: Library) -> dict[str, Told]:
        """Give what there is to say of each file, worked out again where needed."""
        failed = {problem.path for problem in self.problems}
        paths = [path for path in self.gathered.files if path not in failed]
        question = self._question
        told = self.memory.told(question, paths)
        fresh = [path for path in paths if path not in told]
        if fresh:
            project = Project(library, str(self.settings.root), self.catalog.knows)
            renames = self.memory.renames(question, library)
            if renames is None and not self.around.files:
                heads = (library[path].head for path in library)
                renames = [each for head in heads for each in head.renames]
            if renames is not None:
                project.renames(renames)
                self._renames = renames if not self.around.files else None
            looked, far = self._look(project, fresh)
            if any(scope in far.get(path, ()) for path, scope in self.memory.doubtful):
                # An edit made a function block: who calls it has to be told.
                told = self.memory.told(question, paths, sparing=False)
                fresh = [path for path in paths if path not in told]
                looked, far = self._look(project, fresh)
            told.update(looked)
            self._imports = self.memory.tell(question, told, project, renames, far)
            self.memory.note_read(library.trace)
            library.rest()
        return {path: told[path] for path in paths}

    def _look(
        self, project: Project, paths: Sequence[str]
    ) -> tuple[Mapping[str, Told], Mapping[str, Sequence[int]]]:
        """Give what there is to say of files, and which functions lead to what blocks."""
        marks = {}
        usual = False, ()  # one for nearly all files
        for path in paths:
            head = project.files[path].head
            mark = head.generated, head.unseen
            marks[path] = usual if mark == usual else mark
        if not self.settings.include_generated:
            paths = [path for path in paths if not marks[path][0]]
        whole = len(paths) == len(project.files)
        model = Model(project, self.catalog, self.settings, whole=whole)
        blocking = any(codemod.blocking for codemod in self.chosen)
        with_sites: dict[str, tuple[Any, ...] | None] = {}
        trace = project.files.trace
        for path in paths:
            trace.here = path
            if blocking:
                # While the file is unpacked, and its names are looked up anyway.
                model.reach.begin(path)
            try:
                kept = plain_found(found(model, path, self.chosen))
            except LookupError:
                with_sites[path] = None  # judging tells of it
            else:
                if kept:
                    with_sites[path] = kept
            project.rest(MOST_AWAKE)
        trace.here = ""  # ways are shared by all that lead into them
        blocked: Mapping[str, Sequence[Site]] = {}
        far: Mapping[str, Sequence[int]] = {}
        if blocking:
            blocked = blocking_sites(model.reach, paths, self._ways(model))
            model.reach.explore(self.memory.doubtful)
            far = model.reach.leading()
        told = {}
        for path, mark in marks.items():
            blocks = tuple(plain(site) for site in blocked.get(path, ()))
            told[path] = Told(blocks, with_sites.get(path, ()), *mark)
        model.close()
        trace.here = None
        return told, far

    def _ways(self, model: Model) -> Callable[[Place, Edge], Chain | None]:
        """Give what finds the way from a call to what blocks."""

        trace = model.project.files.trace

        def way(place: Place, edge: Edge) -> Chain | None:
            trace.asking = place[0]
            try:
                return model.confirm.chain(place, edge)
            except LookupError as error:
                words = str(error).strip("'\"")
                hint = "run asyncfix again"
                self.problems.append(Problem(place[0], 1, words, hint))
                return None
            finally:
                trace.asking = ""

        return way

    @cached_property
    def _question(self) -> str:
        """Give all that the answers depend on besides the files.

        That takes a look at every file of the catalog, so only where answers are kept.
        """
        if not self.memory.keeps:
            return ""
        chosen = [(each.name, type(each).__module__) for each in self.chosen]
        said = repr(
            (
                chosen,
                self.settings.severity,
                self.settings.include_generated,
                sorted(self.around.files),
                sorted(self.gathered.files),
                [(path, os.stat(path).st_mtime_ns) for path in registry.code()],
            )
        )
        return digest(
            said.encode("utf-8", "surrogatepass"), self.catalog.digest()
        ).hex()

    @cached_property
    def _packaging(self) -> list[str]:
        """Give the files that say what the program starts with, and who imports it."""
        paths = [os.path.join(self.settings.root, name) for name in MARKERS]
        return [path for path in paths if os.path.isfile(path)]

    # -- before sites are judged ----------------------------------------------

    def _judged(
        self,
        library: Library,
        told: Mapping[str, Told],
        with_sites: Sequence[str],
        named: frozenset[str],
    ) -> Judged:
        """Judge the sites, and make the passes that their fixes take."""
        if not with_sites:
            forget(self.memory)
            return Judged()
        sites = {path: _by_place(told[path]) for path in with_sites}
        left_out = sorted(path for path in told if path not in named)
        question = self._question, repr(self.settings), left_out, self.problems
        recall = Recall(self.memory, library, str(self.settings.root), question, sites)
        known = recall.find()
        if known is not None and not recall.again:
            self._opened = recall.opened
            return known
        noted = len(self.notes) + len(self.memory.notes)
        library = self._prepared(library, with_sites)
        library.rest()  # else what is open already would not be noted again
        library.trace.forget()
        judged = None
        if known is not None:
            some = [path for path in recall.again if path in sites]
            judged, off = self._passed(library, told, some, named)
            if judged.changes or judged.problems:
                judged = None  # it may meet the fixes of others
                recall.forget()
            else:
                judged = judged._replace(
                    findings=(*known.findings, *judged.findings),
                    changes=known.changes,
                    suppressed=known.suppressed + judged.suppressed,
                )
        if judged is None:
            judged, off = self._passed(library, told, with_sites, named)
        self._all_kept = noted == len(self.notes) + len(
            self.memory.notes
        ) and recall.keep(judged, off)
        self._opened = recall.opened or frozenset(library.trace.opened)
        return judged

    def _passed(
        self,
        library: Library,
        told: Mapping[str, Told],
        paths: Sequence[str],
        named: frozenset[str],
    ) -> tuple[Judged, Mapping[str, int]]:
        """Judge files, and make the passes that their fixes take.

        Gives how many sites are switched off, by file, as well.
        """
        from asyncfix.passes import Passes

        project = Project(library, str(self.settings.root), self.catalog.knows)
        if self._renames is not None:
            project.renames(self._renames)
        if self._imports is not None and not self.around.files:
            project.know_imports((path, self._imports[path]) for path in library)
        # Where more files are known by now, more may be found.
        kept = [] if self.around.files else paths
        searched = {path: told[path].sites for path in kept}
        blocked = {path: told[path].blocked for path in paths}
        passes = Passes(self.settings, self.chosen, project, self.catalog, named)
        passes.until_stable(paths, searched, blocked, self.progress)
        failed = {problem.path for problem in (*self.problems, *passes.problems)}
        judged = Judged(
            tuple(passes.findings),
            tuple(passes.changes(failed)),
            tuple(passes.problems),
            sum(passes.off.values()),
        )
        return judged, passes.off

    def _prepared(self, library: Library, with_sites: Sequence[str]) -> Library:
        """Scan the rest of the project where guards will ask about all of it."""
        if with_sites and self.around.files:
            rest = [path for path in self.around.files if path not in library.at_hand()]
            scanned, problems = self.memory.scan(
                self.around.statuses, rest, self.settings.jobs
            )
            self.notes += [
                f"{each.path}:{each.line}: {each.message}; what it says of the "
                "files that were named is not known"
                for each in problems
            ]
            library = library.changed(scanned.values())
        return library


def _by_place(told: Told) -> tuple[Any, ...]:
    """Give what was told without the numbers of scopes: one that is added moves them."""
    blocked = [(use[1:], name, *more) for use, name, _, *more in told.blocked]
    sites = told.sites and [
        (name, kind, use[1:], wanted) for name, kind, use, wanted, _ in told.sites
    ]
    return blocked, sites, *told[2:]


def _unseen(path: str, lines: Sequence[int]) -> Problem:
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return Problem(
        path,
        lines[0],
        f"this statement{more} is newer than the running Python: not looked at",
        "the rest of the file was; run asyncfix on a newer Python",
    )
