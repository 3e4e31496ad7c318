"""The part of the walk that sees names get their values."""

from __future__ import annotations

import ast
from typing import Any

from asyncfix import facts as f
from asyncfix.expressions import annotation, chain, describe, is_dotted, type_said
from asyncfix.keywords import name_as_written
from asyncfix.nodes import TEXTS, text
from asyncfix.record import Record


class Naming(Record):
    """Handlers of imports, assignments and the other ways to bind a name."""

    def __init__(self, mended: bool = False) -> None:
        """Begin; in mended text stand-ins have modules' names (`keywords`)."""
        super().__init__()
        self.mended = mended
        # The walk that is under way: its scope, flags and nodes still to see.
        self.scope = 0
        self.flags = 0
        self.stack: list[Any] = []

    def member(self, name: str, line: int, target: str) -> None:
        """Record `self.x = ...`."""
        self.members.append((self.scope, name, line, f.ATTRIBUTE, target, self.flags))

    def stored(self, node: ast.Name) -> None:
        # A deletion leaves whatever type the name has otherwise.
        target = "None" if type(node.ctx) is ast.Del else ""
        self.bindings.append(
            (self.scope, node.id, node.lineno, f.ASSIGNED, target, self.flags)
        )

    def assign(self, node: ast.Assign) -> None:
        value = node.value
        if type(value) is not ast.Constant:
            self.stack.append(value)
        target = node.targets[0]
        if len(node.targets) == 1:
            if type(target) is ast.Name:
                self._name(target.id, value, node.lineno)
                return
            if isinstance(target, ast.Subscript):
                key = text(target.slice)
                if key and chain(target.value, []) == "sys.modules":
                    self.patches.append((node.lineno, -1, key))
        for target in node.targets:
            self._give(target, value)

    def _name(self, name: str, value: ast.expr, line: int) -> None:
        if self.scope == 0 and name == "__all__":
            self.export([value])
        shape = type(value)
        kind, target = f.ASSIGNED, "?"
        if shape in TEXTS and (said := text(value)) is not None:
            self.texts[name] = said
        else:
            target = describe(value)
            if shape is ast.Name:
                kind = f.ALIAS
                if target != name:
                    self.renames[f"{target} {name}"] = None
            elif shape is ast.Attribute and is_dotted(target):
                kind = f.ALIAS
                if value.attr != name:  # type: ignore[attr-defined]  # by its type, asked before
                    self.renames[f"{value.attr} {name}"] = None  # type: ignore[attr-defined]  # by its type, asked before
        self.bindings.append((self.scope, name, line, kind, target, self.flags))

    def _give(self, target: ast.expr, value: ast.expr, steps: str = "") -> None:
        """Bind what stands on the left to what is known of the right."""
        if type(target) is ast.Name:
            said = describe(value) + steps
            self.bindings.append(
                (self.scope, target.id, target.lineno, f.ASSIGNED, said, self.flags)
            )
        elif type(target) is ast.Attribute:
            name = chain(target, [])
            if name.startswith(("self.", "cls.")):
                self.member(name, target.lineno, describe(value) + steps)
            else:
                self.stack.append(target)
        elif type(target) in (ast.Tuple, ast.List):
            parts: list[ast.expr] = target.elts  # type: ignore[attr-defined]  # by its type, asked before
            plain = not any(isinstance(part, ast.Starred) for part in parts)
            pairs = getattr(value, "elts", ())
            for position, part in enumerate(parts):
                if not plain:
                    self.stack.append(part)
                elif not steps and len(pairs) == len(parts):
                    self._give(part, pairs[position])
                else:
                    self._give(part, value, f"{steps}#{position}")
        else:
            self.stack.append(target)

    def annotated(self, node: ast.AnnAssign) -> None:
        target, value = node.target, node.value
        self.stack.append(node.annotation)
        if value is not None:
            self.stack.append(value)
            if isinstance(target, ast.Name) and target.id == "__all__":
                self.export([value])
        said = annotation(node.annotation)
        if said.rpartition(".")[2] in ("TypeAlias", ":TypeAlias") and value is not None:
            said = type_said(value)
        name = chain(target, [])
        line = target.lineno
        if isinstance(target, ast.Name):
            self.bind(self.scope, name, f.ASSIGNED, said, line, self.flags)
        elif name.startswith(("self.", "cls.")) and isinstance(target, ast.Attribute):
            self.member(name, line, said)
        else:
            self.stack.append(target)

    def augmented(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Name):
            if target.id == "__all__":
                self.export([node.value])
            # It stays what it is: the name itself says so.
            name = target.id
            self.bind(self.scope, name, f.ASSIGNED, name, node.lineno, self.flags)
        elif isinstance(target, ast.Attribute):
            self.stack.append(target.value)
        else:
            self.stack.append(target)
        self.stack.append(node.value)

    # -- imports ------------------------------------------------------------

    def imported(self, node: ast.Import) -> None:
        for alias in node.names:
            module = name_as_written(alias.name) if self.mended else alias.name
            name = alias.asname or alias.name.partition(".")[0]
            target = module if alias.asname else module.partition(".")[0]
            self.bind(self.scope, name, f.IMPORT, target, node.lineno, self.flags)
            self.imports[target] = None
            if not alias.asname and "." in module:
                # The submodule is imported too, for who imports whom.
                self.bind(self.scope, "", f.IMPORT, module, node.lineno, self.flags)
                self.imports[module] = None

    def imported_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        if self.mended:
            module = name_as_written(module)
        scope, line, flags = self.scope, node.lineno, self.flags
        for alias in node.names:
            name = alias.name
            if name == "*":
                self.bind(scope, "*", f.STAR, module, line, flags)
                self.imports[f"{module}:*"] = None
                continue
            given = name_as_written(name) if self.mended else name
            target = f"{module}:{given}"
            name = alias.asname or name
            if name != given:
                self.renames[f"{given} {name}"] = None
            self.bindings.append((scope, name, line, f.FROM, target, flags))
            self.imports[target] = None

    def walrus(self, node: ast.NamedExpr) -> None:
        owner = self.function_above(self.scope)
        said = describe(node.value)
        self.bind(owner, node.target.id, f.ASSIGNED, said, node.lineno, self.flags)
        self.stack.append(node.value)

    def _under(self, target: ast.expr, value: ast.expr, steps: str) -> None:
        """Bind a target of a statement whose flags count for its body, too."""
        flags, self.flags = self.flags, self.flags | f.CONDITIONAL
        self._give(target, value, steps)
        self.flags = flags

    def handler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(self.scope, node.name, f.ASSIGNED, "", node.lineno, self.flags)
        if node.type is not None:
            self.stack.append(node.type)
        self.stack.extend(node.body)

    def capture(self, node: Any) -> None:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name:
            self.bind(self.scope, name, f.CAPTURE, "", node.lineno, self.flags)
        for field in ("pattern", "keys", "patterns"):
            child = getattr(node, field, None)
            if isinstance(child, list):
                self.stack.extend(child)
            elif child is not None:
                self.stack.append(child)

    def declaration(self, node: ast.Global | ast.Nonlocal) -> None:
        self.declare(self.scope, node)
