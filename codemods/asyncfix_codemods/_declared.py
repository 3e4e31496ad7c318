"""What parameters are declared to be, and whether a coroutine can be that."""

from __future__ import annotations

import ast

from asyncfix import Model, Value, dotted, value

# Types whose values no coroutine is.
PLAIN = frozenset(
    ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int",
     "list", "set", "str", "tuple")
)  # fmt: skip
# Classes of libraries that are no coroutines, nor are those based on them.
_OTHER_TYPES = (
    "datetime.", "decimal.", "enum.", "pathlib.", "pydantic.BaseModel",
    "pydantic.main.BaseModel", "typing.NamedTuple", "typing.TypedDict",
    "typing_extensions.TypedDict", "uuid.",
)  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def plain_parameter(
    model: Model, found: Value, by_class: bool, place: int, name: str
) -> str:
    """Say what a parameter is declared to be where no coroutine is that; else "".

    It is the one at this place, or, with a name, the one of that name. `by_class`
    tells that a method is called on its class: `Repo.save(repo, row)`.
    """
    key = "declared", found.path, found.scope, by_class, place, name
    return model.once(key, lambda: _declared(model, found, by_class, place, name))


def _declared(model: Model, found: Value, by_class: bool, place: int, name: str) -> str:
    read = model.reader.function(found.path, found.scope)
    scopes = model.project.files[found.path].scopes
    decorators = scopes[found.scope].decorators
    if read is None or not isinstance(read[1], _FUNCTIONS):
        return ""
    if not set(decorators) <= {"classmethod", "staticmethod"}:
        return ""
    arguments = read[1].args
    positional = [*arguments.posonlyargs, *arguments.args]
    if not name:
        bound = scopes[scopes[found.scope].parent].is_class
        if bound and decorators != ("classmethod",):
            bound = not decorators and not by_class
        place += bound
        if place < bound or place >= len(positional):
            return ""
        parameter = positional[place]
    else:
        fitting = [
            each
            for each in (*arguments.args, *arguments.kwonlyargs)
            if each.arg == name
        ]
        if not fitting:
            return ""
        (parameter,) = fitting
    if parameter.annotation is None or not _holds_plain(
        model, found, parameter.annotation
    ):
        return ""
    said = ast.unparse(parameter.annotation)
    return f"{parameter.arg} is to be {said}"


def _holds_plain(model: Model, found: Value, node: ast.expr) -> bool:
    """Tell whether an annotation means built-in types only, or None."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError):
                return False
            return _holds_plain(model, found, node)
        return node.value is None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _holds_plain(model, found, node.left) and _holds_plain(
            model, found, node.right
        )
    name = dotted(node.value if isinstance(node, ast.Subscript) else node)
    if not name:
        return False
    scope = model.project.files[found.path].scopes[found.scope].parent
    meant = model.values.of(found.path, scope, name)
    if meant is not None and meant.kind == value.CLASS:
        return _cannot_be_awaited(model, meant)
    full = model.project.qualified_name(found.path, scope, name)
    if not full:
        return False
    if full == "typing.Optional" and isinstance(node, ast.Subscript):
        return _holds_plain(model, found, node.slice)
    if full.startswith(_OTHER_TYPES):
        return True
    if full.startswith("typing."):
        return full.removeprefix("typing.") in ("Dict", "List", "Set", "Tuple")
    return full.removeprefix("builtins.") in PLAIN


def _cannot_be_awaited(model: Model, klass: Value) -> bool:
    """Tell whether objects of a class of the project are no coroutines, as is known."""
    classes = model.values.classes
    for each in classes.line(klass.path, klass.scope):
        if each is None:
            return False
        if not each.path:
            if each.name.startswith(_OTHER_TYPES):
                continue
            return False
        scope = model.project.files[each.path].scopes[each.scope]
        if any(base.rpartition(".")[2] == "Protocol" for base in scope.bases):
            return False
        if classes.sets(each, "__await__"):
            return False
    return True
