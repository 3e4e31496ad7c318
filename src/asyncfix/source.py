"""The bytes of one file, and the UTF-8 text that all positions speak of."""

from __future__ import annotations

import io
import re
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from asyncfix.digest import digest as digest_of
from asyncfix.model import Problem

_UTF8_BOM = b"\xef\xbb\xbf"
_NEWLINE = re.compile(rb"\r\n|\r|\n")


class Source(NamedTuple):
    """A file that was read: its bytes, and its text as UTF-8 without a BOM."""

    shown: str
    data: bytes
    text: bytes
    encoding: str
    bom: bool

    @property
    def digest(self) -> bytes:
        """Give the digest of the file's bytes."""
        return digest_of(self.data)

    def encode(self, text: bytes) -> bytes:
        """Give `text` in the file's own encoding, with its BOM.

        Raises UnicodeEncodeError where the encoding cannot say it.
        """
        if self.encoding != "utf-8":
            text = text.decode("utf-8").encode(self.encoding)
        return _UTF8_BOM + text if self.bom else text


def decode(shown: str, data: bytes) -> Source | Problem:
    """Decode a file as CPython does: BOM, coding line (PEP 263), else UTF-8."""
    if (nul := data.find(b"\0")) >= 0 and not data.startswith(
        (b"\xff\xfe", b"\xfe\xff")
    ):
        return Problem(
            shown,
            data.count(b"\n", 0, nul) + 1,
            "holds a NUL byte, which Python refuses",
            "remove the byte, or exclude the file",
        )
    bom = data.startswith(_UTF8_BOM)
    body = data[3:] if bom else data
    encoding = "utf-8"
    if b"coding" in b"\n".join(body[:400].split(b"\n", 2)[:2]):
        from tokenize import detect_encoding

        try:
            encoding = detect_encoding(io.BytesIO(data).readline)[0]
        except SyntaxError as error:
            return Problem(
                shown,
                1,
                f"its coding line is wrong: {error}",
                "name an encoding that Python knows, such as utf-8",
            )
    if encoding in ("utf-8", "utf-8-sig"):
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            return _undecodable(shown, body, error.start, "UTF-8")
        return Source(shown, data, body, "utf-8", bom)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        return _undecodable(shown, body, error.start, encoding)
    except (LookupError, ValueError) as error:
        return Problem(shown, 1, f"cannot be decoded: {error}", "save it as UTF-8")
    return Source(shown, data, text.encode("utf-8", "surrogatepass"), encoding, bom)


def _undecodable(shown: str, body: bytes, at: int, encoding: str) -> Problem:
    line = body.count(b"\n", 0, at) + 1
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem(shown, 1, "is UTF-16, which Python refuses", "save it as UTF-8")
    return Problem(
        shown,
        line,
        f"is not {encoding}: byte 0x{body[at]:02x}",
        "add a coding line (PEP 263) or save the file as UTF-8",
    )


class Lines:
    """Byte offsets of the lines of a text, by CPython's rule of line ends.

    CPython's tokenizer ends a line at LF, CRLF and at a lone CR, and nowhere
    else (form feed and U+2028 do not count).
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        # In bytes, `splitlines` knows these three line ends only.
        lines = text.splitlines(keepends=True)
        self.starts = list(accumulate(map(len, lines), initial=0))
        if lines and not lines[-1].endswith((b"\n", b"\r")):
            self.starts.pop()

    def offset(self, line: int, col: int) -> int:
        """Turn a line (from 1) and a byte column (from 0) into an offset."""
        return self.starts[line - 1] + col

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Give the offsets of whole lines, the last line's end included."""
        end = self.starts[last] if last < len(self.starts) else len(self.text)
        return self.starts[first - 1], end

    def line_of(self, offset: int) -> int:
        """Give the line (from 1) that holds an offset."""
        return bisect_right(self.starts, offset)

    def line(self, number: int) -> bytes:
        """Give a line's bytes without its line end."""
        first, last = self.span(number, number)
        return self.text[first:last].rstrip(b"\r\n")

    def column(self, line: int, col: int) -> int:
        """Turn a byte column into a column of characters, counted from 1."""
        start = self.starts[line - 1]
        return len(self.text[start : start + col].decode("utf-8", "replace")) + 1

    def newline(self, number: int) -> bytes:
        """Give the line end of a line, or that of its nearest neighbour."""
        for distance in range(64):
            for candidate in (number - distance, number + distance):
                if 1 <= candidate <= len(self.starts):
                    first, last = self.span(candidate, candidate)
                    if match := _NEWLINE.search(self.text, first, last):
                        return match.group()
        return b"\n"
