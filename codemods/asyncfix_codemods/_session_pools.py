"""Other clients that hold a pool of connections: reported, never rewritten.

What they share besides connections is another thing for each of them, and so is how
they are closed: the catalog says it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Context, Level, Plan

# As the catalog has them: strategy "report", form "construct".
CLASSES = (
    "anthropic.AsyncAnthropic",
    "asyncpg.create_pool",
    "curl_cffi.requests.AsyncSession",
    "elasticsearch.AsyncElasticsearch",
    "groq.AsyncGroq",
    "motor.motor_asyncio.AsyncIOMotorClient",
    "niquests.AsyncSession",
    "openai.AsyncAzureOpenAI",
    "openai.AsyncOpenAI",
    "opensearchpy.AsyncOpenSearch",
    "pymongo.AsyncMongoClient",
    "qdrant_client.AsyncQdrantClient",
    "redis.asyncio.Redis",
    "redis.asyncio.Redis.from_url",
    "redis.asyncio.from_url",
    "valkey.asyncio.Valkey",
)
METHODS = (
    "aioboto3.Session.client",
    "aiobotocore.session.AioSession.create_client",
)


def report(context: Context) -> Plan | None:
    """Report a client that a coroutine makes for itself each time it is called.

    None where somebody may keep it, or where each call needs its own.
    """
    if context.in_tests() or not _is_own(context) or _is_of_the_call(context):
        return None
    name = context.function.name
    entry = context.model.catalog.entry(context.site.wanted)
    why = f" ({entry.why[:1].lower()}{entry.why[1:]})" if entry is not None else ""
    return Plan(
        f"opens a new {context.site.wanted} for every call of {name}: its "
        "connections are thrown away",
        f"make one where the program starts, and hand it on{why}",
        Level.MANUAL,
    )


def _is_own(context: Context) -> bool:
    """Tell whether nobody but the coroutine can have the client."""
    tree = context.tree
    if any(isinstance(each, (ast.Yield, ast.Global)) for each in _nodes(context)):
        return False
    for above, below in context.within():
        if isinstance(above, (ast.If, ast.IfExp)) and below is not above.test:
            if any(
                isinstance(each, (ast.Is, ast.Not)) for each in ast.walk(above.test)
            ):
                return False  # where there is none yet
        if isinstance(above, ast.BoolOp):
            return False
    node: ast.AST = context.node
    above = tree.parent(node)
    if isinstance(above, ast.Await):
        above = tree.parent(above)
    if isinstance(above, ast.Attribute):
        return True
    if isinstance(above, ast.withitem):
        target = above.optional_vars
    elif isinstance(above, ast.Assign) and len(above.targets) == 1:
        target = above.targets[0]
    else:
        return False
    if not isinstance(target, ast.Name):
        return False
    uses = [
        each
        for each in _nodes(context)
        if isinstance(each, ast.Name) and each.id == target.id
    ]
    loads = [each for each in uses if isinstance(each.ctx, ast.Load)]
    return bool(loads) and all(
        isinstance(tree.parent(each), ast.Attribute) for each in loads
    )


def _nodes(context: Context) -> Iterator[ast.AST]:
    return ast.walk(context.function)


def _is_of_the_call(context: Context) -> bool:
    """Tell whether a client is built from what its coroutine was given or made."""
    site = context.site
    given = [*context.call.args, *(each.value for each in context.call.keywords)]
    for node in (each for value in given for each in ast.walk(value)):
        if isinstance(node, ast.Name):
            known = context.project.visible(site.path, site.function, node.id)
            first = context.facts.scopes[site.function].first
            if known and known[0].scope != 0 and node.id != first:
                return True
    return False
