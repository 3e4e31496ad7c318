"""The one place that says how the service paces itself."""

from time import sleep as pause

__all__ = ["ROUNDS", "pause"]

ROUNDS = 3
