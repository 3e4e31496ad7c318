"""How the parts of one fix name the session, its class and its library."""

from __future__ import annotations

import ast
import builtins
import re

from asyncfix import Context, Doubt, Part
from asyncfix_codemods import _session_parts as parts
from asyncfix_codemods._session_arguments import Split
from asyncfix_codemods._session_block import Block, refusal
from asyncfix_codemods._session_owner import Link, Owner, Owners, limits

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FITTING = re.compile(r"(?:^|_)(?:session|client)$")
_FOR_TYPES = 2  # the flag of a binding under `if TYPE_CHECKING:`


class SharedNames:
    """The names that the parts of one fix give the session."""

    def __init__(self, block: Block, owners: Owners) -> None:
        self.block = block
        self.owners = owners
        self.doubt: Doubt | None = None
        own = block.name
        first = own if _FITTING.search(own) else "session"
        candidates = dict.fromkeys((first, "session", "http_session"))
        if any(isinstance(above, _LOOPS) for above, _ in block.context.within()):
            # A second round would find a closed session in its own parameter.
            candidates.pop(own, None)
        free = [each for each in candidates if self._is_free(each)]
        self.name = free[0] if free else ""
        self.stack = ""
        context = block.context
        if context.settings.target < (3, 10):
            stacks = ("stack", "session_stack")
            unused = [each for each in stacks if not _is_used(context, each)]
            self.stack = unused[0] if unused else ""
            if not unused:
                self.doubt = _taken("stack", context)
        if not free:
            self.doubt = _taken("session", context)
        everywhere = [context, *(each.context for each in owners.links)]
        everywhere += [each.context for each in owners.owners]
        for each in everywhere:
            if not self._may_import(each):
                self.doubt = refusal(
                    "session-import",
                    f"{block.kind.module} is not imported at the top of "
                    f"{each.site.path}, nor by what it imports there: it may be missing",
                    "import it at the top first, if it is always there",
                )

    def _may_import(self, context: Context) -> bool:
        """Tell whether a file can name the library at its top level."""
        module, path = self.block.kind.module, context.site.path
        return bool(self._spelled(context)[0]) or context.model.users.imports_first(
            path, module
        )

    def _is_free(self, name: str) -> bool:
        """Tell whether a name means nothing else wherever a part will use it."""
        block = self.block
        own = name == block.name and not block.bound_at
        if not own and _is_used(block.context, name):
            return False
        if name == block.name and block.bound_at:
            return False
        contexts = [each.context for each in self.owners.links]
        contexts += [o.context for o in self.owners.owners if not o.open_as]
        return not any(_is_used(each, name) for each in contexts)

    def parameter(self, context: Context) -> parts.Parameter:
        """Give the parameter of the function that opened the session."""
        spelled = context.spelled
        root = spelled.partition(".")[0]
        site = context.site
        bound = context.project.visible(site.path, site.function, root)
        usable = bool(bound) and bound[0].scope == 0
        typed = usable and _is_annotated(context.function)
        return parts.Parameter(self.name, spelled if typed else "", _as_text(context))

    def link(self, link: Link) -> Part:
        """Give the part of a function that passes the session on."""
        context = link.context
        spelled, needs = self._named(context)
        if not _is_annotated(context.function):
            spelled, needs = "", ()
        short = spelled.rpartition(".")[2] if needs else spelled
        parameter = parts.Parameter(self.name, short, _as_text(context))
        return parts.in_link(link, parameter, self.name, needs)

    def owner(self, owner: Owner, args: Split) -> Part:
        """Give the part of a caller that opens the session."""
        kind = self.block.kind
        if owner.open_as:
            opening = parts.Opening(owner.open_as, "", (), "", kind.module, ())
            return parts.in_owner(owner, opening, self.name)
        limit = ""
        named = {each.arg for each in args.kept}
        bounded = any(limits(owner.context)) or any(limits(self.block.context))
        waits = kind.module == "httpx" or any(e.arg == "timeout" for e in args.moved)
        if owner.together and not bounded and waits:
            if kind.limit.partition("=")[0] not in named:
                limit = kind.limit
        spelled, needs = self._named(owner.context)
        if limit and "." not in spelled:
            needs = (kind.module,)
        opening = parts.Opening(
            self.name, spelled, args.kept, limit, kind.module, needs
        )
        return parts.in_owner(owner, opening, self.name)

    def _spelled(self, context: Context) -> tuple[str, bool]:
        """Give the class as a file's top level names it; the flag: for types only."""
        kind, site = self.block.kind, context.site
        for said in (self.block.context.spelled, kind.name, kind.short):
            known = context.project.qualified_name(site.path, site.function, said)
            root = said.partition(".")[0]
            bound = context.project.visible(site.path, site.function, root)
            if known == kind.name and bound and bound[0].scope == 0:
                # What stands under a condition is settled: one name is meant.
                return said, bool(bound[0].flags & _FOR_TYPES)
        return "", False

    def _named(self, context: Context) -> tuple[str, tuple[str, ...]]:
        """Give the class as a file can call it, and what that file must import."""
        kind = self.block.kind
        said, for_types = self._spelled(context)
        return (said, ()) if said and not for_types else (kind.name, (kind.module,))


def _is_annotated(function: ast.AsyncFunctionDef) -> bool:
    args = function.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return function.returns is not None or any(each.annotation for each in every)


def _as_text(context: Context) -> bool:
    """Tell whether `X | None` must be a string to be an annotation there."""
    if context.settings.target >= (3, 10):
        return False
    return not any(
        isinstance(each, ast.ImportFrom)
        and each.module == "__future__"
        and any(name.name == "annotations" for name in each.names)
        for each in context.tree.module.body
    )


def _is_used(context: Context, name: str) -> bool:
    """Tell whether a coroutine, or what it can see, uses a name for something."""
    if hasattr(builtins, name):
        return True
    for node in ast.walk(context.function):
        if isinstance(node, ast.Name) and node.id == name:
            return True
        if isinstance(node, ast.arg) and node.arg == name:
            return True
    return bool(context.project.visible(context.site.path, context.site.function, name))


def _taken(name: str, context: Context) -> Doubt:
    return refusal(
        "session-name",
        f"{name} is another name in {context.function.name} or where it is called",
        "give the parameter a free name",
    )
