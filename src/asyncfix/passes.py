"""The passes over the files that have sites, until nothing is left to fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from asyncfix import limit
from asyncfix.catalog import Catalog
from asyncfix.codemod import Codemod, Site, SiteError
from asyncfix.context import Model
from asyncfix.detect import blocking_sites, found, from_plain, from_plain_found
from asyncfix.edits import apply, moved_lines
from asyncfix.judge import Judgement, judge
from asyncfix.link import MOST_AWAKE, Project
from asyncfix.model import Change, Finding, Problem, Settings
from asyncfix.prove import prove
from asyncfix.reach import Chain, Edge, Place
from asyncfix.reader import read_source
from asyncfix.rewrite import Made, made, rewrite
from asyncfix.scan import scan
from asyncfix.source import Source

_MOST_PASSES = 10
Given = TypeVar("Given")


class _Late(Exception):
    """A file took longer than it may."""

    def __init__(self, path: str) -> None:
        self.path = path


class Passes:
    """Files as a run has left them, what was found in them, what was changed."""

    def __init__(
        self,
        settings: Settings,
        codemods: Sequence[Codemod],
        project: Project,
        catalog: Catalog,
        named: frozenset[str] | None = None,
    ) -> None:
        """Write only to the files in `named`, None for all."""
        self.named = named
        self.settings = settings
        self.codemods = codemods
        self.project = project
        self.catalog = catalog
        self.model = self._fresh_model()
        self.findings: list[Finding] = []
        self.problems: list[Problem] = []
        self.off: dict[str, int] = {}
        """How many sites are switched off, by file."""
        self._old: dict[str, Source] = {}
        self._now: dict[str, Source] = {}
        self._next: dict[str, Source] = {}
        self._to_fix: set[str] = set()
        self._origin: dict[str, list[int | None]] = {}
        self._fixed: dict[str, list[Finding]] = {}
        self._broken: set[str] = set()
        self._same: dict[str, list[Judgement]] = {}
        """Judgements of this pass that another one's fix cures, by its key."""
        self._linked: dict[str, set[str]] = {}
        """For each file, those that share a fix with it."""

    # -- files as they are in this pass -------------------------------------

    def source(self, path: str) -> Source:
        """Give a file as this run has left it; raises LookupError if it moved."""
        if path not in self._now:
            self._old[path] = self._now[path] = read_source(self.project, path)
        return self._now[path]

    def _release(self) -> None:
        """Let go of sources that no fix is made in: there are hundreds of them.

        The others stay as they were seen, whoever writes to the files meanwhile.
        """
        for path in self._now.keys() - self._origin.keys() - self._to_fix:
            del self._now[path], self._old[path]

    # -- the passes ---------------------------------------------------------

    def until_stable(
        self,
        paths: Sequence[str],
        searched: Mapping[str, Sequence[Any] | None],
        blocked: Mapping[str, Sequence[Any]],
        progress: Callable[[str, int, int], None],
    ) -> None:
        """Make passes until one changes nothing; at most ten.

        `blocked` holds what blocks in each file, as `detect.plain` gives it, and
        `searched` the other sites of files of which they are known already.
        """
        known = {
            path: from_plain_found(path, kept, self.codemods)
            for path, kept in searched.items()
            if kept is not None
        }
        blocking = {
            path: [from_plain(path, each) for each in kept]
            for path, kept in blocked.items()
        }
        for number in range(_MOST_PASSES):
            chosen, changed = self._pass(paths, known, blocking, number, progress)
            if not changed:
                return
            self._relink(changed)
            waiting = chosen - self._broken
            paths = sorted({*changed, *waiting})
            known, blocking = {}, self._blocked(paths)
        for path in paths:
            self._fail(path, 1, "does not come to rest after 10 passes")

    def _pass(
        self,
        paths: Sequence[str],
        known: Mapping[str, Sequence[tuple[Codemod, Site]]],
        blocking: Mapping[str, Sequence[Site]],
        number: int,
        progress: Callable[[str, int, int], None],
    ) -> tuple[set[str], list[str]]:
        """Make one pass; gives the files with fixes to be made, and the changed ones.

        A file that takes too long is given up, and the pass made without it.
        """
        while True:
            told, off = len(self.findings), dict(self.off)
            try:
                chosen: list[Judgement] = []
                for done, path in enumerate(paths):
                    progress("judging", done, len(paths))
                    if path not in self._broken:
                        of = known.get(path), blocking.get(path, [])
                        chosen += self._timed(path, self._judged, *of, number)
                changed = self._rewritten(chosen, number)
                self._same = {}  # they hold the trees of this pass
                return {each.finding.path for each in chosen}, changed
            except _Late as late:
                words = f"took longer than {self.settings.max_file_time} s to judge"
                hint = "its fixes are dropped; exclude it, or raise max-file-time"
                self._fail(late.path, 1, words, hint)
            del self.findings[told:]
            self.off = off
            # What was being looked up when it was broken off is not to be trusted.
            self.project = self.project.again(self.project.files)
            self.model.close()
            self.model = self._fresh_model()

    def _timed(self, path: str, work: Callable[..., Given], *more: object) -> Given:
        """Do the work for one file; raises _Late where it takes too long."""
        try:
            with limit.within(self.settings.max_file_time):
                return work(path, *more)
        except limit.TookTooLong as error:
            raise _Late(path) from error

    def _blocked(self, paths: Sequence[str]) -> dict[str, list[Site]]:
        """Give what blocks in files now that some have changed."""
        if not any(codemod.blocking for codemod in self.codemods):
            return {}
        reach = self.model.reach

        def way(place: Place, edge: Edge) -> Chain | None:
            try:
                return self.model.confirm.chain(place, edge)
            except LookupError:
                return None  # told in the first pass

        return blocking_sites(reach, paths, way)

    def _judged(
        self,
        path: str,
        known: Sequence[tuple[Codemod, Site]] | None,
        blocked: Sequence[Site],
        number: int,
    ) -> list[Judgement]:
        """Judge the sites of one file; gives those whose fix is to be made."""
        self.project.files.trace.judging = path
        try:
            if known is None:
                known = list(found(self.model, path, self.codemods))
            blocking = [
                (codemod, site)
                for site in blocked
                for codemod in self.codemods
                if codemod.blocking
            ]
            judged, off = judge(self.model, [*known, *blocking])
        except SiteError as error:
            self._fail(path, error.line, str(error))
            return []
        except LookupError as error:
            self._fail(path, 1, str(error).strip("'\""))
            return []
        finally:
            self.project.files.trace.judging = ""
        if number == 0:
            if off:
                self.off[path] = off
            self.findings += [each.finding for each in judged]
        chosen = [each for each in judged if self.settings.applies(each.finding.level)]
        for each in chosen:
            for placed in each.parts:
                self.model.keep(placed.context.site.path)
                self._to_fix.add(placed.context.site.path)
        self.model.release()
        self._release()
        self.project.rest(MOST_AWAKE)
        return chosen

    def _rewritten(self, chosen: Sequence[Judgement], number: int) -> list[str]:
        """Make fixes, each in all of its files or in none; gives what changed.

        A fix that overlaps another waits for the next pass. A file that cannot
        be proven drops its fixes, also where they stand in other files.
        """
        self.model.rest()
        fixes = self._compatible(chosen)
        while True:
            files: dict[str, list[Made]] = {}
            for _, parts in fixes:
                for part in parts:
                    files.setdefault(part.context.site.path, []).append(part)
            proven = {
                path: self._timed(path, self._proven, files[path])
                for path in sorted(files)
            }
            if all(proven.values()):
                break
            fixes = [
                (judgement, parts)
                for judgement, parts in fixes
                if all(proven[each.context.site.path] for each in parts)
            ]
        for path, result in proven.items():
            assert result is not None
            data, text, moved = result
            before = self._origin.get(path)
            self._origin[path] = (
                moved
                if before is None
                else [None if line is None else before[line] for line in moved]
            )
            cured = [
                each.finding
                for fix, _ in fixes
                for each in (fix, *self._same.get(fix.key, ()))
                if each.finding.path == path
            ]
            self._note(path, cured, number, before)
            # Only the next pass sees it: this one goes by the facts it has.
            source = self.source(path)
            self._next[path] = Source(path, data, text, source.encoding, source.bom)
        for _, parts in fixes:
            paths = {each.context.site.path for each in parts}
            for path in paths:
                self._linked.setdefault(path, set()).update(paths)
        return sorted(proven)

    def _compatible(
        self, chosen: Sequence[Judgement]
    ) -> list[tuple[Judgement, tuple[Made, ...]]]:
        """Make the code of fixes that do not overlap, the first in a file first."""
        fixes: list[tuple[Judgement, tuple[Made, ...]]] = []
        taken: dict[str, list[tuple[int, int]]] = {}
        self._same = {}
        for judgement in sorted(chosen, key=_first_span):
            key = judgement.key
            if key in self._same:
                self._same[key].append(judgement)
                continue
            parts = self._timed(judgement.finding.path, self._made, judgement)
            if parts is None:
                continue
            spans = [
                (each.context.site.path, each.edit.start, each.edit.end)
                for each in parts
                if each.part.nodes
            ]
            if any(
                start < end_taken and start_taken < end
                for path, start, end in spans
                for start_taken, end_taken in taken.get(path, ())
            ):
                continue
            for path, start, end in spans:
                taken.setdefault(path, []).append((start, end))
            if key:
                self._same[key] = []
            fixes.append((judgement, parts))
        return [
            (judgement, parts)
            for judgement, parts in fixes
            if not any(each.context.site.path in self._broken for each in parts)
        ]

    def _made(self, path: str, judgement: Judgement) -> tuple[Made, ...] | None:
        try:
            return made(judgement)
        except SiteError as error:
            self._fail(path, error.line, str(error))
        except LookupError as error:
            self._fail(path, 1, str(error).strip("'\""))
        return None

    def _proven(
        self, path: str, parts: Sequence[Made]
    ) -> tuple[bytes, bytes, list[int | None]] | None:
        """Rewrite one file; gives its bytes, its text and where its lines are from."""
        source, tree = self.source(path), self.model.tree(path)
        edits = rewrite(self.project, tree, path, parts, self.settings.line_length)
        text = apply(source.text, edits)
        moved = moved_lines(source.text, edits)
        if source.bom:
            # The BOM is part of whichever line is the first.
            moved = [
                line if (line == 0) == (position == 0) else None
                for position, line in enumerate(moved)
            ]
        seconds = self.settings.max_file_time
        proven = prove(source, text, edits, moved, seconds)
        if isinstance(proven, Problem):
            self._fail(path, proven.line, proven.message, proven.hint)
            return None
        return proven, text, moved

    def _note(
        self,
        path: str,
        fixed: Sequence[Finding],
        number: int,
        origin: list[int | None] | None,
    ) -> None:
        """Remember what was fixed; a finding of a later pass may be a new one."""
        kept = self._fixed.setdefault(path, [])
        if origin is None:
            kept += fixed
            return
        waiting = [
            each for each in self.findings if each.path == path and each not in kept
        ]
        fresh = []
        for finding in fixed:
            line = origin[finding.line - 1] if finding.line <= len(origin) else None
            now = finding._replace(line=finding.line if line is None else line + 1)
            same = next((w for w in waiting if _where(w) == _where(now)), None)
            if same is None:
                fresh.append(now)
            else:
                waiting.remove(same)
                kept.append(same)
        for now in fresh:  # where its line was changed, it is any that waits
            same = next((w for w in waiting if w.codemod == now.codemod), None)
            if same is None:
                self.findings.append(now)
            else:
                waiting.remove(same)
            kept.append(same or now)

    def _relink(self, changed: Sequence[str]) -> None:
        fresh = []
        self._now.update(self._next)
        for path in changed:
            scanned = scan(path, self._now[path].data)
            if isinstance(scanned, Problem):
                self._fail(path, scanned.line, scanned.message)
            else:
                fresh.append(scanned[0])
        former = self.project
        self.project = former.again(former.files.changed(fresh))
        self.project.follow(former, [each.path for each in fresh])
        self.model.close()
        self.model = self._fresh_model()

    def _fresh_model(self) -> Model:
        return Model(
            self.project, self.catalog, self.settings, self.source, named=self.named
        )

    def _fail(self, path: str, line: int, message: str, hint: str = "") -> None:
        hint = hint or "its fixes are dropped; the file stays as it was"
        self.problems.append(Problem(path, line, message, hint))
        self._broken.add(path)

    def changes(self, failed: set[str]) -> Iterable[Change]:
        """Give the proven changes of all passes, in the order of the paths.

        A file that shares a fix with one that failed stays as it was, too.
        """
        todo = [path for path in failed if path in self._linked]
        dropped = set(failed)
        while todo:
            for path in self._linked[todo.pop()] - dropped:
                dropped.add(path)
                todo.append(path)
                self._fail(path, 1, "shares a fix with a file that failed")
        for path in sorted(self._origin):
            if path not in dropped and self._now[path].data != self._old[path].data:
                yield Change(
                    Path(path),
                    path,
                    self._old[path].data,
                    self._now[path].data,
                    tuple(self._origin[path]),
                    tuple(self._fixed.get(path, ())),
                    min(self._together(path)),
                )

    def _together(self, path: str) -> set[str]:
        """Give the files that share a fix with one, directly or through others."""
        found, todo = {path}, [path]
        while todo:
            more = self._linked.get(todo.pop(), set()) - found
            found |= more
            todo += more
        return found


def _where(finding: Finding) -> tuple[str, int]:
    return finding.codemod, finding.line


def _first_span(judgement: Judgement) -> tuple[str, tuple[int, int]]:
    context = judgement.context
    return context.site.path, context.tree.span(context.node)
