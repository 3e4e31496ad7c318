"""Ask a station again and again, with a pause in between."""

from weather import pauses
from weather.archive import Archive
from weather.retry import read_with_retry
from weather.stations import Station


async def poll(station: Station, archive: Archive) -> None:
    """Read a station a few times and put what it says into the archive."""
    for _ in range(pauses.ROUNDS):
        celsius = await read_with_retry(station)
        await archive.add(station.name, celsius)
        # Be gentle with the stations.
        pauses.pause(0.2)
