"""Stand-ins for stations on the network: quick to answer, sometimes with an error."""

from itertools import count


class StationError(Exception):
    """A station did not answer."""


class Station:
    """A station whose every third answer is an error."""

    def __init__(self, name: str, celsius: float) -> None:
        self.name = name
        self.celsius = celsius
        self._asked = count(1)

    def read(self) -> float:
        """Give the temperature; raises StationError where there is no answer."""
        if next(self._asked) % 3 == 0:
            raise StationError(f"{self.name} does not answer")
        return self.celsius
