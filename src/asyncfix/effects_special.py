"""Which methods of an object Python runs for operators, tests, texts and unpacking."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.MatMult: "matmul",
    ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow",
    ast.LShift: "lshift", ast.RShift: "rshift", ast.BitAnd: "and", ast.BitOr: "or",
    ast.BitXor: "xor",
}  # fmt: skip
_SIGNS: dict[type[ast.unaryop], str] = {
    ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__",
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "__eq__", ast.NotEq: "__ne__", ast.Lt: "__lt__", ast.LtE: "__le__",
    ast.Gt: "__gt__", ast.GtE: "__ge__",
}  # fmt: skip
_TRUTH = ("__bool__", "__len__")
_TEXT = ("__format__", "__str__", "__repr__")
_ITERATION = ("__iter__", "__next__")
_KEY = ("__hash__", "__eq__")
_MAPPING = ("keys", "__getitem__")
# What Python's own functions run of what they are given.
_BUILTINS = {
    "bool": _TRUTH, "str": _TEXT, "repr": _TEXT, "format": _TEXT, "print": _TEXT,
    "len": ("__len__",), "hash": ("__hash__",), "int": ("__int__",),
    "float": ("__float__",), "next": ("__next__",), "abs": ("__abs__",),
    "aiter": ("__aiter__",), "anext": ("__anext__",), "dir": ("__dir__",),
    **dict.fromkeys(
        ("iter", "list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "min",
         "max", "any", "all", "enumerate", "zip", "map", "filter", "reversed"),
        (*_ITERATION, "__len__"),
    ),
}  # fmt: skip
_OBJECTS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Await)

Run = tuple[ast.expr, tuple[str, ...]]


def run_by(node: ast.AST) -> Iterator[Run]:
    """Give the expressions of whose objects a node runs methods, and which these are."""
    for expression, names in _run_by(node):
        if isinstance(expression, _OBJECTS):
            yield expression, names


def _run_by(node: ast.AST) -> Iterator[Run]:
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        name = _OPERATORS[type(node.op)]
        if isinstance(node, ast.BinOp):
            yield node.left, (f"__{name}__",)
            yield node.right, (f"__r{name}__",)
        else:
            yield node.target, (f"__i{name}__", f"__{name}__")
            yield node.value, (f"__r{name}__",)
    elif isinstance(node, ast.UnaryOp):
        is_not = isinstance(node.op, ast.Not)
        yield node.operand, _TRUTH if is_not else (_SIGNS[type(node.op)],)
    elif isinstance(node, ast.BoolOp):
        yield from ((each, _TRUTH) for each in node.values)
    elif isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
        yield node.test, _TRUTH
    elif isinstance(node, ast.Compare):
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.In, ast.NotIn)):
                yield right, ("__contains__",)
            elif name := _COMPARISONS.get(type(operator), ""):
                yield left, (name,)
                yield right, (name,)
            left = right
    elif isinstance(node, ast.FormattedValue):
        yield node.value, _TEXT
    elif isinstance(node, ast.Assign):
        if any(isinstance(each, (ast.Tuple, ast.List)) for each in node.targets):
            yield node.value, _ITERATION
    elif isinstance(node, (ast.For, ast.comprehension)):
        yield node.iter, ("__next__",)
        yield from ((each, _TRUTH) for each in getattr(node, "ifs", ()))
    elif isinstance(node, ast.Subscript):
        yield node.slice, _KEY
        if isinstance(node.ctx, ast.Del):
            yield node.value, ("__delitem__",)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield (value, _MAPPING) if key is None else (key, _KEY)
    elif isinstance(node, ast.Set):
        yield from ((each, _KEY) for each in node.elts)
    elif isinstance(node, ast.keyword) and node.arg is None:
        yield node.value, _MAPPING
    elif isinstance(node, ast.Attribute):
        stored = isinstance(node.ctx, ast.Store)
        yield node.value, ("__setattr__",) if stored else ("__getattribute__",)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        names = _BUILTINS.get(node.func.id, ())
        yield from ((each, names) for each in node.args if names)
