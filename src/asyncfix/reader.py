"""Sources and syntax trees of files as they were scanned, a few of them at a time."""

from __future__ import annotations

from asyncfix import workers
from asyncfix.link import Project
from asyncfix.model import Problem
from asyncfix.parsing import parse
from asyncfix.source import Source, decode
from asyncfix.tree import Tree

# A tree takes about fifty times the bytes of its file.
_MOST_TREES = 24


def read_source(project: Project, path: str) -> Source:
    """Read a file again; raises LookupError if it is not what it was."""
    data = workers.read(path)
    if isinstance(data, Problem):
        raise LookupError(data.message)
    source = decode(path, data)
    if isinstance(source, Problem):
        raise LookupError(source.message)
    if source.digest != project.files[path].digest:
        raise LookupError("has changed while it was looked at")
    return source


def read_tree(path: str, source: Source) -> Tree:
    """Parse a file; raises LookupError if that cannot be done any more."""
    parsed = parse(path, source.text)
    if isinstance(parsed, Problem):
        raise LookupError(parsed.message)
    module, text, _ = parsed
    return Tree(module, text)


class Reader:
    """The trees asked for last are kept."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._trees: dict[str, Tree] = {}

    def tree(self, path: str) -> Tree:
        """Give a file's tree; raises LookupError if the file is not what it was."""
        tree = self._trees.pop(path, None)
        if tree is None:
            tree = read_tree(path, read_source(self.project, path))
            if len(self._trees) >= _MOST_TREES:
                del self._trees[next(iter(self._trees))]
        self._trees[path] = tree
        return tree
