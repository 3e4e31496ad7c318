"""Many pages, one after the other or a few at a time."""

import asyncio

from crawler import pages


async def one_by_one(urls: list[str]) -> list[pages.Page]:
    """Fetch pages in their order."""
    found = []
    for url in urls:
        found.append(await pages.page(url))
    return found


async def together(urls: list[str], at_a_time: int) -> list[pages.Page]:
    """Fetch pages at the same time, but not more than a few."""
    turns = asyncio.Semaphore(at_a_time)

    async def one(url: str) -> pages.Page:
        async with turns:
            return await pages.page(url)

    return await asyncio.gather(*(one(url) for url in urls))
