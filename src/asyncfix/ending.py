"""What ends a command early is one line on stderr: errors and Ctrl-C."""

from __future__ import annotations

import io
import sys

from asyncfix.paint import say


class ends:
    """A command, as long as it runs."""

    def __init__(self, interrupted: str = "") -> None:
        self.interrupted = interrupted

    def __enter__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            # A file name or a message that the terminal cannot show is no failure.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            say(f"asyncfix: interrupted{self.interrupted}", err=True)
            sys.exit(130)
        from asyncfix.model import AsyncfixError

        if isinstance(error, AsyncfixError):
            from asyncfix.report import one_line

            say(f"asyncfix: error: {one_line(str(error))}", err=True)
            sys.exit(2)
