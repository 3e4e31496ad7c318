"""The callers of a coroutine, and theirs: what stands round one of their calls?"""

from __future__ import annotations

import ast
from collections.abc import Callable

from asyncfix import Context, Place, Tree, facts


def first(
    context: Context, line_of: Callable[[Tree, ast.Call], int], farthest: int, most: int
) -> str:
    """Give `file:line` of the nearest call of which `line_of` gives a line, not 0.

    Followed are so many steps, and so many calls in all; "" for nothing found.
    """
    users, model = context.model.users, context.model
    here: list[Place] = [(context.site.path, context.site.function)]
    seen, asked = set(here), 0
    for _ in range(farthest):
        further: list[Place] = []
        for place in here:
            for call in users.calls(place):
                asked += 1
                if asked > most:
                    return ""
                use, tree = call.use, model.tree(call.path)
                start, end = (use.line, use.col), (use.end_line, use.end_col)
                line = line_of(tree, tree.find(ast.Call, start, end))
                if line:
                    return f"{call.path}:{line}"
                kinds = (facts.FUNCTION,)
                scope = context.project.enclosing(call.path, use.scope, kinds)
                if scope >= 0 and (call.path, scope) not in seen:
                    seen.add((call.path, scope))
                    further.append((call.path, scope))
        here = further
    return ""
