"""Reading many keys from etcd: by pages that a call's deadline is long enough for, all as of one revision.

A ledger grows with every cut, and a record of it with every process: read in one answer it would at some size never
come in time, and then no coordinator could lead again. Pages are counted in keys, because that is what etcd counts; how
many fit is learnt from page to page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

PAGE_BYTES = 8 * 1024 * 1024
"""How long an answer should be, about. Of many short pages each costs etcd a look at all the keys."""

KEYS_FIRST = 32
KEYS_MAX = 16384
"""How many keys are asked for at first, and at most."""


def entries_from(start: bytes, ask: Callable[[bytes, int, int], Any]) -> Iterator[Any]:
    """Every entry from the key ``start`` on, ascending by key, as of the revision of the first page.

    ``ask(start, keys, revision)`` brings at most so many, as of ``revision`` (0: the present one), and says whether
    there are ``more``. What it raises ends the reading; begin again.
    """
    keys, revision = KEYS_FIRST, 0
    while True:
        answer = ask(start, keys, revision)
        yield from answer.kvs
        if not answer.more or not answer.kvs:
            return
        revision = revision or answer.header.revision
        start = answer.kvs[-1].key + b"\0"
        size = answer.ByteSize()
        if size < PAGE_BYTES // 2:
            keys = min(2 * keys, KEYS_MAX)
        elif size > 2 * PAGE_BYTES:
            keys = max(1, keys // 2)
