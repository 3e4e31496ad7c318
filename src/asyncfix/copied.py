"""What a run prints, copied on its way to the person."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


class Copy:
    """A copy of what goes to stdout and stderr while it is entered."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.err = bytearray()

    def __enter__(self) -> Copy:
        class Tee(io.RawIOBase):
            def __init__(self, real: Any, taken: bytearray) -> None:
                self.real = real
                self.taken = taken

            def writable(self) -> bool:
                return True

            def isatty(self) -> bool:
                return bool(self.real.isatty())

            def write(self, data: Any) -> int:
                self.real.write(data)
                self.taken += data
                return len(data)

        def copied(stream: Any, taken: bytearray) -> Any:
            stream.flush()
            return io.TextIOWrapper(
                io.BufferedWriter(Tee(stream.buffer, taken)),
                encoding=stream.encoding,
                errors=stream.errors,
                newline=os.linesep,
                write_through=True,
            )

        self._streams = sys.stdout, sys.stderr
        sys.stdout = copied(sys.stdout, self.out)
        sys.stderr = copied(sys.stderr, self.err)
        return self

    def __exit__(self, *error: object) -> None:
        for copy, real in zip((sys.stdout, sys.stderr), self._streams):  # noqa: B905
            copy.flush()
            real.flush()
        sys.stdout, sys.stderr = self._streams
