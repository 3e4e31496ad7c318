"""The built-in codemods: one anti-pattern, one module.

What a codemod needs to judge its sites lies in modules with an underscore. Most runs
have sites of one or two codemods, so `from asyncfix_codemods import _name` in another
module gives a stand-in that imports `_name` when something of it is first used:
importing all of them costs 45 ms.
"""

from __future__ import annotations

TYPE_CHECKING = False  # that of `typing` costs its import
if not TYPE_CHECKING:  # for a type checker each name is the module itself

    class _Later:
        def __init__(self, module: str) -> None:
            self.__module = module

        def __getattr__(self, name: str) -> object:
            from importlib import import_module

            return getattr(import_module(self.__module), name)

    def __getattr__(name: str) -> object:
        if name.startswith("__") or not name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return _Later(f"{__name__}.{name}")
