"""The digest by which contents, questions and caches are told from one another.

BLAKE2b, for it is in Python itself and as quick as OpenSSL's SHA-256, without OpenSSL.
Only the first to ask `hashlib` pays for that, and most runs do not.
"""

from __future__ import annotations

try:
    # By way of hashlib it would come with OpenSSL, and 5 ms later.
    from _blake2 import blake2b
except ImportError:  # a Python that is not CPython
    from hashlib import blake2b

SIZE = 32


def digest(*parts: bytes, size: int = SIZE) -> bytes:
    """Give the digest of parts of data, one after the other, in `size` bytes."""
    whole = blake2b(digest_size=size)
    for part in parts:
        whole.update(part)
    return bytes(whole.digest())
