"""Try again, and wait longer each time."""

import time

from weather.stations import Station, StationError


async def read_with_retry(station: Station, attempts: int = 4) -> float:
    """Give a station's answer; raises StationError where the last try fails."""
    delay = 0.1
    for attempt in range(1, attempts + 1):
        try:
            return station.read()
        except StationError:
            if attempt == attempts:
                raise
            time.sleep(delay)
            delay *= 2
    raise ValueError("attempts must be at least 1")
