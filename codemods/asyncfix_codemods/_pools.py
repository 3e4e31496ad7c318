"""Pools of threads and processes on which the event loop waits: told, not mended."""

from __future__ import annotations

import ast

from asyncfix import Context, Level, Plan


def result_of_submit(context: Context) -> Plan | None:
    """`pool.submit(f, x).result()`: the loop waits for the thread."""
    call, tree = context.call, context.tree
    above = tree.parent(call)
    if not isinstance(above, ast.Attribute):
        return None
    whole = tree.parent(above)
    if above.attr != "result" or not isinstance(whole, ast.Call):
        return None
    pool = tree.text(call.func).removesuffix(".submit")
    job = ", ".join(tree.text(each) for each in (*call.args, *call.keywords))
    if call.keywords:
        job = f"functools.partial({job})"
    by_hand = f"await asyncio.get_running_loop().run_in_executor({pool}, {job})"
    if whole.args or whole.keywords:
        by_hand += ", in asyncio.wait_for(...) with the timeout"
    return Plan(
        f"result() holds the event loop until {pool} has done the work",
        by_hand=by_hand,
        level=Level.MANUAL,
    )


def block(context: Context) -> Plan | None:
    """`with ThreadPoolExecutor() as pool:` waits for the pool when it is left."""
    item = context.tree.parent(context.node)
    if not isinstance(item, ast.withitem):
        return None
    block = context.tree.parent(item)
    if not isinstance(block, ast.With):
        return None
    name = item.optional_vars
    if isinstance(name, ast.Name) and _all_awaited(context, block, name.id):
        return None
    return Plan(
        f"leaving the `with` over {context.spelled} waits on the event loop "
        "for all that the pool still has to do",
        by_hand="make the pool once, hand it to loop.run_in_executor(pool, ...) and "
        "await each job; when the program ends: await asyncio.to_thread(pool.shutdown)",
        level=Level.MANUAL,
    )


def _all_awaited(context: Context, block: ast.With, name: str) -> bool:
    """Tell whether each job of a pool is awaited where it is started."""
    for statement in block.body:
        for node in ast.walk(statement):
            if not isinstance(node, ast.Name) or node.id != name:
                continue
            call = context.tree.parent(node)
            if (
                not isinstance(call, ast.Call)
                or node is not call.args[0]
                or not isinstance(call.func, ast.Attribute)
                or call.func.attr != "run_in_executor"
                or not isinstance(context.tree.parent(call), ast.Await)
            ):
                return False
    return True
