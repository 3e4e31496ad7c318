"""Keep what was read, for threads and for tasks."""

import asyncio
import threading
import time


class Archive:
    """Readings by station. Threads may add to it as well, hence the lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readings: dict[str, list[float]] = {}
        self.written = 0

    async def add(self, name: str, celsius: float) -> None:
        """Keep a reading. The pause stands for a slow disk."""
        with self._lock:
            self._readings.setdefault(name, []).append(celsius)
            time.sleep(0.02)

    async def flush(self) -> int:
        """Write what is new; give the number of readings written so far."""
        written = self.written
        new = sum(map(len, self._readings.values())) - written
        time.sleep(0.01 * new)
        self.written = written + new
        return self.written

    async def backup(self) -> None:
        """Copy everything, in a thread: this blocks nobody."""
        await asyncio.to_thread(self._copy)

    def _copy(self) -> None:
        time.sleep(0.1)
