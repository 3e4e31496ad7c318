"""What is handed over under a name, and found under the same name further down.

`Stream(model_provider_name="hub", log=log)` calls `base_of(log)`, which asks
`log.model_provider_name`: that is taken to be "hub", too. Only a name of three words or
more counts, and a word that was written down for it; a function that is given something
under that name itself goes by what it is given.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import partial

from asyncfix.conditions import Function
from asyncfix.held import NAMED, named
from asyncfix.nodes import descend
from asyncfix.tree import Tree

_UNDERSCORES = 2


def handed_down(
    read: tuple[Tree, Function],
    known: Mapping[str, object],
    names: Mapping[str, ast.expr],
) -> dict[str, object]:
    """Give what a called function finds under the names that are known here.

    `read` is the called function, `known` what is known at the call, and `names`
    those that stand for something else by then.
    """
    words = {
        name.removeprefix(NAMED): value
        for name, value in known.items()
        if isinstance(value, str) and name.count("_") >= _UNDERSCORES
    }
    if not words:
        return {}
    tree, function = read
    asked = tree.once(("asked by name", function), partial(_asked, function))
    return {
        NAMED + name: value
        for name, value in words.items()
        if name in asked and name not in names
    }


def _asked(function: Function) -> frozenset[str]:
    """Give the names that a function asks objects for, but for those it is given."""
    own = {each.arg for each in descend(function.args) if isinstance(each, ast.arg)}
    names = {
        named(node)
        for node in descend(function)
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Call))
    }
    return frozenset(names - own)
