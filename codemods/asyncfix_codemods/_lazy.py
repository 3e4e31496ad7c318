"""Does a helper hand out what is read later, an open file or a generator of a library?

    def found(folder):
        return folder.rglob("*.py")

In a thread such a helper is over at once: whoever goes through its result blocks as
before. What it makes a list of, or reads, is read in the thread.
"""

from __future__ import annotations

import ast

from asyncfix import Context, Tree
from asyncfix_codemods import _leaves

# They read what they are given when somebody goes through them.
_LAZY = frozenset(
    ("reader", "DictReader", "iter", "map", "filter", "enumerate", "zip", "islice", "chain",
     "closing", "TextIOWrapper", "BufferedReader")
)  # fmt: skip
_DISPLAYS = (
    ast.Tuple, ast.List, ast.Dict, ast.IfExp, ast.BoolOp, ast.NamedExpr, ast.keyword,
)  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEEPEST = 5


def handed_out(context: Context) -> Context | None:
    """Give the call that blocks, if its result gets out through every helper."""
    chain = context.site.chain
    assert chain is not None
    leaf = _leaves.leaf_of(context)
    if leaf is None or not _gets_out(leaf.tree, leaf.call, _DEEPEST):
        return None
    for step in chain.steps[1:-1]:
        found = next(_leaves.places_at(context, step.path, step.line, step.col), None)
        if found is None:
            return None
        there = _leaves.inside(context, *found, None)
        if not _gets_out(there.tree, there.call, _DEEPEST):
            return None
    return leaf


def _gets_out(tree: Tree, node: ast.AST, deepest: int) -> bool:
    """Tell whether a function returns a value as it is, or something that reads it."""
    while True:
        above = tree.parent(node)
        if isinstance(above, ast.Return):
            return True
        if isinstance(above, ast.Attribute):
            call = tree.parent(above)
            if not isinstance(call, ast.Call) or not above.attr.startswith("iter"):
                return False
            node = call
        elif isinstance(above, ast.Call):
            name = getattr(above.func, "attr", getattr(above.func, "id", ""))
            if name not in _LAZY:
                return False
            node = above
        elif isinstance(above, ast.comprehension):
            made = tree.parent(above)
            if not isinstance(made, ast.GeneratorExp) or node is not above.iter:
                return False
            node = made
        elif isinstance(above, _DISPLAYS):
            node = above
        elif isinstance(above, (ast.Assign, ast.AnnAssign)) and deepest:
            targets = above.targets if isinstance(above, ast.Assign) else [above.target]
            names = {each.id for each in targets if isinstance(each, ast.Name)}
            return any(
                isinstance(each, ast.Name)
                and each.id in names
                and isinstance(each.ctx, ast.Load)
                and _gets_out(tree, each, deepest - 1)
                for each in ast.walk(_function(tree, above))
            )
        else:
            return False


def _function(tree: Tree, node: ast.AST) -> ast.AST:
    for above, below in tree.ancestors(node):
        if isinstance(above, _FUNCTIONS) and below in above.body:
            return above
    return tree.module
