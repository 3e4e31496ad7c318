"""What `from module import *` may bring."""

from __future__ import annotations

from asyncfix import facts as f
from asyncfix.link import Project


def in_star(
    project: Project, path: str, star: f.Binding, name: str
) -> list[str] | None:
    """Give the modules of ours that may bring a name.

    None if the module is a library's: nobody knows what it brings.
    """
    modules = project.resolve(path, star.target)
    if not modules:
        return [] if name.startswith("_") else None
    return [each for each in modules if _brings(project, each, name)]


def _brings(project: Project, module: str, name: str) -> bool:
    """Tell whether `import *` of a module of ours may bring a name."""
    seen: set[str] = set()
    todo = [module]
    while todo:
        here = todo.pop()
        if here in seen:
            continue
        seen.add(here)
        exported = project.files[here].exported
        if name not in exported if exported else name.startswith("_"):
            continue
        names = project.names(here, 0)
        if name in names:
            return True
        for star in names.get("*"):
            inside = project.resolve(here, star.target)
            if not inside:
                return True  # a library's star may bring it
            todo += inside
    return False
