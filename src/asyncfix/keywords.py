"""`async` and `await` as names, which they were until Python 3.6.

No parser of today takes them. Names of the same length stand in for them while a file
is looked at, so that every offset stays true; what is written has the old ones again.
"""

from __future__ import annotations

import io
import re
import token
import tokenize

ASYNC, AWAIT = "a_ync", "aw_it"
_OLD = {"async": ASYNC, "await": AWAIT}
_MENDED = re.compile(rb"\b(?:a_ync|aw_it)\b")
# Where one of them may be a name, as far as that can be told without tokens.
_MAY_BE_NAME = re.compile(
    rb"\basync\b(?![ \t]+(?:def|for|with)\b)"
    rb"|(?:\.|\b(?:def|class|import|as)\b|#[^\r\n]*[\r\n])[\s\\]*await\b"
    rb"|\bawait\b\s*[=,):\]}.#\\]"
)
_AFTER = frozenset(("def", "for", "with"))
_BEFORE = frozenset((".", "def", "class", "import", "as"))
_ENDS = frozenset(("=", ",", ")", ":", "]", "}", "."))


def mended(text: bytes) -> bytes | None:
    """Give UTF-8 text with stand-ins for the two words where they are names.

    None where there are no such names, or where that cannot be told.
    """
    if not _MAY_BE_NAME.search(text) or _MENDED.search(text):
        return None  # tokens cost as much as three readings by the parser
    lines = text.splitlines(keepends=True)
    places: list[tuple[int, int, str]] = []
    try:
        known = [
            each
            for each in tokenize.tokenize(io.BytesIO(text).readline)
            if each.type not in (token.COMMENT, token.NL)
        ]
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None
    for before, each, after in zip(known, known[1:], known[2:], strict=False):
        if each.string in _OLD and each.type in (token.NAME, *_KEYWORDS):
            if _is_name(before, each, after):
                line, column = each.start
                start = len(each.line[:column].encode("utf-8"))
                places.append((line, start, each.string))
    for line, start, word in places:
        code = lines[line - 1]
        if code[start : start + 5].decode("utf-8", "replace") != word:
            return None  # lines are counted in another way
        stand_in = _OLD[word].encode()
        lines[line - 1] = code[:start] + stand_in + code[start + 5 :]
    return b"".join(lines) if places else None


# Python 3.10 and 3.11 have no tokens of their own for the two words.
_KEYWORDS = tuple(getattr(token, name, token.NAME) for name in ("ASYNC", "AWAIT"))


def _is_name(
    before: tokenize.TokenInfo, word: tokenize.TokenInfo, after: tokenize.TokenInfo
) -> bool:
    if word.string == "async":
        return after.string not in _AFTER
    return before.string in _BEFORE or after.string in _ENDS


def lines_of(text: bytes) -> tuple[int, ...]:
    """Give the lines of mended text that hold a stand-in."""
    if ASYNC.encode() not in text and AWAIT.encode() not in text:
        return ()  # a plain search is a hundred times quicker than a pattern's
    every = text.split(b"\n")
    return tuple(n for n, line in enumerate(every, 1) if _MENDED.search(line))


def as_written(text: bytes) -> bytes:
    """Give text with the two words where their stand-ins are."""
    return text.replace(ASYNC.encode(), b"async").replace(AWAIT.encode(), b"await")


def name_as_written(name: str) -> str:
    """Give a dotted name with the two words where their stand-ins are."""
    return name.replace(ASYNC, "async").replace(AWAIT, "await")
