"""Crawl: `python -m crawler one-by-one|together URL...` says how long it took."""

import asyncio
import sys
import time

from crawler.crawl import one_by_one, together


async def main(how: str, urls: list[str]) -> None:
    """Fetch all pages in one of the two ways."""
    start = time.perf_counter()
    if how == "together":
        pages = await together(urls, 10)
    else:
        pages = await one_by_one(urls)
    seconds = time.perf_counter() - start
    words = sum(page.words for page in pages)
    print(f"{len(pages)} pages, {words} words in {seconds:.2f} s")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
