"""The part of the walk that sees names get their values."""

from __future__ import annotations

import ast
from typing import Any

from asyncfix import facts as f
from asyncfix.expressions import annotation, chain, describe, is_dotted, type_said
from asyncfix.nodes import text
from asyncfix.record import Record


class Naming(Record):
    """Handlers of imports, assignments and the other ways to bind a name."""

    def __init__(self) -> None:
        super().__init__()
        # The walk that is under way: its scope, flags and nodes still to see.
        self.scope = 0
        self.flags = 0
        self.stack: list[Any] = []

    def stored(self, node: ast.Name) -> None:
        # A deletion leaves whatever type the name has otherwise.
        target = "None" if type(node.ctx) is ast.Del else ""
        self.bindings.append(
            (self.scope, node.id, node.lineno, f.ASSIGNED, target, self.flags)
        )

    def assign(self, node: ast.Assign) -> None:
        value = node.value
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
        if self.scope == 0:
            if name == "__all__":
                self.export([value])
        said = text(value)
        if said is not None:
            self.texts[name] = said
            kind, target = f.ASSIGNED, "?"
        else:
            target = describe(value)
            alias = type(value) in (ast.Name, ast.Attribute)
            kind = f.ALIAS if alias and is_dotted(target) else f.ASSIGNED
        self.bindings.append((self.scope, name, line, kind, target, self.flags))

    def _give(self, target: ast.expr, value: ast.expr, steps: str = "") -> None:
        """Bind what stands on the left to what is known of the right."""
        if type(target) is ast.Name:
            said = describe(value) + steps
            line = target.lineno
            self.bind(self.scope, target.id, f.ASSIGNED, said, line, self.flags)
        elif type(target) is ast.Attribute:
            name = chain(target, [])
            if name.startswith(("self.", "cls.")):
                said = describe(value) + steps
                line = target.lineno
                self.bind(self.scope, name, f.ATTRIBUTE, said, line, self.flags)
            else:
                self.stack.append(target)
        elif type(target) in (ast.Tuple, ast.List):
            parts: list[ast.expr] = target.elts  # type: ignore[attr-defined]
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
            self.bind(self.scope, name, f.ATTRIBUTE, said, line, self.flags)
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
            name = alias.asname or alias.name.partition(".")[0]
            target = alias.name if alias.asname else name
            self.bind(self.scope, name, f.IMPORT, target, node.lineno, self.flags)
            if not alias.asname and "." in alias.name:
                # The submodule is imported too, for who imports whom.
                self.bind(self.scope, "", f.IMPORT, alias.name, node.lineno, self.flags)

    def imported_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.bind(self.scope, "*", f.STAR, module, node.lineno, self.flags)
            else:
                target = f"{module}:{alias.name}"
                name = alias.asname or alias.name
                self.bind(self.scope, name, f.FROM, target, node.lineno, self.flags)

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
