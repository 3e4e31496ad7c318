"""How the parts of one fix name the session, its class and its library."""

from __future__ import annotations

import ast
import builtins
import re

from asyncfix import Context, Doubt, Part
from asyncfix_codemods import _session_parts as parts
from asyncfix_codemods._session_arguments import Split
from asyncfix_codemods._session_block import Block
from asyncfix_codemods._session_kinds import Shared
from asyncfix_codemods._session_owner import Link, Owner, Owners, limits
from asyncfix_codemods._session_refusals import refusal

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_FITTING = re.compile(r"(?:^|_)(?:session|client)$")
_FOR_TYPES = 2  # the flag of a binding under `if TYPE_CHECKING:`


class SharedNames:
    """The names that the parts of one fix give the session."""

    def __init__(self, block: Block, owners: Owners, shared: Shared) -> None:
        self.block = block
        self.owners = owners
        self.shared = shared
        self.doubt: Doubt | None = None
        own = block.name
        candidates = dict.fromkeys(shared.names)
        if shared.is_session and _FITTING.search(own):
            candidates = dict.fromkeys((own, *shared.names))
        if any(isinstance(above, _LOOPS) for above, _ in block.context.within()):
            # A second round would find a closed session in its own parameter.
            candidates.pop(own, None)
        if any(not self.is_inside(each) for each in owners.again):
            # Outside of its block the session's own name is that of a closed one.
            candidates.pop(own, None)
        free = [each for each in candidates if self._is_free(each)]
        self.name = free[0] if free else ""
        self.stack = ""
        context = block.context
        if shared.is_session and context.settings.target < (3, 10):
            stacks = ("stack", "session_stack")
            unused = [each for each in stacks if not _is_used(context, each)]
            self.stack = unused[0] if unused else ""
            if not unused:
                self.doubt = _taken("stack", context)
        if not free:
            self.doubt = _taken(shared.names[0], context)
        everywhere = [context, *(each.context for each in owners.links)]
        everywhere += [each.context for each in owners.owners]
        for each in everywhere:
            if not self.may_import(each):
                self.doubt = refusal(
                    "session-import",
                    f"{block.kind.module} is not imported at the top of "
                    f"{each.site.path}, nor by what it imports there: it may be missing",
                    "import it at the top first, if it is always there",
                )

    def is_inside(self, call: ast.Call) -> bool:
        """Tell whether a call of the function stands where the session is open."""
        return any(
            node is call
            for each in self.block.region.statements
            for node in ast.walk(each)
        )

    def passed_again(self) -> dict[ast.Call, str]:
        """Give what calls in the session's own function pass on, by its name there."""
        own = self.block.name if self.shared.is_session else self.name
        return {
            each: own if self.is_inside(each) else self.name
            for each in self.owners.again
        }

    def may_import(self, context: Context) -> bool:
        """Tell whether a file can name the library at its top level."""
        module, path = self.block.kind.module, context.site.path
        known = self._spelled(context, self.block.kind.short)[0]
        return bool(known) or context.model.users.imports_first(path, module)

    def _is_free(self, name: str) -> bool:
        """Tell whether a name means nothing else wherever a part will use it."""
        block = self.block
        own = name == block.name and not block.bound_at and self.shared.is_session
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
        needs: tuple[str, ...] = ()
        if not usable or not _is_annotated(context.function):
            spelled = ""
        elif not self.shared.is_session:
            spelled, needs = self.named(context, self.shared.type)
        return parts.Parameter(self.name, spelled, as_text(context), needs)

    def link(self, link: Link) -> Part:
        """Give the part of a function that passes the session on."""
        context = link.context
        spelled, needs = self.named(context, self.shared.type)
        if not _is_annotated(context.function):
            spelled, needs = "", ()
        parameter = parts.Parameter(self.name, spelled, as_text(context), needs)
        return parts.in_link(link, parameter, self.name)

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
                limit = kind.limit if self.shared.is_session else "limit=0"
        spelled, needs = self.named(owner.context, self.shared.opened)
        if needs:
            spelled = f"{kind.module}.{spelled}"
        made = any(isinstance(each.value, ast.Call) for each in args.kept)
        if (limit or made) and "." not in spelled:
            needs = (kind.module,)
        opening = parts.Opening(
            self.name, spelled, args.kept, limit, kind.module, needs
        )
        return parts.in_owner(owner, opening, self.name)

    def _spelled(self, context: Context, short: str) -> tuple[str, bool]:
        """Give a class as a file's top level names it; the flag: for types only."""
        kind, site = self.block.kind, context.site
        name = f"{kind.module}.{short}"
        own = self.block.context.spelled.rpartition(".")
        if own[2] == kind.short:
            own = (*own[:2], short)
        for said in ("".join(own), name, short):
            known = context.project.qualified_name(site.path, site.function, said)
            root = said.partition(".")[0]
            bound = context.project.visible(site.path, site.function, root)
            if known == name and bound and bound[0].scope == 0:
                # What stands under a condition is settled: one name is meant.
                return said, bool(bound[0].flags & _FOR_TYPES)
        return "", False

    def named(self, context: Context, short: str) -> tuple[str, tuple[str, ...]]:
        """Give a class as a file can call it; without its module what to import."""
        said, for_types = self._spelled(context, short)
        if said and not for_types:
            return said, ()
        return short, (self.block.kind.module,)


def _is_annotated(function: ast.AsyncFunctionDef) -> bool:
    args = function.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return function.returns is not None or any(each.annotation for each in every)


def as_text(context: Context) -> bool:
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
    return is_used(context.function, context, name)


def is_used(function: ast.AST, context: Context, name: str) -> bool:
    """Tell whether a coroutine, or what it can see, uses a name for something."""
    if hasattr(builtins, name):
        return True
    for node in ast.walk(function):
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
