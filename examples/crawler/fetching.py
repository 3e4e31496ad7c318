"""Pages over HTTP."""

import aiohttp


class FetchError(Exception):
    """A page cannot be had."""


async def fetch(url: str) -> str:
    """Give the text of a page."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        async with session.get(url) as response:
            if response.status != 200:
                raise FetchError(f"{url}: {response.status}")
            return await response.text()
