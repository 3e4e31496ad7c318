"""asyncfix: find what blocks a Python program's event loop, and rewrite it.

This is the public door. A pack of codemods imports from here and from
`asyncfix.testing`, and from nowhere else of the engine. Names are loaded when
they are first used, so that `asyncfix --help` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncfix.codemod import Codemod, Context, Model, Names, Part, Plan, Site
    from asyncfix.guards import GUARDS
    from asyncfix.guards.ahead import goes_ahead
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
    from asyncfix.reach import Chain, Step
    from asyncfix.slices import Slice
    from asyncfix.touches import Item, Place, Summary, Touch
    from asyncfix.value import Value

__version__ = "0.1.0"

__all__ = [
    "GUARDS",
    "NEW_AWAIT",
    "NEW_THREAD",
    "AsyncfixError",
    "Chain",
    "Codemod",
    "Context",
    "Doubt",
    "Finding",
    "Item",
    "Level",
    "Model",
    "Names",
    "Part",
    "Place",
    "Plan",
    "Problem",
    "Settings",
    "Site",
    "Slice",
    "Step",
    "Summary",
    "Touch",
    "Value",
    "__version__",
    "goes_ahead",
    "runs_elsewhere",
]

_HOMES = {
    "Chain": "reach",
    "Codemod": "codemod",
    "Context": "codemod",
    "Model": "codemod",
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
    "AsyncfixError": "model",
    "Doubt": "model",
    "Finding": "model",
    "Level": "model",
    "Problem": "model",
    "Settings": "model",
    "Value": "value",
    "Item": "touches",
    "Place": "touches",
    "Summary": "touches",
    "Touch": "touches",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'asyncfix' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"asyncfix.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
