"""Reports, as text."""

from service.shop import fetch


def monthly(upstream: str) -> str:
    """Give the report of a month."""
    return f"The price is {current(upstream)}."


def current(upstream: str) -> str:
    """Give the price as it is now."""
    return fetch(f"{upstream}/price")
