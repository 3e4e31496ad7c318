"""What is said to a person, in colours: as `click` does it, without its import.

Only a terminal is left to `click`, and a stream that is not plain UTF-8: it knows about
Windows, and about streams whose encoding is wrong.
"""

from __future__ import annotations

import re
import sys

_CODES = {"red": 31, "green": 32, "yellow": 33, "cyan": 36}
_STYLE = re.compile(r"\033\[[0-9]*m")


def styled(text: str, colour: str = "", bold: bool = False) -> str:
    """Give a text that a terminal shows in a colour, or in bold."""
    codes = [_CODES[colour]] if colour else []
    start = "".join(f"\033[{code}m" for code in (*codes, *([1] if bold else ())))
    return f"{start}{text}\033[0m"


def say(text: str, err: bool = False) -> None:
    """Print a line to stdout or stderr; where nobody looks at colours, without them."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or ""
    if stream is None or encoding.lower() != "utf-8" or stream.isatty():
        import click  # 15 ms, a tenth of a run after an edit

        click.echo(text, err=err)
        return
    stream.write(_STYLE.sub("", text) + "\n")
    stream.flush()
