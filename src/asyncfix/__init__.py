"""asyncfix: find what blocks a Python program's event loop, and rewrite it.

This is the public door. A pack of codemods imports from here and from
`asyncfix.testing`, and from nowhere else of the engine. Names are loaded when
they are first used, so that `asyncfix --help` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncfix import facts, touches, value
    from asyncfix.catalog_file import Entry
    from asyncfix.codemod import Codemod, Names, Part, Plan, Site
    from asyncfix.context import Context, Model, is_test
    from asyncfix.detect import calls_named, calls_used, site_of
    from asyncfix.guards import GUARDS
    from asyncfix.guards.ahead import goes_ahead
    from asyncfix.keywords import ASYNC, AWAIT
    from asyncfix.mentions import Mention
    from asyncfix.model import (
        NEW_AWAIT,
        NEW_THREAD,
        AsyncfixError,
        Doubt,
        Finding,
        Level,
        Problem,
        Settings,
    )
    from asyncfix.offload import runs_elsewhere
    from asyncfix.reach import Chain, Place, Step
    from asyncfix.references import Reference
    from asyncfix.slices import Slice
    from asyncfix.tree import Tree, dotted
    from asyncfix.users import Call
    from asyncfix.value import Value

__version__ = "0.1.0"

__all__ = [
    "ASYNC",
    "AWAIT",
    "GUARDS",
    "NEW_AWAIT",
    "NEW_THREAD",
    "AsyncfixError",
    "Call",
    "Chain",
    "Codemod",
    "Context",
    "Doubt",
    "Entry",
    "Finding",
    "Level",
    "Mention",
    "Model",
    "Names",
    "Part",
    "Place",
    "Plan",
    "Problem",
    "Reference",
    "Settings",
    "Site",
    "Slice",
    "Step",
    "Tree",
    "Value",
    "__version__",
    "calls_named",
    "calls_used",
    "dotted",
    "facts",
    "goes_ahead",
    "is_test",
    "runs_elsewhere",
    "site_of",
    "touches",
    "value",
]

_HOMES = {
    "ASYNC": "keywords",
    "AWAIT": "keywords",
    "Call": "users",
    "Place": "reach",
    "Entry": "catalog_file",
    "Mention": "mentions",
    "Reference": "references",
    "Chain": "reach",
    "Codemod": "codemod",
    "is_test": "context",
    "Context": "context",
    "Model": "context",
    "Names": "codemod",
    "Part": "codemod",
    "Plan": "codemod",
    "Slice": "slices",
    "Site": "codemod",
    "GUARDS": "guards",
    "NEW_AWAIT": "model",
    "NEW_THREAD": "model",
    "goes_ahead": "guards.ahead",
    "runs_elsewhere": "offload",
    "Step": "reach",
    "Tree": "tree",
    "dotted": "tree",
    "calls_named": "detect",
    "calls_used": "detect",
    "site_of": "detect",
    "Value": "value",
    "AsyncfixError": "model",
    "Doubt": "model",
    "Finding": "model",
    "Level": "model",
    "Problem": "model",
    "Settings": "model",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in (PEP 562)."""
    from importlib import import_module

    if name in ("facts", "touches", "value"):
        return import_module(f"asyncfix.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'asyncfix' has no attribute {name!r}")
    value = getattr(import_module(f"asyncfix.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
