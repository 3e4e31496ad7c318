"""What is handed over under a name, and found under the same name further down.

`Stream(model_provider_name="hub", log=log)` calls `base_of(log)`, which asks
`log.model_provider_name`: that is taken to be "hub", too, and so is what the name is set
to by `name, model_provider_name = split(name, model_provider_name)`. Only a name of three
words or more counts, and a word that was written down for it; a function that is given
something under that name itself goes by what it is given.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import partial

from asyncfix.conditions import Function
from asyncfix.held import NAMED, is_telling, named
from asyncfix.nodes import descend
from asyncfix.tree import Tree


def handed_down(
    read: tuple[Tree, Function],
    known: Mapping[str, object],
    names: Mapping[str, ast.expr],
) -> dict[str, object]:
    """Give what a called function finds under the names that are known here.

    `read` is the called function, `known` what is known at the call, and `names`
    what names stand for by then.
    """
    words = {
        name: value
        for key, value in known.items()
        if (name := key.removeprefix(NAMED)) != key and is_telling(name)
    }
    if not words:
        return {}
    tree, function = read
    said = tree.once(("said by name", function), partial(_said, function))
    found: dict[str, object] = {}
    for name, value in words.items():
        if name in said:
            now = names.get(name)
            found[NAMED + name] = now.value if isinstance(now, ast.Constant) else value
    return found


def _said(function: Function) -> frozenset[str]:
    """Give the names that a function sets, or asks objects for, but not those it is given."""
    own = {each.arg for each in descend(function.args) if isinstance(each, ast.arg)}
    names = {
        node.id if isinstance(node, ast.Name) else named(node)
        for node in descend(function)
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call))
    }
    return frozenset(names - own)
