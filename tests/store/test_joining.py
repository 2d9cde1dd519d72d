"""Pieces of bytes in one piece, whoever puts them together."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Sequence

import pytest

from cutpoint.store.joining import JOINED_BYTES_MAX, joined


def pieces(count: int, length: int) -> list[bytes]:
    chance = random.Random(count)
    return [chance.randbytes(length) for _ in range(count)]


@pytest.mark.parametrize(
    "some",
    [
        [],
        [b""],
        [b"a", b"", b"bc"],
        pieces(100, JOINED_BYTES_MAX // 100),
        pieces(100, JOINED_BYTES_MAX // 50),
        pieces(3000, 1000),
        [b"", *pieces(2, JOINED_BYTES_MAX)],
    ],
    ids=["none", "empty", "short", "just-short", "long", "more-than-the-kernel-takes-at-once", "long-and-empty"],
)
def test_the_pieces_come_out_one_behind_the_other(some: list[bytes]) -> None:
    assert joined(some) == b"".join(some)


def test_no_file_is_left_open() -> None:
    before = os.listdir("/proc/self/fd")
    joined(pieces(10, JOINED_BYTES_MAX))
    assert os.listdir("/proc/self/fd") == before


def test_where_there_are_no_files_in_memory_the_pieces_are_joined_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    some = pieces(10, JOINED_BYTES_MAX)

    def refused(name: str) -> int:
        raise OSError(errno.EPERM, name)

    monkeypatch.setattr(os, "memfd_create", refused)
    assert joined(some) == b"".join(some)
    monkeypatch.delattr(os, "memfd_create")
    assert joined(some) == b"".join(some)


def test_what_the_kernel_does_not_take_in_full_is_joined_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    some = pieces(10, JOINED_BYTES_MAX)
    whole = os.writev

    def torn(file: int, buffers: Sequence[bytes]) -> int:
        return whole(file, buffers[:-1])

    monkeypatch.setattr(os, "writev", torn)
    assert joined(some) == b"".join(some)


def test_megabytes_are_put_together_by_the_kernel_which_needs_no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    whole = os.writev

    def noted(file: int, buffers: Sequence[bytes]) -> int:
        written.append(len(buffers))
        return whole(file, buffers)

    monkeypatch.setattr(os, "writev", noted)
    joined(pieces(64, JOINED_BYTES_MAX))
    assert written == [64]
