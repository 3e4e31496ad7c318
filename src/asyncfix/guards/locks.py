"""What looks like a lock, by its name and by its type's name."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

# "block" and "clock" hold the letters, but no lock.
_LOCK = re.compile(
    r"(?<![bBcC])lock|(?<![bBcC])Lock|LOCK(?<!BLOCK)(?<!CLOCK)"
    r"|mutex|Mutex|MUTEX|semaphore|Semaphore|SEMAPHORE"
    r"|(?<![A-Za-z])(?:sem|SEM)(?![A-Za-z])|[a-z]Sem(?![a-z])"
)
_CONDITIONS = re.compile(r"(?:^|[._])(?:cond|condition|cv)$|Condition$", re.IGNORECASE)


def is_lock(node: ast.AST) -> bool:
    """Tell whether an expression names a lock, a semaphore or a condition."""
    if isinstance(node, ast.Call):
        node = node.func
    name = ""
    while isinstance(node, ast.Attribute):
        name = f"{node.attr}.{name}" if name else node.attr
        node = node.value
    if isinstance(node, ast.Name):
        name = f"{node.id}.{name}" if name else node.id
    elif isinstance(node, ast.Subscript):
        return is_lock(node.value)
    elif isinstance(node, ast.Call):
        return is_lock(node)
    return bool(_LOCK.search(name) or _CONDITIONS.search(name))


def is_mutex(node: ast.AST, local: Collection[str]) -> bool:
    """Tell whether an `async with` item lets one task in, and all use the same.

    A semaphore may let in several; a lock made in place, picked from a table
    or held in a local name may be another one for every task.
    """
    if isinstance(node, ast.Name):
        name = "" if node.id in local else node.id
    else:
        name = node.attr if isinstance(node, ast.Attribute) else ""
    return bool(re.search(r"(?i)(?:(?<![bc])lock|mutex)$", name))
