"""What the project model asks about code outside the project.

The catalog answers today. A type checker can stand behind the same questions:
it would know the user's installed versions.
"""

from __future__ import annotations

from typing import Protocol


class TypeBackend(Protocol):
    """Types of things outside the project, by qualified name.

    A type is said as `pkg.Class`, `Self`, `Iterator[X]`, `Awaitable[X]`,
    `ContextManager[X]` or `tuple[X, Y]`. None means: not known.
    """

    def canonical(self, name: str) -> str:
        """Give the one name used for what may have several."""

    def is_class(self, name: str) -> bool:
        """Tell whether a name is known to be a class."""

    def returns(self, name: str) -> str | None:
        """Give the type of what calling a function, method or class gives."""

    def attribute(self, name: str) -> str | None:
        """Give the type of what reading an attribute of a class gives."""

    def method(self, cls: str, name: str) -> object | None:
        """Give what is known of a method of a class or of its bases."""

    def bases(self, cls: str) -> tuple[str, ...]:
        """Give the bases of a class."""

    def asynchronous(self, name: str) -> str | None:
        """Tell what a call gives: coroutine, future, async-iterator or async-context."""

    def decorator(self, name: str) -> str | None:
        """Tell what a decorator makes of a function: `same`, `elsewhere`, ..."""
