"""Readable JSON objects whose last lines vouch for the rest: a digest always, signatures where there are keys.

::

    {                                        the body: indented JSON
      "kind": "cutpoint-mark",
      ...
    }
    {"signatures":[...]}                     over the body, for a purpose; only if keys sign
    sha256:9f0c...                           the digest of everything before

A document that was cut short or altered in any byte shows without any other file and without a key. With keys that
verify, one that none of them has signed is refused. What a body means is for others to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cutpoint.errors import Damaged
from cutpoint.store.digests import digest_of
from cutpoint.store.signatures import signature_line, split_signatures
from cutpoint.wire.checks import one_line

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

DIGEST_LINE_BYTES = len("sha256:") + 64 + len("\n")


def write_body(content: msgspec.Struct) -> bytes:
    """``content`` as indented JSON. Raises what msgspec and Python raise for what is no JSON."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def close_document(body: bytes, purpose: str, keys: KeyRing | None) -> bytes:
    """The document for ``body``, which ends with a line feed. Raises `ConfigurationError` if ``keys`` cannot sign."""
    text = body + signature_line(keys.sign(purpose, body)) if keys else body
    return text + digest_of(text).encode() + b"\n"


def open_document(data: bytes, purpose: str, keys: KeyRing | None, *, name: str) -> bytes:
    """The body of a document, checked. Raises `Damaged` that begins with ``name``; `NotAuthentic` is one."""
    text, last = data[:-DIGEST_LINE_BYTES], data[-DIGEST_LINE_BYTES:]
    if last != digest_of(text).encode() + b"\n":
        raise Damaged(
            f"{name} is cut short or altered: its last line is not the digest of what is before it; {_REMEDY}"
        )
    try:
        body, signatures = split_signatures(text)
    except (ValueError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Damaged(f"{name} does not hold its signatures properly: {one_line(error)}; {_REMEDY}") from error
    if keys and keys.trusted:
        keys.verify(purpose, body, signatures, what=name)
    return body


_REMEDY = "bring the object back from a copy, or do without it"
