"""Objects that are opened and closed, and can keep a session meanwhile."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Context, Doubt, Place, facts
from asyncfix_codemods import _session_lifetimes as lifetimes
from asyncfix_codemods import _session_parts as parts
from asyncfix_codemods._session_block import Block
from asyncfix_codemods._session_kinds import AIOHTTP
from asyncfix_codemods._session_lifetimes import Holder
from asyncfix_codemods._session_names import SharedNames, as_text, is_used
from asyncfix_codemods._session_refusals import refusal

# Methods that a library calls in pairs, in coroutines; of a base, or of any class.
_PAIRS = (
    ("", "__aenter__", "__aexit__"),
    ("discord.", "setup_hook", "close"),
    ("discord.", "cog_load", "cog_unload"),
)
_BASES = ("contextlib.AbstractAsyncContextManager",)
_CLASS = 1
_ADVICE = "open and close the session by hand where the object starts and stops"


def holder(
    block: Block, place: Place, names: SharedNames, kept: tuple[ast.keyword, ...]
) -> Holder | Doubt | None:
    """Give the object of a method, as what opens and closes its session.

    None where the method is of no class that opens and closes.
    """
    context = block.context
    users, (path, scope) = context.model.users, place
    own = users.scope(place)
    line = users.bases(place)
    if line is None or not own.first or context.function.name.startswith("__a"):
        return None
    if any(each in ("staticmethod", "classmethod") for each in own.decorators):
        return None
    classes = [(path, own.parent)]
    classes += [(each.path, each.scope) for each in line if each and each.path]
    found = _pair(context, classes, line)
    if found is None:
        return None
    klass, opener, closer = found
    if scope in (opener[1], closer[1]) and path == opener[0]:
        return None
    doubt = _not_ours(context, classes, line) or _not_once(
        context, klass, opener, closer
    )
    if doubt is not None:
        return doubt
    return _held(block, klass, opener, closer, names, kept)


def _pair(
    context: Context, classes: list[Place], line: tuple[object, ...]
) -> tuple[Place, Place, Place] | None:
    """Give the class that opens and closes, and its two methods."""
    libraries = [getattr(each, "name", "") for each in line]
    for root, start, stop in _PAIRS:
        if root and not any(each.startswith(root) for each in libraries):
            continue
        for klass in classes:
            opener, closer = (_method(context, klass, each) for each in (start, stop))
            if opener is not None and closer is not None:
                return klass, opener, closer
            if opener is not None or closer is not None:
                break  # a class below has one of the two for itself
    return None


def _method(context: Context, klass: Place, name: str) -> Place | None:
    path, scope = klass
    found = context.project.names(path, scope).get(name)
    for index, each in enumerate(context.project.files[path].scopes):
        if each.parent == scope and each.name == name and len(found) == 1:
            return (path, index) if each.is_async and not each.decorators else None
    return None


def _not_ours(
    context: Context, classes: list[Place], line: tuple[object, ...]
) -> Doubt | None:
    """Find what makes an attribute of a class something else than a plain one."""
    users = context.model.users
    for each in line:
        name = getattr(each, "name", "")
        if each is None or (
            not getattr(each, "path", "")
            and name not in _BASES
            and not name.startswith("discord.")
        ):
            return _held_back(f"a base of its class is {name or 'not known'}")
    for path, scope in classes:
        tree = context.model.tree(path)
        known = context.project.files[path].scopes[scope]
        if known.decorators:
            return _held_back(f"@{known.decorators[0]} makes its class")
        for name in ("__slots__", "__getattr__", "__getattribute__", "__setattr__"):
            if name in context.project.names(path, scope):
                return _held_back(f"its class has {name}")
        for node in ast.walk(tree.module):
            if isinstance(node, ast.ClassDef) and node.lineno == known.line:
                for each in ast.walk(node):
                    name = getattr(each, "attr", getattr(each, "id", ""))
                    if name in ("__dict__", "vars", "__getstate__"):
                        return _held_back("its class looks at all its attributes")
                for keyword in node.keywords:
                    made = users.outside(path, known.parent, ast.unparse(keyword.value))
                    if made != "abc.ABCMeta":
                        return _held_back("its class is made with an argument")
    return None


def _not_once(
    context: Context, klass: Place, opener: Place, closer: Place
) -> Doubt | None:
    """Find what might enter one object twice, or leave it open."""
    users = context.model.users
    name = context.project.files[klass[0]].scopes[klass[1]].name
    for place in (opener, closer):
        for each in users.others(place) or ():
            if each.kind in ("overridden", "patched"):
                said = users.scope(place).name
                return _held_back(f"{said} is {each.kind} at {each.path}:{each.line}")
    if users.scope(opener).name == "__aenter__":
        for path, use in _made(context, klass):
            tree = context.model.tree(path)
            call = tree.find(ast.Call, (use.line, use.col), (use.end_line, use.end_col))
            if not _is_entered(tree.parent(call)):
                return _held_back(
                    f"the {name} of {path}:{use.line} may be entered by several at "
                    "a time, or by nobody"
                )
    return None


def _made(context: Context, klass: Place) -> Iterator[tuple[str, facts.Use]]:
    """Give the calls that make an object of a class, or of one below it."""
    values = context.model.reach.values
    path = klass[0]
    name = context.project.files[path].scopes[klass[1]].name
    for other in sorted({path, *context.project.reached_by(path)}):
        known = context.project.files[other]
        if not known.holds(name):
            continue
        for use in known.calls:
            if use.name.rpartition(".")[2] == name:
                value = values.of(other, use.scope, use.name)
                if value and (value.kind, value.path, value.scope) == (_CLASS, *klass):
                    yield other, use


def _is_entered(above: ast.AST) -> bool:
    if isinstance(above, ast.Call):
        return getattr(above.func, "attr", "") == "enter_async_context"
    return isinstance(above, ast.withitem)


def _held(
    block: Block,
    klass: Place,
    opener: Place,
    closer: Place,
    names: SharedNames,
    kept: tuple[ast.keyword, ...],
) -> Holder | Doubt:
    """Give the holder, its session opened by it now or before."""
    context = block.context
    path = klass[0]
    opening_at = lifetimes.function_of(context, *opener)
    closing_at = lifetimes.function_of(context, *closer)
    if opening_at is None or closing_at is None:
        return _held_back("its methods are not told apart")
    there = lifetimes.inside(context, *opener, opening_at)
    end = lifetimes.inside(context, *closer, closing_at)
    there, end = there or end, end or there
    if there is None or end is None or not names.may_import(there):
        return _held_back(f"{block.kind.module} may not be imported in {path}")
    spelled, needs = names.named(there, names.shared.opened)
    where = f"{opener[0]}:{opening_at.lineno}"
    self = context.facts.scopes[context.site.function].first
    if self != context.function.args.args[0].arg:
        return _held_back("it is no plain method")
    said = _is_open_already(context, klass, opening_at, names, kept)
    if said and not _sets(closing_at, said):
        return _held_back(f"self.{said} is its session already, closed ones, too")
    if said:
        return Holder(parts.Given(f"{self}.{said}"), (), where)
    first = _first(context, klass)
    at_all = (*opening_at.body, *closing_at.body, first)
    if not all(lifetimes.stands_alone(there, each) for each in at_all):
        return _held_back("several statements stand on one line")
    if not _may_open(opening_at) or not _may_close(closing_at):
        return _held_back(f"{opening_at.name} or {closing_at.name} may end early")
    name = _free_attribute(context, path, names)
    local = "session" if names.shared.is_session else "connector"
    if not name or is_used(closing_at, end, local):
        return _held_back("the names for it are taken")
    type_, type_needs = names.named(there, names.shared.type)
    if needs or type_needs:
        # Both are spelled through the module that is imported for them.
        needs = type_needs = (block.kind.module,)
        spelled, type_ = names.shared.opened, names.shared.type
    attribute = lifetimes.Attribute(name, type_, as_text(there), type_needs)
    opening = parts.Opening("", spelled, kept, "", block.kind.module, needs)
    close = block.kind.close if names.shared.is_session else AIOHTTP.close
    declares = first in (opening_at, closing_at, context.function)
    made = [
        lifetimes.opens(there, opening_at, attribute, opening, declares),
        lifetimes.closes(end, closing_at, name, close, local),
    ]
    if not declares:
        made.append(lifetimes.declared(there, first, attribute))
    return Holder(parts.Given(f"{self}.{name}"), tuple(made), where)


def _first(context: Context, klass: Place) -> ast.stmt:
    """Give the first statement of a class behind its docstring."""
    path, scope = klass
    line = context.project.files[path].scopes[scope].line
    for node in ast.walk(context.model.tree(path).module):
        if isinstance(node, ast.ClassDef) and node.lineno == line:
            has_text = ast.get_docstring(node) is not None and len(node.body) > 1
            return node.body[1 if has_text else 0]
    raise LookupError(f"no class at {path}:{line}")


def _is_open_already(
    context: Context,
    klass: Place,
    opening: ast.AsyncFunctionDef,
    names: SharedNames,
    kept: tuple[ast.keyword, ...],
) -> str:
    """Give the attribute that an earlier fix, or a person, opened the same in."""
    wanted = f"{names.block.kind.module}.{names.shared.opened}"
    here = context.model.users
    path, scope = klass
    tree = context.model.tree(path)
    arguments = [(each.arg, ast.unparse(each.value)) for each in kept]
    for statement in opening.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target, value = statement.targets[0], statement.value
        if not isinstance(target, ast.Attribute) or not isinstance(value, ast.Call):
            continue
        if here.outside(path, scope, ast.unparse(value.func)) != wanted or value.args:
            continue
        if [
            (each.arg, ast.unparse(each.value)) for each in value.keywords
        ] != arguments:
            continue
        for each in ast.walk(tree.module):
            if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == (
                target.attr
            ):
                if getattr(each.value, "value", ...) is None:
                    return target.attr
    return ""


def _sets(function: ast.AsyncFunctionDef, attribute: str) -> bool:
    """Tell whether a method sets an attribute: what it has closed is not used again."""
    return any(
        isinstance(each, ast.Attribute)
        and each.attr == attribute
        and isinstance(each.ctx, ast.Store)
        for each in ast.walk(function)
    )


def _may_open(function: ast.AsyncFunctionDef) -> bool:
    """Tell whether a method comes to its end, where nothing can fail any more."""
    last = function.body[-1]
    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
    if any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in ast.walk(function)):
        return False
    if isinstance(last, ast.Return):
        plain = last.value is None or isinstance(last.value, (ast.Name, ast.Constant))
        return returns == [last] and plain
    return not returns and not isinstance(last, ast.Raise)


def _may_close(function: ast.AsyncFunctionDef) -> bool:
    return not any(
        isinstance(each, (ast.Yield, ast.YieldFrom)) for each in ast.walk(function)
    )


def _free_attribute(context: Context, path: str, names: SharedNames) -> str:
    """Give a name that no class near by has for something."""
    near = {path, context.site.path, *context.project.reached_by(path)}
    for name in names.shared.names:
        said = f"_{name}"
        if not any(context.project.files[each].holds(said) for each in near):
            return said
    return ""


def _held_back(reason: str) -> Doubt:
    return refusal("session-lifetime", f"the object cannot keep it: {reason}", _ADVICE)
