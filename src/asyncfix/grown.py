"""What a file gained at its end that nobody can tell: functions that do nothing.

Such a function calls nothing, reads nothing and has no parameters; it can only be
noticed by who asks for its name. If nobody says that name, each question that was
asked of the project has the answer it had, so all that was told and judged holds.

This module is on the way of a run after an edit: it imports next to nothing.
"""

from __future__ import annotations

try:
    # By way of hashlib it would come with OpenSSL, and 5 ms later.
    from _sha2 import sha256  # type: ignore[import-not-found]  # of CPython
except ImportError:  # before Python 3.12, or one that is not CPython
    from hashlib import sha256

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from asyncfix.store import Store

    # The questions whose words are kept; the words of what was read besides facts;
    # the words that facts were searched for.
    Heard = tuple[tuple[str, ...], bytes, tuple[bytes, ...]]
    # Path -> digest, words.
    Gained = dict[str, tuple[bytes, Iterable[bytes]]]

# Flag of `compile`, as in `ast` (https://docs.python.org/3/library/ast.html).
_ONLY_AST = 0x400
# A larger file may be over a limit of the run, or has to be scanned apart.
LARGEST = 500_000
_MOST_ADDED = 10_000
_MOST_WORDS = 8
HEARD, GAINED = "heard", "gained"
_LETTERS = bytes(
    byte if byte >= 0x80 or chr(byte).isalnum() or byte == ord("_") else ord(" ")
    for byte in range(256)
)
_KEYWORDS = frozenset((b"def", b"return", b"pass", b"None", b"True", b"False"))
# Not these: comments may speak to tools, and a backslash may make a word of none.
_NEVER = frozenset(b"#\\\0\f\v")
_PLAIN = frozenset(
    ("Constant", "List", "Tuple", "Set", "Dict", "Load", "Pass", "Return", "Expr")
)


def words_of(text: bytes) -> list[bytes]:
    """Give what may be names in a text, in any order, more than once."""
    return text.translate(_LETTERS).split()


def digest_of(data: bytes) -> bytes:
    """Give the digest that facts have of a file's bytes."""
    return bytes(sha256(data).digest())


def added(old: bytes, size: int, data: bytes) -> frozenset[bytes] | None:
    """Give the words of what nobody can tell, None where there is more to tell.

    `old` is the digest of the file's bytes as they were, `size` their number, `data`
    are the bytes now. All that holds only if `is_news` says so of the words.
    """
    if not 0 < size < len(data) <= min(LARGEST, size + _MOST_ADDED):
        return None
    before, block = data[:size], data[size:]
    if digest_of(before) != old or b"coding" in data[:400]:
        return None
    if not block.isascii() or not _NEVER.isdisjoint(block):
        return None
    if before[-1:] not in (b"\n", b"\r") and block[:1] not in (b"\n", b"\r"):
        return None
    try:
        tree = compile(block, "<added>", "exec", _ONLY_AST, True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not all(map(_is_idle, tree.body)):
        return None
    found = frozenset(
        word
        for word in words_of(block)
        if word not in _KEYWORDS and not word[:1].isdigit()
    )
    named = {each.name.encode() for each in tree.body}
    if len(named) != len(tree.body) or any(map(_is_special, named)):
        return None
    # A name may be asked for by one that it is made of.
    found |= {each.strip(b"_").removesuffix(b"_async") for each in found}
    if len(found) > _MOST_WORDS or not is_news(found, (before,)):
        return None
    return found


def heard_in(store: Store) -> Heard | None:
    """Give what was kept of the words that were read besides facts."""
    kept = store.section(HEARD)
    try:
        keys, said, asked = kept
        if type(said) is bytes and all(type(each) is bytes for each in asked):
            return tuple(keys), said, tuple(asked)
    except (TypeError, ValueError):
        pass
    return None


def gained_in(store: Store) -> Gained:
    """Give what files have gained that nobody can tell."""
    kept = store.section(GAINED)
    return kept if type(kept) is dict else {}


def unnoticed(store: Store, path: str, data: bytes) -> frozenset[bytes] | None:
    """Give the words that a file gained since the store knew it, if nobody can tell.

    `data` are its bytes now. The file must have been scanned as a whole. Who looks at
    its own calls and findings finds the old ones.
    """
    last, heard = store.last(path), heard_in(store)
    if last is None or heard is None:
        return None
    _, said, asked = heard
    words = added(last[0], store.size(path), data)
    if words is None or not is_news(words, (last[1], said)):
        return None
    if any(each in word for each in asked for word in words):
        return None
    files, gained = store.saying(words), gained_in(store)
    if files is None:
        return None
    for other in files - {path}:
        # Two files may gain the same: neither of them asks for it.
        digest, had = gained.get(other, (b"", ()))
        if digest != store.digest(other) or not words.issubset(had):
            return None
    return words


def is_news(words: Iterable[bytes], texts: Iterable[bytes]) -> bool:
    """Tell whether texts hold none of some words, not even inside of others."""
    return not any(word in text for text in texts for word in words)


def _is_idle(node: Any) -> bool:
    """Tell whether a statement defines a function that does nothing."""
    if type(node).__name__ != "FunctionDef":
        return False
    given = node.args
    if (
        node.decorator_list
        or node.returns
        or getattr(node, "type_params", None)
        or given.posonlyargs
        or given.args
        or given.kwonlyargs
        or given.vararg
        or given.kwarg
    ):
        return False
    todo = list(node.body)
    while todo:
        each = todo.pop()
        if type(each).__name__ not in _PLAIN:
            return False
        for name in each._fields:
            child = getattr(each, name, None)
            if isinstance(child, list):
                todo += child
            elif hasattr(child, "_fields"):
                todo.append(child)
    return True


def _is_special(name: bytes) -> bool:
    """Tell whether Python or a test runner may ask for a name that nobody says."""
    return name.startswith((b"__", b"test", b"pytest")) or not name.strip(b"_")
