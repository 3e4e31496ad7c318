"""Run the service for a moment, and measure how long the event loop stood still.

To be started in the folder examples, with `python -m weather`.
"""

import asyncio
import time

from weather.archive import Archive
from weather.poller import poll
from weather.stations import Station

TICK = 0.01


async def watch() -> float:
    """Tick until cancelled; give the longest time between two ticks."""
    longest, last = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
    except asyncio.CancelledError:
        return longest


async def main() -> None:
    """Poll three stations at once, as far as the event loop lets them."""
    archive = Archive()
    stations = [Station("harbour", 11.5), Station("hill", 7.0), Station("city", 13.2)]
    watcher = asyncio.create_task(watch())
    start = time.perf_counter()
    await asyncio.gather(*(poll(station, archive) for station in stations))
    seconds = time.perf_counter() - start
    await archive.backup()
    written = await archive.flush()
    watcher.cancel()
    stood = await watcher
    print(f"{written} readings of {len(stations)} stations in {seconds:.2f} s")
    print(f"the event loop stood still for up to {stood:.2f} s")


asyncio.run(main())
