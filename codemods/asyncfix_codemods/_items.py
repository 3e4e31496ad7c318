"""What a loop goes through: made beforehand, or read while the loop runs?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from asyncfix import Context
from asyncfix_codemods._called import value_of
from asyncfix_codemods._rounds import own

_CONTAINERS = frozenset(
    ("list", "List", "tuple", "Tuple", "set", "Set", "frozenset", "FrozenSet", "dict",
     "Dict", "Sequence", "MutableSequence", "Collection", "Mapping", "MutableMapping",
     "AbstractSet", "MutableSet", "str", "bytes", "range", "defaultdict", "OrderedDict",
     "deque")
)  # fmt: skip
_ITERATORS = frozenset(("Iterator", "Generator", "AsyncIterator", "AsyncGenerator"))
_MAKE = frozenset(("list", "tuple", "sorted", "set", "frozenset", "dict"))
_PASS = frozenset(("enumerate", "reversed", "zip"))
_LAZY = frozenset(("map", "filter", "iter", "open"))
_VIEWS = frozenset(("items", "keys", "values"))
_SPLIT = frozenset(("split", "rsplit", "splitlines"))
_DISPLAYS = (ast.List, ast.Tuple, ast.Set)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
_MOST = 1000


class Items(NamedTuple):
    """What is known of an iterable.

    Args:
        lazy: it is surely read while the loop runs.
        proven: it surely is there as a whole before the loop begins.
        again: it may be gone through a second time, and gives the same.
        few: how many there are at most, where the code says it; 0 where not.
    """

    lazy: bool = False
    proven: bool = False
    again: bool = False
    few: int = 0


_UNKNOWN = Items()
_READ_LATER = Items(lazy=True)


def items(context: Context, node: ast.expr, deep: int = 3) -> Items:
    """Say what an expression that a loop goes through is."""
    if isinstance(node, _DISPLAYS):
        plain = not any(isinstance(each, ast.Starred) for each in node.elts)
        again = all(_is_simple(each) for each in node.elts)
        return Items(proven=True, again=again, few=len(node.elts) * plain)
    if isinstance(node, ast.Dict):
        return Items(proven=True, few=len(node.keys))
    if isinstance(node, ast.Constant):
        text = isinstance(node.value, (str, bytes))
        few = len(node.value) if isinstance(node.value, (str, bytes)) else 0
        return Items(proven=text, again=text, few=few)
    if isinstance(node, _COMPREHENSIONS):
        return Items(proven=True)
    if isinstance(node, ast.GeneratorExp):
        return _READ_LATER
    if isinstance(node, ast.Call):
        return _call(context, node, deep)
    if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
        return _returned(context, node.value, awaited=True)
    if isinstance(node, ast.IfExp):
        return _any_of(
            [items(context, each, deep) for each in (node.body, node.orelse)]
        )
    if isinstance(node, ast.BoolOp):
        return _any_of([items(context, each, deep) for each in node.values])
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return items(context, node.left, deep)  # whatever it is, the sum is of its kind
    if isinstance(node, ast.Name) and deep:
        return _name(context, node, deep - 1)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        whole = items(context, node.value, deep)
        return Items(whole.lazy, whole.proven, whole.again)
    if isinstance(node, ast.Attribute):
        return Items(again=_is_simple(node))
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _element(context, node.value)
    return _UNKNOWN


def _element(context: Context, node: ast.Name) -> Items:
    """Judge an element of what a name holds by the annotation: of `list[list[str]]`."""
    found = []
    for _, annotation in _given(context, node.id):
        if isinstance(annotation, ast.Subscript) and _annotated(annotation).proven:
            inside = annotation.slice
            parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            last = getattr(
                annotation.value, "attr", getattr(annotation.value, "id", "")
            )
            if len(parts) == 1 or last.lower() == "tuple":
                found.append(_annotated(parts[0])._replace(again=False))
                continue
        found.append(_UNKNOWN)
    return _any_of(found) if found else _UNKNOWN


def _any_of(found: list[Items]) -> Items:
    """Give what is true of each of some things that an expression may be."""
    return Items(
        lazy=any(each.lazy for each in found),
        proven=all(each.proven for each in found),
        again=False,
        few=max(each.few for each in found) if all(each.few for each in found) else 0,
    )


def _is_simple(node: ast.AST) -> bool:
    """Tell whether an expression may be evaluated twice and gives the same."""
    return all(
        isinstance(
            each,
            (ast.Name, ast.Attribute, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Tuple,
             ast.List, ast.expr_context, ast.operator, ast.unaryop),
        )
        or (isinstance(each, ast.Call) and ast.unparse(each.func) == "len")
        for each in ast.walk(node)
    )  # fmt: skip


def _call(context: Context, node: ast.Call, deep: int) -> Items:
    name = context.qualified_name(node.func) or ""
    module, _, last = name.rpartition(".")
    if module == "builtins":
        if last in _LAZY:
            return _READ_LATER
        if last == "range":
            again = all(_is_simple(each) for each in node.args)
            return Items(proven=True, again=again, few=_count(node))
        if last in _MAKE:
            inner = [items(context, each, deep) for each in node.args]
            simple = not node.keywords and all(each.again for each in inner)
            few = inner[0].few if len(inner) == 1 else 0
            return Items(proven=True, again=simple, few=few)
        if last in _PASS and node.args and not _has_star(node):
            inner = [items(context, each, deep) for each in node.args]
            if last == "enumerate":
                inner = inner[:1]
            counts = [each.few for each in inner if each.few]
            return Items(
                lazy=any(each.lazy for each in inner),
                proven=all(each.proven for each in inner),
                again=all(each.again for each in inner),
                few=min(counts, default=0),
            )
        return _UNKNOWN
    if module == "itertools":
        return _READ_LATER
    if isinstance(node.func, ast.Attribute) and not node.keywords:
        owner, method = node.func.value, node.func.attr
        if method in _VIEWS and not node.args:
            inside = items(context, owner, deep)
            return Items(inside.lazy, inside.proven, inside.again, inside.few)
        if method in _SPLIT:
            return Items(proven=True, again=_is_simple(owner))
    return _returned(context, node, awaited=False)


def _returned(context: Context, node: ast.Call, awaited: bool) -> Items:
    """Judge what a function of the project gives by what it says that it gives."""
    made = value_of(context, node, "")
    if made is None or not made.is_function:
        return _UNKNOWN
    scope = context.project.files[made.path].scopes[made.scope]
    if scope.yields:
        return _READ_LATER
    if scope.is_async is not awaited or not scope.returns:
        return _UNKNOWN
    try:
        said = ast.parse(scope.returns.lstrip(":"), mode="eval").body
    except SyntaxError:
        return _UNKNOWN  # of a part of it nothing is known
    return _annotated(said)._replace(again=False)


def _has_star(node: ast.Call) -> bool:
    return any(isinstance(each, ast.Starred) for each in node.args)


def _count(node: ast.Call) -> int:
    """Give how many numbers a range of constants has; 0 for others and for many."""
    numbers = [each.value for each in node.args if isinstance(each, ast.Constant)]
    whole = [each for each in numbers if isinstance(each, int)]
    if len(whole) != len(node.args) or not whole or (len(whole) == 3 and not whole[2]):
        return 0
    count = len(range(*whole))
    return count if count <= _MOST else 0


def _name(context: Context, node: ast.Name, deep: int) -> Items:
    """Follow a name to all that it is given."""
    found: list[Items] = []
    for value, annotation in _given(context, node.id):
        said = _UNKNOWN if annotation is None else _annotated(annotation)
        if value is not None and not said.proven and not said.lazy:
            said = items(context, value, deep)
        found.append(said)
    if not found:
        return Items(again=True)
    whole = _any_of(found)
    # A name that holds a container gives the same each time.
    return whole._replace(again=whole.proven)


def _given(
    context: Context, name: str
) -> Iterator[tuple[ast.expr | None, ast.expr | None]]:
    """Give what a name is given, and how it is annotated: pairs of (value, type)."""
    function = context.function
    arguments = function.args
    local = False
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if each.arg == name:
            local = True
            yield None, each.annotation
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None and rest.arg == name:
            local = True
            # Python makes the tuple and the dictionary itself.
            yield ast.Tuple([ast.Starred(ast.Name(name))], ast.Load()), None
    for value, annotation in _assigned(function.body, name):
        local = True
        yield value, annotation
    if not local:
        outer = context.project.visible(context.site.path, context.site.function, name)
        if outer and outer[0].scope == 0:
            yield from _assigned(context.tree.module.body, name)


def _assigned(
    body: list[ast.stmt], name: str
) -> Iterator[tuple[ast.expr | None, ast.expr | None]]:
    values: dict[int, tuple[ast.expr | None, ast.expr | None]] = {}
    for node in own(body):
        if isinstance(node, ast.Assign):
            values.update({id(target): (node.value, None) for target in node.targets})
        elif isinstance(node, ast.AnnAssign):
            values[id(node.target)] = node.value, node.annotation
        elif isinstance(node, ast.For) and isinstance(node.iter, ast.Name):
            first = ast.Subscript(node.iter, ast.Constant(0), ast.Load())
            values[id(node.target)] = first, None
    for node in own(body):
        if isinstance(node, ast.Name) and node.id == name:
            if isinstance(node.ctx, ast.Store):
                yield values.get(id(node), (None, None))
        elif (
            (isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names)
            or name in (getattr(node, "name", None), getattr(node, "rest", None))
            or (isinstance(node, ast.alias) and name in (node.asname, node.name))
        ):
            yield None, None


def _annotated(annotation: ast.expr) -> Items:
    """Judge by an annotation; of `list[str] | None` by both."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return _UNKNOWN
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        sides = [_annotated(annotation.left), _annotated(annotation.right)]
        return _any_of(sides)._replace(again=all(each.again for each in sides))
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return Items(proven=True, again=True)
    if isinstance(annotation, ast.Subscript):
        owner = annotation.value
        last = getattr(owner, "attr", getattr(owner, "id", ""))
        if last in ("Optional", "Final", "ClassVar"):
            return _annotated(annotation.slice)
        annotation = owner
    last = getattr(annotation, "attr", getattr(annotation, "id", ""))
    if last in _ITERATORS:
        return _READ_LATER
    known = last in _CONTAINERS
    return Items(proven=known, again=known)
