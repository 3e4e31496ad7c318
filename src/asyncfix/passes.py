"""The passes over the files that have sites, until nothing is left to fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from asyncfix.codemod import Codemod, SiteError
from asyncfix.detect import sites
from asyncfix.edits import apply, moved_lines
from asyncfix.judge import Judgement, judge
from asyncfix.link import Project
from asyncfix.model import Change, Finding, Problem, Settings
from asyncfix.prove import prove
from asyncfix.reader import read_source, read_tree
from asyncfix.rewrite import rewrite
from asyncfix.scan import scan
from asyncfix.source import Source
from asyncfix.tree import Tree

_MOST_PASSES = 10


class Passes:
    """Files as a run has left them, what was found in them, what was changed."""

    def __init__(
        self,
        settings: Settings,
        codemods: Sequence[Codemod],
        project: Project,
    ) -> None:
        self.settings = settings
        self.codemods = codemods
        self.project = project
        self.findings: list[Finding] = []
        self.problems: list[Problem] = []
        self.suppressed = 0
        self._old: dict[str, Source] = {}
        self._now: dict[str, Source] = {}
        self._next: dict[str, Source] = {}
        self._origin: dict[str, list[int | None]] = {}
        self._fixed: dict[str, list[Finding]] = {}
        self._trees: dict[str, Tree] = {}
        self._broken: set[str] = set()

    # -- files as they are in this pass -------------------------------------

    def source(self, path: str) -> Source:
        """Give a file as this run has left it; raises LookupError if it moved."""
        if path not in self._now:
            self._old[path] = self._now[path] = read_source(self.project, path)
        return self._now[path]

    def tree(self, path: str) -> Tree:
        """Give the syntax tree of a file as this run has left it."""
        if path not in self._trees:
            self._trees[path] = read_tree(path, self.source(path))
        return self._trees[path]

    # -- the passes ---------------------------------------------------------

    def until_stable(
        self, paths: Sequence[str], progress: Callable[[str, int, int], None]
    ) -> None:
        """Make passes until one changes nothing; at most ten."""
        for number in range(_MOST_PASSES):
            changed = []
            for done, path in enumerate(paths):
                progress("judging", done, len(paths))
                if path not in self._broken and self._pass(path, number):
                    changed.append(path)
            if not changed:
                return
            self._relink(changed)
            paths = changed
        for path in paths:
            self._fail(path, 1, "does not come to rest after 10 passes")

    def _pass(self, path: str, number: int) -> bool:
        """Judge and rewrite one file once; tell whether it changed."""
        try:
            found = sites(self.project, path, self.codemods)
            judged, off = judge(self.project, self.settings, found, self.tree)
        except SiteError as error:
            self._fail(path, error.line, str(error))
            return False
        except LookupError as error:
            self._fail(path, 1, str(error).strip("'\""))
            return False
        if number == 0:
            self.suppressed += off
            self.findings += [each.finding for each in judged]
        chosen = [each for each in judged if self.settings.applies(each.finding.level)]
        if not chosen:
            return False
        return self._rewrite(path, chosen, number)

    def _rewrite(self, path: str, chosen: list[Judgement], number: int) -> bool:
        source, tree = self.source(path), self.tree(path)
        try:
            edits, fixed = rewrite(
                self.project, tree, path, chosen, self.settings.line_length
            )
        except SiteError as error:
            self._fail(path, error.line, str(error))
            return False
        text = apply(source.text, edits)
        moved = moved_lines(source.text, edits)
        if source.bom:
            # The BOM is part of whichever line is the first.
            moved = [
                line if (line == 0) == (position == 0) else None
                for position, line in enumerate(moved)
            ]
        proven = prove(source, text, edits, moved)
        if isinstance(proven, Problem):
            self._fail(path, proven.line, proven.message, proven.hint)
            return False
        before = self._origin.get(path)
        self._origin[path] = (
            moved
            if before is None
            else [None if line is None else before[line] for line in moved]
        )
        self._note(path, fixed, number, before)
        # Only the next pass sees it: this one goes by the facts it has.
        self._next[path] = Source(path, proven, text, source.encoding, source.bom)
        return True

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
        for finding in fixed:
            same = next((w for w in waiting if w.codemod == finding.codemod), None)
            if same is None:
                line = origin[finding.line - 1] if finding.line <= len(origin) else None
                same = replace(finding, line=finding.line if line is None else line + 1)
                self.findings.append(same)
            else:
                waiting.remove(same)
            kept.append(same)

    def _relink(self, changed: Sequence[str]) -> None:
        fresh = []
        self._now.update(self._next)
        self._trees.clear()
        for path in changed:
            scanned = scan(path, self._now[path].data)
            if isinstance(scanned, Problem):
                self._fail(path, scanned.line, scanned.message)
            else:
                fresh.append(scanned[0])
        self.project = Project(self.project.files.changed(fresh), self.project.root)

    def _fail(self, path: str, line: int, message: str, hint: str = "") -> None:
        hint = hint or "its fixes are dropped; the file stays as it was"
        self.problems.append(Problem(path, line, message, hint))
        self._broken.add(path)

    def changes(self, failed: set[str]) -> Iterable[Change]:
        """Give the proven changes of all passes, in the order of the paths."""
        for path in sorted(self._origin):
            if path not in failed and self._now[path].data != self._old[path].data:
                yield Change(
                    Path(path),
                    path,
                    self._old[path].data,
                    self._now[path].data,
                    tuple(self._origin[path]),
                    tuple(self._fixed[path]),
                )
