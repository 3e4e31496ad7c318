"""What stands in a page."""

from typing import NamedTuple

from crawler.fetching import fetch


class Page(NamedTuple):
    """A page and the number of its words."""

    url: str
    words: int


async def page(url: str) -> Page:
    """Fetch a page and count its words."""
    text = await fetch(url)
    return Page(url, len(text.split()))
