"""The one place where the service's pauses come from."""

from time import sleep as pause

__all__ = ["pause"]
